//! The checker of ledgers: computes everything again from the lines, and names what differs.

use super::{
    Against, Cause, CreditBase, Cut, Discrepancy, Ledger, LedgerLineKind, Line, Period,
    ProrationError, ledger::Totals, line::credited, slices::weight,
};
use crate::money::{MinorUnits, allocate};

impl Ledger {
    /// Everything that is wrong with the ledger; nothing when it is sound.
    ///
    /// Spans, fractions, amounts, limits and sums are computed again from the period, the policy and
    /// each line's basis. A charge that the ledger does not contain is taken at a credit's word.
    #[must_use]
    pub fn verify(&self) -> Vec<Discrepancy> {
        let period = match Period::new(self.period_start, self.period_end, self.policy) {
            Ok(period) => period,
            Err(error) => return vec![Discrepancy::Period(error)],
        };
        let mut check = Check { ledger: self, period, charges: Vec::new(), found: Vec::new() };
        for (line, number) in self.lines.iter().zip(1..) {
            check.line(line, number);
        }
        check.changes();
        check.slices();
        check.totals();
        check.found
    }
}

struct Check<'a> {
    ledger: &'a Ledger,
    period: Period,
    charges: Vec<KnownCharge>,
    found: Vec<Discrepancy>,
}

/// A charge as the lines read so far tell of it.
struct KnownCharge {
    number: u32,
    /// The line that made it, if it is in the ledger.
    made_by: Option<Line>,
    against: Against,
}

