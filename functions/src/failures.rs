//! Failures: ranks what somebody has to see to, and sees to many dead letters or held orders at once.

use std::sync::Arc;

use perennial_runtime::{Clock, Environment, SettingError};

use crate::{
    Aws, api,
    http::{context::Services, dispatch::HttpFunction, operation::Surface},
    settings,
    work_queues::WorkQueue,
};

/// The function that serves them.
pub(crate) fn build(
    environment: &Environment,
    aws: &Aws,
    clock: &Arc<dyn Clock>,
) -> Result<HttpFunction, SettingError> {
    let queues = WorkQueue::ALL
        .into_iter()
        .map(|queue| Ok((queue, queue.open(environment, aws)?)))
        .collect::<Result<_, SettingError>>()?;
    Ok(HttpFunction {
        surface: Surface::Failures,
        operations: &[
            api::failures::OPERATIONS,
            api::failures::redrives::OPERATIONS,
            api::failures::overturns::OPERATIONS,
        ],
        open: None,
        services: Services { queues, ..Services::over(settings::store(environment, aws)?) },
        clock: Arc::clone(clock),
        sam_local: environment.get("AWS_SAM_LOCAL") == Some("true"),
    })
}
