//! Renewals in markets that compute taxes: the rates of the day on which a run is due, fixed before it
//! is charged, whatever is changed meanwhile. Every amount was worked out by hand.

use perennial_domain::{
    ids::SubscriptionId,
    money::MinorUnits,
    run::{Run, RunStatus},
    tax::Taxes,
};
use perennial_tests::{
    Plan, Shop, TestResult,
    documents::{self, line},
    receiver::{Receiver, Reply},
    shop::BEANS,
    taxes::Rate,
};
use serde_json::json;

const OPENED: &str = "2027-01-31T10:00:00Z";

/// A shop whose market goes by a table with these rates, on top of prices.
async fn taxed(plan: Plan, rates: &[Rate]) -> TestResult<(Shop, String)> {
    let shop = plan.open().await?;
    let table = shop.tax_table("Germany", rates).await?;
    shop.tax_by(Some(&table)).await?;
    Ok((shop, table))
}

async fn runs(shop: &Shop, id: &SubscriptionId) -> TestResult<Vec<Run>> {
    shop.runs(id).await
}

/// What each run came to, and the tax of that.
async fn came_to(shop: &Shop, id: &SubscriptionId) -> TestResult<Vec<(i64, Option<i64>)>> {
    let mut all = Vec::new();
    for run in runs(shop, id).await? {
        let tax = run.tax.as_ref().map(Taxes::total).transpose()?;
        all.push((run.total.get(), tax.map(MinorUnits::get)));
    }
    Ok(all)
}

#[tokio::test]
async fn each_run_bears_the_rate_of_the_day_on_which_it_is_due() -> TestResult {
    let rates =
        [Rate::of(0.19), Rate::of(0.16).from("2027-03-31"), Rate::of(0.0).from("2027-05-01")];
    let (shop, _) = taxed(Plan::at(OPENED)?, &rates).await?;
    let id = shop.subscribe("monthly").await?;
    shop.advance_to("2027-06-01T00:00:00Z").await?;
    // 12.50: 19 % are 2.375, so 2.38, on 28 February; 16 % are 2.00 on 31 March and 30 April; a rate
    // of nothing on 31 May is a rate all the same.
    let expected = [(1_488, Some(238)), (1_450, Some(200)), (1_450, Some(200)), (1_250, Some(0))];
    assert_eq!(came_to(&shop, &id).await?, expected);
    let runs = runs(&shop, &id).await?;
    let order = runs[0].order_id();
    let copy = format!("recurring_order_copies/{}", order.as_str().replace("ord_", "roc_"));
    let copy = shop.api.get(&copy).await?;
    for (name, expected) in
        [("total_amount_cents", 1_250), ("total_amount_with_taxes_cents", 1_488)]
    {
        assert_eq!(copy.attribute(name), expected, "{name} of the copy, as of its order");
    }
    let order = shop.api.get(&format!("orders/{order}?include=line_items")).await?;
    for (name, expected) in [
        ("total_amount_cents", json!(1_250)),
        ("total_tax_amount_cents", json!(238)),
        ("total_amount_with_taxes_cents", json!(1_488)),
        ("tax_included", json!(false)),
        ("tax_source", json!("table")),
        ("tax_rate", json!(0.19)),
        ("refund_balance_cents", json!(1_488)),
    ] {
        assert_eq!(order.attribute(name), &expected, "{name}");
    }
    assert_eq!(order.at("/included/0/attributes/tax_amount_cents"), 238);
    assert_eq!(order.at("/included/0/attributes/tax_rate"), 0.19);
    shop.prove_events().await
}

#[tokio::test]
async fn tax_within_prices_is_told_and_changes_nothing_of_what_is_charged() -> TestResult {
    let (shop, _) = taxed(Plan::at(OPENED)?, &[Rate::of(0.19)]).await?;
    shop.tax_included(true).await?;
    let id = shop.subscribe("monthly").await?;
    shop.advance_to("2027-03-01T00:00:00Z").await?;
    // In 12.50 are 12.50 x 19/119 = 1.9957..., so 2.00.
    assert_eq!(came_to(&shop, &id).await?, [(1_250, Some(200))]);
    shop.prove_books().await?;
    Ok(())
}

