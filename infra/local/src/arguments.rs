//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser};

/// Perennial on this machine: the whole SAM template in one process, with an embedded `DynamoDB`,
/// SQS and `EventBridge`, a token issuer, and a clock that can be moved.
#[derive(Debug, Parser)]
#[command(version, about, long_about = None)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) serve: Serve,
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
    #[arg(long, default_value = "warn", value_name = "FILTER", env = "RUST_LOG")]
    pub(crate) log: String,

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
