//! What a message says, and how its receiver knows that it is ours, untouched, once and in order.

use std::collections::{BTreeMap, BTreeSet};

use aws_lc_rs::hmac;
use base64::{Engine, engine::general_purpose::STANDARD};
use perennial_domain::{
    catalog::PaymentSource,
    ids::PaymentSourceId,
    webhook::{Secret, Webhook},
};
use perennial_tests::{
    Plan, Shop, TestResult, documents,
    gate::{Gate, Mode},
    receiver::{Receiver, Reply, Request},
};
use reqwest::header::{HeaderMap, HeaderName};
use serde_json::{Value, json};

use super::{OPENED, deliveries, delivery, draft, listening, stored, told_of_orders, webhook};

/// The headers of a request, for a library that checks them.
fn headers(request: &Request) -> TestResult<HeaderMap> {
    let mut headers = HeaderMap::new();
    for (name, value) in &request.headers {
        headers.insert(HeaderName::from_bytes(name.as_bytes())?, value.parse()?);
    }
    Ok(headers)
}

/// Whether a library of Standard Webhooks, which is not ours, takes a request for one that was
/// signed with the secret.
fn is_signed(request: &Request, secret: &Secret) -> TestResult<bool> {
    let theirs = standardwebhooks::Webhook::new(&secret.expose())?;
    Ok(theirs.verify(&request.body, &headers(request)?).is_ok())
}

#[tokio::test]
async fn a_message_is_signed_as_standard_webhooks_and_commerce_layer_receivers_expect() -> TestResult
{
    let receiver = Receiver::start(Reply::Status(200)).await?;
    // The library looks at the machine's clock.
    let shop = Plan::now().open().await?;
    let webhook = listening(&shop, "orders.create", &receiver).await?;
    draft(&shop).await?;
    let [request] = &receiver.heard()[..] else { panic!("{:?}", receiver.heard()) };
    let secret = &webhook.secrets.current;
    assert!(is_signed(request, secret)?);
    let mut changed = request.clone();
    changed.body.push(b' ');
    assert!(!is_signed(&changed, secret)?, "a changed body was taken");
    assert!(!is_signed(request, &Secret::new([8; 32]))?, "another secret was taken");

    // Commerce Layer: the base64 of the HMAC-SHA256 over the body, keyed by the secret's text.
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.expose().as_bytes());
    let signature = STANDARD.encode(hmac::sign(&key, &request.body));
    assert_eq!(request.header("x-commercelayer-signature"), signature);
    assert_eq!(request.topic(), "orders.create");
    assert_eq!(request.header("content-type"), "application/vnd.api+json");
    assert!(request.line.starts_with("POST /hooks HTTP/1.1"), "{}", request.line);
    Ok(())
}

#[tokio::test]
async fn the_secret_before_signs_too_for_a_day() -> TestResult {
    let receiver = Receiver::start(Reply::Status(200)).await?;
    let shop = Plan::now().open().await?;
    let before = listening(&shop, "orders.create", &receiver).await?;
    let (old, new) = (before.secrets.current.clone(), Secret::new([9; 32]));
    let secrets = before.secrets.clone().rotated(new.clone(), shop.stack.clock().now());
    let after = Webhook { secrets, version: 2, ..before };
    shop.store.update(&shop.organization, &after, 1).await?;
    draft(&shop).await?;
    let requests = receiver.take();
    assert!(is_signed(&requests[0], &new)? && is_signed(&requests[0], &old)?);
    let signatures: Vec<&str> = requests[0].header("webhook-signature").split(' ').collect();
    assert_eq!(signatures.len(), 2);

    shop.advance("P1D").await?;
    draft(&shop).await?;
    let requests = receiver.take();
    let signature = requests[0].header("webhook-signature");
    let timestamp = requests[0].header("webhook-timestamp").parse()?;
    let id = requests[0].header("webhook-id");
    let theirs = standardwebhooks::Webhook::new(&new.expose())?;
    assert_eq!(signature, theirs.sign(id, timestamp, &requests[0].body)?);
    Ok(())
}

