//! A write sent again under its idempotency key gets the first answer and happens once; another
//! request under the same key is refused.

use futures::future::try_join_all;
use perennial_tests::{Shop, TestResult, documents, documents::line, shop::BEANS};
use reqwest::Method;
use serde_json::{Value, json};

#[tokio::test]
async fn an_order_sent_again_under_its_key_is_answered_as_before_and_made_once() -> TestResult {
    let shop = Shop::open_at("2027-01-31T10:00:00Z").await?;
    let document = shop.subscribing(&[line(BEANS, 1, "monthly")]);
    let first = shop.api.post("orders", &document).key("order-1").send().await?.with_status(201)?;
    shop.settle().await?;
    let again = shop.api.post("orders", &document).key("order-1").send().await?;
    assert_eq!(again.status, 201);
    assert_eq!(again.body, first.body, "the stored answer, placing and all");
    assert_eq!(again.header("location")?, first.header("location")?);
    shop.settle().await?;
    assert_eq!(shop.client_orders().await?.len(), 1);
    assert_eq!(shop.charges().await?.len(), 1);
    shop.prove_events().await
}

#[tokio::test]
async fn the_same_order_without_a_key_or_under_another_is_another_order() -> TestResult {
    let shop = Shop::open_at("2027-01-31T10:00:00Z").await?;
    let document = shop.subscribing(&[line(BEANS, 1, "monthly")]);
    for key in ["a", "b"] {
        shop.api.post("orders", &document).key(key).send().await?.with_status(201)?;
    }
    for _ in 0..2 {
        shop.api.create("orders", &document).await?;
    }
    shop.settle().await?;
    assert_eq!(shop.client_orders().await?.len(), 4);
    shop.prove_events().await
}

#[tokio::test]
async fn another_body_or_path_under_the_same_key_is_refused() -> TestResult {
    let shop = Shop::open_at("2027-01-31T10:00:00Z").await?;
    let document = shop.subscribing(&[line(BEANS, 1, "monthly")]);
    shop.api.post("orders", &document).key("k").send().await?.with_status(201)?;
    shop.settle().await?;
    let other = shop.subscribing(&[line(BEANS, 2, "monthly")]);
    let refused = shop.api.post("orders", &other).key("k").send().await?.with_status(422)?;
    assert_eq!(refused.errors(), ["idempotency_key_reused Idempotency-Key"]);
    let sku = documents::create("skus", documents::sku("OTHER"), &[]);
    let refused = shop.api.post("skus", &sku).key("k").send().await?;
    assert_eq!(refused.status, 422, "{:#}", refused.body);
    assert_eq!(shop.client_orders().await?.len(), 1);
    assert_eq!(shop.api.all("skus").await?.len(), 1);
    Ok(())
}

#[tokio::test]
async fn a_refused_request_leaves_its_key_to_the_corrected_one() -> TestResult {
    let shop = Shop::open_at("2027-01-31T10:00:00Z").await?;
    let wrong = shop.subscribing(&[line(BEANS, 0, "monthly")]);
    shop.api.post("orders", &wrong).key("k").send().await?.with_status(422)?;
    let right = shop.subscribing(&[line(BEANS, 1, "monthly")]);
    shop.api.post("orders", &right).key("k").send().await?.with_status(201)?;
    shop.settle().await?;
    assert_eq!(shop.client_orders().await?.len(), 1);
    Ok(())
}

#[tokio::test]
async fn the_same_order_sent_many_times_at_once_is_made_once() -> TestResult {
    let shop = Shop::open_at("2027-01-31T10:00:00Z").await?;
    let document = shop.subscribing(&[line(BEANS, 1, "monthly")]);
    let answers =
        try_join_all((0..8).map(|_| shop.api.post("orders", &document).key("rush").send())).await?;
    let made: Vec<_> = answers.iter().filter(|answer| answer.status == 201).collect();
    assert!(!made.is_empty());
    for answer in &answers {
        match answer.status {
            201 => assert_eq!(answer.id()?, made.first().ok_or("made")?.id()?),
            409 => {
                assert_eq!(answer.errors(), ["idempotency_in_progress Idempotency-Key"]);
                assert_eq!(answer.header("retry-after")?, "1");
            }
            other => panic!("{other}: {:#}", answer.body),
        }
    }
    shop.settle().await?;
    assert_eq!(shop.client_orders().await?.len(), 1);
    assert_eq!(shop.charges().await?.len(), 1);
    shop.prove_events().await
}

