//! What can be wrong with a ledger.

use thiserror::Error;

use super::{Against, Cause, LedgerLineKind, Moment, ProrationError};
use crate::money::{MinorUnits, Ratio};

/// One thing in a ledger that does not follow from the rest of it. Lines are numbered from 1.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum Discrepancy {
    /// The period itself can't be counted.
    #[error("the period can't be counted: {0}")]
    Period(ProrationError),
    /// A cause goes with another kind of line.
    #[error("line {line} is a {kind:?}, but its cause is `{cause}`")]
    Kind {
        /// The line.
        line: usize,
        /// The recorded kind.
        kind: LedgerLineKind,
        /// The recorded cause.
        cause: Cause,
    },
    /// A span that is not in the period, runs backwards, or does not go on until its end.
    #[error("line {line} can't be for {from} to {to}")]
    Span {
        /// The line.
        line: usize,
        /// The recorded start.
        from: Moment,
        /// The recorded end.
        to: Moment,
    },
    /// A fraction that its span does not have.
    #[error("line {line} has the fraction {recorded}, but its span has {recomputed}")]
    Fraction {
        /// The line.
        line: usize,
        /// As recorded.
        recorded: Ratio,
        /// As counted again.
        recomputed: Ratio,
    },
    /// An amount that its basis and fraction do not come to.
    #[error("line {line} has the amount {recorded}, but comes to {recomputed}")]
    Amount {
        /// The line.
        line: usize,
        /// As recorded.
        recorded: MinorUnits,
        /// As computed again.
        recomputed: MinorUnits,
    },
    /// Amounts that can't be computed with.
    #[error("line {line} can't be computed: {error}")]
    Uncomputable {
        /// The line.
        line: usize,
        /// Why not.
        error: ProrationError,
    },
    /// A basis that no line of its kind can have: below 0, or more than its charge's.
    #[error("line {line} can't have the basis {basis}")]
    Basis {
        /// The line.
        line: usize,
        /// As recorded.
        basis: MinorUnits,
    },
    /// A credit that names no charge, or another line that does.
    #[error("line {line}: a credit says what it gives back from, and only a credit does")]
    Against {
        /// The line.
        line: usize,
    },
    /// A credit's charge has another history in the lines before it.
    #[error(
        "line {line}: of charge {charge}, {} were charged and {} given back before, not {} and {}",
        recomputed.charged, recomputed.already_credited, recorded.charged, recorded.already_credited
    )]
    History {
        /// The line.
        line: usize,
        /// The charge.
        charge: u32,
        /// As the line says.
        recorded: Against,
        /// As the lines before it say.
        recomputed: Against,
    },
    /// Two lines make the same charge.
    #[error("line {line} makes charge {charge} again")]
    RepeatedCharge {
        /// The later line.
        line: usize,
        /// The charge.
        charge: u32,
    },
    /// New terms without a credit for the old ones at the same time, or the other way round.
    #[error("line {line} is half of a change of terms: the other half is missing at {at}")]
    HalfChange {
        /// The line.
        line: usize,
        /// When the terms changed.
        at: Moment,
    },
    /// Slices that leave something of the period out, overlap, or are of different prices.
    #[error("line {line} does not go on where the slices before it ended, at {expected}")]
    BrokenSlices {
        /// The line, or one past the last.
        line: usize,
        /// Where a slice had to start, or the end of the period that none reaches.
        expected: Moment,
    },
    /// A sum that the lines do not come to.
    #[error("the ledger's {total} is {recorded}, but its lines come to {recomputed}")]
    Total {
        /// Which sum: `credit`, `charge` or `net`.
        total: &'static str,
        /// As recorded.
        recorded: MinorUnits,
        /// As added up again.
        recomputed: MinorUnits,
    },
    /// Lines that don't add up in 64 bits.
    #[error("the lines can't be added up: {0}")]
    Uncountable(ProrationError),
}
