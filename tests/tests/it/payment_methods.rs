//! Payment methods: exactly one default, the next one where one fails, open runs that a new one pays
//! at once, and an alert before the run that one which expires would miss.

use futures::future::join_all;
use perennial_domain::{
    ids::{OrderId, SubscriptionId},
    lifecycle::SubscriptionStatus,
    run::{RunStatus, charge_key},
    time::OccurrenceNumber,
};
use perennial_payments::{
    ChargeKey, ChargeOutcome, ChargeRequest, PaymentProvider as _, PaymentToken,
};
use perennial_tests::{
    Answer, Plan, Shop, TestResult,
    documents::{self, line},
};
use serde_json::{Value, json};

const OPENED: &str = "2027-01-31T10:00:00Z";

async fn change(shop: &Shop, source: &str, attributes: Value) -> TestResult<Answer> {
    let document = documents::update("customer_payment_sources", source, &attributes);
    let path = format!("customer_payment_sources/{source}");
    shop.api.patch(&path, &document).send().await?.with_status(200)
}

/// The default sources among all, which are one customer's.
async fn defaults(shop: &Shop) -> TestResult<Vec<String>> {
    let all = shop.api.all("customer_payment_sources").await?;
    let default = |one: &&Value| one["attributes"]["default"] == true;
    let id = |one: &Value| one["id"].as_str().map(str::to_owned);
    Ok(all.iter().filter(default).filter_map(id).collect())
}

async fn delete(shop: &Shop, source: &str) -> TestResult<Answer> {
    let path = format!("customer_payment_sources/{source}");
    shop.api.request(reqwest::Method::DELETE, &path).send().await
}

#[tokio::test]
async fn card_numbers_are_refused_and_not_repeated() -> TestResult {
    let shop = Shop::open_at(OPENED).await?;
    let given = json!({"payment_source_token": "4242 4242 4242 4242"});
    let document = documents::update("customer_payment_sources", &shop.goods.source, &given);
    let path = format!("customer_payment_sources/{}", shop.goods.source);
    let refused = shop.api.patch(&path, &document).send().await?;
    assert_eq!(refused.status, 422);
    assert_eq!(refused.at("/errors/0/code"), "invalid_value");
    assert_eq!(refused.at("/errors/0/source/pointer"), "/data/attributes/payment_source_token");
    assert!(!refused.body.to_string().contains("4242"), "{}", refused.body);
    Ok(())
}

#[tokio::test]
async fn a_customer_with_sources_has_exactly_one_default() -> TestResult {
    let shop = Shop::open_at(OPENED).await?;
    let first = shop.goods.source.clone();
    assert_eq!(defaults(&shop).await?, std::slice::from_ref(&first));
    let second = shop.new_source("tok_paid").await?;
    assert_eq!(defaults(&shop).await?, std::slice::from_ref(&first), "a new one comes last");
    let made = change(&shop, &second, json!({"_default": true})).await?;
    assert_eq!(made.attribute("default"), true);
    assert_eq!(defaults(&shop).await?, std::slice::from_ref(&second));
    assert_eq!(delete(&shop, &second).await?.status, 204);
    assert_eq!(
        defaults(&shop).await?,
        std::slice::from_ref(&first),
        "the next one takes its place"
    );

    // Whoever comes first, one of them ends as the default.
    let made = join_all((0..6).map(|_| shop.new_source("tok_paid"))).await;
    let made: Vec<String> = made.into_iter().collect::<TestResult<_>>()?;
    let asked = made.iter().map(|source| change(&shop, source, json!({"_default": true})));
    let done = join_all(asked).await;
    assert!(done.iter().any(Result::is_ok));
    assert_eq!(defaults(&shop).await?.len(), 1);
    shop.prove_events().await
}

#[tokio::test]
async fn a_customer_has_at_most_50_sources_however_many_are_made_at_once() -> TestResult {
    let shop = Shop::open_at(OPENED).await?;
    for _ in 0..46 {
        shop.new_source("tok_paid").await?;
    }
    let related = [("customer", "customers", shop.goods.customer.as_str())];
    let document = documents::create(
        "customer_payment_sources",
        json!({"payment_source_token": "tok_paid", "name": "Visa"}),
        &related,
    );
    let make = || shop.api.post("customer_payment_sources", &document).send();
    let answers = join_all((0..12).map(|_| make())).await;
    let answers: Vec<Answer> = answers.into_iter().collect::<TestResult<_>>()?;
    let (made, refused): (Vec<Answer>, Vec<Answer>) =
        answers.into_iter().partition(|answer| answer.status == 201);
    assert_eq!((made.len(), refused.len()), (3, 9));
    for answer in refused {
        let answer = answer.with_status(409)?;
        assert_eq!(answer.errors(), ["invalid_status /data/relationships/customer"]);
        assert_eq!(answer.at("/errors/0/meta/maximum"), 50);
    }
    assert_eq!(shop.api.all("customer_payment_sources").await?.len(), 50);
    Ok(())
}

