//! The arithmetic that orders and invoices share: each line's tax, and the sums per rate.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::TaxRate;
use crate::money::{MinorUnits, MoneyError, Rounding};

/// Whether prices have their tax in them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaxBehavior {
    /// Prices are net; tax is added to them.
    #[default]
    Exclusive,
    /// Prices are gross; the tax in them is shown.
    Inclusive,
}

/// What the rounding of taxes is applied to. The two may differ by some minor units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaxRounding {
    /// The tax of each line is rounded, and the invoice's tax is their sum.
    #[default]
    Line,
    /// The tax on the sum of all lines of one rate is rounded, and shared out to the lines so that
    /// theirs add up to it.
    Invoice,
}

/// Everything that an invoice or credit note bears at one rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TaxLine {
    /// The rate.
    pub rate: TaxRate,
    /// The taxable sum, without tax.
    pub net: MinorUnits,
    /// The tax on it.
    pub tax: MinorUnits,
    /// Both together.
    pub gross: MinorUnits,
}

/// An amount taken apart: `net + tax = gross`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Taxed {
    pub(crate) net: MinorUnits,
    pub(crate) tax: MinorUnits,
    pub(crate) gross: MinorUnits,
}

impl Taxed {
    /// Takes a price apart, whose tax is known.
    pub(crate) fn new(
        amount: MinorUnits,
        tax: MinorUnits,
        behavior: TaxBehavior,
    ) -> Result<Self, MoneyError> {
        Ok(match behavior {
            TaxBehavior::Exclusive => Self { net: amount, tax, gross: amount.checked_add(tax)? },
            TaxBehavior::Inclusive => Self { net: amount.checked_sub(tax)?, tax, gross: amount },
        })
    }

    /// The price, net or gross as prices are.
    pub(crate) const fn price(self, behavior: TaxBehavior) -> MinorUnits {
        match behavior {
            TaxBehavior::Exclusive => self.net,
            TaxBehavior::Inclusive => self.gross,
        }
    }

    pub(crate) fn checked_add(self, other: Self) -> Result<Self, MoneyError> {
        Ok(Self {
            net: self.net.checked_add(other.net)?,
            tax: self.tax.checked_add(other.tax)?,
            gross: self.gross.checked_add(other.gross)?,
        })
    }

    pub(crate) fn checked_sub(self, other: Self) -> Result<Self, MoneyError> {
        Ok(Self {
            net: self.net.checked_sub(other.net)?,
            tax: self.tax.checked_sub(other.tax)?,
            gross: self.gross.checked_sub(other.gross)?,
        })
    }

    pub(crate) fn checked_total(parts: impl IntoIterator<Item = Self>) -> Result<Self, MoneyError> {
        parts.into_iter().try_fold(Self::default(), Self::checked_add)
    }
}

/// Finds the tax of one line after the other, in their order.
pub(crate) struct Taxation {
    terms: (TaxBehavior, TaxRounding, Rounding),
    /// Under [`TaxRounding::Invoice`], what the lines of each rate came to so far.
    so_far: BTreeMap<TaxRate, Taxed>,
}

impl Taxation {
    pub(crate) const fn new(
        behavior: TaxBehavior,
        tax_rounding: TaxRounding,
        rounding: Rounding,
    ) -> Self {
        Self { terms: (behavior, tax_rounding, rounding), so_far: BTreeMap::new() }
    }

    /// Takes the next line's price apart.
    ///
    /// Where the invoice's tax is rounded as a whole, a line's tax is what it adds to the rounded
    /// tax on all lines of its rate so far: so theirs add up to the tax on the sum, whatever their
    /// signs, and each is at most one unit off its own exact tax.
    pub(crate) fn next_line(
        &mut self,
        amount: MinorUnits,
        rate: Option<TaxRate>,
    ) -> Result<Taxed, MoneyError> {
        let (behavior, tax_rounding, rounding) = self.terms;
        let Some(rate) = rate else { return Taxed::new(amount, MinorUnits::ZERO, behavior) };
        match tax_rounding {
            TaxRounding::Line => {
                Taxed::new(amount, tax_on(amount, rate, behavior, rounding)?, behavior)
            }
            TaxRounding::Invoice => {
                let before = self.so_far.get(&rate).copied().unwrap_or_default();
                let sum = before.price(behavior).checked_add(amount)?;
                let after = Taxed::new(sum, tax_on(sum, rate, behavior, rounding)?, behavior)?;
                self.so_far.insert(rate, after);
                after.checked_sub(before)
            }
        }
    }
}

fn tax_on(
    amount: MinorUnits,
    rate: TaxRate,
    behavior: TaxBehavior,
    rounding: Rounding,
) -> Result<MinorUnits, MoneyError> {
    let share = match behavior {
        TaxBehavior::Exclusive => rate.share_of_net()?,
        TaxBehavior::Inclusive => rate.share_of_gross()?,
    };
    amount.checked_scale(share, rounding)
}

/// The sums per rate, from the lowest on, after what is outside of tax.
pub(crate) fn sums_per_rate(
    lines: impl IntoIterator<Item = (Option<TaxRate>, Taxed)>,
) -> Result<BTreeMap<Option<TaxRate>, Taxed>, MoneyError> {
    let mut sums: BTreeMap<Option<TaxRate>, Taxed> = BTreeMap::new();
    for (rate, taxed) in lines {
        let sum = sums.entry(rate).or_default();
        *sum = sum.checked_add(taxed)?;
    }
    Ok(sums)
}

/// The sums of taxable lines per rate, from the lowest on.
pub(crate) fn tax_lines(
    lines: impl IntoIterator<Item = (Option<TaxRate>, Taxed)>,
) -> Result<Vec<TaxLine>, MoneyError> {
    let taxable = |(rate, Taxed { net, tax, gross }): (Option<TaxRate>, Taxed)| {
        Some(TaxLine { rate: rate?, net, tax, gross })
    };
    Ok(sums_per_rate(lines)?.into_iter().filter_map(taxable).collect())
}

#[cfg(test)]
#[path = "taxation_tests.rs"]
mod tests;
