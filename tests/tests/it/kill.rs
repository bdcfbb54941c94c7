//! `kill -9` in the middle of two hundred due renewals loses none and repeats none: started again
//! on the same data, each subscription has one target order and one charge for the occurrence.

use std::{
    collections::BTreeSet,
    io::{BufRead, BufReader, Lines},
    path::Path,
    process::{Child, ChildStdout, Command, Stdio},
};

use perennial_domain::{run::RunStatus, time::OccurrenceNumber};
use perennial_local::stack::{Stack, StackOptions};
use perennial_tests::{
    Api, Plan, Shop, TestResult,
    documents::line,
    fault::{Call, Fault, Faults},
    shop::{BEANS, Goods},
};
use serde_json::json;

/// Orders placed, and the subscriptions that each becomes.
const ORDERS: usize = 5;
const LINES: usize = 40;
/// Name the data directory to the process that will be killed, and the call at which it stops.
const DATA: &str = "PERENNIAL_TEST_KILLED_STACK";
const STOP: &str = "PERENNIAL_TEST_KILLED_AT";

/// Where the process is killed: at the nth call of its kind, before or after the call took effect.
pub(crate) type Point = (&'static str, &'static str, u32, Fault);

const CLAIM: &str = "DynamoDB_20120810.UpdateItem";
const SEND: &str = "AmazonSQS.SendMessageBatch";
const CHARGE: &str = "DynamoDB_20120810.PutItem";
const COMMIT: &str = "DynamoDB_20120810.TransactWriteItems";
const RECORD: &str = "DynamoDB_20120810.UpdateItem";

/// Not a test: the process that the tests below start and kill.
#[tokio::test]
#[ignore = "it serves a stack until it is killed; the other tests of this module start it"]
async fn a_stack_that_is_killed() -> TestResult {
    let (Some(data), Ok(stop)) = (std::env::var_os(DATA), std::env::var(STOP)) else {
        return Ok(());
    };
    let [function, target, nth, fault] = stop.split(' ').collect::<Vec<_>>()[..] else {
        return Err(format!("{STOP}={stop}").into());
    };
    let call = Call { function: function.to_owned(), target: target.to_owned(), nth: nth.parse()? };
    let faults = Faults::default();
    faults.arm(call, if fault == "before" { Fault::StopBefore } else { Fault::StopAfter });
    let options = StackOptions {
        data: Some(data.into()),
        functions: faults.functions(),
        ..StackOptions::in_memory()
    };
    let stack = Stack::start(options).await?;
    println!("\nready {}", stack.url());
    Err(stack.failed().await.into())
}

/// A process of its own, killed at the latest when this is dropped.
struct Doomed {
    process: Child,
    output: Lines<BufReader<ChildStdout>>,
}

impl Doomed {
    fn start(data: &Path, (function, target, nth, fault): Point) -> TestResult<Self> {
        let fault = if fault == Fault::StopBefore { "before" } else { "after" };
        let mut process = Command::new(std::env::current_exe()?)
            .args(["--exact", "kill::a_stack_that_is_killed", "--ignored", "--nocapture"])
            .env(DATA, data)
            .env(STOP, format!("{function} {target} {nth} {fault}"))
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let output = process.stdout.take().ok_or("the process has no output")?;
        Ok(Self { process, output: BufReader::new(output).lines() })
    }

    /// Waits for a line of its output that begins so; answers the rest of the line.
    fn wait_for(&mut self, beginning: &str) -> TestResult<String> {
        for text in self.output.by_ref() {
            if let Some(rest) = text?.strip_prefix(beginning) {
                return Ok(rest.to_owned());
            }
        }
        Err(format!("the process ended and never said {beginning:?}").into())
    }
}

impl Drop for Doomed {
    /// Kills it as `kill -9` does.
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Moves the clock in a process of its own, and kills that at one of its calls.
pub(crate) async fn kill_at(data: &Path, point: Point, advance: &str) -> TestResult {
    let mut doomed = Doomed::start(data, point)?;
    let api = Api::new(&doomed.wait_for("ready ")?, "");
    let advance = json!({ "advance": advance });
    let stopped = tokio::task::spawn_blocking(move || {
        let stopped = doomed.wait_for("stopped");
        drop(doomed);
        stopped
    });
    tokio::select! {
        stopped = stopped => stopped?.map(drop),
        moved = api.move_clock(&advance) => {
            // The connection may break before the thread has told why.
            moved.map_or(Ok(()), |moved| Err(format!("{point:?}: {:#}", moved.body).into()))
        }
    }
}

/// A data directory with two hundred monthly subscriptions; what has the shop made.
async fn seeded(data: &Path) -> TestResult<Goods> {
    let plan = Plan::at("2027-01-31T10:00:00Z")?.model(json!({"strategy": "by_line_items"}));
    let shop = plan.kept_in(data).open().await?;
    for _ in 0..ORDERS {
        shop.order(&vec![line(BEANS, 1, "monthly"); LINES]).await?;
    }
    assert_eq!(shop.subscriptions().await?.len(), ORDERS * LINES);
    Ok(shop.close().await)
}

async fn survive(points: &[Point]) -> TestResult {
    let data = tempfile::tempdir()?;
    let goods = seeded(data.path()).await?;
    for (nth, point) in points.iter().enumerate() {
        let advance = if nth == 0 { "P1MT10M" } else { "PT1H" };
        kill_at(data.path(), *point, advance).await?;
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

    shop.prove_job_log().await
}

#[tokio::test]
async fn killed_while_the_tick_claims_and_before_anything_was_sent() -> TestResult {
    survive(&[("renewal-tick", CLAIM, 10, Fault::StopAfter)]).await
}

#[tokio::test]
async fn killed_between_charges_and_their_commits() -> TestResult {
    survive(&[("order-copy", CHARGE, 60, Fault::StopAfter)]).await
}

#[tokio::test]
async fn killed_between_commits_and_the_job_log() -> TestResult {
    survive(&[("order-copy", RECORD, 5, Fault::StopBefore)]).await
}

#[tokio::test]
async fn killed_again_and_again() -> TestResult {
    survive(&[
        ("renewal-tick", SEND, 3, Fault::StopAfter),
        ("order-copy", CHARGE, 30, Fault::StopBefore),
        ("order-copy", COMMIT, 40, Fault::StopAfter),
        ("event-relay", "AWSEvents.PutEvents", 1, Fault::StopAfter),
        ("order-copy", RECORD, 1, Fault::StopAfter),
    ])
    .await
}
