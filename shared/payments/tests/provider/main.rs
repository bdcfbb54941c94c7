//! The test provider against an embedded DynamoDB: every token, every repeat, every lost answer.
//!
//! Invariant: within an organization a key has one outcome, and at most one charge, whatever calls
//! carry it, in whatever order, and whichever answers get lost.

mod embedded;
mod interleavings;
mod keys;
mod lost_answers;
mod refunds;
mod tokens;
mod two_steps;

/// Tests fail by returning what went wrong.
type TestResult = Result<(), Box<dyn std::error::Error>>;
