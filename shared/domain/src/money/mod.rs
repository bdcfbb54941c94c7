//! Money: integer minor units of an ISO 4217 currency, with checked arithmetic and never a float.
//!
//! Proration, invoices and credits get files of their own here, beside [`Amount`].

mod amount;
mod currency;

pub use amount::{Amount, MinorUnits, MoneyError};
pub use currency::{Currency, UnknownCurrency};
