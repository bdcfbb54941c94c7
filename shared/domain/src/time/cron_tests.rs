use std::{collections::BTreeSet, error::Error};

use crate::time::{Zone, iana};
use chrono::{DateTime, TimeDelta, Timelike, Utc};
use proptest::prelude::*;

use super::{
    super::{
        ClockReading, ScheduleRules,
        firing::{Firing, Firings},
    },
    *,
};

type TestResult = Result<(), Box<dyn Error>>;

/// The next firing by the default rules.
fn next_after(cron: &CronExpression, zone: Zone, after: DateTime<Utc>) -> Option<Firing> {
    Firings::new(cron, zone, &ScheduleRules::default()).next_after(after)
}

fn firings(
    expression: &str,
    zone: Zone,
    after: &str,
    count: usize,
) -> Result<Vec<String>, Box<dyn Error>> {
    let cron: CronExpression = expression.parse()?;
    let mut at: DateTime<Utc> = after.parse()?;
    let mut found = Vec::new();
    for _ in 0..count {
        at = next_after(&cron, zone, at).ok_or("the expression stopped firing")?.at;
        found.push(at.format("%Y-%m-%dT%H:%M").to_string());
    }
    Ok(found)
}

#[test]
fn expressions_fire_when_crontab_says() -> TestResult {
    for (expression, expected) in [
        // 2027-01-01 is a Friday.
        ("30 * * * *", ["2027-01-01T00:30", "2027-01-01T01:30", "2027-01-01T02:30"]),
        ("0 6 * * *", ["2027-01-01T06:00", "2027-01-02T06:00", "2027-01-03T06:00"]),
        ("0 */8 * * *", ["2027-01-01T08:00", "2027-01-01T16:00", "2027-01-02T00:00"]),
        ("0 9,17 * * 1-5", ["2027-01-01T09:00", "2027-01-01T17:00", "2027-01-04T09:00"]),
        ("0 0 1 * *", ["2027-02-01T00:00", "2027-03-01T00:00", "2027-04-01T00:00"]),
        ("0 0 31 * *", ["2027-01-31T00:00", "2027-03-31T00:00", "2027-05-31T00:00"]),
        ("0 0 29 2 *", ["2028-02-29T00:00", "2032-02-29T00:00", "2036-02-29T00:00"]),
        // Both day fields restricted: either is enough.
        ("0 0 13 * FRI", ["2027-01-08T00:00", "2027-01-13T00:00", "2027-01-15T00:00"]),
        // A day field that begins with a star leaves the decision to the other one.
        ("0 0 */2 * FRI", ["2027-01-15T00:00", "2027-01-29T00:00", "2027-02-05T00:00"]),
        ("0 0 ? * SUN", ["2027-01-03T00:00", "2027-01-10T00:00", "2027-01-17T00:00"]),
        ("0 0 * * 7", ["2027-01-03T00:00", "2027-01-10T00:00", "2027-01-17T00:00"]),
        ("0 0 * * SAT-SUN", ["2027-01-02T00:00", "2027-01-03T00:00", "2027-01-09T00:00"]),
        // A week that begins on Sunday ends on Saturday; one that begins later ends on Sunday.
        ("0 0 * * SUN-SUN", ["2027-01-03T00:00", "2027-01-10T00:00", "2027-01-17T00:00"]),
        ("0 0 * * 0-SUN", ["2027-01-03T00:00", "2027-01-10T00:00", "2027-01-17T00:00"]),
        ("0 0 * * 7-SUN", ["2027-01-03T00:00", "2027-01-10T00:00", "2027-01-17T00:00"]),
        ("0 0 * * SUN-SUN#2", ["2027-01-10T00:00", "2027-02-14T00:00", "2027-03-14T00:00"]),
        ("0 0 * * SUN-WED", ["2027-01-03T00:00", "2027-01-04T00:00", "2027-01-05T00:00"]),
        ("0 0 * * WED-SUN", ["2027-01-02T00:00", "2027-01-03T00:00", "2027-01-06T00:00"]),
        ("0 0 * * 5-SUN", ["2027-01-02T00:00", "2027-01-03T00:00", "2027-01-08T00:00"]),
        ("0 0 * * MON-SUN", ["2027-01-02T00:00", "2027-01-03T00:00", "2027-01-04T00:00"]),
        ("0 0 1 JAN,jul *", ["2027-07-01T00:00", "2028-01-01T00:00", "2028-07-01T00:00"]),
        ("0 0 L * *", ["2027-01-31T00:00", "2027-02-28T00:00", "2027-03-31T00:00"]),
        // 15 May 2027 is a Saturday, 15 August a Sunday.
        ("0 0 15W 5,8 *", ["2027-05-14T00:00", "2027-08-16T00:00", "2028-05-15T00:00"]),
        ("0 0 * * MON#2", ["2027-01-11T00:00", "2027-02-08T00:00", "2027-03-08T00:00"]),
        ("0 0 * * 5L", ["2027-01-29T00:00", "2027-02-26T00:00", "2027-03-26T00:00"]),
        ("0 0 * * FRIL", ["2027-01-29T00:00", "2027-02-26T00:00", "2027-03-26T00:00"]),
        ("@hourly", ["2027-01-01T01:00", "2027-01-01T02:00", "2027-01-01T03:00"]),
        ("@daily", ["2027-01-02T00:00", "2027-01-03T00:00", "2027-01-04T00:00"]),
        ("@midnight", ["2027-01-02T00:00", "2027-01-03T00:00", "2027-01-04T00:00"]),
        ("@weekly", ["2027-01-03T00:00", "2027-01-10T00:00", "2027-01-17T00:00"]),
        ("@monthly", ["2027-02-01T00:00", "2027-03-01T00:00", "2027-04-01T00:00"]),
        ("@yearly", ["2028-01-01T00:00", "2029-01-01T00:00", "2030-01-01T00:00"]),
        ("@Annually", ["2028-01-01T00:00", "2029-01-01T00:00", "2030-01-01T00:00"]),
    ] {
        assert_eq!(
            firings(expression, Zone::utc(), "2027-01-01T00:00:00Z", 3)?,
            expected,
            "{expression}"
        );
    }
    Ok(())
}

