//! The taxes of an order or a run: computed once, before anything is charged, and kept with it.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{TaxBehavior, TaxCalculatorId, TaxLine, TaxRate, Taxed, tax_lines};
use crate::{
    ids::TaxRuleId,
    money::{MinorUnits, MoneyError},
};

/// What answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaxSource {
    /// The market's table of rules.
    Table,
    /// The market's tax service.
    Provider,
    /// The table that stands in for the service while it fails.
    Fallback,
    /// Nothing: the service failed, and its policy is to go on without tax.
    NoneOnFailure,
}

impl TaxSource {
    /// Its name in documents.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Table => "table",
            Self::Provider => "provider",
            Self::Fallback => "fallback",
            Self::NoneOnFailure => "none_on_failure",
        }
    }
}

/// What an order bears of tax. Compact: it is kept within the order's or run's item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Taxes {
    /// Whether prices have it in them.
    pub behavior: TaxBehavior,
    /// What answered.
    pub source: TaxSource,
    /// The calculator that did: with [`TaxSource::Fallback`] the table that stood in, with
    /// [`TaxSource::NoneOnFailure`] the service that failed.
    pub calculator_id: TaxCalculatorId,
    /// What each taxable line bears. Discounts and fees that were spread over goods have none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lines: Vec<LineTax>,
}

/// What a line bears of tax.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineTax {
    /// The order's line.
    pub id: String,
    /// At which rate; `None` where it is not taxable, which is not the same as a rate of 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<TaxRate>,
    /// What is paid for it without tax, its share of discounts and fees included.
    pub net: MinorUnits,
    /// The tax on that.
    pub tax: MinorUnits,
    /// The rule of the table that has the rate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule_id: Option<TaxRuleId>,
    /// What it is made up of, where a service tells: their taxes add up to the line's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub breakdown: Vec<TaxPart>,
}

/// One of the taxes that make up a line's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaxPart {
    /// Its name for people.
    pub name: String,
    /// Its rate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<TaxRate>,
    /// What it comes to.
    pub tax: MinorUnits,
}

/// What is to be paid for lines that cost `total`: where tax comes on top, both.
///
/// # Errors
/// When the sum is out of range.
pub fn with_tax(total: MinorUnits, tax: Option<&Taxes>) -> Result<MinorUnits, MoneyError> {
    match tax {
        Some(tax) => total.checked_add(tax.added()?),
        None => Ok(total),
    }
}

impl LineTax {
    fn taxed(&self) -> Result<Taxed, MoneyError> {
        let gross = self.net.checked_add(self.tax)?;
        Ok(Taxed { net: self.net, tax: self.tax, gross })
    }
}

impl Taxes {
    /// The tax on all lines.
    ///
    /// # Errors
    /// When the sum is out of range.
    pub fn total(&self) -> Result<MinorUnits, MoneyError> {
        MinorUnits::checked_total(self.lines.iter().map(|line| line.tax))
    }

    /// What tax adds to the price: all of it where prices are without, nothing where they have it in
    /// them.
    ///
    /// # Errors
    /// When the sum is out of range.
    pub fn added(&self) -> Result<MinorUnits, MoneyError> {
        match self.behavior {
            TaxBehavior::Exclusive => self.total(),
            TaxBehavior::Inclusive => Ok(MinorUnits::ZERO),
        }
    }

    /// What bears tax, without the tax: lines at a rate, the rate 0 included.
    ///
    /// # Errors
    /// When the sum is out of range.
    pub fn taxable(&self) -> Result<MinorUnits, MoneyError> {
        let taxable = self.lines.iter().filter(|line| line.rate.is_some());
        MinorUnits::checked_total(taxable.map(|line| line.net))
    }

    /// The sums per rate, from the lowest on; lines that are not taxable are in none.
    ///
    /// # Errors
    /// When a sum is out of range.
    pub fn per_rate(&self) -> Result<Vec<TaxLine>, MoneyError> {
        let lines: Result<Vec<_>, _> =
            self.lines.iter().map(|line| Ok((line.rate, line.taxed()?))).collect();
        tax_lines(lines?)
    }

    /// What a journal tells of them: the sums and how they came about. A sum that is out of range is
    /// left out.
    #[must_use]
    pub fn told(&self) -> Value {
        let rate = |TaxLine { rate, net, tax, .. }: &TaxLine| json!({"tax_percent": rate, "taxable_amount_cents": net, "tax_amount_cents": tax});
        let rates: Vec<Value> = self.per_rate().unwrap_or_default().iter().map(rate).collect();
        json!({
            "total_tax_amount_cents": self.total().ok(),
            "tax_included": self.behavior == TaxBehavior::Inclusive,
            "tax_source": self.source,
            "tax_calculator_id": self.calculator_id,
            "rates": rates,
        })
    }

    /// The one rate that all lines with a rate have; `None` where they differ, or none has one.
    #[must_use]
    pub fn single_rate(&self) -> Option<TaxRate> {
        let mut rates = self.lines.iter().filter_map(|line| line.rate);
        let first = rates.next()?;
        rates.all(|rate| rate == first).then_some(first)
    }

    /// What a line bears; `None` for one that was spread over others.
    #[must_use]
    pub fn of_line(&self, id: &str) -> Option<&LineTax> {
        self.lines.iter().find(|line| line.id == id)
    }
}

#[cfg(test)]
#[path = "taxes_tests.rs"]
mod tests;
