//! There will be enough for the runs that follow: stock, less what this order takes, plus what is to
//! come by then, less what other subscriptions will have taken.

use std::collections::BTreeMap;

use chrono::{DateTime, Days, NaiveDate, Utc};
use serde_json::json;

use super::{Facts, Found, Setting, credit_limit::is_own, upcoming::runs};
use crate::{
    catalog::{Replenishment, Sku},
    ids::SkuId,
    placement::pointer,
    subscription::Subscription,
};

/// Runs that are looked ahead where no policy says how many.
const RUNS: u16 = 3;

/// Most runs of another subscription for which units are reserved.
const RESERVED_RUNS: usize = 1_000;

/// Units that a run takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Taking {
    at: DateTime<Utc>,
    /// Whether it is of the order that is checked; others come first.
    own: bool,
    units: u64,
}

pub(super) fn check(facts: &Facts<'_>, setting: &Setting) -> Found {
    let mut found = Found::default();
    let asked = setting.runs.unwrap_or(RUNS);
    let lead_days = setting.lead_days.unwrap_or_default();
    found.number("runs", asked);
    found.number("lead_days", lead_days);
    let mut takings: BTreeMap<SkuId, Vec<Taking>> = BTreeMap::new();
    for subscription in facts.becoming {
        let slots: Vec<_> = runs(subscription, subscription.next(), usize::from(asked)).collect();
        add(&mut takings, subscription, slots.iter().map(|slot| slot.at), true);
    }
    let mut looked_at = Vec::new();
    for (id, mut own) in takings {
        let Some((sku, stock)) = tracked(facts, &id) else { continue };
        let horizon = own.iter().map(|taking| taking.at).max().unwrap_or(facts.now);
        own.extend(reserved(facts, &id, horizon));
        own.sort();
        let ordered = ordered(facts, &id);
        // What it has taken before its message came again is gone from stock by now.
        let held = facts.held.get(&sku.code).copied().unwrap_or_default();
        let in_stock = i128::from(stock) + i128::from(held);
        let supply = Supply { sku, left: in_stock - i128::from(ordered), now: facts.now };
        let served = supply.serve(&own, lead_days);
        let (first_short, served) = (served.short, served.runs);
        looked_at.push(json!({
            "sku_code": sku.code, "in_stock": in_stock, "ordered": ordered, "runs_served": served,
        }));
        if facts.reserving.get(&id).is_some_and(|by| by.more) {
            let detail = format!(
                "more subscriptions take from the stock of sku {:?} than are read",
                sku.code
            );
            found.finding("reservations_not_counted", line_of(facts, &sku.code), detail);
        }
        if let Some((taking, available)) = first_short {
            let detail = format!(
                "the run of {} needs {} of sku {:?}, and {available} will be there {lead_days} days \
                 before",
                taking.at.to_rfc3339(),
                taking.units,
                sku.code
            );
            found.finding("runs_not_served", line_of(facts, &sku.code), detail);
        }
    }
    if !looked_at.is_empty() {
        found.number("skus", looked_at);
    }
    found
}

/// The sku, where its stock is tracked, and how much there is.
fn tracked<'a>(facts: &Facts<'a>, id: &SkuId) -> Option<(&'a Sku, u32)> {
    let sku = facts.context.skus.get(id)?;
    Some((sku, sku.stock?))
}

fn add(
    takings: &mut BTreeMap<SkuId, Vec<Taking>>,
    subscription: &Subscription,
    runs: impl Iterator<Item = DateTime<Utc>>,
    own: bool,
) {
    for at in runs {
        let items = subscription.items.iter();
        for (code, units) in items.flat_map(|item| item.item.units(item.quantity)) {
            let taking = Taking { at, own, units: u64::from(units) };
            takings.entry(SkuId::of_code(code)).or_default().push(taking);
        }
    }
}

/// What other subscriptions will take of a sku up to an instant.
fn reserved(facts: &Facts<'_>, id: &SkuId, horizon: DateTime<Utc>) -> Vec<Taking> {
    let mut takings = BTreeMap::new();
    let others = facts.reserving.get(id).into_iter().flat_map(|by| &by.subscriptions);
    for subscription in others.filter(|one| !is_own(one, facts.context.order)) {
        let coming = runs(subscription, subscription.coming(), RESERVED_RUNS);
        let coming = coming.map(|slot| slot.at).take_while(|at| *at <= horizon);
        add(&mut takings, subscription, coming, false);
    }
    takings.remove(id).unwrap_or_default()
}

/// The units that the order itself takes.
fn ordered(facts: &Facts<'_>, id: &SkuId) -> u64 {
    let lines = facts.context.order.line_items.iter();
    let units = lines.flat_map(|line| line.item.units(line.quantity));
    units.filter(|(code, _)| SkuId::of_code(code) == *id).map(|(_, units)| u64::from(units)).sum()
}

fn line_of(facts: &Facts<'_>, code: &str) -> String {
    let lines = &facts.context.order.line_items;
    let holds = |line: &crate::order::LineItem| {
        line.frequency.is_some() && line.item.sku_codes().contains(&code)
    };
    let index = lines.iter().position(holds).unwrap_or_default();
    pointer(index, "quantity")
}

/// What there is of a sku, and what comes.
#[derive(Debug)]
struct Supply<'a> {
    sku: &'a Sku,
    /// In stock once the order has taken its own.
    left: i128,
    now: DateTime<Utc>,
}

/// How far a supply goes.
#[derive(Debug, PartialEq, Eq)]
struct Served {
    /// Runs of the order that get their units, up to the first that does not.
    runs: usize,
    /// The first that does not, and what will be there.
    short: Option<(Taking, i128)>,
}

impl Supply<'_> {
    fn serve(&self, takings: &[Taking], lead_days: u16) -> Served {
        let mut taken: i128 = 0;
        let mut runs = 0;
        for taking in takings {
            let by = taking.at.date_naive().checked_sub_days(Days::new(u64::from(lead_days)));
            let there = self.left + by.map_or(0, |by| self.arriving(by)) - taken;
            if taking.own {
                if there < i128::from(taking.units) {
                    return Served { runs, short: Some((*taking, there.max(0))) };
                }
                runs += 1;
            }
            taken += i128::from(taking.units);
        }
        Served { runs, short: None }
    }

    /// What is to come up to a day. What was to come by today is in stock, or did not come.
    fn arriving(&self, by: NaiveDate) -> i128 {
        let today = self.now.date_naive();
        let counts = |one: &&Replenishment| today < one.date && one.date <= by;
        self.sku.replenishments.iter().filter(counts).map(|one| i128::from(one.units)).sum()
    }
}

#[cfg(test)]
#[path = "recurring_availability_tests.rs"]
mod tests;