#[tokio::test]
async fn a_run_is_charged_the_same_when_its_message_comes_again_at_another_rate() -> TestResult {
    let (shop, _) = taxed(Plan::at(OPENED)?, &[Rate::of(0.19)]).await?;
    let id = shop.subscribe("weekly").await?;
    // The provider can't be reached at first: the message goes back to its queue.
    shop.pay_by(&id, &shop.new_source("tok_unavailable_2").await?).await?;
    shop.advance_to("2027-02-07T10:00:30Z").await?;
    let claimed = shop.subscription(&id).await?;
    assert!(claimed.run_number.is_some() && claimed.tax.is_some(), "{claimed:?}");
    let other = shop.tax_table("Other", &[Rate::of(0.5)]).await?;
    shop.tax_by(Some(&other)).await?;
    shop.advance("PT2H").await?;
    assert_eq!(came_to(&shop, &id).await?, [(1_488, Some(238))]);
    let charges = shop.charges().await?;
    assert_eq!(charges.iter().map(|charge| charge.amount_minor).max(), Some(1_488));
    assert_eq!(shop.subscription(&id).await?.tax, None, "the run has it now");
    shop.advance_to("2027-02-15T00:00:00Z").await?;
    assert_eq!(came_to(&shop, &id).await?, [(1_488, Some(238)), (1_875, Some(625))]);
    shop.prove_books().await?;
    Ok(())
}

#[tokio::test]
async fn a_retry_after_a_decline_charges_the_tax_of_the_day_on_which_the_run_was_due() -> TestResult
{
    let rates = [Rate::of(0.19), Rate::of(0.16).from("2027-03-01")];
    let (shop, _) = taxed(Plan::at(OPENED)?, &rates).await?;
    let id = shop.subscribe("monthly").await?;
    shop.pay_by(&id, &shop.new_source("tok_declines_2").await?).await?;
    shop.advance_to("2027-02-28T12:00:00Z").await?;
    let open = runs(&shop, &id).await?;
    assert_eq!((open[0].status, open[0].total.get()), (RunStatus::Open, 1_488));
    let other = shop.tax_table("Other", &[Rate::of(0.5)]).await?;
    shop.tax_by(Some(&other)).await?;
    shop.advance_to("2027-03-05T00:00:00Z").await?;
    let paid = runs(&shop, &id).await?;
    assert_eq!((paid[0].status, paid[0].attempts), (RunStatus::Successful, 3));
    assert_eq!(came_to(&shop, &id).await?, [(1_488, Some(238))]);
    shop.prove_events().await
}

#[tokio::test]
async fn prices_of_a_list_and_taxes_are_fixed_together() -> TestResult {
    let plan = Plan::at(OPENED)?.model(json!({"price_policy": "follow_list"}));
    let (shop, _) = taxed(plan, &[Rate::of(0.19)]).await?;
    let list = json!({"name": "2027", "currency_code": "EUR"});
    let list = shop.api.create("price_lists", &documents::create("price_lists", list, &[])).await?;
    let list = list.id()?;
    let price = json!({"sku_code": BEANS, "amount_cents": 1_100});
    let price = documents::create("prices", price, &[("price_list", "price_lists", &list)]);
    let price = shop.api.create("prices", &price).await?.id()?;
    let market = &shop.goods.market;
    let related = json!({"data": {
        "type": "markets", "id": market, "attributes": {},
        "relationships": {"price_list": {"data": {"type": "price_lists", "id": list}}},
    }});
    shop.api.patch(&format!("markets/{market}"), &related).send().await?.with_status(200)?;
    let id = shop.subscribe("monthly").await?;
    let dearer = documents::update("prices", &price, &json!({"amount_cents": 1_200}));
    shop.api.patch(&format!("prices/{price}"), &dearer).send().await?.with_status(200)?;
    shop.advance_to("2027-03-01T00:00:00Z").await?;
    // 19 % of 12.00 are 2.28.
    assert_eq!(came_to(&shop, &id).await?, [(1_428, Some(228))]);
    shop.prove_books().await?;
    Ok(())
}

