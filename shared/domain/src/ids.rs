//! Identifiers with a prefix per kind, so that one kind can't stand where another is meant, and a
//! person reading a log knows what each is.

use std::{fmt, str::FromStr};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sha2::{Digest, Sha256};
use thiserror::Error;
use uuid::Uuid;

use crate::time::OccurrenceNumber;

/// An identifier that is not of the form its kind demands.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
#[error("{value:?} is not {expected}")]
pub struct IdError {
    /// The text that was given.
    pub value: String,
    /// What was expected, for a person to read.
    pub expected: &'static str,
}

/// Longest identifier accepted, in bytes: keys in DynamoDB hold 1,024 at most.
const MAX_ID_BYTES: usize = 80;

fn is_id_body(body: &str) -> bool {
    !body.is_empty()
        && body.len() <= MAX_ID_BYTES
        && body.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

/// A 32-digit hexadecimal body derived from `parts`, the same for the same parts on every call.
/// The parts are length-prefixed, so no two lists of parts run together.
fn derived_body(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.len().to_be_bytes());
        hash.update(part.as_bytes());
    }
    hash.finalize().iter().take(16).fold(String::with_capacity(32), |mut body, byte| {
        body.push_str(&format!("{byte:02x}"));
        body
    })
}

/// The identifier with this prefix that is made of a UUID; version 7 sorts by time.
#[must_use]
pub fn new_id(prefix: &str, uuid: Uuid) -> String {
    format!("{prefix}{}", uuid.simple())
}

/// The identifier with this prefix that derives from `parts`: the same parts give the same one.
#[must_use]
pub fn derived_id(prefix: &str, parts: &[&str]) -> String {
    format!("{prefix}{}", derived_body(parts))
}

/// The identifier with this prefix of what is within another, which it tells: `scope` tells it from
/// what else is there.
#[must_use]
pub fn id_within(prefix: &str, other: &str, scope: &str) -> String {
    let body = other.split_once('_').map_or(other, |(_, body)| body);
    let tail: String = derived_body(&[scope]).chars().take(20).collect();
    format!("{prefix}{body}_{tail}")
}

macro_rules! string_value {
    ($name:ident) => {
        impl $name {
            /// The identifier's text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
            }
        }
    };
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal;)+) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(String);

        string_value!($name);

        impl $name {
            /// What every identifier of this kind begins with.
            pub const PREFIX: &'static str = $prefix;

            /// The identifier made of a UUID; version 7 sorts by time.
            #[must_use]
            pub fn from_uuid(uuid: Uuid) -> Self {
                Self(new_id($prefix, uuid))
            }

            /// The identifier derived from `parts`: the same parts give the same identifier.
            #[must_use]
            pub fn derived(parts: &[&str]) -> Self {
                Self(derived_id($prefix, parts))
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                match text.strip_prefix($prefix) {
                    Some(body) if is_id_body(body) => Ok(Self(text.to_owned())),
                    Some(_) | None => Err(IdError {
                        value: text.to_owned(),
                        expected: concat!(
                            "an id of the form ", $prefix, "<lower-case letters and digits>"
                        ),
                    }),
                }
            }
        }
    )+};
}

ids! {
    /// An order, draft or placed. See [`OrderId::of_run`] for those that a renewal makes.
    OrderId = "ord_";
    /// A line of an order.
    LineItemId = "lin_";
    /// A copy of an order, made once. See [`OrderCopyId::of`].
    OrderCopyId = "ocp_";
    /// A subscription.
    SubscriptionId = "sub_";
    /// An item of a subscription.
    SubscriptionItemId = "sbi_";
    /// A stock keeping unit. Derived from its code, which makes codes unique.
    SkuId = "sku_";
    /// A price list.
    PriceListId = "prl_";
    /// A price. Derived from its list and the sku's code: there is one of each at most.
    PriceId = "prc_";
    /// A bundle of skus. Derived from its code, which makes codes unique.
    BundleId = "bdl_";
    /// A discount, or a fee.
    AdjustmentId = "adj_";
    /// A customer.
    CustomerId = "cus_";
    /// A customer's saved payment method, as a provider's token.
    PaymentSourceId = "pay_";
    /// A postal address.
    AddressId = "adr_";
    /// A tag. Derived from its name, which makes names unique.
    TagId = "tag_";
    /// A market.
    MarketId = "mkt_";
    /// A subscription model: the rules by which a market's orders become subscriptions.
    ModelId = "mdl_";
    /// A table of tax rules.
    ManualTaxCalculatorId = "mtc_";
    /// A rule of a table: a rate, and what it is for. See [`TaxRuleId::of`].
    TaxRuleId = "txr_";
    /// A service that computes taxes, asked over HTTP.
    ExternalTaxCalculatorId = "etc_";
    /// One execution of a background job.
    JobRunId = "job_";
    /// A message that no function could handle.
    DeadLetterId = "dlt_";
    /// Money given back for an order.
    RefundId = "rfd_";
    /// A payment that a customer disputes with their bank. Derived from the provider's id of it.
    DisputeId = "dsp_";
    /// How checks are made for a channel, a market or an account. Derived from these: there is one of
    /// each at most.
    CheckPolicyId = "chp_";
    /// What is kept of an order that checks held or refused. Derived from its placement.
    CheckRecordId = "chr_";
    /// Somebody who wants to be told of events.
    WebhookId = "whk_";
    /// The delivery of one event to one webhook. See [`EventCallbackId::of`].
    EventCallbackId = "evc_";
}

