//! Payments tried again ahead of their policy: because somebody asks for it, or because there is a new
//! payment method. Under the very keys and claims that the policy's own retries have, so that nothing
//! is charged twice.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::standing;
use crate::{
    ids::{JobRunId, PaymentSourceId},
    journal::Change,
    lifecycle::SubscriptionStatus,
    order_copy::Culprit,
    run::{Run, RunError},
    subscription::{AskedRetry, AwaitsMethod, Subscription, Unsettled},
    time::{OccurrenceNumber, whole_second},
};

/// Brings the payment of one run forward to now, also where it was given up. The subscription is
/// woken for it, so that it is tried even where every message is lost.
#[must_use]
pub fn retry_run_now(
    before: &Subscription,
    run: &Run,
    now: DateTime<Utc>,
) -> (Subscription, Change) {
    let mut after = before.clone();
    ask(&mut after, run.number, run.attempts, now);
    asked(before, after, now)
}

/// Brings the payments of the runs that wait for theirs forward to now, and that of the run that was
/// given up and waits for a new payment method. `None` where there is none, or where its
/// subscription does not repeat: what rests is tried when it goes on.
#[must_use]
pub fn retry_open_runs(
    before: &Subscription,
    now: DateTime<Utc>,
) -> Option<(Subscription, Change)> {
    let mut after = before.clone();
    for Unsettled { number, attempts, .. } in &before.unsettled {
        ask(&mut after, *number, *attempts, now);
    }
    if let Some(AwaitsMethod { number, attempts }) = &before.awaits_method {
        ask(&mut after, *number, *attempts, now);
    }
    let cancelled = before.status == SubscriptionStatus::Cancelled;
    let changed = after != *before && !cancelled;
    changed.then(|| asked(before, after, now))
}

fn ask(after: &mut Subscription, number: OccurrenceNumber, attempts: u32, now: DateTime<Utc>) {
    // The due index rounds up: a tick at this moment is to find it.
    let now = whole_second(now);
    if after.awaits_method.as_ref().is_some_and(|awaits| awaits.number == number) {
        after.awaits_method = None;
    }
    match after.unsettled.iter_mut().find(|unsettled| unsettled.number == number) {
        // It is due, and may be under way: it goes first, as it did.
        Some(unsettled) if unsettled.retry_at <= now => {}
        Some(unsettled) => {
            let policy_at = Some(unsettled.retry_at);
            unsettled.asked.get_or_insert(AskedRetry { policy_at });
            unsettled.retry_at = now;
        }
        None => after.unsettled.push(Unsettled {
            number,
            attempts,
            retry_at: now,
            asked: Some(AskedRetry { policy_at: None }),
        }),
    }
}

fn asked(
    before: &Subscription,
    mut after: Subscription,
    now: DateTime<Utc>,
) -> (Subscription, Change) {
    after.version += 1;
    after.updated_at = now;
    let due = after.unsettled.iter().filter(|unsettled| unsettled.retry_at <= now);
    let runs: Vec<OccurrenceNumber> = due.map(|unsettled| unsettled.number).collect();
    let mut told = standing(&after);
    if let Value::Object(members) = &mut told {
        members.insert("runs".to_owned(), json!(runs));
    }
    let change =
        Change { event: "order_subscriptions.retry_now", before: standing(before), after: told };
    (after, change)
}

/// Whether the payment of a run may be tried again now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RetryClaim {
    /// It is claimed for just that: until that is settled, the subscription can be neither cancelled
    /// nor paused.
    Held,
    /// Nobody holds it: commit this, which claims it, and look again.
    Take(Box<Subscription>),
    /// The payment of another run goes first; the due index brings this one up after it.
    Waits,
    /// A run of it is under way.
    Busy,
}

/// Tells whether the payment of a run may be tried again. Whoever charges without [`RetryClaim::Held`]
/// may charge for a subscription that was cancelled meanwhile.
#[must_use]
pub fn claim_retry(
    before: &Subscription,
    run: &Run,
    job_run_id: &JobRunId,
    (now, lease_until): (DateTime<Utc>, DateTime<Utc>),
) -> RetryClaim {
    let first =
        |one: &Subscription| one.next_retry().is_some_and(|first| first.number == run.number);
    if before.run_number.is_some() {
        return RetryClaim::Busy;
    }
    if before.is_retrying() {
        return if first(before) { RetryClaim::Held } else { RetryClaim::Waits };
    }
    let mut after = before.clone();
    match after.unsettled.iter_mut().find(|unsettled| unsettled.number == run.number) {
        Some(unsettled) => unsettled.retry_at = unsettled.retry_at.min(whole_second(now)),
        None => ask(&mut after, run.number, run.attempts, now),
    }
    if first(&after) {
        after.lease_until = Some(lease_until);
        after.lease_claims = Some(1);
        after.job_run_id = Some(job_run_id.clone());
    } else if after == *before {
        return RetryClaim::Waits;
    }
    after.version += 1;
    RetryClaim::Take(Box::new(after))
}

/// Gives up a payment that waits for its customer, because there is another payment source: the next
/// attempt has a key of its own. The payment must be voided by then.
#[must_use]
pub fn begin_anew(
    before: &Subscription,
    run: &Run,
    source: Option<PaymentSourceId>,
    now: DateTime<Utc>,
) -> (Subscription, Run, Change) {
    let (mut after, mut run) = (before.clone(), run.clone());
    run.note_error(RunError {
        at: now,
        code: "payment_superseded".to_owned(),
        message: "the payment waited for its customer; another payment source takes its place"
            .to_owned(),
        resource: run.payment_source_id.as_ref().map(Culprit::payment_source),
    });
    run.payment_source_id = source;
    run.attempts += 1;
    run.uncounted_attempts += 1;
    run.action = None;
    run.version += 1;
    for unsettled in &mut after.unsettled {
        if unsettled.number == run.number {
            unsettled.attempts = run.attempts;
        }
    }
    after.version += 1;
    after.updated_at = now;
    let change = Change {
        event: "order_subscriptions.payment_superseded",
        before: standing(before),
        after: json!({"status": after.status, "run": run.number, "attempts": run.attempts}),
    };
    (after, run, change)
}

#[cfg(test)]
#[path = "retry_now_tests.rs"]
mod tests;
