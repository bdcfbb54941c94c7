//! Another interval: the period ends early, and a new one begins.

use super::{Book, Cause, Ledger, Moment, Period, ProrationError, Terms};

/// What a change of the interval comes to: the old period's credit, and a book for the new one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CycleReset {
    /// Gives back the rest of the old period.
    pub closing: Ledger,
    /// The new period, its terms charged in full.
    pub book: Book,
}

impl Book {
    /// Ends the period at a change of the interval, such as from monthly to yearly: what is left of
    /// it is given back, and a whole period of the new interval begins there and is charged in full.
    /// The day of change belongs to the new period.
    ///
    /// # Errors
    ///
    /// [`ProrationError`], which names the field and the rule; `period_end` is that of the new
    /// period. This book is then as it was.
    pub fn reset_cycle(
        &mut self,
        at: Moment,
        period_end: Moment,
        terms: Terms,
    ) -> Result<CycleReset, ProrationError> {
        let cut = self.cut(at)?;
        let period = Period::new(cut.at, period_end, *self.period().policy())?;
        let mut book = Self::open(self.currency(), period);
        book.change_terms(cut.at, terms)?;
        let closing = self.close(cut, Cause::CycleReset)?;
        Ok(CycleReset { closing, book })
    }
}

#[cfg(test)]
#[path = "cycle_tests.rs"]
mod tests;
