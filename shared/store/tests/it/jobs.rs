//! The job log: exact counts, however often a message is handled.

use std::error::Error;

use perennial_domain::{
    ids::SubscriptionId,
    journal::{Cause, Change, Entry, Head, append},
    time::OccurrenceNumber,
};
use perennial_store::{
    DueSubject, JobBatch, JobCounts, JobKind, JobRun, JobStatus, RunResult, Store, shard_of,
};
use serde_json::{Value, json};

use crate::{
    TestResult,
    embedded::store,
    fixtures::{acme, at, job},
};

const NUMBER: OccurrenceNumber = OccurrenceNumber::FIRST;

fn log_entry(name: &str) -> Result<JobRun, Box<dyn std::error::Error>> {
    Ok(JobRun {
        id: job(name),
        kind: JobKind::Scheduled,
        actor: "system:schedule".to_owned(),
        retry_of: None,
        started_at: at("2027-02-28T10:00:00Z")?,
        status: None,
    })
}

fn ids() -> [SubscriptionId; 3] {
    ["a", "b", "c"].map(|name| SubscriptionId::derived(&[name]))
}

async fn opened(store: &Store) -> TestResult {
    let acme = acme()?;
    store.open_job_run(&acme, &log_entry("tick")?).await?;
    let [a, b, c] = ids();
    for (name, runs) in [("0-1", vec![a, b]), ("3-1", vec![c])] {
        let runs = runs.into_iter().map(|id| (id, NUMBER, RunResult::Pending)).collect();
        let batch = JobBatch { name: name.to_owned(), runs };
        store.put_job_batch(&acme, &job("tick"), &batch).await?;
    }
    Ok(())
}

async fn counts(store: &Store) -> Result<JobCounts, Box<dyn std::error::Error>> {
    let (_, batches) = store.job_run(&acme()?, &job("tick")).await?.ok_or("no such job run")?;
    Ok(JobCounts::of(&batches))
}

#[tokio::test]
async fn a_result_recorded_twice_counts_once() -> TestResult {
    let (store, acme) = (store().await?, acme()?);
    opened(&store).await?;
    assert_eq!(counts(&store).await?.status(), JobStatus::Running);
    let [a, b, c] = ids();
    for _ in 0..2 {
        let placed = (a.clone(), NUMBER, RunResult::Placed);
        // A batch of messages may hold one of them twice.
        let results = [placed.clone(), (b.clone(), NUMBER, RunResult::Open), placed];
        store.record_results(&acme, &job("tick"), "0-1", &results).await?;
    }
    let expected = JobCounts { claimed: 3, pending: 1, placed: 1, open: 1, ..Default::default() };
    assert_eq!(counts(&store).await?, expected);

    let late = [(b, NUMBER, RunResult::Placed)];
    store.record_results(&acme, &job("tick"), "0-1", &late).await?;
    store.record_results(&acme, &job("tick"), "3-1", &[(c, NUMBER, RunResult::Skipped)]).await?;
    let done = counts(&store).await?;
    let expected = JobCounts { claimed: 3, placed: 2, skipped: 1, ..Default::default() };
    assert_eq!((done, done.status()), (expected, JobStatus::Completed));
    Ok(())
}

#[tokio::test]
async fn a_job_run_with_failures_says_so() -> TestResult {
    let (store, acme) = (store().await?, acme()?);
    opened(&store).await?;
    let [a, b, c] = ids();
    let results = [(a, NUMBER, RunResult::Failed), (b, NUMBER, RunResult::Placed)];
    store.record_results(&acme, &job("tick"), "0-1", &results).await?;
    let dead = [(c, NUMBER, RunResult::DeadLettered)];
    store.record_results(&acme, &job("tick"), "3-1", &dead).await?;
    let done = counts(&store).await?;
    assert_eq!((done.failed, done.dead_lettered, done.placed), (1, 1, 1));
    assert_eq!(done.status(), JobStatus::CompletedWithErrors);
    Ok(())
}

