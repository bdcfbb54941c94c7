//! Money: integer minor units of an ISO 4217 currency, with checked arithmetic and never a float.
//!
//! - [`MinorUnits`] and [`Amount`]: what is counted, without and with its [`Currency`];
//! - [`Ratio`] and [`Rounding`]: exact fractions, and the one rounding at the end;
//! - [`allocate`]: shares that add up to the whole again.

mod allocation;
mod amount;
mod currency;
mod ratio;
mod rounding;

pub use allocation::allocate;
pub use amount::{Amount, MinorUnits, MoneyError};
pub use currency::{Currency, CurrencyError};
pub use ratio::{InvalidRatio, Ratio};
pub use rounding::Rounding;
