//! The whole template, running: what `cargo run` starts, and tests, the demo and the benchmark use.

mod data_directory;
mod options;
mod rules;
mod start;
mod tables;

use std::{sync::Arc, time::Duration};

use perennial_functions::Aws;
use perennial_runtime::Clock;
use tokio::{sync::watch, task::JoinSet};

pub use data_directory::{DataDirectory, DataError};
pub use options::{EMBEDDED_TEMPLATE, StackOptions, find_template};
pub use rules::RuleError;
pub use start::StartError;
pub use tables::TableError;

use crate::{
    clock::{Advance, AdvanceError, MovableClock, Summary, Target},
    cloud::Cloud,
    identity::{Issuer, Role, TokenFault, TokenRequest},
    invoke::Host,
    template::Template,
};

/// How long a shutdown waits for what is under way.
const GRACE: Duration = Duration::from_secs(10);

/// A running stack. It stops when dropped, and in good order with [`Stack::shutdown`].
#[derive(Debug)]
pub struct Stack {
    url: String,
    template: Arc<Template>,
    cloud: Arc<Cloud>,
    aws: Aws,
    host: Arc<Host>,
    issuer: Issuer,
    advance: Arc<Advance>,
    stop: watch::Sender<bool>,
    failure: watch::Receiver<Option<String>>,
    tasks: JoinSet<()>,
    _data: Option<DataDirectory>,
}

impl Stack {
    /// Where it serves, such as `http://127.0.0.1:3000`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Where the API is.
    #[must_use]
    pub fn api_url(&self) -> String {
        format!("{}/api", self.url)
    }

    /// What it serves.
    #[must_use]
    pub fn template(&self) -> &Template {
        &self.template
    }

    /// The tables, queues and buses.
    #[must_use]
    pub fn cloud(&self) -> &Arc<Cloud> {
        &self.cloud
    }

    /// SDK clients that reach the tables, queues and buses without a socket.
    #[must_use]
    pub fn aws(&self) -> &Aws {
        &self.aws
    }

    /// The functions, with what they did.
    #[must_use]
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// The stack's clock, to be read. Moving it is for [`Stack::move_clock`].
    #[must_use]
    pub fn clock(&self) -> Arc<dyn Clock> {
        let clock: Arc<MovableClock> = Arc::clone(&self.advance.clock);
        clock
    }

    /// Signs a token for a role in an organization, good for a day.
    ///
    /// # Errors
    /// When the organization's id has a form that no organization has.
    pub fn token(&self, organization: &str, role: Role) -> Result<String, TokenFault> {
        self.sign(&TokenRequest::new(organization, role)?)
    }

    /// Signs a token.
    ///
    /// # Errors
    /// When the key does not sign, which a sound one always does.
    pub fn sign(&self, request: &TokenRequest) -> Result<String, TokenFault> {
        self.issuer.issue(request).map_err(|error| {
            tracing::error!(%error, "a token can't be signed");
            TokenFault { field: "token".to_owned(), rule: "can't be signed" }
        })
    }

    /// Moves the clock; everything that happens on the way has happened when this answers.
    ///
    /// # Errors
    /// [`AdvanceError`].
    pub async fn move_clock(&self, target: &Target) -> Result<Summary, AdvanceError> {
        self.advance.to(target).await
    }

    /// Waits until nothing is under way and no message or record waits. `false` when that takes
    /// longer than `patience`.
    pub async fn settle(&self, patience: Duration) -> bool {
        self.advance.settle(patience).await
    }

    /// Waits until an event source fails, which nothing repairs, and says why.
    pub async fn failed(&self) -> String {
        let mut failure = self.failure.clone();
        match failure.wait_for(Option::is_some).await {
            Ok(reason) => reason.clone().unwrap_or_default(),
            // Nobody is left who could fail.
            Err(_) => std::future::pending().await,
        }
    }

    /// Stops taking work, and waits ten seconds for what is under way. What is not done by then is
    /// in its queue or stream still.
    pub async fn shutdown(mut self) {
        self.stop.send_replace(true);
        let mut tasks = std::mem::take(&mut self.tasks);
        let ended =
            tokio::time::timeout(GRACE, async { while tasks.join_next().await.is_some() {} });
        if ended.await.is_err() {
            tracing::warn!("some work was still under way at the end");
        }
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        self.stop.send_replace(true);
    }
}
