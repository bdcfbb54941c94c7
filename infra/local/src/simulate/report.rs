//! What a simulation came to.

use std::{fmt, time::Duration};

use serde_json::Value;

use super::{Options, weather::Seen};

/// The lowest rate of recoverable renewals that passes.
const GOAL: f64 = 0.995;

/// What a simulation came to.
#[derive(Debug, Clone)]
pub struct Report {
    /// What was simulated.
    pub options: Options,
    /// What has befallen workers.
    pub weather: Seen,
    /// The attributes of the reconciliation.
    pub reconciled: Value,
    /// Dead letters; `None` when they are more than are counted.
    pub letters: Option<u64>,
    /// Why the last few of them could not be handled.
    pub errors: Vec<String>,
    /// How long it took.
    pub took: Duration,
}

impl Report {
    /// A count of the reconciliation, such as `discrepancies`.
    #[must_use]
    pub fn count(&self, name: &str) -> u64 {
        let count = self.reconciled.get(format!("{name}_count"));
        count.and_then(Value::as_u64).unwrap_or(u64::MAX)
    }

    /// Of the renewals that no final decline has ended, the share that was paid in time.
    #[must_use]
    pub fn recoverable_success_rate(&self) -> Option<f64> {
        self.reconciled.get("recoverable_success_rate")?.as_str()?.parse().ok()
    }

    /// Whether the books agree, no message was given up, and enough renewals were paid.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.count("discrepancies") == 0
            && self.count("busy") == 0
            && self.letters == Some(0)
            && self.recoverable_success_rate().is_some_and(|rate| rate >= GOAL)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Options { subscriptions, months, seed, .. } = self.options;
        let Seen { invocations, died, twice } = self.weather;
        let rate = |name: &str| self.reconciled.get(name).and_then(Value::as_str).unwrap_or("none");
        writeln!(f, "seed                        {seed}")?;
        writeln!(f, "subscriptions, months       {subscriptions}, {months}")?;
        writeln!(f, "took                        {:.0} s", self.took.as_secs_f64())?;
        writeln!(f, "worker invocations          {invocations}: {died} died, {twice} came twice")?;
        for (name, what) in [
            ("runs", "runs"),
            ("journal_entries", "journal entries followed"),
            ("charges", "charges at the provider"),
            ("renewals_due", "renewals due"),
            ("renewals_paid", "  paid within the policy"),
            ("renewals_hard_declined", "  ended by a hard decline"),
            ("renewals_failed", "  retries exhausted, or other"),
            ("renewals_lost", "  lost"),
            ("renewals_open", "not decided yet"),
            ("prorations_checked", "prorations checked"),
            ("prorations_passed", "  passed"),
            ("discrepancies", "discrepancies"),
        ] {
            writeln!(f, "{what:<27} {}", self.count(name))?;
        }
        let letters = self.letters.map_or_else(|| "many".to_owned(), |count| count.to_string());
        writeln!(f, "dead letters                {letters}")?;
        for error in &self.errors {
            writeln!(f, "  {error}")?;
        }
        writeln!(f, "renewal success rate        {}", rate("renewal_success_rate"))?;
        writeln!(f, "recoverable success rate    {}", rate("recoverable_success_rate"))?;
        let discrepancies = self.reconciled.get("discrepancies").and_then(Value::as_array);
        for one in discrepancies.into_iter().flatten().take(20) {
            writeln!(f, "  {one}")?;
        }
        writeln!(f, "{}", if self.passed() { "passed" } else { "FAILED" })
    }
}
