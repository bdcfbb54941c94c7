//! The next invoice of a subscription, or of one that is not yet made.

use perennial_local::identity::Role;
use perennial_tests::{Answer, Plan, Shop, TestResult, documents, shop::BEANS};
use serde_json::{Value, json};

use super::{preview, refused};

const KIND: &str = "invoice_previews";

/// Three seats at 10.00 EUR a month from 16 January 2027 on, with the first of the month as anchor.
fn seats(changes: Value) -> Value {
    let seats = json!({
        "currency": "EUR",
        "items": [{"description": "Seat", "quantity": 3, "unit_amount_cents": 1_000}],
        "frequency": "monthly",
        "starts_at": "2027-01-16T00:00:00Z",
        "anchor_day": 1,
    });
    documents::with(seats, changes)
}

/// Kind, description, net, tax and gross of each line.
fn lines(answer: &Answer) -> Vec<String> {
    let lines = answer.attribute("lines").as_array().cloned().unwrap_or_default();
    let text = |line: &Value| {
        let text = |name: &str| line[name].as_str().unwrap_or_default().to_owned();
        let amount = |name: &str| line[format!("{name}_amount_cents")].to_string();
        [text("kind"), text("description"), amount("net"), amount("tax"), amount("gross")].join(" ")
    };
    lines.iter().map(text).collect()
}

#[tokio::test]
async fn the_first_invoice_of_a_subscription_not_yet_made_bears_its_stub_setup_and_tax()
-> TestResult {
    let shop = Shop::open_at("2027-01-31T10:00:00Z").await?;
    let answer = preview(
        &shop,
        KIND,
        seats(json!({
            "tax_rate": "19",
            "net_days": 14,
            "setup_fees": [{"description": "Setup", "amount_cents": 5_000}],
        })),
    )
    .await?;
    // 3,000 * 16 / 31 = 1,548.39, tax 294.12; the setup fee's tax is 950.
    assert_eq!(lines(&answer), ["setup_fee Setup 5000 950 5950", "recurring Seat 1548 294 1842"]);
    assert_eq!(
        answer.at("/data/attributes/lines/1"),
        &json!({
            "number": 2,
            "kind": "recurring",
            "description": "Seat",
            "reason": "start stub, 16/31 of a period",
            "period": {"start": "2027-01-16T00:00:00Z", "end": "2027-02-01T00:00:00Z"},
            "fraction": "16/31",
            "quantity": 3,
            "unit_amount_cents": 1_000,
            "tax_rate": "19",
            "net_amount_cents": 1_548,
            "tax_amount_cents": 294,
            "gross_amount_cents": 1_842,
        })
    );
    for (name, value) in [
        ("is_first", json!(true)),
        ("issued_at", json!("2027-01-16T00:00:00Z")),
        ("issued_on", json!("2027-01-16")),
        ("due_on", json!("2027-01-30")),
        ("net_amount_cents", json!(6_548)),
        ("tax_amount_cents", json!(1_244)),
        ("gross_amount_cents", json!(7_792)),
        ("total_amount_cents", json!(7_792)),
        ("amount_due_cents", json!(7_792)),
        (
            "taxes",
            json!([{
                "tax_rate": "19",
                "net_amount_cents": 6_548,
                "tax_amount_cents": 1_244,
                "gross_amount_cents": 7_792,
            }]),
        ),
        ("order_subscription_id", Value::Null),
        ("billing", json!("advance")),
        ("tax_behavior", json!("exclusive")),
        ("tax_rounding", json!("line")),
        ("rounding", json!("half_up")),
        ("credit_policy", json!("apply")),
        ("credit_balance_cents", json!(0)),
        ("paid_amount_cents", json!(0)),
        ("minimum_commitment", Value::Null),
    ] {
        assert_eq!(answer.attribute(name), &value, "{name}");
    }
    Ok(())
}

