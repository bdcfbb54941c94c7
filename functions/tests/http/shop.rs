//! A shop: the catalog and customer that orders need.

use serde_json::{Value, json};

use crate::{
    documents::{create, update},
    embedded::Stack,
};

/// A stack with a market, its model, a sku, a customer and a payment source.
pub(crate) struct Shop {
    pub(crate) stack: Stack,
    pub(crate) market: String,
    pub(crate) customer: String,
    pub(crate) source: String,
}

impl Shop {
    pub(crate) async fn open() -> Self {
        let stack = Stack::start().await;
        let model = json!({"name": "Coffee", "frequencies": ["weekly", "monthly", "two-month"]});
        let model = create("subscription_models", &model, &[]);
        let model = stack.post("/api/subscription_models", &model).await.expect(201).id();
        let market = json!({"name": "Europe", "currency_code": "EUR"});
        let related = [("subscription_model", "subscription_models", model.as_str())];
        let market = create("markets", &market, &related);
        let market = stack.post("/api/markets", &market).await.expect(201).id();
        for (code, currency) in [("BEANS", "EUR"), ("TEA", "EUR"), ("US", "USD")] {
            let mut sku = json!({
                "code": code, "name": code, "unit_amount_cents": 1250, "currency_code": currency,
            });
            if code == "TEA" {
                sku["allowed_frequencies"] = json!(["weekly"]);
            }
            stack.post("/api/skus", &create("skus", &sku, &[])).await.expect(201);
        }
        let customer = create("customers", &json!({"email": "ada@example.com"}), &[]);
        let customer = stack.post("/api/customers", &customer).await.expect(201).id();
        let source = json!({"payment_source_token": "tok_paid"});
        let related = [("customer", "customers", customer.as_str())];
        let source = create("customer_payment_sources", &source, &related);
        let source = stack.post("/api/customer_payment_sources", &source).await.expect(201).id();
        Self { stack, market, customer, source }
    }

    /// The document of an order in the shop's market.
    pub(crate) fn order(&self, attributes: &Value) -> Value {
        create(
            "orders",
            attributes,
            &[
                ("market", "markets", &self.market),
                ("customer", "customers", &self.customer),
                ("customer_payment_source", "customer_payment_sources", &self.source),
            ],
        )
    }

    /// A draft with one line of beans a month.
    pub(crate) async fn draft(&self) -> String {
        let order = self.order(&json!({"line_items": [line("BEANS", 2, "monthly")]}));
        self.stack.post("/api/orders", &order).await.expect(201).id()
    }

    /// A subscription of an order placed now.
    pub(crate) async fn subscription(&self, frequency: &str) -> String {
        let order = self.order(&json!({
            "line_items": [line("BEANS", 2, frequency)],
            "_place": true,
            "_create_subscriptions": true,
        }));
        let order = self.stack.post("/api/orders", &order).await.expect(201).id();
        self.stack.validate(&order).await;
        let order = self.stack.get(&format!("/api/orders/{order}")).await.expect(200);
        assert_eq!(order.attribute("status"), "placed", "{:#}", order.body);
        order.at("/data/relationships/order_subscriptions/data/0/id").as_str().unwrap().to_owned()
    }

    /// Changes a subscription.
    pub(crate) async fn edit(
        &self,
        subscription: &str,
        attributes: Value,
    ) -> crate::embedded::Answer {
        let document = update("order_subscriptions", subscription, &attributes);
        self.stack.patch(&format!("/api/order_subscriptions/{subscription}"), &document).await
    }
}

/// A line of an order.
pub(crate) fn line(sku_code: &str, quantity: u32, frequency: &str) -> Value {
    json!({"sku_code": sku_code, "quantity": quantity, "frequency": frequency})
}
