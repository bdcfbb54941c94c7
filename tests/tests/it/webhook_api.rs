//! Webhooks as they are managed over HTTP: what is refused, who sees the secret, and what the log of
//! deliveries tells.

use std::collections::BTreeMap;

use perennial_domain::webhook::{Circuit, CircuitState, MAX_WEBHOOKS, Secret, Webhook};
use perennial_local::identity::{Role, TokenRequest};
use perennial_tests::{
    Answer, Plan, Shop, TestResult, documents,
    receiver::{Receiver, Reply},
};
use reqwest::Method;
use serde_json::{Value, json};

const OPENED: &str = "2027-01-31T10:00:00Z";
/// A callback URL at which nobody listens.
const NOWHERE: &str = "https://receiver.example/hooks";

fn document(attributes: Value) -> Value {
    let base = json!({"topic": "orders.create", "callback_url": NOWHERE});
    documents::create("webhooks", documents::with(base, attributes), &[])
}

/// Makes a webhook as the shop's integration; answers its id and secret.
async fn listening(shop: &Shop, topic: &str, url: &str) -> TestResult<(String, String)> {
    let made = document(json!({"topic": topic, "callback_url": url}));
    let made = shop.api.create("webhooks", &made).await?;
    Ok((made.id()?, made.text("/data/attributes/shared_secret")?))
}

async fn change(shop: &Shop, id: &str, attributes: Value) -> TestResult<Answer> {
    let document = documents::update("webhooks", id, &attributes);
    shop.api.patch(&format!("webhooks/{id}"), &document).send().await
}

/// A draft order, which is one event: `orders.create`.
async fn draft(shop: &Shop) -> TestResult<String> {
    let order = shop.api.create("orders", &shop.order_document(json!({}))).await?.id()?;
    shop.settle().await?;
    Ok(order)
}

#[tokio::test]
async fn a_webhook_is_made_changed_and_deleted() -> TestResult {
    let shop = Shop::open_at(OPENED).await?;
    let made = document(json!({
        "name": "Warehouse",
        "topic": "orders.*",
        "include_resources": ["customer", "line_items"],
        "reference": "w-1",
        "metadata": {"team": "logistics"},
    }));
    let made = shop.api.create("webhooks", &made).await?;
    let id = made.id()?;
    for (name, value) in [
        ("name", json!("Warehouse")),
        ("topic", json!("orders.*")),
        ("callback_url", json!(NOWHERE)),
        ("include_resources", json!(["customer", "line_items"])),
        ("disabled_at", Value::Null),
        ("circuit_state", json!("closed")),
        ("circuit_failure_count", json!(0)),
        ("reference", json!("w-1")),
        ("metadata", json!({"team": "logistics"})),
        ("created_at", json!("2027-01-31T10:00:00Z")),
    ] {
        let is = made.attribute(name);
        let same = is == &value || name == "created_at" && is.is_string();
        assert!(same, "{name}: {is}");
    }
    assert!(shop.store.get::<Webhook>(&shop.organization, &id).await?.is_some(), "it can be read");

    let changed = change(&shop, &id, json!({"topic": "payments.collect", "name": null})).await?;
    assert_eq!(changed.with_status(200)?.attribute("topic"), "payments.collect");
    let read = shop.api.get(&format!("webhooks/{id}")).await?;
    assert_eq!(
        (read.attribute("name"), read.attribute("topic")),
        (&Value::Null, &json!("payments.collect"))
    );
    assert_eq!(shop.api.all("webhooks?filter[q][topic_start]=pay").await?.len(), 1);

    let disabled = change(&shop, &id, json!({"_disable": true})).await?.with_status(200)?;
    assert!(disabled.attribute("disabled_at").is_string());
    let enabled = change(&shop, &id, json!({"_enable": true})).await?.with_status(200)?;
    assert_eq!(enabled.attribute("disabled_at"), &Value::Null);
    let both = change(&shop, &id, json!({"_enable": true, "_disable": true})).await?;
    assert_eq!(both.errors(), ["invalid_value /data/attributes/_disable"]);

    let path = format!("webhooks/{id}");
    shop.api.request(Method::DELETE, &path).send().await?.with_status(204)?;
    assert_eq!(shop.api.request(Method::GET, &path).send().await?.status, 404);
    Ok(())
}