#[tokio::test]
async fn keys_of_one_organization_mean_nothing_to_another() -> TestResult {
    let shop = Shop::open_at("2027-01-31T10:00:00Z").await?;
    let sku = documents::create("skus", documents::sku("TEA"), &[]);
    shop.api.post("skus", &sku).key("k").send().await?.with_status(201)?;
    let token = shop.stack.token("other", perennial_local::identity::Role::Integration)?;
    let other = shop.api.with_token(Some(token));
    let made = other.post("skus", &sku).key("k").send().await?.with_status(201)?;
    assert_eq!(made.attribute("code"), "TEA");
    assert_eq!(other.all("skus").await?.len(), 1);
    Ok(())
}

#[tokio::test]
async fn patches_and_deletions_can_be_sent_again_too() -> TestResult {
    let shop = Shop::open_at("2027-01-31T10:00:00Z").await?;
    let draft = shop.order_document(json!({"line_items": [line(BEANS, 1, "monthly")]}));
    let draft = shop.api.create("orders", &draft).await?.id()?;
    let path = format!("orders/{draft}");
    let change = documents::update("orders", &draft, &json!({"reference": "A-1"}));
    let first = shop.api.patch(&path, &change).key("p").send().await?.with_status(200)?;
    let again = shop.api.patch(&path, &change).key("p").send().await?.with_status(200)?;
    assert_eq!(first.header("etag")?, again.header("etag")?, "changed once");
    for _ in 0..2 {
        let delete = shop.api.request(reqwest::Method::DELETE, &path).key("d");
        delete.send().await?.with_status(204)?;
    }
    let gone = shop.api.request(reqwest::Method::GET, &path).send().await?;
    assert_eq!(gone.status, 404);
    Ok(())
}

#[tokio::test]
async fn an_answer_too_long_to_be_kept_is_repeated_without_what_the_resource_holds() -> TestResult {
    let shop = Shop::open_at("2027-01-31T10:00:00Z").await?;
    let channel = documents::create("channels", json!({"code": "web", "name": "Web"}), &[]);
    let channel = shop.api.create("channels", &channel).await?.id()?;
    let mapping = json!({"program": ".", "_activate": true});
    let of = [("channel", "channels", channel.as_str())];
    let mapping = documents::create("channel_mappings", mapping, &of);
    shop.api.create("channel_mappings", &mapping).await?;
    // 240,000 bytes, which are 480,000 within an answer: each quote is escaped there once more.
    let payload = json!({"notes": "\"".repeat(120_000)}).to_string();
    let post = shop.api.request(Method::POST, "channels/web/orders");
    post.body("application/json", payload).send().await?.with_status(422)?;
    let letters = shop.api.all("dead_letters").await?;
    let id = letters.first().and_then(|letter| letter["id"].as_str()).ok_or("it is kept")?;

    let discard = json!({"_discard": true, "discard_reason": "Nothing but quotes."});
    let discard = documents::update("dead_letters", id, &discard);
    let path = format!("dead_letters/{id}");
    let send = || shop.api.patch(&path, &discard).key("discard-1").send();
    let first = send().await?.with_status(200)?;
    assert_eq!(first.attribute("status"), "discarded");
    let again = send().await?.with_status(200)?;
    assert_eq!(again.header("idempotent-replayed")?, "true");
    assert_eq!((again.id()?.as_str(), again.at("/data/attributes")), (id, &Value::Null));
    Ok(())
}
