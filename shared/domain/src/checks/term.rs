//! The subscriptions that an order becomes last neither too short nor too long.

use super::{Facts, Found, Setting};

const POINTER: &str = "/data/attributes/subscriptions_expire_at";

pub(super) fn check(facts: &Facts<'_>, setting: &Setting) -> Found {
    let mut found = Found::default();
    let order = facts.context.order;
    if !order.create_subscriptions || order.recurring().next().is_none() {
        return found;
    }
    let Some(end) = order.subscriptions_expire_at else {
        if let Some(most) = setting.max_days {
            let detail = format!("subscriptions would not end; they may last {most} days");
            found.finding("term_too_long", POINTER, detail);
        }
        return found;
    };
    let lasts = end - facts.now;
    let days = lasts.num_days();
    found.number("days", days);
    if let Some(least) = setting.min_days {
        found.number("min_days", least);
        if days < i64::from(least) {
            let detail = format!("subscriptions would last {days} days; they must last {least}");
            found.finding("term_too_short", POINTER, detail);
        }
    }
    if let Some(most) = setting.max_days {
        found.number("max_days", most);
        if lasts > chrono::TimeDelta::days(i64::from(most)) {
            let detail = format!("subscriptions would last {days} days; they may last {most}");
            found.finding("term_too_long", POINTER, detail);
        }
    }
    found
}