#[tokio::test]
async fn opening_a_job_run_again_changes_nothing() -> TestResult {
    let (store, acme) = (store().await?, acme()?);
    opened(&store).await?;
    let mut again = log_entry("tick")?;
    again.actor = "somebody".to_owned();
    store.open_job_run(&acme, &again).await?;
    let (stored, batches) = store.job_run(&acme, &job("tick")).await?.ok_or("no such job run")?;
    assert_eq!(stored, log_entry("tick")?);
    assert_eq!(batches.len(), 2);
    assert_eq!(store.job_run(&"other".parse()?, &job("tick")).await?, None);
    Ok(())
}

#[tokio::test]
async fn a_result_without_its_batch_is_refused() -> TestResult {
    let (store, acme) = (store().await?, acme()?);
    opened(&store).await?;
    let [a, ..] = ids();
    let none =
        store.record_results(&acme, &job("tick"), "none", &[(a, NUMBER, RunResult::Placed)]).await;
    assert!(none.is_err());
    store.record_results(&acme, &job("tick"), "none", &[]).await?;
    assert_eq!(counts(&store).await?.claimed, 3);
    Ok(())
}

#[tokio::test]
async fn a_batch_is_recorded_once_and_keeps_its_results() -> TestResult {
    let (store, acme) = (store().await?, acme()?);
    opened(&store).await?;
    let [a, b, c] = ids();
    store
        .record_results(&acme, &job("tick"), "3-1", &[(c.clone(), NUMBER, RunResult::Open)])
        .await?;
    let runs = vec![(c, NUMBER, RunResult::Pending)];
    let again = JobBatch { name: "3-1".to_owned(), runs };
    store.put_job_batch(&acme, &job("tick"), &again).await?;
    assert_eq!((counts(&store).await?.open, counts(&store).await?.pending), (1, 2));

    // What somebody finds out counts as long as nobody has told.
    let found = [(a.clone(), NUMBER, RunResult::Skipped), (b, NUMBER, RunResult::Placed)];
    store.record_results(&acme, &job("tick"), "0-1", &[(a, NUMBER, RunResult::Failed)]).await?;
    assert!(!store.record_found(&acme, &job("tick"), "0-1", &found).await?, "one was told");
    assert_eq!((counts(&store).await?.failed, counts(&store).await?.pending), (1, 1));
    let [_, rest] = found;
    assert!(store.record_found(&acme, &job("tick"), "0-1", &[rest]).await?);
    let expected = JobCounts { claimed: 3, placed: 1, open: 1, failed: 1, ..Default::default() };
    assert_eq!(counts(&store).await?, expected);
    Ok(())
}

#[tokio::test]
async fn batches_are_read_page_by_page_without_what_else_stands_by_their_job_run() -> TestResult {
    let (store, acme, id) = (store().await?, acme()?, job("tick"));
    opened(&store).await?;
    assert_eq!(store.logged_job_run(&acme, &id).await?, Some(log_entry("tick")?));
    assert_eq!(store.logged_job_run(&acme, &job("none")).await?, None);
    let names = |batches: &[JobBatch]| -> Vec<String> {
        batches.iter().map(|batch| batch.name.clone()).collect()
    };
    let (first, next) = store.job_batches(&acme, &id, 1, None).await?;
    assert_eq!((names(&first), next.as_deref()), (vec!["0-1".to_owned()], Some("0-1")));
    assert_eq!(first.iter().map(|batch| batch.runs.len()).sum::<usize>(), 2);
    let (second, last) = store.job_batches(&acme, &id, 5, next.as_deref()).await?;
    assert_eq!((names(&second), last), (vec!["3-1".to_owned()], None));
    let mut counts = JobCounts::default();
    for page in [first, second] {
        counts.count(&page);
    }
    assert_eq!((counts.claimed, counts.pending), (3, 3));
    Ok(())
}

