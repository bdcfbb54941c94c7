use proptest::prelude::*;

use super::*;

type TestResult<T = ()> = Result<T, Box<dyn std::error::Error>>;

const NOW: &str = "2027-02-10T12:00:00Z";

fn stake(
    value: Option<(i64, &str)>,
    step: FailedStep,
    since: &str,
    tier: CustomerTier,
) -> TestResult<AtStake> {
    let value = match value {
        Some((amount, code)) => Some((MinorUnits::new(amount), code.parse()?)),
        None => None,
    };
    Ok(AtStake { value, step, since: since.parse()?, tier })
}

#[test]
fn impact_is_money_times_urgency_times_age_times_tier() -> TestResult {
    use CustomerTier::{Gold, Platinum, Standard};
    use FailedStep::{OrderCopy, Other, RenewalTick, Validation, Webhooks};
    let yen: ImpactWeights = serde_json::from_str(r#"{"currency_percent": {"JPY": 1}}"#)?;
    let usual = ImpactWeights::default();
    for (weights, at_stake, money, age, expected) in [
        // 25.00 x 2 x 1 x 1
        (&usual, stake(Some((2_500, "EUR")), OrderCopy, NOW, Standard)?, 2_500, 100, 5_000),
        // 25.00 x 2 x 1.3 (three days) x 2
        (
            &usual,
            stake(Some((2_500, "EUR")), OrderCopy, "2027-02-07T11:00:00Z", Gold)?,
            2_500,
            130,
            13_000,
        ),
        // Two days and 23 hours are two days: 25.00 x 2 x 1.2 x 2
        (
            &usual,
            stake(Some((2_500, "EUR")), OrderCopy, "2027-02-07T13:00:00Z", Gold)?,
            2_500,
            120,
            12_000,
        ),
        // After thirty days no more is added: 9.99 x 3 x 4 x 3 = 359.64
        (
            &usual,
            stake(Some((999, "EUR")), Validation, "2026-01-01T00:00:00Z", Platinum)?,
            999,
            400,
            35_964,
        ),
        // 0.33 x 0.5 = 0.165: the fraction is dropped
        (&usual, stake(Some((33, "EUR")), Webhooks, NOW, Standard)?, 33, 100, 16),
        // Nobody knows: 10.00 x 5
        (&usual, stake(None, RenewalTick, NOW, Standard)?, 1_000, 100, 5_000),
        // 3,000 yen are 3,000 units, and at 1 percent 30; 1.234 dinars are 1.23
        (&usual, stake(Some((3_000, "JPY")), Other, NOW, Standard)?, 300_000, 100, 300_000),
        (&yen, stake(Some((3_000, "JPY")), Other, NOW, Standard)?, 3_000, 100, 3_000),
        (&usual, stake(Some((1_234, "KWD")), Other, NOW, Standard)?, 123, 100, 123),
        // A clock that is behind adds nothing, a credit loses nothing.
        (
            &usual,
            stake(Some((100, "EUR")), Other, "2027-02-12T00:00:00Z", Standard)?,
            100,
            100,
            100,
        ),
        (&usual, stake(Some((-100, "EUR")), Other, NOW, Standard)?, 0, 100, 0),
    ] {
        let found = impact(&at_stake, weights, NOW.parse()?);
        assert_eq!(
            (found.money, found.age_percent, found.impact),
            (money, age, expected),
            "{at_stake:?}"
        );
    }
    Ok(())
}

#[test]
fn what_is_set_counts_and_the_rest_is_as_usual() -> TestResult {
    let weights: ImpactWeights =
        serde_json::from_str(r#"{"tier_percent": {"gold": 1000}, "age_percent_per_day": 0}"#)?;
    let one = stake(
        Some((100, "EUR")),
        FailedStep::OrderCopy,
        "2027-01-01T00:00:00Z",
        CustomerTier::Gold,
    )?;
    assert_eq!(impact(&one, &weights, NOW.parse()?).impact, 2_000);
    assert_eq!(weights.tier_percent.platinum, 300);
    assert!(!weights.is_default());
    assert!(serde_json::from_str::<ImpactWeights>(r#"{"tiers": {}}"#).is_err());
    Ok(())
}

proptest! {
    #[test]
    fn more_at_stake_never_ranks_lower(
        less in 0_i64..i64::MAX,
        more in 0_i64..i64::MAX,
        days in 0_i64..1_000,
        urgency in 0_u32..=10_000,
    ) {
        let now: DateTime<Utc> = NOW.parse().map_err(|_| TestCaseError::fail("now"))?;
        let currency: Currency = "EUR".parse().map_err(|_| TestCaseError::fail("EUR"))?;
        let mut weights = ImpactWeights::default();
        weights.urgency_percent.order_copy = urgency;
        let of = |amount: i64, tier| {
            let at_stake = AtStake {
                value: Some((MinorUnits::new(amount), currency)),
                step: FailedStep::OrderCopy,
                since: now - chrono::TimeDelta::days(days),
                tier,
            };
            impact(&at_stake, &weights, now).impact
        };
        let (less, more) = (less.min(more), less.max(more));
        prop_assert!(of(less, CustomerTier::Standard) <= of(more, CustomerTier::Standard));
        prop_assert!(of(less, CustomerTier::Standard) <= of(less, CustomerTier::Platinum));
        prop_assert!(of(less, CustomerTier::Standard) >= 0);
    }
}