#[tokio::test]
async fn what_no_event_or_receiver_can_be_is_refused_with_the_rule() -> TestResult {
    let parameters =
        BTreeMap::from([("WebhooksAllowPrivateAddresses".to_owned(), "false".to_owned())]);
    let shop = Plan { parameters, ..Plan::at(OPENED)? }.open().await?;
    for (attributes, error, says) in [
        (json!({"topic": "order.create"}), "invalid_value topic", "orders.create"),
        (json!({"topic": "orders.shipped"}), "invalid_value topic", "there is no topic"),
        (json!({"topic": "orders"}), "invalid_value topic", "orders.*"),
        (json!({"topic": null}), "required topic", "required"),
        (json!({"callback_url": null}), "required callback_url", "required"),
        (json!({"callback_url": "ftp://a.example/"}), "invalid_value callback_url", "https://"),
        (json!({"callback_url": "http://a.example/"}), "invalid_value callback_url", "https://"),
        (
            json!({"callback_url": "https://jane:secret@a.example/"}),
            "invalid_value callback_url",
            "password",
        ),
        (json!({"callback_url": "https://127.0.0.1/"}), "invalid_value callback_url", "loopback"),
        (json!({"callback_url": "https://[::1]/"}), "invalid_value callback_url", "loopback"),
        (json!({"callback_url": "https://10.1.2.3/"}), "invalid_value callback_url", "private"),
        (
            json!({"callback_url": "https://169.254.169.254/latest"}),
            "invalid_value callback_url",
            "link-local",
        ),
        (json!({"callback_url": "https:///hooks"}), "invalid_value callback_url", "host"),
        (
            json!({"include_resources": ["market.nothing"]}),
            "invalid_value include_resources/0",
            "leads nowhere",
        ),
        (
            json!({"include_resources": ["customer", "order_subscriptions.market.subscription_model.x"]}),
            "invalid_value include_resources/1",
            "3",
        ),
        (json!({"shared_secret": "whsec_x"}), "read_only_attribute shared_secret", "server"),
        (json!({"_rotate_secret": true}), "read_only_attribute _rotate_secret", "update"),
    ] {
        let refused = shop.api.post("webhooks", &document(attributes.clone())).send().await?;
        let (code, place) = error.split_once(' ').unwrap_or_default();
        assert_eq!(refused.status, 422, "{attributes}: {:#}", refused.body);
        assert_eq!(refused.errors(), [format!("{code} /data/attributes/{place}")], "{attributes}");
        let detail = refused.text("/errors/0/detail")?;
        assert!(detail.contains(says), "{attributes}: {detail}");
    }
    assert!(shop.api.all("webhooks").await?.is_empty());
    for address in ["https://93.184.215.14/", "https://a.example:8443/hooks?x=1"] {
        shop.api.create("webhooks", &document(json!({"callback_url": address}))).await?;
    }
    Ok(())
}

#[tokio::test]
async fn the_secret_is_shown_once_and_to_operators_only() -> TestResult {
    let shop = Shop::open_at(OPENED).await?;
    let made = document(json!({}));
    let first = shop.api.post("webhooks", &made).key("k1").send().await?.with_status(201)?;
    let (id, secret) = (first.id()?, first.text("/data/attributes/shared_secret")?);
    assert!(secret.parse::<Secret>().is_ok(), "{secret}");

    // What is repeated by its idempotency key, listed or included never holds it.
    let again = shop.api.post("webhooks", &made).key("k1").send().await?.with_status(201)?;
    assert_eq!(again.header("idempotent-replayed")?, "true");
    assert_eq!((again.id()?, again.attribute("shared_secret")), (id.clone(), &Value::Null));
    let path = format!("webhooks/{id}");
    let operator = shop.api_as(Role::Operator)?;
    for (who, api, path, pointer, shown) in [
        ("integration", &shop.api, path.as_str(), "/data", false),
        ("operator", &operator, path.as_str(), "/data", true),
        ("operator's list", &operator, "webhooks", "/data/0", false),
    ] {
        let read = api.get(path).await?;
        let is = read.at(&format!("{pointer}/attributes/shared_secret"));
        assert_eq!(is == &json!(secret), shown, "{who}: {is}");
        assert_eq!(read.body.to_string().contains(&secret), shown, "{who}");
    }
    let edited = change(&shop, &id, json!({"name": "x"})).await?.with_status(200)?;
    assert_eq!(edited.attribute("shared_secret"), &Value::Null);

    let rotate = documents::update("webhooks", &id, &json!({"_rotate_secret": true}));
    let rotated = shop.api.patch(&path, &rotate).key("k2").send().await?.with_status(200)?;
    let new = rotated.text("/data/attributes/shared_secret")?;
    assert_ne!(new, secret);
    let again = shop.api.patch(&path, &rotate).key("k2").send().await?.with_status(200)?;
    assert_eq!(again.attribute("shared_secret"), &Value::Null, "and it is not rotated again");
    let stored = shop.store.get::<Webhook>(&shop.organization, &id).await?.ok_or("it is there")?;
    assert_eq!(stored.secrets.current.expose(), new);
    let valid: Vec<String> =
        stored.secrets.valid_at(shop.stack.clock().now()).map(Secret::expose).collect();
    assert_eq!(valid, [new, secret], "both sign");

    let filter = "webhooks?filter[q][shared_secret_start]=whsec";
    assert_eq!(operator.request(Method::GET, filter).send().await?.status, 400);
    assert_eq!(
        operator.request(Method::GET, "webhooks?sort=shared_secret").send().await?.status,
        400
    );
    Ok(())
}

