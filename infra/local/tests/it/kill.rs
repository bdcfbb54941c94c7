//! A process that is killed loses nothing: not a message in a queue, not one in a function's hands,
//! not a record of a stream.

use std::{
    collections::BTreeSet,
    io::{BufRead, BufReader},
    path::PathBuf,
    process::{Command, Stdio},
    time::Duration,
};

use perennial_local::cloud::sqs::Outgoing;
use serde_json::Value;

use super::{
    TestResult,
    fakes::{Fakes, records},
    streams::put,
};

/// Where the process that is to be killed finds its data directory.
const DIRECTORY: &str = "PERENNIAL_TEST_DIRECTORY";
const COUNT: usize = 50;
const SENT: &str = "all is sent";

/// The process that is killed: its functions never finish.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "runs in a process of its own, started and killed by the test below"]
async fn victim() -> TestResult {
    let directory = PathBuf::from(std::env::var(DIRECTORY)?);
    let fakes = Fakes::default();
    let forever = |_: &Value| loop {
        std::thread::park();
    };
    fakes.answer("work", forever);
    fakes.answer("relay", |_| Err("the bus is away".into()));
    let stack = fakes.start(Some(&directory)).await?;
    for number in 0..COUNT {
        stack.cloud().queues.send("WorkQueue", Outgoing::text(number.to_string()))?;
        put(&stack, &number.to_string())?;
    }
    println!("\n{SENT}");
    std::future::pending().await
}

#[tokio::test]
async fn nothing_is_lost_by_kill_9() -> TestResult {
    let directory = tempfile::tempdir()?;
    let mut victim = Command::new(std::env::current_exe()?)
        .args(["--exact", "kill::victim", "--ignored", "--nocapture"])
        .env(DIRECTORY, directory.path())
        .stdout(Stdio::piped())
        .spawn()?;
    let output = victim.stdout.take().ok_or("the process has no output")?;
    let sent = BufReader::new(output).lines().any(|line| line.is_ok_and(|line| line == SENT));
    victim.kill()?;
    victim.wait()?;
    assert!(sent, "the process did not get as far as to be killed");

    let fakes = Fakes::default();
    let stack = fakes.start(Some(directory.path())).await?;
    assert!(stack.settle(Duration::from_secs(60)).await);
    let all: BTreeSet<String> = (0..COUNT).map(|number| number.to_string()).collect();
    assert_eq!(fakes.bodies("work").into_iter().collect::<BTreeSet<_>>(), all);
    let relayed: BTreeSet<String> = fakes
        .events("relay")
        .iter()
        .flat_map(|(_, event)| records(event))
        .filter_map(|record| Some(record.pointer("/dynamodb/Keys/pk/S")?.as_str()?.to_owned()))
        .collect();
    let given_up: usize = stack
        .cloud()
        .queues
        .receive("RelayDeadLetterQueue", 10, None)?
        .iter()
        .filter_map(|note| serde_json::from_str::<Value>(note.body()).ok())
        .filter_map(|note| note.pointer("/DDBStreamBatchInfo/batchSize")?.as_u64())
        .filter_map(|size| usize::try_from(size).ok())
        .sum();
    assert!(relayed.len() + given_up >= COUNT, "each record is relayed or noted");
    stack.shutdown().await;
    Ok(())
}
