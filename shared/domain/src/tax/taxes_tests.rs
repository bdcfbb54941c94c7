use std::error::Error;

use super::*;

type TestResult = Result<(), Box<dyn Error>>;

/// A line with this rate (`-` for none), net and tax.
fn line((id, rate, net, tax): (&str, &str, i64, i64)) -> Result<LineTax, Box<dyn Error>> {
    Ok(LineTax {
        id: id.to_owned(),
        rate: (rate != "-").then(|| rate.parse()).transpose()?,
        net: MinorUnits::new(net),
        tax: MinorUnits::new(tax),
        rule_id: None,
        breakdown: Vec::new(),
    })
}

fn taxes(behavior: TaxBehavior, lines: &[(&str, &str, i64, i64)]) -> Result<Taxes, Box<dyn Error>> {
    Ok(Taxes {
        behavior,
        source: TaxSource::Table,
        calculator_id: "mtc_1".parse()?,
        lines: lines.iter().copied().map(line).collect::<Result<_, _>>()?,
    })
}

#[test]
fn sums_are_told_per_rate_and_what_is_not_taxable_is_in_none() -> TestResult {
    let lines = [
        ("a", "19", 1_000, 190),
        ("b", "7", 500, 35),
        ("c", "-", 300, 0),
        ("d", "0", 200, 0),
        ("e", "19", 10, 2),
    ];
    let taxes = taxes(TaxBehavior::Exclusive, &lines)?;
    assert_eq!((taxes.total()?.get(), taxes.added()?.get()), (227, 227));
    assert_eq!(taxes.taxable()?.get(), 1_710);
    let sums: Vec<(String, i64, i64, i64)> = taxes
        .per_rate()?
        .iter()
        .map(|sum| (sum.rate.to_string(), sum.net.get(), sum.tax.get(), sum.gross.get()))
        .collect();
    let sum = |rate: &str, net, tax| (rate.to_owned(), net, tax, net + tax);
    assert_eq!(sums, [sum("0", 200, 0), sum("7", 500, 35), sum("19", 1_010, 192)]);
    assert_eq!(taxes.single_rate(), None);
    assert_eq!(taxes.of_line("b").map(|line| line.tax.get()), Some(35));
    assert_eq!(taxes.of_line("f"), None);
    Ok(())
}

#[test]
fn tax_within_prices_adds_nothing_to_them() -> TestResult {
    let taxes = taxes(TaxBehavior::Inclusive, &[("a", "19", 1_000, 190), ("b", "-", 300, 0)])?;
    assert_eq!((taxes.total()?.get(), taxes.added()?.get()), (190, 0));
    assert_eq!(taxes.single_rate().map(|rate| rate.to_string()).as_deref(), Some("19"));
    Ok(())
}

#[test]
fn a_journal_is_told_sums_rates_and_who_computed_them() -> TestResult {
    let lines = [("a", "19", 1_000, 190), ("b", "-", 300, 0), ("c", "19", 10, 2)];
    assert_eq!(
        taxes(TaxBehavior::Inclusive, &lines)?.told(),
        json!({
            "total_tax_amount_cents": 192,
            "tax_included": true,
            "tax_source": "table",
            "tax_calculator_id": "mtc_1",
            "rates": [{"tax_percent": "19", "taxable_amount_cents": 1_010, "tax_amount_cents": 192}],
        })
    );
    Ok(())
}

#[test]
fn what_is_kept_with_an_order_is_short_and_read_again() -> TestResult {
    let taxes = taxes(TaxBehavior::Exclusive, &[("a", "19", 1_000, 190), ("b", "-", 300, 0)])?;
    let stored = serde_json::to_string(&taxes)?;
    assert_eq!(
        stored,
        r#"{"behavior":"exclusive","source":"table","calculator_id":"mtc_1","lines":[{"id":"a","rate":"19","net":1000,"tax":190},{"id":"b","net":300,"tax":0}]}"#
    );
    assert_eq!(serde_json::from_str::<Taxes>(&stored)?, taxes);
    assert!("prl_1".parse::<TaxCalculatorId>().is_err());
    Ok(())
}