#[test]
fn the_longest_wait_across_a_skipped_leap_year_is_found() -> TestResult {
    // 29 February is a Sunday in 2032, then every 28 years; 2100 has none, so 2088 is followed by
    // 2128, forty years on. `*/7` begins with a star, so both day fields must match.
    let expected = ["2032-02-29T00:00", "2060-02-29T00:00", "2088-02-29T00:00", "2128-02-29T00:00"];
    let found = firings("0 0 29 2 SUN#5", Zone::utc(), "2027-01-01T00:00:00Z", 1);
    assert_eq!(found?, ["2028-02-29T00:00"], "either day field is enough");
    let found = firings("0 0 29 2 */7", Zone::utc(), "2027-01-01T00:00:00Z", 4)?;
    assert_eq!(found, expected);
    Ok(())
}

#[test]
fn more_often_than_hourly_is_refused_with_the_reason() {
    for expression in
        ["* * * * *", "* * 1 * *", "*/30 * * * *", "0,30 0 1 1 *", "0-1 * * * *", "*/59 * * * *"]
    {
        let expected = CronError::TooOften { expression: expression.to_owned() };
        assert_eq!(expression.parse::<CronExpression>(), Err(expected.clone()));
        assert!(expected.to_string().contains("more often than hourly"));
    }
}

#[test]
fn one_minute_in_any_spelling_is_hourly_at_most() -> TestResult {
    for expression in ["30 * * * *", "0-0 * * * *", "5,5 * * * *", "59 0-23/2 * * *"] {
        expression.parse::<CronExpression>().map_err(|error| format!("{expression}: {error}"))?;
    }
    Ok(())
}

#[test]
fn an_expression_that_never_fires_is_refused() {
    for expression in ["0 0 30 2 *", "0 0 31 4,6,9,11 *", "0 0 30-31 2 *", "0 0 31 FEB ?"] {
        let expected = CronError::NeverFires { expression: expression.to_owned() };
        assert_eq!(expression.parse::<CronExpression>(), Err(expected));
    }
    // Either day field is enough, so a weekday saves it.
    assert!("0 0 30 2 MON".parse::<CronExpression>().is_ok());
}

#[test]
fn what_is_not_crontab_is_refused() {
    for expression in [
        "0 0 * *",
        "0 0 0 * * *",
        "0 0 0 * * * 2027",
        "@reboot",
        "@every 1h",
        "60 * * * *",
        "0 24 * * *",
        "0 0 0 * *",
        "0 0 32 * *",
        "0 0 * 13 *",
        "0 0 * * 8",
        "0 0 * SUN *",
        "MON 0 * * *",
        "0 0 * * JAN",
        "0 0 * * +1",
        "0 0 * * MONDAY",
        "0 5-1 * * *",
        "0 */0 * * *",
        "0 , * * *",
        "0 1, * * *",
        "0 0 * * L",
        "0 0 * * 1,L",
        "-1 * * * *",
        "0 0 99999999999999999999 * *",
        "? * * * *",
        "0 0 * * é",
        "",
    ] {
        assert!(expression.parse::<CronExpression>().is_err(), "{expression}");
    }
    assert_eq!("0 ".repeat(200).parse::<CronExpression>(), Err(CronError::TooLong));
}

