//! What is looked at: each check with its verdict, its number and what it means.

use std::time::{Duration, Instant};

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use futures::future::{join, join_all, try_join_all};
use perennial_domain::{
    checks::{CheckRecord, RecordOutcome},
    ids::OrganizationId,
    order::OrderStatus,
};
use perennial_store::{DeadLetter, DeadLetterStatus, Span, Store, StoreError, StoredOrder};
use serde_json::{Value, json};

use super::Watched;

/// The longest that one look may take.
const LIMIT: Duration = Duration::from_secs(2);
/// From how late on what is due is too late: the alarm of the tick says the same.
const LATE: TimeDelta = TimeDelta::minutes(5);
/// From how many on too many messages wait in a queue.
const CROWDED: u64 = 1_000;
/// How many of an organization's latest dead letters are counted.
const LETTERS: u16 = 100;
/// How many of an organization's latest orders that checks held or refused are looked through.
const RECORDS: u16 = 500;
/// Most held orders that are counted.
const HELD: usize = 100;
/// For how long an order may wait for an operator before somebody should be told.
const HELD_LONG: TimeDelta = TimeDelta::days(1);

/// A verdict, the better ones first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Status {
    /// All is well.
    Pass,
    /// Requests are served, and somebody should look.
    Warn,
    /// Requests can't be served.
    Fail,
}

impl Status {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }

    /// The verdict that a check was told with.
    pub(super) fn named(told: &Value) -> Self {
        match told.get("status").and_then(Value::as_str) {
            Some("fail") => Self::Fail,
            Some("warn") => Self::Warn,
            _ => Self::Pass,
        }
    }
}

/// One thing that was looked at.
#[derive(Debug, Clone)]
pub(super) struct Check {
    /// Component and measurement.
    pub(super) name: &'static str,
    /// Which one of several.
    pub(super) component: Option<String>,
    pub(super) component_type: &'static str,
    pub(super) status: Status,
    /// What was measured, with its unit; `None` where it could not be.
    pub(super) observed: Option<(u64, &'static str)>,
    /// Further numbers.
    pub(super) more: Value,
    /// What it means when it is not well, for people.
    pub(super) meaning: &'static str,
}

impl Check {
    fn new(name: &'static str, component_type: &'static str, meaning: &'static str) -> Self {
        Self {
            name,
            component: None,
            component_type,
            status: Status::Pass,
            observed: None,
            more: Value::Null,
            meaning,
        }
    }

    fn of(self, component: impl Into<String>) -> Self {
        Self { component: Some(component.into()), ..self }
    }

    fn found(self, status: Status, value: u64, unit: &'static str) -> Self {
        Self { status, observed: Some((value, unit)), ..self }
    }

