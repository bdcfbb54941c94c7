//! Billing periods: the time between two occurrences of a schedule, whole or cut to a stub.
//!
//! Period n begins at occurrence n and ends, half-open, at the next one, so periods tile the time
//! from the schedule's start on without gap or overlap. The first is a stub where the start is not
//! on the schedule's anchor day; the last is one where the subscription ends before it does.

mod fraction;
mod notional;
mod period;
mod periods;

pub use period::{Billing, BillingPeriod, PeriodKind};
pub use periods::{
    BillingTerms, MAX_PERIODS_PER_INVOICE, PeriodError, Periods, Reach, next_invoice, periods,
};

#[cfg(test)]
mod property_tests;
