//! What somebody has to see to, in one list by impact; and many dead letters seen to at once.

use perennial_local::identity::{Role, TokenRequest};
use perennial_tests::{Answer, Shop, TestResult, documents, documents::line, shop::BEANS};
use serde_json::{Value, json};

const NOW: &str = "2027-01-31T10:00:00Z";
/// The day after the first renewals.
const MARCH: &str = "2027-03-01T00:00:00Z";
/// A token that the test provider has never seen.
const STRANGE: &str = "tok_of_another_provider";

/// Subscribes a customer to so many bags of beans a month, to be paid by a token that comes to
/// nothing; answers the subscription.
async fn doomed(shop: &Shop, customer: &str, quantity: u32) -> TestResult<String> {
    let good = source(shop, customer, "tok_paid").await?;
    let mut order = shop.subscribing(&[line(BEANS, quantity, "monthly")]);
    let related = "/data/relationships";
    for (name, id) in [("customer", customer), ("customer_payment_source", good.as_str())] {
        if let Some(place) = order.pointer_mut(&format!("{related}/{name}/data/id")) {
            *place = json!(id);
        }
    }
    let order = shop.api.create("orders", &order).await?.id()?;
    shop.settle().await?;
    let made = shop.subscriptions_of(&order).await?;
    let [subscription] = &made[..] else { panic!("{made:?}") };
    shop.pay_by(subscription, &source(shop, customer, STRANGE).await?).await?;
    Ok(subscription.to_string())
}

async fn source(shop: &Shop, customer: &str, token: &str) -> TestResult<String> {
    let related = [("customer", "customers", customer)];
    let attributes = json!({"payment_source_token": token});
    let source = documents::create("customer_payment_sources", attributes, &related);
    shop.api.create("customer_payment_sources", &source).await?.id()
}

async fn customer(shop: &Shop, attributes: Value) -> TestResult<String> {
    let customer = documents::create("customers", attributes, &[]);
    shop.api.create("customers", &customer).await?.id()
}

/// Kind and impact of each, as they are listed.
fn ranked(answer: &Answer) -> TestResult<Vec<(String, i64)>> {
    let text = |one: &Value, name: &str| one.pointer(&format!("/attributes/{name}")).cloned();
    let rows = answer.list()?.iter().map(|one| {
        let kind = text(one, "kind").and_then(|kind| kind.as_str().map(str::to_owned));
        (kind.unwrap_or_default(), text(one, "impact").and_then(|it| it.as_i64()).unwrap_or(-1))
    });
    Ok(rows.collect())
}

fn outcomes(answer: &Answer) -> Vec<(&str, &str)> {
    let results = answer.attribute("results").as_array().map(Vec::as_slice).unwrap_or_default();
    let text = |one: &'_ Value, name: &str| -> &'static str {
        match one.get(name).and_then(Value::as_str) {
            Some("redriven") => "redriven",
            Some("discarded") => "discarded",
            Some("refused") => "refused",
            Some("failed") => "failed",
            Some("not_found") => "not_found",
            Some("invalid_status") => "invalid_status",
            Some("invalid_value") => "invalid_value",
            _ => "",
        }
    };
    results.iter().map(|one| (text(one, "outcome"), text(one, "code"))).collect()
}

async fn bulk(shop: &Shop, kind: &str, attributes: Value) -> TestResult<Answer> {
    shop.api.post(kind, &documents::create(kind, attributes, &[])).send().await
}

