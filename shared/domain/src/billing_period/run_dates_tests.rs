//! Working days and gaps move invoices, and leave periods alone.

use std::error::Error;

use chrono::{DateTime, Utc};

use super::super::{
    Billing, BillingTerms, PeriodError, Reach, next_invoice, periods,
    periods::tests::{TEN, TestResult, anchored, schedule, told},
};
use crate::time::Schedule;

/// Local dates of start and end, kind and fraction, and when it is invoiced.
fn told_with_invoice(
    schedule: &Schedule,
    terms: BillingTerms,
    count: usize,
) -> Result<Vec<String>, Box<dyn Error>> {
    let reach = Reach { until: None, count };
    let dates = told(schedule, terms, reach)?;
    let invoiced = periods(schedule, terms, reach)
        .map(|period| {
            let at = period?.invoiced_at.with_timezone(&schedule.zone());
            Ok(at.format("%Y-%m-%d").to_string())
        })
        .collect::<Result<Vec<_>, PeriodError>>()?;
    Ok(dates.iter().zip(invoiced).map(|(told, at)| format!("{told}, on {at}")).collect())
}

/// 15 and 16 May 2027, and 15 August, are on weekends.
#[test]
fn working_days_move_the_invoice_and_not_the_period() -> TestResult {
    for (rule, start, expected) in [
        (
            "next",
            "2027-05-12",
            [
                "0: 2027-05-12 to 2027-05-15, start stub, 3/30, on 2027-05-12",
                "1: 2027-05-15 to 2027-06-15, whole, 31/31, on 2027-05-17",
                "2: 2027-06-15 to 2027-07-15, whole, 30/30, on 2027-06-15",
                "3: 2027-07-15 to 2027-08-15, whole, 31/31, on 2027-07-15",
                "4: 2027-08-15 to 2027-09-15, whole, 31/31, on 2027-08-16",
            ],
        ),
        // Moved to Friday the 14th, the first run would fall on the start, which serves it.
        (
            "previous",
            "2027-05-14",
            [
                "0: 2027-05-14 to 2027-05-15, start stub, 1/30, on 2027-05-14",
                "1: 2027-05-15 to 2027-06-15, whole, 31/31, on 2027-05-14",
                "2: 2027-06-15 to 2027-07-15, whole, 30/30, on 2027-06-15",
                "3: 2027-07-15 to 2027-08-15, whole, 31/31, on 2027-07-15",
                "4: 2027-08-15 to 2027-09-15, whole, 31/31, on 2027-08-13",
            ],
        ),
    ] {
        let rules = format!(r#"{{"anchor_day": 15, "working_days": {{"rule": "{rule}"}}}}"#);
        let monthly = anchored("monthly", &format!("{start}T06:00:00Z"), &rules)?;
        assert_eq!(told_with_invoice(&monthly, BillingTerms::default(), 5)?, expected, "{rule}");
    }
    Ok(())
}

/// All of June 2027 and 1 July are holidays, so the run of 1 June is left out.
#[test]
fn a_month_whose_run_is_left_out_is_billed_as_a_month_by_its_neighbour() -> TestResult {
    let june: Vec<String> = (1..=30).map(|day| format!("\"2027-06-{day:02}\"")).collect();
    let holidays = format!("[{}, \"2027-07-01\"]", june.join(", "));
    for (rule, expected) in [
        ("next", ["2027-05-03", "2027-07-02", "2027-07-02", "2027-08-02"]),
        ("previous", ["2027-04-30", "2027-05-31", "2027-05-31", "2027-07-30"]),
    ] {
        let rules = format!(r#"{{"working_days": {{"rule": "{rule}", "holidays": {holidays}}}}}"#);
        let monthly = anchored("monthly", "2027-04-01T06:00:00Z", &rules)?;
        let found = told_with_invoice(&monthly, BillingTerms::default(), 5)?;
        let periods = [
            "1: 2027-05-01 to 2027-06-01, whole, 31/31",
            "2: 2027-06-01 to 2027-07-01, whole, 30/30",
            "3: 2027-07-01 to 2027-08-01, whole, 31/31",
            "4: 2027-08-01 to 2027-09-01, whole, 31/31",
        ];
        let expected = periods.iter().zip(expected).map(|(told, at)| format!("{told}, on {at}"));
        assert_eq!(found.get(1..).unwrap_or_default(), expected.collect::<Vec<_>>(), "{rule}");
    }
    Ok(())
}

/// 9 and 10 January 2027 are a weekend.
#[test]
fn what_is_left_out_is_invoiced_with_its_neighbour() -> TestResult {
    for (frequency, rule, expected) in [
        ("daily", "next", ["08", "11", "11", "11", "12"]),
        ("daily", "previous", ["08", "08", "08", "11", "12"]),
        ("0 6 * * *", "next", ["08", "11", "11", "11", "12"]),
        ("0 6 * * *", "previous", ["08", "08", "08", "11", "12"]),
    ] {
        let rules = format!(r#"{{"working_days": {{"rule": "{rule}"}}}}"#);
        let daily = anchored(frequency, "2027-01-08T06:00:00Z", &rules)?;
        for billing in [Billing::Advance, Billing::Arrears] {
            let terms = BillingTerms { billing, ..BillingTerms::default() };
            let found: Vec<String> = periods(&daily, terms, Reach { until: None, count: 5 })
                .map(|period| Ok(period?.invoiced_at.format("%d").to_string()))
                .collect::<Result<_, PeriodError>>()?;
            // In arrears each is invoiced where the one after it is in advance.
            let shift = usize::from(billing == Billing::Arrears);
            let expected = expected.get(shift..).unwrap_or_default();
            let found = found.get(..expected.len()).unwrap_or_default();
            assert_eq!(found, expected, "{frequency} {rule} {billing:?}");
        }
    }
    Ok(())
}

/// 02:30 does not exist in Berlin on 28 March 2027.
#[test]
fn a_day_in_a_gap_is_a_day_whether_there_is_a_run_or_not() -> TestResult {
    let daily = schedule("daily", "2027-03-27T01:30:00Z", "Europe/Berlin".parse()?)?;
    for (gap, invoiced) in [
        ("first_valid", "2027-03-28T01:00:00Z"),
        ("shift", "2027-03-28T01:30:00Z"),
        ("skip", "2027-03-29T00:30:00Z"),
    ] {
        let rules = serde_json::from_str(&format!(r#"{{"dst_gap": "{gap}"}}"#))?;
        let daily = daily.clone().with_rules(rules)?;
        let found = periods(&daily, BillingTerms::default(), TEN).nth(1).ok_or("no period")??;
        assert_eq!(found.start, "2027-03-28T01:00:00Z".parse::<DateTime<Utc>>()?, "{gap}");
        assert_eq!(found.end, "2027-03-29T00:30:00Z".parse::<DateTime<Utc>>()?, "{gap}");
        assert_eq!(found.invoiced_at, invoiced.parse::<DateTime<Utc>>()?, "{gap}");
    }
    Ok(())
}

/// 9 and 10 January 2027 are a weekend.
#[test]
fn the_next_invoice_takes_what_a_run_serves() -> TestResult {
    for (frequency, rule, after, expected) in [
        ("daily", "next", "2027-01-08T06:00:00Z", vec![1, 2, 3]),
        ("daily", "next", "2027-01-10T12:00:00Z", vec![1, 2, 3]),
        ("daily", "next", "2027-01-11T06:00:00Z", vec![4]),
        ("daily", "previous", "2027-01-08T05:59:59Z", vec![0, 1, 2]),
        ("daily", "previous", "2027-01-09T12:00:00Z", vec![3]),
        ("0 6 * * *", "next", "2027-01-10T12:00:00Z", vec![1, 2, 3]),
        ("0 6 * * *", "previous", "2027-01-09T12:00:00Z", vec![3]),
    ] {
        let rules = format!(r#"{{"working_days": {{"rule": "{rule}"}}}}"#);
        let daily = anchored(frequency, "2027-01-08T06:00:00Z", &rules)?;
        let numbers: Vec<u32> = next_invoice(&daily, BillingTerms::default(), after.parse()?)?
            .iter()
            .map(|period| period.number.get())
            .collect();
        assert_eq!(numbers, expected, "{frequency} {rule} after {after}");
    }
    Ok(())
}
