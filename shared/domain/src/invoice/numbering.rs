//! Invoice numbers: an organization's invoices are counted without a gap, and the count is written
//! with a prefix, a year and leading zeros as the organization wants it.
//!
//! Pure: whoever records an invoice keeps the last number and writes invoice and number in one
//! transaction; [`audit`] then proves that nothing is missing and nothing was given twice.

use std::{collections::BTreeMap, fmt};

use chrono::{Datelike, NaiveDate};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Most digits that a number is padded to.
pub const MAX_PAD: u8 = 18;

/// Longest prefix, in characters.
pub const MAX_PREFIX: usize = 32;

/// How an organization numbers its invoices. Built-in: `INV-000001`, counted through for ever.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Numbering {
    /// What stands before every number: up to [`MAX_PREFIX`] ASCII letters, digits, `-`, `/`, `.`
    /// and `_`, not ending with a digit.
    pub prefix: String,
    /// Whether the year of the invoice's local date is shown, and whether it restarts the count.
    pub year: NumberYear,
    /// The count is filled up with zeros to so many digits, 0 to [`MAX_PAD`]; longer counts are
    /// written in full.
    pub pad: u8,
}

/// What the year has to do with the number of an invoice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NumberYear {
    /// Nothing: `INV-000042`.
    #[default]
    Omitted,
    /// It is shown, and the count goes on from year to year: `INV-2027-000042`.
    Shown,
    /// It is shown, and each year counts from 1.
    Restarts,
}

/// The place of an invoice in its organization's count. Ordered by year, then count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InvoiceNumber {
    /// The year of its local date, where numbers show one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub year: Option<i32>,
    /// Its count, from 1.
    pub count: u64,
}

/// Why no number can be given. The text names the value and the rule.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum NumberingError {
    /// The prefix has a character that numbers don't allow, or is too long.
    #[error(
        "the prefix `{prefix}` must be at most {MAX_PREFIX} ASCII letters, digits, `-`, `/`, `.` \
         or `_`, and must not end with a digit"
    )]
    Prefix {
        /// What was given, cut short.
        prefix: String,
    },
    /// More zeros than a number may have.
    #[error("numbers are padded to at most {MAX_PAD} digits, not {pad}")]
    Pad {
        /// What was given.
        pad: u8,
    },
    /// Invoices with years in their numbers must not go back in time.
    #[error(
        "the invoice is dated {issued_on}, but an invoice of {last_year} was numbered before it"
    )]
    BackDated {
        /// The local date of the invoice to be numbered.
        issued_on: NaiveDate,
        /// The year of the last number.
        last_year: i32,
    },
    /// The last number was given under another rule for years.
    #[error("the last number, {last:?}, was not given by this numbering")]
    OtherNumbering {
        /// The last number.
        last: InvoiceNumber,
    },
    /// The numbers have run out.
    #[error("there is no number after {last}")]
    Exhausted {
        /// The last number.
        last: u64,
    },
}

impl Default for Numbering {
    fn default() -> Self {
        Self { prefix: "INV-".to_owned(), year: NumberYear::Omitted, pad: 6 }
    }
}

