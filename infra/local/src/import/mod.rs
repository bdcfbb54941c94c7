//! `perennial import`: brings a book of subscriptions in, from a file, over the API.
//!
//! The file is streamed: rows are read, sent in batches and reported on without ever being held
//! together. Each row stands for itself and can be sent any number of times, so an import that was cut
//! short is simply started again.

mod columns;
mod duplicates;
mod progress;
mod read;
mod report;
mod send;

use std::{fmt, path::PathBuf, time::Instant};

use futures::{StreamExt, TryStreamExt, stream};
use tokio::sync::mpsc;

pub use self::report::Counts;
use self::{
    columns::Columns,
    duplicates::Duplicates,
    progress::Progress,
    read::{Batch, read_batches},
    report::Report,
    send::Api,
};

/// What went wrong.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Batches read ahead of those that are sent.
const READ_AHEAD: usize = 8;

/// What is imported, and where to.
#[derive(Debug, Clone)]
pub struct Options {
    /// The rows: `.csv` with a line of names, or `.jsonl` with one object on each line.
    pub file: PathBuf,
    /// Name of the book that they come from.
    pub source: String,
    /// The API, such as `http://127.0.0.1:3000`.
    pub url: String,
    /// A token of the role `integration` or `operator`.
    pub token: String,
    /// What is done.
    pub mode: Mode,
    /// Rows of one request.
    pub batch: usize,
    /// Requests at once.
    pub concurrency: usize,
    /// Where each row's outcome and problems are written, as CSV.
    pub report: Option<PathBuf>,
    /// Whether progress is shown.
    pub quiet: bool,
}

/// What is done with the rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// They are checked, and written if nothing is wrong with any of them.
    #[default]
    CheckThenApply,
    /// They are checked only.
    DryRun,
    /// They are written; those with problems are left out.
    Apply,
}

/// What came of an import.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Summary {
    /// Whether rows were only checked.
    pub dry_run: bool,
    /// How many rows came to what.
    pub counts: Counts,
    /// How long it took, in milliseconds.
    pub millis: u128,
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { dry_run, counts, millis } = self;
        let Counts { rows, imported, unchanged, conflicts, invalid, failed } = counts;
        let (what, done) =
            if *dry_run { ("checked", "to import") } else { ("imported", "imported") };
        let per_second = u128::from(*rows) * 1_000 / (*millis).max(1);
        let seconds = millis / 1_000;
        let tenths = millis % 1_000 / 100;
        write!(
            f,
            "{what}: {rows} rows, {imported} {done}, {unchanged} unchanged, {conflicts} conflicts, \
             {invalid} invalid, {failed} failed in {seconds}.{tenths} s ({per_second} rows/s)"
        )
    }
}

impl Summary {
    /// Whether every row is imported, or can be.
    #[must_use]
    pub const fn is_clean(&self) -> bool {
        let Counts { rows: _, imported: _, unchanged: _, conflicts, invalid, failed } = self.counts;
        conflicts == 0 && invalid == 0 && failed == 0
    }
}

/// Imports the rows of a file; answers what came of each pass over it.
///
/// # Errors
/// When the file can't be read, the API can't be reached or refuses the request as a whole, or the
/// report can't be written. What is wrong with rows is no error.
pub async fn run(options: &Options) -> Result<Vec<Summary>, Failure> {
    let passes: &[bool] = match options.mode {
        Mode::CheckThenApply => &[true, false],
        Mode::DryRun => &[true],
        Mode::Apply => &[false],
    };
    let mut summaries = Vec::with_capacity(passes.len());
    for dry_run in passes {
        if summaries.last().is_some_and(|checked: &Summary| !checked.is_clean()) {
            break;
        }
        summaries.push(pass(options, *dry_run).await?);
    }
    Ok(summaries)
}

/// One pass over the file.
async fn pass(options: &Options, dry_run: bool) -> Result<Summary, Failure> {
    let started = Instant::now();
    let columns = Columns::of_api()?;
    let (sender, receiver) = mpsc::channel::<Result<Batch, Failure>>(READ_AHEAD);
    let (file, batch) = (options.file.clone(), options.batch);
    let length =
        std::fs::metadata(&file).map_err(|error| format!("{}: {error}", file.display()))?.len();
    let reader = tokio::task::spawn_blocking(move || read_batches(&file, &columns, batch, &sender));
    let progress = Progress::new(length, dry_run, options.quiet);
    let mut report = Report::create(options.report.as_deref())?;
    let mut duplicates = Duplicates::default();
    let api = Api::new(options)?;
    let batches = stream::unfold(receiver, |mut receiver| async move {
        receiver.recv().await.map(|batch| (batch, receiver))
    });
    let mut answered = batches
        .map_ok(|batch| {
            let api = &api;
            async move { api.send(batch, dry_run).await }
        })
        .try_buffered(options.concurrency)
        .boxed();
    while let Some(answer) = answered.try_next().await? {
        for mut row in answer.rows {
            // Batches know nothing of each other while nothing is written.
            if dry_run && let Some(first) = duplicates.seen(&row) {
                row.repeats(first);
            }
            report.add(&row)?;
        }
        report.write()?;
        progress.at(answer.position, report.counts);
    }
    drop(answered);
    reader.await??;
    progress.finish();
    Ok(Summary { dry_run, counts: report.counts, millis: started.elapsed().as_millis() })
}