#[tokio::test]
async fn every_rule_of_an_invoice_can_be_set() -> TestResult {
    let shop = Shop::open_at("2027-01-31T10:00:00Z").await?;
    let beans = json!([{"sku_code": BEANS, "quantity": 2}]);
    for (what, changes, expected, due) in [
        (
            "the invoice after the first, without setup",
            json!({
                "after": "2027-01-16T00:00:00Z",
                "setup_fees": [{"description": "Setup", "amount_cents": 5_000}],
            }),
            vec!["recurring Seat 3000 0 3000"],
            3_000,
        ),
        (
            "the first invoice by its date",
            json!({
                "after": "2027-01-15T00:00:00Z",
                "setup_credits": [{"description": "Welcome", "amount_cents": 548}],
            }),
            vec!["recurring Seat 1548 0 1548", "setup_credit Welcome -548 0 -548"],
            1_000,
        ),
        // 3,000 * 19 / 119 = 478.99.
        (
            "tax in the price",
            json!({"after": "2027-01-16T00:00:00Z", "tax_rate": "19", "tax_behavior": "inclusive"}),
            vec!["recurring Seat 2521 479 3000"],
            3_000,
        ),
        (
            "two periods at once, from the initial invoice date on",
            json!({"initial_invoice_at": "2027-02-10T00:00:00Z"}),
            vec!["recurring Seat 1548 0 1548", "recurring Seat 3000 0 3000"],
            4_548,
        ),
        // The stub's share of the minimum is 6,200 * 16 / 31 = 3,200.
        (
            "a minimum",
            json!({"minimum_commitment": {"amount_cents": 6_200}}),
            vec!["recurring Seat 1548 0 1548", "minimum_commitment Minimum commitment 1652 0 1652"],
            3_200,
        ),
        ("credit", json!({"credit_balance_cents": 1_000}), vec!["recurring Seat 1548 0 1548"], 548),
        // Of 10.00 in credit only 3.00 were ever paid: those are refunded, the rest is taken off.
        (
            "credit that is refunded as far as it was paid",
            json!({
                "after": "2027-01-16T00:00:00Z", "credit_policy": "refund",
                "credit_balance_cents": 1_000, "paid_amount_cents": 300,
            }),
            vec!["recurring Seat 3000 0 3000"],
            2_300,
        ),
        (
            "a sku at its own price",
            json!({"items": beans, "anchor_day": null}),
            vec!["recurring Coffee beans 2500 0 2500"],
            2_500,
        ),
        // 0.5 + 0.5 cents of tax: 1 + 1 by line, 1 by invoice.
        (
            "tax by line",
            json!({"anchor_day": null, "tax_rate": "50", "items": [
                {"description": "A", "unit_amount_cents": 1}, {"description": "B", "unit_amount_cents": 1},
            ]}),
            vec!["recurring A 1 1 2", "recurring B 1 1 2"],
            4,
        ),
        (
            "tax by invoice",
            json!({"anchor_day": null, "tax_rate": "50", "tax_rounding": "invoice", "items": [
                {"description": "A", "unit_amount_cents": 1}, {"description": "B", "unit_amount_cents": 1},
            ]}),
            vec!["recurring A 1 1 2", "recurring B 1 0 1"],
            3,
        ),
    ] {
        let answer = preview(&shop, KIND, seats(changes)).await?;
        assert_eq!(lines(&answer), expected, "{what}");
        assert_eq!(answer.attribute("amount_due_cents"), &json!(due), "{what}");
    }
    Ok(())
}

/// Setup credits are given, not paid: with nothing paid, nothing is refunded.
#[tokio::test]
async fn a_refund_never_pays_out_what_nobody_paid() -> TestResult {
    let shop = Shop::open_at("2027-01-31T10:00:00Z").await?;
    let credits = json!({
        "credit_policy": "refund",
        "setup_credits": [{"description": "Welcome", "amount_cents": 10_000}],
    });
    let answer = preview(&shop, KIND, seats(credits)).await?;
    // 15.48 less 100.00.
    assert_eq!(
        answer.attribute("settlement"),
        &json!({
            "balance_before_cents": 0,
            "credited_cents": 8_452,
            "credit_applied_cents": 0,
            "refunded_cents": 0,
            "balance_after_cents": 8_452,
        })
    );
    Ok(())
}