impl EventCallbackId {
    /// The delivery of an event that happened at `at` to a webhook; `trigger` names the request by
    /// which somebody has it delivered again, at that instant. The deliveries of one webhook sort
    /// by time.
    #[must_use]
    pub fn of(webhook: &WebhookId, at: DateTime<Utc>, event: &str, trigger: Option<&str>) -> Self {
        let body = webhook.0.strip_prefix(WebhookId::PREFIX).unwrap_or_default();
        let hash = derived_body(&[event, trigger.unwrap_or_default()]);
        let tail: String = hash.chars().take(20).collect();
        Self(format!("{}{body}_{:012x}{tail}", Self::PREFIX, at.timestamp_millis().max(0)))
    }

    /// The webhook that it is for.
    #[must_use]
    pub fn webhook(&self) -> Option<WebhookId> {
        let (body, _) = self.0.strip_prefix(Self::PREFIX)?.rsplit_once('_')?;
        format!("{}{body}", WebhookId::PREFIX).parse().ok()
    }
}

impl SkuId {
    /// The sku with this code. Ids stand under their organization, as codes do.
    #[must_use]
    pub fn of_code(code: &str) -> Self {
        Self::derived(&[code])
    }
}

impl BundleId {
    /// The bundle with this code.
    #[must_use]
    pub fn of_code(code: &str) -> Self {
        Self::derived(&[code])
    }
}

impl PriceId {
    /// The price of the sku with this code on a list.
    #[must_use]
    pub fn on(list: &PriceListId, sku_code: &str) -> Self {
        Self::derived(&[list.as_str(), sku_code])
    }
}

impl OrderId {
    /// The order that run `number` of a subscription makes. Being derived, it can exist only once.
    #[must_use]
    pub fn of_run(subscription: &SubscriptionId, number: OccurrenceNumber) -> Self {
        let body = subscription.0.strip_prefix(SubscriptionId::PREFIX).unwrap_or_default();
        Self(format!("{}{body}_{number}", Self::PREFIX))
    }

    /// The draft that run `number` of a subscription leaves for somebody to place. It is an order of
    /// its own, which can exist only once as well.
    #[must_use]
    pub fn left_by_run(subscription: &SubscriptionId, number: OccurrenceNumber) -> Self {
        Self::derived(&["left by run", subscription.as_str(), &number.to_string()])
    }

    /// The subscription and run that made this order, if a run did.
    #[must_use]
    pub fn run(&self) -> Option<(SubscriptionId, OccurrenceNumber)> {
        let (body, number) = self.0.strip_prefix(Self::PREFIX)?.rsplit_once('_')?;
        let subscription = format!("{}{body}", SubscriptionId::PREFIX).parse().ok()?;
        // Only the number's own form, so that one order has one id: `007` and `+7` name nothing.
        let plain = number.bytes().all(|b| b.is_ascii_digit()) && !number.starts_with('0');
        let number = number.parse().ok().filter(|_| plain)?;
        Some((subscription, OccurrenceNumber::new(number)))
    }
}

impl TaxRuleId {
    /// The rule of a table that is for `scope`. It tells the table, so it is found without an index.
    #[must_use]
    pub fn of(calculator: &ManualTaxCalculatorId, scope: &str) -> Self {
        Self(id_within(Self::PREFIX, calculator.as_str(), scope))
    }

