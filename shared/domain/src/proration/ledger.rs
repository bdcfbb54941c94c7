//! What a change costs and gives back, line by line, with everything that the amounts came from.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Moment, Period, Policy, ProrationError};
use crate::money::{Currency, MinorUnits, Ratio};

/// The lines of a change, or of all the changes in a period, and what they come to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ledger {
    /// What the amounts are counted in.
    pub currency: Currency,
    /// By what rules.
    pub policy: Policy,
    /// The start of the period, as it is counted.
    pub period_start: Moment,
    /// The end of the period, as it is counted: the first day or second after it.
    pub period_end: Moment,
    /// What is given back: 0 or more.
    pub credit: MinorUnits,
    /// What is charged: 0 or more.
    pub charge: MinorUnits,
    /// What is to be paid: the charge less the credit. Below 0 it is to be paid out.
    pub net: MinorUnits,
    /// In the order in which they came about.
    pub lines: Vec<Line>,
}

/// One amount: a basis times a fraction of the period, rounded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// What it does.
    pub kind: LedgerLineKind,
    /// The number of the charge that it makes, or gives back from; within its period, from 1 on.
    pub charge: u32,
    /// The first day or second that it is for.
    pub from: Moment,
    /// The first day or second after those that it is for.
    pub to: Moment,
    /// The price of the whole period.
    pub basis: MinorUnits,
    /// The part of the period, in days or seconds, not reduced: `14/31`.
    pub fraction: Ratio,
    /// The amount: above 0 to be paid, below 0 given back.
    pub amount: MinorUnits,
    /// Why there is this line.
    pub cause: Cause,
    /// For a credit: what was there to give back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub against: Option<Against>,
}

/// What a line does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LedgerLineKind {
    /// Takes money for part of the period.
    Charge,
    /// Gives money back for part of the period.
    Credit,
    /// Shares a price out: together, slices are the whole price.
    Slice,
}

/// The charge that a credit gives back from, as it stood before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Against {
    /// What was charged.
    pub charged: MinorUnits,
    /// What of it had been given back.
    pub already_credited: MinorUnits,
}

impl Against {
    /// What can still be given back.
    ///
    /// # Errors
    ///
    /// [`MoneyError::Overflow`](crate::money::MoneyError::Overflow) for amounts that no charge has.
    pub fn limit(self) -> Result<MinorUnits, ProrationError> {
        Ok(self.charged.checked_sub(self.already_credited)?)
    }
}

/// Why there is a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// Charge: terms that hold from the start of the period to its end.
    WholePeriod,
    /// Charge: terms that begin within the period, where there were none.
    StartStub,
    /// Charge: other terms from a change on.
    NewTerms,
    /// Charge: more units.
    QuantityAdded,
    /// Credit: what the old terms took for the time after the change.
    OldTerms,
    /// Credit: fewer units.
    QuantityRemoved,
    /// Credit: nothing is held any more.
    Termination,
    /// Credit: a new interval began a new period.
    CycleReset,
    /// Slice: a piece of the period.
    Piece,
}

impl Cause {
    /// What a line with this cause does.
    #[must_use]
    pub const fn kind(self) -> LedgerLineKind {
        match self {
            Self::WholePeriod | Self::StartStub | Self::NewTerms | Self::QuantityAdded => {
                LedgerLineKind::Charge
            }
            Self::OldTerms | Self::QuantityRemoved | Self::Termination | Self::CycleReset => {
                LedgerLineKind::Credit
            }
            Self::Piece => LedgerLineKind::Slice,
        }
    }
}

/// For people.
impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::WholePeriod => "whole period",
            Self::StartStub => "start within the period",
            Self::NewTerms => "new terms from the change on",
            Self::QuantityAdded => "units added",
            Self::OldTerms => "rest of the old terms",
            Self::QuantityRemoved => "units removed",
            Self::Termination => "rest after termination",
            Self::CycleReset => "rest of the period that a new interval ended",
            Self::Piece => "piece of the period",
        })
    }
}

impl Line {
    /// Whether less was given back than the fraction comes to, because no more was left of what
    /// had been charged.
    #[must_use]
    pub fn is_limited(&self, policy: &Policy) -> bool {
        self.against.is_some_and(|against| {
            let wanted = self.basis.checked_scale(self.fraction, policy.rounding);
            against.limit().ok().zip(wanted.ok()).is_some_and(|(limit, wanted)| limit < wanted)
        })
    }

    /// The reason in words, for clients.
    #[must_use]
    pub fn reason(&self, policy: &Policy) -> String {
        let limited = if self.is_limited(policy) { ", limited to what was charged" } else { "" };
        format!("{}{limited}", self.cause)
    }
}

impl Ledger {
    /// Adds lines up.
    ///
    /// # Errors
    ///
    /// Amounts that do not fit.
    pub(super) fn of(
        currency: Currency,
        period: &Period,
        lines: Vec<Line>,
    ) -> Result<Self, ProrationError> {
        let Totals { credit, charge, net } = Totals::of(&lines)?;
        Ok(Self {
            currency,
            policy: *period.policy(),
            period_start: period.start().at,
            period_end: period.end().at,
            credit,
            charge,
            net,
            lines,
        })
    }

    /// The part of the period that is given back; `None` without a credit line. With several, that
    /// of the first.
    #[must_use]
    pub fn credit_fraction(&self) -> Option<Ratio> {
        self.fraction_of(LedgerLineKind::Credit)
    }

    /// The part of the period that is charged; `None` without a charge line. With several, that of
    /// the first.
    #[must_use]
    pub fn charge_fraction(&self) -> Option<Ratio> {
        self.fraction_of(LedgerLineKind::Charge)
    }

    fn fraction_of(&self, kind: LedgerLineKind) -> Option<Ratio> {
        self.lines.iter().find(|line| line.kind == kind).map(|line| line.fraction)
    }
}

/// What lines come to.
pub(super) struct Totals {
    pub(super) credit: MinorUnits,
    pub(super) charge: MinorUnits,
    pub(super) net: MinorUnits,
}

impl Totals {
    pub(super) fn of(lines: &[Line]) -> Result<Self, ProrationError> {
        let sum = |credits: bool| {
            MinorUnits::checked_total(
                lines
                    .iter()
                    .filter(|line| (line.kind == LedgerLineKind::Credit) == credits)
                    .map(|line| line.amount),
            )
        };
        let (given, charge) = (sum(true)?, sum(false)?);
        Ok(Self {
            credit: MinorUnits::ZERO.checked_sub(given)?,
            charge,
            net: charge.checked_add(given)?,
        })
    }
}
