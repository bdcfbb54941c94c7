use std::error::Error;

use super::*;
use crate::time::Zone;

type TestResult = Result<(), Box<dyn Error>>;

fn thirty_day_months() -> Policy {
    Policy { denominator: Denominator::Fixed30, ..Policy::defaults_in(Zone::utc()) }
}

/// The anchor day in a month, or the month's last day; months are counted from January 2026.
fn clamped(anchor: u32, month: u32) -> Option<Moment> {
    let first =
        NaiveDate::from_ymd_opt(2026, 1, 1)?.checked_add_months(chrono::Months::new(month))?;
    (1..=anchor).rev().find_map(|day| first.with_day(day)).map(Moment::Date)
}

#[test]
fn with_fixed_30_a_whole_month_from_any_anchor_has_30_days() -> TestResult {
    for anchor in 1..=31 {
        for month in 0..48 {
            for months in [1, 2, 3, 6, 12, 24] {
                let start = clamped(anchor, month).ok_or("start")?;
                let end = clamped(anchor, month + months).ok_or("end")?;
                let total = Period::new(start, end, thirty_day_months())?.total();
                assert_eq!(total, 30 * i64::from(months), "{start} to {end}");
            }
        }
    }
    Ok(())
}

#[test]
fn with_fixed_30_month_ends_that_stick_are_30_days_apart() -> TestResult {
    for (start, end, total) in [
        ("2027-06-30", "2027-07-31", 30),
        ("2027-02-28", "2027-03-31", 30),
        ("2027-02-28", "2028-02-29", 360),
        ("2026-11-30", "2027-02-28", 90),
        ("2027-02-15", "2027-02-28", 13), // a stub that is no month
        ("2027-01-15", "2027-02-28", 43),
    ] {
        let period = Period::new(start.parse()?, end.parse()?, thirty_day_months())?;
        assert_eq!(period.total(), total, "{start} to {end}");
    }
    Ok(())
}

#[test]
fn positions_never_fall_and_reach_from_nothing_to_the_whole() -> TestResult {
    for denominator in [Denominator::Actual, Denominator::Fixed30] {
        let policy = Policy { denominator, ..Policy::defaults_in(Zone::utc()) };
        for start in NaiveDate::from_ymd_opt(2026, 12, 20).ok_or("date")?.iter_days().take(500) {
            for days in [2, 28, 29, 30, 31, 90, 366] {
                let end = start + chrono::Days::new(days);
                let period = Period::new(Moment::Date(start), Moment::Date(end), policy)?;
                let mut last = 0;
                for date in start.iter_days().take_while(|date| *date <= end) {
                    let position = period.cut(Moment::Date(date))?.position;
                    assert!((last..=period.total()).contains(&position), "{start} {date} {end}");
                    last = position;
                }
                assert_eq!(period.cut(period.start().at)?, period.start());
                assert_eq!(period.cut(period.end().at)?, period.end());
                assert_eq!(last, period.total());
            }
        }
    }
    Ok(())
}

#[test]
fn the_calendars_last_day_can_be_billed() -> TestResult {
    let policy = Policy::defaults_in(Zone::utc());
    let period = Period::new("9999-12-01".parse()?, "9999-12-31".parse()?, policy)?;
    assert_eq!(period.cut_after_day("9999-12-31".parse()?)?, period.end());
    assert_eq!(period.cut_after_day("9999-12-30".parse()?)?, period.end());
    assert_eq!(period.cut_after_day("9999-12-29".parse()?)?.position, 29);
    Ok(())
}
