//! The store against an embedded DynamoDB: what one call promises, and what two at once may do.
//!
//! Invariants: an occurrence is claimed by one holder at a time and made into one run; a commit is
//! written whole or not at all; no organization reaches another's data.

mod capacity;
mod catalog;
mod checks;
mod claims;
mod commits;
mod customers;
mod dead_letters;
mod due;
mod embedded;
mod fixtures;
mod idempotency;
mod jobs;
mod journals;
mod meter;
mod orders;
mod records;
mod runs;
mod stock;
mod taxes;
mod webhooks;

/// Tests fail by returning what went wrong.
type TestResult = Result<(), Box<dyn std::error::Error>>;
