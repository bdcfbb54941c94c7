//! From a schedule to a drawn-up invoice: the next period, and its lines, taxes and sums.

use std::{error::Error, hint::black_box};

use criterion::Criterion;
use perennial_domain::{
    billing_period::{BillingTerms, next_invoice},
    invoice::{InvoiceInput, InvoiceTerms, RecurringItem, Setup, SetupItem, TaxRounding, draw_up},
    money::{Currency, MinorUnits},
    time::{NamedFrequency, Schedule},
};

pub(crate) fn measure(criterion: &mut Criterion) -> Result<(), Box<dyn Error>> {
    let mut group = criterion.benchmark_group("invoice");
    let start = "2027-01-31T10:00:00Z".parse()?;
    let schedule = Schedule::new(NamedFrequency::Monthly.into(), start, "Europe/Berlin".parse()?);
    let after = "2027-03-15T00:00:00Z".parse()?;
    next_invoice(&schedule, BillingTerms::default(), after)?;
    group.bench_function("its period", |bencher| {
        bencher.iter(|| next_invoice(black_box(&schedule), BillingTerms::default(), after));
    });

    for (name, items, tax_rounding) in [
        ("of one item", 1, TaxRounding::Line),
        ("of 10 items", 10, TaxRounding::Line),
        ("of 10 items, rounded at its end", 10, TaxRounding::Invoice),
        ("of 100 items", 100, TaxRounding::Line),
    ] {
        let mut input = input(&schedule, items)?;
        input.terms.tax_rounding = tax_rounding;
        draw_up(&input)?;
        group.bench_function(name, |bencher| bencher.iter(|| draw_up(black_box(&input))));
    }
    group.finish();
    Ok(())
}

/// A first invoice with a setup fee, and items at two rates of tax.
fn input(schedule: &Schedule, items: u32) -> Result<InvoiceInput, Box<dyn Error>> {
    let issued_at = schedule.anchor();
    let terms = BillingTerms::default();
    let periods = next_invoice(schedule, terms, issued_at - chrono::TimeDelta::seconds(1))?;
    let rates = ["19".parse()?, "7".parse()?];
    let items = (1..=items).zip(rates.iter().cycle()).map(|(number, rate)| RecurringItem {
        description: format!("Coffee, blend {number}"),
        quantity: number,
        unit_amount: MinorUnits::new(1_299),
        tax_rate: Some(*rate),
    });
    let fee = SetupItem {
        description: "Grinder".to_owned(),
        amount: MinorUnits::new(4_900),
        tax_rate: rates.first().copied(),
    };
    Ok(InvoiceInput {
        number: None,
        currency: Currency::EUR,
        time_zone: schedule.zone(),
        issued_at,
        periods,
        items: items.collect(),
        adjustments: Vec::new(),
        setup: Some(Setup { fees: vec![fee], credits: Vec::new() }),
        terms: InvoiceTerms::default(),
        credit_balance: MinorUnits::new(500),
        paid: MinorUnits::ZERO,
    })
}
