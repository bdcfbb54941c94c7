//! `kill -9` in the middle of two hundred due renewals loses none and repeats none: started again
//! on the same data, each subscription has one target order and one charge for the occurrence.

use std::{
    collections::BTreeSet,
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use perennial_domain::{run::RunStatus, time::OccurrenceNumber};
use perennial_local::stack::{Stack, StackOptions};
use perennial_store::{JobCounts, JobStatus, RunResult};
use perennial_tests::{Api, Plan, Shop, TestResult, documents::line, shop::BEANS};
use serde_json::{Value, json};

/// How long the payment provider takes for the subscriptions of each order, so that renewals come to
/// their ends one by one and the kill meets some at every step.
const PROVIDER_TAKES: [u32; ORDERS] = [50, 300, 600, 1200, 2000];
/// Orders placed, and the subscriptions that each becomes.
const ORDERS: usize = 5;
const LINES: usize = 40;
/// Names the data directory to the process that will be killed.
const DATA: &str = "PERENNIAL_TEST_KILLED_STACK";
/// How long the process may take to do anything, in real time.
const PATIENCE: Duration = Duration::from_secs(120);

/// Not a test: the process that the tests below start and kill.
#[tokio::test]
#[ignore = "it serves a stack until it is killed; the other tests of this module start it"]
async fn a_stack_that_is_killed() -> TestResult {
    let Some(data) = std::env::var_os(DATA) else { return Ok(()) };
    let options = StackOptions { data: Some(data.into()), ..StackOptions::in_memory() };
    let stack = Stack::start(options).await?;
    println!("\nready {}", stack.url());
    Err(stack.failed().await.into())
}

/// A process of its own, killed at the latest when this is dropped.
struct Doomed {
    process: Child,
    url: String,
}

impl Doomed {
    fn start(data: &Path) -> TestResult<Self> {
        let mut process = Command::new(std::env::current_exe()?)
            .args(["--exact", "kill::a_stack_that_is_killed", "--ignored", "--nocapture"])
            .env(DATA, data)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let output = process.stdout.take().ok_or("the process has no output")?;
        let mut process = Self { process, url: String::new() };
        for text in BufReader::new(output).lines() {
            if let Some(url) = text?.strip_prefix("ready ") {
                url.clone_into(&mut process.url);
                return Ok(process);
            }
        }
        Err("the process ended before it was ready".into())
    }

    /// Kills it as `kill -9` does.
    fn kill(mut self) -> TestResult {
        self.process.kill()?;
        self.process.wait()?;
        Ok(())
    }
}

impl Drop for Doomed {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// How often a function was invoked, and how many transactions were committed, says the stack.
async fn progress(api: &Api) -> TestResult<u64> {
    let stats = api.local("stats").await?;
    let tables = stats.get("dynamodb").and_then(Value::as_array).cloned().unwrap_or_default();
    let commits = tables.iter().filter(|table| {
        table.get("action").and_then(Value::as_str) == Some("TransactWriteItems")
            && table.get("table").and_then(Value::as_str).is_some_and(|name| name.contains("Book"))
    });
    Ok(commits.filter_map(|table| table.get("calls")?.as_u64()).sum())
}

async fn invocations(api: &Api, function: &str) -> TestResult<u64> {
    let stats = api.local("stats").await?;
    let count = stats.pointer(&format!("/functions/{function}/invocations"));
    Ok(count.and_then(Value::as_u64).unwrap_or_default())
}

/// Makes the renewals due in a process of its own, and kills it as soon as `enough` says so.
async fn kill_when(data: &Path, enough: impl AsyncFn(&Api) -> TestResult<bool>) -> TestResult {
    let doomed = Doomed::start(data)?;
    let api = Api::new(&doomed.url, "");
    let mover = api.clone();
    let moving = tokio::spawn(async move { mover.move_clock(&json!({"advance": "P1M"})).await });
    let begun = Instant::now();
    while !enough(&api).await? {
        assert!(begun.elapsed() < PATIENCE, "the process does not get that far");
        assert!(!moving.is_finished(), "all was done before the process was killed");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    doomed.kill()?;
    assert!(moving.await?.is_err(), "the clock did not arrive");
    Ok(())
}

/// A data directory with two hundred monthly subscriptions; what has the shop made.
async fn seeded(data: &Path) -> TestResult<perennial_tests::shop::Goods> {
    let plan = Plan::at("2027-01-31T10:00:00Z")?.model(json!({"strategy": "by_line_items"}));
    let shop = plan.kept_in(data).open().await?;
    for milliseconds in PROVIDER_TAKES {
        let source = shop.new_source(&format!("tok_slow_{milliseconds}")).await?;
        let mut document = shop.subscribing(&vec![line(BEANS, 1, "monthly"); LINES]);
        document["data"]["relationships"]["customer_payment_source"]["data"]["id"] = json!(source);
        shop.api.create("orders", &document).await?;
    }
    shop.settle().await?;
    assert_eq!(shop.subscriptions().await?.len(), ORDERS * LINES);
    Ok(shop.close().await)
}

async fn survive(kills: &[&dyn Fn(u64, u64) -> bool]) -> TestResult {
    let data = tempfile::tempdir()?;
    let goods = seeded(data.path()).await?;
    for enough in kills {
        kill_when(data.path(), async |api| {
            let claimed = invocations(api, "OrderCopyFunction").await?;
            Ok(enough(claimed, progress(api).await?))
        })
        .await?;
    }
    let shop = Shop::reopen(data.path(), goods).await?;
    assert!(shop.stack.clock().now().date_naive().to_string().as_str() >= "2027-02-28");
    // Leases and visibility timeouts end.
    shop.advance("PT2H").await?;

    let mut placed = BTreeSet::new();
    for subscription in shop.subscriptions().await? {
        let runs = shop.runs(&subscription.id).await?;
        let [run] = &runs[..] else { panic!("{}: {} runs", subscription.id, runs.len()) };
        assert_eq!((run.number.get(), run.status), (1, RunStatus::Successful));
        assert_eq!(subscription.next_number.map(OccurrenceNumber::get), Some(2));
        placed.insert(subscription.id);
    }
    assert_eq!(placed.len(), ORDERS * LINES);
    assert_eq!(shop.charges().await?.len(), ORDERS + ORDERS * LINES);
    shop.prove_books().await?;
    assert!(shop.dead_letters().await?.is_empty());

    let mut logged = BTreeSet::new();
    for (job, batches) in shop.job_runs().await? {
        let counts = JobCounts::of(&batches);
        assert_eq!(counts.status(), JobStatus::Completed, "{}: {counts:?}", job.id);
        for (subscription, number, result) in batches.into_iter().flat_map(|batch| batch.runs) {
            assert_eq!((number.get(), result), (1, RunResult::Placed));
            logged.insert(subscription);
        }
    }
    assert_eq!(logged, placed, "the job log names every run");
    Ok(())
}

#[tokio::test]
async fn killed_as_soon_as_the_first_runs_were_sent() -> TestResult {
    survive(&[&|invoked, _| invoked >= 1]).await
}

#[tokio::test]
async fn killed_with_a_part_of_the_runs_committed() -> TestResult {
    survive(&[&|_, committed| committed >= 30]).await
}

#[tokio::test]
async fn killed_with_most_of_the_runs_committed() -> TestResult {
    survive(&[&|_, committed| committed >= 140]).await
}

#[tokio::test]
async fn killed_again_and_again() -> TestResult {
    let early: &dyn Fn(u64, u64) -> bool = &|_, committed| committed >= 20;
    survive(&[early, early, early]).await
}
