//! `cargo run --release -- bench`: how fast orders are taken, how fast due subscriptions are
//! renewed, and what a renewal costs, measured on the local stack.
//!
//! Everything runs in this one process: the client, the functions, the SDK, the database, the
//! queues and the bus share the machine's processors.

mod consumption;
mod figures;
mod intake;
mod prices;
mod process;
mod renewals;
mod report;
mod seed;

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
        std::fs::write(file, text).map_err(|error| format!("{}: {error}", file.display()))?;
    }
    Ok(())
}

async fn measure(stack: &Stack, options: &Bench) -> Result<Report, Failure> {
    let now = stack.clock().now();
    let shop = Shop::open(stack, now).await?;
    let buyers = shop.buyers(options.renewals, now).await?;
    let bar = progress(u64::from(options.renewals), "subscriptions seeded")?;
    let renewals = renewals::measure(stack, &shop, &buyers, &bar).await?;
    bar.finish_and_clear();
    let orders = options.orders_per_second.saturating_mul(options.seconds);
    let bar = progress(u64::from(orders), "orders sent")?;
    let intake =
        intake::measure(stack, &shop, &buyers, options.orders_per_second, options.seconds, &bar)
            .await?;
    bar.finish_and_clear();
    Ok(Report::new(renewals, intake, options.data.is_some()))
}

/// A bar on standard error; nothing where that is no terminal.
fn progress(length: u64, what: &'static str) -> Result<ProgressBar, Failure> {
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} {msg}")?;
    Ok(ProgressBar::new(length).with_style(style).with_message(what))
}
