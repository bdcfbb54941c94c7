//! `cargo run`: Perennial on this machine.

mod arguments;
mod bench;
mod demo;

use std::{io::Write, process::ExitCode};

use clap::Parser;
use perennial_local::{
    api_docs,
    identity::Role,
    import::{self, Mode},
    simulate,
    stack::{Stack, StackOptions, find_template},
};
use tracing_subscriber::{EnvFilter, fmt, prelude::*};

use arguments::{Arguments, Command, Import, Serve, Simulate};

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Where many threads make and drop small things of all sizes for minutes, the system's allocator
/// becomes slow: after 50,000 imported rows it took two fifths of the time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> ExitCode {
    let Arguments { serve, command } = Arguments::parse();
    match run(serve, command).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(serve: Serve, command: Option<Command>) -> Result<(), Failure> {
    let told_otherwise = matches!(command, Some(Command::Demo | Command::Simulate(_)));
    let quiet = if told_otherwise { "off" } else { "warn" };
    let filter = serve.log.as_deref().unwrap_or(quiet);
    let filter = EnvFilter::try_new(filter)
        .map_err(|error| format!("--log {filter:?} is not a filter: {error}"))?;
    let log = fmt::layer().with_writer(std::io::stderr).with_target(false);
    tracing_subscriber::registry().with(filter).with(log).try_init()?;
    match command {
        None => self::serve(serve).await,
        // Dropping the story takes its data directory along.
        Some(Command::Demo) => tokio::select! {
            told = demo::run() => told,
            signal = end_signal() => signal.map_err(Into::into).and(Err("interrupted".into())),
        },
        Some(Command::Bench(options)) => bench::run(options).await,
        Some(Command::Simulate(options)) => self::simulate(options).await,
        Some(Command::Import(import)) => self::import(import).await,
        Some(Command::Openapi) => {
            writeln!(std::io::stdout(), "{:#}", perennial_functions::openapi())?;
            Ok(())
        }
        Some(Command::ApiDocs) => {
            write!(std::io::stdout(), "{}", api_docs::page(&perennial_functions::openapi()))?;
            Ok(())
        }
    }
}

/// Lives through a simulated year. Books that do not agree are a failure of the command.
async fn simulate(options: Simulate) -> Result<(), Failure> {
    let Simulate { subscriptions, months, seed, deaths, duplicates } = options;
    let options = simulate::Options { subscriptions, months, seed, deaths, duplicates };
    let report = simulate::run(&options, |month| eprintln!("month {month} of {months}")).await?;
    write!(std::io::stdout(), "{report}")?;
    if report.passed() { Ok(()) } else { Err("the simulation has failed".into()) }
}

/// Imports a file. What is wrong with rows is told, and is a failure of the command.
async fn import(import: Import) -> Result<(), Failure> {
    let Import { file, source, url, token, dry_run, apply, batch, concurrency, report } = import;
    let mode = match (dry_run, apply) {
        (true, _) => Mode::DryRun,
        (false, true) => Mode::Apply,
        (false, false) => Mode::CheckThenApply,
    };
    let (batch, concurrency) = (usize::from(batch), usize::from(concurrency));
    let told = report.as_ref().map(|report| format!(": see {}", report.display()));
    let options = import::Options {
        file,
        source,
        url,
        token,
        mode,
        batch,
        concurrency,
        report,
        quiet: false,
    };
    let summaries = import::run(&options).await?;
    for summary in &summaries {
        writeln!(std::io::stdout(), "{summary}")?;
    }
    match summaries.iter().find(|summary| !summary.is_clean()) {
        None => Ok(()),
        Some(summary) => {
            let nothing = if summary.dry_run { ", and nothing was written" } else { "" };
            let told = told.unwrap_or_else(|| ": --report FILE tells which".to_owned());
            Err(format!("some rows have problems{nothing}{told}").into())
        }
    }
}

/// Serves until it is told to end.
async fn serve(serve: Serve) -> Result<(), Failure> {
    let stack = Stack::start(options(serve)?).await?;
    announce(&stack)?;
    let reason = tokio::select! {
        signal = end_signal() => signal.map(|()| None)?,
        reason = stack.failed() => Some(reason),
    };
    stack.shutdown().await;
    reason.map_or(Ok(()), |reason| Err(reason.into()))
}

fn options(serve: Serve) -> Result<StackOptions, Failure> {
    Ok(StackOptions {
        port: serve.port,
        data: (!serve.memory).then_some(serve.data),
        template: find_template(serve.template)?,
        parameters: serve.parameter.into_iter().collect(),
        ..StackOptions::in_memory()
    })
}

/// Tells how to begin. The line that begins with `ready` is the last: who waits for it may start.
fn announce(stack: &Stack) -> Result<(), Failure> {
    let (url, api) = (stack.url(), stack.api_url());
    let token = stack.token("demo", Role::Integration)?;
    let mut out = std::io::stdout().lock();
    writeln!(out, "token for the organization demo, good for a day:\n{token}\n")?;
    writeln!(out, "try:")?;
    writeln!(out, "curl -s {api}/orders -H 'authorization: Bearer {token}'")?;
    writeln!(out, "curl -s {url}/local/clock -d '{{\"advance\": \"P1M\"}}'\n")?;
    writeln!(out, "ready {api}")?;
    out.flush()?;
    Ok(())
}

/// Waits for Ctrl-C or a request to end.
async fn end_signal() -> std::io::Result<()> {
    #[cfg(unix)]
    {
        let kind = tokio::signal::unix::SignalKind::terminate();
        let mut terminate = tokio::signal::unix::signal(kind)?;
        tokio::select! {
            interrupt = tokio::signal::ctrl_c() => interrupt,
            _ = terminate.recv() => Ok(()),
        }
    }
    #[cfg(not(unix))]
    tokio::signal::ctrl_c().await
}