/// 17/31 of 20.00 are 10.97 and of a minimum of 30.00 16.45, so that 5.48 are lacking.
#[tokio::test]
async fn what_lacks_of_a_minimum_multiplies_out_and_says_how_it_came_about() -> TestResult {
    let shop = Shop::open_at("2027-01-31T10:00:00Z").await?;
    let minimum = json!({
        "starts_at": "2027-01-15T00:00:00Z",
        "items": [{"description": "Seat", "quantity": 2, "unit_amount_cents": 1_000}],
        "minimum_commitment": {"amount_cents": 3_000},
    });
    let answer = preview(&shop, KIND, seats(minimum)).await?;
    let line = answer.at("/data/attributes/lines/1");
    assert_eq!((&line["quantity"], &line["unit_amount_cents"]), (&json!(1), &json!(548)));
    assert_eq!((&line["fraction"], &line["net_amount_cents"]), (&Value::Null, &json!(548)));
    assert_eq!(
        line["reason"],
        "start stub, 17/31 of a period: 17/31 of the minimum of 30.00 EUR are 16.45 EUR, of which \
         10.97 EUR is billed above"
    );
    Ok(())
}

/// As docs/money.md says, orders charge whole prices; the invoice of a stub is its share.
#[tokio::test]
async fn the_first_order_charges_whole_prices_and_the_first_invoice_prorates_its_stub() -> TestResult
{
    // With the first of the month as anchor, 16 January begins a stub of 16 of 31 days:
    // 12.50 * 16 / 31 = 6.45.
    for (model, total, fraction) in
        [(json!({}), 1_250, "31/31"), (json!({"anchor_day": 1}), 645, "16/31")]
    {
        let shop = Plan::at("2027-01-16T10:00:00Z")?.model(model.clone()).open().await?;
        let order = shop.order(&[documents::line(BEANS, 1, "monthly")]).await?;
        let first = shop.api.get(&format!("orders/{order}")).await?;
        assert_eq!(first.attribute("total_amount_cents"), 1_250, "{model}");
        let [id] = shop.subscriptions_of(&order).await?.try_into().map_err(|_| "not one")?;
        let subscription = shop.api.get(&format!("order_subscriptions/{id}")).await?;

        let mut asked = json!({"currency": "EUR", "items": [{"sku_code": BEANS, "quantity": 1}]});
        for name in ["frequency", "starts_at", "time_zone", "anchor_day"] {
            asked[name] = subscription.attribute(name).clone();
        }
        let invoice = preview(&shop, KIND, asked.clone()).await?;
        assert_eq!(invoice.at("/data/attributes/periods/0/fraction"), fraction, "{model}");
        assert_eq!(invoice.attribute("total_amount_cents"), total, "{model}");

        // From the second on, both are for whole periods, and agree.
        asked["after"] = invoice.attribute("issued_at").clone();
        let second = preview(&shop, KIND, asked).await?;
        let next = preview(&shop, KIND, json!({"order_subscription_id": id.to_string()})).await?;
        for name in ["issued_at", "total_amount_cents", "periods", "lines"] {
            assert_eq!(second.attribute(name), next.attribute(name), "{model}: {name}");
        }
        assert_eq!(second.attribute("total_amount_cents"), 1_250, "{model}");
    }
    Ok(())
}

/// A run that was put on another date begins its period there, and still charges a whole price.
#[tokio::test]
async fn a_rescheduled_run_is_previewed_whole() -> TestResult {
    // The following run is moved to 1 April by a holiday, and the period's end is not.
    let working_days = json!({"rule": "next", "holidays": ["2027-03-31"]});
    let plan = Plan::at("2027-01-31T10:00:00Z")?.model(json!({"working_days": working_days}));
    let shop = plan.open().await?;
    let id = shop.subscribe("monthly").await?.to_string();
    let change = json!({"next_run_at": "2027-03-05T10:00:00Z"});
    let change = documents::update("order_subscriptions", &id, &change);
    let path = format!("order_subscriptions/{id}");
    shop.api.patch(&path, &change).send().await?.with_status(200)?;
    let answer = preview(&shop, KIND, json!({"order_subscription_id": id})).await?;
    assert_eq!(answer.attribute("issued_on"), "2027-03-05");
    assert_eq!(answer.attribute("total_amount_cents"), 1_250);
    let period = answer.at("/data/attributes/periods/0");
    assert_eq!((&period["number"], &period["kind"]), (&json!(1), &json!("whole")));
    assert_eq!(period["start_date"], "2027-03-05");
    assert_eq!(period["end_date"], "2027-03-31");
    Ok(())
}

