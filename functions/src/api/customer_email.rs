//! The e-mail addresses of the customers of subscriptions, read for what is answered: a copy within
//! each subscription would grow stale.

use std::collections::HashMap;

use perennial_domain::catalog::Customer;
use serde_json::{Value, json};

use super::order_subscriptions;
use crate::http::{
    context::Context,
    error::Outcome,
    object::{Linkage, Object},
};

/// The attribute.
pub(super) const NAME: &str = "customer_email";

/// Fills it in where it is wanted. Half a read unit for each customer.
pub(super) async fn fill_in(
    context: &Context<'_>,
    primary: &mut [Object],
    included: &mut [Object],
) -> Outcome<()> {
    let kind = order_subscriptions::KIND.name;
    if context.query.fields.get(kind).is_some_and(|fields| !fields.contains(NAME)) {
        return Ok(());
    }
    let mut subscriptions: Vec<&mut Object> =
        primary.iter_mut().chain(included).filter(|object| object.kind.name == kind).collect();
    let ids: Vec<String> =
        subscriptions.iter().filter_map(|object| customer_of(object)).map(str::to_owned).collect();
    if ids.is_empty() {
        return Ok(());
    }
    let organization = &context.caller.organization;
    let found: HashMap<String, Customer> = context.store().get_many(organization, ids).await?;
    for object in &mut subscriptions {
        let customer = customer_of(object).and_then(|id| found.get(id));
        let email = customer.map(|customer| json!(customer.email));
        if let (Some(email), Value::Object(attributes)) = (email, &mut object.attributes) {
            attributes.insert(NAME.to_owned(), email);
        }
    }
    Ok(())
}

fn customer_of(subscription: &Object) -> Option<&str> {
    match subscription.linkage("customer") {
        Some(Linkage::One(Some(customer))) => Some(&customer.id),
        _ => None,
    }
}