#[tokio::test]
async fn job_runs_are_listed_by_time() -> TestResult {
    let (store, acme) = (store().await?, acme()?);
    let mut expected = Vec::new();
    for minute in 0..5_i64 {
        let tick_ms = 1_800_000_000_000 + minute * 60_000;
        let mut run = log_entry("unused")?;
        run.id = perennial_domain::ids::JobRunId::of_tick(&acme, tick_ms);
        store.open_job_run(&acme, &run).await?;
        expected.push(run);
    }
    let page = store.list::<JobRun>(&acme, 3, true, None).await??;
    let rest = store.list::<JobRun>(&acme, 3, true, page.next.as_ref()).await??;
    let mut seen: Vec<_> = page.items.into_iter().chain(rest.items).collect();
    seen.reverse();
    assert_eq!(seen, expected);
    Ok(())
}

/// An entry of a job run's journal, which follows that of `head`.
fn told(head: &mut Head, event: &'static str, moment: &str) -> Result<Entry, Box<dyn Error>> {
    let cause = Cause { actor: "system:schedule".to_owned(), reason: "test".to_owned() };
    let change = Change { event, before: Value::Null, after: json!({"status": "running"}) };
    Ok(append(head, &acme()?, job("tick").as_str(), at(moment)?, cause, change))
}

#[tokio::test]
async fn a_job_run_begins_once_and_ends_once_and_takes_up_nothing_after_that() -> TestResult {
    let (store, acme, id) = (store().await?, acme()?, job("tick"));
    let mut head = Head::default();
    let began = told(&mut head, "job_runs.create", "2027-02-28T10:00:00Z")?;
    let ended = told(&mut head, "job_runs.complete", "2027-02-28T10:01:00Z")?;
    let until = at("2027-02-28T10:01:00Z")?;
    assert!(!store.join_job_run(&acme, &id, until).await?, "nobody has begun it");
    assert_eq!(store.open_job(&acme, &id).await?, None);

    let parts = ["3".to_owned(), "7".to_owned()];
    assert!(store.begin_job_run(&began, until, &parts).await?);
    let shard = shard_of(id.as_str(), store.shards());
    let due = store.due(shard, until, 10, None).await?.items;
    let [due] = &due[..] else { return Err("it is not looked after".into()) };
    assert_eq!((&due.subject, due.due_at), (&DueSubject::JobRun(id.clone()), until));
    let open = store.open_job(&acme, &id).await?.ok_or("it is not over")?;
    assert_eq!((&open.began, open.busy_until, open.awaits), (&began, until, true));
    for part in ["3", "3", "7"] {
        store.end_job_part(&acme, &id, part).await?;
    }
    assert!(!store.open_job(&acme, &id).await?.ok_or("it is not over")?.awaits);

    // Another part of the same tick takes part after it was looked at.
    let later = at("2027-02-28T10:01:05Z")?;
    assert!(store.begin_job_run(&began, later, &[]).await?);
    assert!(!store.end_job_run(&open, &ended).await?);
    let open = store.open_job(&acme, &id).await?.ok_or("it is not over")?;
    assert_eq!(open.busy_until, later);
    store.look_later(&open, later).await?;
    assert!(store.due(shard, until, 10, None).await?.items.is_empty());
    assert_eq!(store.due(shard, later, 10, None).await?.items.len(), 1);

    assert!(store.end_job_run(&open, &ended).await?);
    assert!(!store.end_job_run(&open, &ended).await?, "only once");
    assert!(!store.begin_job_run(&began, later, &[]).await?, "nobody takes part any more");
    assert!(!store.join_job_run(&acme, &id, later).await?);
    assert_eq!(store.open_job(&acme, &id).await?, None);
    assert!(store.due(shard, later, 10, None).await?.items.is_empty());
    assert_eq!(store.whole_journal(&acme, "J", id.as_str()).await?, [began, ended]);
    Ok(())
}
