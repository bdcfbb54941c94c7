//! Books of subscriptions that come from elsewhere: what a row becomes, what it is refused for, and
//! that no row, however often it is sent, becomes two.

mod addresses;
mod command;
mod killed;
mod refusals;

use perennial_tests::{Answer, Plan, Shop, TestResult, documents, shop::BEANS};
use serde_json::{Value, json};

/// A Wednesday.
const NOW: &str = "2027-02-10T12:00:00Z";

/// A monthly subscription since 31 August that has come to number 11 elsewhere.
fn row(shop: &Shop, external_id: &str) -> Value {
    json!({
        "external_id": external_id,
        "market_id": shop.goods.market,
        "frequency": "monthly",
        "starts_at": "2026-08-31T10:00:00Z",
        "current_recurrence": 11,
        "errors_count": 2,
        "last_run_at": "2027-01-31T10:00:03Z",
        "customer_email": "grace@example.com",
        "customer_name": "Grace",
        "payment_source_token": "tok_paid",
        "items": [{"sku_code": BEANS, "quantity": 2, "unit_amount_cents": 999}],
        "metadata": {"plan": "old"},
    })
}

fn document(rows: &[Value], dry_run: bool) -> Value {
    let attributes = json!({"source": "legacy", "dry_run": dry_run, "rows": rows});
    documents::create("subscription_imports", attributes, &[])
}

async fn import(shop: &Shop, rows: &[Value], dry_run: bool) -> TestResult<Answer> {
    let sent = shop.api.post("subscription_imports", &document(rows, dry_run)).send().await?;
    sent.with_status(200)
}

/// The outcome of each row.
fn outcomes(answer: &Answer) -> Vec<&str> {
    let results = answer.attribute("results").as_array().map(Vec::as_slice).unwrap_or_default();
    results.iter().filter_map(|row| row.get("outcome")?.as_str()).collect()
}

