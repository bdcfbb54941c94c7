use std::error::Error;

use super::*;
use crate::{
    money::MinorUnits,
    plan::{Outcome, plan_run, settle_run},
    pricing::Component,
    subscription::tests::subscription,
    time::OccurrenceNumber,
};

type TestResult = Result<(), Box<dyn Error>>;

const RUN: &str = "2027-02-28T10:00:00Z";

fn at(text: &str) -> Result<DateTime<Utc>, Box<dyn Error>> {
    Ok(text.parse()?)
}

fn list() -> Result<PriceListId, Box<dyn Error>> {
    Ok("prl_eu".parse()?)
}

fn price(sku_code: &str, amount: i64, currency: Currency) -> Result<Price, Box<dyn Error>> {
    let made = at("2027-01-01T00:00:00Z")?;
    Ok(Price {
        id: PriceId::on(&list()?, sku_code),
        price_list_id: list()?,
        sku_code: sku_code.to_owned(),
        currency,
        amount: MinorUnits::new(amount),
        compare_at_amount: None,
        promotional_amount: None,
        promotion_starts_at: None,
        promotion_ends_at: None,
        tiers: Vec::new(),
        version: 1,
        created_at: made,
        updated_at: made,
    })
}

fn bundle(price_amount: Option<i64>) -> Result<Bundle, Box<dyn Error>> {
    let made = at("2027-01-01T00:00:00Z")?;
    Ok(Bundle {
        id: BundleId::of_code("BREAKFAST"),
        code: "BREAKFAST".to_owned(),
        name: "Breakfast".to_owned(),
        description: None,
        market_id: None,
        tax_category: None,
        currency: Currency::EUR,
        price_amount: price_amount.map(MinorUnits::new),
        compare_at_amount: None,
        components: Vec::new(),
        version: 1,
        created_at: made,
        updated_at: made,
    })
}

/// Two parts BEANS and one MUG.
fn breakfast() -> OrderedItem {
    let part = |code: &str, quantity| Component { sku_code: code.to_owned(), quantity };
    OrderedItem::Bundle {
        bundle_code: "BREAKFAST".to_owned(),
        components: vec![part("BEANS", 2), part("MUG", 1)],
    }
}

fn discount() -> Result<OrderedItem, Box<dyn Error>> {
    Ok(OrderedItem::Adjustment { adjustment_id: "adj_1".parse()? })
}

/// A list with BEANS for 11.00 and MUG for 7.00, and a bundle.
fn current(price_amount: Option<i64>) -> Result<CurrentPrices, Box<dyn Error>> {
    let prices = [("BEANS", 1_100), ("MUG", 700)].map(|(code, amount)| {
        Ok::<_, Box<dyn Error>>((code.to_owned(), price(code, amount, Currency::EUR)?))
    });
    Ok(CurrentPrices {
        prices: prices.into_iter().collect::<Result<_, _>>()?,
        bundles: HashMap::from([("BREAKFAST".to_owned(), bundle(price_amount)?)]),
    })
}

/// A subscription that follows the list, with an item for each of these.
fn following(items: Vec<OrderedItem>) -> Result<Subscription, Box<dyn Error>> {
    let mut following = subscription("monthly", "2027-01-31T10:00:00Z")?;
    following.price_list_id = Some(list()?);
    let one = following.items.first().cloned().ok_or("a subscription has items")?;
    following.items =
        items.into_iter().map(|item| SubscriptionItem { item, ..one.clone() }).collect();
    Ok(following)
}

fn amounts(subscription: &Subscription) -> Vec<i64> {
    subscription.items.iter().map(|item| item.unit_amount.get()).collect()
}

#[test]
fn what_is_pinned_keeps_its_price_and_asks_for_none() -> TestResult {
    let mut pinned = following(vec![OrderedItem::sku("BEANS")])?;
    pinned.price_list_id = None;
    assert_eq!(pinned.wanted_prices(), Wanted::default());
    assert_eq!(pinned.at_current_prices(&CurrentPrices::default(), at(RUN)?)?, pinned);
    Ok(())
}

#[test]
fn what_follows_has_the_price_of_the_list() -> TestResult {
    let beans = || OrderedItem::sku("BEANS");
    for (price_amount, bundled) in [(Some(2_500), 2_500), (None, 2_900)] {
        let before = following(vec![beans(), breakfast(), discount()?])?;
        let after = before.at_current_prices(&current(price_amount)?, at(RUN)?)?;
        let own = before.items.last().ok_or("three items")?.unit_amount.get();
        assert_eq!(amounts(&after), [1_100, bundled, own]);
    }
    let mut before = following(vec![beans(), beans()])?;
    for item in before.items.iter_mut().take(1) {
        item.price_override = true;
        item.unit_amount = MinorUnits::new(1);
    }
    assert_eq!(amounts(&before.at_current_prices(&current(None)?, at(RUN)?)?), [1, 1_100]);
    Ok(())
}

