//! What a provider has on record, for comparing it with our books.

use chrono::{DateTime, Utc};

use crate::{ChargeKey, PaymentState, RefundKey, RefundOutcome};

/// A span of time by the provider's clock: from its begin up to, but without, its end. Clocks
/// differ, so compare with books over a span that is a little longer on both sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// The first instant.
    pub from: DateTime<Utc>,
    /// The first instant after it.
    pub to: DateTime<Utc>,
}

impl Span {
    /// Whether the instant lies in it.
    #[must_use]
    pub fn contains(&self, instant: DateTime<Utc>) -> bool {
        self.from <= instant && instant < self.to
    }
}

/// Where the next page begins: the provider's word, to be handed back as it is. Made from text, so
/// that it can be kept in a message between two pages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor(pub String);

/// A part of a list. A page can be empty and still have a next one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// What is on it, in no order that could be relied on.
    pub records: Vec<T>,
    /// Where the next one begins; `None` on the last.
    pub next: Option<Cursor>,
}

/// A charge or an authorization as the provider has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChargeRecord {
    /// The key that it was made under.
    pub key: ChargeKey,
    /// What was to be paid: the id of the order.
    pub reference: String,
    /// What was asked for or, once it is paid, what was taken: in minor units of `currency`.
    pub amount_minor: i64,
    /// ISO 4217 code.
    pub currency: String,
    /// When it was made, by the provider's clock.
    pub created_at: DateTime<Utc>,
    /// What became of it.
    pub state: PaymentState,
}

/// A refund as the provider has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefundRecord {
    /// The key that it was made under; `None` when somebody made it past us, on the provider's own
    /// site.
    pub key: Option<RefundKey>,
    /// The charge that it gives back.
    pub charge_id: String,
    /// What it is for, as in [`RefundRequest::reference`](crate::RefundRequest::reference).
    pub reference: Option<String>,
    /// What is given back, in minor units of `currency`.
    pub amount_minor: i64,
    /// ISO 4217 code.
    pub currency: String,
    /// When it was made, by the provider's clock.
    pub created_at: DateTime<Utc>,
    /// What became of it.
    pub outcome: RefundOutcome,
}
