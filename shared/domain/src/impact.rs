//! How much a failure matters: money x urgency x customer tier. Whole numbers throughout, so that the
//! same failure ranks the same everywhere; `docs/operations.md` works an example out.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::money::{Currency, MinorUnits};

/// How much a customer matters, as somebody has decided.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum CustomerTier {
    /// As much as anybody.
    #[default]
    Standard,
    /// More.
    Silver,
    /// Much more.
    Gold,
    /// Most.
    Platinum,
}

impl CustomerTier {
    /// Whether it is the one of everybody of whom nothing else is said.
    #[must_use]
    pub fn is_standard(&self) -> bool {
        *self == Self::Standard
    }
}

/// Where something failed; the names stand in settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FailedStep {
    /// An order was being placed, and its customer waits.
    Validation,
    /// A run was being made.
    OrderCopy,
    /// A payment was being tried again.
    PaymentRetry,
    /// What is due was being looked for: everybody waits.
    RenewalTick,
    /// Somebody was being told of an event.
    Webhooks,
    /// What a channel sent could not be understood.
    Channels,
    /// A check holds an order until somebody has looked at it.
    HeldOrders,
    /// Checks have refused an order.
    RejectedOrders,
    /// Anything else.
    Other,
}

/// What failures are weighed by. Percentages: 100 counts once, 200 twice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ImpactWeights {
    /// What counts where nobody knows what is at stake, in hundredths.
    pub unknown_value_cents: u32,
    /// By how much each whole day of waiting makes a failure more urgent.
    pub age_percent_per_day: u32,
    /// The days after which it gets no more urgent.
    pub age_days_maximum: u32,
    /// How urgent each step is.
    pub urgency_percent: UrgencyWeights,
    /// How much each tier counts.
    pub tier_percent: TierWeights,
    /// What a unit of a currency is worth beside a unit of those that are not named, in percent: 1 for
    /// yen beside euros.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub currency_percent: BTreeMap<Currency, u32>,
}

/// How urgent each step is, in percent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct UrgencyWeights {
    /// See [`FailedStep::Validation`].
    pub validation: u32,
    /// See [`FailedStep::OrderCopy`].
    pub order_copy: u32,
    /// See [`FailedStep::PaymentRetry`].
    pub payment_retry: u32,
    /// See [`FailedStep::RenewalTick`].
    pub renewal_tick: u32,
    /// See [`FailedStep::Webhooks`].
    pub webhooks: u32,
    /// See [`FailedStep::Channels`].
    pub channels: u32,
    /// See [`FailedStep::HeldOrders`].
    pub held_orders: u32,
    /// See [`FailedStep::RejectedOrders`].
    pub rejected_orders: u32,
}

/// How much each tier counts, in percent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TierWeights {
    /// See [`CustomerTier::Standard`].
    pub standard: u32,
    /// See [`CustomerTier::Silver`].
    pub silver: u32,
    /// See [`CustomerTier::Gold`].
    pub gold: u32,
    /// See [`CustomerTier::Platinum`].
    pub platinum: u32,
}

impl Default for ImpactWeights {
    fn default() -> Self {
        Self {
            unknown_value_cents: 1_000,
            age_percent_per_day: 10,
            age_days_maximum: 30,
            urgency_percent: UrgencyWeights::default(),
            tier_percent: TierWeights::default(),
            currency_percent: BTreeMap::new(),
        }
    }
}

impl Default for UrgencyWeights {
    fn default() -> Self {
        Self {
            validation: 300,
            order_copy: 200,
            payment_retry: 150,
            renewal_tick: 500,
            webhooks: 50,
            channels: 300,
            held_orders: 200,
            rejected_orders: 100,
        }
    }
}

impl Default for TierWeights {
    fn default() -> Self {
        Self { standard: 100, silver: 150, gold: 200, platinum: 300 }
    }
}

impl ImpactWeights {
    /// Whether nobody has set anything.
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }

    const fn urgency(&self, step: FailedStep) -> u32 {
        let UrgencyWeights {
            validation,
            order_copy,
            payment_retry,
            renewal_tick,
            webhooks,
            channels,
            held_orders,
            rejected_orders,
        } = self.urgency_percent;
        match step {
            FailedStep::Validation => validation,
            FailedStep::OrderCopy => order_copy,
            FailedStep::PaymentRetry => payment_retry,
            FailedStep::RenewalTick => renewal_tick,
            FailedStep::Webhooks => webhooks,
            FailedStep::Channels => channels,
            FailedStep::HeldOrders => held_orders,
            FailedStep::RejectedOrders => rejected_orders,
            FailedStep::Other => 100,
        }
    }

    const fn tier(&self, tier: CustomerTier) -> u32 {
        let TierWeights { standard, silver, gold, platinum } = self.tier_percent;
        match tier {
            CustomerTier::Standard => standard,
            CustomerTier::Silver => silver,
            CustomerTier::Gold => gold,
            CustomerTier::Platinum => platinum,
        }
    }
}

/// A failure, as far as its impact goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AtStake {
    /// What is lost if nobody sees to it; `None` where nobody knows.
    pub value: Option<(MinorUnits, Currency)>,
    /// Where it failed.
    pub step: FailedStep,
    /// Since when.
    pub since: DateTime<Utc>,
    /// Whose it is.
    pub tier: CustomerTier,
}

/// How much a failure matters, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Impact {
    /// The product of the factors, without its fraction.
    pub impact: i64,
    /// What is at stake, in hundredths of a unit.
    pub money: i64,
    /// How urgent the step is.
    pub urgency_percent: u32,
    /// What waiting makes of that.
    pub age_percent: u32,
    /// How much the customer counts.
    pub tier_percent: u32,
}

/// Weighs a failure: `money x urgency x age x tier`, each but the money in percent. What is too much to
/// be counted is as much as can be.
#[must_use]
pub fn impact(at_stake: &AtStake, weights: &ImpactWeights, now: DateTime<Utc>) -> Impact {
    let money = money(at_stake, weights);
    let days = (now - at_stake.since).num_days().max(0);
    let days = u32::try_from(days).unwrap_or(u32::MAX).min(weights.age_days_maximum);
    let age_percent = days.saturating_mul(weights.age_percent_per_day).saturating_add(100);
    let urgency_percent = weights.urgency(at_stake.step);
    let tier_percent = weights.tier(at_stake.tier);
    let product = [urgency_percent, age_percent, tier_percent]
        .into_iter()
        .fold(i128::from(money), |product, percent| product.saturating_mul(i128::from(percent)));
    let impact = i64::try_from(product / 1_000_000).unwrap_or(i64::MAX);
    Impact { impact, money, urgency_percent, age_percent, tier_percent }
}

/// What is at stake in hundredths of a unit, whatever a currency's smallest unit is.
fn money(at_stake: &AtStake, weights: &ImpactWeights) -> i64 {
    let Some((value, currency)) = at_stake.value else {
        return i64::from(weights.unknown_value_cents);
    };
    let percent = weights.currency_percent.get(&currency).copied().unwrap_or(100);
    let minor = i128::from(value.get().max(0));
    // A unit has 10^exponent of the smallest, and 100 hundredths.
    let smallest = 10_i128.pow(currency.exponent());
    let hundredths = minor.saturating_mul(100).saturating_mul(i128::from(percent));
    i64::try_from(hundredths / (smallest * 100)).unwrap_or(i64::MAX)
}

#[cfg(test)]
#[path = "impact_tests.rs"]
mod tests;
