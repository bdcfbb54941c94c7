//! Money that is found at the provider for a run that was passed over: it is booked as it was paid.
//! Every amount was worked out by hand.

use perennial_domain::{
    ids::{JobRunId, OrderId, SubscriptionId},
    money::MinorUnits,
    run::{Run, RunStatus, charge_key},
    tax::Taxes,
    time::OccurrenceNumber,
};
use perennial_payments::{ChargeKey, ChargeRequest, PaymentProvider, PaymentToken};
use perennial_store::DeadLetterStatus;
use perennial_tests::{Shop, TestResult, documents, taxes::Rate};
use serde_json::{Value, json};

use super::OPENED;

/// The run that is paid and passed over.
const NUMBER: OccurrenceNumber = OccurrenceNumber::new(1);

/// Has the first run of a new monthly subscription paid by a worker that is heard of no more, and
/// passed over by request, and then its message come again, when it orders so many: the beans are
/// 12.50.
async fn paid_late(
    shop: &Shop,
    (paid, currency): (i64, &str),
    quantity: u32,
) -> TestResult<SubscriptionId> {
    let (organization, number) = (&shop.organization, NUMBER);
    let id = shop.subscribe("monthly").await?;
    let now = shop.stack.clock().now();
    let request = ChargeRequest {
        key: ChargeKey::new(charge_key(organization, &id, number, 1)),
        organization: organization.to_string(),
        amount_minor: paid,
        currency: currency.to_owned(),
        token: PaymentToken::new("tok_paid"),
        reference: OrderId::of_run(&id, number).to_string(),
        attempt: 1,
        requested_at: now,
        key_since: now,
    };
    assert!(shop.provider.charge(&request).await?.is_paid());
    let path = format!("order_subscriptions/{id}");
    let skip = documents::update("order_subscriptions", id.as_str(), &json!({"_skip_next": true}));
    shop.api.patch(&path, &skip).send().await?.with_status(200)?;
    let item = shop.subscription(&id).await?.items.first().ok_or("it has an item")?.id.to_string();
    let kind = "order_subscription_items";
    let edit = documents::update(kind, &item, &json!({"quantity": quantity}));
    shop.api.patch(&format!("{kind}/{item}"), &edit).send().await?.with_status(200)?;
    let job = JobRunId::of_tick(organization, now.timestamp_millis());
    let message = json!({
        "organization": organization, "subscription_id": id, "number": number,
        "job": {"job_run_id": job, "batch": "0"},
    });
    shop.send("ORDER_COPY", &[message.to_string()], 0).await?;
    shop.settle().await?;
    Ok(id)
}

/// The same in euros, and the run that it is booked as.
async fn found(shop: &Shop, paid: i64, quantity: u32) -> TestResult<(SubscriptionId, Run)> {
    let id = paid_late(shop, (paid, "EUR"), quantity).await?;
    let run = shop.runs(&id).await?.pop().ok_or("the money was not booked")?;
    assert_eq!((run.number, run.status), (NUMBER, RunStatus::Successful));
    Ok((id, run))
}

#[tokio::test]
async fn money_that_can_not_be_booked_waits_for_a_person() -> TestResult {
    let shop = Shop::open_at(OPENED).await?;
    let id = paid_late(&shop, (1_250, "USD"), 1).await?;
    assert_eq!(shop.runs(&id).await?, []);
    let letters = shop.dead_letters().await?;
    let [letter] = &letters[..] else { return Err(format!("one letter: {letters:#?}").into()) };
    let told = letter.error.as_deref().unwrap_or_default();
    assert!(told.starts_with("1250 USD was paid for"), "{told}");
    assert_eq!(
        (letter.status, letter.subject.as_deref()),
        (DeadLetterStatus::Open, Some(id.as_str()))
    );
    Ok(())
}

#[tokio::test]
async fn what_was_paid_with_tax_is_booked_with_the_tax_of_its_day() -> TestResult {
    let shop = Shop::open_at(OPENED).await?;
    let rates = [Rate::of(0.19), Rate::of(0.16).from("2027-03-01")];
    let table = shop.tax_table("Germany", &rates).await?;
    shop.tax_by(Some(&table)).await?;
    // 19 % of 12.50 on 28 February, its day.
    let (_, run) = found(&shop, 1_488, 1).await?;
    let tax = run.tax.as_ref().map(Taxes::total).transpose()?.map(MinorUnits::get);
    assert_eq!((run.total.get(), tax, run.lines.len()), (1_488, Some(238), 1));
    assert_eq!(run.errors_log, []);
    shop.prove_books().await?;
    Ok(())
}

#[tokio::test]
async fn what_differs_from_what_is_known_now_is_a_line_of_its_own_and_told() -> TestResult {
    let shop = Shop::open_at(OPENED).await?;
    let table = shop.tax_table("Germany", &[Rate::of(0.19)]).await?;
    shop.tax_by(Some(&table)).await?;
    // By now it orders two: 25.00, and 4.75 of tax.
    let (id, run) = found(&shop, 1_488, 2).await?;
    let order = shop.api.get(&format!("orders/{}?include=line_items", run.order_id())).await?;
    for (name, expected) in [
        ("payment_status", json!("paid")),
        ("subtotal_amount_cents", json!(2_500)),
        ("total_amount_cents", json!(1_013)),
        ("total_tax_amount_cents", json!(475)),
        ("total_amount_with_taxes_cents", json!(1_488)),
        ("refund_balance_cents", json!(1_488)),
    ] {
        assert_eq!(order.attribute(name), &expected, "{name}");
    }
    let line = order.at("/included/1/attributes");
    assert_eq!(
        (&line["name"], &line["total_amount_cents"], &line["tax_amount_cents"]),
        (&json!("Difference to what was paid"), &json!(-1_487), &Value::Null)
    );
    let codes: Vec<_> = run.errors_log.iter().map(|error| error.code.as_str()).collect();
    assert_eq!(codes, ["amount_differs"]);
    let journal = shop.journal("S", id.as_str()).await?;
    let told = journal.iter().find_map(|entry| entry.after.get("amount_differs"));
    assert_eq!(told, Some(&json!({"paid": 1_488, "known": 2_975, "difference": -1_487})));
    shop.prove_books().await?;
    Ok(())
}

#[tokio::test]
async fn what_was_paid_without_tax_is_booked_without() -> TestResult {
    let shop = Shop::open_at(OPENED).await?;
    let (_, run) = found(&shop, 1_250, 1).await?;
    assert_eq!((run.total.get(), &run.tax, run.lines.len()), (1_250, &None, 1));
    shop.prove_books().await?;
    Ok(())
}
