//! The three mappings that are shipped, with their samples.

use perennial_local::identity::Role;
use perennial_tests::{Shop, TestResult, documents};
use serde_json::{Value, json};

use super::{NOW, channel, mapping, send, shipped};

#[tokio::test]
async fn a_shops_webhook_becomes_a_placed_order_with_its_subscription_once() -> TestResult {
    let shop = Shop::open_at(NOW).await?;
    let id = channel(&shop, "web", json!({"trusts_prices": true})).await?;
    mapping(&shop, &id, json!({"program": shipped("shop-webhook/mapping.jq")?})).await?;
    let sample = shipped("shop-webhook/sample.json")?;
    // A sales channel may post, and its prices count because the channel's do.
    let sender = Shop { api: shop.api_as(Role::SalesChannel)?, ..shop };
    let made = send(&sender, "web", "application/json", &sample).await?.with_status(201)?;
    let shop = Shop { api: sender.api_as(Role::Integration)?, ..sender };
    shop.settle().await?;
    let order = shop.api.get(&format!("orders/{}?include=line_items,customer", made.id()?)).await?;
    for (name, expected) in [
        ("status", json!("placed")),
        ("payment_status", json!("paid")),
        ("reference", json!("820982911946154508")),
        ("reference_origin", json!("web")),
        ("total_amount_cents", json!(2 * 1190 + 900)),
        ("metadata", json!({"name": "#9999", "tags": ["web", "first order"]})),
    ] {
        assert_eq!(order.attribute(name), &expected, "{name}");
    }
    let included = order.at("/included").as_array().cloned().unwrap_or_default();
    let customer = included.iter().find(|one| one["type"] == "customers").cloned();
    let customer = customer.unwrap_or_default();
    assert_eq!(customer["attributes"]["email"], "ada@example.com");
    assert_eq!(customer["attributes"]["reference"], "115310627314723954");
    assert_eq!(shop.subscriptions_of(&made.id()?).await?.len(), 1);
    assert_eq!(shop.charges().await?.len(), 1);

    // The webhook comes again, by its byte and by its sense: one order, one customer, one charge.
    let spaced = serde_json::from_str::<Value>(&sample)?.to_string();
    for again in [sample.as_str(), &spaced] {
        let known = send(&shop, "web", "application/json", again).await?.with_status(200)?;
        assert_eq!(known.id()?, made.id()?);
    }
    // Another id in the path leads to the same channel.
    let known = send(&shop, &id, "application/json; charset=utf-8", &sample).await?;
    assert_eq!((known.status, known.id()?), (200, made.id()?));
    shop.settle().await?;
    assert_eq!(shop.charges().await?.len(), 1);
    assert_eq!(shop.api.all("orders").await?.len(), 1);

    let kept = shop.api.get(&format!("orders/{}/source_payload", made.id()?)).await?;
    assert_eq!(kept.attribute("payload"), &json!(sample));
    assert_eq!(kept.attribute("external_id"), "820982911946154508");
    assert_eq!(kept.attribute("occurred_at"), "2027-01-31T09:59:30Z");
    Ok(())
}

#[tokio::test]
async fn an_order_of_a_commerce_api_becomes_one_of_ours() -> TestResult {
    let shop = Shop::open_at(NOW).await?;
    let id = channel(&shop, "commerce", json!({"trusts_prices": true})).await?;
    mapping(&shop, &id, json!({"program": shipped("commerce-api/mapping.jq")?})).await?;
    let sample = shipped("commerce-api/sample.json")?;
    let made =
        send(&shop, "commerce", "application/vnd.api+json", &sample).await?.with_status(201)?;
    shop.settle().await?;
    let order = shop.api.get(&format!("orders/{}", made.id()?)).await?;
    assert_eq!(order.attribute("status"), "placed");
    assert_eq!(order.attribute("reference"), "1234");
    assert_eq!(order.attribute("total_amount_cents"), &json!(3300));
    let subscriptions = shop.subscriptions_of(&made.id()?).await?;
    let frequency = match subscriptions.first() {
        Some(id) => shop.subscription(id).await?.frequency.to_string(),
        None => String::new(),
    };
    assert_eq!(frequency, "two-month");
    Ok(())
}

