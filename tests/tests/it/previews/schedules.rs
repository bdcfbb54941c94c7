//! When something repeats, and why then.

use std::time::{Duration, Instant};

use perennial_tests::{Answer, Shop, TestResult, documents};
use serde_json::{Value, json};

use super::{preview, refused};

const KIND: &str = "schedule_previews";

/// Number, wall-clock time and reason of each occurrence.
fn listed(answer: &Answer) -> Vec<String> {
    let occurrences = answer.attribute("occurrences").as_array().map(Vec::as_slice);
    let listed = |occurrence: &Value| {
        let text = |name: &str| occurrence[name].as_str().unwrap_or_default().to_owned();
        format!("{} {} {}", occurrence["number"], text("local"), text("reason"))
    };
    occurrences.unwrap_or_default().iter().map(listed).collect()
}

#[tokio::test]
async fn an_occurrence_is_told_in_utc_on_the_wall_clock_and_with_its_reason() -> TestResult {
    let shop = Shop::open_at("2027-01-31T10:00:00Z").await?;
    let attributes = json!({
        "frequency": "monthly",
        "starts_at": "2027-01-31T11:00:00+01:00",
        "time_zone": "Europe/Berlin",
        "count": 3,
    });
    let answer = preview(&shop, KIND, attributes).await?;
    assert_eq!(answer.at("/data/type"), KIND);
    assert!(!answer.id()?.is_empty());
    assert_eq!(answer.at("/data/links"), &Value::Null, "it is served nowhere");
    assert_eq!(
        answer.attribute("occurrences"),
        &json!([
            {
                "number": 0,
                "at": "2027-01-31T10:00:00Z",
                "local": "2027-01-31T11:00:00+01:00",
                "reason": "anchor",
            },
            {
                "number": 1,
                "at": "2027-02-28T10:00:00Z",
                "local": "2027-02-28T11:00:00+01:00",
                "reason": "anchor plus 1 interval, clamped from 31",
            },
            {
                "number": 2,
                "at": "2027-03-31T09:00:00Z",
                "local": "2027-03-31T11:00:00+02:00",
                "reason": "anchor plus 2 intervals",
            },
        ])
    );
    // What was not given has its default.
    for (name, value) in [
        ("frequency", json!("monthly")),
        ("starts_at", json!("2027-01-31T10:00:00Z")),
        ("time_zone", json!("Europe/Berlin")),
        ("month_end", json!("clamp")),
        ("dst_gap", json!("first_valid")),
        ("dst_overlap", json!("first")),
        ("anchor_day", Value::Null),
        ("working_days", Value::Null),
        ("after", Value::Null),
        ("count", json!(3)),
        ("max_occurrences", Value::Null),
        ("expires_at", Value::Null),
        ("has_more", json!(true)),
    ] {
        assert_eq!(answer.attribute(name), &value, "{name}");
    }
    Ok(())
}

