//! What a template says, in the stack's own terms: every name physical, every value plain.

use std::{collections::BTreeMap, time::Duration};

use serde_json::Value;

use crate::cloud::eventbridge::Pattern;

/// A whole template, resolved.
#[derive(Debug, Clone, Default)]
pub struct Template {
    /// The functions, by logical id.
    pub functions: Vec<FunctionModel>,
    /// The HTTP API, if there is one.
    pub api: Option<ApiModel>,
    /// The queues.
    pub queues: Vec<QueueModel>,
    /// The tables.
    pub tables: Vec<TableModel>,
    /// The names of the event buses, besides `default`.
    pub buses: Vec<String>,
    /// The rules on the buses.
    pub rules: Vec<RuleModel>,
}

/// One function and what invokes it.
#[derive(Debug, Clone)]
pub struct FunctionModel {
    /// The logical id in the template.
    pub logical_id: String,
    /// The name of the binary that holds its code.
    pub binary: String,
    /// How long one invocation may take.
    pub timeout: Duration,
    /// Memory in MB, for the arithmetic of costs.
    pub memory_mb: u32,
    /// The environment variables.
    pub environment: BTreeMap<String, String>,
    /// `ReservedConcurrentExecutions`, if set.
    pub concurrency: Option<usize>,
    /// The queues that it consumes.
    pub queues: Vec<QueueSource>,
    /// The table streams that it consumes.
    pub streams: Vec<StreamSource>,
    /// The schedules that invoke it.
    pub schedules: Vec<Schedule>,
}

/// A queue as an event source.
#[derive(Debug, Clone)]
pub struct QueueSource {
    /// The queue's physical name.
    pub queue: String,
    /// Messages per invocation, at most.
    pub batch_size: usize,
    /// How long to wait for a batch to fill.
    pub window: Duration,
    /// Whether the function reports failures message by message.
    pub partial_failures: bool,
    /// Concurrent invocations for this queue, at most.
    pub maximum_concurrency: Option<usize>,
}

/// A table's stream as an event source.
#[derive(Debug, Clone)]
pub struct StreamSource {
    /// The table's physical name.
    pub table: String,
    /// The stream's ARN.
    pub stream_arn: String,
    /// Records per invocation, at most.
    pub batch_size: usize,
    /// Patterns one of which a record must match to be handed on; without any, all are.
    pub filters: Vec<Pattern>,
    /// Whether the function reports the first record that failed.
    pub partial_failures: bool,
    /// Whether a failed batch is halved before it is tried again.
    pub bisect: bool,
    /// Retries of one batch before it is given up; `None` for ever.
    pub maximum_retries: Option<u32>,
    /// The queue (physical name) that is told about what was given up.
    pub on_failure: Option<String>,
}

/// A schedule that invokes a function.
#[derive(Debug, Clone)]
pub struct Schedule {
    /// The rule's name.
    pub name: String,
    /// The time between two firings.
    pub every: chrono::TimeDelta,
    /// The event to send instead of the usual one.
    pub input: Option<Value>,
    /// Whether it fires at all.
    pub enabled: bool,
}

/// The HTTP API.
#[derive(Debug, Clone)]
pub struct ApiModel {
    /// The logical id in the template.
    pub logical_id: String,
    /// The routes.
    pub routes: Vec<RouteModel>,
    /// JWT authorizers by name.
    pub authorizers: BTreeMap<String, AuthorizerModel>,
    /// CORS, if API Gateway is to answer it.
    pub cors: Option<CorsModel>,
}

/// One route.
#[derive(Debug, Clone)]
pub struct RouteModel {
    /// The method in upper case, or `ANY`.
    pub method: String,
    /// The path pattern, or `$default`.
    pub path: String,
    /// The function's logical id.
    pub function: String,
    /// The authorizer's name; `None` for an open route.
    pub authorizer: Option<String>,
    /// Scopes, one of which the token must have; empty for none.
    pub scopes: Vec<String>,
}

/// A JWT authorizer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthorizerModel {
    /// The issuer that tokens must name.
    pub issuer: String,
    /// Audiences, one of which a token must name.
    pub audience: Vec<String>,
    /// The header, in lower case, that carries the token.
    pub header: String,
    /// Scopes of routes that name none themselves.
    pub scopes: Vec<String>,
}

/// What API Gateway answers to browsers of other origins.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CorsModel {
    /// Origins, or `*`.
    pub origins: Vec<String>,
    /// Methods, or `*`.
    pub methods: Vec<String>,
    /// Request headers, or `*`.
    pub headers: Vec<String>,
    /// Response headers that scripts may read.
    pub expose: Vec<String>,
    /// Seconds that a preflight answer may be kept.
    pub max_age: Option<i64>,
    /// Whether credentials may be sent.
    pub credentials: bool,
}

/// One standard queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueModel {
    /// The physical name.
    pub name: String,
    /// How long a received message stays hidden.
    pub visibility: Duration,
    /// How long a message is kept.
    pub retention: Duration,
    /// How long a new message is hidden.
    pub delay: Duration,
    /// The dead-letter queue's physical name and the receives that lead there.
    pub redrive: Option<(String, u32)>,
}

/// A key attribute: its name and type (`S`, `N` or `B`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyModel {
    /// The attribute.
    pub name: String,
    /// Its DynamoDB type.
    pub kind: String,
}

/// A global secondary index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexModel {
    /// The index's name.
    pub name: String,
    /// The partition key, then the sort key if there is one.
    pub keys: Vec<KeyModel>,
    /// `ALL`, `KEYS_ONLY` or `INCLUDE`.
    pub projection: String,
    /// The attributes of an `INCLUDE` projection.
    pub included: Vec<String>,
}

/// A table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableModel {
    /// The physical name.
    pub name: String,
    /// The partition key, then the sort key if there is one.
    pub keys: Vec<KeyModel>,
    /// The indexes.
    pub indexes: Vec<IndexModel>,
    /// The attribute that holds an item's expiry.
    pub ttl: Option<String>,
    /// The stream's view type, if it has a stream.
    pub stream: Option<String>,
}

/// A rule on an event bus.
#[derive(Debug, Clone, PartialEq)]
pub struct RuleModel {
    /// The rule's name.
    pub name: String,
    /// The bus's name.
    pub bus: String,
    /// The event pattern.
    pub pattern: Value,
    /// Where matching events go.
    pub targets: Vec<RuleTarget>,
}

/// A target of a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RuleTarget {
    /// A queue, by physical name.
    Queue(String),
    /// A log group, by name: events show in the log of the stack.
    LogGroup(String),
}

impl Template {
    /// The function with this logical id.
    #[must_use]
    pub fn function(&self, logical_id: &str) -> Option<&FunctionModel> {
        self.functions.iter().find(|function| function.logical_id == logical_id)
    }
}
