//! The question as a service is asked it.

use perennial_domain::tax::{Destination, TaxBehavior, TaxQuestion, TaxableLine};
use serde::Serialize;

/// The body of a request.
#[derive(Debug, Serialize)]
pub(super) struct Body<'a> {
    /// The order. It is asked about again when it changes, or when an answer got lost.
    id: &'a str,
    organization: &'a str,
    market: &'a str,
    currency: String,
    tax_included: bool,
    /// The tax point, and its date on the market's calendar.
    at: String,
    date: String,
    destination: &'a Destination,
    lines: Vec<Line<'a>>,
}

#[derive(Debug, Serialize)]
struct Line<'a> {
    id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    sku_code: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bundle_code: Option<&'a str>,
    tax_category: Option<&'a str>,
    quantity: u32,
    amount_cents: i64,
}

impl<'a> From<&'a TaxQuestion> for Body<'a> {
    fn from(question: &'a TaxQuestion) -> Self {
        let line = |line: &'a TaxableLine| Line {
            id: &line.id,
            sku_code: line.sku_code.as_deref(),
            bundle_code: line.bundle_code.as_deref(),
            tax_category: line.tax_category.as_deref(),
            quantity: line.quantity,
            amount_cents: line.amount.get(),
        };
        Self {
            id: question.order_id.as_str(),
            organization: question.organization.as_str(),
            market: question.market_id.as_str(),
            currency: question.currency.to_string(),
            tax_included: question.behavior == TaxBehavior::Inclusive,
            at: question.at.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true),
            date: question.on.to_string(),
            destination: &question.destination,
            lines: question.lines.iter().map(line).collect(),
        }
    }
}
