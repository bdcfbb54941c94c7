//! Renewals: everything due at one instant, from the tick until the stack is at rest again.

use std::{
    collections::HashSet,
    time::{Duration, Instant},
};

use chrono::{Months, SubsecRound, TimeDelta};
use futures::{StreamExt, TryStreamExt, stream};
use indicatif::ProgressBar;
use perennial_domain::{ids::SubscriptionId, run::RunStatus, time::OccurrenceNumber};
use perennial_local::{clock::Target, stack::Stack};
use perennial_payments::test_provider::TestProvider;
use serde::Serialize;

use super::{
    Failure,
    consumption::{Consumption, Meter},
    figures::Thousandths,
    prices::Bill,
    process,
    seed::{Buyer, ORGANIZATION, Shop, setting},
};

/// How long the stack may need to come to rest after seeding.
const PATIENCE: Duration = Duration::from_secs(300);
/// Reads in flight while counting.
pub(super) const CONCURRENCY: usize = 16;

/// What renewing cost.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Renewals {
    /// Subscriptions that fell due at one instant and were renewed: placed, paid, and published.
    pub(super) renewals: u64,
    /// From the firing of the tick until nothing was under way and every event was published.
    pub(super) took_ms: u64,
    pub(super) per_second: Thousandths,
    /// Processor time of the whole process per renewal, in milliseconds: functions, SDK, database,
    /// queues, bus.
    pub(super) cpu_ms_per_renewal: Option<Thousandths>,
    /// What all of them consumed together.
    pub(super) consumption: Consumption,
    /// What a million of them would cost, in microdollars.
    pub(super) micro_dollars_per_million: Bill,
}

/// Seeds a shop with one due subscription for each buyer, and renews them.
pub(super) async fn measure(
    stack: &Stack,
    shop: &Shop,
    buyers: &[Buyer],
    bar: &ProgressBar,
) -> Result<Renewals, Failure> {
    let (subscriptions, tick) = almost_due(stack, shop, buyers, bar).await?;

    let (meter, cpu, begun) = (Meter::start(stack), process::cpu_ms(), Instant::now());
    stack.move_clock(&tick).await?;
    let took_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    let cpu = cpu.zip(process::cpu_ms()).map(|(before, after)| after.saturating_sub(before));
    let consumption = meter.stop(stack);

    let renewals = count(stack, shop, subscriptions).await?;
    Ok(Renewals {
        renewals,
        took_ms,
        per_second: Thousandths::ratio(renewals * 1_000, took_ms),
        cpu_ms_per_renewal: cpu.map(|cpu| Thousandths::ratio(cpu, renewals)),
        micro_dollars_per_million: Bill::per_million(consumption.clone(), renewals),
        consumption,
    })
}

/// Seeds a shop with one subscription for each buyer, and goes to just before they are due. Moving
/// the clock to the target makes them due, by one tick.
pub(super) async fn almost_due(
    stack: &Stack,
    shop: &Shop,
    buyers: &[Buyer],
    bar: &ProgressBar,
) -> Result<(Vec<SubscriptionId>, Target), Failure> {
    let placed_at = stack.clock().now().trunc_subsecs(0);
    let subscriptions = shop.subscribe(buyers, placed_at, || bar.inc(1)).await?;
    if !stack.settle(PATIENCE).await {
        return Err("the stack did not come to rest after seeding".into());
    }
    // A monthly subscription is due on the same wall clock: within an hour of the plain month. The
    // clock stops before that, so that the measured move finds nothing but this one tick. It ends so
    // late that whoever is seeded next is due well after the next renewals of these.
    let near = placed_at
        .checked_add_months(Months::new(1))
        .ok_or("the clock is at the end of the calendar")?;
    stack.move_clock(&Target::Instant(near - TimeDelta::hours(2))).await?;
    Ok((subscriptions, Target::Instant(near + TimeDelta::hours(4))))
}

/// Proves that each subscription has one successful first run, and one charge in the provider's
/// own ledger. A benchmark of work that was not done is worth nothing.
async fn count(
    stack: &Stack,
    shop: &Shop,
    subscriptions: Vec<SubscriptionId>,
) -> Result<u64, Failure> {
    let expected = subscriptions.len();
    let orders: HashSet<String> = stream::iter(subscriptions)
        .map(|id| async move {
            let number = OccurrenceNumber::new(1);
            let run = shop.store.run(&shop.organization, &id, number).await?;
            match run {
                Some(run) if run.status == RunStatus::Successful => Ok(run.order_id().to_string()),
                Some(run) => Err(Failure::from(format!("run 1 of {id} is {:?}", run.status))),
                None => Err(Failure::from(format!("{id} was not renewed"))),
            }
        })
        .buffer_unordered(CONCURRENCY)
        .try_collect()
        .await?;
    if orders.len() != expected {
        return Err(
            format!("{expected} subscriptions were due, {} were renewed", orders.len()).into()
        );
    }
    paid_orders(stack, &orders).await?;
    Ok(u64::try_from(expected)?)
}

/// Proves that each of these orders has one paid charge in the provider's own ledger.
pub(super) async fn paid_orders(stack: &Stack, orders: &HashSet<String>) -> Result<(), Failure> {
    let table = setting(stack, "TEST_PAYMENTS_TABLE")?;
    let provider = TestProvider::new(stack.aws().dynamodb.clone(), table);
    let ledger = provider.ledger_of_organization(ORGANIZATION).await?;
    let charges: Vec<&str> = ledger
        .iter()
        .filter(|entry| entry.outcome.is_paid() && orders.contains(&entry.reference))
        .map(|entry| entry.reference.as_str())
        .collect();
    let paid: HashSet<&str> = charges.iter().copied().collect();
    if charges.len() != orders.len() || paid.len() != orders.len() {
        let (orders, charges) = (orders.len(), charges.len());
        return Err(format!("for {orders} paid orders, {charges} charges were made").into());
    }
    Ok(())
}