#[tokio::test]
async fn webhooks_are_managed_by_those_who_see_the_whole_organization() -> TestResult {
    let shop = Shop::open_at(OPENED).await?;
    let (id, _) = listening(&shop, "*", NOWHERE).await?;
    let market = TokenRequest::new("acme", Role::Operator)?.in_market(&shop.goods.market)?;
    let confined = shop.api.with_token(Some(shop.stack.sign(&market)?));
    let stranger = shop.api.with_token(Some(shop.stack.token("other", Role::Operator)?));
    let (channel, approver) = (shop.api_as(Role::SalesChannel)?, shop.api_as(Role::Approver)?);
    let path = format!("webhooks/{id}");
    for (who, api, read, write) in [
        ("a sales channel", &channel, 403, 403),
        ("an approver", &approver, 200, 403),
        ("one who is confined to a market", &confined, 403, 403),
        ("a stranger", &stranger, 404, 404),
    ] {
        assert_eq!(api.request(Method::GET, &path).send().await?.status, read, "{who} reads");
        let rename = documents::update("webhooks", &id, &json!({"name": "x"}));
        assert_eq!(api.patch(&path, &rename).send().await?.status, write, "{who} writes");
        let callbacks = api.request(Method::GET, "event_callbacks").send().await?.status;
        assert_eq!(callbacks, if read == 404 { 200 } else { read }, "{who} lists deliveries");
    }
    Ok(())
}

#[tokio::test]
async fn an_organization_has_a_hundred_webhooks_at_most() -> TestResult {
    let shop = Shop::open_at(OPENED).await?;
    for _ in 0..MAX_WEBHOOKS {
        listening(&shop, "orders.create", NOWHERE).await?;
    }
    let one_more =
        shop.api.post("webhooks", &document(json!({}))).send().await?.with_status(422)?;
    assert_eq!(one_more.errors(), ["out_of_range /data"]);
    Ok(())
}

#[tokio::test]
async fn a_reset_circuit_lets_messages_through_again() -> TestResult {
    let receiver = Receiver::start(Reply::Status(200)).await?;
    let shop = Shop::open_at(OPENED).await?;
    let (id, _) = listening(&shop, "orders.create", receiver.url()).await?;
    let webhook = shop.store.get::<Webhook>(&shop.organization, &id).await?.ok_or("it is there")?;
    let far = shop.stack.clock().now() + chrono::TimeDelta::hours(1);
    let open = Circuit {
        state: CircuitState::Open,
        failure_count: 30,
        probe_at: Some(far),
        failed_probes: 0,
    };
    let (store, now) = (&shop.store, shop.stack.clock().now());
    store.put_circuit(&shop.organization, &webhook.id, &open, None, now, webhook.version).await?;
    let read = shop.api.get(&format!("webhooks/{id}")).await?;
    assert_eq!(read.attribute("circuit_state"), "open");
    assert_eq!(read.attribute("circuit_failure_count"), 30);
    draft(&shop).await?;
    assert!(receiver.heard().is_empty());

    let reset = change(&shop, &id, json!({"_reset_circuit": true})).await?.with_status(200)?;
    assert_eq!(reset.attribute("circuit_state"), "closed");
    assert_eq!(reset.attribute("circuit_failure_count"), 0);
    draft(&shop).await?;
    assert_eq!(receiver.heard().len(), 1, "what comes after it is sent at once");
    Ok(())
}

