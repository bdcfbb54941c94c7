//! The shape in which a function meets its host: a JSON event in, a JSON answer out.

use std::time::Instant;

use async_trait::async_trait;
use serde_json::Value;

/// Why an invocation as a whole failed. The host retries or redrives as its event source says;
/// failures of single records inside a batch are reported in the answer instead.
pub type FunctionError = Box<dyn std::error::Error + Send + Sync>;

/// What the host tells about one invocation.
#[derive(Debug, Clone)]
pub struct Invocation {
    /// The host's id of this invocation, for logs.
    pub request_id: String,
    /// When the host stops the function.
    pub deadline: Instant,
}

/// One function of the template.
#[async_trait]
pub trait Function: Send + Sync + 'static {
    /// Handles one event, given exactly as AWS sends it, and answers what the sending service
    /// expects back (a proxy response, a batch response, or null).
    ///
    /// # Errors
    /// Any error makes the host treat the whole event as not handled.
    async fn invoke(&self, event: Value, invocation: Invocation) -> Result<Value, FunctionError>;
}
