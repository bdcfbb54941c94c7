use super::*;

#[test]
fn only_ties_differ_and_credits_mirror_charges() {
    // Halves of 1, 3 and 5; thirds of 4 and 5; quarters of 6 and 10. By hand.
    for (dividend, divisor, half_up, half_even) in [
        (0, 2, 0, 0),
        (1, 2, 1, 0),
        (3, 2, 2, 2),
        (5, 2, 3, 2),
        (7, 2, 4, 4),
        (4, 3, 1, 1),
        (5, 3, 2, 2),
        (6, 4, 2, 2),
        (10, 4, 3, 2),
        (12, 4, 3, 3),
    ] {
        assert_eq!(Rounding::HalfUp.divide(dividend, divisor), half_up);
        assert_eq!(Rounding::HalfEven.divide(dividend, divisor), half_even);
        assert_eq!(Rounding::HalfUp.divide(-dividend, divisor), -half_up);
        assert_eq!(Rounding::HalfEven.divide(-dividend, divisor), -half_even);
    }
}

#[test]
fn half_up_is_the_default() {
    assert_eq!(Rounding::default(), Rounding::HalfUp);
}

#[test]
fn settings_are_words_on_the_wire() -> Result<(), serde_json::Error> {
    assert_eq!(serde_json::to_string(&Rounding::HalfUp)?, r#""half_up""#);
    assert_eq!(serde_json::from_str::<Rounding>(r#""half_even""#)?, Rounding::HalfEven);
    assert!(serde_json::from_str::<Rounding>(r#""half_down""#).is_err());
    Ok(())
}
