use std::error::Error;

use chrono::TimeDelta;

use super::*;
use crate::{
    billing_period::{BillingPeriod, PeriodKind},
    invoice::{
        Adjustment, CreditPolicy, InvoiceLineKind, MinimumCommitment, RecurringItem, Setup,
        SetupItem, TaxBehavior,
    },
    money::Ratio,
    time::{OccurrenceNumber, Zone, iana},
};

type TestResult = Result<(), Box<dyn Error>>;

pub(in crate::invoice) fn units(units: i64) -> MinorUnits {
    MinorUnits::new(units)
}

/// A period of so many of so many days from 1 January 2027, invoiced at its start.
pub(in crate::invoice) fn period(days: i64, of: i64) -> Result<BillingPeriod, Box<dyn Error>> {
    let start: DateTime<Utc> = "2027-01-01T00:00:00Z".parse()?;
    Ok(BillingPeriod {
        number: OccurrenceNumber::ANCHOR,
        start,
        end: start + TimeDelta::days(days),
        kind: if days == of { PeriodKind::Whole } else { PeriodKind::EndStub },
        fraction: Ratio::new(days, of)?,
        invoiced_at: start,
    })
}

pub(in crate::invoice) fn item(unit_amount: i64, quantity: u32, rate: &str) -> RecurringItem {
    RecurringItem {
        description: "Coffee".to_owned(),
        quantity,
        unit_amount: units(unit_amount),
        tax_rate: rate.parse().ok(),
    }
}

pub(in crate::invoice) fn setup_item(amount: i64) -> SetupItem {
    let tax_rate = "19".parse().ok();
    SetupItem { description: "Grinder".to_owned(), amount: units(amount), tax_rate }
}

pub(in crate::invoice) fn adjustment(amount: i64, rate: &str) -> Adjustment {
    Adjustment {
        description: "Change of quantity".to_owned(),
        reason: "14/31 of 1000".to_owned(),
        period: None,
        amount: units(amount),
        tax_rate: rate.parse().ok(),
    }
}

/// One whole period from 1 January 2027 on, in euros, with nothing to bill.
pub(in crate::invoice) fn january() -> Result<InvoiceInput, Box<dyn Error>> {
    Ok(InvoiceInput {
        number: None,
        currency: Currency::EUR,
        time_zone: Zone::utc(),
        issued_at: "2027-01-01T00:00:00Z".parse()?,
        periods: vec![period(31, 31)?],
        items: Vec::new(),
        adjustments: Vec::new(),
        setup: None,
        terms: InvoiceTerms::default(),
        credit_balance: MinorUnits::ZERO,
        paid: MinorUnits::ZERO,
    })
}

fn sums(invoice: &Invoice) -> [i64; 4] {
    [invoice.net, invoice.tax, invoice.gross, invoice.total].map(MinorUnits::get)
}

fn per_rate(invoice: &Invoice) -> Vec<(String, i64, i64, i64)> {
    let line =
        |line: &TaxLine| (line.rate.to_string(), line.net.get(), line.tax.get(), line.gross.get());
    invoice.taxes.iter().map(line).collect()
}

/// 2 × 12.50 at 19 % is 25.00 + 4.75; 9.99 at 7 % is 9.99 + 0.70 (0.6993).
#[test]
fn prices_without_tax_bear_it_per_rate() -> TestResult {
    let items = vec![item(1_250, 2, "19"), item(999, 1, "7"), item(500, 1, "outside")];
    let invoice = draw_up(&InvoiceInput { items, ..january()? })?;
    assert_eq!(sums(&invoice), [3_999, 545, 4_544, 4_544]);
    assert_eq!(
        per_rate(&invoice),
        [("7".into(), 999, 70, 1_069), ("19".into(), 2_500, 475, 2_975)]
    );
    assert_eq!(invoice.settlement.amount_due, units(4_544));
    Ok(())
}

/// 29.75 has 4.75 in it at 19 %; 10.69 has 0.70 at 7 % (0.69935).
#[test]
fn prices_with_tax_have_it_taken_out() -> TestResult {
    let mut input = january()?;
    input.terms.tax_behavior = TaxBehavior::Inclusive;
    input.items = vec![item(2_975, 1, "19"), item(1_069, 1, "7")];
    let invoice = draw_up(&input)?;
    assert_eq!(sums(&invoice), [3_499, 545, 4_044, 4_044]);
    Ok(())
}

/// 17 of 31 days: of 2 × 10.00 these are 1096.77 cents; a minimum of 30.00 comes to 1645.16, so
/// 548 are lacking.
#[test]
fn a_stub_bears_its_share_of_prices_and_of_the_minimum() -> TestResult {
    let mut input = january()?;
    input.periods = vec![period(17, 31)?];
    input.items = vec![item(1_000, 2, "outside")];
    input.terms.minimum_commitment =
        Some(MinimumCommitment { amount: units(3_000), tax_rate: None });
    let invoice = draw_up(&input)?;
    let told: Vec<_> =
        invoice.lines.iter().map(|line| (line.net.get(), line.reason.as_str())).collect();
    assert_eq!(
        told,
        [
            (1_097, "end stub, 17/31 of a period"),
            (
                548,
                "end stub, 17/31 of a period: 17/31 of the minimum of 30.00 EUR are 16.45 EUR, of \
                 which 10.97 EUR is billed above"
            ),
        ]
    );
    let lacking = invoice.lines.last().map(|line| (line.quantity, line.unit_amount, line.fraction));
    assert_eq!(lacking, Some((1, units(548), None)));
    Ok(())
}

