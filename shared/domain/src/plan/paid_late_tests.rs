use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use crate::{
    money::MinorUnits,
    plan::{
        Outcome, PlannedRun, Settled, plan_run, settle_run,
        tests::{at, claimed, monthly},
    },
    run::RunStatus,
    tax::{LineTax, TaxBehavior, TaxSource, Taxes, with_tax},
};

type TestResult<T = ()> = Result<T, Box<dyn std::error::Error>>;

const FOUND_AT: &str = "2027-02-28T10:00:00Z";

fn taxes(behavior: TaxBehavior, tax: i64) -> TestResult<Taxes> {
    let line = LineTax {
        id: "1".to_owned(),
        rate: Some("19".parse()?),
        net: MinorUnits::new(2_500),
        tax: MinorUnits::new(tax),
        rule_id: None,
        breakdown: Vec::new(),
    };
    let calculator_id = "mtc_1".parse()?;
    Ok(Taxes { behavior, source: TaxSource::Table, calculator_id, lines: vec![line] })
}

/// A run that was paid, with these taxes.
fn taxed(tax: Option<Taxes>) -> TestResult<Settled> {
    let before = claimed(&monthly()?);
    let planned = plan_run(&before)?.ok_or("no run is under way")?;
    let planned = PlannedRun { total: with_tax(planned.total, tax.as_ref())?, tax, ..planned };
    let outcome = Outcome::Paid { charge_id: "ch_1".to_owned() };
    Ok(settle_run(&before, &planned, &outcome, now()?)?)
}

fn paid() -> TestResult<Settled> {
    taxed(None)
}

fn now() -> TestResult<DateTime<Utc>> {
    at(FOUND_AT)
}

fn codes(settled: &Settled) -> Vec<&str> {
    settled.run.errors_log.iter().map(|error| error.code.as_str()).collect()
}

#[test]
fn a_paid_run_whose_units_are_sold_tells_so_in_its_log_and_in_the_journal() -> TestResult {
    let now = at("2027-02-28T10:00:00Z")?;
    let mut settled = paid()?;
    settled.note_oversold("BEANS", now);
    settled.note_oversold("TEA", now);
    assert_eq!(settled.run.status, RunStatus::Successful);
    assert_eq!(codes(&settled), ["oversold", "oversold"]);
    assert_eq!(settled.change.after.get("oversold"), Some(&json!(["BEANS", "TEA"])));
    assert_eq!(settled.change.after.get("error"), None);
    Ok(())
}

/// The lines cost 30.00.
#[test]
fn a_run_is_booked_at_what_was_paid_and_a_difference_is_a_line_of_its_own() -> TestResult {
    use TaxBehavior::{Exclusive, Inclusive};
    for (behavior, tax, paid, difference, left) in [
        // What it costs.
        (None, 0, 3_000, None, 0),
        (Some(Exclusive), 475, 3_475, None, 475),
        (Some(Inclusive), 399, 3_000, None, 399),
        // Less, and more.
        (None, 0, 2_500, Some(-500), 0),
        (None, 0, 3_001, Some(1), 0),
        // Charged before there were taxes.
        (Some(Exclusive), 475, 3_000, Some(-475), 475),
        (Some(Inclusive), 399, 3_100, Some(100), 399),
        // The tax can't have been in it.
        (Some(Exclusive), 475, 474, Some(-2_526), 0),
        (Some(Inclusive), 399, 398, Some(-2_602), 0),
        (Some(Inclusive), 399, 399, Some(-2_601), 399),
    ] {
        let tax = behavior.map(|behavior| taxes(behavior, tax)).transpose()?;
        let mut settled = taxed(tax)?;
        let (lines, paid) = (settled.run.lines.len(), MinorUnits::new(paid));
        settled.book_at(paid, now()?)?;
        let run = &settled.run;
        assert_eq!((run.total, run.status), (paid, RunStatus::Successful));
        assert_eq!(with_tax(run.totals()?.total, run.tax.as_ref())?, paid, "it adds up");
        let told = run.lines.get(lines).map(|line| line.unit_amount.get());
        assert_eq!(told, difference, "{paid}");
        let bears = run.tax.as_ref().map(Taxes::total).transpose()?.unwrap_or_default();
        assert_eq!(bears.get(), left, "{paid}");
        let noted = settled.change.after.get("amount_differs").and_then(|told| told.get("paid"));
        assert_eq!(codes(&settled).len(), usize::from(difference.is_some()), "{paid}");
        assert_eq!(noted.and_then(Value::as_i64), difference.map(|_| paid.get()), "{paid}");
    }
    Ok(())
}