/// 28 February, 7, 14 and 28 March 2027 are Sundays: the run comes on the Monday, for the period from
/// the Sunday on.
#[tokio::test]
async fn days_off_move_a_run_and_no_end_of_its_period() -> TestResult {
    let cron = "0 10 * * 0";
    let model = json!({"working_days": {"rule": "next"}, "frequencies": ["monthly", cron]});
    let shop = Plan::at("2027-01-28T10:00:00Z")?.model(model).open().await?;
    let id = shop.subscribe("monthly").await?.to_string();
    let billed = async || -> TestResult<[Value; 3]> {
        let answer = preview(&shop, KIND, json!({"order_subscription_id": id})).await?;
        let period = answer.at("/data/attributes/periods/0");
        let run = answer.attribute("issued_on").clone();
        Ok([run, period["start_date"].clone(), period["end_date"].clone()])
    };
    assert_eq!(billed().await?, ["2027-03-01", "2027-02-28", "2027-03-28"]);
    shop.advance_to("2027-03-05T10:00:00Z").await?;
    assert_eq!(billed().await?, ["2027-03-29", "2027-03-28", "2027-04-28"]);
    // Firings are counted from the anchor on, and runs go on with their numbers.
    let change = documents::update("order_subscriptions", &id, &json!({"frequency": cron}));
    shop.api.patch(&format!("order_subscriptions/{id}"), &change).send().await?.with_status(200)?;
    assert_eq!(billed().await?, ["2027-03-08", "2027-03-07", "2027-03-14"]);
    Ok(())
}

#[tokio::test]
async fn the_preview_of_a_subscription_is_what_its_next_run_then_charges() -> TestResult {
    let shop = Shop::open_at("2027-01-31T10:00:00Z").await?;
    let id = shop.subscribe("monthly").await?.to_string();
    let path = format!("order_subscriptions/{id}");
    let subscription = shop.api.get(&path).await?;
    let answer = preview(&shop, KIND, json!({"order_subscription_id": id})).await?;
    for name in ["frequency", "starts_at", "time_zone", "total_amount_cents"] {
        assert_eq!(answer.attribute(name), subscription.attribute(name), "{name}");
    }
    assert_eq!(answer.attribute("issued_at"), subscription.attribute("next_run_at"));
    assert_eq!(answer.attribute("issued_on"), "2027-02-28");
    assert_eq!(answer.attribute("currency"), "EUR");
    assert_eq!(answer.at("/data/attributes/periods/0/number"), 1);
    assert_eq!(answer.at("/data/attributes/periods/0/kind"), "whole");

    shop.advance("P1MT5M").await?;
    let orders = shop.api.all("orders").await?;
    let run = orders
        .iter()
        .find(|order| order["relationships"]["order_subscription"]["data"]["id"] == id.as_str())
        .ok_or("no run")?;
    assert_eq!(&run["attributes"]["total_amount_cents"], answer.attribute("total_amount_cents"));

    let next = preview(&shop, KIND, json!({"order_subscription_id": id, "tax_rate": "19"})).await?;
    assert_eq!(next.attribute("issued_on"), "2027-03-31");
    // 19 % of 12.50 is 2.375.
    assert_eq!(next.attribute("tax_amount_cents"), 238);
    Ok(())
}

#[tokio::test]
async fn a_subscription_that_is_not_there_or_makes_no_more_runs_has_no_invoice() -> TestResult {
    let shop = Shop::open_at("2027-01-31T10:00:00Z").await?;
    let id = shop.subscribe("monthly").await?.to_string();
    let of = |id: &str| documents::create(KIND, json!({"order_subscription_id": id}), &[]);
    let place = "/data/attributes/order_subscription_id";
    let stranger = shop.stack.token("globex", Role::Integration)?;
    let stranger = shop.api.with_token(Some(stranger));
    for (what, api, id) in [
        ("another organization's", &stranger, id.as_str()),
        ("nobody's", &shop.api, "sub_00"),
        ("no id at all", &shop.api, "#"),
    ] {
        let answer = api.post(KIND, &of(id)).send().await?;
        assert_eq!(answer.status, 404, "{what}: {:#}", answer.body);
        assert_eq!(answer.errors(), [format!("not_found {place}")], "{what}");
    }
    let cancel = documents::update("order_subscriptions", &id, &json!({"_cancel": true}));
    shop.api.patch(&format!("order_subscriptions/{id}"), &cancel).send().await?.with_status(200)?;
    let cancelled = shop.api.post(KIND, &of(&id)).send().await?.with_status(409)?;
    assert_eq!(cancelled.errors(), [format!("invalid_status {place}")]);
    Ok(())
}

