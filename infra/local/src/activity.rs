//! Who is at work: the ground on which the stack knows that it is at rest.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::sync::Notify;

/// Counts the work that is under way. Whoever takes something out of a queue, a stream or a socket
/// holds a [`Busy`] from before the taking until its results are stored, so that at no moment work
/// is neither counted nor stored.
#[derive(Debug, Default)]
pub struct Activity {
    busy: AtomicUsize,
    begun: AtomicU64,
    ended: Notify,
}

/// Work under way; ends when dropped.
#[derive(Debug)]
pub struct Busy(Arc<Activity>);

impl Activity {
    /// Begins a piece of work.
    #[must_use]
    pub fn begin(self: &Arc<Self>) -> Busy {
        self.busy.fetch_add(1, Ordering::SeqCst);
        self.begun.fetch_add(1, Ordering::SeqCst);
        Busy(Arc::clone(self))
    }

    /// Waits for a moment in which nothing is under way.
    pub async fn idle(&self) {
        loop {
            let mut ended = std::pin::pin!(self.ended.notified());
            ended.as_mut().enable();
            if self.busy.load(Ordering::SeqCst) == 0 {
                return;
            }
            ended.await;
        }
    }

    /// Waits until nothing is under way and `pending` finds nothing waiting. Gives up after
    /// `patience`, and says so with `false`.
    pub async fn rest(&self, patience: Duration, pending: impl Fn() -> bool) -> bool {
        let deadline = tokio::time::Instant::now() + patience;
        loop {
            let begun = self.begun.load(Ordering::SeqCst);
            let quiet = self.busy.load(Ordering::SeqCst) == 0 && !pending();
            // Work that began while we looked may have moved what we looked for.
            if quiet
                && self.busy.load(Ordering::SeqCst) == 0
                && self.begun.load(Ordering::SeqCst) == begun
            {
                return true;
            }
            if tokio::time::Instant::now() >= deadline {
                return false;
            }
            if self.busy.load(Ordering::SeqCst) == 0 {
                // Something waits and nobody has taken it up yet.
                tokio::task::yield_now().await;
                tokio::time::sleep(Duration::from_micros(200)).await;
            } else {
                let _ = tokio::time::timeout(Duration::from_millis(5), self.ended.notified()).await;
            }
        }
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        if self.0.busy.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.0.ended.notify_waiters();
        }
    }
}
