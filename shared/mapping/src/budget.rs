//! What a program may use up. Each evaluation step of a program and each operation on values takes
//! from a budget of the thread that runs it; when nothing is left, the thread unwinds, which no `try`
//! of a program can catch.

use std::{cell::Cell, fmt};

/// Most evaluation steps of one run: a mapping of an order of 40 lines takes some 10,000.
pub(crate) const MAX_STEPS: u64 = 500_000;
/// Most bytes of values that one run may make, those that it has dropped counted.
pub(crate) const MAX_BYTES: u64 = 32 * 1024 * 1024;
/// Deepest nesting of a value.
pub(crate) const MAX_DEPTH: u16 = 100;
/// How much of its stack a run may use; the rest is for what follows from the last step.
pub(crate) const MAX_STACK: usize = 64 * 1024 * 1024;

/// What a program has used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    /// It takes too many steps.
    Steps,
    /// It makes too many values, or too large ones.
    Bytes,
    /// It nests calls too deeply.
    Recursion,
    /// It nests a value too deeply.
    Depth,
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Steps => write!(f, "it takes more than {MAX_STEPS} steps"),
            Self::Bytes => {
                write!(f, "it makes more than {} MB of values", MAX_BYTES / 1024 / 1024)
            }
            Self::Recursion => f.write_str("its calls nest too deeply"),
            Self::Depth => write!(f, "it nests a value more than {MAX_DEPTH} deep"),
        }
    }
}

thread_local! {
    static STEPS: Cell<u64> = const { Cell::new(0) };
    static BYTES: Cell<u64> = const { Cell::new(0) };
    static BASE: Cell<usize> = const { Cell::new(0) };
}

/// Gives this thread a fresh budget. Its stack is measured from here.
pub(crate) fn begin() {
    STEPS.set(MAX_STEPS);
    BYTES.set(MAX_BYTES);
    BASE.set(here());
}

/// About where the stack ends by now.
#[inline(never)]
fn here() -> usize {
    let marker = 0_u8;
    std::ptr::from_ref(&marker).addr()
}

/// Takes steps from the budget, and looks how deep the stack is.
pub(crate) fn step(count: usize) {
    take(&STEPS, count, Bound::Steps);
    if BASE.get().abs_diff(here()) > MAX_STACK {
        stop(Bound::Recursion);
    }
}

/// Takes bytes from the budget, before they are allocated.
pub(crate) fn make(bytes: usize) {
    take(&BYTES, bytes, Bound::Bytes);
}

/// Checks how deep a value is nested.
pub(crate) fn nest(depth: u16) {
    if depth > MAX_DEPTH {
        stop(Bound::Depth);
    }
}

fn take(budget: &'static std::thread::LocalKey<Cell<u64>>, count: usize, bound: Bound) {
    let count = u64::try_from(count).unwrap_or(u64::MAX);
    match budget.get().checked_sub(count) {
        Some(left) => budget.set(left),
        None => stop(bound),
    }
}

/// Ends the run. Unwinding reaches the end of the thread whatever the program does; an error would
/// be caught by its first `try`, and a loop around that would go on.
fn stop(bound: Bound) -> ! {
    std::panic::resume_unwind(Box::new(bound))
}
