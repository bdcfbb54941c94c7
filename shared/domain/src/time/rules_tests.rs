use crate::time::{Zone, iana};
use serde_json::{from_value, json, to_value};

use super::{
    super::{
        MonthEnd, Schedule,
        fixtures::{TestResult, at},
    },
    *,
};

#[test]
fn defaults_are_not_written_and_names_are_those_of_the_wire() -> TestResult {
    assert_eq!(to_value(ScheduleRules::default())?, json!({}));
    assert!(ScheduleRules::default().is_default());
    let plain = Schedule::new("monthly".parse()?, at("2027-01-01T00:00:00Z")?, Zone::utc());
    assert_eq!(to_value(plain)?.get("rules"), None);
    assert_eq!(from_value::<ScheduleRules>(json!({}))?, ScheduleRules::default());
    for form in [
        json!({"anchor_day": 31}),
        json!({"anchor_weekday": "monday"}),
        json!({"month_end": "sticky"}),
        json!({"dst_gap": "shift"}),
        json!({"dst_gap": "skip"}),
        json!({"dst_overlap": "both"}),
        json!({"working_days": {"rule": "previous"}}),
        json!({"anchor_number": 7}),
        json!({"anchor_local": "2027-03-28T02:30:00"}),
    ] {
        assert_eq!(to_value(from_value::<ScheduleRules>(form.clone())?)?, form);
    }
    let spelled_out =
        json!({"month_end": "clamp", "dst_gap": "first_valid", "dst_overlap": "first"});
    assert_eq!(from_value::<ScheduleRules>(spelled_out)?, ScheduleRules::default());
    Ok(())
}

#[test]
fn what_is_no_rule_is_refused() {
    for (form, part) in [
        (json!({"anchor_day": 0}), "anchor_day must be between 1 and 31, not 0"),
        (json!({"anchor_day": 32}), "not 32"),
        (json!({"anchor_day": -1}), "not -1"),
        (json!({"anchor_days": 1}), "unknown field `anchor_days`"),
        (json!({"month_end": "last"}), "unknown variant `last`"),
    ] {
        let refusal = from_value::<ScheduleRules>(form).map_err(|error| error.to_string());
        assert!(refusal.as_ref().is_err_and(|text| text.contains(part)), "{refusal:?}");
    }
}

#[test]
fn a_rule_without_a_meaning_for_the_frequency_is_refused_by_name() -> TestResult {
    for (frequency, rules, field, part) in [
        ("weekly", json!({"anchor_day": 1}), "anchor_day", "`weekly`"),
        ("0 6 1 * *", json!({"anchor_day": 1}), "anchor_day", "`0 6 1 * *`"),
        ("monthly", json!({"anchor_weekday": "monday"}), "anchor_weekday", "`monthly`"),
        ("every 3 days", json!({"anchor_weekday": "monday"}), "anchor_weekday", "every 3 days"),
        ("hourly", json!({"anchor_day": 1}), "anchor_day", "`hourly`"),
        ("daily", json!({"dst_overlap": "both"}), "dst_overlap", "one run per period"),
    ] {
        let frequency: Frequency = frequency.parse()?;
        let schedule = Schedule::new(frequency, at("2027-01-01T00:00:00Z")?, Zone::utc());
        let refused = schedule.with_rules(from_value(rules)?);
        let Err(error) = refused else { return Err("accepted".into()) };
        assert_eq!(error.field(), field);
        assert!(error.to_string().contains(field) && error.to_string().contains(part), "{error}");
    }
    Ok(())
}

#[test]
fn a_rule_that_is_a_matter_of_taste_is_accepted_everywhere() -> TestResult {
    // An organization may set one policy for all its subscriptions.
    for frequency in ["hourly", "daily", "weekly", "monthly", "0 * * * *"] {
        let frequency: Frequency = frequency.parse()?;
        let schedule = Schedule::new(frequency, at("2027-01-01T00:00:00Z")?, Zone::utc());
        let rules = ScheduleRules {
            month_end: MonthEnd::Sticky,
            dst_gap: GapPolicy::Skip,
            ..ScheduleRules::default()
        };
        assert!(schedule.with_rules(rules).is_ok());
    }
    Ok(())
}

#[test]
fn the_wall_clock_of_an_anchor_cannot_be_made_up() -> TestResult {
    // 01:00 UTC is the end of the gap from 02:00 to 03:00.
    let monthly =
        Schedule::new("monthly".parse()?, at("2027-03-28T01:00:00Z")?, iana("Europe/Berlin"));
    for (local, accepted) in [
        ("2027-03-28T02:30:00", true),
        ("2027-03-28T03:00:00", true),
        ("2027-03-28T03:30:00", false),
        ("2027-03-27T02:30:00", false),
        // In the gap of another year.
        ("2026-03-29T02:30:00", false),
    ] {
        let rules =
            ScheduleRules { anchor_local: Some(local.parse()?), ..ScheduleRules::default() };
        let found = monthly.clone().with_rules(rules);
        assert_eq!(found.is_ok(), accepted, "{local}");
        if let Err(error) = found {
            assert_eq!(error.field(), "anchor_local");
        }
    }
    Ok(())
}
