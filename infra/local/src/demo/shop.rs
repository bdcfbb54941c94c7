//! The shop at work: it opens, takes orders, and looks its customers up again.

use std::time::{Duration, Instant};

use serde_json::json;

use super::{
    Failure,
    cast::{Customer, GOODS, Good},
    client::{Client, Link, Resource},
};

/// How long an order may take to be placed.
const PATIENCE: Duration = Duration::from_secs(20);

/// A shop with its market.
pub(super) struct Shop {
    market: Link,
}

/// A customer who has ordered.
pub(super) struct Regular {
    pub(super) name: &'static str,
    /// The card on file.
    pub(super) card: Link,
    /// The order as placed.
    pub(super) order: Resource,
    /// The subscriptions that it became.
    pub(super) subscriptions: Vec<Resource>,
}

impl Shop {
    /// Sets up rules, market and goods.
    pub(super) async fn open(client: &Client) -> Result<Self, Failure> {
        let rules = json!({
            "name": "Repeat orders",
            "strategy": "by_frequency",
            "auto_activate": true,
            "retry_policy": {
                "delays_in_minutes": [1_440, 4_320],
                "maximum": 3,
                "on_exhausted": "keep_active",
            },
            "catch_up": {"policy": "latest"},
        });
        let model = client.create("subscription_models", rules, &[]).await?.link()?;
        let market = json!({
            "name": "Germany",
            "currency_code": "EUR",
            "time_zone": "Europe/Berlin",
        });
        let market = client.create("markets", market, &[("subscription_model", &model)]).await?;
        for Good { code, name, price } in GOODS {
            let good = json!({
                "code": code,
                "name": name,
                "unit_amount_cents": price,
                "currency_code": "EUR",
            });
            client.create("skus", good, &[]).await?;
        }
        Ok(Self { market: market.link()? })
    }

    /// Takes the order of a customer and waits until it is placed.
    pub(super) async fn serve(
        &self,
        client: &Client,
        customer: &Customer,
    ) -> Result<Regular, Failure> {
        let name = customer.name;
        let email = format!("{}@example.com", name.to_lowercase());
        let person = client.create("customers", json!({"email": email, "name": name}), &[]).await?;
        let person = person.link()?;
        let card = json!({"payment_source_token": "tok_paid", "name": "Visa ending 4242"});
        let card =
            client.create("customer_payment_sources", card, &[("customer", &person)]).await?;
        let card = card.link()?;
        let wishes = json!({
            "line_items": customer.line_items(),
            "_place": true,
            "_create_subscriptions": true,
        });
        let related =
            [("market", &self.market), ("customer", &person), ("customer_payment_source", &card)];
        let order = client.create("orders", wishes, &related).await?;
        let order = placed(client, order).await?;
        let id = order.link()?.id;
        let path = format!("order_subscriptions?filter[q][source_order_id_eq]={id}");
        let subscriptions = client.list(&path).await?;
        Ok(Regular { name, card, order, subscriptions })
    }
}

impl Regular {
    /// The runs of their first subscription, oldest first.
    pub(super) async fn runs(&self, client: &Client) -> Result<Vec<Resource>, Failure> {
        let subscription = self.subscriptions.first().ok_or("there is no subscription")?;
        runs_of(client, &subscription.link()?).await
    }

    /// Puts another card on file; the token tells the test provider how it behaves.
    pub(super) async fn change_card(&self, client: &Client, token: &str) -> Result<(), Failure> {
        let card = json!({"payment_source_token": token});
        client.update(&self.card, card).await.map(drop)
    }
}

/// The runs of a subscription, oldest first.
pub(super) async fn runs_of(
    client: &Client,
    subscription: &Link,
) -> Result<Vec<Resource>, Failure> {
    let path = format!("recurring_order_copies?filter[q][order_subscription_id_eq]={subscription}");
    let mut runs = client.list(&path).await?;
    runs.reverse();
    Ok(runs)
}

async fn placed(client: &Client, order: Resource) -> Result<Resource, Failure> {
    let begun = Instant::now();
    let mut order = order;
    while order.text("status")? == "placing" {
        if begun.elapsed() > PATIENCE {
            return Err("an order is still not placed".into());
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
        order = client.read(&order.link()?).await?;
    }
    match order.text("status")? {
        "placed" => Ok(order),
        other => {
            let reasons = order.attribute("rejections");
            Err(format!("an order is {other} instead of placed: {reasons}").into())
        }
    }
}
