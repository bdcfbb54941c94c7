//! Invocations that can be stopped wherever they wait: what a process that is killed leaves behind.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Wake, Waker},
};

use aws_smithy_runtime_api::client::{
    http::{
        HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
        SharedHttpConnector,
    },
    orchestrator::HttpRequest,
    runtime_components::RuntimeComponents,
};
use perennial_functions::Aws;
use perennial_runtime::{Function, FunctionError, Invocation};
use serde_json::Value;
use tokio::sync::Notify;

use crate::cloud::REGION;

/// The same clients with two await points in each of their calls: before the request has left, and
/// after it took effect but before its answer is seen. `endpoint` is where the stack is reached.
/// `None` where the clients were made without a way to AWS.
#[must_use]
pub fn pausing(aws: &Aws, endpoint: &str) -> Option<Aws> {
    let client = aws.dynamodb.config().http_client()?;
    Some(Aws::over(Pausing(client), REGION, endpoint))
}

/// An invocation under way. Dropped, it ends where it stands.
pub struct Work {
    future: Pin<Box<dyn Future<Output = Result<Value, FunctionError>> + Send>>,
    woken: Arc<Woken>,
    begun: bool,
}

impl Work {
    /// An invocation of which nothing is done before its first step.
    #[must_use]
    pub fn begin(function: &Arc<dyn Function>, event: Value, invocation: Invocation) -> Self {
        let function = Arc::clone(function);
        let future = Box::pin(async move { function.invoke(event, invocation).await });
        Self { future, woken: Arc::default(), begun: false }
    }

    /// Goes on to the next await point; answers the outcome when there is none any more.
    pub async fn step(&mut self) -> Option<Result<Value, FunctionError>> {
        if self.begun {
            self.woken.0.notified().await;
        }
        self.begun = true;
        let waker = Waker::from(Arc::clone(&self.woken));
        match self.future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(outcome) => Some(outcome),
            Poll::Pending => None,
        }
    }

    /// Goes on to its nth await point, from 1. Answers `false` when it has ended before that.
    ///
    /// # Errors
    /// When it has failed before that.
    pub async fn reach(&mut self, nth: usize) -> Result<bool, FunctionError> {
        for _ in 0..nth {
            if let Some(outcome) = self.step().await {
                return outcome.map(|_| false);
            }
        }
        Ok(true)
    }

    /// Goes on to its end.
    ///
    /// # Errors
    /// When the invocation fails.
    pub async fn finish(mut self) -> Result<Value, FunctionError> {
        loop {
            if let Some(outcome) = self.step().await {
                return outcome;
            }
        }
    }
}

/// Remembers that an invocation can go on.
#[derive(Debug, Default)]
struct Woken(Notify);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.notify_one();
    }
}

/// The way to the stack, with a pause before each request and another before its answer.
#[derive(Debug, Clone)]
struct Pausing(SharedHttpClient);

impl HttpClient for Pausing {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(PausingConnector(self.0.http_connector(settings, components)))
    }
}

#[derive(Debug)]
struct PausingConnector(SharedHttpConnector);

impl HttpConnector for PausingConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let connector = self.0.clone();
        HttpConnectorFuture::new(async move {
            tokio::task::yield_now().await;
            let answer = connector.call(request).await;
            tokio::task::yield_now().await;
            answer
        })
    }
}
