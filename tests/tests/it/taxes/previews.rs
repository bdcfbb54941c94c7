//! What tax an order would bear, by which rule and why.

use perennial_local::identity::Role;
use perennial_tests::{
    Answer, Shop, TestResult, documents,
    receiver::{Maker, Receiver, Reply},
    shop::BEANS,
};
use serde_json::{Value, json};

use super::{EXTERNAL, OPENED, rule};

const KIND: &str = "tax_previews";

/// Asks as one who may write nothing, and sees that nothing was written.
async fn preview(shop: &Shop, attributes: Value) -> TestResult<Answer> {
    let tables = &shop.stack.cloud().dynamodb;
    let before = tables.writes();
    let document = documents::create(KIND, attributes, &[]);
    let answer = shop.api_as(Role::Approver)?.post(KIND, &document).send().await?;
    assert_eq!(tables.writes(), before, "something was written");
    Ok(answer)
}

/// A draft of a book at 10.00, two bags of beans at 12.50, and 5.00 off, which goes to Berlin.
async fn draft(shop: &Shop) -> TestResult<String> {
    let book = json!({"tax_category": "books", "unit_amount_cents": 1_000});
    let book = documents::with(documents::sku("BOOK"), book);
    shop.api.create("skus", &documents::create("skus", book, &[])).await?;
    let off = json!({"name": "Welcome", "amount_cents": -500, "currency_code": "EUR"});
    let off = shop.api.create("adjustments", &documents::create("adjustments", off, &[])).await?;
    let berlin = json!({"line_1": "Unter den Linden 6", "city": "Berlin", "country_code": "DE"});
    let berlin = shop.api.create("addresses", &documents::create("addresses", berlin, &[])).await?;
    let mut order = shop.order_document(json!({"line_items": [
        {"sku_code": "BOOK", "quantity": 1},
        {"sku_code": BEANS, "quantity": 2},
        {"adjustment_id": off.id()?, "quantity": 1},
    ]}));
    order["data"]["relationships"]["shipping_address"] =
        json!({"data": {"type": "addresses", "id": berlin.id()?}});
    shop.api.create("orders", &order).await?.with_status(201)?.id()
}

/// Germany with its reduced rate, a rate to come, and one for books anywhere.
async fn table(shop: &Shop) -> TestResult<String> {
    let table = shop.tax_table("Germany", &[]).await?;
    for (name, rate, scope) in [
        ("standard", 0.19, json!({"country_code": "DE"})),
        ("reduced", 0.07, json!({"country_code": "DE", "tax_category": "books"})),
        ("to come", 0.2, json!({"country_code": "DE", "starts_on": "2027-03-01"})),
        ("books", 0.05, json!({"tax_category": "books"})),
        ("France", 0.25, json!({"country_code": "FR"})),
    ] {
        let named = json!({"name": name, "tax_rate": rate});
        rule(shop, &table, documents::with(scope, named)).await?.with_status(201)?;
    }
    Ok(table)
}

/// Of each line: code, amount, percent, tax, and the names of its rules.
fn lines(answer: &Answer) -> Vec<Value> {
    let lines = answer.attribute("lines").as_array().cloned().unwrap_or_default();
    let told = lines.iter().map(|line| {
        let rules = line["tax_rules"].as_array().cloned().unwrap_or_default();
        let names: Vec<&Value> = rules.iter().map(|rule| &rule["name"]).collect();
        json!([
            line["sku_code"],
            line["amount_cents"],
            line["tax_percent"],
            line["tax_amount_cents"],
            names,
        ])
    });
    told.collect()
}

