//! A clock that can be moved forward.

use std::{
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use perennial_runtime::Clock;
use serde::{Deserialize, Serialize};
use thiserror::Error;
use tokio::sync::watch;

/// The stack's clock. It runs with the machine's, ahead of it by as much as it was moved; while it
/// is being moved it stands still at each instant where something happens. It never goes back,
/// and a restart goes on where it was.
#[derive(Debug)]
pub struct MovableClock {
    state: Mutex<State>,
    file: Option<PathBuf>,
    moved: watch::Sender<u64>,
}

#[derive(Debug, Clone, Copy)]
struct State {
    /// How far ahead of the machine's clock, when it runs.
    ahead: TimeDelta,
    /// Where it stands, when it does not run.
    held: Option<DateTime<Utc>>,
    /// The latest instant that anybody was told: the machine's own clock may be set back.
    latest: DateTime<Utc>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Saved {
    ahead_ms: i64,
}

/// Why the clock was not moved.
#[derive(Debug, Error)]
pub enum ClockError {
    /// The new instant is before the present one.
    #[error("the clock can't go back from {now} to {to}")]
    Backwards {
        /// The present instant.
        now: DateTime<Utc>,
        /// The instant asked for.
        to: DateTime<Utc>,
    },
    /// The new instant is too far ahead. The clock never goes back, so a typing error would spoil
    /// the data directory for good.
    #[error("the clock can't be moved by more than {MOST_YEARS} years at once, from {now} to {to}")]
    TooFar {
        /// The present instant.
        now: DateTime<Utc>,
        /// The instant asked for.
        to: DateTime<Utc>,
    },
    /// The clock's file can't be read or written.
    #[error("the clock's file can't be used: {0}")]
    File(#[from] std::io::Error),
    /// The clock's file holds something else.
    #[error("the clock's file is damaged: {0}")]
    Damaged(#[from] serde_json::Error),
}

/// The farthest that one move takes the clock, in years of 365 days.
pub(super) const MOST_YEARS: i64 = 20;

impl MovableClock {
    /// A clock kept in `file`, or one that starts with the machine's.
    ///
    /// # Errors
    /// When the file can't be read, or is damaged.
    pub fn open(file: Option<PathBuf>) -> Result<Self, ClockError> {
        let mut ahead = TimeDelta::zero();
        if let Some(path) = &file {
            match std::fs::read(path) {
                Ok(bytes) => {
                    let saved: Saved = serde_json::from_slice(&bytes)?;
                    ahead = TimeDelta::milliseconds(saved.ahead_ms);
                }
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => return Err(error.into()),
            }
        }
        let state = State { ahead, held: None, latest: Utc::now() + ahead };
        Ok(Self { state: Mutex::new(state), file, moved: watch::Sender::new(0) })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Stops the clock where it is and tells where that is.
    pub fn hold(&self) -> DateTime<Utc> {
        let now = self.now();
        let mut state = self.state();
        *state.held.insert(now)
    }

    /// Moves the clock, which must be held, to a later instant and keeps it there. Written down
    /// before anything can see it: after a crash the clock is not behind what was done.
    ///
    /// # Errors
    /// When the instant is past, or the clock's file can't be written.
    pub fn jump(&self, to: DateTime<Utc>) -> Result<(), ClockError> {
        let now = self.now();
        if to < now {
            return Err(ClockError::Backwards { now, to });
        }
        let ahead = to - Utc::now();
        self.save(ahead, crate::durable::replace)?;
        {
            let mut state = self.state();
            state.ahead = ahead;
            state.held = Some(to);
            state.latest = to;
        }
        self.moved.send_modify(|generation| *generation = generation.wrapping_add(1));
        Ok(())
    }

    /// Lets the clock run on from where it stands.
    ///
    /// # Errors
    /// When the clock's file can't be written.
    pub fn release(&self) -> Result<(), ClockError> {
        let ahead = {
            let mut state = self.state();
            let Some(held) = state.held.take() else { return Ok(()) };
            state.ahead = held - Utc::now();
            state.ahead
        };
        self.moved.send_modify(|generation| *generation = generation.wrapping_add(1));
        self.save(ahead, crate::durable::write)
    }

    /// Whether the clock is standing still, being moved.
    pub fn is_held(&self) -> bool {
        self.state().held.is_some()
    }

    /// A receiver that sees every jump and release.
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.moved.subscribe()
    }

    fn save(
        &self,
        ahead: TimeDelta,
        write: impl FnOnce(&Path, &[u8]) -> std::io::Result<()>,
    ) -> Result<(), ClockError> {
        if let Some(path) = &self.file {
            let saved = Saved { ahead_ms: ahead.num_milliseconds() };
            write(path, &serde_json::to_vec(&saved)?)?;
        }
        Ok(())
    }
}

impl Clock for MovableClock {
    fn now(&self) -> DateTime<Utc> {
        let mut state = self.state();
        if let Some(held) = state.held {
            return held;
        }
        // Milliseconds are what items and messages carry; more would not survive a round trip.
        let now = (Utc::now() + state.ahead).trunc_subsecs(3);
        state.latest = state.latest.max(now);
        state.latest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_goes_forward_only_and_goes_on_after_a_restart()
    -> Result<(), Box<dyn std::error::Error>> {
        let directory = tempfile::tempdir()?;
        let file = directory.path().join("clock.json");
        let clock = MovableClock::open(Some(file.clone()))?;
        let start = clock.hold();
        clock.jump(start + TimeDelta::days(30))?;
        assert_eq!(clock.now(), start + TimeDelta::days(30));
        assert!(matches!(clock.jump(start), Err(ClockError::Backwards { .. })));
        clock.release()?;
        assert!(clock.now() >= start + TimeDelta::days(30));
        let again = MovableClock::open(Some(file))?;
        let difference = again.now() - clock.now();
        assert!(difference.abs() < TimeDelta::seconds(5), "{difference}");
        Ok(())
    }
}
