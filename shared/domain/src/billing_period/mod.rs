//! Billing periods: the time between two dates of a schedule, whole or cut to a stub.
//!
//! Their boundaries are *unadjusted*: anchor plus n intervals, wherever working days move a run and
//! whichever run a rule leaves out, so that a month is a month at the price of one. They are invoiced
//! on the *adjusted* dates, those of the runs. See [`Schedule::unadjusted`].
//!
//! Period n begins at date n and ends, half-open, at the next one, so periods tile the time from the
//! schedule's start on without gap or overlap. The first is a stub where the start is not on the
//! schedule's anchor day; the last is one where the subscription ends before it does.
//!
//! [`Schedule::unadjusted`]: crate::time::Schedule::unadjusted

mod fraction;
mod notional;
mod period;
mod periods;
mod run_dates;

pub use period::{Billing, BillingPeriod, PeriodKind};
pub use periods::{
    BillingTerms, MAX_PERIODS_PER_INVOICE, PeriodError, Periods, Reach, next_invoice, periods,
};

#[cfg(test)]
mod property_tests;