#[tokio::test]
async fn a_message_is_the_resource_as_the_api_answers_it_with_the_event() -> TestResult {
    let receiver = Receiver::start(Reply::Status(204)).await?;
    let shop = Plan::at(OPENED)?.open().await?;
    let include = ["market", "customer", "no_such_relationship"];
    let webhook = webhook(&shop, "orders.create", receiver.url(), &include).await?;
    let order = draft(&shop).await?;
    let [request] = &receiver.heard()[..] else { panic!("{:?}", receiver.heard()) };
    let mut message = request.json();
    let event = message["meta"]["event"].take();
    let mut answer = shop.api.get(&format!("orders/{order}?include=market,customer")).await?.body;
    // The link to itself is that of the request, and there is none.
    for document in [&mut message, &mut answer] {
        if let Some(members) = document.as_object_mut() {
            members.remove("links");
            members.remove("meta");
        }
    }
    assert_eq!(message, answer);
    let included = message["included"].as_array().ok_or("nothing is included")?;
    let kinds: BTreeSet<&str> = included.iter().filter_map(|one| one["type"].as_str()).collect();
    assert_eq!(kinds, BTreeSet::from(["customers", "markets"]));

    assert_eq!(event["topic"], "orders.create");
    assert_eq!(event["subject"], json!(order));
    assert_eq!(event["sequence"], 1);
    assert_eq!(event["id"], request.header("webhook-id"));
    assert_eq!(request.header("perennial-sequence"), "1");
    assert_eq!(request.header("perennial-attempt"), "1");
    let delivery = delivery(&shop, &webhook).await?;
    assert_eq!(request.header("perennial-delivery-id"), delivery.id.as_str());
    assert_eq!(delivery.log[0].response_code, Some(204));
    let kept = shop.store.event_callback_payload(&shop.organization, &delivery.id).await?;
    assert_eq!(kept.as_deref().map(str::as_bytes), Some(&request.body[..]));
    Ok(())
}

#[tokio::test]
async fn what_cannot_be_brought_along_keeps_nobody_from_being_told() -> TestResult {
    let (greedy, modest) =
        (Receiver::start(Reply::Status(200)).await?, Receiver::start(Reply::Status(200)).await?);
    let shop = Plan::at(OPENED)?.open().await?;
    let include = ["customer.customer_payment_sources"];
    webhook(&shop, "orders.create", greedy.url(), &include).await?;
    listening(&shop, "orders.create", &modest).await?;
    let first: PaymentSource =
        shop.store.get(&shop.organization, &shop.goods.source).await?.ok_or("no source")?;
    // One more than is searched.
    for index in 0..1_000 {
        let id = PaymentSourceId::derived(&["another", &index.to_string()]);
        shop.store.create(&shop.organization, &PaymentSource { id, ..first.clone() }).await?;
    }
    let order = draft(&shop).await?;
    for (receiver, left_out) in [(&greedy, true), (&modest, false)] {
        let [request] = &receiver.heard()[..] else { panic!("{:?}", receiver.heard()) };
        assert_eq!(request.at("/data/id"), json!(order));
        assert_eq!(request.at("/meta/event/topic"), "orders.create");
        assert_eq!(request.at("/meta/event/left_out").is_string(), left_out);
    }
    assert!(shop.dead_letters().await?.is_empty());
    Ok(())
}

#[tokio::test]
async fn a_resource_that_is_gone_is_told_by_its_journal() -> TestResult {
    let receiver = Receiver::start(Reply::Status(200)).await?;
    let shop = Plan::at(OPENED)?.open().await?;
    listening(&shop, "orders.destroy", &receiver).await?;
    let order = draft(&shop).await?;
    let path = format!("orders/{order}");
    shop.api.request(reqwest::Method::DELETE, &path).send().await?.with_status(204)?;
    shop.settle().await?;
    let [request] = &receiver.heard()[..] else { panic!("{:?}", receiver.heard()) };
    assert_eq!(request.at("/data/type"), "orders");
    assert_eq!(request.at("/data/id"), json!(order));
    assert_eq!(request.at("/meta/gone"), true);
    assert_eq!(request.at("/meta/event/topic"), "orders.destroy");
    Ok(())
}

