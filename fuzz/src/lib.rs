//! What must hold for any input at all: a function for each kind of input, which panics where
//! something does not hold.
//!
//! `cargo fuzz` feeds them what it finds out about the compiled code (`targets/`), `cargo test`
//! the seeds and what comes of mixing them, so that they stay right. `docs/proof.md` says more.

mod empty_cloud;
mod occurrences;
mod previews;
mod text;

pub use previews::{Preview, preview};
pub use text::{cron, frequency};
