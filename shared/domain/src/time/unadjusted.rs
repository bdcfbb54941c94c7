//! The dates of a schedule before a business moves them: what a period is, whenever it is run.

use super::{Frequency, GapPolicy, Schedule, ScheduleRules};

impl Schedule {
    /// The schedule by the calendar alone, with the same numbers for intervals: no working days, and
    /// nothing left out. What is billed lies between these dates, while runs come on the adjusted
    /// ones: ISDA's definitions tell *unadjusted* period ends from *adjusted* payment dates likewise.
    ///
    /// A date of an interval that clocks jump over is read as [`GapPolicy::FirstValid`], whatever
    /// the rule. A cron expression keeps its rules for clocks, since a firing that is not there is no
    /// date of it, and counts every firing.
    #[must_use]
    pub fn unadjusted(&self) -> Self {
        let dst_gap = match self.frequency() {
            Frequency::Cron(_) => self.rules().dst_gap,
            Frequency::Named(_) | Frequency::Every(_) => GapPolicy::FirstValid,
        };
        let rules = ScheduleRules { working_days: None, dst_gap, ..self.rules().clone() };
        Self::assemble(self.frequency().clone(), self.anchor(), self.zone(), rules)
    }
}

#[cfg(test)]
#[path = "unadjusted_tests.rs"]
mod tests;
