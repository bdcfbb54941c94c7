//! Addresses of orders and subscriptions, and what becomes of one that was gone by.

use perennial_tests::{Shop, TestResult, documents, shop::BEANS};
use serde_json::{Value, json};

use super::{OPENING, berlin, change, delete, make, point, to};

#[tokio::test]
async fn an_address_tells_itself_in_one_line() -> TestResult {
    let shop = Shop::open_at(OPENING).await?;
    for (changes, name, full_name) in [
        (json!({}), "Ada Lovelace, Unter den Linden 6, 10117 Berlin (DE)", json!("Ada Lovelace")),
        (
            json!({"business": true, "company": "Analytical Engines", "line_2": "Hof 2"}),
            "Analytical Engines, Unter den Linden 6 Hof 2, 10117 Berlin (DE)",
            json!("Ada Lovelace"),
        ),
        (
            json!({"first_name": null, "last_name": null, "zip_code": null, "state_code": "BE"}),
            "Unter den Linden 6, Berlin BE (DE)",
            Value::Null,
        ),
    ] {
        let made = make(&shop.api, "addresses", berlin(changes)).await?;
        let made = shop.api.get(&format!("addresses/{made}")).await?;
        assert_eq!(made.attribute("name"), name);
        assert_eq!(made.attribute("full_name"), &full_name);
        assert_eq!(made.attribute("locked_at"), &Value::Null);
    }
    Ok(())
}

#[tokio::test]
async fn what_an_address_lacks_or_has_wrong_is_named() -> TestResult {
    let shop = Shop::open_at(OPENING).await?;
    for (attributes, errors) in [
        (json!({}), vec!["required city", "required country_code", "required line_1"]),
        (berlin(json!({"country_code": "de"})), vec!["invalid_value country_code"]),
        (berlin(json!({"country_code": "XX"})), vec!["invalid_value country_code"]),
        (berlin(json!({"country_code": "DEU"})), vec!["out_of_range country_code"]),
        (berlin(json!({"city": "\u{7}"})), vec!["invalid_value city"]),
        (berlin(json!({"zip_code": 10117})), vec!["wrong_type zip_code"]),
        (berlin(json!({"locked_at": OPENING})), vec!["read_only_attribute locked_at"]),
    ] {
        let document = documents::create("addresses", attributes.clone(), &[]);
        let refused = shop.api.post("addresses", &document).send().await?.with_status(422)?;
        let mut found = refused.errors();
        found.sort();
        let mut expected: Vec<String> =
            errors.iter().map(|error| error.replace(' ', " /data/attributes/")).collect();
        expected.sort();
        assert_eq!(found, expected, "{attributes}");
    }
    Ok(())
}

#[tokio::test]
async fn orders_subscriptions_and_their_runs_go_by_the_addresses_of_the_source_order() -> TestResult
{
    let shop = Shop::open_at(OPENING).await?;
    let api = &shop.api;
    let home = make(api, "addresses", berlin(json!({}))).await?;
    let office = make(api, "addresses", berlin(json!({"line_1": "Pariser Platz 1"}))).await?;
    let mut document = shop.subscribing(&[documents::line(BEANS, 1, "monthly")]);
    for (name, id) in [("shipping_address", &home), ("billing_address", &office)] {
        document["data"]["relationships"][name] = json!({"data": to("addresses", id)});
    }
    let order = api.create("orders", &document).await?.id()?;
    shop.settle().await?;
    let made = shop.subscriptions_of(&order).await?;
    let [subscription] = &made[..] else { panic!("{made:?}") };
    shop.advance("P1M").await?;
    let runs =
        api.all(&format!("orders?filter[q][order_subscription_id_eq]={subscription}")).await?;
    let run = runs.first().and_then(|run| run["id"].as_str()).unwrap_or_default();
    for path in [
        format!("orders/{order}"),
        format!("order_subscriptions/{subscription}"),
        format!("orders/{run}"),
    ] {
        let shipping = api.get(&format!("{path}/shipping_address")).await?;
        assert_eq!(shipping.id()?, home, "{path}");
        let both = api.get(&format!("{path}?include=shipping_address,billing_address")).await?;
        let cities = both.at("/included").as_array().cloned().unwrap_or_default();
        assert_eq!(cities.len(), 2, "{path}");
        let billing = both.at("/data/relationships/billing_address/data");
        assert_eq!(billing, &to("addresses", &office), "{path}");
    }
    shop.prove_books().await?;
    Ok(())
}

