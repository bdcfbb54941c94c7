use std::error::Error;

use crate::time::{Zone, iana};

use super::*;
use crate::time::ScheduleRules;

pub(in crate::billing_period) type TestResult = Result<(), Box<dyn Error>>;

pub(in crate::billing_period) const TEN: Reach = Reach { until: None, count: 10 };

pub(in crate::billing_period) fn schedule(
    frequency: &str,
    start: &str,
    zone: Zone,
) -> Result<Schedule, Box<dyn Error>> {
    Ok(Schedule::new(frequency.parse()?, start.parse()?, zone))
}

/// Local dates of start and end, kind and fraction of each period.
pub(in crate::billing_period) fn told(
    schedule: &Schedule,
    terms: BillingTerms,
    reach: Reach,
) -> Result<Vec<String>, Box<dyn Error>> {
    let date = |at: DateTime<Utc>| at.with_timezone(&schedule.zone()).format("%Y-%m-%d");
    periods(schedule, terms, reach)
        .map(|period| {
            let BillingPeriod { number, start, end, kind, fraction, .. } = period?;
            Ok(format!("{number}: {} to {}, {kind}, {fraction}", date(start), date(end)))
        })
        .collect()
}

fn ending(ends_at: &str) -> Result<BillingTerms, Box<dyn Error>> {
    Ok(BillingTerms { ends_at: Some(ends_at.parse()?), ..BillingTerms::default() })
}

#[test]
fn a_period_runs_from_one_occurrence_to_the_next() -> TestResult {
    let monthly = schedule("monthly", "2027-01-31T06:00:00Z", Zone::utc())?;
    assert_eq!(
        told(&monthly, BillingTerms::default(), Reach { until: None, count: 3 })?,
        [
            "0: 2027-01-31 to 2027-02-28, whole, 28/28",
            "1: 2027-02-28 to 2027-03-31, whole, 31/31",
            "2: 2027-03-31 to 2027-04-30, whole, 30/30",
        ]
    );
    Ok(())
}

pub(in crate::billing_period) fn anchored(
    frequency: &str,
    start: &str,
    rules: &str,
) -> Result<Schedule, Box<dyn Error>> {
    let rules: ScheduleRules = serde_json::from_str(rules)?;
    Ok(schedule(frequency, start, Zone::utc())?.with_rules(rules)?)
}

/// Days counted on the calendar: from the start to the anchor day, of the whole period that ends
/// there.
#[test]
fn a_start_off_the_anchor_day_makes_a_stub_of_the_first_period() -> TestResult {
    for (frequency, start, rules, first, second) in [
        (
            "monthly",
            "2027-01-15",
            r#"{"anchor_day": 1}"#,
            "0: 2027-01-15 to 2027-02-01, start stub, 17/31",
            "1: 2027-02-01 to 2027-03-01, whole, 28/28",
        ),
        (
            "monthly",
            "2027-02-01",
            r#"{"anchor_day": 1}"#,
            "0: 2027-02-01 to 2027-03-01, whole, 28/28",
            "1: 2027-03-01 to 2027-04-01, whole, 31/31",
        ),
        // The whole period that ends on 31 March began on 28 February.
        (
            "monthly",
            "2027-03-10",
            r#"{"anchor_day": 31}"#,
            "0: 2027-03-10 to 2027-03-31, start stub, 21/31",
            "1: 2027-03-31 to 2027-04-30, whole, 30/30",
        ),
        // 28 February stands for the 31st.
        (
            "monthly",
            "2027-02-28",
            r#"{"anchor_day": 31}"#,
            "0: 2027-02-28 to 2027-03-31, whole, 31/31",
            "1: 2027-03-31 to 2027-04-30, whole, 30/30",
        ),
        // From 5 November to 5 February are 92 days.
        (
            "three-month",
            "2027-01-20",
            r#"{"anchor_day": 5}"#,
            "0: 2027-01-20 to 2027-02-05, start stub, 16/92",
            "1: 2027-02-05 to 2027-05-05, whole, 89/89",
        ),
        // 1 January 2027 is a Friday.
        (
            "every 2 weeks",
            "2027-01-01",
            r#"{"anchor_weekday": "monday"}"#,
            "0: 2027-01-01 to 2027-01-04, start stub, 3/14",
            "1: 2027-01-04 to 2027-01-18, whole, 14/14",
        ),
    ] {
        let schedule = anchored(frequency, &format!("{start}T06:00:00Z"), rules)?;
        let two = Reach { until: None, count: 2 };
        assert_eq!(told(&schedule, BillingTerms::default(), two)?, [first, second]);
    }
    Ok(())
}

