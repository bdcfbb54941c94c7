//! A period's price in pieces that add up to it.

use super::{Cause, Cut, Ledger, Line, Moment, Period, ProrationError, request::not_negative};
use crate::money::{Currency, MinorUnits, allocate};

/// Cuts a period at any moments, in whatever order, and shares its price out over the pieces by
/// largest remainder. The policy's rounding has no say here: ties go to the earlier piece.
///
/// The first of two slices is the price of an end stub, the last that of a start stub.
///
/// # Errors
///
/// [`ProrationError`] for a negative `price` or a cut outside the period.
pub fn slices(
    currency: Currency,
    period: &Period,
    price: MinorUnits,
    cuts: &[Moment],
) -> Result<Ledger, ProrationError> {
    not_negative("price", price)?;
    let mut bounds = Vec::with_capacity(cuts.len() + 2);
    bounds.push(period.start());
    for at in cuts {
        bounds.push(period.cut(*at)?);
    }
    bounds.push(period.end());
    bounds.sort_by_key(|cut| cut.rank());
    bounds.dedup();
    let pieces = || bounds.iter().zip(bounds.iter().skip(1));
    let weights: Vec<u64> = pieces().map(|(from, to)| weight(*from, *to)).collect();
    let lines = pieces()
        .zip(allocate(price, &weights)?)
        .map(|((from, to), amount)| {
            Ok(Line {
                kind: Cause::Piece.kind(),
                charge: 1,
                from: from.at,
                to: to.at,
                basis: price,
                fraction: period.fraction(*from, *to)?,
                amount,
                cause: Cause::Piece,
                against: None,
            })
        })
        .collect::<Result<Vec<_>, ProrationError>>()?;
    Ledger::of(currency, period, lines)
}

/// How many units lie between two cuts.
pub(super) fn weight(from: Cut, to: Cut) -> u64 {
    u64::try_from(to.position - from.position).unwrap_or(0)
}

#[cfg(test)]
#[path = "slices_tests.rs"]
mod tests;
