//! Any number of changes in one period, over the charges that they made.

use std::num::NonZeroU32;

use super::{
    Against, Cause, Cut, Ledger, LedgerLineKind, Line, Moment, Period, ProrationError, Terms,
    request::termination,
};
use crate::money::{Currency, MinorUnits};

/// What was charged for one thing in one period, and what of it was given back.
///
/// Each change gives back from the charges that are still open and adds one of its own, so a credit
/// always comes from money that was taken. Changes are entered in the order in which they take
/// effect; one that is refused leaves the book as it was. A change that is not to be prorated at all
/// ([`Behavior::None`](super::Behavior::None)) is not entered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Book {
    currency: Currency,
    period: Period,
    /// Those that still pay for something, the oldest first.
    open: Vec<Charge>,
    /// Where the last change cut the period.
    settled: Cut,
    lines: Vec<Line>,
}

/// A charge that can be given back from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Charge {
    number: u32,
    /// The prices per unit, and the units that it still pays for.
    terms: Terms,
    against: Against,
}

impl Book {
    /// An empty book: nothing is charged for yet.
    #[must_use]
    pub const fn open(currency: Currency, period: Period) -> Self {
        let settled = period.start();
        Self { currency, period, open: Vec::new(), settled, lines: Vec::new() }
    }

    /// What the book is about.
    #[must_use]
    pub const fn period(&self) -> &Period {
        &self.period
    }

    /// How many units are charged for.
    #[must_use]
    pub fn quantity(&self) -> u32 {
        // Never more than the last quantity set, so it fits.
        self.open.iter().map(Charge::quantity).fold(0, u32::saturating_add)
    }

    /// Every line since the book was opened.
    ///
    /// # Errors
    ///
    /// [`MoneyError::Overflow`](crate::money::MoneyError::Overflow) when all of it does not add up
    /// in 64 bits.
    pub fn ledger(&self) -> Result<Ledger, ProrationError> {
        Ledger::of(self.currency, &self.period, self.lines.clone())
    }

    /// Gives back what is left of everything held, and charges the new terms from there on. The
    /// first terms are entered so, too.
    ///
    /// # Errors
    ///
    /// [`ProrationError`], which names the field and the rule.
    pub fn change_terms(&mut self, at: Moment, terms: Terms) -> Result<Ledger, ProrationError> {
        terms.check()?;
        let cut = self.cut(at)?;
        let mut change = Change::default();
        for charge in &self.open {
            change.give_back(&self.period, cut, Cause::OldTerms, *charge, charge.quantity())?;
        }
        let cause = match (self.open.is_empty(), cut.position) {
            (false, _) => Cause::NewTerms,
            (true, 0) => Cause::WholePeriod,
            (true, _) => Cause::StartStub,
        };
        change.charge(&self.period, cut, cause, self.next_number(), terms)?;
        self.enter(cut, change)
    }

    /// Charges the units that come on top, at the price of the last ones, or gives back those that
    /// are taken away, the last ones first. Only the difference is prorated.
    ///
    /// # Errors
    ///
    /// [`ProrationError::NothingHeld`] in a book without an open charge, and as
    /// [`Book::change_terms`].
    pub fn change_quantity(
        &mut self,
        at: Moment,
        quantity: NonZeroU32,
    ) -> Result<Ledger, ProrationError> {
        let cut = self.cut(at)?;
        let Some(last) = self.open.last() else {
            return Err(ProrationError::NothingHeld { at: cut.at });
        };
        let mut change = Change::default();
        let (held, wanted) = (self.quantity(), quantity.get());
        if let Some(added) = NonZeroU32::new(wanted.saturating_sub(held)) {
            change.open.clone_from(&self.open);
            let terms = Terms { quantity: added, ..last.terms };
            change.charge(&self.period, cut, Cause::QuantityAdded, self.next_number(), terms)?;
        } else {
            let mut excess = held - wanted;
            for charge in self.open.iter().rev() {
                let removed = excess.min(charge.quantity());
                excess -= removed;
                change.give_back(&self.period, cut, Cause::QuantityRemoved, *charge, removed)?;
            }
            change.open.reverse();
        }
        self.enter(cut, change)
    }

    /// Gives back what is left of everything held, from the day of termination on or from the day
    /// after it, by policy.
    ///
    /// # Errors
    ///
    /// As [`Book::change_terms`].
    pub fn terminate(&mut self, at: Moment) -> Result<Ledger, ProrationError> {
        self.cut(at)?;
        let cut = termination(&self.period, at)?;
        self.close(cut, Cause::Termination)
    }

    /// Gives back what is left of everything held.
    pub(super) fn close(&mut self, cut: Cut, cause: Cause) -> Result<Ledger, ProrationError> {
        let mut change = Change::default();
        for charge in &self.open {
            change.give_back(&self.period, cut, cause, *charge, charge.quantity())?;
        }
        self.enter(cut, change)
    }

    /// Where a change cuts the period, if no later one has been entered.
    pub(super) fn cut(&self, at: Moment) -> Result<Cut, ProrationError> {
        let cut = self.period.cut(at)?;
        if cut.rank() < self.settled.rank() {
            Err(ProrationError::OutOfOrder { at: cut.at, settled: self.settled.at })
        } else {
            Ok(cut)
        }
    }

    pub(super) const fn currency(&self) -> Currency {
        self.currency
    }

    fn next_number(&self) -> u32 {
        let charges = self.lines.iter().filter(|line| line.kind == LedgerLineKind::Charge);
        charges.map(|line| line.charge).max().map_or(1, |last| last.saturating_add(1))
    }

    fn enter(&mut self, cut: Cut, change: Change) -> Result<Ledger, ProrationError> {
        let ledger = Ledger::of(self.currency, &self.period, change.lines)?;
        self.lines.extend_from_slice(&ledger.lines);
        self.open = change.open;
        self.settled = cut;
        Ok(ledger)
    }
}

/// What a change writes, before it is entered.
#[derive(Default)]
struct Change {
    lines: Vec<Line>,
    open: Vec<Charge>,
}

impl Change {
    fn charge(
        &mut self,
        period: &Period,
        cut: Cut,
        cause: Cause,
        number: u32,
        terms: Terms,
    ) -> Result<(), ProrationError> {
        let basis = terms.charged(terms.quantity.get())?;
        let line = Line::charge(period, cut, cause, number, basis)?;
        let against = Against { charged: line.amount, already_credited: MinorUnits::ZERO };
        self.lines.push(line);
        self.open.push(Charge { number, terms, against });
        Ok(())
    }

    /// Gives so many units of a charge back; the charge stays open for the others.
    fn give_back(
        &mut self,
        period: &Period,
        cut: Cut,
        cause: Cause,
        charge: Charge,
        removed: u32,
    ) -> Result<(), ProrationError> {
        let mut against = charge.against;
        if removed > 0 {
            let basis = charge.terms.credited(period.policy().credit_base, removed)?;
            let line = Line::credit(period, cut, cause, charge.number, basis, against)?;
            against.already_credited = against.already_credited.checked_sub(line.amount)?;
            self.lines.push(line);
        }
        if let Some(quantity) = NonZeroU32::new(charge.quantity().saturating_sub(removed)) {
            let terms = Terms { quantity, ..charge.terms };
            self.open.push(Charge { terms, against, ..charge });
        }
        Ok(())
    }
}

impl Charge {
    const fn quantity(&self) -> u32 {
        self.terms.quantity.get()
    }
}

#[cfg(test)]
#[path = "book_tests.rs"]
mod tests;
