//! What lines cost together.

use super::OrderedItem;
use crate::money::{MinorUnits, MoneyError};

/// What the lines of an order, a subscription or a run cost together, in minor units.
/// `subtotal + adjustment = total`, and the total is not below zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Totals {
    /// What is ordered.
    pub subtotal: MinorUnits,
    /// Discounts and fees together: as far as a discount takes effect, for it takes away no more
    /// than there is to pay.
    pub adjustment: MinorUnits,
    /// What is to be paid.
    pub total: MinorUnits,
}

impl Totals {
    /// Adds up lines: what each is about, the price of one unit, and the units.
    ///
    /// # Errors
    /// When a product or a sum is out of range.
    pub fn of<'a>(
        lines: impl IntoIterator<Item = (&'a OrderedItem, MinorUnits, u32)>,
    ) -> Result<Self, MoneyError> {
        let (mut ordered, mut adjustments) = (Vec::new(), Vec::new());
        for (item, unit_amount, quantity) in lines {
            let amount = unit_amount.checked_mul(quantity)?;
            if item.is_adjustment() { &mut adjustments } else { &mut ordered }.push(amount);
        }
        let subtotal = MinorUnits::checked_total(ordered.iter().copied())?;
        let asked = MinorUnits::checked_total(ordered.into_iter().chain(adjustments))?;
        let total = asked.max(MinorUnits::ZERO);
        Ok(Self { subtotal, adjustment: total.checked_sub(subtotal)?, total })
    }
}

#[cfg(test)]
#[path = "totals_tests.rs"]
mod tests;
