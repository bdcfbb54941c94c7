//! `cargo run --release -- bench`: how fast orders are taken, how fast due subscriptions are
//! renewed, and what a renewal costs, measured on the local stack.
//!
//! Everything runs in this one process: the client, the functions, the SDK, the database, the
//! queues and the bus share the machine's processors.

mod consumption;
mod figures;
mod intake;
mod latency;
mod prices;
mod process;
mod renewals;
mod report;
mod seed;
mod trouble;

use std::path::Path;

use indicatif::{ProgressBar, ProgressStyle};
use perennial_local::stack::{Stack, StackOptions, find_template};

use self::{report::Report, seed::Shop};
use crate::arguments::Bench;

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Measures, prints a table, and writes the JSON file that was asked for.
///
/// # Errors
/// When the stack does not start, the data directory holds something, or work was lost or refused.
/// Missing a goal is no error.
pub(crate) async fn run(options: Bench) -> Result<(), Failure> {
    if let Some(directory) = options.data.as_ref().filter(|directory| directory.exists())
        && std::fs::read_dir(directory)?.next().is_some()
    {
        return Err(format!(
            "{} is not empty; what is due in there would be renewed along with the benchmark's own",
            directory.display()
        )
        .into());
    }
    let stack = Stack::start(StackOptions {
        data: options.data.clone(),
        template: find_template(None)?,
        ..StackOptions::in_memory()
    })
    .await?;
    let measured = tokio::select! {
        measured = measure(&stack, &options) => measured,
        reason = stack.failed() => Err(reason.into()),
    };
    stack.shutdown().await;
    let report = measured?;
    print!("{report}");
    if let Some(file) = &options.json {
        let mut text = serde_json::to_string_pretty(&report)?;
        text.push('\n');
        write(file, &text)?;
    }
    if let Some(file) = &options.histogram {
        write(file, &report.distributions())?;
    }
    Ok(())
}

fn write(file: &Path, text: &str) -> Result<(), Failure> {
    std::fs::write(file, text).map_err(|error| format!("{}: {error}", file.display()).into())
}

async fn measure(stack: &Stack, options: &Bench) -> Result<Report, Failure> {
    let now = stack.clock().now();
    let shop = Shop::open(stack, now).await?;
    let buyers = shop.buyers(options.renewals, now, |_| "tok_paid".to_owned()).await?;
    let bar = progress(u64::from(options.renewals), "subscriptions seeded")?;
    let renewals = renewals::measure(stack, &shop, &buyers, &bar).await?;
    bar.finish_and_clear();
    let orders = options.orders_per_second.saturating_mul(options.seconds);
    let bar = progress(u64::from(orders), "orders sent")?;
    let intake =
        intake::measure(stack, &shop, &buyers, options.orders_per_second, options.seconds, &bar)
            .await?;
    bar.finish_and_clear();
    let troubled = shop.buyers(options.renewals, now, trouble::token).await?;
    let bar = progress(u64::from(options.renewals), "subscriptions seeded")?;
    let trouble = trouble::measure(stack, &shop, &troubled, &bar).await?;
    bar.finish_and_clear();
    Ok(Report::new(renewals, trouble, intake, options.data.is_some()))
}

/// A bar on standard error; nothing where that is no terminal.
fn progress(length: u64, what: &'static str) -> Result<ProgressBar, Failure> {
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} {msg}")?;
    Ok(ProgressBar::new(length).with_style(style).with_message(what))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn every_renewal_is_counted_once_and_every_order_is_placed() -> Result<(), Failure> {
        let stack = Stack::start(StackOptions::in_memory()).await?;
        let options = Bench {
            renewals: 30,
            orders_per_second: 20,
            seconds: 1,
            memory: true,
            data: None,
            json: None,
            histogram: None,
        };
        let report = measure(&stack, &options).await?;
        stack.shutdown().await;
        let json = serde_json::to_value(&report)?;
        let number = |pointer: &str| json.pointer(pointer).and_then(serde_json::Value::as_u64);
        assert_eq!(number("/renewals/renewals"), Some(30));
        // Each renewal, and that their job run began and is over.
        assert_eq!(number("/renewals/consumption/events"), Some(30 + 2));
        assert_eq!(number("/trouble/renewals"), Some(30));
        assert_eq!(number("/trouble/declined"), Some(2));
        assert_eq!(number("/trouble/published_ms/count"), Some(30));
        assert_eq!(number("/intake/orders"), Some(20));
        assert_eq!(number("/intake/published_ms/count"), Some(20));
        let functions = json.pointer("/renewals/consumption/functions").and_then(|f| f.as_array());
        let names: Vec<_> = functions
            .into_iter()
            .flatten()
            .filter_map(|one| one.get("function")?.as_str())
            .collect();
        let all =
            ["EventRelayFunction", "OrderCopyFunction", "RenewalTickFunction", "WebhooksFunction"];
        assert_eq!(names, all, "{json}");
        let relayed = number("/renewals/consumption/functions/0/invocations");
        assert!(relayed <= Some(30), "claims cost no invocation of the relay: {json}");
        let tables = json.pointer("/renewals/consumption/tables").and_then(|t| t.as_array());
        let indexes = tables.into_iter().flatten().filter_map(|one| one.get("table")?.as_str());
        let indexes: BTreeSet<&str> = indexes.filter(|name| name.contains('/')).collect();
        assert_eq!(indexes, BTreeSet::from(["BookTable/due", "BookTable/list"]), "{json}");
        assert!(report.to_string().contains("DOLLARS PER MILLION RENEWALS"));
        let told = report.distributions();
        let whole = told.lines().filter(|line| line.ends_with(" 1.000000         20")).count();
        assert_eq!(whole, 2, "answered and published, to the last of 20 orders: {told}");
        Ok(())
    }

    #[tokio::test]
    async fn a_directory_that_holds_something_is_refused() -> Result<(), Failure> {
        let directory = tempfile::tempdir()?;
        std::fs::write(directory.path().join("something"), "")?;
        let options = Bench {
            renewals: 1,
            orders_per_second: 1,
            seconds: 1,
            memory: false,
            data: Some(directory.path().to_owned()),
            json: None,
            histogram: None,
        };
        let refused = run(options).await.err().map(|error| error.to_string());
        assert!(refused.is_some_and(|reason| reason.contains("is not empty")));
        Ok(())
    }
}
