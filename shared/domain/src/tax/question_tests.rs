use std::error::Error;

use super::*;
use crate::pricing::OrderedItem;

type TestResult = Result<(), Box<dyn Error>>;

fn market(zone: &str, tax_included: bool) -> Result<Market, Box<dyn Error>> {
    Ok(serde_json::from_value(serde_json::json!({
        "id": "mkt_1",
        "name": "Pacific",
        "currency_code": "EUR",
        "time_zone": zone,
        "tax_included": tax_included,
        "version": 1,
        "created_at": "2026-01-01T00:00:00Z",
        "updated_at": "2026-01-01T00:00:00Z",
    }))?)
}

fn map(pairs: &[(&str, &str)]) -> HashMap<String, String> {
    pairs.iter().map(|(code, category)| ((*code).to_owned(), (*category).to_owned())).collect()
}

/// At 2027-06-30T12:30:00Z it is 1 July in Kiritimati (UTC+14), and 30 June in Honolulu (UTC-10).
#[test]
fn the_day_is_the_one_on_the_calendar_of_the_market() -> TestResult {
    for (zone, at, day) in [
        ("UTC", "2027-06-30T23:59:59Z", "2027-06-30"),
        ("UTC", "2027-07-01T00:00:00Z", "2027-07-01"),
        ("Pacific/Kiritimati", "2027-06-30T12:30:00Z", "2027-07-01"),
        ("Pacific/Honolulu", "2027-07-01T09:59:59Z", "2027-06-30"),
        ("Pacific/Honolulu", "2027-07-01T10:00:00Z", "2027-07-01"),
    ] {
        let (market, addresses) = (market(zone, true)?, Addresses::default());
        let sale = Sale {
            organization: &"acme".parse()?,
            market: &market,
            order_id: OrderId::derived(&["order"]),
            currency: Currency::EUR,
            at: at.parse()?,
            addresses: &addresses,
            lines: Vec::new(),
        };
        let question = TaxQuestion::of(&sale, TaxFacts::default())?;
        assert_eq!(question.on, day.parse()?, "{zone} {at}");
        assert_eq!(question.behavior, TaxBehavior::Inclusive);
    }
    Ok(())
}

#[test]
fn goods_have_the_categories_of_their_skus_and_bundles() -> TestResult {
    let (market, addresses) = (market("UTC", false)?, Addresses::default());
    let bundle =
        |code: &str| OrderedItem::Bundle { bundle_code: code.to_owned(), components: Vec::new() };
    let items = [OrderedItem::sku("A"), OrderedItem::sku("B"), bundle("A"), bundle("C")];
    let lines = items.iter().enumerate().map(|(place, item)| SoldLine {
        id: place.to_string(),
        item,
        unit_amount: MinorUnits::new(100),
        quantity: 1,
    });
    let sale = Sale {
        organization: &"acme".parse()?,
        market: &market,
        order_id: OrderId::derived(&["order"]),
        currency: Currency::EUR,
        at: "2027-07-01T00:00:00Z".parse()?,
        addresses: &addresses,
        lines: lines.collect(),
    };
    let facts = TaxFacts {
        skus: map(&[("A", "books"), ("C", "toys")]),
        bundles: map(&[("A", "gifts")]),
        ..TaxFacts::default()
    };
    let question = TaxQuestion::of(&sale, facts)?;
    let categories: Vec<_> =
        question.lines.iter().map(|line| line.tax_category.as_deref()).collect();
    assert_eq!(categories, [Some("books"), None, Some("gifts"), None]);
    assert_eq!(question.behavior, TaxBehavior::Exclusive);
    Ok(())
}