#[tokio::test]
async fn every_rule_of_a_schedule_can_be_set() -> TestResult {
    let shop = Shop::open_at("2027-01-31T10:00:00Z").await?;
    for (what, attributes, expected) in [
        (
            "a month's end that stays one",
            json!({"starts_at": "2027-06-30T00:00:00Z", "month_end": "sticky"}),
            vec![
                "0 2027-06-30T00:00:00+00:00 anchor",
                "1 2027-07-31T00:00:00+00:00 anchor plus 1 interval, month end kept from 30",
                "2 2027-08-31T00:00:00+00:00 anchor plus 2 intervals, month end kept from 30",
            ],
        ),
        (
            "an anchor day after a stub",
            json!({"starts_at": "2027-01-20T00:00:00Z", "anchor_day": 1}),
            vec![
                "0 2027-01-20T00:00:00+00:00 anchor",
                "1 2027-02-01T00:00:00+00:00 anchor day 1",
                "2 2027-03-01T00:00:00+00:00 anchor day 1 plus 1 interval",
            ],
        ),
        (
            "an anchor weekday: 6 January 2027 is a Wednesday",
            json!({"frequency": "weekly", "starts_at": "2027-01-06T00:00:00Z", "anchor_weekday": "monday"}),
            vec![
                "0 2027-01-06T00:00:00+00:00 anchor",
                "1 2027-01-11T00:00:00+00:00 anchor weekday monday",
                "2 2027-01-18T00:00:00+00:00 anchor weekday monday plus 1 interval",
            ],
        ),
        (
            "a gap, read as the first valid instant",
            json!({"frequency": "daily", "starts_at": "2027-03-27T02:30:00+01:00", "time_zone": "Europe/Berlin"}),
            vec![
                "0 2027-03-27T02:30:00+01:00 anchor",
                "1 2027-03-28T03:00:00+02:00 anchor plus 1 interval, gap moved from 02:30",
                "2 2027-03-29T02:30:00+02:00 anchor plus 2 intervals",
            ],
        ),
        (
            "a gap, shifted by its length",
            json!({"frequency": "daily", "starts_at": "2027-03-27T02:30:00+01:00", "time_zone": "Europe/Berlin", "dst_gap": "shift"}),
            vec![
                "0 2027-03-27T02:30:00+01:00 anchor",
                "1 2027-03-28T03:30:00+02:00 anchor plus 1 interval, gap shifted from 02:30",
                "2 2027-03-29T02:30:00+02:00 anchor plus 2 intervals",
            ],
        ),
        (
            "a gap, left out",
            json!({"frequency": "daily", "starts_at": "2027-03-27T02:30:00+01:00", "time_zone": "Europe/Berlin", "dst_gap": "skip"}),
            vec![
                "0 2027-03-27T02:30:00+01:00 anchor",
                "2 2027-03-29T02:30:00+02:00 anchor plus 2 intervals",
                "3 2027-03-30T02:30:00+02:00 anchor plus 3 intervals",
            ],
        ),
        (
            "an overlap, first pass",
            json!({"frequency": "30 2 * * *", "starts_at": "2027-10-30T12:00:00+02:00", "time_zone": "Europe/Berlin"}),
            vec![
                "1 2027-10-31T02:30:00+02:00 cron expression, first pass of overlap",
                "2 2027-11-01T02:30:00+01:00 cron expression",
                "3 2027-11-02T02:30:00+01:00 cron expression",
            ],
        ),
        (
            "an overlap, both passes",
            json!({"frequency": "30 2 * * *", "starts_at": "2027-10-30T12:00:00+02:00", "time_zone": "Europe/Berlin", "dst_overlap": "both"}),
            vec![
                "1 2027-10-31T02:30:00+02:00 cron expression, first pass of overlap",
                "2 2027-10-31T02:30:00+01:00 cron expression, second pass of overlap",
                "3 2027-11-01T02:30:00+01:00 cron expression",
            ],
        ),
        (
            "a crontab expression that fires at the start",
            json!({"frequency": "0 9 * * 1", "starts_at": "2027-01-04T09:00:00Z"}),
            vec![
                "0 2027-01-04T09:00:00+00:00 anchor",
                "1 2027-01-11T09:00:00+00:00 cron expression",
                "2 2027-01-18T09:00:00+00:00 cron expression",
            ],
        ),
        (
            "working days: 25 December 2027 is a Saturday, 25 January 2028 a Tuesday",
            json!({"starts_at": "2027-11-25T08:00:00Z", "working_days": {"rule": "next"}}),
            vec![
                "0 2027-11-25T08:00:00+00:00 anchor",
                "1 2027-12-27T08:00:00+00:00 anchor plus 1 interval, weekend moved from 2027-12-25",
                "2 2028-01-25T08:00:00+00:00 anchor plus 2 intervals",
            ],
        ),
        (
            "working days with a holiday, backwards",
            json!({"starts_at": "2027-11-24T08:00:00Z", "working_days": {"rule": "previous", "weekend": ["friday", "saturday"], "holidays": ["2027-12-24", "2027-12-23"]}}),
            vec![
                "0 2027-11-24T08:00:00+00:00 anchor",
                "1 2027-12-22T08:00:00+00:00 anchor plus 1 interval, holiday moved from 2027-12-24",
                "2 2028-01-24T08:00:00+00:00 anchor plus 2 intervals",
            ],
        ),
    ] {
        let defaults = json!({"frequency": "monthly", "count": 3});
        let answer = preview(&shop, KIND, documents::with(defaults, attributes)).await?;
        assert_eq!(listed(&answer), expected, "{what}");
    }
    Ok(())
}