#[tokio::test]
async fn rows_of_a_service_desk_become_an_order_for_each_ticket() -> TestResult {
    let shop = Shop::open_at(NOW).await?;
    let id = channel(&shop, "desk", json!({})).await?;
    let program = shipped("service-desk/mapping.jq")?;
    let attributes = json!({"program": program, "format": "csv", "group_by": "ticket"});
    mapping(&shop, &id, attributes).await?;
    let sample = shipped("service-desk/sample.csv")?;
    let made = send(&shop, "desk", "text/csv", &sample).await?.with_status(200)?;
    let results = made.at("/meta/results").clone();
    assert_eq!(results[0]["outcome"], "created");
    assert_eq!(results[1]["outcome"], "created");
    shop.settle().await?;
    let mut orders = shop.api.all("orders").await?;
    orders.sort_by_key(|order| order["attributes"]["reference"].to_string());
    let told: Vec<Value> = orders
        .iter()
        .map(|order| {
            let attributes = &order["attributes"];
            json!([
                attributes["reference"],
                attributes["status"],
                attributes["total_amount_cents"],
                attributes["metadata"]["taken_by"],
            ])
        })
        .collect();
    // Prices of the list: beans cost 1250; who left no card has a draft.
    let each = shop.api.all("skus").await?[0]["attributes"]["unit_amount_cents"].clone();
    let each = each.as_i64().unwrap_or_default();
    assert_eq!(
        told,
        [
            json!(["T-1001", "placed", 3 * each, "Lin"]),
            json!(["T-1002", "draft", 5 * each, "Okoro, Sam"]),
        ]
    );
    let first = orders[0]["id"].as_str().unwrap_or_default();
    let kept = shop.api.get(&format!("orders/{first}/source_payload")).await?;
    let rows: Vec<&str> = sample.lines().take(3).collect();
    let payload = kept.attribute("payload").as_str().unwrap_or_default();
    assert_eq!(payload.lines().collect::<Vec<_>>(), rows);

    // The file comes again with one more row: two are known, one is new, one can't be read.
    let more = sample
        + "T-1003,2027-01-31T09:40:00Z,Lin,K-79,kay@example.com,BEANS,1,,\n\
           T-1004,2027-01-31T09:50:00Z,Lin,K-80,kim@example.com,BEANS,many,,\n";
    let again = send(&shop, "desk", "text/csv", &more).await?.with_status(200)?;
    let results = again.at("/meta/results").as_array().cloned().unwrap_or_default();
    let outcomes: Vec<&Value> = results.iter().map(|result| &result["outcome"]).collect();
    assert_eq!(outcomes, ["repeated", "repeated", "created", "refused"]);
    assert_eq!(results[3]["code"], "unmappable");
    assert_eq!(shop.api.all("orders").await?.len(), 3);
    // Each says which order of the file it is; of one that can't be mapped the rows tell.
    let named = |results: &[Value]| -> Vec<Value> {
        results.iter().map(|result| json!([result["external_id"], result["rows"]])).collect()
    };
    let expected = [
        json!(["T-1001", [1, 2]]),
        json!(["T-1002", [3]]),
        json!(["T-1003", [4]]),
        json!([null, [5]]),
    ];
    assert_eq!(named(&results), expected);
    // A preview of it says the same, and so does the letter of the row, taken again.
    let related = [("channel", "channels", id.as_str())];
    let attributes = json!({"format": "csv", "group_by": "ticket", "sample": more,
        "program": shipped("service-desk/mapping.jq")?});
    let preview = documents::create("channel_mapping_previews", attributes, &related);
    let preview = shop.api.post("channel_mapping_previews", &preview).send().await?;
    let tried = preview.with_status(200)?.attribute("results").as_array().cloned();
    assert_eq!(named(&tried.unwrap_or_default()), expected);
    let replay = json!({"dead_letter_ids": [results[3]["dead_letter_id"]]});
    let replay = documents::create("channel_replays", replay, &[]);
    let replay = shop.api.post("channel_replays", &replay).send().await?.with_status(200)?;
    let told = replay.attribute("results").as_array().cloned().unwrap_or_default();
    assert_eq!(named(&told), [json!([null, [1]])], "its letter holds this row alone");
    Ok(())
}

#[tokio::test]
async fn a_form_in_xml_becomes_an_order() -> TestResult {
    let shop = Shop::open_at(NOW).await?;
    let id = channel(&shop, "fax", json!({})).await?;
    let program = "{external_id: .order[\"@no\"], order: {line_items: [.order.line | many[] | \
        {sku_code: .sku, quantity: (.count | tonumber)}]}}";
    mapping(&shop, &id, json!({"program": program, "format": "xml"})).await?;
    for (no, lines, count) in [
        ("1", "<line><sku>BEANS</sku><count>2</count></line>", 1),
        (
            "2",
            "<line><sku>BEANS</sku><count>2</count></line>\
               <line><sku>BEANS</sku><count>1</count></line>",
            2,
        ),
    ] {
        let document = format!("<?xml version=\"1.0\"?><order no=\"{no}\">{lines}</order>");
        let made = send(&shop, "fax", "application/xml", &document).await?.with_status(201)?;
        let lines = shop.api.get(&format!("orders/{}/line_items", made.id()?)).await?;
        assert_eq!(lines.list()?.len(), count);
    }
    let bomb =
        "<!DOCTYPE o [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;\">]><order no=\"3\">&b;</order>";
    let refused = send(&shop, "fax", "text/xml", bomb).await?;
    assert_eq!(refused.status, 422);
    Ok(())
}
