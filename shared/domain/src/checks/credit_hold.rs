//! The customer is not on credit hold.

use super::{Facts, Found};

pub(super) fn check(facts: &Facts<'_>) -> Found {
    let mut found = Found::default();
    if let Some(customer) = facts.context.customer.filter(|customer| customer.on_hold) {
        let detail = format!("customer {} is on credit hold", customer.id);
        found.finding("customer_on_hold", "/data/relationships/customer", detail);
    }
    found
}