#[tokio::test]
async fn what_costs_most_matters_most_and_weights_are_the_organizations() -> TestResult {
    let shop = Shop::open_at(NOW).await?;
    let grace = customer(&shop, json!({"email": "grace@example.com", "tier": "gold"})).await?;
    // 50.00 of Ada, who is like anybody, and 37.50 of Grace, who is not.
    doomed(&shop, &shop.goods.customer, 4).await?;
    doomed(&shop, &grace, 3).await?;
    shop.advance_to(MARCH).await?;
    // 112.50 of somebody who is on hold.
    let held = customer(&shop, json!({"email": "alan@example.com", "on_hold": true})).await?;
    let paid = source(&shop, &held, "tok_paid").await?;
    let lines = json!([{"sku_code": BEANS, "quantity": 9}]);
    let mut order = shop.order_document(json!({"line_items": lines, "_place": true}));
    for (name, id) in [("customer", &held), ("customer_payment_source", &paid)] {
        if let Some(place) = order.pointer_mut(&format!("/data/relationships/{name}/data/id")) {
            *place = json!(id);
        }
    }
    let order = shop.api.create("orders", &order).await?.id()?;
    shop.settle().await?;
    assert_eq!(shop.order_status(&order).await?, "draft");

    // 37.50 x 2 x 2, 112.50 x 1 x 1, 50.00 x 2 x 1
    let all = shop.api.get("failures?include=customer").await?;
    let by_default = [("dead_letter", 15_000), ("rejected_order", 11_250), ("dead_letter", 10_000)];
    let named = |ranks: &[(&str, i64)]| -> Vec<(String, i64)> {
        ranks.iter().map(|(kind, impact)| ((*kind).to_owned(), *impact)).collect()
    };
    assert_eq!(ranked(&all)?, named(&by_default));
    let first = all.at("/data/0");
    for (name, expected) in [
        ("source", json!("order-copy")),
        ("value_at_risk_cents", json!(3_750)),
        ("customer_tier", json!("gold")),
        ("money", json!(3_750)),
        ("urgency_percent", json!(200)),
        ("age_percent", json!(100)),
        ("tier_percent", json!(200)),
    ] {
        assert_eq!(first.pointer(&format!("/attributes/{name}")), Some(&expected), "{name}");
    }
    assert_eq!(first.pointer("/relationships/customer/data/id"), Some(&json!(grace)));
    assert_eq!(all.at("/included").as_array().map(Vec::len), Some(3));
    assert_eq!(all.at("/data/1/relationships/order/data/id"), &json!(order));
    assert_eq!(all.at("/data/1/attributes/error"), "customer_on_hold");

    let sorted = shop.api.get("failures?sort=impact&filter[q][kind_eq]=dead_letter").await?;
    assert_eq!(ranked(&sorted)?, named(&[("dead_letter", 10_000), ("dead_letter", 15_000)]));
    let one = shop.api.get(&format!("failures/{}", all.text("/data/1/id")?)).await?;
    assert_eq!(one.attribute("impact"), 11_250);

    // Waiting makes it more urgent: four whole days since the renewals, three since the order.
    shop.advance_to("2027-03-04T12:00:00Z").await?;
    let later = shop.api.get("failures").await?;
    let expected = [("dead_letter", 21_000), ("rejected_order", 14_625), ("dead_letter", 14_000)];
    assert_eq!(ranked(&later)?, named(&expected));

    let organization = |weights: Value| {
        documents::update("organizations", "acme", &json!({"impact_weights": weights}))
    };
    let path = "organizations/acme";
    let weights = json!({"tier_percent": {"gold": 100}, "age_percent_per_day": 0});
    let set = shop.api.patch(path, &organization(weights)).send().await?.with_status(200)?;
    assert_eq!(set.at("/data/attributes/impact_weights/tier_percent/platinum"), 300);
    let weighed = shop.api.get("failures").await?;
    let expected = [("rejected_order", 11_250), ("dead_letter", 10_000), ("dead_letter", 7_500)];
    assert_eq!(ranked(&weighed)?, named(&expected));
    for (weights, at) in [
        (json!({"tiers": {}}), "/tiers"),
        (json!({"tier_percent": {"gold": -1}}), "/tier_percent/gold"),
        (json!({"currency_percent": {"EURO": 1}}), ""),
    ] {
        let refused = shop.api.patch(path, &organization(weights)).send().await?;
        assert_eq!(refused.status, 422, "{:#}", refused.body);
        let pointer = refused.text("/errors/0/source/pointer")?;
        assert_eq!(pointer, format!("/data/attributes/impact_weights{at}"));
    }
    shop.api.patch(path, &organization(Value::Null)).send().await?.with_status(200)?;
    assert_eq!(ranked(&shop.api.get("failures").await?)?, ranked(&later)?);

    // What was seen to is gone.
    let released = documents::update("customers", &held, &json!({"on_hold": false}));
    shop.api.patch(&format!("customers/{held}"), &released).send().await?.with_status(200)?;
    let place = documents::update("orders", &order, &json!({"_place": true}));
    shop.api.patch(&format!("orders/{order}"), &place).send().await?;
    shop.settle().await?;
    assert_eq!(shop.order_status(&order).await?, "placed");
    let left = shop.api.get("failures").await?;
    assert_eq!(ranked(&left)?.len(), 2);
    Ok(())
}

