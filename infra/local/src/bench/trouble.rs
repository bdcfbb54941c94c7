//! Renewals as they come in life: the payment provider takes its time, and one card in twenty is
//! declined.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use futures::{StreamExt, TryStreamExt, stream};
use indicatif::ProgressBar;
use perennial_domain::{ids::SubscriptionId, run::RunStatus, time::OccurrenceNumber};
use perennial_local::stack::Stack;
use serde::Serialize;

use super::{
    Failure,
    figures::Thousandths,
    latency::{Latency, Published, listen},
    renewals::{CONCURRENCY, almost_due, paid_orders},
    seed::{Buyer, Shop},
};

/// How long the provider takes for an answer, in milliseconds.
pub(super) const PROVIDER_MS: u32 = 200;
/// One card in so many is declined.
pub(super) const DECLINED: u32 = 20;

/// The token of a buyer's card with the test provider.
pub(super) fn token(number: u32) -> String {
    if number.is_multiple_of(DECLINED) {
        format!("tok_slow_{PROVIDER_MS}_declines_1")
    } else {
        format!("tok_slow_{PROVIDER_MS}")
    }
}

/// What came of renewals under trouble.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Trouble {
    /// Subscriptions that fell due at one instant.
    pub(super) renewals: u64,
    /// Those whose payment was declined, softly; they wait for their retry.
    pub(super) declined: u64,
    pub(super) took_ms: u64,
    /// Settled one way or the other, for each second.
    pub(super) per_second: Thousandths,
    /// From the firing of the tick until the outcome was on the bus. All fall due at once, so the
    /// last ones wait for those before them.
    pub(super) published_ms: Latency,
}

/// Seeds one due subscription for each buyer, and renews them.
pub(super) async fn measure(
    stack: &Stack,
    shop: &Shop,
    buyers: &[Buyer],
    bar: &ProgressBar,
) -> Result<Trouble, Failure> {
    let (subscriptions, tick) = almost_due(stack, shop, buyers, bar).await?;

    let published = Published::default();
    let listener = tokio::spawn(listen(stack.cloud().buses.subscribe(), None, published.clone()));
    let begun = Instant::now();
    stack.move_clock(&tick).await?;
    let took_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    listener.abort();

    let (paid, declined) = count(stack, shop, &subscriptions).await?;
    let renewals = paid + declined;
    Ok(Trouble {
        renewals,
        declined,
        took_ms,
        per_second: Thousandths::ratio(renewals * 1_000, took_ms),
        published_ms: Latency::of(waits(&subscriptions, &published.known(), begun)?)?,
    })
}

fn waits(
    subscriptions: &[SubscriptionId],
    published: &HashMap<String, Instant>,
    begun: Instant,
) -> Result<Vec<Duration>, Failure> {
    let wait = |id: &SubscriptionId| {
        let at = published.get(id.as_str());
        at.map(|at| at.saturating_duration_since(begun))
            .ok_or_else(|| format!("no event told of {id}").into())
    };
    subscriptions.iter().map(wait).collect()
}

/// Proves that each subscription has its first run, paid once or waiting for its retry.
async fn count(
    stack: &Stack,
    shop: &Shop,
    subscriptions: &[SubscriptionId],
) -> Result<(u64, u64), Failure> {
    let runs: Vec<_> = stream::iter(subscriptions)
        .map(|id| async move {
            let run = shop.store.run(&shop.organization, id, OccurrenceNumber::new(1)).await?;
            run.ok_or_else(|| Failure::from(format!("{id} was not renewed")))
        })
        .buffer_unordered(CONCURRENCY)
        .try_collect()
        .await?;
    let (paid, others): (Vec<_>, Vec<_>) =
        runs.into_iter().partition(|run| run.status == RunStatus::Successful);
    if let Some(run) = others.iter().find(|run| run.retry_at.is_none()) {
        return Err(format!("run 1 of {} is {:?}", run.subscription_id, run.status).into());
    }
    let orders = paid.iter().map(|run| run.order_id().to_string()).collect();
    paid_orders(stack, &orders).await?;
    Ok((u64::try_from(paid.len())?, u64::try_from(others.len())?))
}
