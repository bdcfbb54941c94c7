//! `cargo run -- demo`: a shop's story over a year and an outage, told against a stack of its own
//! over plain HTTP. Every number is read back, and every order and cent is checked at the end.

mod books;
mod cast;
mod chart;
mod client;
mod shop;
mod stage;
mod story;

use std::{
    io,
    path::{Path, PathBuf},
    time::Instant,
};

use chrono::{DateTime, Utc};
use perennial_local::{
    clock::MovableClock,
    stack::{Stack, StackOptions, find_template},
};
use perennial_payments::test_provider::{LedgerEntry, TestProvider};
use uuid::Uuid;

use self::{
    books::{Books, Check},
    client::Client,
    stage::Stage,
    story::{MONTHS, Story},
};

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Whose shop it is.
const ORGANIZATION: &str = "coffee-corner";
/// Steps of the story: a dozen orders, the months, the outage, the books.
const STEPS: u64 = 12 + MONTHS as u64 + 2;

/// Tells the story.
///
/// # Errors
/// When the stack can't do what the story needs, or something does not hold at the end.
pub(crate) async fn run() -> Result<(), Failure> {
    let begun = Instant::now();
    let directory = Directory::new()?;
    let stage = Stage::new(STEPS)?;

    let stack = start(directory.path(), 0).await?;
    let (url, port) = (stack.url().to_owned(), port(stack.url())?);
    stage.tell(&format!("A stack of its own runs at {url}; all that follows goes over HTTP."))?;
    let first_half = async {
        let client = Client::log_in(&url, ORGANIZATION).await?;
        let story = Story::open(client, &stage).await?;
        story.live_through_a_year(&stage).await?;
        story.darken(&stage).await
    };
    let (regulars, again) = while_it_runs(&stack, first_half).await?;
    stack.shutdown().await;

    pass_time(directory.path(), again)?;
    let stack = start(directory.path(), port).await?;
    let second_half = async {
        let client = Client::log_in(&url, ORGANIZATION).await?;
        Story::wake(client.clone(), regulars, &stage).await?;
        stage.step("the books");
        Ok((Books::read(&client, ORGANIZATION).await?, ledger(&stack).await?))
    };
    let (books, ledger) = while_it_runs(&stack, second_half).await?;
    stack.shutdown().await;

    stage.step("done");
    stage.close();
    close(&stage, &books, &ledger, begun)
}

/// The closing table, the chart, and the checks.
fn close(
    stage: &Stage,
    books: &Books,
    ledger: &[LedgerEntry],
    begun: Instant,
) -> Result<(), Failure> {
    stage.chapter("The books")?;
    for (what, count) in books.table()? {
        stage.tell(&format!("{what:<40}{count:>6}"))?;
    }
    stage.chapter("Revenue per month")?;
    stage.tell(books.revenue()?.trim_end())?;
    stage.chapter("Checks")?;
    let checks = books.checks(ledger)?;
    for Check { claim, faults } in &checks {
        let verdict = if faults.is_empty() { "holds" } else { "FAILS" };
        stage.tell(&format!("{verdict}  {claim}"))?;
        for fault in faults.iter().take(10) {
            stage.tell(&format!("       {fault}"))?;
        }
    }
    let failed = checks.iter().filter(|check| !check.faults.is_empty()).count();
    if failed > 0 {
        return Err(format!("{failed} of {} checks failed", checks.len()).into());
    }
    let took = begun.elapsed();
    stage.tell(&format!("\nTold in {}.{} s.", took.as_secs(), took.subsec_millis() / 100))?;
    Ok(())
}

async fn start(directory: &Path, port: u16) -> Result<Stack, Failure> {
    let options = StackOptions {
        port,
        data: Some(directory.to_owned()),
        template: find_template(None)?,
        metered: false,
        ..StackOptions::in_memory()
    };
    Ok(Stack::start(options).await?)
}

fn port(url: &str) -> Result<u16, Failure> {
    let (_, port) = url.rsplit_once(':').ok_or("the stack's URL has no port")?;
    Ok(port.parse()?)
}

/// Does something with a stack, unless that fails first.
async fn while_it_runs<T>(
    stack: &Stack,
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    tokio::select! {
        done = work => done,
        reason = stack.failed() => Err(reason.into()),
    }
}

/// Moves the clock while nothing runs: what was due meanwhile, nobody has seen.
fn pass_time(directory: &Path, to: DateTime<Utc>) -> Result<(), Failure> {
    let clock = MovableClock::open(Some(directory.join("clock.json")))?;
    clock.hold();
    clock.jump(to)?;
    clock.release()?;
    Ok(())
}

/// What the payment provider itself has on record: a table that only it writes.
async fn ledger(stack: &Stack) -> Result<Vec<LedgerEntry>, Failure> {
    let functions = &stack.template().functions;
    let table = functions
        .iter()
        .find_map(|function| function.environment.get("TEST_PAYMENTS_TABLE"))
        .ok_or("the template has no test payment provider")?;
    let provider = TestProvider::new(stack.aws().dynamodb.clone(), table);
    Ok(provider.ledger_of_organization(ORGANIZATION).await?)
}

/// A data directory that goes with its owner.
struct Directory(PathBuf);

impl Directory {
    fn new() -> io::Result<Self> {
        let path = std::env::temp_dir().join(format!("perennial-demo-{}", Uuid::now_v7().simple()));
        std::fs::create_dir(&path)?;
        Ok(Self(path))
    }

    fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            tracing::warn!(path = %self.0.display(), %error, "a directory was left behind");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn the_story_can_be_told_and_everything_in_it_holds() -> Result<(), Failure> {
        run().await
    }
}
