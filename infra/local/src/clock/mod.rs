//! The clock that can be moved, and what moving it sets off.

mod advance;
mod due;
pub mod duration;
mod movable;

pub use advance::{Advance, AdvanceError, Summary, Target};
pub use due::{DueIndex, DueState, Tried};
pub use movable::{ClockError, MovableClock};