#[test]
fn an_end_before_the_anchor_day_leaves_a_stub_of_both() -> TestResult {
    let monthly = anchored("monthly", "2027-01-15T06:00:00Z", r#"{"anchor_day": 1}"#)?;
    let cut = told(&monthly, ending("2027-01-25T00:00:00Z")?, TEN)?;
    assert_eq!(cut, ["0: 2027-01-15 to 2027-01-25, start and end stub, 10/31"]);
    Ok(())
}

#[test]
fn numbers_go_on_where_the_schedule_says_so() -> TestResult {
    let rules = r#"{"anchor_day": 1, "anchor_number": 7}"#;
    let monthly = anchored("monthly", "2027-01-15T06:00:00Z", rules)?;
    let told = told(&monthly, BillingTerms::default(), Reach { until: None, count: 1 })?;
    assert_eq!(told, ["7: 2027-01-15 to 2027-02-01, start stub, 17/31"]);
    Ok(())
}

#[test]
fn an_end_cuts_the_last_period_by_whole_days() -> TestResult {
    let monthly = schedule("monthly", "2027-01-31T06:00:00Z", Zone::utc())?;
    // 14 days from 31 January on: the day it ends on is not billed, whatever the hour.
    for ends_at in ["2027-02-14T00:00:00Z", "2027-02-14T23:59:59Z"] {
        let cut = told(&monthly, ending(ends_at)?, TEN)?;
        assert_eq!(cut, ["0: 2027-01-31 to 2027-02-14, end stub, 14/28"]);
    }
    let whole = told(&monthly, ending("2027-02-28T06:00:00Z")?, TEN)?;
    assert_eq!(whole, ["0: 2027-01-31 to 2027-02-28, whole, 28/28"]);
    let none = told(&monthly, ending("2027-01-31T06:00:00Z")?, TEN)?;
    assert_eq!(none, [""; 0]);
    Ok(())
}

#[test]
fn days_are_those_of_the_local_calendar() -> TestResult {
    // March 2027 in Berlin has an hour less; the period begins on 28 February 23:30 UTC.
    let monthly = schedule("monthly", "2027-02-28T23:30:00Z", iana("Europe/Berlin"))?;
    let cut = told(&monthly, ending("2027-03-28T22:30:00Z")?, TEN)?;
    assert_eq!(cut, ["0: 2027-03-01 to 2027-03-29, end stub, 28/31"]);
    Ok(())
}

#[test]
fn a_cron_expression_bills_from_firing_to_firing_and_a_stub_before_the_first() -> TestResult {
    let firsts = schedule("0 6 1 * *", "2027-01-10T12:00:00Z", Zone::utc())?;
    assert_eq!(
        told(&firsts, ending("2027-03-11T00:00:00Z")?, TEN)?,
        [
            "0: 2027-01-10 to 2027-02-01, start stub, 22/31",
            "1: 2027-02-01 to 2027-03-01, whole, 28/28",
            "2: 2027-03-01 to 2027-03-11, end stub, 10/31",
        ]
    );
    let on_time = schedule("0 6 1 * *", "2027-01-01T06:00:00Z", Zone::utc())?;
    let first = told(&on_time, BillingTerms::default(), Reach { until: None, count: 1 })?;
    assert_eq!(first, ["0: 2027-01-01 to 2027-02-01, whole, 31/31"]);
    // From 29 February 2024 to the next: 1461 days, 424 of them from 1 January 2027 on.
    let leap_days = schedule("0 0 29 2 *", "2027-01-01T00:00:00Z", Zone::utc())?;
    let first = told(&leap_days, BillingTerms::default(), Reach { until: None, count: 1 })?;
    assert_eq!(first, ["0: 2027-01-01 to 2028-02-29, start stub, 424/1461"]);
    Ok(())
}

#[test]
fn a_cron_stub_is_found_from_a_start_that_clocks_jump_over() -> TestResult {
    // 02:30 does not exist in Berlin on 28 March 2027; the whole period began on 1 March.
    let rules = r#"{"anchor_local": "2027-03-28T02:30:00"}"#;
    let firsts = schedule("0 9 1 * *", "2027-03-28T01:00:00Z", iana("Europe/Berlin"))?
        .with_rules(serde_json::from_str(rules)?)?;
    let first = told(&firsts, BillingTerms::default(), Reach { until: None, count: 1 })?;
    assert_eq!(first, ["0: 2027-03-28 to 2027-04-01, start stub, 4/31"]);
    Ok(())
}

#[test]
fn what_starts_with_the_calendar_is_whole() -> TestResult {
    let first_day = schedule("0 9 * * *", "0001-01-01T00:00:00Z", Zone::utc())?;
    let first = told(&first_day, BillingTerms::default(), Reach { until: None, count: 1 })?;
    assert_eq!(first, ["0: 0001-01-01 to 0001-01-01, whole, 32400/32400"]);
    Ok(())
}

#[test]
fn every_kind_but_a_whole_period_is_a_stub() {
    let kinds = [(false, false), (true, false), (false, true), (true, true)]
        .map(|(late, early)| PeriodKind::of(late, early).is_stub());
    assert_eq!(kinds, [false, true, true, true]);
}

#[test]
fn what_is_shorter_than_a_day_or_counted_in_hours_is_cut_by_the_second() -> TestResult {
    for (frequency, expected) in [
        ("every 6 hours", "0: 2027-01-01 to 2027-01-01, end stub, 7200/21600"),
        ("every 48 hours", "0: 2027-01-01 to 2027-01-01, end stub, 7200/172800"),
        ("0 0,12 * * *", "0: 2027-01-01 to 2027-01-01, end stub, 7200/43200"),
        ("0 0,21 * * *", "0: 2027-01-01 to 2027-01-01, end stub, 7200/75600"),
        // The day it ends on is not billed.
        ("daily", "0: 2027-01-01 to 2027-01-01, end stub, 0/1"),
    ] {
        let schedule = schedule(frequency, "2027-01-01T00:00:00Z", Zone::utc())?;
        let cut = told(&schedule, ending("2027-01-01T02:00:00Z")?, TEN)?;
        assert_eq!(cut, [expected], "{frequency}");
    }
    // Over midnight too.
    let from_noon = schedule("0 0,12 * * *", "2027-01-01T12:00:00Z", Zone::utc())?;
    let cut = told(&from_noon, ending("2027-01-01T14:00:00Z")?, TEN)?;
    assert_eq!(cut, ["0: 2027-01-01 to 2027-01-01, end stub, 7200/43200"]);
    Ok(())
}

#[test]
fn the_reach_bounds_the_periods() -> TestResult {
    let daily = schedule("daily", "2027-01-01T00:00:00Z", Zone::utc())?;
    let counted = |until: Option<&str>, count| -> Result<usize, Box<dyn Error>> {
        let until = until.map(str::parse).transpose()?;
        Ok(periods(&daily, BillingTerms::default(), Reach { until, count }).count())
    };
    assert_eq!(counted(None, 0)?, 0);
    assert_eq!(counted(None, 7)?, 7);
    assert_eq!(counted(Some("2027-01-03T00:00:00Z"), 7)?, 2);
    assert_eq!(counted(Some("2027-01-03T00:00:01Z"), 7)?, 3);
    let last = schedule("yearly", "9998-01-01T00:00:00Z", Zone::utc())?;
    assert_eq!(periods(&last, BillingTerms::default(), TEN).count(), 1, "the calendar ends");
    Ok(())
}

/// The days of January 2027 on which periods are invoiced.
fn invoiced(terms: BillingTerms, count: usize) -> Result<Vec<String>, Box<dyn Error>> {
    let weekly = schedule("weekly", "2027-01-01T00:00:00Z", Zone::utc())?;
    periods(&weekly, terms, Reach { until: None, count })
        .map(|period| Ok(period?.invoiced_at.format("%d").to_string()))
        .collect()
}

#[test]
fn a_period_is_invoiced_when_it_starts_or_ends_but_not_before_the_initial_date() -> TestResult {
    let advance = BillingTerms::default();
    assert_eq!(invoiced(advance, 4)?, ["01", "08", "15", "22"]);
    let arrears = BillingTerms { billing: Billing::Arrears, ..ending("2027-01-20T00:00:00Z")? };
    assert_eq!(invoiced(arrears, 4)?, ["08", "15", "20"]);
    let initial_invoice_at = Some("2027-01-10T00:00:00Z".parse()?);
    let advance = BillingTerms { initial_invoice_at, ..advance };
    assert_eq!(invoiced(advance, 4)?, ["10", "10", "15", "22"]);
    let arrears = BillingTerms { initial_invoice_at, ..arrears };
    assert_eq!(invoiced(arrears, 4)?, ["10", "15", "20"]);
    Ok(())
}

#[test]
fn the_next_invoice_takes_all_periods_of_its_date() -> TestResult {
    let weekly = schedule("weekly", "2027-01-01T00:00:00Z", Zone::utc())?;
    let initial_invoice_at = Some("2027-01-10T00:00:00Z".parse()?);
    let advance = BillingTerms { initial_invoice_at, ..ending("2027-01-20T00:00:00Z")? };
    let arrears = BillingTerms { billing: Billing::Arrears, ..advance };
    for (terms, after, expected) in [
        (advance, "2026-12-01T00:00:00Z", vec![0, 1]),
        (advance, "2027-01-09T00:00:00Z", vec![0, 1]),
        (advance, "2027-01-10T00:00:00Z", vec![2]),
        (advance, "2027-01-15T00:00:00Z", vec![]),
        (arrears, "2027-01-05T00:00:00Z", vec![0]),
        (arrears, "2027-01-10T00:00:00Z", vec![1]),
        (arrears, "2027-01-15T00:00:00Z", vec![2]),
        (arrears, "2027-01-20T00:00:00Z", vec![]),
    ] {
        let numbers: Vec<u32> = next_invoice(&weekly, terms, after.parse()?)?
            .iter()
            .map(|period| period.number.get())
            .collect();
        assert_eq!(numbers, expected, "{:?} after {after}", terms.billing);
    }
    Ok(())
}

#[test]
fn what_was_held_back_longest_does_not_hide_the_next_invoice() -> TestResult {
    // From 1 January 2024 on, 11 January 2027 is day 366 + 365 + 365 + 10.
    let daily = schedule("daily", "2024-01-01T00:00:00Z", Zone::utc())?;
    let initial: DateTime<Utc> = "2027-01-10T00:00:00Z".parse()?;
    let terms = BillingTerms { initial_invoice_at: Some(initial), ..BillingTerms::default() };
    let next = next_invoice(&daily, terms, initial)?;
    let numbers: Vec<u32> = next.iter().map(|period| period.number.get()).collect();
    assert_eq!(numbers, [1_106]);
    Ok(())
}

#[test]
fn one_invoice_bills_only_so_many_periods() -> TestResult {
    let hourly = schedule("hourly", "2027-01-01T00:00:00Z", Zone::utc())?;
    let after = "2026-12-31T00:00:00Z".parse()?;
    // 999 hours after the first, and one second more.
    for (initial, expected) in [
        ("2027-02-11T15:00:00Z", Ok(1_000)),
        ("2027-02-11T16:00:00Z", Err(PeriodError::TooManyPeriods)),
    ] {
        let initial_invoice_at = Some(initial.parse()?);
        let terms = BillingTerms { initial_invoice_at, ..BillingTerms::default() };
        assert_eq!(next_invoice(&hourly, terms, after).map(|due| due.len()), expected);
    }
    Ok(())
}
