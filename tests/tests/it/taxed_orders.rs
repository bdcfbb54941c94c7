//! Orders of clients in markets that compute taxes: what they come to, what is collected and given
//! back, and when it is computed anew. Every amount was worked out by hand.

use perennial_tests::{
    Answer, Plan, Shop, TestResult,
    documents::{self, line},
    shop::BEANS,
    taxes::Rate,
};
use serde_json::{Value, json};

const OPENED: &str = "2027-01-31T10:00:00Z";
/// 19 % on all, 7 % on books, nothing on stamps.
const RATES: &[Rate] = &[Rate::of(0.19), Rate::of(0.07).on("books"), Rate::of(0.0).on("stamps")];

/// A shop that sells beans at 12.50, books at 10.00 and stamps at 5.00, and has a table of taxes.
async fn taxed(plan: Plan, included: bool) -> TestResult<(Shop, String)> {
    let shop = plan.open().await?;
    for (code, category, amount) in [("BOOK", "books", 1_000), ("STAMP", "stamps", 500)] {
        let sku = json!({"tax_category": category, "unit_amount_cents": amount});
        let sku = documents::with(documents::sku(code), sku);
        shop.api.create("skus", &documents::create("skus", sku, &[])).await?;
    }
    let table = shop.tax_table("Germany", RATES).await?;
    shop.tax_included(included).await?;
    shop.tax_by(Some(&table)).await?;
    Ok((shop, table))
}

/// Two bags of beans, a book and a stamp: 40.00.
fn lines() -> Vec<Value> {
    let once = |code: &str, quantity: u32| json!({"sku_code": code, "quantity": quantity});
    vec![once(BEANS, 2), once("BOOK", 1), once("STAMP", 1)]
}

async fn read(shop: &Shop, order: &str) -> TestResult<Answer> {
    shop.api.get(&format!("orders/{order}?include=line_items")).await
}

#[track_caller]
fn has(order: &Answer, expected: &Value) {
    for (name, value) in expected.as_object().into_iter().flatten() {
        assert_eq!(order.attribute(name), value, "{name} of {:#}", order.body);
    }
}

/// Of each line: its tax, what bears it, and the rate.
fn of_lines(order: &Answer) -> Vec<Value> {
    let lines = order.at("/included").as_array().cloned().unwrap_or_default();
    let told = lines.iter().map(|line| {
        let told = &line["attributes"];
        json!([told["tax_amount_cents"], told["taxable_amount_cents"], told["tax_rate"]])
    });
    told.collect()
}

#[tokio::test]
async fn tax_comes_on_top_of_prices_by_category_and_is_collected_with_them() -> TestResult {
    let (shop, table) = taxed(Plan::at(OPENED)?, false).await?;
    let id = shop.order(&lines()).await?;
    let order = read(&shop, &id).await?;
    // 19 % of 25.00 is 4.75, 7 % of 10.00 is 0.70, and nothing on 5.00.
    has(
        &order,
        &json!({
            "status": "placed", "payment_status": "paid", "tax_included": false,
            "tax_source": "table", "tax_rate": null,
            "subtotal_amount_cents": 4_000, "total_amount_cents": 4_000,
            "subtotal_tax_amount_cents": 545, "total_tax_amount_cents": 545,
            "formatted_total_tax_amount": "5.45 EUR", "total_taxable_amount_cents": 4_000,
            "total_amount_with_taxes_cents": 4_545,
            "formatted_total_amount_with_taxes": "45.45 EUR", "refund_balance_cents": 4_545,
        }),
    );
    let expected = [json!([475, 2_500, 0.19]), json!([70, 1_000, 0.07]), json!([0, 500, 0.0])];
    assert_eq!(of_lines(&order), expected);
    let charges = shop.charges().await?;
    assert_eq!(charges.iter().map(|charge| charge.amount_minor).collect::<Vec<_>>(), [4_545]);
    let journal = shop.journal("O", &id).await?;
    let placed = journal.iter().find(|entry| entry.event == "orders.place").ok_or("it is told")?;
    let of_rate = |percent: &str, taxable: i64, tax: i64| json!({"tax_percent": percent, "taxable_amount_cents": taxable, "tax_amount_cents": tax});
    let rates = [of_rate("0", 500, 0), of_rate("7", 1_000, 70), of_rate("19", 2_500, 475)];
    assert_eq!(
        placed.after["tax"],
        json!({
            "total_tax_amount_cents": 545, "tax_included": false, "tax_source": "table",
            "tax_calculator_id": table, "rates": rates,
        })
    );
    shop.prove_events().await
}