#[tokio::test]
async fn the_list_begins_after_an_instant_and_ends_where_the_schedule_does() -> TestResult {
    let shop = Shop::open_at("2027-01-31T10:00:00Z").await?;
    for (what, attributes, expected, has_more) in [
        ("ten unless asked otherwise", json!({}), (0..10).collect::<Vec<u64>>(), true),
        ("a count", json!({"count": 2}), vec![0, 1], true),
        ("strictly after", json!({"after": "2027-01-03T06:00:00Z", "count": 2}), vec![3, 4], true),
        ("just before", json!({"after": "2027-01-03T05:59:59Z", "count": 2}), vec![2, 3], true),
        ("after the start", json!({"after": "2027-01-01T06:00:00Z", "count": 2}), vec![1, 2], true),
        (
            "before the start",
            json!({"after": "2026-12-31T00:00:00Z", "count": 2}),
            vec![0, 1],
            true,
        ),
        ("a maximum", json!({"max_occurrences": 3}), vec![0, 1, 2], false),
        ("a count as the maximum", json!({"max_occurrences": 2, "count": 2}), vec![0, 1], false),
        ("a count below the maximum", json!({"max_occurrences": 3, "count": 2}), vec![0, 1], true),
        (
            "a maximum that is reached",
            json!({"max_occurrences": 3, "after": "2027-01-03T06:00:00Z"}),
            vec![],
            false,
        ),
        (
            "an expiry, which no occurrence reaches",
            json!({"expires_at": "2027-01-03T06:00:00Z"}),
            vec![0, 1],
            false,
        ),
        (
            "an expiry before the start",
            json!({"expires_at": "2027-01-01T06:00:00Z"}),
            vec![],
            false,
        ),
        (
            "the end of the calendar",
            json!({"starts_at": "9999-12-30T06:00:00Z"}),
            vec![0, 1],
            false,
        ),
        ("a thousand", json!({"count": 1_000}), (0..1_000).collect(), true),
    ] {
        let defaults = json!({"frequency": "daily", "starts_at": "2027-01-01T06:00:00Z"});
        let answer = preview(&shop, KIND, documents::with(defaults, attributes)).await?;
        let found = answer.attribute("occurrences").as_array().cloned().unwrap_or_default();
        let numbers: Vec<u64> = found.iter().filter_map(|one| one["number"].as_u64()).collect();
        assert_eq!(numbers, expected, "{what}");
        assert_eq!(answer.attribute("has_more"), &json!(has_more), "{what}");
    }
    Ok(())
}

#[tokio::test]
async fn a_restart_after_an_outage_makes_up_for_what_was_missed_by_its_policy() -> TestResult {
    let shop = Shop::open_at("2027-01-31T10:00:00Z").await?;
    // Missed are the numbers 2, 3 and 4, at 06:00 on 3, 4 and 5 January; the last is 5 hours late.
    let later = "skipped: only the latest runs";
    let late = "skipped: later than the policy allows";
    for (catch_up, outcomes) in [
        (json!(null), [later, later, "run"]),
        (json!({"policy": "latest"}), [later, later, "run"]),
        (json!({"policy": "latest", "maximum_lateness_hours": 4}), [late, late, late]),
        (json!({"policy": "each"}), ["run", "run", "run"]),
        (json!({"policy": "each", "maximum_lateness_hours": 29}), [late, "run", "run"]),
        (json!({"policy": "skip"}), [late, late, late]),
        (json!({"policy": "skip", "grace_minutes": 300}), [late, late, "run"]),
    ] {
        let attributes = json!({
            "frequency": "daily",
            "starts_at": "2027-01-01T06:00:00Z",
            "catch_up": catch_up,
            "down_from": "2027-01-03T06:00:00Z",
            "down_until": "2027-01-05T11:00:00Z",
        });
        let answer = preview(&shop, KIND, attributes).await?;
        let entry = |number: u64, outcome: &str| {
            let day = number + 1;
            json!({
                "number": number,
                "at": format!("2027-01-0{day}T06:00:00Z"),
                "local": format!("2027-01-0{day}T06:00:00+00:00"),
                "outcome": outcome.split(':').next(),
                "reason": outcome,
            })
        };
        let [first, second, third] = outcomes;
        let expected = json!([entry(2, first), entry(3, second), entry(4, third)]);
        assert_eq!(answer.attribute("catch_up_preview"), &expected, "{catch_up}");
        assert_eq!(answer.attribute("catch_up_has_more"), false, "{catch_up}");
    }
    let attributes = json!({
        "frequency": "hourly",
        "starts_at": "2027-01-01T06:00:00Z",
        "catch_up": {"policy": "each"},
        "down_from": "2027-01-02T06:00:00Z",
        "down_until": "2029-01-01T06:00:00Z",
    });
    let answer = preview(&shop, KIND, attributes).await?;
    assert_eq!(answer.attribute("catch_up_preview").as_array().map(Vec::len), Some(1_000));
    assert_eq!(answer.attribute("catch_up_has_more"), true);
    Ok(())
}

