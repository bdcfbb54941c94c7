//! Orders and their lines.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{
    ids::{CustomerId, LineItemId, MarketId, OrderId, PaymentSourceId, SkuId},
    journal::Head,
    money::{Currency, MinorUnits, MoneyError},
    time::Frequency,
};

/// Most units one line may order: keeps sums far from overflow and typos out of the warehouse.
pub const MAX_QUANTITY: u32 = 1_000_000;

/// Most lines of one order: with its subscriptions it must fit one DynamoDB transaction
/// (100 actions) and one item (400 KB).
pub const MAX_LINE_ITEMS: usize = 40;

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
    /// Ended without effect.
    Cancelled,
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
}

/// One line of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineItem {
    /// Identifier.
    pub id: LineItemId,
    /// What is ordered.
    pub sku_id: SkuId,
    /// Its code, copied.
    pub sku_code: String,
    /// Its name, copied.
    pub name: String,
    /// Units ordered, 1 to [`MAX_QUANTITY`].
    pub quantity: u32,
    /// Price of one unit in minor units, pinned when the line was made.
    pub unit_amount: MinorUnits,
    /// How often it repeats; `None` is a one-off line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frequency: Option<Frequency>,
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
    /// Where its payment stands.
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
    /// When subscriptions made from it end; exclusive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subscriptions_expire_at: Option<DateTime<Utc>>,
    /// Why it was last refused.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rejections: Vec<Rejection>,
    /// How many times it was sent to be placed; each is a payment attempt of its own.
    #[serde(default)]
    pub placements: u32,
    /// The provider's charge, once paid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub charge_id: Option<String>,
    /// The client's own id for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// Where the reference comes from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference_origin: Option<String>,
    /// When it was last sent to be placed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub placing_at: Option<DateTime<Utc>>,
    /// When it was placed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub placed_at: Option<DateTime<Utc>>,
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
    /// What the order costs, in minor units.
    ///
    /// # Errors
    /// When the sum is out of range.
    pub fn total(&self) -> Result<MinorUnits, MoneyError> {
        total(self.line_items.iter().map(|line| (line.unit_amount, line.quantity)))
    }

    /// The lines that repeat, each with its frequency.
    pub fn recurring(&self) -> impl Iterator<Item = (&LineItem, &Frequency)> {
        self.line_items.iter().filter_map(|line| Some((line, line.frequency.as_ref()?)))
    }
}

/// The sum of `unit amount × quantity`, in minor units.
///
/// # Errors
/// When a product or the sum is out of range.
pub fn total(lines: impl IntoIterator<Item = (MinorUnits, u32)>) -> Result<MinorUnits, MoneyError> {
    lines.into_iter().try_fold(MinorUnits::ZERO, |sum, (unit_amount, quantity)| {
        sum.checked_add(unit_amount.checked_mul(quantity)?)
    })
}