#[tokio::test]
async fn what_can_not_be_invoiced_is_refused_where_it_stands() -> TestResult {
    let shop = Shop::open_at("2027-01-31T10:00:00Z").await?;
    let items = |item: Value| json!({"items": [item]});
    for (changes, errors) in [
        (json!({"currency": null}), &["required /currency"][..]),
        (json!({"frequency": null}), &["required /frequency"]),
        (json!({"starts_at": "today"}), &["invalid_value /starts_at"]),
        (json!({"items": null}), &["required /items"]),
        (json!({"items": []}), &["out_of_range /items"]),
        (json!({"items": "seats"}), &["wrong_type /items"]),
        (
            items(json!({})),
            &["required /items/0/description", "required /items/0/unit_amount_cents"],
        ),
        (
            items(json!({"description": "Seat", "unit_amount_cents": 10.5})),
            &["wrong_type /items/0/unit_amount_cents"],
        ),
        (
            items(json!({"sku_code": "TEA", "quantity": 1})),
            &["related_not_found /items/0/sku_code"],
        ),
        (
            json!({"currency": "USD", "items": [{"sku_code": BEANS}]}),
            &["currency_mismatch /items/0/sku_code"],
        ),
        (json!({"tax_rate": "nineteen"}), &["invalid_value /tax_rate"]),
        (json!({"tax_rate": 19}), &["wrong_type /tax_rate"]),
        (json!({"tax_behavior": "maybe"}), &["invalid_value /tax_behavior"]),
        (json!({"tax_rounding": "never"}), &["invalid_value /tax_rounding"]),
        (json!({"rounding": "down"}), &["invalid_value /rounding"]),
        (json!({"net_days": -1}), &["out_of_range /net_days"]),
        (json!({"minimum_commitment": {}}), &["required /minimum_commitment/amount_cents"]),
        (
            json!({"minimum_commitment": {"amount_cents": -1}}),
            &["out_of_range /minimum_commitment/amount_cents"],
        ),
        (json!({"credit_policy": "keep"}), &["invalid_value /credit_policy"]),
        (json!({"credit_balance_cents": -1}), &["out_of_range /credit_balance_cents"]),
        (
            json!({"setup_fees": [{"description": "Setup"}]}),
            &["required /setup_fees/0/amount_cents"],
        ),
        (json!({"ends_at": "2027-01-01T00:00:00Z"}), &["out_of_range /ends_at"]),
        (
            json!({"ends_at": "2027-02-01T00:00:00Z", "after": "2027-02-01T00:00:00Z"}),
            &["out_of_range /after"],
        ),
        (json!({"starts_at": "9999-12-16T00:00:00Z"}), &["out_of_range /starts_at"]),
        (
            json!({"starts_at": "9998-11-16T00:00:00Z", "net_days": 3_650}),
            &["out_of_range /net_days"],
        ),
        (
            json!({"frequency": "daily", "anchor_day": null, "initial_invoice_at": "2039-01-01T00:00:00Z"}),
            &["out_of_range /initial_invoice_at"],
        ),
        (
            json!({"starts_at": "9999-01-01T00:00:00Z", "after": "9999-12-01T00:00:00Z"}),
            &["out_of_range /after"],
        ),
        (json!({"order_subscription_id": 7}), &["wrong_type /order_subscription_id"]),
        (json!({"lines": []}), &["read_only_attribute /lines"]),
        (json!({"price": 5}), &["unknown_attribute /price"]),
    ] {
        refused(&shop, KIND, seats(changes), errors).await?;
    }
    let both = json!({"order_subscription_id": "sub_00", "currency": "EUR", "items": null});
    refused(&shop, KIND, both, &["invalid_value /currency"]).await
}