#[tokio::test]
async fn what_makes_no_schedule_is_refused_where_it_stands() -> TestResult {
    let shop = Shop::open_at("2027-01-31T10:00:00Z").await?;
    for (attributes, errors) in [
        (json!({"frequency": null}), &["required /frequency"][..]),
        (json!({"frequency": "now and then"}), &["invalid_value /frequency"]),
        (json!({"frequency": 7}), &["wrong_type /frequency"]),
        (json!({"frequency": {"every": 0, "unit": "day"}}), &["out_of_range /frequency/every"]),
        (
            json!({"frequency": {"every": 1_201, "unit": "month"}}),
            &["out_of_range /frequency/every"],
        ),
        (json!({"frequency": {"every": 1.0, "unit": "day"}}), &["wrong_type /frequency/every"]),
        (json!({"frequency": {"every": 1}}), &["required /frequency/unit"]),
        (json!({"frequency": {"every": null, "unit": "day"}}), &["required /frequency/every"]),
        (
            json!({"frequency": {"unit": "fortnight"}}),
            &["invalid_value /frequency/unit", "required /frequency/every"],
        ),
        (
            json!({"frequency": {"every": 1, "unit": "day", "at": "noon"}}),
            &["unknown_attribute /frequency/at"],
        ),
        (json!({"frequency": "* * * * *"}), &["invalid_value /frequency"]),
        (json!({"frequency": "0 0 31 2 *"}), &["invalid_value /frequency"]),
        (json!({"starts_at": null}), &["required /starts_at"]),
        (json!({"starts_at": "2027-02-30T00:00:00Z"}), &["invalid_value /starts_at"]),
        (json!({"starts_at": "2027-02-28"}), &["invalid_value /starts_at"]),
        (json!({"starts_at": "0000-12-31T00:00:00Z"}), &["out_of_range /starts_at"]),
        (json!({"time_zone": "Mars/Olympus"}), &["invalid_value /time_zone"]),
        (json!({"anchor_day": 0}), &["out_of_range /anchor_day"]),
        (json!({"anchor_day": 32}), &["out_of_range /anchor_day"]),
        (json!({"anchor_day": 1, "frequency": "weekly"}), &["invalid_value /anchor_day"]),
        (json!({"anchor_weekday": "monday"}), &["invalid_value /anchor_weekday"]),
        (json!({"anchor_weekday": "noday"}), &["invalid_value /anchor_weekday"]),
        (json!({"month_end": "fixed"}), &["invalid_value /month_end"]),
        (json!({"dst_gap": "later"}), &["invalid_value /dst_gap"]),
        (json!({"dst_overlap": "second"}), &["invalid_value /dst_overlap"]),
        (json!({"dst_overlap": "both"}), &["invalid_value /dst_overlap"]),
        (json!({"working_days": "next"}), &["wrong_type /working_days"]),
        (json!({"working_days": {"rule": "nearest"}}), &["invalid_value /working_days/rule"]),
        (json!({"working_days": {"weekend": []}}), &["required /working_days/rule"]),
        (json!({"working_days": {"rule": null}}), &["required /working_days/rule"]),
        (
            json!({"working_days": {"rule": "next", "holidays": ["2027-12-25", "Christmas"]}}),
            &["invalid_value /working_days/holidays/1"],
        ),
        (
            json!({"working_days": {"rule": "next", "weekend": ["caturday"]}}),
            &["invalid_value /working_days/weekend/0"],
        ),
        (
            json!({"working_days": {"rule": "next", "weekend": [
                "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday",
            ]}}),
            &["invalid_value /working_days/weekend"],
        ),
        (json!({"after": "soon"}), &["invalid_value /after"]),
        (json!({"count": 0}), &["out_of_range /count"]),
        (json!({"count": 1_001}), &["out_of_range /count"]),
        (json!({"count": "10"}), &["wrong_type /count"]),
        (json!({"max_occurrences": 0}), &["out_of_range /max_occurrences"]),
        (json!({"max_occurrences": 4_294_967_296_i64}), &["out_of_range /max_occurrences"]),
        (json!({"expires_at": 7}), &["wrong_type /expires_at"]),
        (json!({"catch_up": {"policy": "all"}}), &["invalid_value /catch_up/policy"]),
        (json!({"catch_up": {}}), &["required /down_from", "required /down_until"]),
        (json!({"down_from": "2027-02-01T00:00:00Z"}), &["required /down_until"]),
        (
            json!({"down_from": "2027-02-01T00:00:00Z", "down_until": "2027-01-01T00:00:00Z"}),
            &["out_of_range /down_until"],
        ),
        (json!({"occurrences": []}), &["read_only_attribute /occurrences"]),
        (json!({"colour": "red"}), &["unknown_attribute /colour"]),
        (json!({"count": 0, "after": 1}), &["wrong_type /after", "out_of_range /count"]),
    ] {
        let defaults = json!({"frequency": "monthly", "starts_at": "2027-01-31T10:00:00Z"});
        refused(&shop, KIND, documents::with(defaults, attributes), errors).await?;
    }
    Ok(())
}