#[test]
fn a_fixed_time_in_a_gap_fires_once_at_the_first_valid_instant() -> TestResult {
    let berlin = firings("30 2 * * *", iana("Europe/Berlin"), "2027-03-27T00:00:00Z", 3)?;
    assert_eq!(berlin, ["2027-03-27T01:30", "2027-03-28T01:00", "2027-03-29T00:30"]);
    // Two fixed times that the jump puts on one instant are one firing.
    let berlin = firings("0 2,3 * * *", iana("Europe/Berlin"), "2027-03-28T00:00:00Z", 3)?;
    assert_eq!(berlin, ["2027-03-28T01:00", "2027-03-29T00:00", "2027-03-29T01:00"]);
    Ok(())
}

#[test]
fn a_fixed_time_in_an_overlap_fires_once_on_the_first_pass() -> TestResult {
    let berlin = firings("30 2 * * *", iana("Europe/Berlin"), "2027-10-30T12:00:00Z", 2)?;
    assert_eq!(berlin, ["2027-10-31T00:30", "2027-11-01T01:30"]);
    let new_york = firings("30 1 * * *", iana("America/New_York"), "2027-11-06T12:00:00Z", 2)?;
    assert_eq!(new_york, ["2027-11-07T05:30", "2027-11-08T06:30"]);
    Ok(())
}

#[test]
fn one_hour_is_a_fixed_time_however_it_is_spelled() -> TestResult {
    // Sao Paulo jumped from 00:00 to 01:00 on 4 November 2018.
    for expression in ["0 0 * * *", "0 */24 * * *"] {
        let found = firings(expression, iana("America/Sao_Paulo"), "2018-11-03T12:00:00Z", 2)?;
        assert_eq!(found, ["2018-11-04T03:00", "2018-11-05T02:00"]);
    }
    Ok(())
}

#[test]
fn an_interval_hour_field_fires_on_both_passes_and_not_in_a_gap() -> TestResult {
    let berlin = firings("30 * * * *", iana("Europe/Berlin"), "2027-10-30T23:00:00Z", 4)?;
    assert_eq!(
        berlin,
        ["2027-10-30T23:30", "2027-10-31T00:30", "2027-10-31T01:30", "2027-10-31T02:30"]
    );
    let gap = firings("30 * * * *", iana("Europe/Berlin"), "2027-03-27T23:00:00Z", 4)?;
    assert_eq!(
        gap,
        ["2027-03-27T23:30", "2027-03-28T00:30", "2027-03-28T01:30", "2027-03-28T02:30"]
    );
    let every_other = firings("0 */2 * * *", iana("Europe/Berlin"), "2027-10-30T21:59:00Z", 4)?;
    assert_eq!(
        every_other,
        ["2027-10-30T22:00", "2027-10-31T00:00", "2027-10-31T01:00", "2027-10-31T03:00"]
    );
    Ok(())
}

#[test]
fn a_second_pass_half_an_hour_later_is_left_out() -> TestResult {
    // Lord Howe repeats 01:30 to 02:00 on 4 April 2027, from +11 to +10:30.
    let found = firings("45 * * * *", iana("Australia/Lord_Howe"), "2027-04-03T14:00:00Z", 3)?;
    assert_eq!(found, ["2027-04-03T14:45", "2027-04-03T16:15", "2027-04-03T17:15"]);
    Ok(())
}

#[test]
fn a_day_that_a_zone_leaves_out_fires_once_right_after_it() -> TestResult {
    let found = firings("0 12 * * *", iana("Pacific/Apia"), "2011-12-28T23:00:00Z", 3)?;
    // 29 December, noon at -10; 31 December, 00:00 at +14 for the missing 30th; 31st, noon.
    assert_eq!(found, ["2011-12-29T22:00", "2011-12-30T10:00", "2011-12-30T22:00"]);
    Ok(())
}

#[test]
fn clocks_set_back_across_midnight_still_give_every_firing_in_order() -> TestResult {
    // St. John's went from 00:01 on 7 November 2010 back to 23:01 on the 6th.
    let cron: CronExpression = "30 * * * *".parse()?;
    let between = "2010-11-07T02:30:30Z".parse()?; // 00:00:30, before the jump
    let next = next_after(&cron, iana("America/St_Johns"), between).ok_or("nothing")?;
    assert_eq!(next.at.to_rfc3339(), "2010-11-07T03:00:00+00:00");
    assert_eq!(next.clock, ClockReading::SecondPass);
    // Alaska lived through one whole day twice in October 1867: look at every second of it.
    let start: DateTime<Utc> = "1867-10-17T12:00:00Z".parse()?;
    let end = start + TimeDelta::days(3);
    let mut oracle = Vec::new();
    let mut at: DateTime<Utc> = start;
    while at < end {
        at += TimeDelta::seconds(1);
        let local = at.with_timezone(&iana("America/Juneau"));
        if local.minute() == 30 && local.second() == 0 {
            oracle.push(at);
        }
    }
    let mut found = Vec::new();
    let mut at = start;
    while let Some(firing) =
        next_after(&cron, iana("America/Juneau"), at).filter(|next| next.at <= end)
    {
        at = firing.at;
        found.push(at);
    }
    assert_eq!(found, oracle);
    Ok(())
}

