//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, value_parser};

/// Perennial on this machine: the whole SAM template in one process, with an embedded `DynamoDB`,
/// SQS and `EventBridge`, a token issuer, and a clock that can be moved.
#[derive(Debug, Parser)]
#[command(version, about, long_about = None, args_conflicts_with_subcommands = true)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) serve: Serve,

    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

/// What to do instead of serving.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Tell the story of a shop over a year of moved clock, and check every order and cent of it
    Demo,
    /// Measure how fast orders are taken and renewed, and what a renewal costs; use --release
    Bench(Bench),
    /// Bring in a book of subscriptions from a file: checked first, and written if all of it is sound
    Import(Import),
    /// Live through a year of renewals with a provider that declines and times out, and workers that
    /// die, and prove that the books agree; use --release
    Simulate(Simulate),
    /// Print the API's OpenAPI document
    Openapi,
    /// Print the page docs/api.md, which is made from that document
    ApiDocs,
}

/// What is simulated.
#[derive(Debug, Args)]
pub(crate) struct Simulate {
    /// Monthly subscriptions
    #[arg(long, default_value_t = 5_000, value_parser = value_parser!(u32).range(1..=20_000))]
    pub(crate) subscriptions: u32,

    /// For how many months
    #[arg(long, default_value_t = 12, value_parser = value_parser!(u32).range(1..=60))]
    pub(crate) months: u32,

    /// What chance begins with: the same seed meets the same declines
    #[arg(long, default_value_t = 42)]
    pub(crate) seed: u32,

    /// Of a thousand invocations of a worker, how many die in the middle of their work
    #[arg(long, default_value_t = 20, value_parser = value_parser!(u32).range(0..=500))]
    pub(crate) deaths: u32,

    /// Of a thousand invocations of a worker, how many are delivered twice at once
    #[arg(long, default_value_t = 20, value_parser = value_parser!(u32).range(0..=500))]
    pub(crate) duplicates: u32,
}

/// What is measured.
#[derive(Debug, Args)]
pub(crate) struct Bench {
    /// Subscriptions that fall due at one instant
    #[arg(long, default_value_t = 2_000, value_parser = value_parser!(u32).range(1..=100_000))]
    pub(crate) renewals: u32,

    /// Orders sent per second, whether or not earlier ones were answered
    #[arg(long, default_value_t = 100, value_parser = value_parser!(u32).range(1..=1_000))]
    pub(crate) orders_per_second: u32,

    /// For how many seconds orders are sent
    #[arg(long, default_value_t = 60, value_parser = value_parser!(u32).range(1..=600))]
    pub(crate) seconds: u32,

    /// Keep everything in memory, which is the default
    #[arg(long)]
    pub(crate) memory: bool,

    /// Keep everything in files in this directory, which must be empty
    #[arg(long, value_name = "DIR", conflicts_with = "memory")]
    pub(crate) data: Option<PathBuf>,

    /// Write the distributions of all latencies to this file, too (.hgrm, in milliseconds)
    #[arg(long, value_name = "FILE")]
    pub(crate) histogram: Option<PathBuf>,

    /// Write what was measured to this file, too
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
}

/// What is imported, and where to.
#[derive(Debug, Args)]
pub(crate) struct Import {
    /// The rows: FILE.csv with a line of column names, or FILE.jsonl with an object on each line
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,

    /// Name of the book that they come from; with a row's external_id it makes the subscription's id
    #[arg(long)]
    pub(crate) source: String,

    /// Where the API answers
    #[arg(long, default_value = "http://127.0.0.1:3000", env = "PERENNIAL_URL")]
    pub(crate) url: String,

    /// A token of the role integration or operator
    #[arg(long, env = "PERENNIAL_TOKEN", hide_env_values = true)]
    pub(crate) token: String,

    /// Only check: nothing is written
    #[arg(long, conflicts_with = "apply")]
    pub(crate) dry_run: bool,

    /// Write what is sound at once, and leave out what is not
    #[arg(long)]
    pub(crate) apply: bool,

    /// Rows of one request
    #[arg(long, default_value_t = 200, value_parser = value_parser!(u16).range(1..=500))]
    pub(crate) batch: u16,

    /// Requests at once
    #[arg(long, default_value_t = 4, value_parser = value_parser!(u16).range(1..=32))]
    pub(crate) concurrency: u16,

    /// Write what became of each row, and all that is wrong with it, to this file as CSV
    #[arg(long, value_name = "FILE")]
    pub(crate) report: Option<PathBuf>,
}

/// How the stack is started.
#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// The port on 127.0.0.1; 0 for any free one
    #[arg(long, default_value_t = 3000, env = "PERENNIAL_PORT")]
    pub(crate) port: u16,

    /// The directory that keeps the data; one process at a time uses it
    #[arg(long, default_value = ".perennial", value_name = "DIR")]
    pub(crate) data: PathBuf,

    /// Keep everything in memory; nothing is left at the end
    #[arg(long, conflicts_with = "data")]
    pub(crate) memory: bool,

    /// What to log to standard error, as in `RUST_LOG`: a level, or target=level pairs
    /// [default: warn; off for the demo, whose failures are part of the story]
    #[arg(long, value_name = "FILTER", env = "RUST_LOG", global = true)]
    pub(crate) log: Option<String>,

    /// The SAM template to serve [default: template.yaml here or in a directory above, or else
    /// the one compiled in]
    #[arg(long, value_name = "PATH")]
    pub(crate) template: Option<PathBuf>,

    /// A value for one of the template's parameters; may be given several times
    #[arg(long, value_name = "NAME=VALUE", value_parser = parameter)]
    pub(crate) parameter: Vec<(String, String)>,
}

fn parameter(text: &str) -> Result<(String, String), String> {
    text.split_once('=')
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .ok_or_else(|| format!("{text:?} is not NAME=VALUE"))
}