#[tokio::test]
async fn a_delivery_tells_what_was_sent_and_answered() -> TestResult {
    let receiver = Receiver::start(Reply::Status(200)).await?;
    receiver.first(&[Reply::Status(503)]);
    let shop = Shop::open_at(OPENED).await?;
    let (id, _) = listening(&shop, "orders.create", receiver.url()).await?;
    let order = draft(&shop).await?;

    let event = shop.api.get(&format!("orders/{order}/events")).await?.text("/data/0/id")?;
    let of_webhook = shop.api.get(&format!("webhooks/{id}/last_event_callbacks")).await?;
    let callback = of_webhook.text("/data/0/id")?;
    assert_eq!(of_webhook.at("/data/0/attributes/status"), "pending");
    assert_eq!(of_webhook.at("/data/0/attributes/response_code"), "503");
    assert_eq!(of_webhook.at("/data/0/attributes/attempts"), 1);
    assert!(of_webhook.at("/data/0/attributes/next_attempt_at").is_string());
    shop.advance("PT1M").await?;

    let path = format!("event_callbacks/{callback}?include=webhook,event");
    let read = shop.api.get(&path).await?;
    for (name, value) in [
        ("status", json!("delivered")),
        ("response_code", json!("200")),
        ("attempts", json!(2)),
        ("next_attempt_at", Value::Null),
        ("event_name", json!("orders.create")),
        ("callback_url", json!(receiver.url())),
        ("sequence", json!(1)),
    ] {
        assert_eq!(read.attribute(name), &value, "{name}");
    }
    assert_eq!(read.at("/data/attributes/attempts_log/0/response_code"), 503);
    assert_eq!(read.at("/data/attributes/payload/data/id"), &json!(order));
    assert_eq!(read.at("/data/attributes/payload/meta/event/id"), &json!(event));
    assert_eq!(read.at("/included/0/type"), "webhooks");
    assert_eq!(read.at("/included/0/attributes/shared_secret"), &Value::Null);
    assert_eq!(read.at("/included/1/id"), &json!(event));
    let sent = receiver.heard();
    assert_eq!(&sent[1].json(), read.attribute("payload"));
    assert_eq!(sent[1].header("webhook-id"), event);

    // Every way to it finds the same one.
    let lists = [
        "event_callbacks".to_owned(),
        format!("event_callbacks?filter[q][webhook_id_eq]={id}"),
        format!("event_callbacks?filter[q][event_id_eq]={event}"),
        "event_callbacks?filter[q][status_eq]=delivered&sort=created_at".to_owned(),
        format!(
            "event_callbacks?filter[q][webhook_id_eq]={id}&filter[q][created_at_lt]=2028-01-01T00:00:00Z"
        ),
        format!("webhooks/{id}/last_event_callbacks"),
        format!("events/{event}/last_event_callbacks"),
    ];
    for list in lists {
        let found = shop.api.all(&list).await?;
        let ids: Vec<&Value> = found.iter().map(|one| &one["id"]).collect();
        assert_eq!(ids, [&json!(callback)], "{list}");
    }
    let earlier = format!(
        "event_callbacks?filter[q][webhook_id_eq]={id}&filter[q][created_at_lt]=2027-01-01T00:00:00Z"
    );
    assert!(shop.api.all(&earlier).await?.is_empty());
    let listeners = shop.api.all(&format!("events/{event}/webhooks")).await?;
    assert_eq!(listeners.len(), 1);
    let with = shop.api.get(&format!("webhooks/{id}?include=last_event_callbacks")).await?;
    assert_eq!(with.at("/included/0/id"), &json!(callback));
    Ok(())
}