/// What is wrong with a row, as `field rule`.
fn problems(answer: &Answer, row: usize) -> Vec<String> {
    let found = answer.at(&format!("/data/attributes/results/{row}/problems"));
    let text = |problem: &Value, name: &str| {
        problem.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    let all = found.as_array().map(Vec::as_slice).unwrap_or_default();
    all.iter().map(|one| format!("{} {}", text(one, "field"), text(one, "rule"))).collect()
}

fn subscription(answer: &Answer, row: usize) -> TestResult<String> {
    answer.text(&format!("/data/attributes/results/{row}/order_subscription_id"))
}

#[tokio::test]
async fn a_row_becomes_a_subscription_that_lives_like_any_other_and_pays_for_nothing_past()
-> TestResult {
    let shop = Shop::open_at(NOW).await?;
    let checked = import(&shop, &[row(&shop, "S-1")], true).await?;
    assert_eq!(outcomes(&checked), ["imported"]);
    assert_eq!(checked.at("/data/attributes/results/0/next_number"), 12);
    assert!(shop.api.all("order_subscriptions").await?.is_empty(), "a dry run writes nothing");
    assert_eq!(shop.api.all("customers").await?.len(), 1);

    let made = import(&shop, &[row(&shop, "S-1")], false).await?;
    assert_eq!(outcomes(&made), ["imported"]);
    let id = subscription(&made, 0)?;
    assert_eq!(id, subscription(&checked, 0)?, "ids are known before");
    let path = format!("order_subscriptions/{id}");
    let one = shop.api.get(&format!("{path}?include=customer,order_subscription_items")).await?;
    for (name, expected) in [
        ("status", json!("active")),
        ("starts_at", json!("2026-08-31T10:00:00Z")),
        ("next_run_at", json!("2027-02-28T10:00:00Z")),
        ("current_recurrence", json!(11)),
        ("occurrencies", json!(11)),
        ("errors_count", json!(2)),
        ("last_run_at", json!("2027-01-31T10:00:03Z")),
        ("last_ordered_date", json!("2027-01-31")),
        ("total_amount_cents", json!(1998)),
        ("reference", json!("S-1")),
        ("reference_origin", json!("legacy")),
        ("metadata", json!({"plan": "old"})),
    ] {
        assert_eq!(one.attribute(name), &expected, "{name}");
    }
    assert_eq!(one.at("/data/relationships/source_order/data"), &Value::Null);
    let source = shop.api.get(&format!("{path}/source_order")).await?;
    assert_eq!(source.at("/data"), &Value::Null);
    let customer = shop.api.get(&format!("{path}/customer")).await?;
    assert_eq!(customer.attribute("email"), "grace@example.com");
    shop.settle().await?;
    assert!(shop.charges().await?.is_empty());

    // It is edited, shown ahead and run as every other is.
    let change = documents::update("order_subscriptions", &id, &json!({"cut_off_hours": 2}));
    shop.api.patch(&path, &change).send().await?.with_status(200)?;
    let ahead = json!({"order_subscription_id": id});
    let ahead = documents::create("invoice_previews", ahead, &[]);
    shop.api.post("invoice_previews", &ahead).send().await?.with_status(200)?;
    shop.advance_to("2027-03-01T00:00:00Z").await?;
    let charges = shop.charges().await?;
    assert_eq!(charges.len(), 1, "{charges:?}");
    let one = shop.api.get(&path).await?;
    assert_eq!(one.attribute("current_recurrence"), 12);
    assert_eq!(one.attribute("occurrencies"), 12);
    assert_eq!(one.attribute("next_run_at"), "2027-03-31T10:00:00Z");
    let orders = shop.api.get(&format!("{path}/orders")).await?;
    assert_eq!(orders.list()?.len(), 1);
    let copies =
        shop.api.get(&format!("{path}/recurring_order_copies?include=source_order")).await?;
    assert_eq!(copies.at("/data/0/attributes/status"), "completed", "{:#}", copies.body);
    let events: Vec<Value> = shop.api.get(&format!("{path}/events")).await?.list()?.to_vec();
    let names: Vec<&str> =
        events.iter().filter_map(|event| event.pointer("/attributes/name")?.as_str()).collect();
    assert!(names.contains(&"order_subscriptions.import"), "{names:?}");
    assert!(!names.contains(&"order_subscriptions.create"), "{names:?}");
    shop.prove_events().await
}

#[tokio::test]
async fn the_same_row_again_is_unchanged_and_another_under_its_id_a_conflict() -> TestResult {
    let shop = Shop::open_at(NOW).await?;
    let rows = [row(&shop, "S-1"), row(&shop, "S-2")];
    let made = import(&shop, &rows, false).await?;
    assert_eq!(outcomes(&made), ["imported", "imported"]);
    assert_eq!(shop.api.all("customers").await?.len(), 2, "both rows have one customer");
    assert_eq!(shop.api.all("customer_payment_sources").await?.len(), 2);

    // Whatever has become of it here since.
    let id = subscription(&made, 0)?;
    let change = documents::update("order_subscriptions", &id, &json!({"frequency": "weekly"}));
    shop.api.patch(&format!("order_subscriptions/{id}"), &change).send().await?.with_status(200)?;
    shop.advance_to("2027-03-01T00:00:00Z").await?;
    let other = documents::with(row(&shop, "S-2"), json!({"errors_count": 3}));
    let nulls = documents::with(row(&shop, "S-1"), json!({"customer_id": shop.goods.customer}));
    for dry_run in [true, false] {
        let again = import(&shop, &[row(&shop, "S-1"), other.clone()], dry_run).await?;
        assert_eq!(outcomes(&again), ["unchanged", "conflict"]);
        assert_eq!(subscription(&again, 0)?, id);
        assert_eq!(problems(&again, 1), ["external_id taken"]);
        assert_eq!(again.attribute("conflicts"), 1);
        let found = import(&shop, std::slice::from_ref(&nulls), dry_run).await?;
        assert_eq!(outcomes(&found), ["unchanged"], "its customer was found by e-mail meanwhile");
    }
    assert_eq!(shop.api.all("order_subscriptions").await?.len(), 2);

    // In one batch, the first of an id counts.
    let third = row(&shop, "S-3");
    let twice = import(&shop, &[third.clone(), third, other], false).await?;
    assert_eq!(outcomes(&twice), ["imported", "unchanged", "conflict"]);

    // What was deleted here does not come back by itself.
    let cancel = documents::update("order_subscriptions", &id, &json!({"_cancel": true}));
    let path = format!("order_subscriptions/{id}");
    shop.api.patch(&path, &cancel).send().await?.with_status(200)?;
    shop.settle().await?;
    shop.api.request(reqwest::Method::DELETE, &path).send().await?.with_status(204)?;
    let gone = import(&shop, &[row(&shop, "S-1")], false).await?;
    assert_eq!(outcomes(&gone), ["conflict"]);
    assert!(gone.text("/data/attributes/results/0/problems/0/detail")?.contains("deleted"));
    // Another book's S-1 is another subscription.
    let attributes = json!({"source": "other", "rows": [row(&shop, "S-1")]});
    let others = documents::create("subscription_imports", attributes, &[]);
    let others = shop.api.post("subscription_imports", &others).send().await?.with_status(200)?;
    assert_eq!(outcomes(&others), ["imported"]);
    Ok(())
}

#[tokio::test]
async fn what_rests_or_has_ended_is_taken_over_as_it_stands() -> TestResult {
    let shop = Shop::open_at(NOW).await?;
    let with = |id: &str, changes: Value| documents::with(row(&shop, id), changes);
    let rows = [
        with("S-1", json!({"status": "paused"})),
        with("S-2", json!({"status": "paused", "resumes_at": "2027-02-20T00:00:00Z"})),
        with("S-3", json!({"status": "cancelled", "cancelled_at": "2027-02-01T00:00:00Z"})),
        with(
            "S-4",
            json!({"next_run_at": "2027-03-05T08:00:00Z", "items": [
                {"sku_code": BEANS, "quantity": 1},
                {"sku_code": BEANS, "quantity": 3, "unit_amount_cents": 0},
            ]}),
        ),
        with("S-5", json!({"frequency": "30 9 * * 1", "time_zone": "Europe/London"})),
        with(
            "S-6",
            json!({
                "anchor_day": 15,
                "max_occurrences": 13,
                "subscription_model_id": shop.goods.model,
            }),
        ),
    ];
    let made = import(&shop, &rows, false).await?;
    assert_eq!(outcomes(&made), ["imported"; 6], "{:#}", made.body);
    let mut ids = Vec::new();
    for (place, (status, next)) in [
        ("inactive", json!(null)),
        ("inactive", json!("2027-02-28T10:00:00Z")),
        ("cancelled", json!(null)),
        ("active", json!("2027-03-05T08:00:00Z")),
        ("active", json!("2027-02-15T09:30:00Z")),
        ("active", json!("2027-02-15T10:00:00Z")),
    ]
    .into_iter()
    .enumerate()
    {
        let id = subscription(&made, place)?;
        let one = shop.api.get(&format!("order_subscriptions/{id}")).await?;
        assert_eq!(one.attribute("status"), status, "row {place}");
        assert_eq!(one.attribute("next_run_at"), &next, "row {place}");
        ids.push(id);
    }
    let [paused, _, cancelled, ..] = ids.as_slice() else { return Err("no ids".into()) };
    for (id, trigger) in [(paused, "_activate"), (cancelled, "_reactivate")] {
        let go_on = documents::update("order_subscriptions", id, &json!({trigger: true}));
        let path = format!("order_subscriptions/{id}");
        let one = shop.api.patch(&path, &go_on).send().await?.with_status(200)?;
        assert_eq!(one.attribute("next_run_at"), "2027-02-28T10:00:00Z", "{trigger}");
    }
    // Beans at their own price, 12.50; the second item for nothing.
    let fourth = format!("order_subscriptions/{}", subscription(&made, 3)?);
    assert_eq!(shop.api.get(&fourth).await?.attribute("total_amount_cents"), 1250);
    shop.advance_to("2027-03-16T00:00:00Z").await?;
    let sixth = shop.api.get(&format!("order_subscriptions/{}", subscription(&made, 5)?)).await?;
    assert_eq!(sixth.attribute("current_recurrence"), 12, "its thirteenth was its last");
    assert_eq!(sixth.attribute("next_run_at"), &Value::Null);
    shop.prove_events().await
}

#[tokio::test]
async fn operators_and_integrations_import_each_into_what_they_see() -> TestResult {
    use perennial_local::identity::Role;
    let shop = Plan::at(NOW)?.open().await?;
    let rows = [row(&shop, "S-1")];
    for (role, dry_run, status) in [
        (Role::SalesChannel, true, 403),
        (Role::SalesChannel, false, 403),
        (Role::Approver, true, 200),
        (Role::Approver, false, 403),
        (Role::Operator, false, 200),
    ] {
        let api = shop.api_as(role)?;
        let sent = api.post("subscription_imports", &document(&rows, dry_run)).send().await?;
        assert_eq!(sent.status, status, "{role:?} {dry_run}: {:#}", sent.body);
    }
    Ok(())
}

#[tokio::test]
async fn a_payment_source_that_was_deleted_keeps_no_known_row_waiting() -> TestResult {
    let shop = Shop::open_at(NOW).await?;
    let over = |id: &str| documents::with(row(&shop, id), json!({"status": "cancelled"}));
    let rows = [over("S-1"), over("S-2")];
    let made = import(&shop, &rows, false).await?;
    assert_eq!(outcomes(&made), ["imported", "imported"]);
    let path = format!("order_subscriptions/{}", subscription(&made, 0)?);
    let one = shop.api.get(&format!("{path}?include=customer_payment_source")).await?;
    let source = one.text("/included/0/id")?;
    let delete = async |path: &str| {
        shop.api.request(reqwest::Method::DELETE, path).send().await?.with_status(204)
    };
    delete(&format!("customer_payment_sources/{source}")).await?;
    delete(&path).await?;
    // One that was deleted, too; one that is here; and a new one that would be paid by it.
    let rows = [over("S-1"), over("S-2"), row(&shop, "S-3")];
    for dry_run in [true, false] {
        let again = import(&shop, &rows, dry_run).await?;
        assert_eq!(outcomes(&again), ["conflict", "unchanged", "invalid"], "{:#}", again.body);
        assert_eq!(problems(&again, 0), ["external_id taken"]);
        assert_eq!(problems(&again, 2), ["payment_source_token related_not_found"]);
        let problem = again.at("/data/attributes/results/2/problems/0");
        assert_eq!(problem.get("value"), Some(&json!(source)));
        let detail = problem.get("detail").and_then(Value::as_str).unwrap_or_default();
        assert!(detail.contains(&source) && detail.contains("deleted since"), "{detail}");
        assert!(!again.body.to_string().contains("tok_paid"), "tokens are not repeated");
    }
    // With another token it comes in.
    let other = documents::with(row(&shop, "S-3"), json!({"payment_source_token": "tok_other"}));
    assert_eq!(outcomes(&import(&shop, &[other], false).await?), ["imported"]);
    Ok(())
}
