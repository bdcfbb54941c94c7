//! Taxes of orders: which rate each line bears, and what that comes to.
//!
//! - [`Sale`] and [`TaxQuestion`]: what is sold, when and where to; order-level discounts and fees
//!   are spread over the goods first ([`taxable_lines`]), so that tax is on what is really paid;
//! - [`Taxes`]: the answer, as it is kept with an order or a run once and for all;
//! - [`TaxCalculatorId`]: what answers, a [table of rules](TaxTable) or a
//!   [service](ExternalTaxCalculator);
//! - [`TaxRate`], [`TaxBehavior`], [`TaxRounding`], [`TaxLine`]: the arithmetic, which invoices share.

mod calculator;
mod question;
mod rate;
mod rule;
mod settled;
mod sold;
mod spread;
mod taxation;
mod taxes;

pub use calculator::{
    DEFAULT_TIMEOUT_MS, ExternalTaxCalculator, ManualTaxCalculator, OnTaxFailure, TaxCalculatorId,
};
pub use question::{Destination, Sale, TaxFacts, TaxQuestion, TaxableLine};
pub use rate::{MAX_PERCENT, TaxRate, TaxRateError, fraction};
pub use rule::{MAX_TAX_RULES, TaxRule, TaxTable};
pub use settled::{NOTICE, Settles};
pub use spread::{SoldLine, taxable_lines};
pub use taxation::{TaxBehavior, TaxLine, TaxRounding};
pub(crate) use taxation::{Taxation, Taxed, sums_per_rate, tax_lines};
pub use taxes::{LineTax, TaxPart, TaxSource, Taxes, with_tax};

#[cfg(test)]
mod property_tests;
