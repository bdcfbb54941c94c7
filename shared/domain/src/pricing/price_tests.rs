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
        let found = price(starts_at, ends_at)?.amount_at(at.parse()?);
        assert_eq!(found, MinorUnits::new(expected), "{starts_at:?} {ends_at:?} {at}");
    }
    let none = Price { promotional_amount: None, ..price(None, None)? };
    assert_eq!(none.amount_at("2027-03-15T00:00:00Z".parse()?), MinorUnits::new(1_000));
    Ok(())
}

#[test]
fn a_given_price_wins_over_the_list_and_the_list_over_the_own() -> TestResult {
    let (own, given) = (MinorUnits::new(1_250), Some(MinorUnits::new(1)));
    let (listed, at) = (price(None, None)?, "2027-03-15T00:00:00Z".parse()?);
    for (given, listed, amount, source) in [
        (given, Some(&listed), 1, PriceSource::Given),
        (given, None, 1, PriceSource::Given),
        (None, Some(&listed), 800, PriceSource::PriceList),
        (None, None, 1_250, PriceSource::Own),
    ] {
        let expected = UnitPrice { amount: MinorUnits::new(amount), source };
        assert_eq!(UnitPrice::choose(given, listed, own, at), expected);
    }
    Ok(())
}

#[test]
fn only_what_is_ordered_has_a_price_of_its_own() {
    assert!(PriceSource::Own.is_own());
    assert!(!PriceSource::PriceList.is_own() && !PriceSource::Given.is_own());
}
