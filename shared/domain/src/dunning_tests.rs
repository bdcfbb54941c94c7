use std::error::Error;

use proptest::prelude::*;
use serde_json::{from_value, json, to_value};

use super::*;

type TestResult = Result<(), Box<dyn Error>>;

fn retries(policy: &RetryPolicy, done: u32, now: DateTime<Utc>) -> Option<(i64, u32)> {
    match policy.decide(done, DeclineKind::Soft, now, Zone::utc()) {
        RetryDecision::RetryAt { at, retry_count } => Some(((at - now).num_minutes(), retry_count)),
        RetryDecision::GiveUp { .. } => None,
    }
}

#[test]
fn up_to_and_including_the_maximum_a_run_stays_open_and_above_it_fails() -> TestResult {
    let now = "2027-01-31T10:00:00Z".parse()?;
    let policy = RetryPolicy::default();
    let days = |days: i64| days * 24 * 60;
    assert_eq!(retries(&policy, 0, now), Some((days(1), 1)));
    assert_eq!(retries(&policy, 1, now), Some((days(3), 2)));
    assert_eq!(retries(&policy, 2, now), Some((days(5), 3)));
    assert_eq!(retries(&policy, 3, now), Some((days(7), 4)), "equal to the maximum");
    assert_eq!(retries(&policy, 4, now), None, "above the maximum");
    assert_eq!(retries(&policy, u32::MAX, now), None);
    Ok(())
}

#[test]
fn the_last_delay_repeats_when_the_list_is_short() -> TestResult {
    let now = "2027-01-31T10:00:00Z".parse()?;
    let delays = vec![RetryDelay::from_hours(2), RetryDelay::from_minutes(30)];
    let policy = RetryPolicy::new(delays, 4, FinalAction::Pause)?;
    let waits: Vec<_> = (0..5).map(|done| retries(&policy, done, now)).collect();
    assert_eq!(waits, [Some((120, 1)), Some((30, 2)), Some((30, 3)), Some((30, 4)), None]);
    Ok(())
}

#[test]
fn a_policy_tells_what_it_was_made_of() -> TestResult {
    let delays = [RetryDelay::from_days(1), RetryDelay::from_hours(2), RetryDelay::from_minutes(3)];
    assert_eq!(delays.map(RetryDelay::minutes), [1_440, 120, 3]);
    let policy = RetryPolicy::new(delays.to_vec(), 5, FinalAction::Cancel)?;
    assert_eq!(policy.delays(), delays);
    assert_eq!((policy.maximum(), policy.on_exhausted()), (5, FinalAction::Cancel));
    Ok(())
}

#[test]
fn a_maximum_below_the_list_cuts_it_short() -> TestResult {
    let now = "2027-01-31T10:00:00Z".parse()?;
    let policy = RetryPolicy::new(vec![RetryDelay::from_days(1); 5], 2, FinalAction::Cancel)?;
    assert_eq!(retries(&policy, 1, now), Some((1_440, 2)));
    assert_eq!(
        policy.decide(2, DeclineKind::Soft, now, Zone::utc()),
        RetryDecision::GiveUp {
            reason: GiveUpReason::RetriesExhausted,
            action: FinalAction::Cancel
        }
    );
    Ok(())
}

#[test]
fn a_hard_decline_stops_at_once() -> TestResult {
    let policy = RetryPolicy::new(vec![RetryDelay::from_days(1)], 3, FinalAction::Pause)?;
    for done in [0, 1, 3, 4, u32::MAX] {
        assert_eq!(
            policy.decide(done, DeclineKind::Hard, "2027-01-31T10:00:00Z".parse()?, Zone::utc()),
            RetryDecision::GiveUp { reason: GiveUpReason::HardDecline, action: FinalAction::Pause }
        );
    }
    Ok(())
}

#[test]
fn a_policy_without_retries_gives_up_on_the_first_decline() -> TestResult {
    let policy = RetryPolicy::new(Vec::new(), 0, FinalAction::Skip)?;
    assert_eq!(retries(&policy, 0, "2027-01-31T10:00:00Z".parse()?), None);
    Ok(())
}

