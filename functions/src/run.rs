//! Starts one function under AWS Lambda: everything that a binary does besides naming itself.

use std::{sync::Arc, time::Duration};

use aws_sdk_dynamodb::types::AttributeValue;
use perennial_runtime::{Clock, Environment, FunctionError, SystemClock, telemetry};

use crate::{Aws, build::Build};

/// The longest that warming up may hold back the first invocation.
const WARM_UP_LIMIT: Duration = Duration::from_secs(2);

/// Serves invocations of one function until Lambda stops the sandbox. The name is that of its
/// binary; `AWS_ENDPOINT_URL` leads every client to another endpoint, such as the local stack.
///
/// # Errors
/// When the function cannot be built from its environment, or the runtime API cannot be used.
pub fn run(name: &str, build: Build) -> Result<(), FunctionError> {
    // A sandbox runs one invocation at a time on a share of one processor: one thread is enough,
    // and its tasks still overlap wherever they wait.
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(start(name, build))
}

async fn start(name: &str, build: Build) -> Result<(), FunctionError> {
    let environment = Environment::process();
    telemetry::init(&environment, name);
    let aws = Aws::from_environment(&environment)?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let function = build(&environment, &aws, &clock)?;
    if let Some(table) = environment.get("BOOK_TABLE") {
        warm_up(&aws, table).await;
    }
    perennial_runtime::serve(function).await
}

/// Reads an item that does not exist, so that credentials, the connection and the first TLS
/// handshake are paid for during init, where Lambda gives full processors, and not by the first
/// request. Its outcome changes nothing: what is really wrong, the first request will say better.
async fn warm_up(aws: &Aws, table: &str) {
    let nothing = AttributeValue::S("warm-up".to_owned());
    let read = aws
        .dynamodb
        .get_item()
        .table_name(table)
        .key("pk", nothing.clone())
        .key("sk", nothing)
        .send();
    match tokio::time::timeout(WARM_UP_LIMIT, read).await {
        Ok(Ok(_)) => {}
        Ok(Err(error)) => tracing::debug!(%error, "warming up failed"),
        Err(_) => tracing::debug!("warming up took too long"),
    }
}
