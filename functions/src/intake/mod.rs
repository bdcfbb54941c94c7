//! Intake: takes orders and their lines from clients and channels, answers fast, hands on.

pub(crate) mod backlog;
mod change_order;
pub(crate) mod create_order;
pub(crate) mod decide_order;
pub(crate) mod line;
pub(crate) mod line_items;
pub(crate) mod orders;
pub(crate) mod place;
mod referred;
mod update_taxes;

use std::sync::Arc;

use perennial_runtime::{Clock, Environment, SettingError};

use crate::{
    Aws,
    http::{context::Services, dispatch::HttpFunction, operation::Surface},
    settings,
    tallies::Tallies,
    taxes::TaxEngine,
    work_queues::WorkQueue,
};

/// The function that takes writes of orders and lines.
pub(crate) fn build(
    environment: &Environment,
    aws: &Aws,
    clock: &Arc<dyn Clock>,
) -> Result<HttpFunction, SettingError> {
    let validation = WorkQueue::Validation;
    let store = settings::store(environment, aws)?;
    let queues = vec![(validation, validation.open(environment, aws)?)];
    Ok(HttpFunction {
        surface: Surface::Intake,
        operations: &[orders::OPERATIONS, line_items::OPERATIONS],
        open: None,
        services: Services {
            queues,
            backlog: Some(backlog::Backlog::from_environment(environment, aws)?),
            tallies: Some(Tallies::in_memory()),
            // Somebody waits for the answer, and has perhaps just changed a rule.
            taxes: Some(TaxEngine::build(environment, &store)?.always_fresh()),
            ..Services::over(store)
        },
        clock: Arc::clone(clock),
        sam_local: environment.get("AWS_SAM_LOCAL") == Some("true"),
    })
}
