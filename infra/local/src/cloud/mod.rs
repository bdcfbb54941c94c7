//! The AWS services of the local stack: DynamoDB, SQS and EventBridge in this process.
//!
//! [`endpoint`] answers them over HTTP for the AWS CLI and `sam local`; [`connector`] gives the
//! functions of this process SDK clients that reach the same code without a socket.

pub mod connector;
pub mod dynamodb;
pub mod endpoint;
pub mod eventbridge;
pub mod sqs;
#[cfg(test)]
mod tests;

use std::{path::PathBuf, sync::Arc};

use perennial_runtime::Clock;
use thiserror::Error;

use dynamodb::Dynamo;
use eventbridge::Buses;
use sqs::Queues;

/// The account that everything in the local stack belongs to.
pub const ACCOUNT: &str = "000000000000";
/// The region that the local stack pretends to be in.
pub const REGION: &str = "us-east-1";

/// Where the local cloud keeps its data, and what time it is there.
#[derive(Debug, Clone)]
pub struct CloudOptions {
    /// The data directory, made if it is missing. `None` keeps everything in memory.
    pub data: Option<PathBuf>,
    /// The clock of the stack.
    pub clock: Arc<dyn Clock>,
    /// How the stack is reached, such as `http://127.0.0.1:3000`. Queue URLs begin with it.
    pub endpoint: String,
}

/// The services of the local stack. Share it in an [`Arc`].
#[derive(Debug)]
pub struct Cloud {
    /// Tables.
    pub dynamodb: Dynamo,
    /// Queues.
    pub queues: Queues,
    /// Event buses.
    pub buses: Buses,
    endpoint: String,
}

/// Why the local cloud could not be opened.
#[derive(Debug, Error)]
pub enum OpenError {
    /// The data directory could not be made.
    #[error("the data directory {path} can't be made: {source}")]
    Directory {
        /// The directory.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The tables' file could not be opened.
    #[error("the tables can't be opened: {0}")]
    Tables(#[from] dynamodb::OpenError),
    /// The queues' file could not be opened.
    #[error("the queues can't be opened: {0}")]
    Queues(#[from] sqs::SqsError),
}

impl Cloud {
    /// Opens the services with whatever their files hold.
    ///
    /// # Errors
    /// When the directory or a file in it can't be made or read.
    pub fn open(options: CloudOptions) -> Result<Arc<Self>, OpenError> {
        let CloudOptions { data, clock, endpoint } = options;
        if let Some(path) = &data {
            std::fs::create_dir_all(path)
                .map_err(|source| OpenError::Directory { path: path.clone(), source })?;
        }
        Ok(Arc::new(Self {
            dynamodb: Dynamo::open(data.as_deref(), Arc::clone(&clock))?,
            queues: Queues::open(data.as_deref(), Arc::clone(&clock), endpoint.as_str())?,
            buses: Buses::new(clock),
            endpoint,
        }))
    }

    /// How the stack is reached, such as `http://127.0.0.1:3000`.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }
}
