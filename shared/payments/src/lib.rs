//! Payment providers behind a trait: [Stripe](stripe), and a [test provider](test_provider); and what
//! tells the [taxes](tax) of what is paid.
//!
//! The rules that keep a customer from being charged twice:
//!
//! 1. Every charge carries a [`ChargeKey`] that the caller derives from what is paid for, never from
//!    the moment or from chance: from (subscription, occurrence) for a renewal, from the order id for
//!    a first order. Within an organization the same key always answers the same outcome, a decline
//!    too, however often and from however many places it is sent.
//! 2. A try after a **decline** is a new attempt and takes the next key
//!    ([`ChargeKey::for_attempt`]). A try after an **error** is the same attempt and keeps its key.
//! 3. When the answer got lost ([`PaymentError::Unknown`]), [`charge_safely`] asks the provider what
//!    became of the key before anyone decides anything.
//! 4. A payment that [needs action](ChargeOutcome::NeedsAction) is still the same attempt: it keeps
//!    its key until it is paid, declined or [voided](PaymentProvider::void). The next key is sent
//!    only after that.
//!
//! A provider that keeps these rules charges at most once per key. That an order (the `reference`) is
//! paid at most once is the caller's duty: it never sends the next attempt's key unless the last
//! attempt was declined. The ledger of the [test provider](test_provider) counts charges per
//! reference, whatever their keys, so that a test can prove it.
//!
//! | operation | its key | sent again under the same key | lost answer |
//! |---|---|---|---|
//! | charge, authorize | [`ChargeKey`] | answers what has become of it | [`charge_safely`], [`authorize_safely`] |
//! | capture | the authorization's key: it is captured once | the same charge; refused for another amount | [`capture_safely`] |
//! | void | the key that it ends | [`VoidOutcome::Voided`] again | send it again |
//! | refund | [`RefundKey`] | answers what has become of it; refused for another amount or charge | [`refund_safely`] |
//!
//! What a provider has on record for a span of time is [listed](PaymentProvider::list_charges) in
//! pages, so that it can be compared with the order book. Card numbers never come near: a means of
//! payment is a [`PaymentToken`].

mod authorization;
mod charge;
mod decline;
mod error;
mod history;
mod lost_answers;
mod outcome;
mod provider;
mod refund;
mod secret;
pub mod stripe;
pub mod tax;
pub mod test_provider;

pub use authorization::{CaptureRequest, VoidOutcome};
pub use charge::{ChargeKey, ChargeLookup, ChargeRequest, PaymentToken, TokenDigest};
pub use decline::{DECLINES, decline_code, decline_kind};
pub use error::PaymentError;
pub use history::{ChargeRecord, Cursor, Page, RefundRecord, Span};
pub use lost_answers::{authorize_safely, capture_safely, charge_safely, refund_safely};
pub use outcome::{Action, ChargeOutcome, DeclineKind, PaymentState, WaitsFor};
pub use provider::PaymentProvider;
pub use refund::{RefundKey, RefundOutcome, RefundRequest};
pub use secret::{Secret, SecretError, SecretSource};
