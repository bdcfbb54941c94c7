use std::error::Error;

use proptest::prelude::*;

use super::*;

type TestResult = Result<(), Box<dyn Error>>;

fn shares(total: i64, weights: &[u64]) -> Result<Vec<i64>, MoneyError> {
    Ok(allocate(MinorUnits::new(total), weights)?.into_iter().map(MinorUnits::get).collect())
}

#[test]
fn units_left_over_go_to_those_who_lost_most() -> TestResult {
    for (total, weights, expected) in [
        (100, vec![1, 1, 1], vec![34, 33, 33]), // equal losses: the earlier gets it
        (101, vec![1, 1, 1], vec![34, 34, 33]),
        (100, vec![1, 2], vec![33, 67]),          // 33.33, 66.67
        (1000, vec![17, 14], vec![548, 452]),     // 548.39, 451.61
        (1001, vec![15, 15], vec![501, 500]),     // a tie
        (10, vec![0, 1, 0, 2], vec![0, 3, 0, 7]), // 3.33, 6.67
        (5, vec![3, 3, 3, 3, 3, 3, 3], vec![1, 1, 1, 1, 1, 0, 0]),
        (0, vec![3, 4], vec![0, 0]),
        (0, vec![0, 0], vec![0, 0]),
        (0, vec![], vec![]),
        (-100, vec![1, 1, 1], vec![-34, -33, -33]), // the mirror of the charge
        (i64::MAX, vec![u64::MAX], vec![i64::MAX]),
        (i64::MIN, vec![1], vec![i64::MIN]),
        (i64::MIN, vec![u64::MAX, u64::MAX], vec![i64::MIN / 2, i64::MIN / 2]),
    ] {
        assert_eq!(shares(total, &weights)?, expected, "{total} by {weights:?}");
    }
    Ok(())
}

#[test]
fn something_cannot_be_shared_out_among_nobody() {
    assert_eq!(shares(1, &[]), Err(MoneyError::NoWeights));
    assert_eq!(shares(-1, &[0, 0]), Err(MoneyError::NoWeights));
}

proptest! {
    #[test]
    fn shares_add_up_and_are_less_than_one_unit_off(
        total: i64, weights in prop::collection::vec(any::<u64>(), 1..40),
    ) {
        prop_assume!(weights.iter().any(|weight| *weight > 0));
        let shares = shares(total, &weights)?;
        let sum: i128 = shares.iter().map(|share| i128::from(*share)).sum();
        prop_assert_eq!(sum, i128::from(total));
        // Compared by quotient: the exact value lies between it and the next unit away from zero.
        let whole: u128 = weights.iter().map(|weight| u128::from(*weight)).sum();
        for (share, weight) in shares.iter().zip(&weights) {
            let exact = u128::from(total.unsigned_abs()) * u128::from(*weight);
            let size = u128::from(share.unsigned_abs());
            let (down, even) = (exact / whole, exact % whole == 0);
            prop_assert!(size == down || (!even && size == down + 1));
        }
    }

    #[test]
    fn a_credit_is_shared_out_as_its_charge(
        total in 0..=i64::MAX, weights in prop::collection::vec(1_u64.., 1..20),
    ) {
        let mirrored: Vec<i64> = shares(-total, &weights)?.into_iter().map(|share| -share).collect();
        prop_assert_eq!(shares(total, &weights)?, mirrored);
    }
}
