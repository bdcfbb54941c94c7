//! Orders of clients: validation dies at each of its await points while taxes change, and is started
//! again. Whatever happens, an order is placed and charged once, with the tax that it says.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use perennial_domain::order::{Order, OrderStatus};
use perennial_store::StoredOrder;
use perennial_tests::{
    Plan, Shop, TestResult, documents,
    gate::{Gate, Mode},
    shop::BEANS,
    taxes::Rate,
    worker::Worker,
};
use serde_json::{Value, json};

/// Orders of one await point each: as many as validation has, and some more.
const ORDERS: usize = 36;

/// What changes while the worker is dead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    /// The market goes by another table.
    Rates,
    /// The market is given its first calculator.
    FirstCalculator,
    /// The same, half a minute before the order was sent to be placed: the worker had not heard of it.
    UnheardCalculator,
    /// Its calculator is taken away.
    NoCalculator,
}

impl Change {
    /// What an order of 12.50 may come to: with 19 %, with 7 %, without tax.
    fn totals(self) -> &'static [i64] {
        match self {
            Self::Rates => &[1_338, 1_488],
            // What was sent to be placed before that bears none.
            Self::FirstCalculator => &[1_250],
            // What was charged without tax by then is placed so.
            Self::UnheardCalculator | Self::NoCalculator => &[1_250, 1_488],
        }
    }
}

/// What each market goes by, before its worker dies and after.
async fn tables(shop: &Shop, change: Change) -> TestResult<[Option<String>; 2]> {
    let nineteen = Some(shop.tax_table("19", &[Rate::of(0.19)]).await?);
    let seven = Some(shop.tax_table("7", &[Rate::of(0.07)]).await?);
    Ok(match change {
        Change::Rates => [nineteen, seven],
        Change::FirstCalculator | Change::UnheardCalculator => [None, nineteen],
        Change::NoCalculator => [nineteen, None],
    })
}

/// Sends each order to be placed by itself, and lets validation die over the nth at its point n.
async fn die_everywhere(change: Change) -> TestResult<usize> {
    let gate = Gate::before("validation");
    let plan = Plan::at("2027-01-31T10:00:00Z")?;
    let mut shop = Plan { functions: gate.functions(), ..plan }.open().await?;
    let [before, after] = tables(&shop, change).await?;
    let worker = Worker::of(&shop, "validation")?;
    gate.set(Mode::Losing);
    let (mut points, mut died) = (None, Vec::new());
    for point in 1..=ORDERS {
        // Each has a market of its own: one that has had a calculator is not as if it never had one.
        let market = documents::create("markets", documents::market(), &[]);
        shop.goods.market = shop.api.create("markets", &market).await?.id()?;
        if before.is_some() {
            shop.tax_by(before.as_deref()).await?;
        }
        let order = json!({"line_items": [{"sku_code": BEANS, "quantity": 1}], "_place": true});
        let id = shop.api.create("orders", &shop.order_document(order)).await?.id()?;
        shop.settle().await?;
        let message = message(&gate, &id)?;
        let mut work = worker.begin(&message);
        let reached = work.reach(point).await?;
        drop(work);
        shop.tax_by(after.as_deref()).await?;
        if change == Change::UnheardCalculator {
            shop.taxed_since(sent_at(&shop, &id).await? - TimeDelta::seconds(30)).await?;
        }
        worker.deliver(&message).await?;
        died.push(id);
        if !reached {
            points = Some(point - 1);
            break;
        }
    }
    gate.set(Mode::Open);
    shop.advance("PT10M").await?;
    let points = points.ok_or("validation has more await points than there are orders")?;
    let orders = shop.client_orders().await?;
    let charges = shop.charges().await?;
    let mut seen = BTreeSet::new();
    for (point, id) in (1..).zip(&died) {
        let order: &Order = orders.iter().find(|one| one.id.as_str() == id).ok_or("an order")?;
        assert_eq!(order.status, OrderStatus::Placed, "died at point {point}: {order:?}");
        let taken: Vec<i64> = charges
            .iter()
            .filter(|charge| charge.reference == *id)
            .map(|charge| charge.amount_minor)
            .collect();
        assert_eq!(taken, [order.total()?.get()], "died at point {point}");
        seen.insert(order.total()?.get());
    }
    assert_eq!(seen, change.totals().iter().copied().collect(), "{change:?}");
    shop.prove_books().await?;
    println!("{change:?}: validation died at each of {points} await points");
    Ok(points)
}

/// When an order was sent to be placed.
async fn sent_at(shop: &Shop, order: &str) -> TestResult<DateTime<Utc>> {
    match shop.store.order(&shop.organization, &order.parse()?).await? {
        Some(StoredOrder::Client(order)) => Ok(order.placing_at.ok_or("it was sent")?),
        other => Err(format!("{other:?} is no order of a client").into()),
    }
}

/// The message about an order, which the gate has lost.
fn message(gate: &Gate, order: &str) -> TestResult<Vec<Value>> {
    let records = gate.take_records();
    let about = |record: &Value| {
        record.get("body").and_then(Value::as_str).is_some_and(|body| body.contains(order))
    };
    let found = records.into_iter().find(about).ok_or("no message about the order")?;
    Ok(vec![found])
}

#[tokio::test]
async fn validation_dies_at_every_await_point_while_rates_change() -> TestResult {
    assert!(die_everywhere(Change::Rates).await? >= 8);
    Ok(())
}

#[tokio::test]
async fn validation_dies_at_every_await_point_while_its_market_begins_to_compute_taxes()
-> TestResult {
    assert!(die_everywhere(Change::FirstCalculator).await? >= 8);
    Ok(())
}

#[tokio::test]
async fn validation_dies_at_every_await_point_before_it_has_heard_of_taxes() -> TestResult {
    assert!(die_everywhere(Change::UnheardCalculator).await? >= 8);
    Ok(())
}

#[tokio::test]
async fn validation_dies_at_every_await_point_while_its_market_loses_its_calculator() -> TestResult
{
    assert!(die_everywhere(Change::NoCalculator).await? >= 8);
    Ok(())
}
