//! `tok_random_<seed>`: a customer like others. What happens is drawn from seed and key, so that the
//! same key meets the same answer, and the same seed the same year.

use crate::{ChargeKey, PaymentToken};

/// Of how many keys the shares are told.
const ALL: u64 = 1_000;
/// What happens to how many keys of a thousand; the others are paid.
const SHARES: [(u64, &str); 6] = [
    (80, "tok_decline_insufficient_funds"),
    (30, "tok_decline_do_not_honor"),
    (4, "tok_hard_decline"),
    (20, "tok_timeout_after_charge"),
    (20, "tok_timeout_before_charge"),
    (20, "tok_unavailable_1"),
];

/// The token that stands for this one under a key; `None` where it stands for itself.
pub(super) fn drawn(token: &PaymentToken, key: &ChargeKey) -> Option<PaymentToken> {
    let seed: u32 = token.as_str().strip_prefix("tok_random_")?.parse().ok()?;
    let mut lot = hash(u64::from(seed), key.as_str()) % ALL;
    for (share, name) in SHARES {
        if lot < share {
            return Some(PaymentToken::new(name));
        }
        lot -= share;
    }
    Some(PaymentToken::new("tok_paid"))
}

/// FNV-1a over seed and text, and then the finish of SplitMix64, since keys differ in few digits.
fn hash(seed: u64, text: &str) -> u64 {
    let bytes = seed.to_be_bytes().into_iter().chain(text.bytes());
    let mut hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn name(token: &str, key: usize) -> Option<String> {
        let key = ChargeKey::new(format!("acme:ord_{key}:1"));
        drawn(&PaymentToken::new(token), &key).map(|drawn| drawn.as_str().to_owned())
    }

    #[test]
    fn shares_come_out_as_told_and_the_same_key_meets_the_same_answer() {
        let mut seen: BTreeMap<String, u64> = BTreeMap::new();
        for key in 0..20_000 {
            let drawn = name("tok_random_7", key).unwrap_or_default();
            assert_eq!(name("tok_random_7", key), Some(drawn.clone()));
            *seen.entry(drawn).or_default() += 1;
        }
        for (share, token) in SHARES {
            let times = seen.get(token).copied().unwrap_or_default();
            // 20 keys for each in a thousand; five standard deviations are below 5 * sqrt(20 * share).
            let expected = 20 * share;
            let far = (25 * expected).isqrt();
            assert!(times.abs_diff(expected) <= far, "{token}: {times} of 20,000");
        }
    }

    #[test]
    fn other_tokens_stand_for_themselves() {
        for token in ["tok_paid", "tok_random_", "tok_random_x", "tok_random_-1"] {
            assert_eq!(name(token, 1), None, "{token}");
        }
    }
}
