//! Turns what channels send into documents: a payload (JSON, CSV or XML) is read into JSON values,
//! and a program in jq, written by an operator, makes one document of each.
//!
//! Programs and payloads come from strangers, so that everything here has a [bound](budget), and a
//! program that meets one ends with an error that names it. The bounds count work and never look at
//! a clock: the same program with the same input always ends in the same way.

mod budget;
mod csv;
mod natives;
mod number;
mod payload;
mod program;
mod quotes;
mod value;
mod xml;

pub use budget::Bound;
pub use payload::{Format, MAX_PAYLOAD, Message, PayloadError, read};
pub use program::{Fault, MAX_PROGRAM, RunError, check, run};
pub use quotes::Quotes;

#[cfg(test)]
#[path = "examples_tests.rs"]
mod examples;