#[tokio::test]
async fn tax_that_prices_have_in_them_changes_nothing_of_what_is_paid() -> TestResult {
    let (shop, _) = taxed(Plan::at(OPENED)?, true).await?;
    let order = read(&shop, &shop.order(&lines()).await?).await?;
    // In 25.00 are 25.00 x 19/119 = 3.99, in 10.00 are 10.00 x 7/107 = 0.65.
    has(
        &order,
        &json!({
            "tax_included": true, "total_amount_cents": 4_000, "total_tax_amount_cents": 464,
            "total_taxable_amount_cents": 3_536, "total_amount_with_taxes_cents": 4_000,
            "refund_balance_cents": 4_000,
        }),
    );
    let of_lines: Vec<Value> = of_lines(&order).iter().map(|line| line[0].clone()).collect();
    assert_eq!(of_lines, [399, 65, 0]);
    shop.prove_books().await?;
    Ok(())
}

#[tokio::test]
async fn discounts_and_fees_are_taxed_with_the_goods_that_they_are_spread_over() -> TestResult {
    let (shop, _) = taxed(Plan::at(OPENED)?, false).await?;
    let discount = json!({"name": "Welcome", "currency_code": "EUR", "amount_cents": -400});
    let discount = documents::create("adjustments", discount, &[]);
    let discount = shop.api.create("adjustments", &discount).await?.id()?;
    let mut lines = lines();
    lines.push(json!({"adjustment_id": discount, "quantity": 1}));
    let order = read(&shop, &shop.order(&lines).await?).await?;
    // 4.00 off 40.00: 22.50 at 19 % are 4.275, so 4.28; 9.00 at 7 % are 0.63; 4.50 at nothing.
    has(
        &order,
        &json!({
            "total_amount_cents": 3_600, "total_tax_amount_cents": 491,
            "subtotal_tax_amount_cents": 491, "total_taxable_amount_cents": 3_600,
            "total_amount_with_taxes_cents": 4_091,
        }),
    );
    let of_lines: Vec<Value> = of_lines(&order).iter().map(|line| line[0].clone()).collect();
    assert_eq!(of_lines, [json!(428), json!(63), json!(0), Value::Null]);
    shop.prove_books().await?;
    Ok(())
}

#[tokio::test]
async fn what_goes_back_is_what_was_paid_tax_included_and_no_more() -> TestResult {
    let (shop, _) = taxed(Plan::at(OPENED)?, false).await?;
    let id = shop.order(&lines()).await?;
    let refund = async |amount: Option<i64>| {
        let attributes = amount.map_or_else(|| json!({}), |amount| json!({"amount_cents": amount}));
        let document = documents::create("refunds", attributes, &[("order", "orders", &id)]);
        shop.api.post("refunds", &document).send().await
    };
    let above = refund(Some(4_546)).await?.with_status(422)?;
    assert_eq!(above.at("/errors/0/meta/maximum"), 4_545);
    refund(Some(4_001)).await?.with_status(201)?;
    assert_eq!(read(&shop, &id).await?.attribute("payment_status"), "partially_refunded");
    let rest = refund(None).await?.with_status(201)?;
    assert_eq!(rest.attribute("amount_cents"), 544);
    assert_eq!(read(&shop, &id).await?.attribute("payment_status"), "refunded");
    shop.prove_books().await?;
    Ok(())
}

#[tokio::test]
async fn a_rejected_order_is_taxed_anew_when_it_is_placed_again_and_a_paid_one_never() -> TestResult
{
    let (shop, _) = taxed(Plan::at(OPENED)?.paying_with("tok_hard_decline"), false).await?;
    let id = shop.order(&lines()).await?;
    let order = read(&shop, &id).await?;
    let forgotten = json!({
        "status": "draft", "total_tax_amount_cents": null, "tax_included": null, "tax_source": null,
        "total_amount_with_taxes_cents": 4_000,
    });
    has(&order, &forgotten);
    assert_eq!(order.text("/data/attributes/rejections/0/code")?, "stolen_card");
    assert!(of_lines(&order).iter().all(|line| line[0].is_null()));

    let ten = shop.tax_table("Ten", &[Rate::of(0.1)]).await?;
    shop.tax_by(Some(&ten)).await?;
    let source = shop.new_source("tok_paid").await?;
    let again = json!({"_place": true, "_customer_payment_source_id": source});
    let again = documents::update("orders", &id, &again);
    shop.api.patch(&format!("orders/{id}"), &again).send().await?.with_status(200)?;
    shop.settle().await?;
    let paid = json!({
        "status": "placed", "total_tax_amount_cents": 400, "total_amount_with_taxes_cents": 4_400,
    });
    has(&read(&shop, &id).await?, &paid);
    shop.tax_by(None).await?;
    has(&read(&shop, &id).await?, &paid);
    shop.prove_events().await
}