#[tokio::test]
async fn a_source_that_subscriptions_use_is_not_deleted() -> TestResult {
    let shop = Shop::open_at(OPENED).await?;
    shop.subscribe("monthly").await?;
    let refused = delete(&shop, &shop.goods.source).await?;
    assert_eq!(refused.status, 409);
    assert_eq!(refused.at("/errors/0/code"), "in_use");
    assert_eq!(defaults(&shop).await?.len(), 1);
    shop.prove_events().await
}

#[tokio::test]
async fn a_subscription_without_a_source_goes_by_the_default() -> TestResult {
    let shop = Shop::open_at(OPENED).await?;
    let gift = documents::with(documents::sku("GIFT"), json!({"unit_amount_cents": 0}));
    shop.api.create("skus", &documents::create("skus", gift, &[])).await?;
    let mut document = shop.subscribing(&[line("GIFT", 1, "monthly")]);
    if let Some(related) = document["data"]["relationships"].as_object_mut() {
        related.remove("customer_payment_source");
    }
    let order = shop.api.create("orders", &document).await?.id()?;
    shop.settle().await?;
    let made = shop.subscriptions_of(&order).await?;
    let [subscription] = &made[..] else { panic!("{made:?}") };
    let source = shop.subscription(subscription).await?.payment_source_id;
    assert_eq!(source.map(|id| id.to_string()).as_deref(), Some(shop.goods.source.as_str()));
    shop.prove_events().await
}

/// A monthly subscription whose payment source is declined for good, beside others that its customer
/// has, in this order after the one that always pays.
async fn declined_for_good(policy: &str, others: &[&str]) -> TestResult<(Shop, SubscriptionId)> {
    let plan = Plan::at(OPENED)?.model(json!({"payment_fallback": policy}));
    let shop = plan.open().await?;
    let subscription = shop.subscribe("monthly").await?;
    let hard = shop.new_source("tok_hard_decline").await?;
    shop.pay_by(&subscription, &hard).await?;
    for token in others {
        shop.new_source(token).await?;
    }
    shop.advance_to("2027-03-01T10:00:00Z").await?;
    Ok((shop, subscription))
}

#[tokio::test]
async fn the_next_source_pays_where_one_is_declined_for_good_and_policy_says_so() -> TestResult {
    for (policy, paid, switched) in
        [("none", false, false), ("next_source", true, false), ("switch_source", true, true)]
    {
        let (shop, subscription) = declined_for_good(policy, &[]).await?;
        let runs = shop.runs(&subscription).await?;
        let [run] = &runs[..] else { panic!("{policy}: {runs:?}") };
        let expected = if paid { RunStatus::Successful } else { RunStatus::Failed };
        assert_eq!(run.status, expected, "{policy}: {run:?}");
        assert_eq!(run.attempts, if paid { 2 } else { 1 }, "{policy}");
        assert_eq!(shop.charges_of(run).await?, usize::from(paid), "{policy}");
        let own = shop.subscription(&subscription).await?.payment_source_id;
        let by_default = own.map(|id| id.to_string()).as_ref() == Some(&shop.goods.source);
        assert_eq!(by_default, switched, "{policy}");
        if paid {
            let by = run.payment_source_id.as_ref().map(ToString::to_string);
            assert_eq!(by.as_ref(), Some(&shop.goods.source), "{policy}");
        }
        shop.prove_events().await?;
    }
    Ok(())
}

#[tokio::test]
async fn every_source_is_tried_once_and_then_the_run_is_given_up() -> TestResult {
    let plan = Plan::at(OPENED)?.paying_with("tok_hard_decline");
    let plan = plan.model(json!({"payment_fallback": "next_source"}));
    let shop = plan.open().await?;
    // Its order is paid by a source that goes away afterwards.
    let good = shop.new_source("tok_paid").await?;
    let mut document = shop.subscribing(&[line(perennial_tests::shop::BEANS, 1, "monthly")]);
    document["data"]["relationships"]["customer_payment_source"]["data"]["id"] = json!(good);
    let order = shop.api.create("orders", &document).await?.id()?;
    shop.settle().await?;
    let made = shop.subscriptions_of(&order).await?;
    let [subscription] = &made[..] else { panic!("{made:?}") };
    change(&shop, &good, json!({"payment_source_token": "tok_hard_decline"})).await?;
    shop.new_source("tok_hard_decline").await?;
    shop.advance_to("2027-03-05T10:00:00Z").await?;
    let runs = shop.runs(subscription).await?;
    let [run] = &runs[..] else { panic!("{runs:?}") };
    assert_eq!((run.status, run.attempts), (RunStatus::Failed, 3), "{run:?}");
    assert_eq!(shop.charges_of(run).await?, 0);
    assert_eq!(run.declined_sources.len(), 2);
    let waiting = shop.subscription(subscription).await?;
    assert!(waiting.awaits_method.is_some(), "{waiting:?}");
    shop.prove_events().await
}

