//! What shops post without a token: signed, taken once, kept where it can't be mapped, and refused in
//! the same words whatever is wrong.

use aws_lc_rs::hmac;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use perennial_domain::webhook::{Secret, signatures};
use perennial_tests::{Answer, Shop, TestResult, documents};
use reqwest::Method;
use serde_json::{Value, json};

use super::{NOW, channel, mapping, refusal, shipped, small};

const HEADER: &str = "X-Shop-Hmac-Sha256";

/// The HMAC-SHA256 of a body, by another implementation than the one that checks it.
fn mac(secret: &str, body: &str) -> Vec<u8> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    hmac::sign(&key, body.as_bytes()).as_ref().to_vec()
}

fn base64(secret: &str, body: &str) -> String {
    STANDARD.encode(mac(secret, body))
}

fn hex(secret: &str, body: &str) -> String {
    mac(secret, body).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Posts a body without a token.
async fn post(shop: &Shop, to: &str, headers: &[(&str, &str)], body: &str) -> TestResult<Answer> {
    let open = shop.api.with_token(None);
    let request = open.request(Method::POST, &format!("channels/{to}"));
    let request = request.body("application/json", body.to_owned());
    headers.iter().fold(request, |request, (name, value)| request.header(name, value)).send().await
}

async fn change(shop: &Shop, id: &str, attributes: Value) -> TestResult<Answer> {
    let document = documents::update("channels", id, &attributes);
    shop.api.patch(&format!("channels/{id}"), &document).send().await
}

/// The secret in an answer.
fn secret_in(answer: &Answer) -> TestResult<String> {
    answer.text("/data/attributes/webhook_secret")
}

#[tokio::test]
async fn a_shop_that_signs_bodies_places_an_order_once() -> TestResult {
    let shop = Shop::open_at(NOW).await?;
    let market = [("market", "markets", shop.goods.market.as_str())];
    let attributes = json!({
        "code": "web", "name": "Web", "trusts_prices": true, "webhook_scheme": "body",
        "webhook_header": HEADER,
    });
    let document = documents::create("channels", attributes, &market);
    let made = shop.api.create("channels", &document).await?;
    let (id, secret) = (made.id()?, secret_in(&made)?);
    mapping(&shop, &id, json!({"program": shipped("shop-webhook/mapping.jq")?})).await?;
    let body = shipped("shop-webhook/sample.json")?;
    let to = "web/webhooks/acme";
    let signature = base64(&secret, &body);
    let taken = post(&shop, to, &[(HEADER, &signature)], &body).await?.with_status(201)?;
    let order = taken.id()?;
    shop.settle().await?;
    assert_eq!(shop.order_status(&order).await?, "placed");
    let entries = shop.journal("O", &order).await?;
    let actor = entries.first().map(|entry| entry.cause.actor.clone()).unwrap_or_default();
    assert!(actor.ends_with(":channel:web"), "{actor}");
    // It comes again, as such things do; by the id of the channel, too.
    for to in [to.to_owned(), format!("{id}/webhooks/acme")] {
        let again = post(&shop, &to, &[(HEADER, &signature)], &body).await?.with_status(200)?;
        assert_eq!(again.id()?, order);
    }
    shop.settle().await?;
    assert_eq!(shop.charges().await?.len(), 1);
    // What is told of it later holds no secret.
    let read = shop.api.get(&format!("channels/{id}")).await?;
    assert_eq!(read.attribute("webhook_secret"), &Value::Null);
    assert!(!read.body.to_string().contains(&secret));
    let listed = shop.api.get("channels").await?;
    assert!(!listed.body.to_string().contains(&secret));
    Ok(())
}

#[tokio::test]
async fn what_is_not_signed_is_refused_in_the_same_words_whatever_is_wrong() -> TestResult {
    let shop = Shop::open_at(NOW).await?;
    let body = json!({"id": "1", "beans": 2}).to_string();
    let on = json!({"webhook_scheme": "body", "webhook_header": HEADER, "webhook_encoding": "hex"});
    let id = small(&shop, "web", json!({})).await?;
    small(&shop, "plain", json!({})).await?;
    let secret = secret_in(&change(&shop, &id, on).await?.with_status(200)?)?;
    let (good, other) = (hex(&secret, &body), hex("whsec_of-somebody-else", &body));
    let to = "web/webhooks/acme";
    let mut told = Vec::new();
    for (to, headers, sent) in [
        (to, vec![], body.as_str()),
        (to, vec![(HEADER, other.as_str())], &body),
        (to, vec![(HEADER, "")], &body),
        (to, vec![("X-Other", good.as_str())], &body),
        (to, vec![(HEADER, good.as_str())], r#"{"id":"1","beans":3}"#),
        (to, vec![(HEADER, good.as_str())], ""),
        ("plain/webhooks/acme", vec![(HEADER, good.as_str())], &body),
        ("nobody/webhooks/acme", vec![(HEADER, good.as_str())], &body),
        ("web/webhooks/globex", vec![(HEADER, good.as_str())], &body),
        ("web/webhooks/Not_An_Id!", vec![(HEADER, good.as_str())], &body),
    ] {
        let refused = post(&shop, to, &headers, sent).await?;
        let (status, code, detail) = refusal(&refused);
        assert_eq!((status, code.as_str()), (401, "unauthorized"), "{to} {headers:?} {sent}");
        told.push(detail);
    }
    told.dedup();
    assert_eq!(told, ["the message is not signed as this address asks"]);
    let long = " ".repeat(256 * 1024 + 1);
    assert_eq!(post(&shop, to, &[(HEADER, &hex(&secret, &long))], &long).await?.status, 413);
    // Nothing was made, counted or kept of any of them.
    assert!(shop.api.all("orders").await?.is_empty() && shop.dead_letters().await?.is_empty());
    let health = shop.api.get("channels/web/health").await?;
    assert_eq!(health.attribute("messages"), 0);
    let prefixed = format!("sha256={good}");
    post(&shop, to, &[(HEADER, &prefixed)], &body).await?.with_status(201)?;
    // A token does not do instead of a signature, and the other way round.
    let request = shop.api.request(Method::POST, &format!("channels/{to}"));
    let by_token = request.body("application/json", body.clone()).send().await?;
    assert_eq!(by_token.status, 401);
    let unsigned = post(&shop, "web/orders", &[(HEADER, &good)], &body).await?;
    assert_eq!(unsigned.status, 401);
    Ok(())
}

#[tokio::test]
async fn a_secret_gives_way_to_another_within_a_day_and_may_be_the_senders() -> TestResult {
    let shop = Shop::open_at(NOW).await?;
    let id = small(&shop, "web", json!({})).await?;
    let refused = change(&shop, &id, json!({"webhook_scheme": "body"})).await?;
    assert_eq!(refused.errors().len(), 1, "{:#}", refused.body);
    assert_eq!(refused.at("/errors/0/source/pointer"), "/data/attributes/webhook_header");
    let refused = change(&shop, &id, json!({"_rotate_webhook_secret": true})).await?;
    assert_eq!(refused.at("/errors/0/source/pointer"), "/data/attributes/webhook_scheme");
    let on = json!({"webhook_scheme": "body", "webhook_header": HEADER});
    let first = secret_in(&change(&shop, &id, on).await?.with_status(200)?)?;
    let rotate = json!({"_rotate_webhook_secret": true});
    let second = secret_in(&change(&shop, &id, rotate).await?.with_status(200)?)?;
    let own = "a-secret-that-the-shop-has-made";
    let signs = async |secret: &str| -> TestResult<bool> {
        let body = json!({"id": "1", "beans": 2}).to_string();
        let signature = base64(secret, &body);
        let to = "web/webhooks/acme";
        Ok(post(&shop, to, &[(HEADER, &signature)], &body).await?.status < 300)
    };
    assert!(signs(&first).await? && signs(&second).await? && !signs(own).await?);
    let long = "x0".repeat(101);
    for (given, part, told) in [
        (json!("too-short"), "too-short", "this one has 9 in all"),
        (json!("with spaces in it"), "spaces", "this one has 17 in all"),
        (json!(long), "x0x0x0", "text of 1 to 200 characters, not of 202"),
        (json!(1_234_567_890), "1234567890", "must be text"),
    ] {
        let refused = change(&shop, &id, json!({"_webhook_secret": given})).await?;
        assert_eq!(refused.status, 422);
        let pointer = "/data/attributes/_webhook_secret";
        assert_eq!(refused.at("/errors/0/source/pointer"), pointer);
        let detail = refused.text("/errors/0/detail")?;
        assert!(detail.starts_with("_webhook_secret") && detail.contains(told), "{detail}");
        assert!(!refused.body.to_string().contains(part), "a secret is not repeated");
    }
    let misnamed = change(&shop, &id, json!({"webhook_secret": own})).await?.with_status(422)?;
    assert_eq!(misnamed.errors(), ["read_only_attribute /data/attributes/webhook_secret"]);
    assert!(!misnamed.body.to_string().contains(own), "nor where it is given by another name");
    let given = change(&shop, &id, json!({"_webhook_secret": own})).await?.with_status(200)?;
    assert!(!given.body.to_string().contains(own), "who gives it knows it");
    // A request that is sent again changes nothing.
    change(&shop, &id, json!({"_webhook_secret": own})).await?.with_status(200)?;
    // Two at most: the first is gone at once, the second in a day.
    assert!(!signs(&first).await? && signs(&second).await? && signs(own).await?);
    shop.advance("P1D").await?;
    assert!(!signs(&second).await? && signs(own).await?);
    change(&shop, &id, json!({"webhook_scheme": null})).await?.with_status(200)?;
    assert!(!signs(own).await?);
    Ok(())
}

#[tokio::test]
async fn a_message_of_standard_webhooks_counts_for_five_minutes() -> TestResult {
    let shop = Shop::open_at(NOW).await?;
    let id = small(&shop, "web", json!({})).await?;
    let on = json!({"webhook_scheme": "standard_webhooks"});
    let text = secret_in(&change(&shop, &id, on).await?.with_status(200)?)?;
    let secret: Secret = text.parse()?;
    let now = NOW.parse::<chrono::DateTime<chrono::Utc>>()?.timestamp();
    for (order, seconds, status) in
        [("1", 0, 201), ("2", -280, 201), ("3", 280, 201), ("4", -400, 401), ("5", 400, 401)]
    {
        let body = json!({"id": order, "beans": 1}).to_string();
        let (event, at) = (format!("msg_{order}"), now + seconds);
        let signature = signatures([&secret], &event, at, body.as_bytes());
        let headers = [
            ("webhook-id", event.as_str()),
            ("webhook-timestamp", &at.to_string()),
            ("webhook-signature", &signature),
        ];
        let answer = post(&shop, "web/webhooks/acme", &headers, &body).await?;
        assert_eq!(answer.status, status, "{order}: {:#}", answer.body);
    }
    let given = json!({"_webhook_secret": "not-of-standard-webhooks"});
    assert_eq!(change(&shop, &id, given).await?.status, 422);
    Ok(())
}

#[tokio::test]
async fn what_can_not_be_mapped_is_kept_and_the_sender_is_done_with_it() -> TestResult {
    let shop = Shop::open_at(NOW).await?;
    let id = channel(&shop, "web", json!({})).await?;
    let on = json!({"webhook_scheme": "body", "webhook_header": HEADER});
    let secret = secret_in(&change(&shop, &id, on).await?.with_status(200)?)?;
    let body = json!({"id": "1", "beans": 2}).to_string();
    let signature = base64(&secret, &body);
    let send = async || post(&shop, "web/webhooks/acme", &[(HEADER, &signature)], &body).await;
    // There is no mapping yet.
    let kept = send().await?.with_status(202)?;
    assert_eq!(kept.at("/meta/outcome"), "kept");
    assert_eq!(kept.at("/meta/code"), "unmappable");
    let letter = kept.text("/meta/dead_letter_id")?;
    assert_eq!(send().await?.text("/meta/dead_letter_id")?, letter, "it is one letter");
    mapping(&shop, &id, json!({"program": super::SMALL})).await?;
    let replay = json!({"dead_letter_ids": [letter]});
    let replay = documents::create("channel_replays", replay, &[]);
    let taken = shop.api.post("channel_replays", &replay).send().await?;
    assert_eq!(taken.at("/data/attributes/results/0/outcome"), "created");
    send().await?.with_status(200)?;
    assert_eq!(shop.api.all("orders").await?.len(), 1);
    Ok(())
}
