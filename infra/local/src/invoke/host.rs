//! The functions, built and ready to be invoked.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use perennial_functions::{Aws, build::BuildError};
use perennial_runtime::{Clock, Environment, Function, Invocation};
use serde_json::Value;
use thiserror::Error;
use tokio::sync::Semaphore;
use tracing::Instrument;
use uuid::Uuid;

use super::stats::{FunctionStats, Meter};
use crate::{activity::Activity, template::FunctionModel};

/// Builds the function of a binary. Tests put their own functions here.
pub type FunctionFactory = Arc<
    dyn Fn(&str, &Environment, &Aws, &Arc<dyn Clock>) -> Result<Arc<dyn Function>, BuildError>
        + Send
        + Sync,
>;

/// Concurrent invocations of one function, unless the template reserves a number.
const CONCURRENCY: usize = 32;

/// Why an invocation gave no answer.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum FunctionFault {
    /// The function returned an error.
    #[error("the function failed: {0}")]
    Failed(String),
    /// The function panicked.
    #[error("the function panicked: {0}")]
    Panicked(String),
    /// The function took longer than its timeout.
    #[error("the function took longer than {0:?}")]
    TimedOut(Duration),
}

/// A function of the template that can't be built.
#[derive(Debug, Error)]
#[error("the function {logical_id} can't be built: {source}")]
pub struct HostError {
    /// The function's logical id.
    pub logical_id: String,
    /// What is wrong.
    #[source]
    pub source: BuildError,
}

struct Hosted {
    function: Arc<dyn Function>,
    timeout: Duration,
    memory_mb: u32,
    places: Arc<Semaphore>,
    meter: Arc<Meter>,
}

/// All functions by logical id.
pub struct Host {
    functions: BTreeMap<String, Hosted>,
    activity: Arc<Activity>,
}

impl std::fmt::Debug for Host {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Host").field("functions", &self.functions.keys()).finish()
    }
}

impl Host {
    /// Builds all functions.
    ///
    /// # Errors
    /// [`HostError`] for the first that can't be built.
    pub fn build(
        models: &[FunctionModel],
        factory: &FunctionFactory,
        aws: &Aws,
        clock: &Arc<dyn Clock>,
        activity: &Arc<Activity>,
    ) -> Result<Self, HostError> {
        let mut functions = BTreeMap::new();
        for model in models {
            let environment = Environment::from_map(model.environment.clone());
            let function = factory(&model.binary, &environment, aws, clock)
                .map_err(|source| HostError { logical_id: model.logical_id.clone(), source })?;
            let hosted = Hosted {
                function,
                timeout: model.timeout,
                memory_mb: model.memory_mb,
                places: Arc::new(Semaphore::new(model.concurrency.unwrap_or(CONCURRENCY))),
                meter: Arc::default(),
            };
            functions.insert(model.logical_id.clone(), hosted);
        }
        Ok(Self { functions, activity: Arc::clone(activity) })
    }

    /// Invokes a function and waits for its answer. The invocation goes on to its end even when
    /// the caller stops waiting, as on Lambda.
    ///
    /// # Errors
    /// [`FunctionFault`] when there is no answer.
    pub async fn invoke(&self, logical_id: &str, event: Value) -> Result<Value, FunctionFault> {
        let Some(hosted) = self.functions.get(logical_id) else {
            return Err(FunctionFault::Failed(format!("there is no function {logical_id}")));
        };
        let busy = self.activity.begin();
        // The semaphore is never closed.
        let place = Arc::clone(&hosted.places).acquire_owned().await.ok();
        let (function, meter, timeout) =
            (Arc::clone(&hosted.function), Arc::clone(&hosted.meter), hosted.timeout);
        let request_id = Uuid::now_v7().to_string();
        let span = tracing::info_span!("invocation", function = logical_id, %request_id);
        let name = logical_id.to_owned();
        let task = async move {
            let begun = Instant::now();
            meter.begin();
            let invocation = Invocation { request_id, deadline: begun + timeout };
            // A task of its own makes a panic end the invocation only.
            let mut running = tokio::spawn(
                async move { function.invoke(event, invocation).await }.in_current_span(),
            );
            let outcome = match tokio::time::timeout(timeout, &mut running).await {
                Ok(Ok(Ok(answer))) => Ok(answer),
                Ok(Ok(Err(error))) => Err(FunctionFault::Failed(error.to_string())),
                Ok(Err(error)) => Err(FunctionFault::Panicked(panic_text(error))),
                Err(_) => {
                    running.abort();
                    Err(FunctionFault::TimedOut(timeout))
                }
            };
            meter.end(begun.elapsed(), outcome.is_err());
            if let Err(fault) = &outcome {
                tracing::warn!(function = %name, %fault, "an invocation failed");
            }
            drop(place);
            drop(busy);
            outcome
        };
        match tokio::spawn(task.instrument(span)).await {
            Ok(outcome) => outcome,
            Err(error) => Err(FunctionFault::Panicked(panic_text(error))),
        }
    }

    /// What each function did since the stack started.
    pub fn stats(&self) -> BTreeMap<String, FunctionStats> {
        self.functions
            .iter()
            .map(|(name, hosted)| (name.clone(), hosted.meter.read(hosted.memory_mb)))
            .collect()
    }
}

fn panic_text(error: tokio::task::JoinError) -> String {
    match error.try_into_panic() {
        Ok(payload) => payload
            .downcast_ref::<&str>()
            .map(|text| (*text).to_owned())
            .or_else(|| payload.downcast_ref::<String>().cloned())
            .unwrap_or_else(|| "no message".to_owned()),
        Err(error) => error.to_string(),
    }
}