impl Check<'_> {
    fn line(&mut self, line: &Line, number: usize) {
        if line.kind != line.cause.kind() {
            let (kind, cause) = (line.kind, line.cause);
            self.found.push(Discrepancy::Kind { line: number, kind, cause });
        }
        if line.basis.is_negative() {
            self.found.push(Discrepancy::Basis { line: number, basis: line.basis });
        }
        if line.against.is_some() != (line.kind == LedgerLineKind::Credit) {
            self.found.push(Discrepancy::Against { line: number });
        }
        self.span(line, number);
        let expected = match (line.kind, line.against) {
            (LedgerLineKind::Charge, _) => {
                self.new_charge(line, number);
                let rounding = self.ledger.policy.rounding;
                line.basis.checked_scale(line.fraction, rounding).map_err(Into::into)
            }
            (LedgerLineKind::Credit, Some(against)) => {
                self.history(line, number, against);
                credited(line.basis, line.fraction, against, &self.ledger.policy)
            }
            // Slices depend on each other; a credit without a charge has been reported.
            (LedgerLineKind::Credit, None) | (LedgerLineKind::Slice, _) => return,
        };
        self.amount(line, number, expected);
    }

    fn amount(&mut self, line: &Line, number: usize, expected: Result<MinorUnits, ProrationError>) {
        match expected {
            Ok(recomputed) if recomputed == line.amount => {}
            Ok(recomputed) => self.found.push(Discrepancy::Amount {
                line: number,
                recorded: line.amount,
                recomputed,
            }),
            Err(error) => self.found.push(Discrepancy::Uncomputable { line: number, error }),
        }
    }

    fn span(&mut self, line: &Line, number: usize) {
        let Some((from, to)) = self.cuts(line) else {
            let (from, to) = (line.from, line.to);
            self.found.push(Discrepancy::Span { line: number, from, to });
            return;
        };
        if let Ok(recomputed) = self.period.fraction(from, to) {
            let counts = (line.fraction.numerator(), line.fraction.denominator());
            if counts != (recomputed.numerator(), recomputed.denominator()) {
                let recorded = line.fraction;
                self.found.push(Discrepancy::Fraction { line: number, recorded, recomputed });
            }
        }
    }

    /// The cuts of a line, if it can have them: only slices end before the period does.
    fn cuts(&self, line: &Line) -> Option<(Cut, Cut)> {
        let from = self.period.cut(line.from).ok()?;
        let to = self.period.cut(line.to).ok()?;
        let as_counted = from.at == line.from && to.at == line.to;
        let in_order = from.rank() <= to.rank();
        let to_the_end = line.kind == LedgerLineKind::Slice || to == self.period.end();
        (as_counted && in_order && to_the_end).then_some((from, to))
    }

    fn new_charge(&mut self, line: &Line, number: usize) {
        if self.charges.iter().any(|known| known.number == line.charge) {
            let charge = line.charge;
            self.found.push(Discrepancy::RepeatedCharge { line: number, charge });
            return;
        }
        let against = Against { charged: line.amount, already_credited: MinorUnits::ZERO };
        self.charges.push(KnownCharge { number: line.charge, made_by: Some(*line), against });
    }

    fn history(&mut self, line: &Line, number: usize, recorded: Against) {
        if recorded.already_credited.is_negative() || recorded.charged < recorded.already_credited {
            let error = ProrationError::CreditedAboveCharged {
                charged: recorded.charged,
                credited: recorded.already_credited,
            };
            self.found.push(Discrepancy::Uncomputable { line: number, error });
        }
        let Some(known) = self.charges.iter_mut().find(|known| known.number == line.charge) else {
            let after = after(recorded, line);
            self.charges.push(KnownCharge { number: line.charge, made_by: None, against: after });
            return;
        };
        if known.against != recorded {
            self.found.push(Discrepancy::History {
                line: number,
                charge: line.charge,
                recorded,
                recomputed: known.against,
            });
        }
        known.against = after(known.against, line);
        if let Some(made) = known.made_by {
            self.within_charge(line, number, &made);
        }
    }

    /// A credit gives back time and money that its charge took.
    fn within_charge(&mut self, line: &Line, number: usize, made: &Line) {
        let from_charged = self.ledger.policy.credit_base == CreditBase::Charged;
        if from_charged && line.basis > made.basis {
            self.found.push(Discrepancy::Basis { line: number, basis: line.basis });
        }
        let rank = |line: &Line| self.period.cut(line.from).map(Cut::rank).ok();
        if rank(line) < rank(made) {
            let (from, to) = (line.from, line.to);
            self.found.push(Discrepancy::Span { line: number, from, to });
        }
    }

    /// Each change of terms gives back and charges at the same time.
    fn changes(&mut self) {
        let lines = &self.ledger.lines;
        for (line, number) in lines.iter().zip(1..) {
            let other_half = match line.cause {
                Cause::OldTerms => Cause::NewTerms,
                Cause::NewTerms => Cause::OldTerms,
                Cause::WholePeriod
                | Cause::StartStub
                | Cause::QuantityAdded
                | Cause::QuantityRemoved
                | Cause::Termination
                | Cause::CycleReset
                | Cause::Piece => continue,
            };
            if !lines.iter().any(|other| other.cause == other_half && other.from == line.from) {
                self.found.push(Discrepancy::HalfChange { line: number, at: line.from });
            }
        }
    }

    /// Slices cover the period end to end, and share one price out.
    fn slices(&mut self) {
        let slices: Vec<(usize, &Line)> = (1..)
            .zip(&self.ledger.lines)
            .filter(|(_, line)| line.kind == LedgerLineKind::Slice)
            .collect();
        let Some((_, first)) = slices.first() else {
            return;
        };
        let mut expected = self.period.start().at;
        let mut weights = Vec::with_capacity(slices.len());
        for (number, line) in &slices {
            if line.from != expected || line.basis != first.basis {
                self.found.push(Discrepancy::BrokenSlices { line: *number, expected });
            }
            expected = line.to;
            weights.push(self.cuts(line).map_or(0, |(from, to)| weight(from, to)));
        }
        if expected != self.period.end().at {
            let (line, expected) = (self.ledger.lines.len() + 1, self.period.end().at);
            self.found.push(Discrepancy::BrokenSlices { line, expected });
        }
        match allocate(first.basis, &weights) {
            Ok(shares) => {
                for ((number, line), share) in slices.iter().zip(shares) {
                    self.amount(line, *number, Ok(share));
                }
            }
            Err(error) => self.found.push(Discrepancy::Uncountable(error.into())),
        }
    }

    fn totals(&mut self) {
        let Totals { credit, charge, net } = match Totals::of(&self.ledger.lines) {
            Ok(totals) => totals,
            Err(error) => {
                self.found.push(Discrepancy::Uncountable(error));
                return;
            }
        };
        for (total, recorded, recomputed) in [
            ("credit", self.ledger.credit, credit),
            ("charge", self.ledger.charge, charge),
            ("net", self.ledger.net, net),
        ] {
            if recorded != recomputed {
                self.found.push(Discrepancy::Total { total, recorded, recomputed });
            }
        }
    }
}

/// A charge after a credit; one that can't be computed with is reported by its line.
fn after(before: Against, credit: &Line) -> Against {
    let credited = before.already_credited.checked_sub(credit.amount);
    Against { already_credited: credited.unwrap_or(before.already_credited), ..before }
}

#[cfg(test)]
#[path = "verify_tests.rs"]
mod tests;
