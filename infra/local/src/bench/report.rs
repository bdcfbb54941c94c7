//! The report: a table for people, and the same for machines.

use std::fmt;

use serde::Serialize;

use super::{
    consumption::{Consumption, TableUse},
    figures::{MicroDollars, Thousandths},
    intake::Intake,
    latency::Latency,
    process,
    renewals::Renewals,
    trouble::{DECLINED, PROVIDER_MS, Trouble},
};

/// The goals, for two quiet processors.
const GOAL_PLACED_MS: Thousandths = Thousandths(200_000);
const GOAL_ANSWERED_MS: Thousandths = Thousandths(20_000);
const GOAL_PER_SECOND: Thousandths = Thousandths(500_000);
const GOAL_CPU_MS: Thousandths = Thousandths(2_000);
/// For renewing. What its event costs, one pays for having it.
const GOAL_DOLLARS: MicroDollars = MicroDollars(6_000_000);

/// Everything that was measured.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Report {
    /// Where and how it was measured.
    pub(super) setting: Setting,
    pub(super) intake: Intake,
    pub(super) renewals: Renewals,
    pub(super) trouble: Trouble,
    /// The most memory that was ever resident, the client's and the measuring included.
    pub(super) peak_rss_kib: Option<u64>,
    pub(super) goals: Vec<Goal>,
}

/// Where and how it was measured.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Setting {
    pub(super) version: &'static str,
    /// Whether the program was compiled with optimizations.
    pub(super) optimized: bool,
    pub(super) processors: usize,
    /// `memory` or `file`.
    pub(super) storage: &'static str,
}

/// One goal, and whether it was met.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Goal {
    pub(super) name: &'static str,
    pub(super) wanted: String,
    pub(super) measured: String,
    /// `None` where it can't be measured.
    pub(super) met: Option<bool>,
}

impl Report {
    pub(super) fn new(renewals: Renewals, trouble: Trouble, intake: Intake, file: bool) -> Self {
        let goals = goals(&renewals, &intake);
        let setting = Setting {
            version: env!("CARGO_PKG_VERSION"),
            optimized: !cfg!(debug_assertions),
            processors: std::thread::available_parallelism().map_or(1, usize::from),
            storage: if file { "file" } else { "memory" },
        };
        let peak_rss_kib = process::peak_rss_kib();
        Self { setting, intake, renewals, trouble, peak_rss_kib, goals }
    }
}

fn goals(renewals: &Renewals, intake: &Intake) -> Vec<Goal> {
    let (placed, answered) = (intake.published_ms.p99, intake.answered_ms.p99);
    let bill = &renewals.micro_dollars_per_million;
    vec![
        Goal {
            name: "request to placed and published, p99",
            wanted: format!("under {GOAL_PLACED_MS} ms"),
            measured: format!("{placed} ms"),
            met: Some(placed < GOAL_PLACED_MS),
        },
        Goal {
            name: "request to answer, p99",
            wanted: format!("under {GOAL_ANSWERED_MS} ms"),
            measured: format!("{answered} ms"),
            met: Some(answered < GOAL_ANSWERED_MS),
        },
        Goal {
            name: "renewals per second",
            wanted: format!("at least {GOAL_PER_SECOND}"),
            measured: renewals.per_second.to_string(),
            met: Some(renewals.per_second >= GOAL_PER_SECOND),
        },
        Goal {
            name: "processor time per renewal",
            wanted: format!("under {GOAL_CPU_MS} ms"),
            measured: renewals
                .cpu_ms_per_renewal
                .map_or_else(|| "unknown here".to_owned(), |cpu| format!("{cpu} ms")),
            met: renewals.cpu_ms_per_renewal.map(|cpu| cpu < GOAL_CPU_MS),
        },
        Goal {
            name: "a million renewals, their events apart",
            wanted: format!("under {GOAL_DOLLARS}"),
            measured: bill.renewing.total.to_string(),
            met: Some(bill.renewing.total < GOAL_DOLLARS),
        },
    ]
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { setting, intake, renewals, trouble, peak_rss_kib, goals } = self;
        let Setting { version, optimized, processors, storage } = setting;
        writeln!(f, "perennial {version}, {processors} processors, storage in {storage}")?;
        if !optimized {
            writeln!(f, "NOT OPTIMIZED: run it with --release; these times say little")?;
        }
        let rate = intake.orders_per_second;
        writeln!(f, "\nINTAKE  {} orders over HTTP at {rate}/s, all placed", intake.orders)?;
        writeln!(
            f,
            "{:<44}{:>10}{:>10}{:>10}",
            "milliseconds from request to", "p50", "p99", "max"
        )?;
        latency(f, "answer", &intake.answered_ms)?;
        latency(f, "status placed, as a client reads it", &intake.placed_ms)?;
        latency(f, "placed and published on the bus", &intake.published_ms)?;
        self.renewals(f)?;
        let Trouble { renewals: troubled, declined, took_ms, per_second, published_ms } = trouble;
        writeln!(
            f,
            "\nTROUBLE  {troubled} due at once, the provider takes {PROVIDER_MS} ms, one card in \
             {DECLINED} is declined ({declined})"
        )?;
        writeln!(f, "{:<64}{:>10}", "seconds", Thousandths(*took_ms))?;
        writeln!(f, "{:<64}{per_second:>10}", "renewals per second")?;
        writeln!(
            f,
            "{:<44}{:>10}{:>10}{:>10}",
            "milliseconds from the tick to", "p50", "p99", "max"
        )?;
        latency(f, "settled and published on the bus", published_ms)?;
        let bill = &renewals.micro_dollars_per_million;
        writeln!(f, "\nDOLLARS PER MILLION RENEWALS  us-east-1 on demand, arm64, no free tier")?;
        for (what, charges) in [("renewing", &bill.renewing), ("telling of it", &bill.telling)] {
            for (name, dollars) in charges.lines() {
                if dollars != MicroDollars(0) {
                    writeln!(f, "{what:<16}{name:<48}{dollars:>10}")?;
                }
            }
            writeln!(f, "{what:<16}{:<48}{:>10}", "in all", charges.total)?;
        }
        writeln!(f, "{:<64}{:>10}", "together", bill.total)?;
        writeln!(f, "\nGOALS  for two quiet processors")?;
        for Goal { name, wanted, measured, met } in goals {
            let verdict = match met {
                Some(true) => "met",
                Some(false) => "MISSED",
                None => "unknown",
            };
            writeln!(f, "{name:<40}{wanted:>20}{measured:>14}  {verdict}")?;
        }
        if let Some(kib) = peak_rss_kib {
            writeln!(f, "peak memory {} MiB", kib / 1_024)?;
        }
        Ok(())
    }
}

