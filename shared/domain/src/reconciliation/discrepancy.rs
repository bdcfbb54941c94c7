//! What reconciliation finds.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What does not agree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// An occurrence has elapsed, and neither was run nor passed over on record.
    OccurrenceWithoutRun,
    /// An occurrence was run or passed over more than once.
    OccurrenceTwice,
    /// A number was run or passed over that has not come yet.
    OccurrenceTooEarly,
    /// Something has been due for long and nobody does it.
    Overdue,
    /// A run waits for its payment, and nobody will try it again.
    OpenRunForgotten,
    /// A subscription waits for a run that is not open.
    RetryWithoutRun,
    /// An entry of a journal is missing, was altered, or does not follow from the one before.
    JournalBroken,
    /// A journal does not end where its subject says.
    JournalCut,
    /// An order is paid by our books, and the provider has no such charge.
    ChargeMissing,
    /// The provider has a charge for something that is no order of ours.
    ChargeWithoutOrder,
    /// The provider has taken money for an order that is not paid, and it was not given back.
    ChargeNotSettled,
    /// The provider has taken money twice for one order.
    ChargedTwice,
    /// The provider has taken another amount than the order costs.
    AmountDiffers,
    /// The provider has taken another currency than the order's.
    CurrencyDiffers,
    /// The provider has given money back, and our books know nothing of it.
    RefundWithoutRecord,
    /// More was given back than was taken.
    RefundedTooMuch,
    /// A refund succeeded by our books, and the provider has not given the money back.
    RefundMissing,
    /// The provider has given back another amount, currency or charge than our refund says.
    RefundDiffers,
    /// The provider has given money back, and our refund has failed or waits.
    RefundNotSettled,
    /// A refund or dispute is about an order that is not there.
    ReversalWithoutOrder,
    /// What an order says went back is not what its refunds and disputes come to.
    ReversalsDiffer,
    /// A subscription goes on that a dispute has put on hold, and nobody has lifted that.
    HoldLost,
    /// A subscription is on hold for a dispute that is not there, or knows nothing of it.
    HoldWithoutDispute,
    /// A copy is completed, and the order that it has made is not there or is another copy's.
    CopyWithoutOrder,
    /// A copy was to place its order and is completed, and the order was not placed.
    CopyNotPlaced,
    /// A part of what was charged can't be given back to the cent.
    ProrationWrong,
    /// A stored item can't be read.
    Unreadable,
}

/// One thing that does not agree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Discrepancy {
    /// What does not agree.
    pub code: Code,
    /// The subscription, order, journal or charge that it is about.
    pub subject: String,
    /// What was found, and what belongs there.
    pub detail: String,
    /// The numbers of it, by name.
    pub numbers: Value,
}

impl Discrepancy {
    /// One thing that does not agree.
    pub fn new(
        code: Code,
        subject: impl Into<String>,
        detail: impl Into<String>,
        numbers: Value,
    ) -> Self {
        Self { code, subject: subject.into(), detail: detail.into(), numbers }
    }
}
