//! What a service answers, held against what it was asked.

use std::collections::HashMap;

use perennial_domain::{
    money::{MinorUnits, MoneyError, Rounding},
    tax::{
        LineTax, MAX_PERCENT, TaxBehavior, TaxPart, TaxQuestion, TaxRate, TaxableLine, fraction,
    },
};
use serde::Deserialize;

use super::{Reason, TaxError};

/// Most taxes that make up a line's.
const MAX_PARTS: usize = 8;
/// Longest name of one, in characters.
const MAX_NAME: usize = 100;
/// Most characters of what is told of an answer that can't be read.
const MAX_TOLD: usize = 300;

#[derive(Debug, Deserialize)]
struct Answer {
    lines: Vec<Line>,
    /// Where given, what the lines add up to.
    #[serde(default)]
    total_tax_amount_cents: Option<i64>,
}

#[derive(Debug, Deserialize)]
struct Line {
    id: String,
    tax_rate: Option<f64>,
    tax_amount_cents: i64,
    #[serde(default)]
    breakdown: Vec<Part>,
}

#[derive(Debug, Deserialize)]
struct Part {
    name: String,
    #[serde(default)]
    tax_rate: Option<f64>,
    tax_amount_cents: i64,
}

/// Reads an answer: each line once, in whatever order; taxes of the line's sign and within what its
/// rate comes to; parts and totals that add up.
pub(super) fn read(body: &[u8], question: &TaxQuestion) -> Result<Vec<LineTax>, TaxError> {
    let answer: Answer = serde_json::from_slice(body).map_err(|error| unreadable(&error))?;
    let mut answered: HashMap<&str, &Line> = HashMap::with_capacity(answer.lines.len());
    for line in &answer.lines {
        if answered.insert(&line.id, line).is_some() {
            return Err(invalid(&line.id, "stands in it twice", "a line stands in it twice"));
        }
    }
    let mut taxes = Vec::with_capacity(question.lines.len());
    for asked in &question.lines {
        let line = answered.remove(asked.id.as_str());
        let line = line.ok_or_else(|| invalid(&asked.id, "is missing", "a line is missing"))?;
        taxes.push(taxed(asked, line, question.behavior)?);
    }
    if let Some(unasked) = answered.keys().min() {
        return Err(invalid(
            unasked,
            "was not asked about",
            "it has a line that was not asked about",
        ));
    }
    let total = MinorUnits::checked_total(taxes.iter().map(|line| line.tax))?.get();
    match answer.total_tax_amount_cents.filter(|told| *told != total) {
        Some(told) => {
            let seen = format!("the lines add up to {total}, the total is {told}");
            let plain = "its lines do not add up to its total".into();
            Err(TaxError::Invalid(Reason { plain, seen }))
        }
        None => Ok(taxes),
    }
}

/// Why an answer can't be read, in short: the reason may repeat all of it.
fn unreadable(error: &serde_json::Error) -> TaxError {
    let seen = error.to_string().chars().take(MAX_TOLD).collect();
    TaxError::Invalid(Reason { plain: "it is not JSON as was asked for".into(), seen })
}

/// A rule that a line breaks: `plain` in general, `what` with what was seen of the line.
fn invalid(line: &str, what: &str, plain: &'static str) -> TaxError {
    let line: String = line.chars().take(100).collect();
    TaxError::Invalid(Reason { plain: plain.into(), seen: format!("line {line:?} {what}") })
}

fn taxed(asked: &TaxableLine, line: &Line, behavior: TaxBehavior) -> Result<LineTax, TaxError> {
    let wrong = |what: String, plain: &'static str| invalid(&asked.id, &what, plain);
    // Services add up rates as binary fractions. What they do not come to is bound by the amounts.
    let rate = |number: Option<f64>| {
        let Some(number) = number else { return Ok(None) };
        let out = || format!("has tax_rate {number}: it must be a fraction from 0 to 10, say 0.19");
        fraction::nearest(number).map(Some).map_err(|_| wrong(out(), "a rate is out of range"))
    };
    let read = rate(line.tax_rate)?;
    let tax = MinorUnits::new(line.tax_amount_cents);
    let breakdown = line
        .breakdown
        .iter()
        .map(|part| {
            let rate = rate(part.tax_rate)?;
            let tax = MinorUnits::new(part.tax_amount_cents);
            Ok(TaxPart { name: part.name.chars().take(MAX_NAME).collect(), rate, tax })
        })
        .collect::<Result<Vec<_>, TaxError>>()?;
    if breakdown.len() > MAX_PARTS {
        return Err(wrong(
            format!("has more than {MAX_PARTS} taxes"),
            "a line is made up of too many taxes",
        ));
    }
    let parts = MinorUnits::checked_total(breakdown.iter().map(|part| part.tax))?;
    if !breakdown.is_empty() && parts != tax {
        return Err(wrong(
            format!("has a tax of {tax}, made up of {parts}"),
            "the taxes that a line is made up of do not add up",
        ));
    }
    let most = most(asked.amount, read, behavior, breakdown.len())?;
    let bounds = if most.is_negative() { most..=MinorUnits::ZERO } else { MinorUnits::ZERO..=most };
    if !bounds.contains(&tax) {
        let at =
            read.map_or_else(|| "not taxable".to_owned(), |rate| format!("taxable at {rate} %"));
        let amount = asked.amount;
        return Err(wrong(
            format!("has a tax of {tax} on {amount}, {at}: that is at most {most}"),
            "a tax is not what its rate comes to",
        ));
    }
    let net = match behavior {
        TaxBehavior::Exclusive => asked.amount,
        TaxBehavior::Inclusive => asked.amount.checked_sub(tax)?,
    };
    Ok(LineTax { id: asked.id.clone(), rate: read, net, tax, rule_id: None, breakdown })
}

/// The most that a line may bear at a rate: what the rate comes to, and a unit for each rounding of
/// its parts. It may be less: there are thresholds, and exempt parts. What is not taxable bears
/// nothing.
fn most(
    amount: MinorUnits,
    rate: Option<TaxRate>,
    behavior: TaxBehavior,
    parts: usize,
) -> Result<MinorUnits, MoneyError> {
    let Some(rate) = rate.filter(|rate| *rate > TaxRate::ZERO) else { return Ok(MinorUnits::ZERO) };
    let share = match behavior {
        TaxBehavior::Exclusive => rate.share_of_net()?,
        TaxBehavior::Inclusive => rate.share_of_gross()?,
    };
    let exact = amount.checked_scale(share, Rounding::HalfUp)?;
    let room = i64::try_from(parts.max(1)).unwrap_or(1);
    let towards = MinorUnits::new(if amount.is_negative() { -room } else { room });
    let most = if amount.is_zero() { exact } else { exact.checked_add(towards)? };
    Ok(match behavior {
        TaxBehavior::Exclusive => most,
        // What a price has in it is no more than the price.
        TaxBehavior::Inclusive if amount.is_negative() => most.max(amount),
        TaxBehavior::Inclusive => most.min(amount),
    })
}

/// No rate is above it, so that no tax is above ten times its price.
const _: () = assert!(MAX_PERCENT == 1_000, "docs/tax.md tells the highest rate");

#[cfg(test)]
#[path = "answer_tests.rs"]
mod tests;
