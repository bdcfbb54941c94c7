use std::error::Error;

use super::*;
use crate::{
    ids::{MarketId, OrderId},
    money::{Currency, MinorUnits},
    tax::{TaxBehavior, TaxCalculatorId, TaxSource, Taxes},
};

type Checked<T> = Result<T, Box<dyn Error>>;

/// A rule: its name, percent, category, country, state and first day; empty is null.
type Written = [&'static str; 6];

/// The table of the examples in docs/tax.md.
const TABLE: &[Written] = &[
    ["de", "19", "", "DE", "", ""],
    ["de books", "7", "books", "DE", "", ""],
    ["de from 2027", "20", "", "DE", "", "2027-07-01"],
    ["ch", "8.1", "", "CH", "", "2024-01-01"],
    ["ch before", "7.7", "", "CH", "", ""],
    ["us ny", "8.875", "", "US", "NY", ""],
    ["us ny clothing", "0", "clothing", "US", "NY", ""],
    ["us books", "3", "books", "US", "", ""],
    ["books", "5", "books", "", "", ""],
];

pub(in super::super) fn table(rules: &[Written], rounding: TaxRounding) -> Checked<TaxTable> {
    let calculator_id: ManualTaxCalculatorId = "mtc_1".parse()?;
    let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let rules = rules.iter().map(|[name, percent, category, country, state, start]| {
        Ok(TaxRule {
            id: TaxRuleId::derived(&[name]),
            manual_tax_calculator_id: calculator_id.clone(),
            name: (*name).to_owned(),
            tax_rate: percent.parse()?,
            tax_category: given(category),
            country_code: given(country),
            state_code: given(state),
            starts_on: given(start).map(|start| start.parse()).transpose()?,
            created_at: "2024-01-01T00:00:00Z".parse()?,
        })
    });
    Ok(TaxTable {
        calculator_id: calculator_id.clone(),
        rounding,
        rules: rules.collect::<Checked<_>>()?,
    })
}

/// A question about lines, each a category (empty is null) and an amount, sent to `place`
/// (`US-NY`, `DE`, or nowhere).
pub(in super::super) fn question(
    behavior: TaxBehavior,
    place: &str,
    on: &str,
    lines: &[(&str, i64)],
) -> Checked<TaxQuestion> {
    let (country, state) = place.split_once('-').unwrap_or((place, ""));
    let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let on: NaiveDate = on.parse()?;
    let lines = lines.iter().enumerate().map(|(place, (category, amount))| TaxableLine {
        id: format!("{place}"),
        sku_code: Some(format!("SKU-{place}")),
        bundle_code: None,
        tax_category: given(category),
        quantity: 1,
        amount: MinorUnits::new(*amount),
    });
    Ok(TaxQuestion {
        order_id: OrderId::derived(&["order"]),
        organization: "acme".parse()?,
        market_id: MarketId::derived(&["market"]),
        currency: Currency::EUR,
        at: on.and_time(chrono::NaiveTime::MIN).and_utc(),
        on,
        behavior,
        destination: Destination {
            country_code: given(country),
            state_code: given(state),
            ..Destination::default()
        },
        lines: lines.collect(),
    })
}

/// By the order of the table in docs/tax.md: category, then state, then country, then first day.
#[test]
fn the_most_specific_rule_that_has_begun_wins() -> Checked<()> {
    let table = table(TABLE, TaxRounding::Line)?;
    for (place, on, category, winner) in [
        ("DE", "2027-06-30", "", Some("de")),
        ("DE", "2027-07-01", "", Some("de from 2027")),
        ("DE", "2027-07-01", "books", Some("de books")),
        ("DE", "2027-07-01", "toys", Some("de from 2027")),
        ("CH", "2023-12-31", "", Some("ch before")),
        ("CH", "2024-01-01", "", Some("ch")),
        // A rule of any place for books beats the country's for everything.
        ("CH", "2024-01-01", "books", Some("books")),
        ("US-NY", "2027-01-01", "", Some("us ny")),
        ("US-ny", "2027-01-01", "", Some("us ny")),
        ("US-NY", "2027-01-01", "clothing", Some("us ny clothing")),
        // Of two for books, the one for the country.
        ("US-NY", "2027-01-01", "books", Some("us books")),
        ("US-OR", "2027-01-01", "", None),
        ("US", "2027-01-01", "clothing", None),
        ("FR", "2027-01-01", "", None),
        ("FR", "2027-01-01", "books", Some("books")),
        ("", "2027-01-01", "", None),
        ("", "2027-01-01", "books", Some("books")),
        // Categories are exact.
        ("DE", "2027-06-30", "Books", Some("de")),
    ] {
        let question = question(TaxBehavior::Exclusive, place, on, &[(category, 100)])?;
        let line = question.lines.first().ok_or("no line")?;
        let found = table.rule_for(&question, line).map(|rule| rule.name.as_str());
        assert_eq!(found, winner, "{category:?} to {place:?} on {on}");
    }
    Ok(())
}

#[test]
fn the_order_in_which_rules_are_written_down_does_not_matter() -> Checked<()> {
    let forward = table(TABLE, TaxRounding::Line)?;
    let mut backward = forward.clone();
    backward.rules.reverse();
    for place in ["DE", "CH", "US-NY", "US", "FR", ""] {
        for category in ["", "books", "clothing"] {
            let question =
                question(TaxBehavior::Exclusive, place, "2027-07-01", &[(category, 100)])?;
            assert_eq!(forward.taxes(&question)?, backward.taxes(&question)?, "{place} {category}");
        }
    }
    Ok(())
}

/// By hand: net, tax of each line, and the sums. `-` is no rate.
#[test]
fn taxes_of_an_order_are_those_of_its_lines() -> Checked<()> {
    use TaxBehavior::{Exclusive, Inclusive};
    type Lines<'a> = &'a [(&'a str, i64)];
    type Expected<'a> = &'a [(&'a str, i64, i64)];
    let cases: &[(TaxBehavior, &str, Lines<'_>, Expected<'_>, i64, i64)] = &[
        // 19 % of 10.00 and 7 % of 9.99 (69.93 cents).
        (
            Exclusive,
            "DE",
            &[("", 1_000), ("books", 999)],
            &[("19", 1_000, 190), ("7", 999, 70)],
            260,
            260,
        ),
        // 11.90 has 1.90 in it, 9.99 has 999 * 7 / 107 = 65.355.
        (
            Inclusive,
            "DE",
            &[("", 1_190), ("books", 999)],
            &[("19", 1_000, 190), ("7", 934, 65)],
            255,
            0,
        ),
        // New York: 8.875 % of 100.00 is 887.5 cents; clothing is at 0, which is a rate.
        (
            Exclusive,
            "US-NY",
            &[("", 10_000), ("clothing", 5_000)],
            &[("8.875", 10_000, 888), ("0", 5_000, 0)],
            888,
            888,
        ),
        // Oregon has no rule: not taxable.
        (Exclusive, "US-OR", &[("", 10_000)], &[("-", 10_000, 0)], 0, 0),
        (
            Inclusive,
            "FR",
            &[("", 700), ("books", 1_050)],
            &[("-", 700, 0), ("5", 1_000, 50)],
            50,
            0,
        ),
    ];
    let table = table(TABLE, TaxRounding::Line)?;
    for (behavior, place, lines, expected, total, added) in cases {
        let question = question(*behavior, place, "2027-06-30", lines)?;
        let found = table.taxes(&question)?;
        let told = |line: &LineTax| {
            let rate = line.rate.map_or_else(|| "-".to_owned(), |rate| rate.to_string());
            (rate, line.net.get(), line.tax.get())
        };
        let shown: Vec<_> = found.iter().map(told).collect();
        let expected: Vec<_> =
            expected.iter().map(|(rate, net, tax)| ((*rate).to_owned(), *net, *tax)).collect();
        assert_eq!(shown, expected, "{behavior:?} {place} {lines:?}");
        let taxes = Taxes {
            behavior: *behavior,
            source: TaxSource::Table,
            calculator_id: TaxCalculatorId::Manual(table.calculator_id.clone()),
            lines: found,
        };
        assert_eq!((taxes.total()?.get(), taxes.added()?.get()), (*total, *added));
    }
    Ok(())
}

/// Three lines of 0.15 at 10 %: 1.5 cents each are 2 each, and 4.5 together are 5.
#[test]
fn an_order_can_be_rounded_as_a_whole() -> Checked<()> {
    let rules: &[Written] = &[["all", "10", "", "", "", ""]];
    let lines = [("", 15), ("", 15), ("", 15)];
    let question = question(TaxBehavior::Exclusive, "", "2027-01-01", &lines)?;
    for (rounding, expected) in [(TaxRounding::Line, [2, 2, 2]), (TaxRounding::Invoice, [2, 1, 2])]
    {
        let taxes = table(rules, rounding)?.taxes(&question)?;
        let taxes: Vec<i64> = taxes.iter().map(|line| line.tax.get()).collect();
        assert_eq!(taxes, expected, "{rounding:?}");
    }
    Ok(())
}

#[test]
fn a_rule_is_stored_with_its_rate_as_a_fraction() -> Checked<()> {
    let table = table(&[["ny", "8.875", "", "US", "NY", "2027-01-01"]], TaxRounding::Line)?;
    let rule = table.rules.first().ok_or("no rule")?;
    let stored = serde_json::to_value(rule)?;
    assert_eq!(stored.get("tax_rate").map(ToString::to_string).as_deref(), Some("0.08875"));
    assert_eq!(&serde_json::from_value::<TaxRule>(stored)?, rule);
    Ok(())
}
