//! Reads rules on event buses.

use super::{
    model::{RuleModel, RuleTarget},
    properties::Properties,
    storage::name_in_arn,
};

/// The rule, unless it is disabled.
pub(super) fn rule(name: &str, mut properties: Properties) -> Option<RuleModel> {
    properties.ignore(&["Name", "Description", "RoleArn", "Tags"]);
    if properties.text("ScheduleExpression").is_some() {
        properties.report(
            "ScheduleExpression",
            "is not emulated on a rule; write the schedule as an event of its function",
        );
    }
    let enabled = properties.text("State").is_none_or(|state| state != "DISABLED");
    let pattern = properties.take("EventPattern");
    if pattern.is_none() {
        properties.report("EventPattern", "is missing");
    }
    let bus = properties.text("EventBusName").unwrap_or_else(|| "default".to_owned());
    let mut targets = Vec::new();
    for mut target in properties.objects("Targets") {
        target.ignore(&["Id", "RoleArn", "DeadLetterConfig", "RetryPolicy"]);
        let arn = target.required_text("Arn");
        if arn.starts_with("arn:aws:sqs:") {
            targets.push(RuleTarget::Queue(name_in_arn(&arn)));
        } else if let Some((_, group)) = arn.split_once(":log-group:") {
            targets.push(RuleTarget::LogGroup(group.trim_end_matches(":*").to_owned()));
        } else {
            target.report("Arn", format!("the target {arn} is not emulated"));
        }
        target.finish();
    }
    properties.finish();
    let rule = RuleModel {
        name: name.to_owned(),
        bus: bus.rsplit('/').next().unwrap_or_default().to_owned(),
        pattern: pattern?,
        targets,
    };
    enabled.then_some(rule)
}
