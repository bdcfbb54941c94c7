//! Where the story is told: lines on standard output, and a progress bar on standard error that
//! shows only in a terminal.

use std::io::{self, Write};

use indicatif::{ProgressBar, ProgressStyle};

use super::Failure;

/// The stage.
pub(super) struct Stage {
    bar: ProgressBar,
}

impl Stage {
    /// A stage for a story of so many steps.
    pub(super) fn new(steps: u64) -> Result<Self, Failure> {
        let style = ProgressStyle::with_template("{bar:40} {percent}% {msg}")?;
        Ok(Self { bar: ProgressBar::new(steps).with_style(style) })
    }

    /// Begins a chapter.
    pub(super) fn chapter(&self, title: &str) -> io::Result<()> {
        self.tell(&format!("\n== {title} =="))
    }

    /// Tells a line.
    pub(super) fn tell(&self, line: &str) -> io::Result<()> {
        self.bar.suspend(|| {
            let mut out = io::stdout().lock();
            writeln!(out, "{line}")?;
            out.flush()
        })
    }

    /// One step is done; this comes next.
    pub(super) fn step(&self, next: impl Into<String>) {
        self.bar.inc(1);
        self.bar.set_message(next.into());
    }

    /// The story is over.
    pub(super) fn close(&self) {
        self.bar.finish_and_clear();
    }
}