#[tokio::test]
async fn an_event_that_is_triggered_is_sent_again_with_the_same_event_id() -> TestResult {
    let receiver = Receiver::start(Reply::Status(200)).await?;
    let shop = Shop::open_at(OPENED).await?;
    let (id, _) = listening(&shop, "orders.*", receiver.url()).await?;
    let order = draft(&shop).await?;
    let event = shop.api.get(&format!("orders/{order}/events")).await?.text("/data/0/id")?;
    let first = receiver.take();
    assert_eq!(first.len(), 1);

    let again = documents::update("events", &event, &json!({"_trigger": true}));
    let path = format!("events/{event}");
    shop.api.patch(&path, &again).key("once").send().await?.with_status(200)?;
    shop.api.patch(&path, &again).key("once").send().await?.with_status(200)?;
    shop.settle().await?;
    let second = receiver.take();
    assert_eq!(second.len(), 1, "a repeated request is one request");
    assert_eq!(second[0].header("webhook-id"), first[0].header("webhook-id"));
    assert_ne!(second[0].header("perennial-delivery-id"), first[0].header("perennial-delivery-id"));

    let callbacks = shop.api.all(&format!("webhooks/{id}/last_event_callbacks")).await?;
    assert_eq!(callbacks.len(), 2);
    let callback = callbacks[1]["id"].as_str().unwrap_or_default();
    let again = documents::update("event_callbacks", callback, &json!({"_trigger": true}));
    shop.api
        .patch(&format!("event_callbacks/{callback}"), &again)
        .send()
        .await?
        .with_status(200)?;
    shop.settle().await?;
    assert_eq!(receiver.take().len(), 1);
    assert_eq!(shop.api.all(&format!("events/{event}/last_event_callbacks")).await?.len(), 3);

    let approver = shop.api_as(Role::Approver)?;
    let again = documents::update("events", &event, &json!({"_trigger": true}));
    assert_eq!(approver.patch(&path, &again).send().await?.status, 403);
    Ok(())
}

#[tokio::test]
async fn an_event_that_no_enabled_webhook_would_be_told_of_is_not_sent_again() -> TestResult {
    let receiver = Receiver::start(Reply::Status(200)).await?;
    let shop = Shop::open_at(OPENED).await?;
    let order = draft(&shop).await?;
    let event = shop.api.get(&format!("orders/{order}/events")).await?.text("/data/0/id")?;
    let again = documents::update("events", &event, &json!({"_trigger": true}));
    let again = async || shop.api.patch(&format!("events/{event}"), &again).send().await;
    let why = |refused: &Answer| refused.at("/errors/0/detail").as_str().map(str::to_owned);
    let pointed = ["invalid_status /data/attributes/_trigger"];

    listening(&shop, "payments.*", receiver.url()).await?;
    let refused = again().await?.with_status(409)?;
    assert_eq!(refused.errors(), pointed);
    let detail = why(&refused).ok_or("it says why")?;
    assert!(detail.contains("no webhook listens to orders.create"), "{detail}");

    let (id, _) = listening(&shop, "orders.create", receiver.url()).await?;
    assert_eq!(again().await?.with_status(200)?.at("/data/meta"), &json!({"webhooks": 1}));
    shop.settle().await?;
    assert_eq!(receiver.take().len(), 1);

    change(&shop, &id, json!({"_disable": true})).await?.with_status(200)?;
    let refused = again().await?.with_status(409)?;
    let detail = why(&refused).ok_or("it says why")?;
    assert!(detail.contains("orders.create is disabled"), "{detail}");
    let callbacks = shop.api.all(&format!("webhooks/{id}/last_event_callbacks")).await?;
    let callback = callbacks[0]["id"].as_str().unwrap_or_default();
    let resent = documents::update("event_callbacks", callback, &json!({"_trigger": true}));
    let refused = shop.api.patch(&format!("event_callbacks/{callback}"), &resent).send().await?;
    assert_eq!(refused.with_status(409)?.errors(), pointed);
    shop.settle().await?;
    assert!(receiver.take().is_empty());
    Ok(())
}

#[tokio::test]
async fn the_description_of_the_api_lists_every_topic_with_its_message() -> TestResult {
    let shop = Shop::open_at(OPENED).await?;
    let openapi = shop.api.get("openapi.json").await?;
    for topic in perennial_domain::event_topics::TOPICS {
        let schema = format!(
            "/webhooks/{}/post/requestBody/content/application~1vnd.api+json/schema",
            topic.name
        );
        assert!(openapi.at(&schema).is_object(), "{}", topic.name);
    }
    let listed = openapi.at("/webhooks").as_object().map_or(0, serde_json::Map::len);
    assert_eq!(listed, perennial_domain::event_topics::TOPICS.len());
    Ok(())
}