#[tokio::test]
async fn a_preview_tells_which_rule_wins_and_which_would_in_its_place() -> TestResult {
    let shop = Shop::open_at(OPENED).await?;
    let (order, table) = (draft(&shop).await?, table(&shop).await?);
    let none = preview(&shop, json!({"order_id": order})).await?.with_status(200)?;
    assert_eq!((none.attribute("tax_source"), lines(&none)), (&Value::Null, Vec::new()));

    // 5.00 off 35.00: 1.43 off the book (1.428..), 3.57 off the beans. 7 % of 8.57 is 0.5999,
    // 19 % of 21.43 is 4.0717.
    let tried = json!({"order_id": order, "tax_calculator_id": table});
    let tried = preview(&shop, tried).await?.with_status(200)?;
    let book = |percent: &str, tax: i64, rules: &[&str]| json!(["BOOK", 857, percent, tax, rules]);
    let beans =
        |percent: &str, tax: i64, rules: &[&str]| json!([BEANS, 2_143, percent, tax, rules]);
    let rules = ["reduced", "books", "standard"];
    assert_eq!(lines(&tried), [book("7", 60, &rules), beans("19", 407, &["standard"])]);
    assert_eq!(
        tried.at("/data/attributes/lines/0/tax_rules/0/because"),
        "it is for the category books, for DE, ever since"
    );
    for (name, value) in [
        ("tax_source", json!("table")),
        ("date", json!("2027-01-31")),
        ("country_code", json!("DE")),
        ("tax_included", json!(false)),
        ("total_taxable_amount_cents", json!(3_000)),
        ("total_tax_amount_cents", json!(467)),
        ("total_amount_with_taxes_cents", json!(3_467)),
    ] {
        assert_eq!(tried.attribute(name), &value, "{name}");
    }
    assert_eq!(tried.at("/data/attributes/taxes/1/tax_rate").to_string(), "0.19");

    // In March the rate to come has begun. In 8.57 are 8.57 * 7/107 = 0.5606, in 21.43 are
    // 21.43 * 20/120 = 3.5716.
    shop.tax_by(Some(&table)).await?;
    let later = json!({"order_id": order, "at": "2027-03-01T00:00:00Z", "tax_included": true});
    let later = preview(&shop, later).await?.with_status(200)?;
    let expected = [
        book("7", 56, &["reduced", "books", "to come", "standard"]),
        beans("20", 357, &["to come", "standard"]),
    ];
    assert_eq!(lines(&later), expected);
    assert_eq!(later.attribute("total_amount_with_taxes_cents"), 3_000);
    Ok(())
}

fn half(asked: &Value) -> Value {
    let lines = asked["lines"].as_array().cloned().unwrap_or_default();
    let told = lines.iter().map(|line| {
        let tax = line["amount_cents"].as_i64().unwrap_or_default() / 2;
        let part = json!({"name": "Luxury", "tax_rate": 0.5, "tax_amount_cents": tax});
        json!({"id": line["id"], "tax_rate": 0.5, "tax_amount_cents": tax, "breakdown": [part]})
    });
    json!({"lines": told.collect::<Vec<_>>()})
}

#[tokio::test]
async fn a_service_can_be_tried_before_it_counts() -> TestResult {
    let shop = Shop::open_at(OPENED).await?;
    let order = draft(&shop).await?;
    let service = Receiver::start(Reply::Makes(Maker(half))).await?;
    let made = json!({"name": "Service", "tax_calculator_url": service.url()});
    let made = shop.api.create(EXTERNAL, &documents::create(EXTERNAL, made, &[])).await?.id()?;
    let asked = json!({"order_id": order, "tax_calculator_id": made});
    let tried = preview(&shop, asked.clone()).await?.with_status(200)?;
    assert_eq!(tried.attribute("tax_source"), "provider");
    // Half of 8.57 and 21.43, rounded down.
    assert_eq!(tried.attribute("total_tax_amount_cents"), 428 + 1_071);
    assert_eq!(tried.at("/data/attributes/lines/0/tax_breakdown/0/name"), "Luxury");
    let destination = service.take().last().map(|asked| asked.at("/destination"));
    assert_eq!(destination, Some(json!({"country_code": "DE", "city": "Berlin"})));
    service.set(Reply::Status(500));
    assert_eq!(preview(&shop, asked).await?.status, 503);
    Ok(())
}

#[tokio::test]
async fn what_can_not_be_previewed_is_refused() -> TestResult {
    let shop = Shop::open_at(OPENED).await?;
    let order = draft(&shop).await?;
    for (attributes, error) in [
        (json!({}), "required /data/attributes/order_id"),
        (json!({"order_id": "ord_none"}), "not_found /data/attributes/order_id"),
        (json!({"order_id": "nothing"}), "not_found /data/attributes/order_id"),
        (
            json!({"order_id": order, "tax_calculator_id": "mtc_none"}),
            "invalid_value /data/attributes/tax_calculator_id",
        ),
        (
            json!({"order_id": order, "tax_calculator_id": "prl_1"}),
            "invalid_value /data/attributes/tax_calculator_id",
        ),
    ] {
        let refused = preview(&shop, attributes.clone()).await?;
        assert_eq!(refused.errors(), [error], "{attributes}");
    }
    Ok(())
}