    /// The table that it stands in.
    #[must_use]
    pub fn calculator(&self) -> Option<ManualTaxCalculatorId> {
        let (body, _) = self.0.strip_prefix(Self::PREFIX)?.rsplit_once('_')?;
        format!("{}{body}", ManualTaxCalculatorId::PREFIX).parse().ok()
    }
}

impl RefundId {
    /// The refund of an order that was begun as its `number`th.
    #[must_use]
    pub fn of(order: &OrderId, number: u32) -> Self {
        let body = order.0.strip_prefix(OrderId::PREFIX).unwrap_or_default();
        Self(format!("{}{body}_{number}", Self::PREFIX))
    }
}

impl SubscriptionItemId {
    /// The item of a subscription that comes from `origin`: a line of its source order, or the request
    /// that added it. It tells the subscription, so it is found without an index.
    #[must_use]
    pub fn of(subscription: &SubscriptionId, origin: &str) -> Self {
        let body = subscription.0.strip_prefix(SubscriptionId::PREFIX).unwrap_or_default();
        let tail: String = derived_body(&[origin]).chars().take(16).collect();
        Self(format!("{}{body}_{tail}", Self::PREFIX))
    }

    /// The subscription that it is an item of.
    #[must_use]
    pub fn subscription(&self) -> Option<SubscriptionId> {
        let (body, _) = self.0.strip_prefix(Self::PREFIX)?.rsplit_once('_')?;
        format!("{}{body}", SubscriptionId::PREFIX).parse().ok()
    }
}

impl OrderCopyId {
    /// A copy of `source`; `tail` tells it from the others of that order.
    #[must_use]
    pub fn of(source: &OrderId, tail: Uuid) -> Self {
        let body = source.0.strip_prefix(OrderId::PREFIX).unwrap_or_default();
        Self(format!("{}{body}_{}", Self::PREFIX, tail.simple()))
    }

    /// The order that it copies, and what tells it from that order's other copies.
    #[must_use]
    pub fn source(&self) -> Option<(OrderId, &str)> {
        let (body, tail) = self.0.strip_prefix(Self::PREFIX)?.rsplit_once('_')?;
        let source = format!("{}{body}", OrderId::PREFIX).parse().ok()?;
        (tail.len() == 32).then_some((source, tail))
    }
}

impl JobRunId {
    /// The job run of one organization at one tick: every part of a tick that was split names the
    /// same one. `tick_ms` is the tick's instant in milliseconds of Unix time.
    #[must_use]
    pub fn of_tick(organization: &OrganizationId, tick_ms: i64) -> Self {
        Self::at("tick", organization, tick_ms)
    }

    /// The reconciliation of one organization that a schedule has started. `at_ms` is its instant in
    /// milliseconds of Unix time.
    #[must_use]
    pub fn of_day(organization: &OrganizationId, at_ms: i64) -> Self {
        Self::at("day", organization, at_ms)
    }

    fn at(what: &str, organization: &OrganizationId, at_ms: i64) -> Self {
        let hash = derived_body(&[what, organization.as_str(), &at_ms.to_string()]);
        let tail: String = hash.chars().take(20).collect();
        Self(format!("{}{:012x}{tail}", Self::PREFIX, at_ms.max(0)))
    }
}

/// An organization: the tenant whose data no other may see.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OrganizationId(String);

string_value!(OrganizationId);

