//! The customer keeps to the terms of payment: few runs wait for their payment, none for long, and the
//! payment source stays valid for a while.

use chrono::{DateTime, TimeDelta, Utc};

use super::{Facts, Found, Setting};
use crate::placement::PAYMENT_SOURCE;

const CUSTOMER: &str = "/data/relationships/customer";

pub(super) fn check(facts: &Facts<'_>, setting: &Setting) -> Found {
    let mut found = Found::default();
    open_charges(facts, setting, &mut found);
    let Some(days) = setting.source_valid_days else { return found };
    found.number("source_valid_days", days);
    let expires_on = facts.context.payment_source.and_then(|source| source.expires_on);
    let Some(expires_on) = expires_on else { return found };
    found.number("source_expires_on", expires_on);
    let needed = (facts.now + TimeDelta::days(i64::from(days))).date_naive();
    if expires_on < needed {
        let detail = format!(
            "the payment source can be charged up to {expires_on}; it must be valid for {days} days, \
             up to {needed}"
        );
        found.finding("payment_source_expires", PAYMENT_SOURCE, detail);
    }
    found
}

fn open_charges(facts: &Facts<'_>, setting: &Setting, found: &mut Found) {
    let Some(holdings) = facts.holdings else { return };
    let mut due: Vec<DateTime<Utc>> = Vec::new();
    for subscription in &holdings.subscriptions {
        let schedule = subscription.schedule();
        due.extend(subscription.unsettled.iter().map(|open| {
            // A date that the schedule does not have any more was due before the next one.
            let at = schedule.occurrence(open.number).map(|occurrence| occurrence.at);
            at.unwrap_or(open.retry_at).min(facts.now)
        }));
    }
    found.number("open_charges", due.len());
    if let Some(most) = setting.max_open_charges {
        found.number("max_open_charges", most);
        if due.len() > usize::from(most) {
            let detail =
                format!("{} runs of the customer wait for their payment; {most} may", due.len());
            found.finding("open_charges", CUSTOMER, detail);
        }
    }
    let Some(most) = setting.max_overdue_days else { return };
    let overdue = due.iter().min().map_or(0, |oldest| (facts.now - *oldest).num_days());
    found.number("max_overdue_days", most);
    found.number("overdue_days", overdue);
    if overdue > i64::from(most) {
        let detail = format!(
            "a run of the customer has waited for its payment for {overdue} days; it may for {most}"
        );
        found.finding("overdue_charges", CUSTOMER, detail);
    }
}
