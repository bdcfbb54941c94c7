//! How many renewals were paid in time.
//!
//! **Due** are the occurrences whose date lies in the span and that were run: those that somebody
//! skipped, paused over or cancelled before are not due, and those whose policy still goes on are not
//! decided yet and shown apart as open. **Paid** are those that were paid, or cost nothing, before
//! their policy gave them up. An occurrence that nobody has run counts as due and not as paid.
//!
//! A final decline of the customer's bank (a stolen card) is no failure of ours: `recoverable` leaves
//! those out that were given up for it.

use serde::{Deserialize, Serialize};

use crate::run::{Run, RunStatus};

/// The code in a run's log when a final decline has ended it.
const HARD_DECLINE: &str = "hard_decline";
/// The code in a run's log when its policy has no retry left.
const RETRIES_EXHAUSTED: &str = "retries_exhausted";
/// What makes up the whole, in parts per million.
const WHOLE: u64 = 1_000_000;

/// How one renewal went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Renewal {
    /// Paid, or free, before the policy gave it up.
    Paid,
    /// Given up, and paid later all the same: somebody tried it again.
    Recovered {
        /// Whether it was given up for a final decline.
        hard: bool,
    },
    /// Given up for a final decline.
    HardDeclined,
    /// Given up for anything else.
    Failed,
    /// The policy still goes on.
    Open,
    /// Not to be paid: it has left a draft, or ended before anything was collected.
    NotDue,
}

impl Renewal {
    /// How a run went.
    #[must_use]
    pub fn of(run: &Run) -> Self {
        let logged = |code: &str| run.errors_log.iter().any(|error| error.code == code);
        let hard = logged(HARD_DECLINE);
        match run.status {
            _ if !run.place_target_order => Self::NotDue,
            RunStatus::Aborted => Self::NotDue,
            RunStatus::Open => Self::Open,
            RunStatus::Successful if hard || logged(RETRIES_EXHAUSTED) => Self::Recovered { hard },
            RunStatus::Successful => Self::Paid,
            RunStatus::Failed if hard => Self::HardDeclined,
            RunStatus::Failed => Self::Failed,
        }
    }
}

/// The renewals of a span, counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Renewals {
    /// Decided, one way or the other, or lost.
    pub due: u64,
    /// Of these: paid, or free, before their policy gave them up.
    pub paid: u64,
    /// Of these: given up for a final decline.
    pub hard_declined: u64,
    /// Of these: given up for anything else.
    pub failed: u64,
    /// Of those given up: paid later all the same.
    pub recovered: u64,
    /// Elapsed, and run by nobody.
    pub lost: u64,
    /// Not decided yet, and not in `due`.
    pub open: u64,
}

impl Renewals {
    /// Counts one renewal.
    pub fn add(&mut self, renewal: Renewal) {
        match renewal {
            Renewal::NotDue => return,
            Renewal::Open => {
                self.open += 1;
                return;
            }
            Renewal::Paid => self.paid += 1,
            Renewal::HardDeclined => self.hard_declined += 1,
            Renewal::Failed => self.failed += 1,
            Renewal::Recovered { hard } => {
                self.recovered += 1;
                if hard {
                    self.hard_declined += 1;
                } else {
                    self.failed += 1;
                }
            }
        }
        self.due += 1;
    }

    /// Counts occurrences that nobody has run.
    pub fn add_lost(&mut self, lost: u64) {
        self.due += lost;
        self.lost += lost;
    }

    /// Both together.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            due: self.due + other.due,
            paid: self.paid + other.paid,
            hard_declined: self.hard_declined + other.hard_declined,
            failed: self.failed + other.failed,
            recovered: self.recovered + other.recovered,
            lost: self.lost + other.lost,
            open: self.open + other.open,
        }
    }

    /// Paid of due, in parts per million, rounded down; `None` when nothing was due.
    #[must_use]
    pub fn success_ppm(&self) -> Option<u64> {
        ppm(self.paid, self.due)
    }

    /// Paid of those due that no final decline has ended, in parts per million, rounded down.
    #[must_use]
    pub fn recoverable_success_ppm(&self) -> Option<u64> {
        ppm(self.paid, self.due.saturating_sub(self.hard_declined))
    }
}

fn ppm(part: u64, whole: u64) -> Option<u64> {
    part.saturating_mul(WHOLE).checked_div(whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_exact_and_rounded_down() {
        let mut renewals = Renewals::default();
        assert_eq!(renewals.success_ppm(), None);
        for renewal in [
            Renewal::Paid,
            Renewal::Paid,
            Renewal::HardDeclined,
            Renewal::Recovered { hard: true },
            Renewal::Recovered { hard: false },
            Renewal::Failed,
            Renewal::Open,
            Renewal::NotDue,
        ] {
            renewals.add(renewal);
        }
        renewals.add_lost(1);
        // By hand: due are 2 paid + 2 hard + 2 failed + 1 lost; recoverable are the 5 without the hard.
        let expected = Renewals {
            due: 7,
            paid: 2,
            hard_declined: 2,
            failed: 2,
            recovered: 2,
            lost: 1,
            open: 1,
        };
        assert_eq!(renewals, expected);
        assert_eq!(renewals.success_ppm(), Some(285_714));
        assert_eq!(renewals.recoverable_success_ppm(), Some(400_000));
    }
}