#[tokio::test]
async fn an_expired_source_gives_way_before_anything_is_charged() -> TestResult {
    let plan = Plan::at(OPENED)?.model(json!({"payment_fallback": "next_source"}));
    let shop = plan.open().await?;
    let subscription = shop.subscribe("monthly").await?;
    let spare = shop.new_source("tok_paid").await?;
    change(&shop, &shop.goods.source, json!({"expires_on": "2027-02-27"})).await?;
    shop.advance_to("2027-03-01T10:00:00Z").await?;
    let runs = shop.runs(&subscription).await?;
    let [run] = &runs[..] else { panic!("{runs:?}") };
    assert_eq!((run.status, run.attempts), (RunStatus::Successful, 1));
    assert_eq!(run.payment_source_id.as_ref().map(ToString::to_string), Some(spare));
    assert_eq!(shop.charges_of(run).await?, 1);
    shop.prove_events().await
}

/// Charges the first run of a subscription, and forgets the answer: the worker died before its commit.
async fn charged_and_forgotten(
    shop: &Shop,
    subscription: &SubscriptionId,
    token: &str,
) -> TestResult<ChargeOutcome> {
    let now = "2027-02-27T10:00:00Z".parse()?;
    let first = OccurrenceNumber::new(1);
    let request = ChargeRequest {
        key: ChargeKey::new(charge_key(&shop.organization, subscription, first, 1)),
        organization: shop.organization.to_string(),
        amount_minor: shop.subscription(subscription).await?.total()?.get(),
        currency: "EUR".to_owned(),
        token: PaymentToken::new(token),
        reference: OrderId::of_run(subscription, first).to_string(),
        attempt: 1,
        requested_at: now,
        key_since: now,
    };
    Ok(shop.provider.charge(&request).await?)
}