#[tokio::test]
async fn in_a_currency_without_minor_units_tax_is_rounded_to_whole_ones() -> TestResult {
    let shop = Plan::at(OPENED)?.open().await?;
    let table = shop.tax_table("Japan", &[Rate::of(0.1)]).await?;
    let market = json!({"name": "Japan", "currency_code": "JPY", "time_zone": "Asia/Tokyo"});
    let related = [
        ("subscription_model", "subscription_models", shop.goods.model.as_str()),
        ("tax_calculator", "manual_tax_calculators", &table),
    ];
    let market =
        shop.api.create("markets", &documents::create("markets", market, &related)).await?;
    let market = market.id()?;
    let tea = json!({"code": "TEA", "unit_amount_cents": 995, "currency_code": "JPY"});
    let tea = documents::with(documents::sku("TEA"), tea);
    shop.api.create("skus", &documents::create("skus", tea, &[])).await?;
    let (customer, source) = (&shop.goods.customer, &shop.goods.source);
    let related = [
        ("market", "markets", market.as_str()),
        ("customer", "customers", customer),
        ("customer_payment_source", "customer_payment_sources", source),
    ];
    let lines = json!({
        "line_items": [line("TEA", 1, "monthly")], "_place": true, "_create_subscriptions": true,
    });
    let order =
        shop.api.create("orders", &documents::create("orders", lines, &related)).await?.id()?;
    shop.settle().await?;
    let id = shop.subscriptions_of(&order).await?.pop().ok_or("a subscription")?;
    shop.advance_to("2027-03-01T00:00:00Z").await?;
    // 10 % of 995 yen are 99.5, so 100.
    assert_eq!(came_to(&shop, &id).await?, [(1_095, Some(100))]);
    let amounts: Vec<i64> =
        shop.charges().await?.iter().map(|charge| charge.amount_minor).collect();
    assert_eq!(amounts, [1_095, 1_095]);
    Ok(())
}

#[tokio::test]
async fn a_market_that_has_lost_its_calculator_charges_no_tax_from_then_on() -> TestResult {
    let (shop, _) = taxed(Plan::at(OPENED)?, &[Rate::of(0.19)]).await?;
    let id = shop.subscribe("monthly").await?;
    shop.advance_to("2027-03-01T00:00:00Z").await?;
    shop.tax_by(None).await?;
    shop.advance_to("2027-04-01T00:00:00Z").await?;
    assert_eq!(came_to(&shop, &id).await?, [(1_488, Some(238)), (1_250, None)]);
    shop.prove_books().await?;
    Ok(())
}

#[tokio::test]
async fn renewals_due_within_a_minute_of_the_first_calculator_bear_no_tax() -> TestResult {
    let shop = Shop::open_at(OPENED).await?;
    let table = shop.tax_table("Germany", &[Rate::of(0.19)]).await?;
    let daily = shop.subscribe("daily").await?;
    shop.advance_to("2027-02-01T09:59:30Z").await?;
    shop.tax_by(Some(&table)).await?;
    // An order that is placed in that minute bears it.
    let order = shop.order(&[json!({"sku_code": BEANS, "quantity": 1})]).await?;
    let order = shop.api.get(&format!("orders/{order}")).await?;
    assert_eq!(order.attribute("total_amount_with_taxes_cents"), 1_488);
    shop.advance_to("2027-02-02T12:00:00Z").await?;
    assert_eq!(came_to(&shop, &daily).await?, [(1_250, None), (1_488, Some(238))]);
    shop.prove_books().await?;
    Ok(())
}

