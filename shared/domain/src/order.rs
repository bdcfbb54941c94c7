//! Orders and their lines.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    checks::{CheckOutcome, Overturn},
    ids::{
        AddressId, CustomerId, LineItemId, MarketId, OrderCopyId, OrderId, PaymentSourceId,
        SubscriptionId, TagId,
    },
    journal::Head,
    money::{Currency, MinorUnits, MoneyError},
    payment::Reversals,
    pricing::{OrderedItem, PriceSource, Totals},
    tax::{Taxes, with_tax},
    time::Frequency,
};

/// Most units one line may order: keeps sums far from overflow and typos out of the warehouse.
pub const MAX_QUANTITY: u32 = 1_000_000;

/// Most lines of one order: with its subscriptions it must fit one DynamoDB transaction
/// (100 actions) and one item (400 KB).
pub const MAX_LINE_ITEMS: usize = 40;

/// Most different skus of one order, those within bundles counted: taking stock of them must fit
/// one DynamoDB transaction (100 actions).
pub const MAX_SKUS: usize = 90;

/// Where an order stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrderStatus {
    /// Being put together; may change freely.
    Draft,
    /// Handed to validation.
    Placing,
    /// Made by a run, waiting for its payment.
    Pending,
    /// Accepted and paid; fulfilment may begin.
    Placed,
    /// Waits for an operator: a check has found something to look at.
    Held,
    /// Ended without effect.
    Cancelled,
}

impl OrderStatus {
    /// Its name in documents.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Placing => "placing",
            Self::Pending => "pending",
            Self::Placed => "placed",
            Self::Held => "held",
            Self::Cancelled => "cancelled",
        }
    }
}

/// Where an order's payment stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PaymentStatus {
    /// Nothing was collected.
    Unpaid,
    /// Collected in full.
    Paid,
    /// Nothing was to be collected.
    Free,
    /// Collected, and given back in part.
    PartiallyRefunded,
    /// Collected, and given back in full.
    Refunded,
    /// Collected, and held by the bank because the customer disputes it.
    Disputed,
    /// Collected, and taken back by the bank for good, in full or in part.
    ChargedBack,
}

/// Where an order goes, and where its bill goes. The copies that a subscription makes go there too.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Addresses {
    /// Where the goods go.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shipping: Option<AddressId>,
    /// Where the bill goes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub billing: Option<AddressId>,
}

impl Addresses {
    /// Whether there is neither.
    #[must_use]
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }

    /// Both of them, as far as there are.
    pub fn iter(&self) -> impl Iterator<Item = &AddressId> {
        self.shipping.iter().chain(&self.billing)
    }
}

/// What a client keeps with a line of its own, and when the line was made and changed. No rule reads
/// any of it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Annotations {
    /// The client's own id for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// Where the reference comes from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference_origin: Option<String>,
    /// Whatever else the client keeps with it.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub metadata: Value,
    /// When it was made; `None` for together with its order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<DateTime<Utc>>,
    /// When it last changed; `None` for not since it was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub updated_at: Option<DateTime<Utc>>,
}

impl Annotations {
    /// Whether there is nothing to keep.
    #[must_use]
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

/// One line of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineItem {
    /// Identifier.
    pub id: LineItemId,
    /// What is ordered.
    #[serde(flatten)]
    pub item: OrderedItem,
    /// Its name, copied.
    pub name: String,
    /// Units ordered, 1 to [`MAX_QUANTITY`].
    pub quantity: u32,
    /// Price of one unit in minor units, pinned when the line was made; below zero a discount.
    pub unit_amount: MinorUnits,
    /// Where that price comes from.
    #[serde(default, skip_serializing_if = "PriceSource::is_own")]
    pub price_source: PriceSource,
    /// What one unit would cost without the offer, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compare_at_amount: Option<MinorUnits>,
    /// How often it repeats; `None` is a one-off line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frequency: Option<Frequency>,
    /// What the client keeps with it, and when it was made and changed.
    #[serde(default, skip_serializing_if = "Annotations::is_none")]
    pub annotations: Annotations,
}

/// Why an order went back from placing to draft.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rejection {
    /// The rule, as a stable code (`out_of_stock`).
    pub code: String,
    /// What is wrong and what would be right, for a person to read.
    pub detail: String,
    /// JSON pointer to the place in the order's document.
    pub pointer: String,
}

