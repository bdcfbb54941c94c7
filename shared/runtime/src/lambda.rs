//! Runs a [`Function`] under the AWS Lambda runtime API.

use std::{
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use lambda_runtime::{LambdaEvent, service_fn};
use serde_json::Value;
use tracing::Instrument;

use crate::{Function, FunctionError, Invocation, telemetry};

/// Serves invocations until Lambda stops the sandbox.
///
/// # Errors
/// When the runtime API can't be reached or answers against its protocol.
pub async fn serve(function: Arc<dyn Function>) -> Result<(), FunctionError> {
    lambda_runtime::run(service_fn(move |event: LambdaEvent<Value>| {
        let function = Arc::clone(&function);
        let span =
            tracing::info_span!("invocation", request_id = %event.context.request_id.as_str());
        async move {
            let invocation = Invocation {
                request_id: event.context.request_id.clone(),
                deadline: monotonic(event.context.deadline),
            };
            let answer = function.invoke(event.payload, invocation).await;
            telemetry::flush();
            answer
        }
        .instrument(span)
    }))
    .await
}

/// Lambda states its deadline in milliseconds of Unix time; budgets need a clock that never jumps.
fn monotonic(deadline_unix_ms: u64) -> Instant {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Instant::now() + Duration::from_millis(deadline_unix_ms).saturating_sub(now)
}
