//! Copies of orders: made once by hand, or one for each run of a subscription. What becomes of a
//! copy is told in the same words for both.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    ids::{MarketId, OrderCopyId, OrderId, PaymentSourceId, SkuId},
    journal::Head,
    run::{RunError, is_zero, keep_newest},
};

/// Which kind of copy makes the orders of a subscription's runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Factory {
    /// Copies of what the subscription's items say, which can be edited.
    #[default]
    RecurringOrderCopies,
    /// Copies of the source order as it was placed.
    OrderCopies,
}

impl Factory {
    /// The type of its copies.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::RecurringOrderCopies => "recurring_order_copies",
            Self::OrderCopies => "order_copies",
        }
    }

    /// Whether it is the default, which items leave out.
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
    pub(crate) fn is_recurring(&self) -> bool {
        *self == Self::RecurringOrderCopies
    }
}

/// What an error is about, so that whoever reads it can go there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Culprit {
    /// The type of resource.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its id.
    pub id: String,
    /// Its code, for a sku.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
}

impl Culprit {
    /// A resource by type and id.
    #[must_use]
    pub fn new(kind: &str, id: &impl ToString) -> Self {
        Self { kind: kind.to_owned(), id: id.to_string(), code: None }
    }

    /// A sku.
    #[must_use]
    pub fn sku(id: &SkuId, code: &str) -> Self {
        Self { code: Some(code.to_owned()), ..Self::new("skus", id) }
    }

    /// A payment source.
    #[must_use]
    pub fn payment_source(id: &PaymentSourceId) -> Self {
        Self::new("customer_payment_sources", id)
    }
}

/// Where a copy stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CopyStatus {
    /// Asked for.
    Pending,
    /// Its order is being placed or paid.
    InProgress,
    /// Ended before anything was collected.
    Aborted,
    /// Something was missing or bad; it may be tried again by hand.
    Failed,
    /// Its order is made and, where that was asked for, placed.
    Completed,
}

/// What is asked of a copy made by hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
#[expect(clippy::struct_excessive_bools, reason = "they are the options of the public API")]
pub struct CopyOptions {
    /// Place the target order.
    pub place_target_order: bool,
    /// Take over the source order's payment source.
    pub reuse_wallet: bool,
    /// Cancel the source order when the copy is completed.
    pub cancel_source_order: bool,
    /// Take the promotional prices where the price list has some.
    pub apply_promotions: bool,
    /// Leave out lines that can't be copied.
    pub skip_errors: bool,
    /// Drop a coupon that is no longer valid. There are no coupons here.
    pub ignore_invalid_coupon: bool,
}

/// A copy of an order, made once by hand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderCopy {
    /// Tells the source order.
    pub id: OrderCopyId,
    /// Where it stands.
    pub status: CopyStatus,
    /// Where the source order was taken.
    pub market_id: MarketId,
    /// The order that it has made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_order_id: Option<OrderId>,
    /// What is asked of it.
    pub options: CopyOptions,
    /// When it was last taken up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<DateTime<Utc>>,
    /// When it was completed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completed_at: Option<DateTime<Utc>>,
    /// When it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed_at: Option<DateTime<Utc>>,
    /// What went wrong or was left out, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors_log: Vec<RunError>,
    /// How many errors before those the log has let go of.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub errors_forgotten: u32,
    /// The client's own id for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// Where the reference comes from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference_origin: Option<String>,
    /// Whatever else the client keeps with it.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub metadata: Value,
    /// When it was asked for.
    pub created_at: DateTime<Utc>,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
    /// Counts changes.
    pub version: u64,
    /// The last entry of its journal.
    pub journal: Head,
}

impl OrderCopy {
    /// Notes what went wrong or was left out.
    pub(crate) fn note_errors(&mut self, errors: impl IntoIterator<Item = RunError>) {
        self.errors_log.extend(errors);
        keep_newest(&mut self.errors_log, &mut self.errors_forgotten);
    }

    /// How much went wrong or was left out, with what the log has let go of.
    #[must_use]
    pub fn errors_count(&self) -> usize {
        self.errors_log.len().saturating_add(self.errors_forgotten as usize)
    }
}

#[cfg(test)]
#[path = "order_copy_tests.rs"]
mod tests;
