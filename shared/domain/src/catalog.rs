//! What orders refer to: goods, customers and their payment sources, markets and their models.
//!
//! They are stored under the names that the API gives their attributes. What is stored may hold more
//! than stands here: what no rule asks for is only kept.

use std::num::NonZeroU32;

use crate::time::Zone;
use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};

use crate::{
    dunning::RetryPolicy,
    ids::{CustomerId, MarketId, ModelId, PaymentSourceId, PriceListId, SkuId},
    impact::CustomerTier,
    money::{Currency, MinorUnits},
    payment::{Fallback, OnDispute},
    renewal_alert::RenewalAlertPeriod,
    tax::TaxCalculatorId,
    time::{CatchUp, CutOff, Frequency, ScheduleRules},
};

/// A stock keeping unit that can be ordered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sku {
    /// Derived from the code.
    pub id: SkuId,
    /// The merchant's code, unique within the organization.
    pub code: String,
    /// Name for people.
    pub name: String,
    /// Price of one unit, in minor units of `currency`.
    #[serde(rename = "unit_amount_cents")]
    pub unit_amount: MinorUnits,
    /// Currency of the price.
    #[serde(rename = "currency_code")]
    pub currency: Currency,
    /// The frequencies at which it may be ordered on repeat; empty allows every one.
    #[serde(rename = "allowed_frequencies", default, skip_serializing_if = "Vec::is_empty")]
    pub frequencies: Vec<Frequency>,
    /// The category by which tax rules know it; `None` for every other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tax_category: Option<String>,
    /// Units in stock; `None` when stock isn't tracked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stock: Option<u32>,
    /// Units that are to come, by date; they count for the availability of runs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub replenishments: Vec<Replenishment>,
    /// Counts changes, for `If-Match` and conditional writes.
    pub version: u64,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
}

/// Units that are to come into stock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replenishment {
    /// The day on which they come, in UTC.
    pub date: NaiveDate,
    /// How many.
    pub units: u32,
}

/// A customer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Customer {
    /// Identifier.
    pub id: CustomerId,
    /// E-mail address, as given.
    pub email: String,
    /// Name for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Their payment sources in the order in which they are tried; the first is the default.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub payment_source_ids: Vec<PaymentSourceId>,
    /// Most that may be owed on one order, in minor units; `None` is no limit.
    #[serde(rename = "credit_limit_cents", default, skip_serializing_if = "Option::is_none")]
    pub credit_limit: Option<MinorUnits>,
    /// True while no order of theirs may be placed (credit hold).
    #[serde(default)]
    pub on_hold: bool,
    /// How much their failures count.
    #[serde(default, skip_serializing_if = "CustomerTier::is_standard")]
    pub tier: CustomerTier,
    /// Counts changes.
    pub version: u64,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
}

/// A saved payment method of a customer: a provider's token, never card data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentSource {
    /// Identifier.
    pub id: PaymentSourceId,
    /// Whose it is.
    pub customer_id: CustomerId,
    /// The payment provider's token.
    #[serde(rename = "payment_source_token")]
    pub token: String,
    /// Name for people ("Visa ending 4242").
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The last day on which it can be charged; `None` when not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_on: Option<NaiveDate>,
    /// Counts changes.
    pub version: u64,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
}

/// A market: where, in which currency and by which model orders are taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Market {
    /// Identifier.
    pub id: MarketId,
    /// Name for people.
    pub name: String,
    /// Currency of all its orders.
    #[serde(rename = "currency_code")]
    pub currency: Currency,
    /// IANA zone in which its subscriptions repeat.
    pub time_zone: Zone,
    /// The prices by which it sells what has one there; the rest is sold at its own price.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price_list_id: Option<PriceListId>,
    /// How its orders become subscriptions; without one they don't.
    #[serde(rename = "subscription_model_id", default, skip_serializing_if = "Option::is_none")]
    pub model_id: Option<ModelId>,
    /// What computes the taxes of what is sold here; without one there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tax_calculator_id: Option<TaxCalculatorId>,
    /// Whether prices have their tax in them.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub tax_included: bool,
    /// From when on renewals have their taxes settled before they are charged; `None` where it never
    /// had a calculator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub taxes_settled_from: Option<DateTime<Utc>>,
    /// What happens after a declined payment of what is sold here; the whole policy, in place of the
    /// model's.
    #[serde(rename = "retry_policy", default, skip_serializing_if = "Option::is_none")]
    pub retry: Option<RetryPolicy>,
    /// Counts changes.
    pub version: u64,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
}

