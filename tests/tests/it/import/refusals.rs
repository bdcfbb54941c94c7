//! Rows that can't be imported: each is told all that is wrong with it, and keeps no other out.

use perennial_local::identity::{Role, TokenRequest};
use perennial_tests::{Shop, TestResult, documents, shop::BEANS};
use serde_json::{Value, json};

use super::{NOW, import, outcomes, problems, row};

/// What is changed about a sound row, and what it is refused for, as `field rule`.
fn cases(shop: &Shop) -> Vec<(Value, Vec<&'static str>)> {
    let item = |changes: Value| {
        let item = documents::with(json!({"sku_code": BEANS, "quantity": 1}), changes);
        json!({"items": [item]})
    };
    vec![
        (json!({"external_id": null}), vec!["external_id required"]),
        (json!({"external_id": 17}), vec!["external_id wrong_type"]),
        (json!({"external_id": "x".repeat(201)}), vec!["external_id out_of_range"]),
        (json!({"market_id": null}), vec!["market_id required"]),
        (json!({"market_id": "Europe"}), vec!["market_id related_not_found"]),
        (json!({"market_id": "mkt_0"}), vec!["market_id related_not_found"]),
        (
            json!({"subscription_model_id": "mdl_0"}),
            vec!["subscription_model_id related_not_found"],
        ),
        (json!({"frequency": null}), vec!["frequency required"]),
        (json!({"frequency": "every blue moon"}), vec!["frequency invalid_value"]),
        (json!({"starts_at": null}), vec!["starts_at required"]),
        (json!({"starts_at": "31.08.2026"}), vec!["starts_at invalid_value"]),
        (json!({"status": "asleep"}), vec!["status invalid_value"]),
        (json!({"resumes_at": "2027-03-01T00:00:00Z"}), vec!["resumes_at invalid_value"]),
        (json!({"status": "paused", "resumes_at": NOW}), vec!["resumes_at out_of_range"]),
        (json!({"cancelled_at": NOW}), vec!["cancelled_at invalid_value"]),
        (
            json!({"status": "cancelled", "cancelled_at": "2027-02-11T00:00:00Z"}),
            vec!["cancelled_at out_of_range"],
        ),
        (json!({"next_run_at": NOW}), vec!["next_run_at out_of_range"]),
        (json!({"last_run_at": "2027-02-11T00:00:00Z"}), vec!["last_run_at out_of_range"]),
        (json!({"expires_at": "2027-02-01T00:00:00Z"}), vec!["expires_at out_of_range"]),
        (json!({"max_occurrences": 12}), vec!["max_occurrences out_of_range"]),
        (json!({"max_occurrences": 0}), vec!["max_occurrences out_of_range"]),
        (json!({"current_recurrence": -1}), vec!["current_recurrence out_of_range"]),
        (json!({"errors_count": "two"}), vec!["errors_count wrong_type"]),
        (json!({"anchor_weekday": "monday"}), vec!["anchor_weekday invalid_value"]),
        (json!({"time_zone": "Europe/Atlantis"}), vec!["time_zone invalid_value"]),
        (json!({"customer_email": null}), vec!["customer_email required"]),
        (json!({"customer_email": "grace"}), vec!["customer_email invalid_value"]),
        (
            json!({"customer_email": null, "customer_reference": "C-9"}),
            vec!["customer_email required"],
        ),
        (json!({"customer_id": "cus_0"}), vec!["customer_id related_not_found"]),
        (
            json!({"payment_source_token": null, "payment_source_id": "pay_0"}),
            vec!["payment_source_id related_not_found"],
        ),
        (
            json!({"payment_source_token": null, "payment_source_id": shop.goods.source}),
            vec!["payment_source_id invalid_value"],
        ),
        (
            json!({"payment_source_id": shop.goods.source}),
            vec!["payment_source_token invalid_value", "payment_source_id invalid_value"],
        ),
        (json!({"items": null}), vec!["items required"]),
        (json!({"items": []}), vec!["items required"]),
        (json!({"items": {}}), vec!["items wrong_type"]),
        (item(json!({"sku_code": null})), vec!["items/0/sku_code required"]),
        (item(json!({"sku_code": "TEA"})), vec!["items/0/sku_code related_not_found"]),
        (item(json!({"bundle_code": "BOX"})), vec!["items/0/bundle_code invalid_value"]),
        (item(json!({"quantity": null})), vec!["items/0/quantity required"]),
        (item(json!({"quantity": 0})), vec!["items/0/quantity out_of_range"]),
        (item(json!({"unit_amount_cents": -1})), vec!["items/0/unit_amount_cents out_of_range"]),
        (item(json!({"colour": "red"})), vec!["items/0/colour unknown_attribute"]),
        (json!({"card_number": "4242"}), vec!["card_number unknown_attribute"]),
        (json!({"metadata": []}), vec!["metadata wrong_type"]),
        // All at once.
        (
            json!({"quantity": 1, "errors_count": -1, "next_run_at": NOW, "items": [
                {"sku_code": "TEA", "quantity": 1},
            ]}),
            vec![
                "errors_count out_of_range",
                "items/0/sku_code related_not_found",
                "next_run_at out_of_range",
                "quantity unknown_attribute",
            ],
        ),
    ]
}

