//! Where the goods and bills of imported subscriptions go.

use perennial_tests::{Shop, TestResult, documents};
use serde_json::{Value, json};

use super::{NOW, import, outcomes, problems, row, subscription};

fn home() -> Value {
    json!({
        "first_name": "Grace",
        "last_name": "Hopper",
        "line_1": "Unter den Linden 1",
        "zip_code": "10117",
        "city": "Berlin",
        "country_code": "DE",
    })
}

fn with(shop: &Shop, external_id: &str, changes: Value) -> Value {
    documents::with(row(shop, external_id), changes)
}

#[tokio::test]
async fn goods_and_bills_go_where_the_row_says_from_the_first_run_on() -> TestResult {
    let shop = Shop::open_at(NOW).await?;
    let office = documents::with(home(), json!({"line_1": "Pariser Platz 1", "business": true}));
    let both = json!({"shipping_address": home(), "billing_address": office});
    let rows = [
        with(&shop, "S-1", both),
        // The same lines of the same customer are one address.
        with(&shop, "S-2", json!({"shipping_address": home(), "billing_address": home()})),
        with(&shop, "S-3", json!({"shipping_address": home(), "customer_email": "al@example.com"})),
        with(&shop, "S-4", json!({"shipping_address": null})),
    ];
    let checked = import(&shop, &rows, true).await?;
    assert_eq!(outcomes(&checked), ["imported"; 4], "{:#}", checked.body);
    assert!(shop.api.all("addresses").await?.is_empty(), "a dry run writes nothing");
    let made = import(&shop, &rows, false).await?;
    assert_eq!(outcomes(&made), ["imported"; 4], "{:#}", made.body);
    assert_eq!(shop.api.all("addresses").await?.len(), 3);
    assert_eq!(outcomes(&import(&shop, &rows, false).await?), ["unchanged"; 4]);
    assert_eq!(shop.api.all("addresses").await?.len(), 3);

    let path = format!("order_subscriptions/{}", subscription(&made, 0)?);
    let shipping = shop.api.get(&format!("{path}/shipping_address")).await?;
    assert_eq!(shipping.attribute("full_address"), "Unter den Linden 1, 10117 Berlin (DE)");
    assert_eq!(shipping.attribute("business"), false);
    assert!(shipping.text("/data/attributes/locked_at")?.starts_with("2027-02-10T12:00:00"));
    let billing = shop.api.get(&format!("{path}/billing_address")).await?;
    assert_eq!(billing.attribute("line_1"), "Pariser Platz 1");
    assert_eq!(billing.attribute("business"), true);
    let second = format!("order_subscriptions/{}", subscription(&made, 1)?);
    for place in ["shipping_address", "billing_address"] {
        let there = shop.api.get(&format!("{second}/{place}")).await?;
        assert_eq!(there.id()?, shipping.id()?, "{place}");
    }
    let fourth = format!("order_subscriptions/{}", subscription(&made, 3)?);
    let nowhere = shop.api.get(&format!("{fourth}/shipping_address")).await?;
    assert_eq!(nowhere.at("/data"), &Value::Null);

    // Another place under the same id is another row, and the lines of a place stay.
    let moved = documents::with(home(), json!({"city": "Potsdam"}));
    let rows = [with(&shop, "S-3", json!({"shipping_address": moved}))];
    let moved = import(&shop, &rows, false).await?;
    assert_eq!(outcomes(&moved), ["conflict"]);
    let change = documents::update("addresses", &shipping.id()?, &json!({"city": "Potsdam"}));
    let refused = shop.api.patch(&format!("addresses/{}", shipping.id()?), &change).send().await?;
    assert_eq!(refused.errors(), ["invalid_status /data/attributes/city"]);

    shop.advance_to("2027-03-01T00:00:00Z").await?;
    let orders = shop.api.get(&format!("{path}/orders?include=shipping_address")).await?;
    assert_eq!(orders.at("/included/0/id"), &json!(shipping.id()?), "{:#}", orders.body);
    shop.prove_events().await
}

#[tokio::test]
async fn addresses_of_rows_keep_the_rules_of_addresses() -> TestResult {
    let shop = Shop::open_at(NOW).await?;
    let cases = [
        (json!({"city": null}), vec!["shipping_address/city required"]),
        (json!({"line_1": ""}), vec!["shipping_address/line_1 out_of_range"]),
        (json!({"country_code": "de"}), vec!["shipping_address/country_code invalid_value"]),
        (json!({"country_code": "Germany"}), vec!["shipping_address/country_code out_of_range"]),
        (json!({"lat": 91}), vec!["shipping_address/lat out_of_range"]),
        (json!({"street": "Linden"}), vec!["shipping_address/street unknown_attribute"]),
        (
            json!({"zip_code": 10117, "city": 3}),
            vec!["shipping_address/city wrong_type", "shipping_address/zip_code wrong_type"],
        ),
    ];
    let mut rows: Vec<Value> = Vec::new();
    for (place, (changes, _)) in cases.iter().enumerate() {
        let there = documents::with(home(), changes.clone());
        rows.push(with(&shop, &format!("S-{place}"), json!({"shipping_address": there})));
    }
    rows.push(with(&shop, "S-text", json!({"billing_address": "Berlin"})));
    for dry_run in [true, false] {
        let answer = import(&shop, &rows, dry_run).await?;
        for (place, (changes, expected)) in cases.iter().enumerate() {
            let mut found = problems(&answer, place);
            found.sort();
            assert_eq!(&found, expected, "{changes}");
        }
        assert_eq!(problems(&answer, cases.len()), ["billing_address wrong_type"]);
        // The very rule of the resource.
        let told = answer.text("/data/attributes/results/2/problems/0/detail")?;
        let wrong = documents::with(home(), json!({"country_code": "de"}));
        let wrong = documents::create("addresses", wrong, &[]);
        let refused = shop.api.post("addresses", &wrong).send().await?;
        assert_eq!(told, refused.text("/errors/0/detail")?);
    }
    assert!(shop.api.all("addresses").await?.is_empty());
    Ok(())
}
