//! What holds for every change: it makes one new version, and tells what the journal is to know.

use serde_json::json;

use super::{TestResult, at, claimed, monthly, n, skipped};
use crate::{order_copy::Factory, plan::*, subscription::*, time::*};

#[test]
fn every_change_makes_the_next_version_and_notes_when() -> TestResult {
    let now = at("2027-02-28T10:00:00Z")?;
    let active = monthly()?;
    let running = claimed(&active);
    let planned = plan_run(&running)?.ok_or("a run is under way")?;
    let retry = Unsettled { number: n(0), attempts: 1, retry_at: now, asked: None };
    let open = Subscription { unsettled: vec![retry], ..active.clone() };
    let resting = pause(&active, Pause::default(), now)?.0;
    let cancelled = cancel(&active, now)?.0;
    let postponed = postpone_retry(&open, n(0), now).ok_or("a run is open")?.0;
    let aborted = abort_run(&running, &planned, AbortReason::Paused, now)?.subscription;
    let settled = settle_run(&running, &planned, &Outcome::Free, now)?.subscription;
    let missed = skip_missed(&running, skipped(1, 1), planned.next, now)?.0;
    for (name, before, after) in [
        ("activate", &resting, activate(&resting, now)?.0),
        ("alert", &active, alert(&active, &planned, TaxTold::None, None, now).0),
        ("abandon_run", &running, abandon_run(&running, now).0),
        ("abort_run", &running, aborted),
        ("block", &running, block(&running, "letter", now).0),
        ("cancel", &active, cancelled.clone()),
        ("end_pause", &resting, end_pause(&resting, now)?.0),
        ("expire", &active, expire(&active, now)?.0),
        ("pause", &active, resting.clone()),
        ("postpone_retry", &open, postponed),
        ("reactivate", &cancelled, reactivate(&cancelled, 30, now)?.0),
        ("run_now", &active, run_now(&active, now)?.0),
        ("settle_run", &running, settled),
        ("skip_missed", &running, missed),
        ("skip_next_run", &active, skip_next_run(&active, now)?.0),
        ("unblock", &running, unblock(&running, now).0),
    ] {
        assert_eq!(after.version, before.version + 1, "{name}");
        assert_eq!(after.updated_at, now, "{name}");
    }
    Ok(())
}

#[test]
fn the_journal_tells_runs_that_were_given_up_from_those_that_were_skipped() -> TestResult {
    let before = claimed(&monthly()?);
    let planned = plan_run(&before)?.ok_or("a run is under way")?;
    for (reason, event) in [
        (AbortReason::Cancelled, "order_subscriptions.run_abandoned"),
        (AbortReason::Paused, "order_subscriptions.run_abandoned"),
        (AbortReason::Discarded, "order_subscriptions.runs_skipped"),
    ] {
        let aborted = abort_run(&before, &planned, reason, planned.due_at)?;
        assert_eq!(aborted.change.event, event, "{reason:?}");
    }
    Ok(())
}

#[test]
fn the_journal_tells_of_runs_that_copy_their_source_order() -> TestResult {
    for (factory, told) in
        [(Factory::OrderCopies, Some(json!("order_copies"))), (Factory::RecurringOrderCopies, None)]
    {
        let before = Subscription { factory, ..claimed(&monthly()?) };
        let planned = plan_run(&before)?.ok_or("a run is under way")?;
        let paid = settle_run(&before, &planned, &Outcome::Free, planned.due_at)?;
        let aborted = abort_run(&before, &planned, AbortReason::Cancelled, planned.due_at)?;
        for change in [paid.change, aborted.change] {
            assert_eq!(change.after.get("factory"), told.as_ref(), "{}", change.event);
        }
    }
    Ok(())
}
