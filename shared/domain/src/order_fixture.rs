//! An order with all that it refers to, for the tests of what is made from orders.

use std::{collections::HashMap, error::Error};

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use crate::{
    catalog::{Market, Sku, SubscriptionModel},
    ids::{CustomerId, MarketId, ModelId, OrderId, PaymentSourceId, SkuId},
    order::{LineItem, Order},
};

pub(crate) type TestResult<T = ()> = Result<T, Box<dyn Error>>;

/// When the order is made and placed: ten o'clock in London.
pub(crate) const PLACED: &str = "2027-01-31T10:00:00Z";

pub(crate) fn at(text: &str) -> TestResult<DateTime<Utc>> {
    Ok(text.parse()?)
}

/// Two bags of beans at 12.50 and a mug at 8.00, neither of which repeats by itself.
pub(crate) fn placed_order() -> TestResult<Order> {
    let line = |tail: &str, code: &str, quantity: u32, unit_amount: i64| {
        json!({
            "id": format!("lin_shop_{tail}"), "sku_code": code, "name": code.to_lowercase(),
            "quantity": quantity, "unit_amount": unit_amount,
        })
    };
    let order: Value = json!({
        "id": OrderId::derived(&["order"]),
        "status": "placed",
        "payment_status": "paid",
        "market_id": MarketId::derived(&["market"]),
        "customer_id": CustomerId::derived(&["customer"]),
        "payment_source_id": PaymentSourceId::derived(&["source"]),
        "currency": "EUR",
        "line_items": [line("1", "BEANS", 2, 1_250), line("2", "MUG", 1, 800)],
        "charge_id": "ch_1",
        "reference": "A-1",
        "metadata": {"campaign": "spring"},
        "placements": 1,
        "placing_at": PLACED,
        "placed_at": PLACED,
        "created_at": PLACED,
        "updated_at": PLACED,
        "version": 3,
        "journal": {"sequence": 3, "hash": "h"},
    });
    Ok(serde_json::from_value(order)?)
}

/// The same before it was placed.
pub(crate) fn draft_order() -> TestResult<Order> {
    let mut order = placed_order()?;
    order.status = crate::order::OrderStatus::Draft;
    order.payment_status = crate::order::PaymentStatus::Unpaid;
    (order.charge_id, order.placing_at, order.placed_at) = (None, None, None);
    order.placements = 0;
    Ok(order)
}

/// The same line, repeating by itself.
pub(crate) fn repeating(line: &LineItem, frequency: &str) -> TestResult<LineItem> {
    Ok(LineItem { frequency: Some(frequency.parse()?), ..line.clone() })
}

/// Its market, in London.
pub(crate) fn market() -> TestResult<Market> {
    Ok(serde_json::from_value(json!({
        "id": MarketId::derived(&["market"]), "name": "Europe", "currency_code": "EUR",
        "time_zone": "Europe/London", "version": 1, "created_at": PLACED, "updated_at": PLACED,
    }))?)
}

/// A model that offers these frequencies; none offers every one.
pub(crate) fn model(frequencies: &[&str]) -> TestResult<SubscriptionModel> {
    Ok(serde_json::from_value(json!({
        "id": ModelId::derived(&["model"]), "name": "Standard", "strategy": "by_frequency",
        "frequencies": frequencies, "auto_activate": true, "auto_cancel": false,
        "renewal_alert_period": 48, "version": 1, "created_at": PLACED, "updated_at": PLACED,
    }))?)
}

/// What its lines order; nothing of it is tracked.
pub(crate) fn skus() -> TestResult<HashMap<SkuId, Sku>> {
    let sku = |code: &str| -> TestResult<(SkuId, Sku)> {
        let id = SkuId::of_code(code);
        let sku = json!({
            "id": id, "code": code, "name": code.to_lowercase(), "unit_amount_cents": 1_000,
            "currency_code": "EUR", "version": 1, "created_at": PLACED, "updated_at": PLACED,
        });
        Ok((id, serde_json::from_value(sku)?))
    };
    [sku("BEANS"), sku("MUG")].into_iter().collect()
}
