//! What refusals point at, and which of them are told at all.

use super::*;

#[test]
fn a_line_that_can_not_repeat_as_it_asks_to_is_pointed_at() -> TestResult {
    let mut case = Case::new()?;
    let model = case.model.as_mut().ok_or("a model")?;
    model.frequencies = vec!["weekly".parse()?];
    case.skus.remove(&SkuId::of_code("TEA"));
    let model = case.model.as_ref().ok_or("a model")?;
    let found = check_repeating(&case.order, model, &case.skus);
    let places: Vec<(&str, &str)> =
        found.iter().map(|one| (one.code.as_str(), one.pointer.as_str())).collect();
    let frequency = "/data/relationships/line_items/data/0/attributes/frequency";
    let sku_code = "/data/relationships/line_items/data/1/attributes/sku_code";
    assert_eq!(places, [("frequency_not_allowed", frequency), ("sku_unknown", sku_code)]);
    // What is ordered once does not ask.
    for line in &mut case.order.line_items {
        line.frequency = None;
    }
    assert_eq!(check_repeating(&case.order, model, &case.skus), []);
    Ok(())
}

#[test]
fn a_price_list_is_needed_only_where_subscriptions_are_made_that_follow_it() -> TestResult {
    for (creates, recurs, price_policy, refused) in [
        (true, true, PricePolicy::FollowList, true),
        (false, true, PricePolicy::FollowList, false),
        (true, false, PricePolicy::FollowList, false),
        (true, true, PricePolicy::Pinned, false),
    ] {
        let mut case = Case::new()?;
        case.order.create_subscriptions = creates;
        if !recurs {
            for line in &mut case.order.line_items {
                line.frequency = None;
            }
        }
        let model = SubscriptionModel { price_policy, ..case.model.ok_or("a model")? };
        let market = case.market.ok_or("a market")?;
        let current = CurrentPrices::default();
        let found = check_followed_prices(&case.order, &market, &model, &current, case.now);
        assert_eq!(!found.is_empty(), refused, "{creates} {recurs} {price_policy:?}");
    }
    Ok(())
}

#[test]
fn the_journal_tells_what_the_provider_declined_from_what_we_refused() -> TestResult {
    let case = Case::new()?;
    for (code, pointer, declined) in [
        ("insufficient_funds", PAYMENT_SOURCE, Some(json!(true))),
        (SOURCE_MISSING, PAYMENT_SOURCE, None),
        (SOURCE_OF_ANOTHER, PAYMENT_SOURCE, None),
        ("out_of_stock", "/data/relationships/line_items/data/0/attributes/quantity", None),
    ] {
        let detail = "no".to_owned();
        let reason = Rejection { code: code.to_owned(), detail, pointer: pointer.to_owned() };
        let (_, change) = reject(&case.order, vec![reason], case.now);
        assert_eq!(change.after.get("payment_declined"), declined.as_ref(), "{code}");
    }
    Ok(())
}
