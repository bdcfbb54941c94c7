//! What clients keep, and what is refused.

use std::collections::BTreeMap;

use perennial_local::identity::Role;
use perennial_tests::{Plan, Shop, TestResult, documents, shop::BEANS, taxes::Rate};
use serde_json::{Value, json};

use super::{EXTERNAL, MANUAL, OPENED, change, delete, rule, tax_by};

const URL: &str = "https://tax.example/calculate";

#[tokio::test]
async fn a_rule_is_read_with_the_rate_that_it_was_made_with() -> TestResult {
    let shop = Shop::open_at(OPENED).await?;
    let table = shop.tax_table("Anywhere", &[]).await?;
    for (day, rate, percent) in [
        ("2027-02-01", "0.19", "19"),
        ("2027-02-02", "0.08875", "8.875"),
        ("2027-02-03", "0", "0"),
        ("2027-02-04", "10", "1000"),
        ("2027-02-05", "0.00000001", "0.000001"),
    ] {
        let given: Value = serde_json::from_str(rate)?;
        let made = rule(&shop, &table, json!({"tax_rate": given, "starts_on": day})).await?;
        let read = shop.api.get(&format!("tax_rules/{}", made.with_status(201)?.id()?)).await?;
        assert_eq!(read.attribute("tax_rate").as_f64(), rate.parse().ok(), "{rate}");
        assert_eq!(read.attribute("tax_percent"), percent);
    }
    let rules = shop.api.get(&format!("{MANUAL}/{table}/tax_rules")).await?;
    assert_eq!(rules.list()?.len(), 5);
    let listed = shop.api.get("tax_rules").await?;
    assert_eq!(listed.list()?.len(), 5);
    Ok(())
}

#[tokio::test]
async fn what_is_no_rule_is_refused_with_the_reason() -> TestResult {
    let shop = Shop::open_at(OPENED).await?;
    let table = shop.tax_table("Anywhere", &[]).await?;
    for (attributes, error) in [
        (json!({"tax_rate": "0.19"}), "wrong_type tax_rate"),
        (json!({"tax_rate": -0.1}), "out_of_range tax_rate"),
        (json!({"tax_rate": 10.1}), "out_of_range tax_rate"),
        (json!({"tax_rate": 0.123_456_789}), "out_of_range tax_rate"),
        (json!({"tax_rate": null}), "required tax_rate"),
        (json!({"name": null}), "required name"),
        (json!({"tax_category": "x".repeat(65)}), "out_of_range tax_category"),
        (json!({"country_code": "de"}), "invalid_value country_code"),
        (json!({"country_code": "XX"}), "invalid_value country_code"),
        (json!({"state_code": "NY"}), "invalid_value state_code"),
        (json!({"starts_on": "2027-02-30"}), "invalid_value starts_on"),
        (json!({"tax_percent": "19"}), "read_only_attribute tax_percent"),
    ] {
        let refused = rule(&shop, &table, attributes.clone()).await?;
        let expected = error.replace(' ', " /data/attributes/");
        assert_eq!(refused.errors(), [expected], "{attributes}");
    }
    let nowhere = rule(&shop, "mtc_nowhere", json!({})).await?;
    let at = "/data/relationships/manual_tax_calculator/data/id";
    assert_eq!(nowhere.errors(), [format!("related_not_found {at}")]);
    Ok(())
}

/// Which of two would win, nobody could tell: there can't be two.
#[tokio::test]
async fn two_rules_for_the_same_are_refused() -> TestResult {
    let shop = Shop::open_at(OPENED).await?;
    let table = shop.tax_table("One", &[]).await?;
    let other = shop.tax_table("Other", &[]).await?;
    let scopes = [
        json!({}),
        json!({"tax_category": "CA"}),
        json!({"country_code": "CA"}),
        json!({"country_code": "CA", "state_code": "ON"}),
        json!({"country_code": "CA", "tax_category": "ON"}),
        json!({"country_code": "CA", "state_code": "ON", "tax_category": "books"}),
        json!({"starts_on": "2027-02-01"}),
        json!({"starts_on": "2027-03-01"}),
    ];
    for scope in &scopes {
        rule(&shop, &table, scope.clone()).await?.with_status(201)?;
    }
    for scope in &scopes {
        let again = documents::with(scope.clone(), json!({"name": "Again", "tax_rate": 0.2}));
        let again = rule(&shop, &table, again).await?.with_status(422)?;
        assert_eq!(again.at("/errors/0/code"), "taken", "{scope}");
        rule(&shop, &other, scope.clone()).await?.with_status(201)?;
    }
    // A state is the same however it is written.
    let lower = json!({"country_code": "CA", "state_code": "on"});
    rule(&shop, &table, lower).await?.with_status(422)?;
    Ok(())
}

