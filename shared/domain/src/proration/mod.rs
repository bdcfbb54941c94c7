//! Proration: what part of a period's price is charged or given back when terms change within it.
//!
//! - [`prorate`]: one change, start or end, from a [`Request`] to a [`Ledger`];
//! - [`Policy`]: the settings, each with its default;
//! - [`Period`]: how days or seconds are counted, and where a [`Cut`] falls.

mod error;
mod ledger;
mod line;
mod moment;
mod period;
mod policy;
mod request;

pub use error::ProrationError;
pub use ledger::{Against, Cause, Ledger, Line, LineKind};
pub use moment::{InvalidMoment, Moment};
pub use period::{Cut, Period};
pub use policy::{CreditBase, Denominator, Policy, TerminationDay, Unit};
pub use request::{Request, prorate};
