//! How often checks hold and refuse orders, and how often an operator overturns that.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{CheckName, CheckRecord, RecordOutcome, Resolution, Severity};

/// Counts of one check in one channel. An order that fails several checks counts for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct CheckCount {
    /// Orders that went back to draft because of it.
    pub rejected: u64,
    /// Orders that it had held for an operator.
    pub held: u64,
    /// Of both, those that an operator has overturned.
    pub overturned: u64,
    /// Of both, those that an operator has upheld.
    pub upheld: u64,
}

impl CheckCount {
    /// Orders that it stopped.
    #[must_use]
    pub fn stopped(&self) -> u64 {
        self.rejected + self.held
    }

    /// Held orders that no operator has decided on, and refused ones that none has looked at.
    #[must_use]
    pub fn open(&self) -> u64 {
        self.stopped() - self.overturned - self.upheld
    }

    /// The part of those it stopped that was overturned, in ten-thousandths, rounded half up; `None`
    /// where it stopped none.
    #[must_use]
    pub fn overturn_rate(&self) -> Option<u64> {
        let stopped = self.stopped();
        (stopped > 0).then(|| (self.overturned * 20_000 + stopped) / (stopped * 2))
    }
}

/// Counts records by check and channel.
#[must_use]
pub fn count<'a>(
    records: impl IntoIterator<Item = &'a CheckRecord>,
) -> BTreeMap<(CheckName, Option<String>), CheckCount> {
    let mut counts: BTreeMap<_, CheckCount> = BTreeMap::new();
    for record in records {
        for failure in &record.failures {
            let count = counts.entry((failure.check, record.channel.clone())).or_default();
            // What would only have held an order that was refused for another check counts as held.
            match (record.outcome, failure.severity) {
                (RecordOutcome::Rejected, Severity::Reject) => count.rejected += 1,
                _ => count.held += 1,
            }
            match record.resolution {
                Some(Resolution::Overturned) => count.overturned += 1,
                Some(Resolution::Upheld) => count.upheld += 1,
                None => {}
            }
        }
    }
    counts
}

#[cfg(test)]
#[path = "statistics_tests.rs"]
mod tests;