/// An order placed or to be placed by a client. Orders made by runs live inside their run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// Identifier.
    pub id: OrderId,
    /// Where it stands.
    pub status: OrderStatus,
    /// Where its payment stood when it was placed; see [`Order::payment_status`] for where it stands.
    pub payment_status: PaymentStatus,
    /// Where it was taken.
    pub market_id: MarketId,
    /// Whose it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer_id: Option<CustomerId>,
    /// How it is paid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payment_source_id: Option<PaymentSourceId>,
    /// Currency of every amount on it.
    pub currency: Currency,
    /// What is ordered.
    #[serde(default)]
    pub line_items: Vec<LineItem>,
    /// Whether its recurring lines become subscriptions as soon as it is placed.
    #[serde(default)]
    pub create_subscriptions: bool,
    /// Whether that has happened.
    #[serde(default)]
    pub subscriptions_created: bool,
    /// When that happened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subscription_created_at: Option<DateTime<Utc>>,
    /// The subscriptions that were made from it by hand, at most
    /// [`MAX_MANUAL_SUBSCRIPTIONS`](crate::manual_subscription::MAX_MANUAL_SUBSCRIPTIONS). Those
    /// that wait for it become active when it is placed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub manual_subscription_ids: Vec<SubscriptionId>,
    /// The subscription whose run has left it as a draft.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order_subscription_id: Option<SubscriptionId>,
    /// The copy that made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order_copy_id: Option<OrderCopyId>,
    /// When subscriptions made from it end; exclusive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subscriptions_expire_at: Option<DateTime<Utc>>,
    /// The code of the channel that took it; `None` where it was made through the API.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
    /// Why it was last refused.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rejections: Vec<Rejection>,
    /// What the checks came to when it was last to be placed; those that were not made are left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub checks: Vec<CheckOutcome>,
    /// The findings that an operator has overturned for this placement.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overturn: Option<Overturn>,
    /// What it bears of tax: as it was charged or is about to be or, of a draft, as it was computed
    /// on request. `None` where its market computes none, or has not yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tax: Option<Taxes>,
    /// Whether its tax, or that there is none, was settled for this placement: it may have been
    /// charged with it, and is not to cost anything else when it is looked at again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub tax_fixed: bool,
    /// How many times it was sent to be placed; each is a payment attempt of its own.
    #[serde(default)]
    pub placements: u32,
    /// The provider's charge, once paid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub charge_id: Option<String>,
    /// What went back of what was collected; `None` as long as nothing has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reversals: Option<Reversals>,
    /// The client's own id for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// Where the reference comes from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference_origin: Option<String>,
    /// Whatever else the client keeps with it.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub metadata: Value,
    /// Where it goes, and where its bill goes.
    #[serde(default, skip_serializing_if = "Addresses::is_none")]
    pub addresses: Addresses,
    /// The tags that it carries.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<TagId>,
    /// When it was last sent to be placed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub placing_at: Option<DateTime<Utc>>,
    /// When it was placed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub placed_at: Option<DateTime<Utc>>,
    /// When it was cancelled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancelled_at: Option<DateTime<Utc>>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
    /// Counts changes.
    pub version: u64,
    /// The last entry of its journal.
    pub journal: Head,
}

impl Order {
    /// What is to be paid for the order, in minor units: what its lines cost, and the tax that comes
    /// on top as far as it was computed.
    ///
    /// # Errors
    /// When the sum is out of range.
    pub fn total(&self) -> Result<MinorUnits, MoneyError> {
        with_tax(self.totals()?.total, self.tax.as_ref())
    }

    /// Forgets its tax: what it was computed from has changed, or is about to be looked at anew.
    pub fn forget_tax(&mut self) {
        self.tax = None;
        self.tax_fixed = false;
    }

    /// Where its payment stands: what has gone back of it counts.
    #[must_use]
    pub fn payment_status(&self) -> PaymentStatus {
        let captured = self.total().unwrap_or(MinorUnits::ZERO);
        let collected = self.payment_status;
        self.reversals.as_ref().map_or(collected, |back| back.status(collected, captured))
    }

    /// What its lines cost together, without the tax that comes on top.
    ///
    /// # Errors
    /// When a sum is out of range.
    pub fn totals(&self) -> Result<Totals, MoneyError> {
        let lines = &self.line_items;
        Totals::of(lines.iter().map(|line| (&line.item, line.unit_amount, line.quantity)))
    }

    /// The lines that repeat, each with its frequency.
    pub fn recurring(&self) -> impl Iterator<Item = (&LineItem, &Frequency)> {
        self.line_items.iter().filter_map(|line| Some((line, line.frequency.as_ref()?)))
    }
}

#[cfg(test)]
#[path = "order_tests.rs"]
mod tests;
