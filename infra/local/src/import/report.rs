//! The report: a line for each problem, and one for each row without any.

use std::{fs::File, path::Path};

use super::{
    Failure,
    send::{Answered, Problem},
};

/// The report's columns.
const COLUMNS: [&str; 8] =
    ["line", "external_id", "outcome", "order_subscription_id", "field", "rule", "value", "detail"];

/// Most bytes that wait to be written: more than a batch has, so that the file holds whole lines.
const BUFFER: usize = 1 << 20;

/// How many rows came to what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// All of them.
    pub rows: u64,
    /// Those that are subscriptions now, or would be.
    pub imported: u64,
    /// Those that were before.
    pub unchanged: u64,
    /// Those whose external id stands for something else already.
    pub conflicts: u64,
    /// Those that break a rule.
    pub invalid: u64,
    /// Those that the API could not take, however often they were sent.
    pub failed: u64,
}

/// Counts rows, and writes what became of each where that was asked for.
pub(super) struct Report {
    pub(super) counts: Counts,
    file: Option<csv::Writer<File>>,
}

impl Report {
    pub(super) fn create(path: Option<&Path>) -> Result<Self, Failure> {
        let mut file = match path {
            Some(path) => {
                let file =
                    File::create(path).map_err(|error| format!("{}: {error}", path.display()))?;
                Some(csv::WriterBuilder::new().buffer_capacity(BUFFER).from_writer(file))
            }
            None => None,
        };
        if let Some(file) = &mut file {
            file.write_record(COLUMNS)?;
        }
        let mut report = Self { counts: Counts::default(), file };
        report.write()?;
        Ok(report)
    }

    pub(super) fn add(&mut self, row: &Answered) -> Result<(), Failure> {
        self.counts.rows += 1;
        *match row.outcome.as_str() {
            "imported" => &mut self.counts.imported,
            "unchanged" => &mut self.counts.unchanged,
            "conflict" => &mut self.counts.conflicts,
            "invalid" => &mut self.counts.invalid,
            _ => &mut self.counts.failed,
        } += 1;
        let Some(file) = &mut self.file else { return Ok(()) };
        let line = row.line.to_string();
        let begins = [
            line.as_str(),
            row.external_id.as_deref().unwrap_or_default(),
            &row.outcome,
            row.order_subscription_id.as_deref().unwrap_or_default(),
        ];
        let none = [Problem::default()];
        let problems = if row.problems.is_empty() { &none[..] } else { &row.problems };
        for Problem { field, rule, value, detail } in problems {
            let ends = [field.as_str(), rule, value.as_deref().unwrap_or_default(), detail];
            file.write_record(begins.into_iter().chain(ends).map(harmless))?;
        }
        Ok(())
    }

    /// Puts what was added into the file: it stays there if the command is killed.
    pub(super) fn write(&mut self) -> Result<(), Failure> {
        if let Some(file) = &mut self.file {
            file.flush()?;
        }
        Ok(())
    }
}

/// A cell that no spreadsheet takes for a formula.
fn harmless(cell: &str) -> String {
    if cell.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        format!("'{cell}")
    } else {
        cell.to_owned()
    }
}
