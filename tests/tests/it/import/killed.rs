//! A client that is killed leaves a report of what it has done, and the same command does the rest.

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use perennial_local::import;
use perennial_tests::{Shop, TestResult};

use super::{
    NOW,
    command::{csv, options},
};

/// Rows of the file: enough for some batches to be under way whenever it is killed.
const ROWS: usize = 300;
/// How long the client may take until it has something to tell.
const PATIENCE: Duration = Duration::from_secs(120);
/// Name the file, the API and the token to the process that will be killed.
const FILE: &str = "PERENNIAL_TEST_KILLED_IMPORT";
const API: &str = "PERENNIAL_TEST_KILLED_IMPORT_API";
const TOKEN: &str = "PERENNIAL_TEST_KILLED_IMPORT_TOKEN";

/// Not a test: the client that the test below starts and kills.
#[tokio::test]
#[ignore = "it imports a file until it is killed; the other test of this module starts it"]
async fn a_client_that_is_killed() -> TestResult {
    let (Some(file), Ok(url), Ok(token)) =
        (std::env::var_os(FILE), std::env::var(API), std::env::var(TOKEN))
    else {
        return Ok(());
    };
    let file = Path::new(&file);
    import::run(&options(file, &url, token, import::Mode::Apply)).await?;
    Ok(())
}

/// The outcome of each external id in a report.
fn told(report: &Path) -> TestResult<BTreeMap<String, String>> {
    let mut outcomes = BTreeMap::new();
    for line in fs::read_to_string(report)?.lines().skip(1) {
        let cells: Vec<&str> = line.split(',').collect();
        let [_, external_id, outcome, ..] = cells[..] else { return Err(line.into()) };
        assert_eq!(cells.len(), 8, "{line:?} is whole");
        outcomes.insert(external_id.to_owned(), outcome.to_owned());
    }
    Ok(outcomes)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_client_has_told_what_it_did_and_its_rows_are_known_to_the_next() -> TestResult {
    let shop = Shop::open_at(NOW).await?;
    let directory = tempfile::tempdir()?;
    let file = directory.path().join("book.csv");
    fs::write(&file, csv(&shop, ROWS))?;
    let token = shop.stack.token("acme", perennial_local::identity::Role::Operator)?;
    let again = options(&file, shop.stack.url(), token.clone(), import::Mode::Apply);
    let report = again.report.clone().ok_or("no report")?;
    let mut client = Command::new(std::env::current_exe()?)
        .args(["--exact", "import::killed::a_client_that_is_killed", "--ignored", "--nocapture"])
        .env(FILE, &file)
        .env(API, shop.stack.url())
        .env(TOKEN, token)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    let began = Instant::now();
    while fs::read_to_string(&report).unwrap_or_default().lines().count() < 2 {
        if client.try_wait()?.is_some() || began.elapsed() > PATIENCE {
            let _ = client.kill();
            return Err("the client has told nothing while it was at work".into());
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    client.kill()?;
    client.wait()?;
    let before = told(&report)?;
    assert!((1..ROWS).contains(&before.len()), "{} rows are told", before.len());
    assert!(before.values().all(|outcome| outcome == "imported"), "{before:?}");
    // What was under way may yet be carried out.
    shop.settle().await?;
    let done = import::run(&again).await?;
    let counts = done.first().ok_or("nothing was done")?.counts;
    assert_eq!(counts.imported + counts.unchanged, ROWS as u64, "{counts:?}");
    assert!(counts.unchanged >= before.len() as u64, "{counts:?}");
    let after = told(&report)?;
    assert_eq!(after.len(), ROWS);
    for external_id in before.keys() {
        assert_eq!(after.get(external_id).map(String::as_str), Some("unchanged"), "{external_id}");
    }
    assert_eq!(shop.api.all("order_subscriptions?page[size]=100").await?.len(), ROWS);
    Ok(())
}