#[test]
fn the_minimum_is_asked_of_each_period_and_not_of_what_reaches_it() -> TestResult {
    let mut input = january()?;
    input.periods = vec![period(31, 31)?, period(31, 31)?];
    input.items = vec![item(2_000, 1, "19")];
    for (minimum, true_ups) in [(2_000, 0), (2_001, 2)] {
        let amount = units(minimum);
        input.terms.minimum_commitment = Some(MinimumCommitment { amount, tax_rate: None });
        let invoice = draw_up(&input)?;
        let lacking = |line: &&InvoiceLine| line.kind == InvoiceLineKind::MinimumCommitment;
        assert_eq!(invoice.lines.iter().filter(lacking).count(), true_ups);
        for line in invoice.lines.iter().filter(lacking) {
            let reason =
                "whole period: the minimum is 20.01 EUR, of which 20.00 EUR is billed above";
            assert_eq!(line.reason, reason);
        }
    }
    Ok(())
}

#[test]
fn lines_say_why_they_are_there_in_the_order_in_which_they_came_about() -> TestResult {
    let mut input = january()?;
    input.items = vec![item(1_000, 1, "19")];
    input.adjustments = vec![adjustment(452, "19")];
    input.setup = Some(Setup { fees: vec![setup_item(500)], credits: vec![setup_item(800)] });
    let invoice = draw_up(&input)?;
    let told: Vec<_> =
        invoice.lines.iter().map(|line| (line.number, line.kind, line.reason.as_str())).collect();
    assert_eq!(
        told,
        [
            (1, InvoiceLineKind::SetupFee, "setup fee, once"),
            (2, InvoiceLineKind::Recurring, "whole period"),
            (3, InvoiceLineKind::Adjustment, "14/31 of 1000"),
            (4, InvoiceLineKind::SetupCredit, "setup credit, once"),
        ]
    );
    Ok(())
}

/// Fee 50.00 + 9.50, coffee 10.00 + 1.90, credit 80.00 + 15.20: 23.80 remain for the customer, and
/// with the 3.00 in credit 26.80.
#[test]
fn what_exceeds_the_invoice_goes_to_the_balance_and_only_what_was_paid_is_refunded() -> TestResult {
    let mut input = january()?;
    input.items = vec![item(1_000, 1, "19")];
    input.setup = Some(Setup { fees: vec![setup_item(5_000)], credits: vec![setup_item(8_000)] });
    input.credit_balance = units(300);
    for (policy, paid, refunded, balance_after) in [
        (CreditPolicy::Apply, 0, 0, 2_680),
        (CreditPolicy::Apply, 5_000, 0, 2_680),
        (CreditPolicy::Refund, 0, 0, 2_680),
        (CreditPolicy::Refund, 1_000, 1_000, 1_680),
        (CreditPolicy::Refund, 5_000, 2_680, 0),
    ] {
        input.terms.credit_policy = policy;
        input.paid = units(paid);
        let invoice = draw_up(&input)?;
        assert_eq!(sums(&invoice), [-2_000, -380, -2_380, 0]);
        let settlement = InvoiceSettlement {
            balance_before: units(300),
            credited: units(2_380),
            credit_applied: units(0),
            refunded: units(refunded),
            amount_due: units(0),
            balance_after: units(balance_after),
        };
        assert_eq!(invoice.settlement, settlement);
    }
    let kinds: Vec<_> = draw_up(&input)?.lines.iter().map(|line| line.kind).collect();
    assert_eq!(
        kinds,
        [InvoiceLineKind::SetupFee, InvoiceLineKind::Recurring, InvoiceLineKind::SetupCredit]
    );
    Ok(())
}

/// (policy, balance, paid, applied, refunded, due, balance after) of an invoice of 11.90.
#[test]
fn a_balance_is_taken_off_or_refunded() -> TestResult {
    let mut input = january()?;
    input.items = vec![item(1_000, 1, "19")];
    for (policy, balance, paid, expected) in [
        (CreditPolicy::Apply, 0, 0, [0, 0, 1_190, 0]),
        (CreditPolicy::Apply, 500, 0, [500, 0, 690, 0]),
        (CreditPolicy::Apply, 1_190, 9_000, [1_190, 0, 0, 0]),
        (CreditPolicy::Apply, 2_000, 0, [1_190, 0, 0, 810]),
        (CreditPolicy::Refund, 500, 9_000, [0, 500, 1_190, 0]),
        (CreditPolicy::Refund, 500, 200, [300, 200, 890, 0]),
        (CreditPolicy::Refund, 500, 0, [500, 0, 690, 0]),
        (CreditPolicy::Refund, 2_000, 0, [1_190, 0, 0, 810]),
    ] {
        input.terms.credit_policy = policy;
        input.paid = units(paid);
        input.credit_balance = units(balance);
        let found = draw_up(&input)?.settlement;
        let found = [found.credit_applied, found.refunded, found.amount_due, found.balance_after];
        assert_eq!(found.map(MinorUnits::get), expected, "{policy:?} {balance} {paid}");
    }
    Ok(())
}

