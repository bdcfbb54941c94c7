//! A simulated year: thousands of subscriptions, a payment provider that declines and times out,
//! workers that die and messages that come twice; and then the proof that the books agree.
//!
//! The functions, their queues and tables are the real ones, on a clock that is moved. What the
//! provider answers is drawn from the seed and the charge's key, and ids derive from idempotency
//! keys, so the same seed meets the same declines. When a worker dies depends on the moment, too.

mod client;
mod report;
mod weather;

use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use self::client::Client;
pub use self::{report::Report, weather::Weather};
use crate::{
    clock::Target,
    identity::Role,
    stack::{Stack, StackOptions},
};

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// The organization that everything belongs to.
const ORGANIZATION: &str = "simulation";
/// Lines of one order, each of which becomes a subscription.
const LINES: u32 = 40;
/// Within so many hours all subscriptions begin, before the first of them is due again.
const BEGINNING_HOURS: u32 = 24 * 27;
/// How long the default policy goes on after the last date of the year.
const SETTLING: TimeDelta = TimeDelta::days(18);
/// How long the stack may take to come to rest.
const PATIENCE: Duration = Duration::from_secs(600);
/// When to look again whether a reconciliation has come to its end.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// What is simulated.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Monthly subscriptions.
    pub subscriptions: u32,
    /// For how many months.
    pub months: u32,
    /// What chance begins with.
    pub seed: u32,
    /// Of a thousand invocations of a worker, how many die.
    pub deaths: u32,
    /// Of a thousand invocations of a worker, how many are delivered twice at once.
    pub duplicates: u32,
}

/// Runs the simulation; `told` hears of each month that is over.
///
/// # Errors
/// When the stack does not start or does not come to rest, or the API refuses something.
pub async fn run(options: &Options, told: impl Fn(u32)) -> Result<Report, Failure> {
    let begun = Instant::now();
    let weather = Weather::new(u64::from(options.seed), options.deaths, options.duplicates);
    let stack = Stack::start(StackOptions {
        functions: weather.functions(),
        metered: false,
        ..StackOptions::in_memory()
    })
    .await?;
    let start: DateTime<Utc> = "2027-01-01T08:00:00Z".parse()?;
    stack.move_clock(&Target::Instant(start)).await?;
    let client = Client::new(stack.url(), stack.token(ORGANIZATION, Role::Operator)?);
    subscribe(&stack, &client, options).await?;
    weather.begin();
    for month in 1..=options.months {
        stack.move_clock(&Target::Duration("P1M".to_owned())).await?;
        told(month);
    }
    weather.end();
    let end = stack.clock().now();
    stack.move_clock(&Target::Instant(end + SETTLING)).await?;
    let reconciled = reconcile(&stack, &client, (start, end)).await?;
    let letters = client.count("dead_letters").await?;
    let errors = client.texts("dead_letters", "/attributes/error").await?;
    stack.shutdown().await;
    let (weather, took) = (weather.seen(), begun.elapsed());
    Ok(Report { options: *options, weather, reconciled, letters, errors, took })
}

/// Makes the shop and its subscriptions, spread over a month. Their first orders are paid.
async fn subscribe(stack: &Stack, client: &Client, options: &Options) -> Result<(), Failure> {
    let model = json!({"name": "Coffee", "strategy": "by_line_items", "auto_activate": true});
    let model = client.create("subscription_models", &model, &[]).await?;
    let market = json!({"name": "Europe", "currency_code": "EUR", "time_zone": "Europe/Berlin"});
    let of = [("subscription_model", "subscription_models", model.as_str())];
    let market = client.create("markets", &market, &of).await?;
    let sku = json!({
        "code": "BEANS", "name": "Coffee beans", "unit_amount_cents": 1_250, "currency_code": "EUR",
    });
    client.create("skus", &sku, &[]).await?;
    let customer = json!({"email": "ada@example.com", "name": "Ada"});
    let customer = client.create("customers", &customer, &[]).await?;
    let of = [("customer", "customers", customer.as_str())];
    let card = json!({"payment_source_token": "tok_paid", "name": "Good"});
    let good = client.create("customer_payment_sources", &card, &of).await?;
    let token = format!("tok_random_{}", options.seed);
    let card = json!({"payment_source_token": token, "name": "Like others"});
    let random = client.create("customer_payment_sources", &card, &of).await?;

    let orders = options.subscriptions.div_ceil(LINES);
    let pause = TimeDelta::minutes(i64::from(BEGINNING_HOURS * 60 / orders.max(1)));
    let mut left = options.subscriptions;
    for number in 0..orders {
        let line = json!({"sku_code": "BEANS", "quantity": 1 + number % 3, "frequency": "monthly"});
        let lines: Vec<Value> = (0..left.min(LINES)).map(|_| line.clone()).collect();
        left = left.saturating_sub(LINES);
        let order = json!({
            "line_items": lines, "_place": true, "_create_subscriptions": true,
            "reference": format!("order {number}"),
        });
        let of = [
            ("market", "markets", market.as_str()),
            ("customer", "customers", &customer),
            ("customer_payment_source", "customer_payment_sources", &good),
        ];
        let order = client.create("orders", &order, &of).await?;
        settle(stack).await?;
        let made = client.related(&format!("orders/{order}?include=order_subscriptions")).await?;
        for subscription in &made {
            client.pay_by(subscription, &random).await?;
        }
        stack.move_clock(&Target::Instant(stack.clock().now() + pause)).await?;
    }
    let made = client.count("order_subscriptions").await?;
    if made.is_some_and(|made| made != u64::from(options.subscriptions)) {
        return Err(
            format!("{made:?} subscriptions came about, not {}", options.subscriptions).into()
        );
    }
    Ok(())
}

/// Has a span of time reconciled; answers the report's attributes.
async fn reconcile(
    stack: &Stack,
    client: &Client,
    (from, to): (DateTime<Utc>, DateTime<Utc>),
) -> Result<Value, Failure> {
    let id = client.create("reconciliations", &json!({"from": from, "to": to}), &[]).await?;
    let begun = Instant::now();
    loop {
        settle(stack).await?;
        let answer = client.get(&format!("reconciliations/{id}")).await?;
        let attributes = answer.pointer("/data/attributes").cloned().unwrap_or_default();
        match attributes.get("status").and_then(Value::as_str) {
            Some("completed" | "completed_with_errors") => return Ok(attributes),
            // On a machine that is very busy a step may take too long; its message comes again.
            Some("running") if begun.elapsed() < PATIENCE => tokio::time::sleep(LOOK_AGAIN).await,
            status => return Err(format!("the reconciliation is {status:?}").into()),
        }
    }
}

async fn settle(stack: &Stack) -> Result<(), Failure> {
    if stack.settle(PATIENCE).await { Ok(()) } else { Err("the stack did not come to rest".into()) }
}
