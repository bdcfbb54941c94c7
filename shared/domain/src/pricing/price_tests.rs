use std::error::Error;

use super::*;

type TestResult = Result<(), Box<dyn Error>>;

/// 10.00, and 8.00 within a window.
fn price(starts_at: Option<&str>, ends_at: Option<&str>) -> Result<Price, Box<dyn Error>> {
    let list: PriceListId = "prl_eu".parse()?;
    let made: DateTime<Utc> = "2027-01-01T00:00:00Z".parse()?;
    Ok(Price {
        id: PriceId::on(&list, "BEANS"),
        price_list_id: list,
        sku_code: "BEANS".to_owned(),
        currency: Currency::EUR,
        amount: MinorUnits::new(1_000),
        compare_at_amount: None,
        promotional_amount: Some(MinorUnits::new(800)),
        promotion_starts_at: starts_at.map(str::parse).transpose()?,
        promotion_ends_at: ends_at.map(str::parse).transpose()?,
        tiers: Vec::new(),
        version: 1,
        created_at: made,
        updated_at: made,
    })
}

#[test]
fn a_promotion_counts_from_its_start_to_just_before_its_end() -> TestResult {
    let (start, end) = (Some("2027-03-01T00:00:00Z"), Some("2027-04-01T00:00:00Z"));
    for (starts_at, ends_at, at, expected) in [
        (start, end, "2027-02-28T23:59:59.999Z", 1_000),
        (start, end, "2027-03-01T00:00:00Z", 800),
        (start, end, "2027-03-31T23:59:59.999Z", 800),
        (start, end, "2027-04-01T00:00:00Z", 1_000),
        (None, end, "2020-01-01T00:00:00Z", 800),
        (start, None, "2099-01-01T00:00:00Z", 800),
        (None, None, "2027-03-01T00:00:00Z", 800),
    ] {
        let found = price(starts_at, ends_at)?.amount_for(1, at.parse()?);
        assert_eq!(found, MinorUnits::new(expected), "{starts_at:?} {ends_at:?} {at}");
    }
    let none = Price { promotional_amount: None, ..price(None, None)? };
    assert_eq!(none.amount_for(1, "2027-03-15T00:00:00Z".parse()?), MinorUnits::new(1_000));
    Ok(())
}

#[test]
fn a_given_price_wins_over_the_list_and_the_list_over_the_own() -> TestResult {
    let (own, given) = (MinorUnits::new(1_250), Some(MinorUnits::new(1)));
    let listed = price(None, None)?.amount_for(1, "2027-03-15T00:00:00Z".parse()?);
    for (given, listed, amount, source) in [
        (given, Some(listed), 1, PriceSource::Given),
        (given, None, 1, PriceSource::Given),
        (None, Some(listed), 800, PriceSource::PriceList),
        (None, None, 1_250, PriceSource::Own),
    ] {
        let expected = UnitPrice { amount: MinorUnits::new(amount), source };
        assert_eq!(UnitPrice::choose(given, listed, own), expected);
    }
    Ok(())
}

#[test]
fn only_what_is_ordered_has_a_price_of_its_own() {
    assert!(PriceSource::Own.is_own());
    assert!(!PriceSource::PriceList.is_own() && !PriceSource::Given.is_own());
}

#[test]
fn the_tier_that_the_units_fall_in_tells_what_each_costs() -> TestResult {
    let tier = |up_to, amount| VolumeTier { up_to, amount: MinorUnits::new(amount) };
    let mut price = Price { promotional_amount: None, ..price(None, None)? };
    let at: DateTime<Utc> = "2027-03-15T00:00:00Z".parse()?;
    // Up to 9 units 9.50 each, up to 99 units 9.00 each; 10.00 for more. In any order.
    price.tiers = vec![tier(Some(99), 900), tier(Some(9), 950)];
    for (units, expected) in [(1, 950), (9, 950), (10, 900), (99, 900), (100, 1_000)] {
        assert_eq!(price.amount_for(units, at).get(), expected, "{units}");
    }
    price.tiers.insert(0, tier(None, 850));
    for (units, expected) in [(9, 950), (99, 900), (100, 850), (u32::MAX, 850)] {
        assert_eq!(price.amount_for(units, at).get(), expected, "{units}");
    }
    // Within a promotion, the lower of both.
    price.promotional_amount = Some(MinorUnits::new(900));
    for (units, expected) in [(1, 900), (50, 900), (100, 850)] {
        assert_eq!(price.amount_for(units, at).get(), expected, "{units}");
    }
    Ok(())
}