impl FromStr for OrganizationId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
        let valid = text.len() <= 63
            && text.bytes().next().is_some_and(plain)
            && text.bytes().all(|b| plain(b) || b == b'_' || b == b'-');
        if valid {
            Ok(Self(text.to_owned()))
        } else {
            Err(IdError {
                value: text.to_owned(),
                expected: "an organization: 1 to 63 of a-z, 0-9, _ and -, beginning with a letter or digit",
            })
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
    use super::*;

    #[test]
    fn a_new_id_is_its_prefix_and_the_digits_of_its_uuid() {
        let uuid = Uuid::from_u128(0x0192_aabb_ccdd_7eef_8001_0203_0405_0607);
        let id = OrderId::from_uuid(uuid);
        assert_eq!(id.as_str(), "ord_0192aabbccdd7eef8001020304050607");
        assert_eq!(id.as_str(), new_id(OrderId::PREFIX, uuid));
    }

    #[test]
    fn an_item_and_a_copy_tell_what_they_belong_to() {
        let subscription: SubscriptionId = "sub_0192_aa".parse().unwrap();
        let item = SubscriptionItemId::of(&subscription, "lin_1");
        assert_eq!(item.subscription(), Some(subscription));
        let source: OrderId = "ord_0192_aa".parse().unwrap();
        let copy = OrderCopyId::of(&source, Uuid::from_u128(7));
        assert_eq!(copy.source(), Some((source, "00000000000000000000000000000007")));
    }

    #[test]
    fn a_tax_rule_tells_its_table() {
        let table: ManualTaxCalculatorId = "mtc_0192_aa".parse().unwrap();
        let rule = TaxRuleId::of(&table, "books in DE");
        assert_eq!(rule.calculator(), Some(table.clone()));
        assert_ne!(rule, TaxRuleId::of(&table, "books"));
        assert_eq!("txr_1".parse::<TaxRuleId>().unwrap().calculator(), None);
    }

    #[test]
    fn a_callback_tells_its_webhook() {
        let webhook: WebhookId = "whk_0192_aa".parse().unwrap();
        let at = "2027-01-31T10:00:00Z".parse().unwrap();
        let callback = EventCallbackId::of(&webhook, at, "orders.place", None);
        assert_eq!(callback.webhook(), Some(webhook));
    }

    #[test]
    fn the_order_of_a_run_tells_its_subscription_and_number() {
        let subscription: SubscriptionId = "sub_0192aa".parse().unwrap();
        let number = OccurrenceNumber::new(12);
        let order = OrderId::of_run(&subscription, number);
        assert_eq!(order.as_str(), "ord_0192aa_12");
        assert_eq!(order.run(), Some((subscription, number)));
    }

    #[test]
    fn a_copy_of_an_order_tells_which_and_is_no_run() {
        for source in ["ord_0192aa", "ord_0192aa_12"] {
            let source: OrderId = source.parse().unwrap();
            let copy = OrderCopyId::of(&source, Uuid::from_u128(7));
            assert_eq!(copy.source(), Some((source, "00000000000000000000000000000007")));
            let as_order: OrderId = copy.as_str().replacen("ocp_", "ord_", 1).parse().unwrap();
            assert_eq!(as_order.run(), None);
        }
        assert_eq!("ocp_0192aa_12".parse::<OrderCopyId>().unwrap().source(), None);
    }

    #[test]
    fn a_source_order_has_no_run() {
        assert_eq!(OrderId::from_uuid(Uuid::nil()).run(), None);
        for odd in ["ord_abc_x", "ord_abc_012", "ord_abc_", "ord_abc_99999999999"] {
            assert_eq!(odd.parse::<OrderId>().unwrap().run(), None, "{odd}");
        }
    }

    #[test]
    fn ids_refuse_other_prefixes_and_characters_of_keys() {
        for text in ["", "ord_", "sub_1#2", "ord_A", "ord_%", "ord_a/b", "ord_ä", "ord_a b"] {
            assert!(text.parse::<OrderId>().is_err(), "{text:?} was accepted");
        }
        assert!(format!("ord_{}", "a".repeat(81)).parse::<OrderId>().is_err());
    }

    #[test]
    fn organizations_cannot_hold_a_key_separator() {
        for text in ["", "a#b", "-a", "A", "a b", &"a".repeat(64)] {
            assert!(text.parse::<OrganizationId>().is_err(), "{text:?} was accepted");
        }
        assert!("acme-coffee_2".parse::<OrganizationId>().is_ok());
    }

    #[test]
    fn derived_ids_do_not_run_parts_together() {
        assert_eq!(SkuId::derived(&["a", "bc"]), SkuId::derived(&["a", "bc"]));
        assert_ne!(SkuId::derived(&["a", "bc"]), SkuId::derived(&["ab", "c"]));
    }

    #[test]
    fn job_runs_of_ticks_sort_by_time() {
        let organization: OrganizationId = "acme".parse().unwrap();
        let early = JobRunId::of_tick(&organization, 1_800_000_000_000);
        let late = JobRunId::of_tick(&organization, 1_800_000_060_000);
        assert!(early < late);
        assert_eq!(early, JobRunId::of_tick(&organization, 1_800_000_000_000));
    }
}