#[tokio::test]
async fn every_row_is_told_all_that_is_wrong_with_it_and_the_sound_ones_come_in() -> TestResult {
    let shop = Shop::open_at(NOW).await?;
    let cases = cases(&shop);
    let mut rows: Vec<Value> = cases
        .iter()
        .enumerate()
        .map(|(place, (changes, _))| {
            documents::with(row(&shop, &format!("S-{place}")), changes.clone())
        })
        .collect();
    rows.push(json!("no object"));
    rows.push(row(&shop, "sound"));
    for dry_run in [true, false] {
        let answer = import(&shop, &rows, dry_run).await?;
        for (place, (changes, expected)) in cases.iter().enumerate() {
            let mut found = problems(&answer, place);
            found.sort();
            let mut expected = expected.clone();
            expected.sort_unstable();
            assert_eq!(found, expected, "{changes}");
        }
        let outcomes = outcomes(&answer);
        assert_eq!(outcomes.last(), Some(&"imported"));
        assert!(outcomes.iter().rev().skip(1).all(|outcome| *outcome == "invalid"), "{outcomes:?}");
        assert_eq!(answer.attribute("invalid"), cases.len() + 1);
    }
    assert_eq!(shop.api.all("order_subscriptions").await?.len(), 1);
    assert_eq!(
        shop.api.all("customers").await?.len(),
        2,
        "nobody is made for a row that is refused"
    );
    Ok(())
}

#[tokio::test]
async fn a_row_that_is_nothing_but_wrong_is_told_so_a_thousand_times_at_most() -> TestResult {
    let shop = Shop::open_at(NOW).await?;
    let fields = (0..1_500).map(|place| (format!("field_{place}"), json!(1)));
    let odd = Value::Object(fields.collect());
    let answer = import(&shop, &[odd, row(&shop, "sound")], true).await?;
    assert_eq!(outcomes(&answer), ["invalid", "imported"]);
    assert_eq!(problems(&answer, 0).len(), 1_000);
    Ok(())
}

#[tokio::test]
async fn a_batch_that_is_none_is_refused_as_a_whole() -> TestResult {
    let shop = Shop::open_at(NOW).await?;
    let many: Vec<Value> = (0..501).map(|place| row(&shop, &place.to_string())).collect();
    for (attributes, expected) in [
        (json!({"rows": []}), "required /data/attributes/source"),
        (json!({"source": "legacy"}), "required /data/attributes/rows"),
        (json!({"source": "legacy", "rows": {}}), "wrong_type /data/attributes/rows"),
        (json!({"source": "legacy", "rows": many}), "out_of_range /data/attributes/rows"),
    ] {
        let document = documents::create("subscription_imports", attributes, &[]);
        let sent = shop.api.post("subscription_imports", &document).send().await?;
        assert_eq!((sent.status, sent.errors()), (422, vec![expected.to_owned()]));
    }
    let get = shop.api.request(reqwest::Method::GET, "subscription_imports").send().await?;
    assert_eq!(get.status, 405, "{:#}", get.body);
    Ok(())
}

#[tokio::test]
async fn a_token_for_one_market_imports_into_that_one_only() -> TestResult {
    let shop = Shop::open_at(NOW).await?;
    let other = documents::create("markets", documents::market(), &[]);
    let other = shop.api.create("markets", &other).await?.id()?;
    let rows = [row(&shop, "S-1"), documents::with(row(&shop, "S-2"), json!({"market_id": other}))];
    let all = import(&shop, &rows, false).await?;
    assert_eq!(outcomes(&all), ["imported", "imported"]);
    let token = TokenRequest::new("acme", Role::Operator)?.in_market(&other)?;
    let api = shop.api.with_token(Some(shop.stack.sign(&token)?));
    let sent = api.post("subscription_imports", &super::document(&rows, false)).send().await?;
    let sent = sent.with_status(200)?;
    assert_eq!(outcomes(&sent), ["invalid", "unchanged"]);
    assert_eq!(problems(&sent, 0), ["market_id related_not_found"]);
    Ok(())
}
