//! The Stripe provider against a stand-in that speaks its API. `cargo test` leaves these out;
//! `.ci/try-stripe` starts the stand-in and runs them.

#![expect(clippy::indexing_slicing, reason = "a member that is not there fails the test")]

mod charges;
mod lost_answers;
mod refunds;
mod stand_in;
mod two_steps;

/// Tests fail by returning what went wrong.
type TestResult = Result<(), Box<dyn std::error::Error>>;

/// Cards of the stand-in, which are Stripe's own for tests.
mod cards {
    pub(crate) const GOOD: &str = "4242424242424242";
    pub(crate) const DECLINED: &str = "4000000000000341";
    pub(crate) const WANTS_ITS_CUSTOMER: &str = "4000002760003184";
}