#[tokio::test]
async fn an_address_that_was_gone_by_keeps_its_lines() -> TestResult {
    let shop = Shop::open_at(OPENING).await?;
    let api = &shop.api;
    let home = make(api, "addresses", berlin(json!({}))).await?;
    let document = shop.order_document(json!({
        "line_items": [{"sku_code": BEANS, "quantity": 1}],
    }));
    let order = api.create("orders", &document).await?.id()?;
    let there = [("shipping_address", to("addresses", &home))];
    point(api, "orders", &order, &there).await?.with_status(200)?;
    change(api, "addresses", &home, json!({"line_1": "Friedrichstr. 1"}))
        .await?
        .with_status(200)?;

    change(api, "orders", &order, json!({"_place": true})).await?.with_status(200)?;
    shop.settle().await?;
    let locked = api.get(&format!("addresses/{home}")).await?;
    assert!(locked.text("/data/attributes/locked_at")?.starts_with("2027-01-31T10:00:00"));
    let moved =
        change(api, "addresses", &home, json!({"line_1": "Elsewhere", "city": "Rome"})).await?;
    let moved = moved.with_status(409)?;
    let mut errors = moved.errors();
    errors.sort();
    let expected =
        ["invalid_status /data/attributes/city", "invalid_status /data/attributes/line_1"];
    assert_eq!(errors, expected);
    assert!(moved.text("/errors/0/detail")?.contains("make a new address"));
    // The same line again, and what is not of the address, can be given.
    let kept = json!({"line_1": "Friedrichstr. 1", "reference": "A-1", "metadata": {"floor": 3}});
    change(api, "addresses", &home, kept).await?.with_status(200)?;
    let gone = delete(api, "addresses", &home).await?.with_status(409)?;
    assert_eq!(gone.at("/errors/0/code"), "in_use");

    let elsewhere = make(api, "addresses", berlin(json!({"city": "Potsdam"}))).await?;
    let away = [("shipping_address", to("addresses", &elsewhere))];
    let refused = point(api, "orders", &order, &away).await?.with_status(409)?;
    assert_eq!(refused.at("/errors/0/code"), "invalid_status");
    Ok(())
}

#[tokio::test]
async fn an_order_goes_only_to_addresses_that_are_there() -> TestResult {
    let shop = Shop::open_at(OPENING).await?;
    let order = super::draft(&shop).await?;
    for id in ["adr_none", "ord_1", "", "adr_ä"] {
        let nowhere = [("billing_address", to("addresses", id))];
        let refused = point(&shop.api, "orders", &order, &nowhere).await?;
        let expected = ["related_not_found /data/relationships/billing_address/data/id"];
        assert_eq!(refused.errors(), expected, "{id}");
    }
    let nothing = [("billing_address", Value::Null), ("shipping_address", Value::Null)];
    point(&shop.api, "orders", &order, &nothing).await?.with_status(200)?;
    Ok(())
}

#[tokio::test]
async fn an_address_keeps_where_on_the_globe_it_is() -> TestResult {
    let shop = Shop::open_at(OPENING).await?;
    let there = json!({"lat": 52.5170365, "lng": 13.3888599});
    let address = make(&shop.api, "addresses", berlin(there)).await?;
    let read = shop.api.get(&format!("addresses/{address}")).await?;
    assert_eq!(read.attribute("lat"), &json!(52.5170365));
    assert_eq!(read.attribute("lng"), &json!(13.3888599));
    let south = json!({"lat": -90, "lng": null});
    let moved = change(&shop.api, "addresses", &address, south).await?.with_status(200)?;
    assert_eq!((moved.attribute("lat"), moved.attribute("lng")), (&json!(-90), &json!(null)));
    for (wrong, error) in [
        (json!({"lat": 90.1}), "out_of_range /data/attributes/lat"),
        (json!({"lng": -180.000001}), "out_of_range /data/attributes/lng"),
        (json!({"lng": "13.4"}), "wrong_type /data/attributes/lng"),
    ] {
        let refused = change(&shop.api, "addresses", &address, wrong).await?.with_status(422)?;
        assert_eq!(refused.errors(), [error]);
    }
    Ok(())
}
