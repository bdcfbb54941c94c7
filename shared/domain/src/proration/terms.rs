//! What is held and what it costs.

use std::num::NonZeroU32;

use super::{CreditBase, ProrationError, request::not_negative};
use crate::money::MinorUnits;

/// So many units at a price per whole period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// The price of one unit before discounts; 0 or more.
    pub list_price: MinorUnits,
    /// What one unit is really charged at; 0 or more.
    pub charged_price: MinorUnits,
    /// How many.
    pub quantity: NonZeroU32,
}

impl Terms {
    /// Terms without a discount.
    #[must_use]
    pub const fn at_list_price(price: MinorUnits, quantity: NonZeroU32) -> Self {
        Self { list_price: price, charged_price: price, quantity }
    }

    pub(super) fn check(&self) -> Result<(), ProrationError> {
        not_negative("list_price", self.list_price)?;
        not_negative("charged_price", self.charged_price)
    }

    /// What a whole period of so many units is charged at.
    pub(super) fn charged(&self, quantity: u32) -> Result<MinorUnits, ProrationError> {
        Ok(self.charged_price.checked_mul(quantity)?)
    }

    /// What a credit for so many units is a fraction of.
    pub(super) fn credited(
        &self,
        base: CreditBase,
        quantity: u32,
    ) -> Result<MinorUnits, ProrationError> {
        let price = match base {
            CreditBase::Charged => self.charged_price,
            CreditBase::List => self.list_price,
        };
        Ok(price.checked_mul(quantity)?)
    }
}
