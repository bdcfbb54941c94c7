//! Sharing an amount out so that the shares add up to it again.

use super::{MinorUnits, MoneyError};

/// Shares an amount out by weights, by largest remainder (Hamilton's method).
///
/// Each share is its exact value rounded down (towards zero), and the units left over go one each
/// to the shares that lost most by it; among equals the earlier gets it. So the shares add up to
/// `total`, each is less than one unit off its exact value, and a weight of 0 gets nothing. A credit
/// is shared out as the charge that it mirrors.
///
/// # Errors
///
/// [`MoneyError::NoWeights`] when something is to be shared out and the weights add up to 0.
pub fn allocate(total: MinorUnits, weights: &[u64]) -> Result<Vec<MinorUnits>, MoneyError> {
    let whole = weights.iter().try_fold(0_u128, |sum, weight| sum.checked_add(u128::from(*weight)));
    let whole = whole.ok_or(MoneyError::Overflow)?;
    if whole == 0 {
        let nothing = vec![MinorUnits::ZERO; weights.len()];
        return if total.is_zero() { Ok(nothing) } else { Err(MoneyError::NoWeights) };
    }
    // 63 bits for the total's size and 64 for a weight: their product has room in 128.
    let size = u128::from(total.get().unsigned_abs());
    let mut shares: Vec<_> = weights
        .iter()
        .map(|weight| size * u128::from(*weight))
        .map(|exact| Share { units: exact / whole, remainder: exact % whole })
        .collect();
    let left_over = size - shares.iter().map(|share| share.units).sum::<u128>();
    let mut by_loss: Vec<&mut Share> = shares.iter_mut().collect();
    by_loss.sort_by_key(|share| std::cmp::Reverse(share.remainder));
    // Fewer units are left over than there are shares with a remainder.
    for share in by_loss.into_iter().take(usize::try_from(left_over).unwrap_or(usize::MAX)) {
        share.units += 1;
    }
    let sign = i128::from(total.get().signum());
    shares.iter().map(|share| narrow(sign, share.units)).collect()
}

struct Share {
    units: u128,
    remainder: u128,
}

fn narrow(sign: i128, units: u128) -> Result<MinorUnits, MoneyError> {
    let units = i128::try_from(units).map_err(|_| MoneyError::Overflow)?;
    i64::try_from(sign * units).map(MinorUnits::new).map_err(|_| MoneyError::Overflow)
}

#[cfg(test)]
#[path = "allocation_tests.rs"]
mod tests;
