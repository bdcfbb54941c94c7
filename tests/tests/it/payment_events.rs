//! What providers tell of payments later: a hint on the payments queue, after which the provider is
//! asked; and the whole way from Stripe's signed event to a run that is paid.

use aws_lc_rs::hmac;
use perennial_domain::{
    ids::{OrderId, SubscriptionId},
    run::{Run, RunStatus},
    time::OccurrenceNumber,
};
use perennial_payments::ChargeKey;
use perennial_tests::{Plan, Shop, TestResult};
use serde_json::{Value, json};

async fn only_run(shop: &Shop, subscription: &SubscriptionId) -> TestResult<Run> {
    let runs = shop.runs(subscription).await?;
    let [run] = &runs[..] else { panic!("{runs:?}") };
    Ok(run.clone())
}

/// Puts news of the payment of an order on the payments queue, as payment-events does.
async fn told(shop: &Shop, order: &OrderId, news: Value) -> TestResult {
    let message = json!({
        "organization": shop.organization,
        "subject": {"news": {"order_id": order, "news": news}},
    });
    shop.send("PAYMENTS", &[message.to_string()], 0).await?;
    shop.settle().await
}

#[tokio::test]
async fn a_payment_that_its_customer_has_confirmed_settles_its_run_at_once() -> TestResult {
    let shop = Shop::open_at("2027-01-31T10:00:00Z").await?;
    let id = shop.subscribe("monthly").await?;
    shop.pay_by(&id, &shop.new_source("tok_needs_action").await?).await?;
    shop.advance_to("2027-02-28T10:05:00Z").await?;
    let order = OrderId::of_run(&id, OccurrenceNumber::new(1));
    // Nothing has changed at the provider: whoever says so is not taken at their word.
    told(&shop, &order, json!({"settled": {"attempt": 1}})).await?;
    let run = only_run(&shop, &id).await?;
    assert_eq!((run.status, run.attempts), (RunStatus::Open, 0));
    // News of another attempt, or of an order that is none of a run's, does nothing.
    told(&shop, &order, json!({"settled": {"attempt": 2}})).await?;
    let other = "ord_0000000000000000000000".parse()?;
    told(&shop, &other, json!({"settled": {"attempt": 1}})).await?;
    assert_eq!(only_run(&shop, &id).await?.status, RunStatus::Open);

    let key = ChargeKey::new(format!("{}:{order}:1", shop.organization));
    shop.provider.act(shop.organization.as_str(), &key, true).await?.ok_or("it waits")?;
    for _ in 0..2 {
        told(&shop, &order, json!({"settled": {"attempt": 1}})).await?;
        let run = only_run(&shop, &id).await?;
        assert_eq!((run.status, run.attempts), (RunStatus::Successful, 1));
    }
    assert_eq!(shop.charges_of(&only_run(&shop, &id).await?).await?, 1);
    shop.prove_events().await
}

#[tokio::test]
async fn a_dispute_that_is_told_stands_with_its_order() -> TestResult {
    let shop = Shop::open_at("2027-01-31T10:00:00Z").await?;
    let id = shop.subscribe("monthly").await?;
    shop.advance_to("2027-02-28T10:05:00Z").await?;
    let order = OrderId::of_run(&id, OccurrenceNumber::new(1));
    let news = json!({"disputed": {
        "gateway_dispute_id": "du_1", "status": "open", "amount": 1250, "reason": "fraudulent",
    }});
    for _ in 0..2 {
        told(&shop, &order, news.clone()).await?;
    }
    let disputes = shop.api.all("disputes").await?;
    let [dispute] = &disputes[..] else { panic!("{disputes:?}") };
    assert_eq!(dispute["attributes"]["gateway_dispute_id"], "du_1");
    Ok(())
}

#[tokio::test]
async fn a_dispute_in_another_currency_than_the_order_is_kept_for_a_person() -> TestResult {
    let shop = Shop::open_at("2027-01-31T10:00:00Z").await?;
    let id = shop.subscribe("monthly").await?;
    shop.advance_to("2027-02-28T10:05:00Z").await?;
    let order = OrderId::of_run(&id, OccurrenceNumber::new(1));
    let news = |currency: &str| {
        json!({"disputed": {
            "gateway_dispute_id": "du_1", "status": "open", "amount": 1250, "currency": currency,
        }})
    };
    told(&shop, &order, news("USD")).await?;
    assert!(shop.api.all("disputes").await?.is_empty());
    let letters = shop.api.all("dead_letters").await?;
    let [letter] = &letters[..] else { panic!("{letters:?}") };
    assert_eq!(letter["attributes"]["source"], "payments");
    let error = letter["attributes"]["error"].as_str().unwrap_or_default();
    assert!(error.contains("1250 minor units of USD") && error.contains("paid in EUR"), "{error}");
    told(&shop, &order, news("EUR")).await?;
    assert_eq!(shop.api.all("disputes").await?.len(), 1);
    Ok(())
}

#[tokio::test]
async fn a_stack_that_does_not_collect_by_stripe_takes_no_events_of_it() -> TestResult {
    let shop = Shop::open_at("2027-01-31T10:00:00Z").await?;
    let open = shop.api.with_token(None);
    let answer = open.post("payment_events/stripe", &json!({"type": "ping"})).send().await?;
    assert_eq!(answer.status, 404, "{:#}", answer.body);
    Ok(())
}