#[tokio::test]
async fn many_letters_are_replayed_at_once_and_each_is_answered_for() -> TestResult {
    let shop = Shop::open_at(NOW).await?;
    let mut doomed_ones = Vec::new();
    for quantity in [1, 2, 3] {
        doomed_ones.push(doomed(&shop, &shop.goods.customer, quantity).await?);
    }
    shop.advance_to(MARCH).await?;
    let letters = shop.api.all("dead_letters").await?;
    let of = |subject: &String| -> TestResult<String> {
        let letter = letters.iter().find(|one| {
            one.pointer("/attributes/subject").and_then(Value::as_str) == Some(subject)
        });
        let id = letter.and_then(|letter| letter.get("id")?.as_str());
        Ok(id.ok_or("a subscription has no letter")?.to_owned())
    };
    let ids = doomed_ones.iter().map(of).collect::<TestResult<Vec<_>>>()?;
    let [first, second, third] = &ids[..] else { panic!("{ids:?}") };
    // Two customers have given another method; the third is given up.
    for subscription in doomed_ones.iter().take(2) {
        shop.pay_by(&subscription.parse()?, &shop.goods.source).await?;
    }
    let bare = bulk(&shop, "dead_letter_discards", json!({"dead_letter_ids": [third]})).await?;
    assert_eq!(bare.errors(), ["required /data/attributes/discard_reason"]);
    let reason = json!({"dead_letter_ids": [third], "discard_reason": "they have moved"});
    let given_up = bulk(&shop, "dead_letter_discards", reason).await?.with_status(200)?;
    assert_eq!(outcomes(&given_up), [("discarded", "")]);

    let wanted = json!({"dead_letter_ids": [first, third, "dlt_0", second, first]});
    let answer = bulk(&shop, "dead_letter_redrives", wanted).await?.with_status(200)?;
    let expected = [
        ("redriven", ""),
        ("refused", "invalid_status"),
        ("refused", "not_found"),
        ("redriven", ""),
    ];
    assert_eq!(outcomes(&answer), expected);
    shop.settle().await?;
    assert!(shop.api.get("failures").await?.list()?.is_empty());
    let charges = shop.charges().await?.len();
    assert_eq!(charges, 5, "three orders and two runs");

    // And the same again, told by what they have in common.
    shop.advance_to("2027-03-15T00:00:00Z").await?;
    for subscription in doomed_ones.iter().take(2) {
        let strange = shop.new_source(STRANGE).await?;
        shop.pay_by(&subscription.parse()?, &strange).await?;
    }
    shop.advance_to("2027-04-01T00:00:00Z").await?;
    for subscription in &doomed_ones {
        shop.pay_by(&subscription.parse()?, &shop.goods.source).await?;
    }
    let none = json!({"source": "order-copy", "error_contains": "no such words"});
    let none = bulk(&shop, "dead_letter_redrives", none).await?.with_status(200)?;
    assert_eq!(outcomes(&none), []);
    let some = json!({"source": "order-copy", "error_contains": STRANGE, "limit": 1});
    let some = bulk(&shop, "dead_letter_redrives", some).await?.with_status(200)?;
    assert_eq!(outcomes(&some), [("redriven", "")]);
    let remaining = some.attribute("remaining").as_i64().ok_or("no remaining")?;
    assert!(remaining >= 1, "{remaining}");
    let rest = bulk(&shop, "dead_letter_redrives", json!({"source": "order-copy"})).await?;
    assert_eq!(rest.attribute("remaining"), 0);
    shop.settle().await?;
    assert!(shop.api.get("failures").await?.list()?.is_empty());

    for (attributes, expected) in [
        (json!({}), "required /data/attributes/dead_letter_ids"),
        (
            json!({"dead_letter_ids": [], "source": "order-copy"}),
            "invalid_value /data/attributes/dead_letter_ids",
        ),
        (json!({"source": "order-copy", "limit": 0}), "out_of_range /data/attributes/limit"),
        (json!({"dead_letter_ids": []}), "out_of_range /data/attributes/dead_letter_ids"),
        (json!({"dead_letter_ids": ["dlt_0"], "limit": 1}), "invalid_value /data/attributes/limit"),
        (json!({"source": "order-copies"}), "invalid_value /data/attributes/source"),
        (json!({"source": "channel:nowhere"}), "invalid_value /data/attributes/source"),
    ] {
        let refused = bulk(&shop, "dead_letter_redrives", attributes).await?;
        assert_eq!((refused.status, refused.errors()), (422, vec![expected.to_owned()]));
    }
    for (source, code, told) in [
        ("order-copies", "invalid_value", "order-copy"),
        ("channel:nowhere", "related_not_found", "\"nowhere\""),
    ] {
        let attributes = json!({"source": source, "discard_reason": "none"});
        let refused = bulk(&shop, "dead_letter_discards", attributes).await?;
        assert_eq!(refused.errors(), [format!("{code} /data/attributes/source")]);
        let detail = refused.text("/errors/0/detail")?;
        assert!(detail.contains(told), "{detail}");
    }
    shop.prove_events().await
}