/// How many subscriptions an order with recurring lines makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Strategy {
    /// One for each distinct frequency.
    #[default]
    ByFrequency,
    /// One for each recurring line.
    ByLineItems,
}

/// Which prices subscriptions have from run to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PricePolicy {
    /// Those at which they were made.
    #[default]
    Pinned,
    /// Those of the price list that their market had when they were made.
    FollowList,
}

/// Days after a cancellation in which a subscription can be taken up again, unless its model says
/// otherwise.
pub const DEFAULT_REACTIVATION_DAYS: u16 = 30;

fn default_reactivation_days() -> u16 {
    DEFAULT_REACTIVATION_DAYS
}

/// The rules by which a market's orders become subscriptions and these are run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubscriptionModel {
    /// Identifier.
    pub id: ModelId,
    /// Name for people.
    pub name: String,
    /// How lines are grouped.
    pub strategy: Strategy,
    /// Which prices they have from run to run.
    #[serde(default)]
    pub price_policy: PricePolicy,
    /// The frequencies offered; empty offers every one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub frequencies: Vec<Frequency>,
    /// Whether subscriptions begin active.
    pub auto_activate: bool,
    /// Whether they are cancelled with their source order.
    pub auto_cancel: bool,
    /// The rules of their dates. A rule counts for the subscriptions whose frequency has a use for
    /// it.
    #[serde(default, skip_serializing_if = "ScheduleRules::is_default")]
    pub rules: ScheduleRules,
    /// How many occurrences each has at all, the source order included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_occurrences: Option<NonZeroU32>,
    /// How long before each run it is announced; `None` for not at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub renewal_alert_period: Option<RenewalAlertPeriod>,
    /// How long before each run they close for changes of that run.
    #[serde(rename = "cut_off_hours", default, skip_serializing_if = "CutOff::is_none")]
    pub cut_off: CutOff,
    /// For how many days after a cancellation they can be taken up again; 0 for not at all.
    #[serde(default = "default_reactivation_days")]
    pub reactivation_days: u16,
    /// What happens to runs missed during downtime.
    #[serde(default)]
    pub catch_up: CatchUp,
    /// What happens after a declined payment.
    #[serde(rename = "retry_policy", default)]
    pub retry: RetryPolicy,
    /// What is charged where a payment source fails for good.
    #[serde(default)]
    pub payment_fallback: Fallback,
    /// What happens while a payment is disputed.
    #[serde(default)]
    pub on_dispute: OnDispute,
    /// Counts changes.
    pub version: u64,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
}

impl Market {
    /// What happens after a declined payment of a subscription of this market: by its own policy, or
    /// else by that of the model that makes it.
    #[must_use]
    pub fn retry_policy(&self, model: Option<&SubscriptionModel>) -> RetryPolicy {
        let policy = self.retry.as_ref().or(model.map(|model| &model.retry));
        policy.cloned().unwrap_or_default()
    }
}

impl SubscriptionModel {
    /// The list whose prices subscriptions of a market follow; `None` where they are pinned.
    #[must_use]
    pub fn followed_list(&self, market: &Market) -> Option<PriceListId> {
        let follows = self.price_policy == PricePolicy::FollowList;
        market.price_list_id.clone().filter(|_| follows)
    }
}

#[cfg(test)]
#[path = "catalog_tests.rs"]
mod tests;