#[tokio::test]
async fn a_draft_tells_its_tax_on_request_until_it_is_edited() -> TestResult {
    let (shop, _) = taxed(Plan::at(OPENED)?, false).await?;
    let draft = shop.order_document(json!({"line_items": lines()}));
    let draft = shop.api.create("orders", &draft).await?;
    has(&draft, &json!({"total_tax_amount_cents": null, "total_amount_with_taxes_cents": 4_000}));
    let id = draft.id()?;
    let path = format!("orders/{id}");
    let ask = documents::update("orders", &id, &json!({"_update_taxes": true}));
    let told = shop.api.patch(&path, &ask).send().await?.with_status(200)?;
    has(&told, &json!({"total_tax_amount_cents": 545, "total_amount_with_taxes_cents": 4_545}));
    let first = told.text("/data/relationships/line_items/data/0/id")?;
    let one = documents::update("line_items", &first, &json!({"quantity": 1}));
    shop.api.patch(&format!("line_items/{first}"), &one).send().await?.with_status(200)?;
    let edited = read(&shop, &id).await?;
    has(&edited, &json!({"total_tax_amount_cents": null, "total_amount_with_taxes_cents": 2_750}));

    let place = documents::update("orders", &id, &json!({"_place": true}));
    shop.api.patch(&path, &place).send().await?.with_status(200)?;
    shop.settle().await?;
    // 19 % of 12.50 is 2.375, so 2.38, and 0.70 for the book.
    has(&read(&shop, &id).await?, &json!({"status": "placed", "total_tax_amount_cents": 308}));
    let refused = shop.api.patch(&path, &ask).send().await?.with_status(409)?;
    assert_eq!(refused.errors(), ["invalid_status /data/attributes/_update_taxes"]);
    shop.prove_events().await
}

#[tokio::test]
async fn a_credit_limit_is_held_against_what_is_paid_with_the_tax() -> TestResult {
    let (shop, _) = taxed(Plan::at(OPENED)?, false).await?;
    let customer = &shop.goods.customer;
    let path = format!("customers/{customer}");
    for (limit, status) in [(4_544, "draft"), (4_545, "placed")] {
        let limited = json!({"credit_limit_cents": limit});
        let limited = documents::update("customers", customer, &limited);
        shop.api.patch(&path, &limited).send().await?.with_status(200)?;
        let order = shop.order(&lines()).await?;
        assert_eq!(shop.order_status(&order).await?, status, "{limit}");
    }
    assert_eq!(shop.charges().await?.len(), 1);
    Ok(())
}

#[tokio::test]
async fn orders_of_a_market_without_a_calculator_say_that_nothing_was_computed() -> TestResult {
    let shop = Shop::open_at(OPENED).await?;
    let order = read(&shop, &shop.order(&[line(BEANS, 2, "monthly")]).await?).await?;
    has(
        &order,
        &json!({
            "tax_included": null, "tax_rate": null, "tax_source": null,
            "subtotal_tax_amount_cents": null, "total_tax_amount_cents": null,
            "total_taxable_amount_cents": null, "total_amount_with_taxes_cents": 2_500,
        }),
    );
    assert_eq!(of_lines(&order), [json!([null, null, null])]);
    Ok(())
}

#[tokio::test]
async fn a_copy_of_a_taxed_order_is_taxed_when_it_is_placed() -> TestResult {
    let (shop, _) = taxed(Plan::at(OPENED)?, false).await?;
    let source = shop.order(&lines()).await?;
    let ten = shop.tax_table("Ten", &[Rate::of(0.1)]).await?;
    shop.tax_by(Some(&ten)).await?;
    for (places, tax, total) in [(false, Value::Null, 4_000), (true, json!(400), 4_400)] {
        let options = json!({"place_target_order": places, "reuse_wallet": true});
        let related = [("source_order", "orders", source.as_str())];
        let copy = documents::create("order_copies", options, &related);
        let copy = shop.api.create("order_copies", &copy).await?;
        shop.settle().await?;
        let target = copy.text("/data/relationships/target_order/data/id")?;
        let copied = read(&shop, &target).await?;
        has(
            &copied,
            &json!({"total_tax_amount_cents": tax, "total_amount_with_taxes_cents": total}),
        );
    }
    shop.prove_books().await?;
    Ok(())
}
