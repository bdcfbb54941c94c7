//! Payment providers behind a trait, with a test provider.
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
//!
//! A provider that keeps these rules charges at most once per key. That an order (the `reference`) is
//! paid at most once is the caller's duty: it never sends the next attempt's key unless the last
//! attempt was declined. The ledger of the [test provider](test_provider) counts charges per
//! reference, whatever their keys, so that a test can prove it.

mod charge;
mod charge_safely;
mod error;
mod provider;
pub mod test_provider;

pub use charge::{
    ChargeKey, ChargeOutcome, ChargeRequest, DeclineKind, PaymentToken, decline_code,
};
pub use charge_safely::charge_safely;
pub use error::PaymentError;
pub use provider::PaymentProvider;
