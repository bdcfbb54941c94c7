//! What becomes of a payment after it was collected, and by what it is collected: refunds, disputes,
//! and the order of a customer's payment sources.

mod card_number;
mod collected;
mod dispute;
mod refund;
mod reversals;
mod sources;

pub use card_number::is_card_number;
pub use collected::Collected;
pub use dispute::{
    Dispute, DisputeStatus, DisputeTold, NotTaken, OnDispute, dispute, hold, holds_settled,
    note_held,
};
pub use refund::{
    MAX_REFUNDS, NewRefund, Refund, RefundOutcome, RefundStatus, begin_refund, refund_key,
    settle_refund,
};
pub use reversals::{NotRefundable, Reversals};
pub use sources::{
    ExpiryWatch, Fallback, MAX_SOURCES, MissedRun, WATCHED_DAYS, missed_run, next_source, usable,
    watch_expiry, with_default, without,
};
