//! Reconciliation: proves, for a span of time, that nothing was lost, repeated or taken without an
//! order, and names every place where that does not hold.
//!
//! - [`Occurrences`]: each occurrence that has elapsed has one run, or was passed over on record;
//! - [`Chain`]: each journal is one unbroken chain that ends where its subject says;
//! - [`check_order`], [`check_charge`], [`check_refund`]: each paid order has one charge at the
//!   provider, each charge one order, less what was given back;
//! - [`check_our_refund`], [`check_reversals`]: each refund of ours went back once, and what an order
//!   says went back is what its refunds and disputes come to;
//! - [`check_hold`], [`check_held`]: what a dispute has put on hold rests until that is lifted;
//! - [`check_copy`]: each completed copy has made its order;
//! - [`Renewals`]: how many of the occurrences that were due were paid in time;
//! - [`check_proration`]: what a run has charged can be given back in parts to the cent.
//!
//! All of it is gathered piece by piece, so that a subscription of any length takes little memory.

mod chain;
mod copies;
mod discrepancy;
mod holds;
mod number_set;
mod occurrences;
mod payments;
mod prorations;
mod renewals;
mod reversals;

pub use chain::Chain;
pub use copies::check_copy;
pub use discrepancy::{Code, Discrepancy};
pub use holds::{HoldTold, check_held, check_hold};
pub use number_set::NumberSet;
pub use occurrences::{Occurrences, Standing};
pub use payments::{
    Due, OrderAccount, TakenCharge, TakenRefund, check_charge, check_order, check_refund,
};
pub use prorations::{Prorations, check_proration};
pub use renewals::{Renewal, Renewals};
pub use reversals::{GivenBack, check_dispute, check_our_refund, check_reversals, without_order};

#[cfg(test)]
mod fixture;
#[cfg(test)]
mod property_tests;