#[tokio::test]
async fn a_run_whose_calculator_is_gone_waits_and_names_it() -> TestResult {
    let (shop, table) = taxed(Plan::at(OPENED)?, &[Rate::of(0.19)]).await?;
    let id = shop.subscribe("monthly").await?;
    shop.lose_tax_table(&table).await?;
    shop.advance_to("2027-02-28T12:00:00Z").await?;
    let open = runs(&shop, &id).await?;
    let error = open[0].errors_log.first().ok_or("it says why")?;
    assert_eq!((open[0].status, error.code.as_str()), (RunStatus::Open, "tax_calculator_missing"));
    let culprit = error.resource.as_ref().ok_or("it names the calculator")?;
    assert_eq!((culprit.kind.as_str(), culprit.id.as_str()), ("manual_tax_calculators", &*table));
    assert_eq!(shop.charges_of(&open[0]).await?, 0);
    let gone = shop.tax_table("Gone", &[]).await?;
    shop.tax_by(Some(&gone)).await?;
    shop.lose_tax_table(&gone).await?;
    let refused = shop.order(&[line(BEANS, 1, "monthly")]).await?;
    let refused = shop.api.get(&format!("orders/{refused}")).await?;
    assert_eq!(refused.text("/data/attributes/rejections/0/code")?, "tax_calculator_missing");
    let other = shop.tax_table("Other", &[Rate::of(0.1)]).await?;
    shop.tax_by(Some(&other)).await?;
    shop.advance_to("2027-03-02T12:00:00Z").await?;
    let paid = runs(&shop, &id).await?;
    assert_eq!((paid[0].status, paid[0].total.get()), (RunStatus::Successful, 1_375));
    assert_eq!(shop.charges_of(&paid[0]).await?, 1);
    shop.prove_events().await
}

#[tokio::test]
async fn an_alert_tells_what_the_run_will_be_charged_with_its_tax() -> TestResult {
    let rates = [Rate::of(0.19), Rate::of(0.16).from("2027-02-28")];
    let plan = Plan::at(OPENED)?.model(json!({"renewal_alert_period": 24}));
    let (shop, _) = taxed(plan, &rates).await?;
    let id = shop.subscribe("monthly").await?;
    shop.advance_to("2027-02-27T20:00:00Z").await?;
    let journal = shop.journal("S", id.as_str()).await?;
    let told = journal.iter().find(|entry| entry.event == "order_subscriptions.renewal");
    let told = told.ok_or("it was announced")?;
    // The day before, the rate of the run's own day.
    assert_eq!((&told.after["total"], &told.after["tax"]), (&json!(1_450), &json!(200)));
    shop.advance_to("2027-03-01T00:00:00Z").await?;
    assert_eq!(came_to(&shop, &id).await?, [(1_450, Some(200))]);
    Ok(())
}

#[tokio::test]
async fn a_draft_that_a_run_leaves_is_taxed_when_somebody_places_it() -> TestResult {
    let rates = [Rate::of(0.19), Rate::of(0.16).from("2027-03-01")];
    let (shop, _) = taxed(Plan::at(OPENED)?, &rates).await?;
    let source = shop.order(&[json!({"sku_code": BEANS, "quantity": 1})]).await?;
    let asked = json!({"frequency": "monthly", "place_target_order": false});
    let related = [("source_order", "orders", source.as_str())];
    let asked = documents::create("order_subscriptions", asked, &related);
    let id: SubscriptionId = shop.api.create("order_subscriptions", &asked).await?.id()?.parse()?;
    shop.advance_to("2027-03-02T00:00:00Z").await?;
    assert_eq!(came_to(&shop, &id).await?, [(1_250, None)]);
    let draft = runs(&shop, &id).await?[0].order_id();
    let path = format!("orders/{draft}");
    let place = documents::update("orders", draft.as_str(), &json!({"_place": true}));
    shop.api.patch(&path, &place).send().await?.with_status(200)?;
    shop.settle().await?;
    let placed = shop.api.get(&path).await?;
    assert_eq!(placed.attribute("status"), "placed");
    assert_eq!(placed.attribute("total_amount_with_taxes_cents"), 1_450, "by the day of placing");
    shop.prove_books().await?;
    Ok(())
}

