//! Orders that runs have made, seen as orders.

use super::*;

const STARTED: &str = "2027-02-28T10:00:01Z";
const ENDED: &str = "2027-02-28T10:00:03Z";

/// Run 3 of a subscription: two bags of beans at 11.00, and a mug at 5.00, which a client has set.
fn run(status: &str, more: Value) -> TestResult<Run> {
    let mut run = json!({
        "subscription_id": "sub_ab", "number": 3, "due_at": "2027-02-28T10:00:00Z",
        "status": status, "started_at": STARTED, "attempts": 1, "market_id": "mkt_1",
        "customer_id": "cus_1", "payment_source_id": "pay_1", "currency": "EUR",
        "addresses": {"shipping": "adr_home"},
        "lines": [
            {"sku_code": "BEANS", "name": "beans", "quantity": 2, "unit_amount": 1_100},
            {
                "sku_code": "MUG", "name": "mug", "quantity": 1, "unit_amount": 500,
                "price_override": true,
            },
        ],
        "total": 2_700, "version": 4,
    });
    if let (Value::Object(members), Value::Object(more)) = (&mut run, more) {
        members.extend(more);
    }
    Ok(serde_json::from_value(run)?)
}

/// The order of that run, whose id and whose lines' ids have this body.
fn order(body: &str, more: Value) -> TestResult<Order> {
    let mut order = json!({
        "id": format!("ord_{body}"), "market_id": "mkt_1", "customer_id": "cus_1",
        "payment_source_id": "pay_1", "currency": "EUR", "addresses": {"shipping": "adr_home"},
        "order_subscription_id": "sub_ab",
        "line_items": [
            {
                "id": format!("lin_{body}_1"), "sku_code": "BEANS", "name": "beans",
                "quantity": 2, "unit_amount": 1_100,
            },
            {
                "id": format!("lin_{body}_2"), "sku_code": "MUG", "name": "mug", "quantity": 1,
                "unit_amount": 500, "price_source": "given",
            },
        ],
        "journal": Head::default(),
    });
    if let (Value::Object(members), Value::Object(more)) = (&mut order, more) {
        members.extend(more);
    }
    Ok(serde_json::from_value(order)?)
}

#[test]
fn the_order_of_a_run_holds_what_the_run_has_bought_and_follows_it() -> TestResult {
    for (given, expected) in [
        (
            run("successful", json!({"completed_at": ENDED, "charge_id": "ch_9"}))?,
            json!({
                "status": "placed", "payment_status": "paid", "charge_id": "ch_9",
                "placed_at": ENDED, "created_at": STARTED, "updated_at": ENDED, "version": 4,
            }),
        ),
        (
            run("failed", json!({"failed_at": ENDED}))?,
            json!({
                "status": "cancelled", "payment_status": "unpaid", "created_at": STARTED,
                "updated_at": ENDED, "version": 4,
            }),
        ),
        (
            run("open", json!({}))?,
            json!({
                "status": "pending", "payment_status": "unpaid", "created_at": STARTED,
                "updated_at": STARTED, "version": 4,
            }),
        ),
    ] {
        assert_eq!(order_of_run(&given), order("ab_3", expected)?, "{:?}", given.status);
    }
    Ok(())
}

#[test]
fn a_draft_that_a_run_leaves_is_an_order_of_its_own_that_knows_its_subscription() -> TestResult {
    let of_run = run("successful", json!({"place_target_order": false, "completed_at": ENDED}))?;
    let (draft, created) = left_draft(&of_run, at(ENDED)?);
    let id = OrderId::left_by_run(&"sub_ab".parse()?, OccurrenceNumber::new(3));
    let fresh = json!({
        "status": "draft", "payment_status": "unpaid", "created_at": ENDED, "updated_at": ENDED,
        "version": 1,
    });
    assert_eq!(draft, order(id.as_str().trim_start_matches("ord_"), fresh)?);
    let told = json!({
        "status": "draft", "market_id": "mkt_1", "currency_code": "EUR",
        "total_amount_cents": 2_700, "line_items": 2, "order_copy_id": null,
        "order_subscription_id": "sub_ab",
    });
    assert_eq!(created, Change { event: "orders.create", before: Value::Null, after: told });
    Ok(())
}

#[test]
fn a_run_that_places_its_order_has_another_id_for_it_than_one_that_leaves_a_draft() -> TestResult {
    let (subscription, number) = ("sub_ab".parse()?, OccurrenceNumber::new(3));
    assert_eq!(order_id_of_run(&subscription, number, true).as_str(), "ord_ab_3");
    let left = order_id_of_run(&subscription, number, false);
    assert_eq!(left, OrderId::left_by_run(&subscription, number));
    Ok(())
}

#[test]
fn the_order_of_a_run_has_its_tax_by_its_own_lines_and_drafts_and_copies_have_none() -> TestResult {
    // 19 % on 22.00 and 7 % on 5.00: 4.18 and 0.35.
    let tax = json!({
        "behavior": "exclusive", "source": "table", "calculator_id": "mtc_de",
        "lines": [
            {"id": "1", "rate": "19", "net": 2_200, "tax": 418},
            {"id": "2", "rate": "7", "net": 500, "tax": 35},
        ],
    });
    let taxed = run("successful", json!({"tax": tax, "total": 3_153, "completed_at": ENDED}))?;
    let order = order_of_run(&taxed);
    assert_eq!(order.total()?, taxed.total);
    for (line, tax) in order.line_items.iter().zip([418, 35]) {
        let found = order.tax.as_ref().and_then(|tax| tax.of_line(line.id.as_str()));
        assert_eq!(found.map(|line| line.tax.get()), Some(tax), "{}", line.id);
    }
    let draft = draft_of(&order, "ord_copy".parse()?, order.line_items.clone(), at(ENDED)?);
    assert_eq!((&draft.tax, draft.tax_fixed), (&None, false), "it is taxed when it is placed");
    assert_eq!(draft.total()?.get(), 2_700);
    Ok(())
}
