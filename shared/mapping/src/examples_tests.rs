//! The mappings that are shipped, on their samples.

use serde_json::{Value, json};

use crate::{Format, check, read, run};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/mappings");

fn made(
    name: &str,
    sample: &str,
    format: Format,
    group_by: Option<&str>,
) -> Result<Vec<Value>, Box<dyn std::error::Error>> {
    let program = std::fs::read_to_string(format!("{FOLDER}/{name}/mapping.jq"))?;
    let sample = std::fs::read_to_string(format!("{FOLDER}/{name}/{sample}"))?;
    assert_eq!(check(&program), Ok(()), "{name}");
    let messages = read(format, group_by, &sample)?;
    let run = |message: &crate::Message| Ok(run(&program, &message.value, &Value::Null)?);
    messages.iter().map(run).collect()
}

#[test]
fn the_shop_webhook_becomes_an_order() -> Result<(), Box<dyn std::error::Error>> {
    let made = made("shop-webhook", "sample.json", Format::Json, None)?;
    let expected = json!({
        "external_id": "820982911946154508",
        "occurred_at": "2027-01-31T04:59:30-05:00",
        "customer": {
            "reference": "115310627314723954", "email": "ada@example.com", "name": "Ada Byron",
        },
        "payment_source": {"payment_source_token": "tok_paid"},
        "order": {
            "currency_code": "EUR",
            "line_items": [
                {
                    "sku_code": "BEANS", "quantity": 2, "unit_amount_cents": 1190,
                    "frequency": "monthly", "reference": "866550311766439020",
                },
                {
                    "sku_code": "BEANS", "quantity": 1, "unit_amount_cents": 900,
                    "reference": "141249953214522974",
                },
            ],
            "metadata": {"name": "#9999", "tags": ["web", "first order"]},
            "_create_subscriptions": true,
            "_place": true,
        },
    });
    assert_eq!(made, [expected]);
    Ok(())
}

#[test]
fn the_document_of_the_commerce_api_becomes_an_order() -> Result<(), Box<dyn std::error::Error>> {
    let made = made("commerce-api", "sample.json", Format::Json, None)?;
    let expected = json!({
        "external_id": "wBXVhKzrnq",
        "occurred_at": "2027-01-31T09:30:00.000Z",
        "customer": {"reference": "grace@example.com", "email": "grace@example.com"},
        "payment_source": {"payment_source_token": "tok_paid", "name": "Visa ending 4242"},
        "order": {
            "currency_code": "EUR",
            "reference": "1234",
            "line_items": [
                {"sku_code": "BEANS", "quantity": 3, "unit_amount_cents": 1100, "frequency": "two-month"},
            ],
            "metadata": {"campaign": "winter"},
            "_create_subscriptions": true,
            "_place": true,
        },
    });
    assert_eq!(made, [expected]);
    Ok(())
}

#[test]
fn the_form_of_the_service_desk_becomes_two_orders() -> Result<(), Box<dyn std::error::Error>> {
    let made = made("service-desk", "sample.csv", Format::Csv, Some("ticket"))?;
    let expected = [
        json!({
            "external_id": "T-1001",
            "occurred_at": "2027-01-31T09:10:00Z",
            "customer": {"reference": "K-77", "email": "mary@example.com"},
            "payment_source": {"payment_source_token": "tok_paid"},
            "order": {
                "line_items": [
                    {"sku_code": "BEANS", "quantity": 2, "frequency": "monthly"},
                    {"sku_code": "BEANS", "quantity": 1},
                ],
                "metadata": {"taken_by": "Lin"},
                "_create_subscriptions": true,
                "_place": true,
            },
        }),
        json!({
            "external_id": "T-1002",
            "occurred_at": "2027-01-31T09:20:00Z",
            "customer": {"reference": "K-78", "email": "jean@example.com"},
            "order": {
                "line_items": [{"sku_code": "BEANS", "quantity": 5}],
                "metadata": {"taken_by": "Okoro, Sam"},
                "_create_subscriptions": false,
                "_place": false,
            },
        }),
    ];
    assert_eq!(made, expected);
    Ok(())
}

#[test]
fn a_payload_without_lines_is_refused_in_words() -> Result<(), Box<dyn std::error::Error>> {
    for (name, payload, words) in [
        ("shop-webhook", json!({"id": 1, "customer": {"id": 2, "email": "a@b.example"}}), {
            "the payload has no line_items"
        }),
        (
            "shop-webhook",
            json!({"id": 1, "customer": {"id": 2, "email": "a@b.example"}, "line_items": []}),
            "the payload has no line_items",
        ),
        (
            "commerce-api",
            json!({"data": {"type": "orders", "id": "x", "attributes": {
                "customer_email": "a@b.example", "number": 1,
            }}}),
            "the payload has no line_items of skus in included",
        ),
    ] {
        let program = std::fs::read_to_string(format!("{FOLDER}/{name}/mapping.jq"))?;
        let refused = run(&program, &payload, &Value::Null).map_err(|error| error.to_string());
        assert_eq!(refused, Err(format!("the mapping ended with an error: {words}")), "{name}");
    }
    Ok(())
}
