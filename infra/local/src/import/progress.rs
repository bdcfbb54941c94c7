//! How far an import is, for whoever watches.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::Counts;

/// A bar on standard error; nothing where that is no terminal.
#[derive(Debug)]
pub(super) struct Progress(ProgressBar);

impl Progress {
    /// A bar over so many bytes of a file.
    pub(super) fn new(length: u64, dry_run: bool, quiet: bool) -> Self {
        let target =
            if quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
        let bar = ProgressBar::with_draw_target(Some(length), target);
        let template = "{prefix:>9} [{bar:32}] {percent:>3}% {eta} left, {msg}";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("=> "));
        }
        bar.set_prefix(if dry_run { "checking" } else { "importing" });
        Self(bar)
    }

    pub(super) fn at(&self, position: u64, counts: Counts) {
        let wrong = counts.conflicts + counts.invalid + counts.failed;
        self.0.set_message(format!("{} rows, {wrong} with problems", counts.rows));
        self.0.set_position(position);
    }

    pub(super) fn finish(&self) {
        self.0.finish_and_clear();
    }
}