impl Report {
    /// The distributions of the latencies of intake and of renewals under trouble.
    pub(super) fn distributions(&self) -> String {
        let Self { intake, trouble, .. } = self;
        [
            ("intake: answer", &intake.answered_ms),
            ("intake: status placed, as a client reads it", &intake.placed_ms),
            ("intake: placed and published on the bus", &intake.published_ms),
            ("renewals under trouble: settled and published", &trouble.published_ms),
        ]
        .map(|(name, latency)| format!("# {name}, milliseconds\n{}\n", latency.distribution()))
        .concat()
    }

    fn renewals(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Renewals { renewals, took_ms, per_second, cpu_ms_per_renewal, consumption, .. } =
            &self.renewals;
        let each = |amount: u64| Thousandths::ratio(amount, *renewals);
        let halves = |halves: u64| Thousandths::ratio(halves, *renewals * 2);
        writeln!(f, "\nRENEWALS  {renewals} due at once, placed, paid and published")?;
        writeln!(f, "{:<64}{:>10}", "seconds", Thousandths(*took_ms))?;
        writeln!(f, "{:<64}{per_second:>10}", "renewals per second")?;
        if let Some(cpu) = cpu_ms_per_renewal {
            writeln!(f, "{:<64}{cpu:>10}", "ms of processor time per renewal, database included")?;
        }
        let Consumption { tables, test_provider, queues, functions, events, .. } = consumption;
        writeln!(f, "\n{:<44}{:>10}{:>10}{:>10}", "per renewal", "calls", "reads", "writes")?;
        let line = |f: &mut fmt::Formatter<'_>, name: &str, usage: &TableUse| {
            let (reads, writes) = (halves(usage.read_half_units), halves(usage.write_half_units));
            writeln!(f, "{name:<44}{:>10}{reads:>10}{writes:>10}", each(usage.calls))
        };
        for usage in tables {
            line(f, &format!("{} {}", usage.table, usage.action), usage)?;
        }
        let (reads, writes) =
            (halves(consumption.read_half_units()), halves(consumption.write_half_units()));
        writeln!(f, "{:<54}{reads:>10}{writes:>10}", "units in all")?;
        for usage in test_provider {
            line(f, &format!("(test provider {})", usage.action), usage)?;
        }
        writeln!(f, "\n{:<54}{:>10}{:>10}", "per renewal", "requests", "bytes")?;
        for usage in queues {
            let (requests, bytes) = (each(usage.billed_requests), usage.bytes / (*renewals).max(1));
            let name = format!("{} {}", usage.queue, usage.action);
            writeln!(f, "{name:<54}{requests:>10}{bytes:>10}")?;
        }
        let bytes = consumption.queue_bytes() / (*renewals).max(1);
        writeln!(f, "{:<54}{:>10}{bytes:>10}", "SQS in all", each(consumption.queue_requests()))?;
        let bytes = consumption.event_bytes / (*renewals).max(1);
        writeln!(f, "{:<54}{:>10}{bytes:>10}", "EventBridge events", each(*events))?;
        let head = ("per renewal", "calls", "ms", "memory");
        writeln!(f, "\n{:<44}{:>10}{:>10}{:>10}", head.0, head.1, head.2, head.3)?;
        for usage in functions {
            let (calls, ms) = (each(usage.invocations), each(usage.billed_ms));
            let memory = format!("{} MB", usage.memory_mb);
            writeln!(f, "{:<44}{calls:>10}{ms:>10}{memory:>10}", usage.function)?;
        }
        let (calls, ms) = (each(consumption.invocations()), each(consumption.billed_ms()));
        writeln!(f, "{:<44}{calls:>10}{ms:>10}", "Lambda in all")
    }
}

fn latency(f: &mut fmt::Formatter<'_>, name: &str, latency: &Latency) -> fmt::Result {
    let Latency { count, p50, p99, max, .. } = latency;
    let name = format!("{name} ({count})");
    writeln!(f, "{name:<44}{p50:>10}{p99:>10}{max:>10}")
}
