use chrono::Days;
use serde_json::{from_value, json, to_value};

use super::{super::fixtures::TestResult, *};

#[test]
fn a_calendar_is_written_without_its_defaults_and_reads_back_equal() -> TestResult {
    let form = json!({"rule": "next", "holidays": ["2027-12-25", "2028-01-01"]});
    let days: WorkingDays = from_value(form.clone())?;
    assert_eq!(days.weekend().collect::<Vec<_>>(), [Weekday::Sat, Weekday::Sun]);
    let holidays: [NaiveDate; 2] = ["2027-12-25".parse()?, "2028-01-01".parse()?];
    assert_eq!(days.holidays(), holidays);
    assert_eq!(to_value(&days)?, form);
    // Sorted, each day once.
    let unordered = json!({"rule": "next", "holidays": ["2028-01-01", "2027-12-25", "2028-01-01"]});
    assert_eq!(from_value::<WorkingDays>(unordered)?, days);
    let friday = json!({"rule": "previous", "weekend": ["friday"]});
    assert_eq!(to_value(from_value::<WorkingDays>(friday.clone())?)?, friday);
    let none = json!({"rule": "none", "weekend": []});
    assert_eq!(to_value(from_value::<WorkingDays>(none.clone())?)?, none);
    Ok(())
}

#[test]
fn a_calendar_that_no_one_can_keep_is_refused() {
    let week = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
    for (form, part) in [
        (json!({"rule": "next", "weekend": week}), "all seven days"),
        (json!({"weekend": ["sunday"]}), "missing field `rule`"),
        (json!({"rule": "nearest"}), "unknown variant `nearest`"),
        (json!({"rule": "next", "weekend": ["Sun"]}), "unknown variant `Sun`"),
        (json!({"rule": "next", "holiday": []}), "unknown field `holiday`"),
        (json!({"rule": "next", "holidays": ["2027-02-29"]}), "out of range"),
    ] {
        let refusal = from_value::<WorkingDays>(form).map_err(|error| error.to_string());
        assert!(refusal.as_ref().is_err_and(|text| text.contains(part)), "{refusal:?}");
    }
    let first = NaiveDate::default();
    let many = |count| (0..count).filter_map(move |day| first.checked_add_days(Days::new(day)));
    assert!(WorkingDays::with_holidays(WorkingDayRule::Next, many(1_000)).is_ok());
    let refused = WorkingDays::with_holidays(WorkingDayRule::Next, many(1_001));
    assert_eq!(refused, Err(WorkingDaysError::TooManyHolidays(1_001)));
}

#[test]
fn a_holiday_at_the_weekend_is_a_holiday() -> TestResult {
    let christmas: NaiveDate = "2027-12-25".parse()?;
    let days = WorkingDays::with_holidays(WorkingDayRule::Next, [christmas])?;
    assert_eq!(days.day_off(christmas), Some(DayOff::Holiday));
    assert_eq!(days.day_off("2027-12-26".parse()?), Some(DayOff::Weekend));
    assert_eq!(days.day_off("2027-12-27".parse()?), None);
    Ok(())
}
