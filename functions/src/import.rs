//! Import: brings in subscriptions from other books.

use std::sync::Arc;

use perennial_runtime::{Clock, Environment, SettingError};

use crate::{
    Aws, api,
    http::{context::Services, dispatch::HttpFunction, operation::Surface},
    settings,
};

/// The function that takes batches of rows.
pub(crate) fn build(
    environment: &Environment,
    aws: &Aws,
    clock: &Arc<dyn Clock>,
) -> Result<HttpFunction, SettingError> {
    Ok(HttpFunction {
        surface: Surface::Import,
        operations: &[api::subscription_imports::OPERATIONS],
        open: None,
        services: Services::over(settings::store(environment, aws)?),
        clock: Arc::clone(clock),
        sam_local: environment.get("AWS_SAM_LOCAL") == Some("true"),
    })
}