#[tokio::test]
async fn failures_are_for_those_who_see_the_whole_organization() -> TestResult {
    let shop = Shop::open_at(NOW).await?;
    let document = |kind: &str| {
        let attributes = json!({"dead_letter_ids": ["dlt_0"], "discard_reason": "none"});
        let mut document = documents::create(kind, attributes, &[]);
        if let Some(all) = document.pointer_mut("/data/attributes").and_then(Value::as_object_mut)
            && kind == "dead_letter_redrives"
        {
            all.remove("discard_reason");
        }
        document
    };
    let of_market = TokenRequest::new("acme", Role::Operator)?.in_market(&shop.goods.market)?;
    let of_market = shop.api.with_token(Some(shop.stack.sign(&of_market)?));
    for (api, read, write) in [
        (shop.api_as(Role::Operator)?, 200, 200),
        (shop.api_as(Role::Approver)?, 200, 403),
        (shop.api_as(Role::SalesChannel)?, 403, 403),
        (of_market, 403, 403),
    ] {
        let listed = api.request(reqwest::Method::GET, "failures").send().await?;
        assert_eq!(listed.status, read, "{:#}", listed.body);
        for kind in ["dead_letter_redrives", "dead_letter_discards"] {
            let sent = api.post(kind, &document(kind)).send().await?;
            assert_eq!(sent.status, write, "{kind}: {:#}", sent.body);
        }
    }
    let shop_front = shop.api_as(Role::SalesChannel)?;
    let tier = documents::create("customers", json!({"email": "a@b.c", "tier": "gold"}), &[]);
    assert_eq!(shop_front.post("customers", &tier).send().await?.status, 403);
    Ok(())
}
