//! Proration: what part of a period's price is charged or given back when terms change within it.
//!
//! - [`prorate`]: one change, start or end, from a [`Request`] to a [`Ledger`];
//! - [`Book`]: any number of changes in one period, of [`Terms`], quantity or interval;
//! - [`slices`]: a price in pieces that add up to it, such as a stub at the end;
//! - [`Policy`]: the settings, each with its default; [`Behavior`]: how a change is settled;
//! - [`Period`]: how days or seconds are counted, and where a [`Cut`] falls;
//! - [`Ledger::verify`]: the checker, which names every [`Discrepancy`].

mod behavior;
mod book;
mod cycle;
mod discrepancy;
mod error;
mod ledger;
mod line;
mod moment;
mod period;
mod policy;
mod request;
mod slices;
mod terms;
mod verify;

pub use behavior::{Behavior, LedgerSettlement};
pub use book::Book;
pub use cycle::CycleReset;
pub use discrepancy::Discrepancy;
pub use error::ProrationError;
pub use ledger::{Against, Cause, Ledger, LedgerLineKind, Line};
pub use moment::{InvalidMoment, Moment};
pub use period::{Cut, Period};
pub use policy::{CreditBase, Denominator, Policy, TerminationDay, Unit};
pub use request::{Request, prorate};
pub use slices::slices;
pub use terms::Terms;

#[cfg(test)]
mod property_tests;
