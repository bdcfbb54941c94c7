use chrono::Weekday;

use super::{
    super::{
        AnchorDay, GapPolicy, OccurrenceNumber,
        fixtures::{TestResult, at},
    },
    *,
};

/// An anchor day of the month.
fn day(day: i64) -> Result<ScheduleRules, Box<dyn std::error::Error>> {
    Ok(ScheduleRules { anchor_day: Some(AnchorDay::new(day)?), ..ScheduleRules::default() })
}

/// A day of the week.
fn weekday(day: Weekday) -> ScheduleRules {
    ScheduleRules { anchor_weekday: Some(day), ..ScheduleRules::default() }
}

/// Both passes of an overlap.
fn both() -> ScheduleRules {
    ScheduleRules { dst_overlap: OverlapPolicy::Both, ..ScheduleRules::default() }
}

#[test]
fn what_has_no_meaning_is_put_to_rest_and_all_else_counts() -> TestResult {
    let counts = ScheduleRules {
        dst_gap: GapPolicy::Skip,
        anchor_number: OccurrenceNumber::new(7),
        ..ScheduleRules::default()
    };
    // The anchor is 1 January 2027, midnight; noon is not its wall-clock time.
    let local = Some("2027-01-01T12:00:00".parse()?);
    let anchor_day = day(31)?.anchor_day;
    let anchor_weekday = weekday(Weekday::Mon).anchor_weekday;
    let all = ScheduleRules {
        anchor_day,
        anchor_weekday,
        dst_overlap: OverlapPolicy::Both,
        anchor_local: local,
        ..counts.clone()
    };
    for (frequency, awake) in [
        ("monthly", ScheduleRules { anchor_day, ..counts.clone() }),
        ("weekly", ScheduleRules { anchor_weekday, ..counts.clone() }),
        ("daily", counts.clone()),
        ("0 9 * * *", ScheduleRules { dst_overlap: OverlapPolicy::Both, ..counts.clone() }),
    ] {
        let start = at("2027-01-01T00:00:00Z")?;
        let found = schedule(&frequency.parse()?, start, Zone::utc(), &all);
        assert_eq!(found.rules(), &awake, "{frequency}");
        assert_eq!(found.anchor(), start);
    }
    Ok(())
}

#[test]
fn a_new_rule_must_have_a_meaning_and_one_that_stood_there_may_lie_dormant() -> TestResult {
    let none = ScheduleRules::default();
    let both_days = ScheduleRules { anchor_weekday: Some(Weekday::Mon), ..day(31)? };
    for (before, after, frequency, refused) in [
        (none.clone(), day(31)?, "weekly", Some("anchor_day")),
        (none.clone(), day(31)?, "monthly", None),
        (day(31)?, day(31)?, "weekly", None),
        (day(30)?, day(31)?, "weekly", Some("anchor_day")),
        (day(31)?, none.clone(), "weekly", None),
        (none.clone(), weekday(Weekday::Mon), "monthly", Some("anchor_weekday")),
        (weekday(Weekday::Mon), weekday(Weekday::Mon), "monthly", None),
        (weekday(Weekday::Tue), weekday(Weekday::Mon), "monthly", Some("anchor_weekday")),
        (none.clone(), both(), "daily", Some("dst_overlap")),
        (none, both(), "0 9 * * *", None),
        (both(), both(), "daily", None),
        // The first lies dormant, the second is new.
        (day(31)?, both_days.clone(), "daily", Some("anchor_weekday")),
        (both_days.clone(), both_days, "daily", None),
    ] {
        let found = check_new(&before, &after, &frequency.parse()?);
        let field = found.as_ref().err().map(RuleError::field);
        assert_eq!(field, refused, "{before:?} then {after:?}, {frequency}");
    }
    Ok(())
}