/// It is 31 January 10:00 UTC, and already 1 February at UTC+14.
#[tokio::test]
async fn a_rule_that_has_begun_stays_as_it_is() -> TestResult {
    let shop = Shop::open_at(OPENED).await?;
    let table = shop.tax_table("Anywhere", &[]).await?;
    for (starts_on, begun) in [
        (json!(null), true),
        (json!("2026-01-01"), true),
        (json!("2027-01-31"), true),
        (json!("2027-02-01"), true),
        (json!("2027-02-02"), false),
    ] {
        let made = rule(&shop, &table, json!({"starts_on": starts_on})).await?;
        let path = format!("tax_rules/{}", made.with_status(201)?.id()?);
        let dearer = change(&shop, &path, json!({"tax_rate": 0.21})).await?;
        assert_eq!(dearer.status, if begun { 409 } else { 200 }, "{starts_on} {:#}", dearer.body);
        // What clients keep of their own is theirs to change.
        change(&shop, &path, json!({"reference": "erp-1"})).await?.with_status(200)?;
        let scope = change(&shop, &path, json!({"country_code": "DE"})).await?;
        assert_eq!(scope.errors(), ["read_only_attribute /data/attributes/country_code"]);
        let gone = delete(&shop, &path).await?;
        assert_eq!(gone.status, if begun { 409 } else { 204 }, "{starts_on} {:#}", gone.body);
    }
    Ok(())
}

/// The tax of two bags of beans, 25.00, by what is stored now.
async fn tax_now(shop: &Shop, draft: &str) -> TestResult<Value> {
    let asked = documents::update("orders", draft, &json!({"_update_taxes": true}));
    let told = shop.api.patch(&format!("orders/{draft}"), &asked).send().await?.with_status(200)?;
    Ok(told.attribute("total_tax_amount_cents").clone())
}

#[tokio::test]
async fn a_wrong_rate_is_followed_the_same_day_or_left_with_its_table() -> TestResult {
    let shop = Shop::open_at(OPENED).await?;
    let wrong = shop.tax_table("Germany", &[Rate::of(0.91)]).await?;
    shop.tax_by(Some(&wrong)).await?;
    let draft = shop.order_document(json!({"line_items": [{"sku_code": BEANS, "quantity": 2}]}));
    let draft = shop.api.create("orders", &draft).await?.with_status(201)?.id()?;
    assert_eq!(tax_now(&shop, &draft).await?, 2_275);
    let today = json!({"tax_rate": 0.2, "starts_on": "2027-01-31"});
    rule(&shop, &wrong, today.clone()).await?.with_status(201)?;
    assert_eq!(tax_now(&shop, &draft).await?, 500);
    // There is one for each day.
    assert_eq!(rule(&shop, &wrong, today).await?.at("/errors/0/code"), "taken");
    let right = shop.tax_table("Germany", &[Rate::of(0.19)]).await?;
    shop.tax_by(Some(&right)).await?;
    assert_eq!(tax_now(&shop, &draft).await?, 475);
    Ok(())
}

#[tokio::test]
async fn what_a_market_or_a_rule_needs_is_not_deleted() -> TestResult {
    let shop = Shop::open_at(OPENED).await?;
    let table = shop.tax_table("Needed", &[Rate::of(0.19).from("2028-01-01")]).await?;
    let service = json!({"name": "Service", "tax_calculator_url": URL, "on_failure": "fallback"});
    let fallback = [("fallback_tax_calculator", MANUAL, table.as_str())];
    let service = documents::create(EXTERNAL, service, &fallback);
    let service = shop.api.create(EXTERNAL, &service).await?.id()?;
    tax_by(&shop, EXTERNAL, &service).await?.with_status(200)?;
    for path in [format!("{EXTERNAL}/{service}"), format!("{MANUAL}/{table}")] {
        assert_eq!(delete(&shop, &path).await?.at("/errors/0/code"), "in_use", "{path}");
    }
    shop.tax_by(None).await?;
    delete(&shop, &format!("{EXTERNAL}/{service}")).await?.with_status(204)?;
    let rules = shop.api.get(&format!("{MANUAL}/{table}/tax_rules")).await?;
    let rule = rules.text("/data/0/id")?;
    delete(&shop, &format!("tax_rules/{rule}")).await?.with_status(204)?;
    delete(&shop, &format!("{MANUAL}/{table}")).await?.with_status(204)?;
    Ok(())
}

