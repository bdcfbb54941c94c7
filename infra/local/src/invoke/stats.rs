//! What the functions did, counted as Lambda bills it.

use std::{
    sync::atomic::{AtomicU64, AtomicUsize, Ordering},
    time::Duration,
};

use serde::Serialize;

/// What one function did since the stack started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct FunctionStats {
    /// Invocations that ended.
    pub invocations: u64,
    /// Of these, how many failed, panicked or ran out of time.
    pub errors: u64,
    /// Milliseconds as billed: each invocation's time, rounded up.
    pub billed_ms: u64,
    /// Memory of the function in MB.
    pub memory_mb: u32,
    /// The most invocations that ran at the same time.
    pub peak_concurrency: usize,
}

#[derive(Debug, Default)]
pub(super) struct Meter {
    invocations: AtomicU64,
    errors: AtomicU64,
    billed_ms: AtomicU64,
    running: AtomicUsize,
    peak: AtomicUsize,
}

impl Meter {
    pub(super) fn begin(&self) {
        let running = self.running.fetch_add(1, Ordering::Relaxed) + 1;
        self.peak.fetch_max(running, Ordering::Relaxed);
    }

    pub(super) fn end(&self, took: Duration, failed: bool) {
        let billed = u64::try_from(took.as_micros().div_ceil(1_000)).unwrap_or(u64::MAX);
        self.running.fetch_sub(1, Ordering::Relaxed);
        self.invocations.fetch_add(1, Ordering::Relaxed);
        self.errors.fetch_add(u64::from(failed), Ordering::Relaxed);
        self.billed_ms.fetch_add(billed.max(1), Ordering::Relaxed);
    }

    pub(super) fn read(&self, memory_mb: u32) -> FunctionStats {
        FunctionStats {
            invocations: self.invocations.load(Ordering::Relaxed),
            errors: self.errors.load(Ordering::Relaxed),
            billed_ms: self.billed_ms.load(Ordering::Relaxed),
            memory_mb,
            peak_concurrency: self.peak.load(Ordering::Relaxed),
        }
    }
}