#[test]
fn prices_that_are_fixed_for_a_run_do_not_move_before_it_has_ended() -> TestResult {
    let mut claimed = following(vec![OrderedItem::sku("BEANS")])?;
    claimed.run_number = Some(OccurrenceNumber::new(1));
    let mut priced = claimed.at_current_prices(&current(None)?, at(RUN)?)?;
    priced.prices_fixed = true;
    let mut dearer = current(None)?;
    dearer.prices.insert("BEANS".to_owned(), price("BEANS", 9_900, Currency::EUR)?);
    let again = priced.at_current_prices(&dearer, at(RUN)?)?;
    assert_eq!(again, priced);
    let planned = plan_run(&again)?.ok_or("a run is under way")?;
    let settled = settle_run(&again, &planned, &Outcome::Free, at(RUN)?)?;
    assert!(!settled.subscription.prices_fixed);
    assert_eq!(settled.run.total, planned.total);
    assert_eq!(settled.run.totals()?.total, settled.run.total);
    Ok(())
}

#[test]
fn only_what_follows_is_asked_for() -> TestResult {
    let mut following = following(vec![
        OrderedItem::sku("BEANS"),
        OrderedItem::sku("TEA"),
        breakfast(),
        discount()?,
    ])?;
    for item in following.items.iter_mut().filter(|item| item.item.code() == "TEA") {
        item.price_override = true;
    }
    let list = list()?;
    let expected = Wanted {
        prices: ["BEANS", "BEANS", "MUG"].map(|code| PriceId::on(&list, code)).to_vec(),
        bundles: vec![BundleId::of_code("BREAKFAST")],
    };
    assert_eq!(following.wanted_prices(), expected);
    Ok(())
}

#[test]
fn a_price_that_is_gone_is_named() -> TestResult {
    let mut dollars = current(None)?;
    dollars.prices.insert("MUG".to_owned(), price("MUG", 700, "USD".parse()?)?);
    for (item, current, expected) in [
        (
            OrderedItem::sku("TEA"),
            current(None)?,
            "price list prl_eu has no price for sku \"TEA\" in EUR",
        ),
        (breakfast(), dollars, "price list prl_eu has no price for sku \"MUG\" in EUR"),
    ] {
        let error = following(vec![item])?.at_current_prices(&current, at(RUN)?).err();
        assert_eq!(error.ok_or("there is no price")?.to_string(), expected);
    }
    Ok(())
}

#[test]
fn a_bundle_that_is_gone_or_sold_in_another_currency_keeps_the_amount_it_had() -> TestResult {
    let before = following(vec![OrderedItem::sku("BEANS"), breakfast()])?;
    let kept = before.items.last().ok_or("two items")?.unit_amount.get();
    for price_amount in [Some(2_500), None] {
        let (mut gone, mut elsewhere) = (current(price_amount)?, current(price_amount)?);
        gone.bundles.clear();
        for bundle in elsewhere.bundles.values_mut() {
            bundle.currency = "USD".parse()?;
        }
        for current in [gone, elsewhere] {
            assert_eq!(amounts(&before.at_current_prices(&current, at(RUN)?)?), [1_100, kept]);
        }
    }
    Ok(())
}

#[test]
fn a_run_without_prices_has_them_as_soon_as_the_list_has() -> TestResult {
    let mut before = following(vec![OrderedItem::sku("BEANS"), OrderedItem::sku("TEA")])?;
    before.run_number = Some(OccurrenceNumber::new(1));
    for item in before.items.iter_mut().filter(|item| item.item.code() == "TEA") {
        item.price_override = true;
        item.unit_amount = MinorUnits::new(300);
    }
    let planned = plan_run(&before)?.ok_or("a run is under way")?;
    let mut run = settle_run(&before, &planned, &Outcome::Free, at(RUN)?)?.run;
    run.unpriced = true;
    let list = list()?;
    let gone = CurrentPrices::default();
    assert!(run.at_current_prices(&list, &gone, at(RUN)?).is_err());
    let units = before.items.first().ok_or("two items")?.quantity;
    let priced = run.at_current_prices(&list, &current(None)?, at(RUN)?)?;
    assert!(!priced.unpriced);
    let expected = (1_100 + 300) * i64::from(units);
    assert_eq!(priced.total, MinorUnits::new(expected));
    Ok(())
}