#[test]
fn a_policy_that_breaks_a_rule_is_refused_by_name() {
    let day = RetryDelay::from_days(1);
    let refusal = |delays, maximum| RetryPolicy::new(delays, maximum, FinalAction::default()).err();
    assert_eq!(refusal(Vec::new(), 1), Some(RetryPolicyError::NoDelays));
    assert_eq!(refusal(vec![day], 101), Some(RetryPolicyError::TooManyRetries(101)));
    assert_eq!(refusal(vec![day; 101], 1), Some(RetryPolicyError::TooManyDelays(101)));
    let zero = vec![day, RetryDelay::from_minutes(0)];
    assert_eq!(refusal(zero, 1), Some(RetryPolicyError::DelayOutOfRange(0)));
    let long = vec![RetryDelay::from_days(u32::MAX)];
    assert_eq!(refusal(long, 1), Some(RetryPolicyError::DelayOutOfRange(u32::MAX)));
    assert_eq!(refusal(vec![RetryDelay::from_days(366)], 100), None);
}

#[test]
fn a_policy_survives_storage_and_unnamed_fields_take_their_defaults() -> TestResult {
    let policy = RetryPolicy::default();
    let stored = to_value(&policy)?;
    assert_eq!(
        stored,
        json!({
            "delays_in_minutes": [1_440, 4_320, 7_200, 10_080],
            "maximum": 4,
            "on_exhausted": "keep_active"
        })
    );
    assert_eq!(from_value::<RetryPolicy>(stored)?, policy);
    assert_eq!(from_value::<RetryPolicy>(json!({}))?, policy);
    assert_eq!(from_value::<RetryPolicy>(json!({"maximum": 2}))?.maximum(), 2);
    for refused in [
        json!({"maximum": 101}),
        json!({"maximum": -1}),
        json!({"delays_in_minutes": []}),
        json!({"delays_in_minutes": [0]}),
        json!({"on_exhausted": "explode"}),
        json!({"delay": 1}),
    ] {
        assert!(from_value::<RetryPolicy>(refused.clone()).is_err(), "{refused}");
    }
    Ok(())
}

#[test]
fn waits_of_whole_days_end_at_the_local_hour_of_the_subscription() -> TestResult {
    let (day, hours) = (RetryDelay::from_days, RetryDelay::from_hours);
    // Worked out by hand. Berlin: clocks go from 02:00 to 03:00 on 28 March 2027 and from 03:00 to
    // 02:00 on 31 October. Auckland is 13 hours ahead in January, Kathmandu 5:45 all year.
    for (zone, hour, wait, declined, expected) in [
        ("Europe/Berlin", 9, day(1), "2027-03-24T08:30:00Z", "2027-03-25T08:00:00Z"),
        ("Europe/Berlin", 9, day(3), "2027-03-25T08:00:00Z", "2027-03-28T07:00:00Z"),
        ("Europe/Berlin", 9, day(5), "2027-03-28T07:00:00Z", "2027-04-02T07:00:00Z"),
        ("Europe/Berlin", 9, day(7), "2027-04-02T07:00:00Z", "2027-04-09T07:00:00Z"),
        // There is no 02:00 on the 28th: the first instant after the jump is 03:00.
        ("Europe/Berlin", 2, day(1), "2027-03-27T10:00:00Z", "2027-03-28T01:00:00Z"),
        // There are two: the first is still summer time.
        ("Europe/Berlin", 2, day(1), "2027-10-30T10:00:00Z", "2027-10-31T00:00:00Z"),
        ("Europe/Berlin", 3, day(1), "2027-10-30T10:00:00Z", "2027-10-31T02:00:00Z"),
        // A minute before midnight, a day is a minute long.
        ("Europe/Berlin", 0, day(1), "2027-01-15T22:59:00Z", "2027-01-15T23:00:00Z"),
        // It is the 16th there already.
        ("Pacific/Auckland", 9, day(1), "2027-01-15T12:30:00Z", "2027-01-16T20:00:00Z"),
        ("Asia/Kathmandu", 9, day(1), "2027-05-01T00:00:00Z", "2027-05-02T03:15:00Z"),
        ("UTC", 23, day(366), "2027-01-01T00:00:00Z", "2028-01-02T23:00:00Z"),
        // Other waits are as long as they say.
        ("Europe/Berlin", 9, hours(36), "2027-03-27T10:00:00Z", "2027-03-28T22:00:00Z"),
        ("Europe/Berlin", 9, hours(48), "2027-03-26T10:00:00Z", "2027-03-28T07:00:00Z"),
    ] {
        let policy = RetryPolicy::new(vec![wait], 1, FinalAction::default())?;
        let policy = policy.at_local_hour(LocalHour::new(hour))?;
        let decided = policy.decide(0, DeclineKind::Soft, declined.parse()?, zone.parse()?);
        let expected = RetryDecision::RetryAt { at: expected.parse()?, retry_count: 1 };
        assert_eq!(decided, expected, "{zone} at {hour}, {} minutes after {declined}", wait.0);
    }
    Ok(())
}