#[tokio::test]
async fn the_whole_of_a_taxed_run_goes_back_and_the_books_are_proved() -> TestResult {
    let (shop, _) = taxed(Plan::at(OPENED)?, &[Rate::of(0.19)]).await?;
    let id = shop.subscribe("monthly").await?;
    shop.advance_to("2027-03-01T00:00:00Z").await?;
    let order = runs(&shop, &id).await?[0].order_id();
    let related = [("order", "orders", order.as_str())];
    let refund = documents::create("refunds", json!({}), &related);
    let refund = shop.api.create("refunds", &refund).await?;
    assert_eq!(refund.attribute("amount_cents"), 1_488);
    let order = shop.api.get(&format!("orders/{order}")).await?;
    assert_eq!(order.attribute("payment_status"), "refunded");
    let span = json!({"from": "2027-01-01T00:00:00Z", "to": "2027-03-01T00:00:00Z"});
    let report = documents::create("reconciliations", span, &[]);
    let report = shop.api.create("reconciliations", &report).await?.id()?;
    shop.settle().await?;
    let report = shop.api.get(&format!("reconciliations/{report}")).await?;
    assert_eq!(report.attribute("status"), "completed", "{:#}", report.body);
    assert_eq!(report.attribute("discrepancies_count"), 0, "{:#}", report.body);
    shop.prove_books().await?;
    Ok(())
}

#[tokio::test]
async fn a_run_whose_service_never_answers_becomes_a_dead_letter_and_is_charged_once() -> TestResult
{
    let plan = Plan::at(OPENED)?.model(json!({"renewal_alert_period": 24}));
    let (shop, table) = taxed(plan, &[Rate::of(0.19)]).await?;
    let id = shop.subscribe("monthly").await?;
    let service = Receiver::start(Reply::Status(500)).await?;
    let kind = "external_tax_calculators";
    let external = json!({"name": "Service", "tax_calculator_url": service.url()});
    let external = shop.api.create(kind, &documents::create(kind, external, &[])).await?.id()?;
    let market = &shop.goods.market;
    let related = json!({"data": {
        "type": "markets", "id": market, "attributes": {},
        "relationships": {"tax_calculator": {"data": {"type": kind, "id": external}}},
    }});
    shop.api.patch(&format!("markets/{market}"), &related).send().await?.with_status(200)?;

    // Nobody asks a service for an alert: it says that tax comes on top.
    shop.advance_to("2027-02-27T20:00:00Z").await?;
    assert_eq!(service.heard().len(), 0);
    let journal = shop.journal("S", id.as_str()).await?;
    let told = journal.iter().find(|entry| entry.event == "order_subscriptions.renewal");
    let told = &told.ok_or("it was announced")?.after;
    let told = ["total", "tax", "tax_on_top"].map(|name| told[name].clone());
    assert_eq!(told, [json!(1_250), json!(null), json!(true)]);

    shop.advance_to("2027-02-28T14:00:00Z").await?;
    let letters = shop.dead_letters().await?;
    let [letter] = letters.as_slice() else { panic!("{letters:?}") };
    let error = letter.error.as_deref().unwrap_or_default();
    assert!(error.contains(&external), "{error}");
    assert!(runs(&shop, &id).await?.is_empty());
    assert_eq!(shop.charges().await?.len(), 1, "the order that it began with");
    shop.tax_by(Some(&table)).await?;
    let redrive = documents::update("dead_letters", letter.id.as_str(), &json!({"_redrive": true}));
    let path = format!("dead_letters/{}", letter.id);
    shop.api.patch(&path, &redrive).send().await?.with_status(200)?;
    shop.settle().await?;
    assert_eq!(came_to(&shop, &id).await?, [(1_488, Some(238))]);
    shop.prove_events().await
}
