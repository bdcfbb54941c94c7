//! The SAM template as the local stack reads it: YAML, parameters, conditions and intrinsic
//! functions resolved to a plain model of what has to run.
//!
//! Whatever the stack can't emulate is refused, by logical id and property, so that a stack that
//! starts behaves as the template says. Two things are left out on purpose and everywhere:
//! permissions (roles and policies; every function may do everything) and what only watches
//! (alarms, dashboards, log groups, archives).

mod api;
mod function;
mod globals;
mod identity;
mod intrinsics;
mod model;
mod problem;
mod properties;
mod read;
mod rules;
mod storage;
mod yaml;

#[cfg(test)]
mod tests;

pub use identity::{ACCOUNT, REGION, STACK, arn, stream_arn};
pub use model::{
    ApiModel, AuthorizerModel, CorsModel, FunctionModel, IndexModel, KeyModel, QueueModel,
    QueueSource, RouteModel, RuleModel, RuleTarget, Schedule, StreamSource, TableModel, Template,
};
pub use problem::{Problem, TemplateError};
pub use read::{ReadOptions, read};