/// The sequence numbers heard of each subject, in the order in which they came.
fn sequences(requests: &[Request]) -> BTreeMap<String, Vec<u64>> {
    let mut heard: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for request in requests {
        let number = request.header("perennial-sequence").parse().unwrap_or_default();
        let subject = super::text(&request.json(), "/meta/event/subject");
        heard.entry(subject).or_default().push(number);
    }
    heard
}

#[tokio::test]
async fn a_receiver_sees_what_is_missing_and_what_came_twice() -> TestResult {
    let receiver = Receiver::start(Reply::Status(200)).await?;
    let shop = Plan::at(OPENED)?.open().await?;
    let webhook = listening(&shop, "*", &receiver).await?;
    let subscription = shop.subscribe("weekly").await?;
    shop.advance("P22D").await?;
    let requests = receiver.heard();
    let journal = shop.journal("S", subscription.as_str()).await?;
    let heard: BTreeSet<u64> = sequences(&requests)
        .remove(subscription.as_str())
        .unwrap_or_default()
        .into_iter()
        .collect();
    // Whoever listens to everything hears of every entry: a gap is a message still to come.
    assert_eq!(heard, journal.iter().map(|entry| entry.sequence).collect());
    assert!(heard.len() >= 4, "{heard:?}");
    let ids: Vec<&str> = requests.iter().map(|request| request.header("webhook-id")).collect();
    let distinct: BTreeSet<&str> = ids.iter().copied().collect();
    assert_eq!(
        (ids.len(), distinct.len()),
        (distinct.len(), deliveries(&shop, &webhook).await?.len())
    );

    let topics: BTreeSet<&str> = requests.iter().map(Request::topic).collect();
    for topic in ["orders.place", "order_subscriptions.last_run_succeeded", "payments.collect"] {
        assert!(topics.contains(topic), "{topic} is missing from {topics:?}");
    }
    Ok(())
}

#[tokio::test]
async fn events_that_are_told_twice_are_delivered_once() -> TestResult {
    let receiver = Receiver::start(Reply::Status(200)).await?;
    let gate = Gate::before("webhooks");
    gate.set(Mode::Twice);
    let shop = Plan { functions: gate.functions(), ..Plan::at(OPENED)? }.open().await?;
    let webhook = listening(&shop, "*", &receiver).await?;
    shop.subscribe("monthly").await?;
    shop.advance("P1MT1H").await?;
    let requests = receiver.heard();
    let ids: BTreeSet<&str> =
        requests.iter().map(|request| request.header("perennial-delivery-id")).collect();
    assert_eq!(requests.len(), ids.len(), "a delivery was made twice");
    let deliveries = deliveries(&shop, &webhook).await?;
    assert_eq!(ids.len(), deliveries.len());
    assert!(deliveries.iter().all(|delivery| delivery.attempts == 1));
    Ok(())
}

#[tokio::test]
async fn only_those_who_listen_are_told() -> TestResult {
    let [every, orders, created, other] = [
        Receiver::start(Reply::Status(200)).await?,
        Receiver::start(Reply::Status(200)).await?,
        Receiver::start(Reply::Status(200)).await?,
        Receiver::start(Reply::Status(200)).await?,
    ];
    let shop = Plan::at(OPENED)?.open().await?;
    listening(&shop, "*", &every).await?;
    listening(&shop, "orders.*", &orders).await?;
    listening(&shop, "order_subscriptions.create", &created).await?;
    let now = shop.stack.clock().now();
    let strangers: perennial_domain::ids::OrganizationId = "globex".parse()?;
    let mut theirs = listening(&shop, "*", &other).await?;
    let disabled = Webhook { disabled_at: Some(now), version: 2, ..theirs.clone() };
    shop.store.update(&shop.organization, &disabled, 1).await?;
    theirs.version = 1;
    shop.store.create(&strangers, &theirs).await?;
    shop.subscribe("monthly").await?;
    let topics = |receiver: &Receiver| -> BTreeSet<String> {
        receiver.heard().iter().map(|request| request.topic().to_owned()).collect()
    };
    assert!(topics(&every).len() > topics(&orders).len());
    assert!(topics(&orders).iter().all(|topic| topic.starts_with("orders.")));
    assert!(topics(&orders).contains("orders.place"));
    assert_eq!(topics(&created), BTreeSet::from(["order_subscriptions.create".to_owned()]));
    assert!(other.heard().is_empty(), "a disabled webhook, or another organization, was told");
    Ok(())
}