    /// The check as it is told: with numbers only to those who may know them.
    pub(super) fn to_json(&self, detailed: bool, now: DateTime<Utc>) -> Value {
        if !detailed {
            return json!({"status": self.status.name()});
        }
        let mut told = json!({
            "status": self.status.name(),
            "componentType": self.component_type,
            "time": now.to_rfc3339_opts(SecondsFormat::Secs, true),
        });
        if let Value::Object(members) = &mut told {
            if let Some(component) = &self.component {
                members.insert("componentId".to_owned(), json!(component));
            }
            if let Some((value, unit)) = self.observed {
                members.insert("observedValue".to_owned(), json!(value));
                members.insert("observedUnit".to_owned(), json!(unit));
            }
            if let Value::Object(more) = &self.more {
                members.extend(more.clone());
            }
            if self.status > Status::Pass {
                members.insert("output".to_owned(), json!(self.meaning));
            }
        }
        told
    }
}

/// Everything that concerns the whole service, looked at at once.
pub(super) async fn all(store: &Store, queues: &[Watched], now: DateTime<Utc>) -> Vec<Check> {
    let shards = join_all((0..store.shards()).map(|shard| schedule(store, shard, now)));
    let queues = join_all(queues.iter().map(depth));
    let (storage, (shards, queues)) = join(storage(store), join(shards, queues)).await;
    std::iter::once(storage).chain(shards).chain(queues).collect()
}

/// Something that takes no longer than it may.
async fn timely<T, E>(look: impl Future<Output = Result<T, E>>) -> Option<T> {
    tokio::time::timeout(LIMIT, look).await.ok()?.ok()
}

async fn storage(store: &Store) -> Check {
    let check = Check::new("storage:responseTime", "datastore", "the order book does not answer");
    let started = Instant::now();
    match timely(store.reachable()).await {
        Some(()) => {
            let millis = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
            check.found(Status::Pass, millis, "ms")
        }
        None => Check { status: Status::Fail, ..check },
    }
}

/// How late the oldest of what is due in a shard is.
async fn schedule(store: &Store, shard: u16, now: DateTime<Utc>) -> Check {
    let check = Check::new(
        "schedule:lag",
        "system",
        "what is due is woken late: see whether renewal-tick runs and what its queues hold",
    );
    let check = check.of(format!("shard {shard}"));
    let Some(page) = timely(store.due(shard, now, 1, None)).await else {
        return Check { status: Status::Warn, ..check };
    };
    let oldest = page.items.first().map(|entry| entry.due_at);
    let lag = oldest.map_or(TimeDelta::zero(), |at| now - at).max(TimeDelta::zero());
    let status = if lag > LATE { Status::Warn } else { Status::Pass };
    let check = check.found(status, u64::try_from(lag.num_seconds()).unwrap_or_default(), "s");
    Check { more: json!({"oldest_due_at": oldest}), ..check }
}

/// How many messages a queue holds.
async fn depth(watched: &Watched) -> Check {
    let check = if watched.dead_letters {
        Check::new(
            "dead_letters:unkept",
            "component",
            "messages that could not be handled are not kept as dead letters yet",
        )
    } else {
        Check::new(
            "queues:depth",
            "component",
            "messages come faster than they are handled, or are not handled at all",
        )
    };
    let check = check.of(watched.name.clone());
    let Some(depth) = timely(watched.queue.depth()).await else {
        return Check { status: Status::Warn, ..check };
    };
    let most = if watched.dead_letters { 0 } else { CROWDED };
    let status = if depth.waiting > most { Status::Warn } else { Status::Pass };
    let check = check.found(status, depth.waiting, "messages");
    Check { more: json!({"in_flight": depth.in_flight, "delayed": depth.delayed}), ..check }
}

/// How many of an organization's latest dead letters wait for somebody.
pub(super) async fn letters(store: &Store, organization: &OrganizationId) -> Check {
    let check = Check::new(
        "dead_letters:open",
        "component",
        "dead letters wait to be replayed or discarded: GET /api/dead_letters",
    );
    let latest = Span { descending: true, from: None, to: None };
    let listed = store.list_within::<DeadLetter>(organization, &latest, LETTERS, None);
    let Some(Ok(page)) = timely(listed).await else {
        return Check { status: Status::Warn, ..check };
    };
    let open = page.items.iter().filter(|letter| letter.status == DeadLetterStatus::Open).count();
    let status = if open > 0 { Status::Warn } else { Status::Pass };
    let check = check.found(status, u64::try_from(open).unwrap_or_default(), "letters");
    Check { more: json!({"among_the_latest": page.items.len()}), ..check }
}

/// How many of an organization's orders wait for an operator, and for how long the oldest does.
pub(super) async fn held(
    store: &Store,
    organization: &OrganizationId,
    now: DateTime<Utc>,
) -> Check {
    let check = Check::new(
        "orders:held",
        "component",
        "orders that checks hold wait for an operator: GET /api/failures, POST /api/order_overturns",
    );
    let Some((since, all)) = timely(held_since(store, organization)).await else {
        return Check { status: Status::Warn, ..check };
    };
    let oldest = since.first().copied();
    let waits = oldest.map_or(TimeDelta::zero(), |at| now - at).max(TimeDelta::zero());
    let status = if waits > HELD_LONG { Status::Warn } else { Status::Pass };
    let check = check.found(status, u64::try_from(since.len()).unwrap_or_default(), "orders");
    let more = json!({
        "oldest_held_at": oldest,
        "oldest_waits_seconds": waits.num_seconds(),
        "counted_all": all,
    });
    Check { more, ..check }
}

/// Since when each order has been held that still is, the oldest first, and whether these are all.
/// Half a read unit for 45 records, one for each record and for each order.
async fn held_since(
    store: &Store,
    organization: &OrganizationId,
) -> Result<(Vec<DateTime<Utc>>, bool), StoreError> {
    let latest = Span { descending: true, from: None, to: None };
    let listed = store.list_within::<CheckRecord>(organization, &latest, RECORDS, None).await?;
    let Ok(page) = listed else { return Ok((Vec::new(), false)) };
    let open =
        |record: &CheckRecord| record.outcome == RecordOutcome::Held && record.resolution.is_none();
    let mut records: Vec<CheckRecord> = page.items.into_iter().filter(open).collect();
    records.reverse();
    let all = page.next.is_none() && records.len() <= HELD;
    records.truncate(HELD);
    let looks = records.iter().map(|record| async move {
        let order = store.order(organization, &record.order_id).await?;
        let Some(StoredOrder::Client(order)) = order else { return Ok(None) };
        let is_held = order.status == OrderStatus::Held && order.placements == record.placement;
        Ok::<_, StoreError>(is_held.then_some(record.created_at))
    });
    let since = try_join_all(looks).await?.into_iter().flatten().collect();
    Ok((since, all))
}