#[test]
fn the_ledger_of_a_change_lands_as_it_is() -> TestResult {
    let mut input = january()?;
    input.periods = Vec::new();
    input.items = vec![item(1_000, 1, "19")];
    input.adjustments = vec![adjustment(-452, "19"), adjustment(903, "19")];
    let invoice = draw_up(&input)?;
    // 19 % of -4.52 is -0.8588, of 9.03 it is 1.7157: without a period no item is billed.
    assert_eq!(sums(&invoice), [451, 86, 537, 537]);
    assert!(invoice.lines.iter().all(|line| line.reason == "14/31 of 1000"));
    Ok(())
}

#[test]
fn dates_are_those_of_the_customers_calendar() -> TestResult {
    let mut input = january()?;
    // Already 28 February in Berlin; 2028 is a leap year.
    input.issued_at = "2028-02-27T23:30:00Z".parse()?;
    input.time_zone = iana("Europe/Berlin");
    for (net_days, due_on) in [(0, "2028-02-28"), (1, "2028-02-29"), (14, "2028-03-13")] {
        input.terms.net_days = net_days;
        let invoice = draw_up(&input)?;
        assert_eq!(invoice.issued_on.to_string(), "2028-02-28");
        assert_eq!(invoice.due_on.to_string(), due_on);
    }
    input.terms.net_days = u32::MAX;
    assert!(matches!(draw_up(&input), Err(InvoiceError::DueDate { net_days: u32::MAX, .. })));
    input.issued_at = "9999-12-30T12:00:00Z".parse()?;
    input.terms.net_days = 1;
    assert_eq!(draw_up(&input)?.due_on.to_string(), "9999-12-31");
    input.terms.net_days = 2;
    let refused = draw_up(&input).map_err(|error| error.to_string());
    let error = "2 days after 9999-12-30 is no date up to the year 9999";
    assert_eq!(refused, Err(error.to_owned()));
    Ok(())
}

#[test]
fn what_breaks_a_rule_is_named() -> TestResult {
    let valid = january()?;
    let refused = |input: &InvoiceInput| draw_up(input).map_err(|error| error.to_string());
    let held_back =
        BillingPeriod { invoiced_at: "2027-03-01T00:00:00Z".parse()?, ..period(31, 31)? };
    let early = InvoiceInput { periods: vec![held_back], ..valid.clone() };
    assert_eq!(
        refused(&early),
        Err("the period from 2027-01-01 00:00:00 UTC is invoiced at 2027-03-01 00:00:00 UTC, \
             after the invoice is drawn up at 2027-01-01 00:00:00 UTC"
            .to_owned())
    );
    let negative = |what: &str| Err(format!("the {what} must be 0 or more, not -1"));
    let owing = InvoiceInput { credit_balance: units(-1), ..valid.clone() };
    assert_eq!(refused(&owing), negative("credit balance"));
    let owed = InvoiceInput { paid: units(-1), ..valid.clone() };
    assert_eq!(refused(&owed), negative("amount paid"));
    let items = vec![item(-1, 1, "19")];
    assert_eq!(refused(&InvoiceInput { items, ..valid.clone() }), negative("unit amount"));
    let setup = Setup { fees: vec![setup_item(-1)], credits: Vec::new() };
    let fees = InvoiceInput { setup: Some(setup), ..valid.clone() };
    assert_eq!(refused(&fees), negative("setup fee"));
    let setup = Setup { fees: Vec::new(), credits: vec![setup_item(-1)] };
    let credits = InvoiceInput { setup: Some(setup), ..valid.clone() };
    assert_eq!(refused(&credits), negative("setup credit"));
    let mut minimum = valid.clone();
    minimum.terms.minimum_commitment =
        Some(MinimumCommitment { amount: units(-1), tax_rate: None });
    assert_eq!(refused(&minimum), negative("minimum commitment"));
    let items = vec![item(i64::MAX, 2, "19")];
    assert_eq!(draw_up(&InvoiceInput { items, ..valid }), Err(MoneyError::Overflow.into()));
    Ok(())
}

#[test]
fn an_invoice_survives_storage() -> TestResult {
    let mut input = january()?;
    input.items = vec![item(1_000, 1, "8.875"), item(1, 3, "outside")];
    input.setup = Some(Setup { fees: vec![setup_item(5)], credits: Vec::new() });
    input.terms.minimum_commitment =
        Some(MinimumCommitment { amount: units(9_999), tax_rate: Some("19".parse()?) });
    input.number = Some(InvoiceNumber { year: Some(2027), count: 42 });
    let invoice = draw_up(&input)?;
    assert_eq!(invoice.number, input.number);
    let stored = serde_json::to_string(&invoice)?;
    assert_eq!(serde_json::from_str::<Invoice>(&stored)?, invoice);
    Ok(())
}
