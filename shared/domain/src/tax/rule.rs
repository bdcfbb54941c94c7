//! Rules: the table from which a manual calculator tells rates.

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};

use super::{
    Destination, LineTax, TaxQuestion, TaxRate, TaxRounding, TaxableLine, Taxation, rate::fraction,
};
use crate::{
    ids::{ManualTaxCalculatorId, TaxRuleId},
    money::{MoneyError, Rounding},
};

/// Most rules of one calculator: all of them are read to answer.
pub const MAX_TAX_RULES: usize = 1_000;

/// A rate, and what it is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaxRule {
    /// Derived from its calculator, what it is for, and when it begins.
    pub id: TaxRuleId,
    /// The table that it stands in.
    pub manual_tax_calculator_id: ManualTaxCalculatorId,
    /// Name for people.
    pub name: String,
    /// The rate.
    #[serde(with = "fraction")]
    pub tax_rate: TaxRate,
    /// The category of goods that it is for; `None` for every one, and for goods without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tax_category: Option<String>,
    /// The country that it is for; `None` for every one, and for goods that go nowhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub country_code: Option<String>,
    /// The state of that country that it is for, in capitals; `None` for all of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state_code: Option<String>,
    /// The first day on which it counts, on the market's calendar; `None` for ever since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub starts_on: Option<NaiveDate>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
}

impl TaxRule {
    /// Whether it is for goods of this category that go there, whenever it begins.
    #[must_use]
    pub fn covers(&self, category: Option<&str>, destination: &Destination) -> bool {
        let Destination { country_code, state_code, .. } = destination;
        let within = |rule: &Option<String>, found: Option<&str>| {
            rule.as_deref().is_none_or(|rule| found.is_some_and(|it| it.eq_ignore_ascii_case(rule)))
        };
        self.tax_category.as_deref().is_none_or(|own| category == Some(own))
            && within(&self.country_code, country_code.as_deref())
            && within(&self.state_code, state_code.as_deref())
    }

    /// Whether it counts on this day.
    #[must_use]
    pub fn has_begun(&self, on: NaiveDate) -> bool {
        self.starts_on.is_none_or(|start| start <= on)
    }

    /// How specific it is: of those that cover a line and have begun, the greatest wins. What it is
    /// for goes before where, a state before its country, and of two alike the later.
    fn rank(&self) -> (bool, bool, bool, Option<NaiveDate>) {
        let (category, state, country) =
            (self.tax_category.is_some(), self.state_code.is_some(), self.country_code.is_some());
        (category, state, country, self.starts_on)
    }
}

/// The rules of a calculator, and how it rounds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaxTable {
    /// The calculator.
    pub calculator_id: ManualTaxCalculatorId,
    /// What is rounded: the tax of each line, or each rate's tax on the whole order.
    pub rounding: TaxRounding,
    /// The rules, in any order. No two are for the same goods, place and first day.
    pub rules: Vec<TaxRule>,
}

impl TaxTable {
    /// The rules that cover a line and have begun, the one that wins first.
    #[must_use]
    pub fn candidates(&self, question: &TaxQuestion, line: &TaxableLine) -> Vec<&TaxRule> {
        let category = line.tax_category.as_deref();
        let counts = |rule: &&TaxRule| {
            rule.has_begun(question.on) && rule.covers(category, &question.destination)
        };
        let mut candidates: Vec<&TaxRule> = self.rules.iter().filter(counts).collect();
        candidates.sort_by_key(|rule| std::cmp::Reverse(rule.rank()));
        candidates
    }

    /// The rule that a line's rate comes from; without one it is not taxable.
    #[must_use]
    pub fn rule_for(&self, question: &TaxQuestion, line: &TaxableLine) -> Option<&TaxRule> {
        self.candidates(question, line).first().copied()
    }

    /// What each line bears. Halves of a minor unit are rounded up, away from zero.
    ///
    /// # Errors
    /// When an amount is out of range.
    pub fn taxes(&self, question: &TaxQuestion) -> Result<Vec<LineTax>, MoneyError> {
        let mut taxation = Taxation::new(question.behavior, self.rounding, Rounding::HalfUp);
        let taxed = question.lines.iter().map(|line| {
            let rule = self.rule_for(question, line);
            let rate = rule.map(|rule| rule.tax_rate);
            let taxed = taxation.next_line(line.amount, rate)?;
            Ok(LineTax {
                id: line.id.clone(),
                rate,
                net: taxed.net,
                tax: taxed.tax,
                rule_id: rule.map(|rule| rule.id.clone()),
                breakdown: Vec::new(),
            })
        });
        taxed.collect()
    }
}

#[cfg(test)]
#[path = "rule_tests.rs"]
pub(super) mod tests;
