//! Reconciliation: proves, for a span of time, that nothing was lost, repeated or taken without an
//! order, and names every place where that does not hold.
//!
//! - [`Occurrences`]: each occurrence that has elapsed has one run, or was passed over on record;
//! - [`Chain`]: each journal is one unbroken chain that ends where its subject says;
//! - [`check_order`], [`check_charge`], [`check_refund`]: each paid order has one charge at the
//!   provider, each charge one order, less what was given back;
//! - [`Renewals`]: how many of the occurrences that were due were paid in time;
//! - [`check_proration`]: what a run has charged can be given back in parts to the cent.
//!
//! All of it is gathered piece by piece, so that a subscription of any length takes little memory.

mod chain;
mod discrepancy;
mod number_set;
mod occurrences;
mod payments;
mod prorations;
mod renewals;

pub use chain::Chain;
pub use discrepancy::{Code, Discrepancy};
pub use number_set::NumberSet;
pub use occurrences::{Occurrences, Standing};
pub use payments::{
    Due, OrderAccount, TakenCharge, TakenRefund, check_charge, check_order, check_refund,
};
pub use prorations::{Prorations, check_proration};
pub use renewals::{Renewal, Renewals};

#[cfg(test)]
mod fixture;
#[cfg(test)]
mod property_tests;