#[tokio::test]
async fn a_decline_that_was_lost_is_that_of_the_source_which_was_charged() -> TestResult {
    // What happens to the source between the decline and the next delivery, by policy; whether the
    // source is known to be declined then, and whether it or the customer's other one pays.
    for (policy, change_of, is_declined, paid_by_other) in [
        ("next_source", json!({"expires_on": "2027-02-27"}), true, true),
        ("none", json!({"payment_source_token": "tok_paid"}), false, false),
    ] {
        let plan = Plan::at(OPENED)?.model(json!({"payment_fallback": policy}));
        let shop = plan.open().await?;
        let subscription = shop.subscribe("monthly").await?;
        let hard = shop.new_source("tok_hard_decline").await?;
        shop.pay_by(&subscription, &hard).await?;
        let lost = charged_and_forgotten(&shop, &subscription, "tok_hard_decline").await?;
        assert!(matches!(lost, ChargeOutcome::Declined { .. }), "{policy}: {lost:?}");
        change(&shop, &hard, change_of).await?;
        shop.advance_to("2027-03-01T10:00:00Z").await?;
        let runs = shop.runs(&subscription).await?;
        let [run] = &runs[..] else { panic!("{policy}: {runs:?}") };
        assert_eq!((run.status, run.attempts), (RunStatus::Successful, 2), "{policy}: {run:?}");
        assert_eq!(shop.charges_of(run).await?, 1, "{policy}");
        let declined: Vec<String> = run.declined_sources.iter().map(ToString::to_string).collect();
        let expected = if is_declined { vec![hard.clone()] } else { Vec::new() };
        assert_eq!(declined, expected, "{policy}");
        let by = run.payment_source_id.as_ref().map(ToString::to_string);
        let payer = if paid_by_other { &shop.goods.source } else { &hard };
        assert_eq!(by.as_ref(), Some(payer), "{policy}");
        shop.prove_events().await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_new_source_pays_what_waits_for_one_at_once_and_stays() -> TestResult {
    let (shop, subscription) = declined_for_good("none", &[]).await?;
    let runs = shop.runs(&subscription).await?;
    assert_eq!(runs[0].status, RunStatus::Failed);
    let new = shop.new_source("tok_paid").await?;
    shop.settle().await?;
    let runs = shop.runs(&subscription).await?;
    let [run] = &runs[..] else { panic!("{runs:?}") };
    assert_eq!((run.status, run.attempts), (RunStatus::Successful, 2), "{run:?}");
    assert_eq!(shop.charges_of(run).await?, 1);
    let paid = shop.subscription(&subscription).await?;
    assert_eq!(paid.payment_source_id.map(|id| id.to_string()), Some(new));
    assert_eq!(paid.awaits_method, None);
    shop.prove_events().await
}

#[tokio::test]
async fn a_new_token_of_the_same_source_pays_its_open_runs_at_once() -> TestResult {
    for (token, status) in [("tok_hard_decline", "failed"), ("tok_declines_9", "open")] {
        let shop = Shop::open_at(OPENED).await?;
        let subscription = shop.subscribe("monthly").await?;
        let source = shop.new_source(token).await?;
        shop.pay_by(&subscription, &source).await?;
        shop.advance_to("2027-02-28T12:00:00Z").await?;
        let runs = shop.runs(&subscription).await?;
        assert_eq!(json!(runs[0].status), status, "{token}");
        change(&shop, &source, json!({"payment_source_token": "tok_paid"})).await?;
        shop.settle().await?;
        let runs = shop.runs(&subscription).await?;
        let [run] = &runs[..] else { panic!("{runs:?}") };
        assert_eq!((run.status, run.attempts), (RunStatus::Successful, 2), "{token}");
        assert_eq!(shop.charges_of(run).await?, 1, "{token}");
        assert_eq!(shop.subscription(&subscription).await?.status, SubscriptionStatus::Active);
        shop.prove_events().await?;
    }
    Ok(())
}

/// The alerts that were told of a source.
async fn alerts(shop: &Shop, source: &str) -> TestResult<Vec<Value>> {
    let entries = shop.journal("P", source).await?;
    let alert = |event: &str| event == "customer_payment_sources.expiring";
    Ok(entries.into_iter().filter(|e| alert(&e.event)).map(|e| e.after).collect())
}

#[tokio::test]
async fn a_source_that_expires_is_told_of_once_before_the_run_that_it_will_miss() -> TestResult {
    let shop = Shop::open_at(OPENED).await?;
    let subscription = shop.subscribe("monthly").await?;
    let source = shop.goods.source.clone();
    change(&shop, &source, json!({"expires_on": "2027-04-15"})).await?;
    // 15 April less 30 days is 16 March.
    shop.advance_to("2027-03-15T23:00:00Z").await?;
    assert!(alerts(&shop, &source).await?.is_empty());
    shop.advance_to("2027-03-16T01:00:00Z").await?;
    let told = alerts(&shop, &source).await?;
    let [alert] = &told[..] else { panic!("{told:?}") };
    assert_eq!(alert["expires_on"], "2027-04-15");
    assert_eq!(alert["missed_runs_count"], 1);
    let missed = &alert["missed_runs"][0];
    assert_eq!(missed["order_subscription_id"], json!(subscription));
    assert_eq!(missed["number"], 3);
    assert!(missed["due_at"].as_str().is_some_and(|at| at.starts_with("2027-04-30")), "{missed}");
    shop.advance_to("2027-04-14T00:00:00Z").await?;
    assert_eq!(alerts(&shop, &source).await?.len(), 1, "once for each date");

    // The bank sends a new card: as the provider tells it.
    let order = shop.client_orders().await?[0].id.clone();
    let news =
        json!({"source_renewed": {"payment_method": "tok_paid", "expires_on": "2027-06-15"}});
    let subject = json!({"news": {"order_id": order, "news": news}});
    let message = json!({"organization": shop.organization, "subject": subject}).to_string();
    shop.send("PAYMENTS", &[message.clone(), message], 0).await?;
    shop.settle().await?;
    let renewed = shop.api.get(&format!("customer_payment_sources/{source}")).await?;
    assert_eq!(renewed.attribute("expires_on"), "2027-06-15");
    shop.advance_to("2027-05-20T00:00:00Z").await?;
    let told = alerts(&shop, &source).await?;
    assert_eq!(told.len(), 2, "{told:?}");
    assert_eq!(told[1]["expires_on"], "2027-06-15");
    let versions = shop.api.get(&format!("customer_payment_sources/{source}/versions")).await?;
    assert!(versions.list()?.len() >= 4, "{:#}", versions.body);
    assert!(!versions.body.to_string().contains("tok_paid"), "no journal holds a token");
    shop.prove_events().await
}

#[tokio::test]
async fn a_source_that_no_run_will_miss_is_not_told_of() -> TestResult {
    let shop = Shop::open_at(OPENED).await?;
    let spare = shop.new_source("tok_paid").await?;
    shop.subscribe("monthly").await?;
    change(&shop, &spare, json!({"expires_on": "2027-03-31"})).await?;
    shop.advance_to("2027-05-01T00:00:00Z").await?;
    assert!(alerts(&shop, &spare).await?.is_empty());
    shop.prove_events().await
}