/// The stand-in for Stripe.
struct StandIn {
    http: reqwest::Client,
    base: String,
}

impl StandIn {
    async fn call(&self, path: &str, form: Option<&str>) -> TestResult<Value> {
        let url = format!("{}{path}", self.base);
        let request = match form {
            Some(form) => self
                .http
                .post(url)
                .header("content-type", "application/x-www-form-urlencoded")
                .body(form.to_owned()),
            None => self.http.get(url),
        };
        let answer = request.bearer_auth("sk_test_12345").send().await?;
        Ok(serde_json::from_slice(&answer.error_for_status()?.bytes().await?)?)
    }

    /// The token of a new customer with a card of this number.
    async fn token(&self, number: &str) -> TestResult<String> {
        let id = |object: Value| object["id"].as_str().unwrap_or_default().to_owned();
        let customer = id(self.call("/v1/customers", Some("email=ada%40example.com")).await?);
        let card = format!(
            "type=card&card[number]={number}&card[exp_month]=12&card[exp_year]=2035&card[cvc]=123"
        );
        let method = id(self.call("/v1/payment_methods", Some(&card)).await?);
        let attach = format!("/v1/payment_methods/{method}/attach");
        self.call(&attach, Some(&format!("customer={customer}"))).await?;
        Ok(format!("{customer}|{method}"))
    }
}

/// The header that Stripe sends with a body at an instant.
fn signature(body: &str, at: i64, secret: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let tag = hmac::sign(&key, format!("{at}.{body}").as_bytes());
    let hex: String = tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("t={at},v1={hex}")
}

#[tokio::test]
#[ignore = "needs a stand-in for Stripe: .ci/try-stripe"]
async fn a_run_paid_by_stripe_is_settled_by_stripes_own_event() -> TestResult {
    let stripe = StandIn {
        http: reqwest::Client::new(),
        base: std::env::var("STRIPE_STAND_IN").map_err(|_| "STRIPE_STAND_IN is not set")?,
    };
    let directory = tempfile::tempdir()?;
    let kept = |name: &str, secret: &str| {
        let path = directory.path().join(name);
        std::fs::write(&path, secret).map(|()| format!("file:{}", path.display()))
    };
    let mut plan = Plan::now().paying_with(&stripe.token("4242424242424242").await?);
    for (name, value) in [
        ("PaymentProvider", "stripe".to_owned()),
        ("StripeApiUrl", stripe.base.clone()),
        ("StripeSecretName", kept("key", "sk_test_12345")?),
        ("StripeWebhookSecretName", kept("webhook", "whsec_test")?),
    ] {
        plan.parameters.insert(name.to_owned(), value);
    }
    let shop = plan.open().await?;
    // The first order is paid by a card that asks nothing, the first run by one that does.
    let id = shop.subscribe("daily").await?;
    let token = stripe.token("4000002760003184").await?;
    shop.pay_by(&id, &shop.new_source(&token).await?).await?;
    shop.advance("P1DT1M").await?;
    let run = only_run(&shop, &id).await?;
    assert_eq!((run.status, run.attempts), (RunStatus::Open, 0), "{:?}", run.errors_log);

    let (customer, _) = token.split_once('|').ok_or("a customer")?;
    let intents = stripe.call(&format!("/v1/payment_intents?customer={customer}"), None).await?;
    let intent = &intents["data"][0];
    let (intent_id, secret) = (intent["id"].as_str(), intent["client_secret"].as_str());
    let (intent_id, secret) = intent_id.zip(secret).ok_or("an intent")?;
    assert_eq!(intent["metadata"]["perennial_reference"], json!(run.order_id()));
    let confirm = format!("/v1/payment_intents/{intent_id}/_authenticate");
    let paid = stripe.call(&confirm, Some(&format!("client_secret={secret}&success=true"))).await?;
    assert_eq!(paid["status"], "succeeded");

    let event = json!({
        "id": "evt_1", "object": "event", "type": "payment_intent.succeeded",
        "created": paid["created"].as_i64().unwrap_or_default() + 3_600,
        "data": {"object": paid},
    });
    let body = event.to_string();
    let now = shop.stack.clock().now().timestamp();
    let url = format!("{}/api/payment_events/stripe", shop.stack.url());
    let posted = async |signed: String| -> TestResult<u16> {
        let request = stripe.http.post(&url).header("stripe-signature", signed);
        let request = request.header("content-type", "application/json").body(body.clone());
        Ok(request.send().await?.status().as_u16())
    };
    assert_eq!(posted(signature(&body, now, "whsec_other")).await?, 400);
    assert_eq!(posted(signature(&body, now - 600, "whsec_test")).await?, 400);
    shop.settle().await?;
    assert_eq!(only_run(&shop, &id).await?.status, RunStatus::Open);
    // Stripe may tell it twice.
    for _ in 0..2 {
        assert_eq!(posted(signature(&body, now, "whsec_test")).await?, 200);
        shop.settle().await?;
        let run = only_run(&shop, &id).await?;
        assert_eq!((run.status, run.attempts), (RunStatus::Successful, 1));
        assert_eq!(run.charge_id.as_deref(), Some(intent_id));
    }
    let intents = stripe.call(&format!("/v1/payment_intents?customer={customer}"), None).await?;
    assert_eq!(intents["data"].as_array().map(Vec::len), Some(1));
    Ok(())
}
