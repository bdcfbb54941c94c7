use std::error::Error;

use proptest::prelude::*;
use serde_json::{from_value, json, to_value};

use super::*;

type TestResult = Result<(), Box<dyn Error>>;

fn retries(policy: &RetryPolicy, done: u32, now: DateTime<Utc>) -> Option<(i64, u32)> {
    match policy.decide(done, DeclineKind::Soft, now) {
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
        policy.decide(2, DeclineKind::Soft, now),
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
            policy.decide(done, DeclineKind::Hard, "2027-01-31T10:00:00Z".parse()?),
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

proptest! {
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
        while let RetryDecision::RetryAt { at, retry_count } = policy.decide(done, DeclineKind::Soft, now) {
            prop_assert!(at >= now);
            prop_assert_eq!(retry_count, done + 1);
            (now, done) = (at, retry_count);
        }
        prop_assert_eq!(done, maximum);
    }
}
