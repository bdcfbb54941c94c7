//! What orders and their lines bear of tax, as attributes.

use perennial_domain::{
    money::{Currency, MinorUnits},
    tax::{LineTax, SoldLine, TaxBehavior, TaxPart, TaxRate, Taxes, fraction},
};
use serde_json::{Map, Value, json};

use super::orders::formatted;
use crate::http::attributes::{Attribute, Kind};

/// A sum of taxes. Discounts are spread over what they lower, so none is below zero.
const TOTAL: Kind = Kind::Integer(0, i64::MAX);
/// The sources of taxes.
const SOURCES: &[&str] = &["table", "provider", "fallback", "none_on_failure"];

pub(super) const TAX_INCLUDED: Attribute = Attribute::read(
    "tax_included",
    Kind::Boolean,
    "Whether its prices have their tax in them; else tax comes on top. Null where no tax was computed.",
);
pub(super) const TAX_RATE: Attribute = Attribute::read(
    "tax_rate",
    Kind::TaxRate,
    "The rate of its taxable lines, as a fraction: 0.19 is 19 percent. Null where they differ, where \
     none is taxable, and where none was computed.",
);
pub(super) const TAX_SOURCE: Attribute = Attribute::read(
    "tax_source",
    Kind::Choice(SOURCES),
    "What has computed its taxes: its market's `table`, the `provider` that its market asks, the \
     `fallback` table while that fails; `none_on_failure` is without tax because it failed. Null where \
     none was computed.",
);
pub(super) const SUBTOTAL_TAX: Attribute = Attribute::read(
    "subtotal_tax_amount_cents",
    TOTAL,
    "The tax on its skus and bundles at what is really paid for them, discounts and fees included, in \
     minor units; null where none was computed.",
);
pub(super) const FORMATTED_SUBTOTAL_TAX: Attribute = Attribute::read(
    "formatted_subtotal_tax_amount",
    Kind::Text(50),
    "`subtotal_tax_amount_cents` as people write it.",
);
pub(super) const TOTAL_TAX: Attribute = Attribute::read(
    "total_tax_amount_cents",
    TOTAL,
    "All of its tax, in minor units; null where none was computed.",
);
pub(super) const FORMATTED_TOTAL_TAX: Attribute = Attribute::read(
    "formatted_total_tax_amount",
    Kind::Text(50),
    "`total_tax_amount_cents` as people write it.",
);
pub(super) const TOTAL_TAXABLE: Attribute = Attribute::read(
    "total_taxable_amount_cents",
    TOTAL,
    "What bears tax, without the tax, in minor units; null where none was computed.",
);
pub(super) const FORMATTED_TOTAL_TAXABLE: Attribute = Attribute::read(
    "formatted_total_taxable_amount",
    Kind::Text(50),
    "`total_taxable_amount_cents` as people write it.",
);
pub(super) const TOTAL_WITH_TAXES: Attribute = Attribute::read(
    "total_amount_with_taxes_cents",
    Kind::Integer(0, i64::MAX),
    "What is to be paid, in minor units: `total_amount_cents` and, where tax comes on top, the tax.",
);
pub(super) const FORMATTED_TOTAL_WITH_TAXES: Attribute = Attribute::read(
    "formatted_total_amount_with_taxes",
    Kind::Text(50),
    "`total_amount_with_taxes_cents` as people write it.",
);

/// The sums of an order's taxes, each by its name without `_cents`. `goods` are the lines of skus and
/// bundles, by the ids that the taxes know them by.
pub(super) fn amounts(
    tax: Option<&Taxes>,
    goods: &[SoldLine<'_>],
) -> [(&'static str, Option<MinorUnits>); 3] {
    let of_goods = tax.and_then(|tax| {
        let goods = goods.iter().filter(|line| !line.item.is_adjustment());
        let taxes = goods.filter_map(|line| tax.of_line(&line.id)).map(|line| line.tax);
        MinorUnits::checked_total(taxes).ok()
    });
    [
        ("subtotal_tax_amount", of_goods),
        ("total_tax_amount", tax.and_then(|tax| tax.total().ok())),
        ("total_taxable_amount", tax.and_then(|tax| tax.taxable().ok())),
    ]
}

/// How an order's taxes were computed.
pub(super) fn add_how(attributes: &mut Map<String, Value>, tax: Option<&Taxes>) {
    let included = tax.map(|tax| tax.behavior == TaxBehavior::Inclusive);
    attributes.insert("tax_included".to_owned(), json!(included));
    attributes.insert("tax_rate".to_owned(), rate(tax.and_then(Taxes::single_rate)));
    attributes.insert("tax_source".to_owned(), json!(tax.map(|tax| tax.source.as_str())));
}

pub(super) const LINE_TAX: Attribute = Attribute::read(
    "tax_amount_cents",
    TOTAL,
    "The tax on it, in minor units; null where none was computed, and for discounts and fees that \
     are spread over the other lines.",
);
pub(super) const FORMATTED_LINE_TAX: Attribute = Attribute::read(
    "formatted_tax_amount",
    Kind::Text(50),
    "`tax_amount_cents` as people write it.",
);
pub(super) const LINE_TAXABLE: Attribute = Attribute::read(
    "taxable_amount_cents",
    TOTAL,
    "What is really paid for it without tax, its share of discounts and fees included, in minor units.",
);
pub(super) const LINE_RATE: Attribute = Attribute::read(
    "tax_rate",
    Kind::TaxRate,
    "Its rate, as a fraction: 0.19 is 19 percent. Null where it is not taxable, which is not the same \
     as 0.",
);
pub(super) const LINE_BREAKDOWN: Attribute = Attribute::read(
    "tax_breakdown",
    Kind::List(&Kind::Anything(0), 100),
    "The taxes that its tax is made up of, each with name, tax_rate and tax_amount_cents, where a \
     service has told; else null.",
);

/// A line's share of an order's taxes.
pub(super) fn add_line(
    attributes: &mut Map<String, Value>,
    tax: Option<&LineTax>,
    currency: Currency,
) {
    let shown = tax.map(|line| formatted(line.tax, currency));
    attributes.insert("tax_amount_cents".to_owned(), json!(tax.map(|line| line.tax)));
    attributes.insert("formatted_tax_amount".to_owned(), json!(shown));
    attributes.insert("taxable_amount_cents".to_owned(), json!(tax.map(|line| line.net)));
    attributes.insert("tax_rate".to_owned(), rate(tax.and_then(|line| line.rate)));
    let parts = tax.map(|line| line.breakdown.as_slice()).filter(|parts| !parts.is_empty());
    let parts: Option<Vec<Value>> = parts.map(|parts| parts.iter().map(part).collect());
    attributes.insert("tax_breakdown".to_owned(), json!(parts));
}

pub(super) fn part(part: &TaxPart) -> Value {
    json!({"name": part.name, "tax_rate": rate(part.rate), "tax_amount_cents": part.tax})
}

/// A rate as a number, which is how the API writes it; null where there is none.
pub(super) fn rate(rate: Option<TaxRate>) -> Value {
    rate.and_then(|rate| fraction::serialize(&rate, serde_json::value::Serializer).ok())
        .unwrap_or_default()
}