#[test]
fn the_end_of_the_calendar_is_the_end_of_firings() -> TestResult {
    let cron: CronExpression = "@yearly".parse()?;
    assert_eq!(next_after(&cron, Zone::utc(), "9999-06-01T00:00:00Z".parse()?), None);
    assert_eq!(next_after(&cron, Zone::utc(), DateTime::<Utc>::MAX_UTC), None);
    assert_eq!(next_after(&cron, iana("Pacific/Apia"), DateTime::<Utc>::MIN_UTC), None);
    Ok(())
}

fn zones() -> impl Strategy<Value = Zone> {
    prop::sample::select(vec![
        Zone::utc(),
        iana("Europe/Berlin"),
        iana("America/New_York"),
        iana("America/Sao_Paulo"),
        iana("Australia/Sydney"),
    ])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// The oracle looks at the wall clock of every single minute.
    #[test]
    fn an_interval_expression_fires_whenever_the_wall_clock_shows_it(
        zone in zones(),
        minute in 0_u32..60,
        step in 1_u32..12,
        month in 0_i64..48,
    ) {
        let cron: CronExpression = format!("{minute} */{step} * * *")
            .parse()
            .map_err(|error: CronError| TestCaseError::fail(error.to_string()))?;
        let start = DateTime::from_timestamp(1_767_225_600 + month * 2_629_800, 0)
            .ok_or_else(|| TestCaseError::fail("start"))?;
        let end = start + TimeDelta::days(32);
        let mut oracle = BTreeSet::new();
        let mut at = start + TimeDelta::minutes(1);
        while at <= end {
            let local = at.with_timezone(&zone);
            if local.minute() == minute && local.hour().is_multiple_of(step) {
                oracle.insert(at);
            }
            at += TimeDelta::minutes(1);
        }
        let mut found = BTreeSet::new();
        let mut at = start;
        while let Some(firing) = next_after(&cron, zone, at).filter(|firing| firing.at <= end) {
            prop_assert!(firing.at > at);
            at = firing.at;
            found.insert(at);
        }
        // The oracle sees whole minutes of UTC, which start on a whole minute of every zone here.
        prop_assert_eq!(found, oracle);
    }

    #[test]
    fn whatever_is_accepted_fires_and_goes_on(
        minute in 0_u32..60,
        hour in "(\\*|[0-9]|1[0-9]|2[0-3]|1-5|\\*/3)",
        day in "(\\*|\\?|L|LW|[1-9]|[12][0-9]|3[01]|1W|1,15|\\*/10)",
        month in "(\\*|[1-9]|1[0-2]|FEB|1-6|\\*/5)",
        weekday in "(\\*|\\?|[0-7]|MON-FRI|TUE#3|5L|6,7)",
        zone in zones(),
    ) {
        let text = format!("{minute} {hour} {day} {month} {weekday}");
        let Ok(cron) = text.parse::<CronExpression>() else { return Ok(()) };
        let mut at = DateTime::from_timestamp(1_798_761_600, 0)
            .ok_or_else(|| TestCaseError::fail("start"))?;
        for _ in 0..20 {
            let firing = next_after(&cron, zone, at)
                .ok_or_else(|| TestCaseError::fail(format!("{text} stopped after {at}")))?;
            prop_assert!(firing.at > at, "{} went back", text);
            let local = firing.at.with_timezone(&zone);
            if !matches!(firing.clock, ClockReading::GapMoved { .. }) {
                prop_assert_eq!(local.minute(), minute);
            }
            at = firing.at;
        }
    }
}

#[test]
fn an_expression_may_have_256_characters() {
    let padded = |length: usize| format!("{:length$}", "0 0 * * *").parse::<CronExpression>();
    assert!(padded(256).is_ok());
    assert_eq!(padded(257), Err(CronError::TooLong));
}

#[test]
fn expressions_are_equal_when_their_canonical_forms_are_and_are_shown_by_them() -> TestResult {
    let mondays: CronExpression = "00 6 * * mon".parse()?;
    assert_eq!(mondays, "0 6 ? * 1".parse()?);
    assert_ne!(mondays, "0 6 * * 2".parse()?);
    assert_eq!(mondays.to_string(), "0 6 * * 1");
    assert_eq!(serde_json::to_string(&mondays)?, r#""00 6 * * mon""#);
    Ok(())
}
