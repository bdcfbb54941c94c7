//! Documents for the API with boring defaults: a test writes only what it is about.

use serde_json::{Map, Value, json};

/// A document that makes a resource. Relationships are pairs of name and (type, id).
#[must_use]
pub fn create(kind: &str, attributes: Value, related: &[(&str, &str, &str)]) -> Value {
    let relationships: Map<String, Value> = related
        .iter()
        .map(|(name, kind, id)| ((*name).to_owned(), json!({"data": {"type": kind, "id": id}})))
        .collect();
    let mut data =
        Map::from_iter([("type".to_owned(), json!(kind)), ("attributes".to_owned(), attributes)]);
    if !relationships.is_empty() {
        data.insert("relationships".to_owned(), Value::Object(relationships));
    }
    json!({ "data": data })
}

/// A document that changes attributes of a resource.
#[must_use]
pub fn update(kind: &str, id: &str, attributes: &Value) -> Value {
    json!({"data": {"type": kind, "id": id, "attributes": attributes}})
}

/// An object with some members replaced or added; a null takes the member away.
#[must_use]
pub fn with(base: Value, changes: Value) -> Value {
    let (Value::Object(mut members), Value::Object(changes)) = (base, changes) else {
        return Value::Null;
    };
    for (name, value) in changes {
        if value.is_null() {
            members.remove(&name);
        } else {
            members.insert(name, value);
        }
    }
    Value::Object(members)
}

/// A subscription model: one subscription for each frequency, active at once, two retries a day
/// apart, the latest missed run made up for.
#[must_use]
pub fn model() -> Value {
    json!({
        "name": "Coffee",
        "strategy": "by_frequency",
        "auto_activate": true,
        "retry_policy": {
            "delays_in_minutes": [1440],
            "maximum": 2,
            "on_exhausted": "keep_active",
        },
        "catch_up": {"policy": "latest"},
    })
}

/// A market in euros and UTC.
#[must_use]
pub fn market() -> Value {
    json!({"name": "Europe", "currency_code": "EUR", "time_zone": "Etc/UTC"})
}

/// A product for 12.50 EUR whose stock is not tracked.
#[must_use]
pub fn sku(code: &str) -> Value {
    json!({
        "code": code,
        "name": "Coffee beans",
        "unit_amount_cents": 1250,
        "currency_code": "EUR",
    })
}

/// A line of an order that repeats.
#[must_use]
pub fn line(sku: &str, quantity: u32, frequency: &str) -> Value {
    json!({"sku_code": sku, "quantity": quantity, "frequency": frequency})
}