#[tokio::test]
async fn an_event_that_is_sent_again_keeps_its_id_in_a_delivery_of_its_own() -> TestResult {
    let receiver = Receiver::start(Reply::Status(200)).await?;
    let (shop, webhook) = told_of_orders(&receiver).await?;
    let order = draft(&shop).await?;
    let [first] = &receiver.take()[..] else { panic!("not told once") };
    let entry = shop.journal("O", &order).await?.remove(0);
    let again = |request: &str| {
        json!({
            "detail": {
                "id": format!("{order}:1"), "organization": entry.organization,
                "subject": entry.subject, "sequence": entry.sequence, "at": entry.at,
                "event": entry.event, "actor": entry.cause.actor, "reason": entry.cause.reason,
                "before": entry.before, "after": entry.after,
                "previous": entry.previous, "hash": entry.hash,
            },
            "trigger": {
                "request_id": request, "at": shop.stack.clock().now(),
                "event_id": first.header("webhook-id"),
            },
        })
        .to_string()
    };
    let (one, other) = (again("r1"), again("r2"));
    shop.send("WEBHOOK", &[one.clone(), one, other], 0).await?;
    shop.settle().await?;
    let requests = receiver.take();
    assert_eq!(requests.len(), 2, "a request that came twice was carried out twice");
    let ids: BTreeSet<&str> =
        requests.iter().chain([first]).map(|one| one.header("perennial-delivery-id")).collect();
    assert_eq!(ids.len(), 3);
    assert!(requests.iter().all(|one| one.header("webhook-id") == first.header("webhook-id")));
    assert_eq!(deliveries(&shop, &webhook).await?.len(), 3);
    Ok(())
}

/// What a receiver is told of a market follows from the organization alone; an edit in between is
/// seen by the next message, and not by one that is sent again after a failure.
#[tokio::test]
async fn a_message_that_is_sent_again_says_what_it_said_before() -> TestResult {
    let receiver = Receiver::start(Reply::Status(500)).await?;
    let (shop, webhook) = told_of_orders(&receiver).await?;
    let order = draft(&shop).await?;
    let edit = documents::update("orders", &order, &json!({"reference": "R-1"}));
    shop.api.patch(&format!("orders/{order}"), &edit).send().await?.with_status(200)?;
    receiver.set(Reply::Status(200));
    shop.advance("PT10M").await?;
    let requests = receiver.heard();
    let [first, second] = &requests[..] else { panic!("{} requests", requests.len()) };
    assert_eq!(first.body, second.body);
    assert_eq!(first.header("webhook-id"), second.header("webhook-id"));
    assert_eq!(first.header("perennial-delivery-id"), second.header("perennial-delivery-id"));
    assert_eq!((first.header("perennial-attempt"), second.header("perennial-attempt")), ("1", "2"));
    assert_ne!(first.header("webhook-timestamp"), second.header("webhook-timestamp"));
    assert_eq!(stored(&shop, &webhook).await?.circuit.failure_count, 0);
    assert_eq!(first.at("/data/attributes/reference"), Value::Null);
    Ok(())
}

/// The harness itself: a shop that nobody listens to has nothing to tell.
#[tokio::test]
async fn without_webhooks_nothing_is_kept() -> TestResult {
    let shop = Shop::open_at(OPENED).await?;
    draft(&shop).await?;
    let page = shop
        .store
        .list::<perennial_domain::webhook::EventCallback>(&shop.organization, 10, false, None)
        .await?;
    assert!(page?.items.is_empty());
    Ok(())
}
