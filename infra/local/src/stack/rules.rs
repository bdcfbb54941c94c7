//! The targets of the template's rules on event buses.

use std::sync::Arc;

use async_trait::async_trait;
use perennial_runtime::FunctionError;
use thiserror::Error;

use crate::{
    cloud::{
        Cloud,
        eventbridge::{BusError, Event, Rule, Target},
        sqs::Outgoing,
    },
    template::{RuleModel, RuleTarget},
};

/// A rule that can't be put on its bus.
#[derive(Debug, Error)]
#[error("the rule {rule}: {source}")]
pub struct RuleError {
    rule: String,
    source: BusError,
}

/// Puts a rule with its targets on its bus.
///
/// # Errors
/// When the bus is missing or the pattern uses what is not emulated.
pub(super) fn put(cloud: &Arc<Cloud>, model: &RuleModel) -> Result<(), RuleError> {
    let failed = |source| RuleError { rule: model.name.clone(), source };
    let rule = Rule { name: model.name.clone(), pattern: model.pattern.clone(), enabled: true };
    cloud.buses.put_rule(&model.bus, rule).map_err(failed)?;
    for (number, target) in model.targets.iter().enumerate() {
        let target: Arc<dyn Target> = match target {
            RuleTarget::Queue(queue) => {
                Arc::new(ToQueue { cloud: Arc::downgrade(cloud), queue: queue.clone() })
            }
            RuleTarget::LogGroup(group) => Arc::new(ToLog { group: group.clone() }),
        };
        cloud
            .buses
            .put_target(&model.bus, &model.name, number.to_string(), target)
            .map_err(failed)?;
    }
    Ok(())
}

/// Sends events to a queue. It holds the cloud weakly, since the cloud holds it.
struct ToQueue {
    cloud: std::sync::Weak<Cloud>,
    queue: String,
}

#[async_trait]
impl Target for ToQueue {
    async fn deliver(&self, event: &Event) -> Result<(), FunctionError> {
        if let Some(cloud) = self.cloud.upgrade() {
            cloud.queues.send(&self.queue, Outgoing::text(event.envelope().to_string()))?;
        }
        Ok(())
    }
}

/// Writes events to this process's log, under the log group's name.
struct ToLog {
    group: String,
}

#[async_trait]
impl Target for ToLog {
    async fn deliver(&self, event: &Event) -> Result<(), FunctionError> {
        tracing::debug!(log_group = %self.group, event = %event.envelope(), "event");
        Ok(())
    }
}
