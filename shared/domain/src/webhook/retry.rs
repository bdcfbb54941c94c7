//! When a message that did not arrive is sent again.

use chrono::TimeDelta;
use sha2::{Digest, Sha256};

/// Seconds from one attempt to the next: 5 s, 1 min, 5 min, 30 min, 2 h, 5 h, 8 h, 8 h.
const DELAYS: [i64; 8] = [5, 60, 300, 1_800, 7_200, 18_000, 28_800, 28_800];

/// Attempts at one delivery at most.
pub const MAX_ATTEMPTS: u32 = 9;

/// The age at which a delivery is given up even if attempts are left, because its receiver was
/// being left alone. All attempts take 26 hours at the longest.
pub const GIVE_UP_AFTER: TimeDelta = TimeDelta::hours(26);

/// How long to wait after `attempts` attempts that failed; `None` after the last. Each delay is up
/// to a tenth shorter or longer, by a hash of `delivery` and the attempt, so that messages that
/// failed together do not come back together.
#[must_use]
pub fn retry_delay(delivery: &str, attempts: u32) -> Option<TimeDelta> {
    let index = usize::try_from(attempts.checked_sub(1)?).ok()?;
    let seconds = DELAYS.get(index)?;
    let permille = 900 + i64::from(jitter(delivery, attempts.into()) % 201);
    Some(TimeDelta::milliseconds(seconds * permille))
}

/// Up to a minute, by a hash of `delivery` and how often it was changed.
pub(super) fn spread(delivery: &str, version: u64) -> TimeDelta {
    TimeDelta::milliseconds(i64::from(jitter(delivery, version) % 60_000))
}

fn jitter(delivery: &str, nth: u64) -> u32 {
    let hash = Sha256::new().chain_update(nth.to_be_bytes()).chain_update(delivery).finalize();
    hash.iter().take(4).fold(0, |head, byte| head << 8 | u32::from(*byte))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn eight_retries_come_within_a_tenth_of_their_plan_and_a_ninth_never() {
        let plan = [5, 60, 300, 1_800, 7_200, 18_000, 28_800, 28_800];
        for (attempts, seconds) in (1..).zip(plan) {
            let delay = retry_delay("evc_1", attempts).unwrap().num_milliseconds();
            assert!((seconds * 900..=seconds * 1_100).contains(&delay), "{attempts}: {delay} ms");
        }
        assert_eq!(retry_delay("evc_1", MAX_ATTEMPTS), None);
        assert_eq!(retry_delay("evc_1", 0), None);
        assert_eq!(retry_delay("evc_1", u32::MAX), None);
    }

    #[test]
    fn deliveries_that_failed_together_come_back_apart() {
        let delays: std::collections::BTreeSet<TimeDelta> =
            (0..100).filter_map(|n| retry_delay(&format!("evc_{n}"), 4)).collect();
        assert!(delays.len() > 50, "only {} different delays", delays.len());
    }

    #[test]
    fn deliveries_that_waited_for_one_receiver_come_back_within_a_minute_and_all_over_it() {
        let waits: std::collections::BTreeSet<TimeDelta> =
            (0..100).map(|n| spread(&format!("evc_{n}"), 1)).collect();
        assert!(waits.len() > 90, "only {} different waits", waits.len());
        assert!(waits.first().is_some_and(|first| *first < TimeDelta::seconds(5)), "{waits:?}");
        let last = *waits.last().unwrap();
        assert!(last > TimeDelta::seconds(55) && last < TimeDelta::minutes(1), "{last}");
        assert_ne!(spread("evc_1", 1), spread("evc_1", 2));
    }

    proptest! {
        #[test]
        fn all_retries_take_about_a_day_and_end_before_the_delivery_is_given_up(id in "[a-z0-9]{1,40}") {
            let total: TimeDelta = (1..MAX_ATTEMPTS)
                .filter_map(|attempts| retry_delay(&id, attempts))
                .fold(TimeDelta::zero(), |total, delay| total + delay);
            prop_assert!(total > TimeDelta::hours(21) && total < GIVE_UP_AFTER);
        }
    }
}