#[tokio::test]
async fn no_request_keeps_the_service_busy() -> TestResult {
    let shop = Shop::open_at("2027-01-31T10:00:00Z").await?;
    let mut holidays = Vec::new();
    let mut day = chrono::NaiveDate::from_ymd_opt(9990, 1, 1).ok_or("a date")?;
    for _ in 0..1_000 {
        holidays.push(day.to_string());
        day = day.succ_opt().ok_or("a date")?;
    }
    let holidays = json!({"rule": "next", "weekend": [], "holidays": holidays});
    for (attributes, status) in [
        (json!({"frequency": "hourly"}), 200),
        (json!({"frequency": "hourly", "working_days": holidays}), 200),
        (json!({"frequency": "daily", "working_days": holidays, "dst_gap": "skip"}), 200),
        (json!({"frequency": "yearly", "dst_gap": "skip"}), 200),
        (json!({"frequency": "0 * * * *"}), 422),
        (
            json!({
                "frequency": "0 * * * *",
                "starts_at": "9980-01-01T00:30:00Z",
                "catch_up": {"policy": "each", "maximum_lateness_hours": 1},
                "down_from": "9980-01-01T00:00:00Z",
                "down_until": "9990-01-01T00:00:00Z",
            }),
            200,
        ),
        (json!({"frequency": "0 0 29 2 1", "working_days": holidays}), 200),
        (json!({"frequency": "0 0 1 1 1", "dst_overlap": "both"}), 200),
    ] {
        let defaults = json!({
            "starts_at": "0001-01-02T00:30:00Z",
            "time_zone": "America/New_York",
            "after": "9990-01-01T00:00:00Z",
            "count": 1_000,
        });
        let document = documents::create(KIND, documents::with(defaults, attributes.clone()), &[]);
        let started = Instant::now();
        let answer = shop.api.post(KIND, &document).send().await?;
        let taken = started.elapsed();
        println!("{taken:?} {}", attributes["frequency"]);
        assert_eq!(answer.status, status, "{:#}", answer.body);
        // 3 s without optimization, and several times that where the machine has more to do; a tenth
        // with optimization.
        assert!(taken < Duration::from_secs(30), "{taken:?}: {attributes}");
    }
    Ok(())
}