#[test]
fn hours_and_grace_out_of_range_are_refused_and_stored_where_they_are_set() -> TestResult {
    let policy = RetryPolicy::default();
    let hour = |hour| policy.clone().at_local_hour(LocalHour::new(hour)).map(|_| ());
    assert_eq!((hour(0), hour(23)), (Ok(()), Ok(())));
    assert_eq!(hour(24), Err(RetryPolicyError::NoSuchHour(24)));
    let grace = |hours| policy.clone().with_grace(GraceHours::new(hours)).map(|_| ());
    assert_eq!((grace(0), grace(8_784)), (Ok(()), Ok(())));
    assert_eq!(grace(8_785), Err(RetryPolicyError::GraceTooLong(8_785)));
    let given = json!({"local_hour": 9, "grace_hours": 72, "manual_retries_count": true});
    let policy: RetryPolicy = from_value(given)?;
    assert!(policy.manual_retries_count());
    let due = "2027-02-28T10:00:00Z".parse()?;
    assert_eq!(policy.grace().after(due), "2027-03-03T10:00:00Z".parse::<DateTime<Utc>>()?);
    let stored = to_value(&policy)?;
    assert_eq!(stored.get("local_hour"), Some(&json!(9)));
    assert_eq!(from_value::<RetryPolicy>(stored)?, policy);
    assert!(from_value::<RetryPolicy>(json!({"local_hour": 24})).is_err());
    Ok(())
}

proptest! {
    #[test]
    fn a_retry_comes_after_its_decline_whatever_clocks_do(
        days in 1_u32..=366,
        hour in 0_u32..24,
        zone in 0_usize..600,
        second in 0_i64..4_000_000_000,
    ) {
        let policy = RetryPolicy::new(vec![RetryDelay::from_days(days)], 1, FinalAction::default());
        let policy = policy.and_then(|policy| policy.at_local_hour(LocalHour::new(hour)));
        let policy = policy.map_err(|error| TestCaseError::fail(error.to_string()))?;
        let zone = Zone::all().nth(zone).unwrap_or(Zone::utc());
        let now = DateTime::from_timestamp(second, 0).unwrap_or_default();
        if let RetryDecision::RetryAt { at, .. } = policy.decide(0, DeclineKind::Soft, now, zone) {
            prop_assert!(at > now);
            let (shortest, longest) = (i64::from(days) - 2, i64::from(days) + 2);
            prop_assert!((shortest..=longest).contains(&(at - now).num_days()), "{at} after {now}");
        }
    }

    #[test]
    fn more_grace_is_never_less_access(one in 0_u32..=8_784, other in 0_u32..=8_784, second: i32) {
        let due = DateTime::from_timestamp(i64::from(second), 0).unwrap_or_default();
        let (one, other) = (GraceHours::new(one), GraceHours::new(other));
        prop_assert_eq!(one.cmp(&other), one.after(due).cmp(&other.after(due)));
        prop_assert!(one.after(due) >= due);
    }

    #[test]
    fn a_run_is_tried_exactly_as_often_as_the_maximum_says(
        minutes in prop::collection::vec(1_u32..=MAXIMUM_DELAY_MINUTES, 1..20),
        maximum in 0_u32..=MAXIMUM_RETRIES,
        start: i64,
    ) {
        let delays = minutes.into_iter().map(RetryDelay::from_minutes).collect();
        let policy = RetryPolicy::new(delays, maximum, FinalAction::default())
            .map_err(|error| TestCaseError::fail(error.to_string()))?;
        let mut now = DateTime::from_timestamp_millis(start).unwrap_or(DateTime::<Utc>::MAX_UTC);
        let mut done = 0;
        while let RetryDecision::RetryAt { at, retry_count } = policy.decide(done, DeclineKind::Soft, now, Zone::utc()) {
            prop_assert!(at >= now);
            prop_assert_eq!(retry_count, done + 1);
            (now, done) = (at, retry_count);
        }
        prop_assert_eq!(done, maximum);
    }
}
