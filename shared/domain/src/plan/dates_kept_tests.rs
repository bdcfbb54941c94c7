//! What a schedule keeps for itself when its dates are changed.

use chrono::Weekday;

use super::{TestResult, at, n};
use crate::{plan::*, subscription::tests::subscription, subscription::*, time::*};

fn to_zone(name: &str) -> Result<DatesChange, Box<dyn std::error::Error>> {
    Ok(DatesChange { time_zone: Some(name.parse()?), ..DatesChange::default() })
}

fn to_frequency(text: &str) -> Result<DatesChange, Box<dyn std::error::Error>> {
    Ok(DatesChange { frequency: Some(text.parse()?), ..DatesChange::default() })
}

/// Monthly at 02:30 in New York since 29 March 2026, when Berlin's clocks jumped over that time.
/// It has run in April and is now in Berlin.
fn moved_into_a_gap(now: DateTime<Utc>) -> Result<Subscription, Box<dyn std::error::Error>> {
    let mut one = subscription("monthly", "2026-03-29T06:30:00Z")?;
    one.time_zone = "America/New_York".parse()?;
    one.set_next(Some(Slot { number: n(2), at: at("2026-05-29T06:30:00Z")? }));
    Ok(change_dates(&one, &to_zone("Europe/Berlin")?, now)?)
}

#[test]
fn a_wall_clock_time_that_the_anchor_could_not_show_outlasts_other_rules() -> TestResult {
    let now = at("2026-05-01T00:00:00Z")?;
    let berlin = moved_into_a_gap(now)?;
    let half_past_two = Some(Slot { number: n(2), at: at("2026-05-29T00:30:00Z")? });
    assert_eq!(berlin.next(), half_past_two);
    let rules = ScheduleRules { dst_gap: GapPolicy::Shift, ..ScheduleRules::default() };
    let change = DatesChange { rules: Some(rules), ..DatesChange::default() };
    let shifting = change_dates(&berlin, &change, now)?;
    assert_eq!(shifting.rules.dst_gap, GapPolicy::Shift);
    assert_eq!(shifting.next(), half_past_two);
    Ok(())
}

#[test]
fn a_wall_clock_time_that_the_anchor_could_not_show_outlasts_an_expression() -> TestResult {
    let now = at("2026-05-01T00:00:00Z")?;
    let mut one = change_dates(&moved_into_a_gap(now)?, &to_frequency("0 9 * * 1")?, now)?;
    one = change_dates(&one, &to_zone("America/New_York")?, now)?;
    one = change_dates(&one, &to_frequency("monthly")?, now)?;
    assert_eq!(one.next(), Some(Slot { number: n(2), at: at("2026-05-29T06:30:00Z")? }));
    Ok(())
}

#[test]
fn an_expiry_must_be_after_the_start_where_the_anchor_is_one() -> TestResult {
    let now = at("2027-02-01T00:00:00Z")?;
    let expires_at = Some(at("2027-02-20T00:00:00Z")?);
    let term = Some(Term { expires_at, ..Term::default() });
    let change = DatesChange { term, ..DatesChange::default() };
    // Anchored on 1 March: by its source order, or by hand and not run yet, or at a later run.
    for (by_source_order, anchor_number, last_run, is_start) in [
        (true, 0, None, true),
        (false, 3, None, true),
        (true, 3, None, false),
        (false, 3, Some(now), false),
    ] {
        let mut one = subscription("monthly", "2027-03-01T10:00:00Z")?;
        one.activate_by_source_order = by_source_order;
        one.rules.anchor_number = n(anchor_number);
        one.last_run_at = last_run;
        let refused =
            matches!(change_dates(&one, &change, now), Err(DatesError::ExpiryPassed { .. }));
        assert_eq!(refused, is_start, "{by_source_order} {anchor_number} {last_run:?}");
    }
    Ok(())
}

#[test]
fn a_moved_anchor_is_no_longer_bound_to_a_day_or_an_older_wall_clock() -> TestResult {
    let rules = ScheduleRules::default;
    let on_the_15th = ScheduleRules { anchor_day: Some(AnchorDay::new(15)?), ..rules() };
    let mondays = ScheduleRules { anchor_weekday: Some(Weekday::Mon), ..rules() };
    let unshown = moved_into_a_gap(at("2026-05-01T00:00:00Z")?)?.rules;
    for (frequency, anchor, rules, to, following) in [
        (
            "monthly",
            "2027-01-31T10:00:00Z",
            on_the_15th,
            "2027-02-20T08:00:00Z",
            "2027-03-20T08:00:00Z",
        ),
        // Monday 1 February becomes Friday 5 February.
        ("weekly", "2027-01-27T10:00:00Z", mondays, "2027-02-05T08:00:00Z", "2027-02-12T08:00:00Z"),
        // 08:00 in Berlin in summer.
        (
            "monthly",
            "2026-03-29T01:00:00Z",
            unshown,
            "2026-04-20T06:00:00Z",
            "2026-05-20T06:00:00Z",
        ),
    ] {
        let mut one = subscription(frequency, anchor)?;
        if rules.anchor_local.is_some() {
            one.time_zone = "Europe/Berlin".parse()?;
        }
        one.rules = rules;
        one.set_next(Some(one.schedule().occurrence(n(1))?.slot()));
        let next_run = Some((at(to)?, AnchorChange::Move));
        let change = DatesChange { next_run, ..DatesChange::default() };
        let after = change_dates(&one, &change, one.anchor)?;
        let next = after.next().ok_or("it goes on")?;
        assert_eq!(next, Slot { number: n(1), at: at(to)? });
        assert_eq!(after.rules.anchor_local, None);
        assert_eq!(after.schedule().following(next)?.at, at(following)?, "{frequency}");
    }
    Ok(())
}

#[test]
fn a_refused_date_names_the_attribute() -> TestResult {
    let (now, error) = (at("2027-02-01T00:00:00Z")?, ScheduleError::OutOfRange);
    let rule = RuleError::AnchorDay { day: AnchorDay::new(1)?, frequency: "weekly".to_owned() };
    for (refused, field) in [
        (DatesError::Rule(rule), "anchor_day"),
        (DatesError::Frequency { frequency: "daily".to_owned(), error }, "frequency"),
        (DatesError::ScheduleEnded, "frequency"),
        (DatesError::Zone { zone: "UTC".to_owned(), error }, "time_zone"),
        (DatesError::ExpiryPassed { expires_at: now, bound: "now", at: now }, "expires_at"),
        (DatesError::MaximumPassed { maximum: 1, been: 2 }, "max_occurrences"),
        (DatesError::NextRun(RescheduleError::CronHasNoAnchor), "next_run_at"),
        (DatesError::NotBeforeExpiry { to: now, expires_at: now }, "next_run_at"),
        (DatesError::NoNextRun, "next_run_at"),
    ] {
        assert_eq!(refused.field(), field, "{refused}");
    }
    Ok(())
}

#[test]
fn only_the_run_that_was_rescheduled_says_so_in_another_zone() -> TestResult {
    let now = at("2027-02-10T00:00:00Z")?;
    let mut one = subscription("monthly", "2027-01-31T10:00:00Z")?;
    one.rescheduled = Some(Slot { number: n(0), at: at("2027-02-05T10:00:00Z")? });
    let tokyo = change_dates(&one, &to_zone("Asia/Tokyo")?, now)?;
    let reason = tokyo.coming_explained().ok_or("it goes on")?.reason.to_string();
    assert_eq!(reason, "anchor plus 1 interval, clamped from 31");
    Ok(())
}