#[tokio::test]
async fn a_market_leads_to_a_calculator_of_either_type() -> TestResult {
    let shop = Shop::open_at(OPENED).await?;
    let market = format!("markets/{}", shop.goods.market);
    assert_eq!(shop.api.get(&market).await?.attribute("tax_included"), false);
    let table = shop.tax_table("Table", &[]).await?;
    let service = json!({"name": "Service", "tax_calculator_url": URL});
    let service = shop.api.create(EXTERNAL, &documents::create(EXTERNAL, service, &[])).await?;
    let service = service.id()?;
    for (kind, id) in [(MANUAL, &table), (EXTERNAL, &service)] {
        let told = tax_by(&shop, kind, id).await?.with_status(200)?;
        let to = json!({"type": kind, "id": id});
        assert_eq!(told.at("/data/relationships/tax_calculator/data"), &to);
        let read = shop.api.get(&format!("{market}?include=tax_calculator")).await?;
        assert_eq!(
            (read.at("/included/0/type"), read.at("/included/0/id")),
            (&to["type"], &to["id"])
        );
        let followed = shop.api.get(&format!("{market}/tax_calculator")).await?;
        assert_eq!(followed.id()?, *id);
        let back = shop.api.get(&format!("{kind}/{id}/markets")).await?;
        assert_eq!(back.text("/data/0/id")?, shop.goods.market);
    }
    let at = "/data/relationships/tax_calculator/data";
    let crossed = tax_by(&shop, MANUAL, &service).await?;
    assert_eq!(crossed.errors(), [format!("related_not_found {at}/id")]);
    let model = tax_by(&shop, "subscription_models", &shop.goods.model).await?;
    assert_eq!(model.errors(), [format!("wrong_type {at}/type")]);
    shop.tax_by(None).await?;
    let none = shop.api.get(&format!("{market}/tax_calculator")).await?;
    assert_eq!(none.at("/data"), &Value::Null);
    Ok(())
}

#[tokio::test]
async fn a_service_is_kept_with_a_secret_that_is_shown_once() -> TestResult {
    let parameters =
        BTreeMap::from([("WebhooksAllowPrivateAddresses".to_owned(), "false".to_owned())]);
    let shop = Plan { parameters, ..Plan::at(OPENED)? }.open().await?;
    let base = json!({"name": "Service", "tax_calculator_url": URL});
    let document =
        |changes: Value| documents::create(EXTERNAL, documents::with(base.clone(), changes), &[]);
    let made = shop.api.create(EXTERNAL, &document(json!({}))).await?;
    let id = made.id()?;
    assert_eq!(
        (made.attribute("timeout_ms"), made.attribute("on_failure")),
        (&json!(1_000), &json!("retry"))
    );
    let secret = made.text("/data/attributes/shared_secret")?;
    assert!(secret.starts_with("whsec_"), "{secret}");
    let path = format!("{EXTERNAL}/{id}");
    let integration = shop.api_as(Role::Integration)?;
    assert_eq!(integration.get(&path).await?.attribute("shared_secret"), &Value::Null);
    let operator = shop.api_as(Role::Operator)?;
    assert_eq!(operator.get(&path).await?.text("/data/attributes/shared_secret")?, secret);
    assert_eq!(operator.get(EXTERNAL).await?.at("/data/0/attributes/shared_secret"), &Value::Null);
    let rotated = change(&shop, &path, json!({"_rotate_secret": true})).await?.with_status(200)?;
    assert_ne!(rotated.text("/data/attributes/shared_secret")?, secret);
    for (attributes, error) in [
        (json!({"timeout_ms": 99}), "out_of_range /data/attributes/timeout_ms"),
        (json!({"timeout_ms": 5_001}), "out_of_range /data/attributes/timeout_ms"),
        (json!({"on_failure": "ignore"}), "invalid_value /data/attributes/on_failure"),
        (json!({"on_failure": "fallback"}), "required /data/relationships/fallback_tax_calculator"),
        (json!({"shared_secret": "whsec_x"}), "read_only_attribute /data/attributes/shared_secret"),
        (
            json!({"tax_calculator_url": "http://tax.example/"}),
            "invalid_value /data/attributes/tax_calculator_url",
        ),
        (
            json!({"tax_calculator_url": "https://10.0.0.1/"}),
            "invalid_value /data/attributes/tax_calculator_url",
        ),
        (
            json!({"tax_calculator_url": "https://169.254.169.254/"}),
            "invalid_value /data/attributes/tax_calculator_url",
        ),
        (json!({"tax_calculator_url": null}), "required /data/attributes/tax_calculator_url"),
    ] {
        let refused = shop.api.post(EXTERNAL, &document(attributes.clone())).send().await?;
        assert_eq!(refused.errors(), [error], "{attributes}");
    }
    let channel = shop.api_as(Role::SalesChannel)?;
    for kind in [EXTERNAL, MANUAL, "tax_rules"] {
        assert_eq!(channel.request(reqwest::Method::GET, kind).send().await?.status, 403, "{kind}");
    }
    Ok(())
}
