//! Intake: orders over HTTP at a steady rate, whether or not earlier ones were answered.
//!
//! Three times are taken, all from the moment at which the request was due to be sent, so that a
//! slow answer can't hide the ones that had to wait behind it:
//!
//! - `answered`: until the client has the whole answer;
//! - `published`: until the event `orders.place` is on the bus. The order was placed some time
//!   before, by the way through the table's stream and the relay, so this is an upper bound, and
//!   it costs the stack nothing to measure;
//! - `placed`: until a client that asks every two milliseconds reads the status `placed`. Asking
//!   is work too, so only one order in ten is followed so.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use indicatif::ProgressBar;
use perennial_local::{identity::Role, stack::Stack};
use reqwest::{Client, header};
use serde::Serialize;
use serde_json::{Value, json};
use tokio::{task::JoinSet, time::sleep};

use super::{
    Failure,
    latency::{Latency, Published, listen},
    seed::{Buyer, ORGANIZATION, SKU, Shop},
};

/// Orders that go before the measured ones: connections, caches, and allocators warm up.
const WARM_UP: u32 = 25;
/// One order in so many is followed by asking.
const FOLLOWED: u32 = 10;
/// How often a followed order is asked for.
const ASK: Duration = Duration::from_millis(2);
/// How long the last orders may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// How fast orders are taken.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Intake {
    /// Orders that were sent, and all of them placed.
    pub(super) orders: u64,
    pub(super) orders_per_second: u32,
    /// Until the client had the answer, in milliseconds.
    pub(super) answered_ms: Latency,
    /// Until the event that tells of the placed order was on the bus, in milliseconds.
    pub(super) published_ms: Latency,
    /// Until a client that asked again and again read that the order is placed, in milliseconds.
    pub(super) placed_ms: Latency,
}

/// One order as the client saw it.
struct Sent {
    id: String,
    due: Instant,
    answered: Duration,
    placed: Option<Duration>,
}

/// Sends orders at a rate for so many seconds, and waits until all are placed.
pub(super) async fn measure(
    stack: &Stack,
    shop: &Shop,
    buyers: &[Buyer],
    rate: u32,
    seconds: u32,
    bar: &ProgressBar,
) -> Result<Intake, Failure> {
    let shopper = Arc::new(Shopper::new(stack, shop)?);
    let published = Published::default();
    let events = stack.cloud().buses.subscribe();
    let listener = tokio::spawn(listen(events, Some("orders.place"), published.clone()));
    let mut buyers = buyers.iter().cycle();
    let mut next = || buyers.next().cloned().ok_or("there are no buyers");

    for _ in 0..WARM_UP {
        shopper.order(&next()?, Instant::now(), true).await?;
    }
    let orders = rate.saturating_mul(seconds);
    let begun = tokio::time::Instant::now() + Duration::from_millis(50);
    let mut sending = JoinSet::new();
    for number in 0..orders {
        let due = begun + Duration::from_secs(u64::from(number)) / rate.max(1);
        tokio::time::sleep_until(due).await;
        let (shopper, buyer) = (Arc::clone(&shopper), next()?);
        let follow = number % FOLLOWED == 0;
        sending.spawn(async move { shopper.order(&buyer, due.into_std(), follow).await });
        bar.inc(1);
    }
    let mut sent = Vec::new();
    while let Some(order) = sending.join_next().await {
        sent.push(order??);
    }
    let deadline = Instant::now() + PATIENCE;
    let published = loop {
        let known = published.known();
        let missing = sent.iter().filter(|order| !known.contains_key(&order.id)).count();
        if missing == 0 {
            break known;
        }
        if listener.is_finished() || Instant::now() > deadline {
            return Err(format!("of {} orders, {missing} were not placed", sent.len()).into());
        }
        sleep(Duration::from_millis(20)).await;
    };
    listener.abort();
    let at = |order: &Sent| Some(published.get(&order.id)?.saturating_duration_since(order.due));
    Ok(Intake {
        orders: u64::from(orders),
        orders_per_second: rate,
        answered_ms: Latency::of(sent.iter().map(|order| order.answered))?,
        published_ms: Latency::of(sent.iter().filter_map(at))?,
        placed_ms: Latency::of(sent.iter().filter_map(|order| order.placed))?,
    })
}

/// A client of the API.
struct Shopper {
    client: Client,
    orders: String,
    token: String,
    market: String,
}

impl Shopper {
    fn new(stack: &Stack, shop: &Shop) -> Result<Self, Failure> {
        Ok(Self {
            client: Client::new(),
            orders: format!("{}/orders", stack.api_url()),
            token: stack.token(ORGANIZATION, Role::SalesChannel)?,
            market: shop.market.id.to_string(),
        })
    }

    /// Sends one order, and follows it until it is placed if that is wanted.
    async fn order(&self, buyer: &Buyer, due: Instant, follow: bool) -> Result<Sent, Failure> {
        let body = json!({"data": {
            "type": "orders",
            "attributes": {
                "line_items": [{"sku_code": SKU, "quantity": 2, "frequency": "monthly"}],
                "_place": true,
                "_create_subscriptions": true,
            },
            "relationships": {
                "market": {"data": {"type": "markets", "id": self.market}},
                "customer": {"data": {"type": "customers", "id": buyer.customer}},
                "customer_payment_source":
                    {"data": {"type": "customer_payment_sources", "id": buyer.source}},
            },
        }});
        let answer = self.ask(self.client.post(&self.orders).body(body.to_string())).await?;
        let answered = due.elapsed();
        let id = text(&answer, "/data/id")?.to_owned();
        let mut placed = None;
        while follow && placed.is_none() {
            if due.elapsed() > PATIENCE {
                return Err(format!("order {id} was not placed").into());
            }
            let order = self.ask(self.client.get(format!("{}/{id}", self.orders))).await?;
            match text(&order, "/data/attributes/status")? {
                "placed" => placed = Some(due.elapsed()),
                "placing" => sleep(ASK).await,
                _ => return Err(format!("order {id} was refused: {order}").into()),
            }
        }
        Ok(Sent { id, due, answered, placed })
    }

    async fn ask(&self, request: reqwest::RequestBuilder) -> Result<Value, Failure> {
        let answer = request
            .bearer_auth(&self.token)
            .header(header::CONTENT_TYPE, "application/vnd.api+json")
            .header(header::ACCEPT, "application/vnd.api+json")
            .send()
            .await?;
        let (status, body) = (answer.status(), answer.bytes().await?);
        if !status.is_success() {
            let body = String::from_utf8_lossy(&body);
            return Err(format!("the API answered {status}: {body}").into());
        }
        Ok(serde_json::from_slice(&body)?)
    }
}

fn text<'a>(document: &'a Value, pointer: &str) -> Result<&'a str, Failure> {
    let found = document.pointer(pointer).and_then(Value::as_str);
    found.ok_or_else(|| format!("the answer has no {pointer}").into())
}