impl Numbering {
    /// Checks prefix and pad, as they come from a client.
    ///
    /// # Errors
    /// [`NumberingError::Prefix`] or [`NumberingError::Pad`].
    pub fn validate(&self) -> Result<(), NumberingError> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b"-/._".contains(&b);
        // A prefix that ends with a digit would run together with the count: `A1` + 2, `A` + 12.
        if self.prefix.len() > MAX_PREFIX
            || !self.prefix.bytes().all(allowed)
            || self.prefix.ends_with(|c: char| c.is_ascii_digit())
        {
            let prefix = self.prefix.chars().take(64).collect();
            return Err(NumberingError::Prefix { prefix });
        }
        if self.pad > MAX_PAD {
            return Err(NumberingError::Pad { pad: self.pad });
        }
        Ok(())
    }

    /// The number after `last` (`None` before the very first) for an invoice of a local date.
    ///
    /// # Errors
    /// [`NumberingError`], where the invoice may not follow `last`.
    pub fn next(
        &self,
        last: Option<InvoiceNumber>,
        issued_on: NaiveDate,
    ) -> Result<InvoiceNumber, NumberingError> {
        let year = match self.year {
            NumberYear::Omitted => None,
            NumberYear::Shown | NumberYear::Restarts => Some(issued_on.year()),
        };
        let Some(last) = last else { return Ok(InvoiceNumber { year, count: 1 }) };
        match (year, last.year) {
            (None, None) => {}
            (Some(year), Some(last_year)) if year < last_year => {
                return Err(NumberingError::BackDated { issued_on, last_year });
            }
            (Some(year), Some(last_year)) => {
                if year > last_year && self.year == NumberYear::Restarts {
                    return Ok(InvoiceNumber { year: Some(year), count: 1 });
                }
            }
            (None, Some(_)) | (Some(_), None) => {
                return Err(NumberingError::OtherNumbering { last });
            }
        }
        let count = last.count.checked_add(1);
        let count = count.ok_or(NumberingError::Exhausted { last: last.count })?;
        Ok(InvoiceNumber { year, count })
    }

    /// The number as it stands on the invoice: `INV-2027-000042`. Different numbers of one
    /// [valid](Self::validate) numbering never read alike.
    #[must_use]
    pub fn format(&self, number: InvoiceNumber) -> String {
        let (prefix, count, pad) = (&self.prefix, number.count, usize::from(self.pad.min(MAX_PAD)));
        match number.year {
            Some(year) => format!("{prefix}{year:04}-{count:0pad$}"),
            None => format!("{prefix}{count:0pad$}"),
        }
    }
}

/// What is wrong with the numbers of an organization's invoices.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum NumberingFault {
    /// No invoice has these counts, both ends included, though a later one was given.
    Gap {
        /// The year whose count has the gap, where each year counts from 1.
        #[serde(skip_serializing_if = "Option::is_none")]
        year: Option<i32>,
        /// The first count that is missing.
        first: u64,
        /// The last count that is missing.
        last: u64,
    },
    /// More than one invoice has this count.
    Duplicate {
        /// The year whose count it is, where each year counts from 1.
        #[serde(skip_serializing_if = "Option::is_none")]
        year: Option<i32>,
        /// The count.
        count: u64,
        /// How many invoices have it, at least two.
        times: usize,
    },
}

impl fmt::Display for NumberingFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Gap { year, .. } | Self::Duplicate { year, .. }) = self;
        if let Some(year) = year {
            write!(f, "{year}: ")?;
        }
        match self {
            Self::Gap { first, last, .. } if first == last => write!(f, "{first} is missing"),
            Self::Gap { first, last, .. } => write!(f, "{first} to {last} are missing"),
            Self::Duplicate { count, times, .. } => write!(f, "{count} was given {times} times"),
        }
    }
}

/// Finds every gap and duplicate among the numbers given so far, in any order; none is the proof
/// that they run from 1 to the last without a gap. Faults come by year and count.
#[must_use]
pub fn audit(
    year: NumberYear,
    numbers: impl IntoIterator<Item = InvoiceNumber>,
) -> Vec<NumberingFault> {
    let mut counted: BTreeMap<(Option<i32>, u64), usize> = BTreeMap::new();
    for number in numbers {
        let series = match year {
            NumberYear::Restarts => number.year,
            NumberYear::Omitted | NumberYear::Shown => None,
        };
        *counted.entry((series, number.count)).or_default() += 1;
    }
    let mut faults = Vec::new();
    let (mut series, mut expected) = (None, 1);
    for ((year, count), times) in counted {
        if series != year {
            (series, expected) = (year, 1);
        }
        if count > expected {
            faults.push(NumberingFault::Gap { year, first: expected, last: count - 1 });
        }
        if times > 1 {
            faults.push(NumberingFault::Duplicate { year, count, times });
        }
        expected = count.saturating_add(1);
    }
    faults
}

#[cfg(test)]
#[path = "numbering_tests.rs"]
mod tests;
