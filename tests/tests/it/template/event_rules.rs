//! Rules of the rules on the event bus: what they send arrives, and nobody else may send it.

use serde_json::{Value, json};

use super::{
    Fault, Violation,
    document::{Resource, Template, items, target},
    rule_sees,
};

/// Each target of an event rule that is a queue of this stack, with its rule.
fn queue_targets(template: &Template) -> Vec<(Resource, Value, Resource)> {
    let rules = template.of_type("AWS::Events::Rule").into_iter();
    rules
        .flat_map(|rule| {
            let targets: Vec<Value> =
                items(rule.property("/Targets")).into_iter().cloned().collect();
            targets.into_iter().map(move |one| (rule.clone(), one))
        })
        .filter_map(|(rule, one)| {
            let queue = template.resource(target(one.get("Arn")?)?)?;
            (queue.kind() == "AWS::SQS::Queue").then_some((rule, one, queue))
        })
        .collect()
}

/// Whether a policy lets this rule, and no other, send to a queue.
fn may_send(template: &Template, rule: &str, queue: &str) -> bool {
    template.of_type("AWS::SQS::QueuePolicy").iter().any(|policy| {
        let named = items(policy.property("/Queues")).into_iter().filter_map(target);
        let statements = items(policy.property("/PolicyDocument/Statement"));
        named.into_iter().any(|id| id == queue)
            && statements.into_iter().any(|statement| {
                let resources = items(statement.get("Resource").unwrap_or(&Value::Null));
                let source = statement.pointer("/Condition/ArnEquals/aws:SourceArn");
                statement.get("Effect") == Some(&json!("Allow"))
                    && statement.get("Action") == Some(&json!("sqs:SendMessage"))
                    && statement.get("Principal")
                        == Some(&json!({"Service": "events.amazonaws.com"}))
                    && resources.into_iter().filter_map(target).any(|id| id == queue)
                    && source.and_then(target) == Some(rule)
            })
    })
}

fn rules_may_send_to_their_queues(template: &Template) -> Vec<Violation> {
    let mut violations = Vec::new();
    for (rule, one, queue) in queue_targets(template) {
        if !may_send(template, &rule.id, &queue.id) {
            violations.push(Violation::new(&rule.id, format!("may not send to {}", queue.id)));
        }
        let last_resort = one.pointer("/DeadLetterConfig/Arn").and_then(target);
        match last_resort.and_then(|id| template.resource(id)) {
            Some(dead) if may_send(template, &rule.id, &dead.id) => {}
            Some(dead) => {
                violations.push(Violation::new(&rule.id, format!("may not send to {}", dead.id)));
            }
            None => violations.push(Violation::new(&rule.id, "loses what it can't send")),
        }
    }
    violations
}

fn queue_policies_let_in_nobody_else(template: &Template) -> Vec<Violation> {
    let mut violations = Vec::new();
    for policy in template.of_type("AWS::SQS::QueuePolicy") {
        for statement in items(policy.property("/PolicyDocument/Statement")) {
            let source = statement.pointer("/Condition/ArnEquals/aws:SourceArn");
            let known = source.and_then(target).and_then(|id| template.resource(id));
            if known.is_none_or(|rule| rule.kind() != "AWS::Events::Rule") {
                violations.push(Violation::new(&policy.id, "lets in more than a rule"));
            }
        }
    }
    violations
}

fn webhooks_hear_of_every_event(template: &Template) -> Vec<Violation> {
    let heard = queue_targets(template).iter().any(|(rule, _, queue)| {
        queue.id == "WebhookQueue"
            && rule.property("/EventPattern") == &json!({"source": ["perennial"]})
            && rule.property("/State") == &json!("ENABLED")
            && target(rule.property("/EventBusName")) == Some("EventBus")
    });
    if heard { Vec::new() } else { vec![Violation::new("WebhookQueue", "hears of no event")] }
}

#[test]
fn what_a_rule_sends_to_a_queue_arrives_or_is_kept() {
    let rule = rules_may_send_to_their_queues;
    let policy = "WebhookQueuePolicy/Properties";
    let queues = json!([{"Ref": "WebhookQueue"}]);
    rule_sees(rule, "WebhookRule", &format!("{policy}/Queues"), Fault::Set(queues));
    let source = format!("{policy}/PolicyDocument/Statement/0/Condition/ArnEquals");
    let other = json!({"aws:SourceArn": {"Fn::GetAtt": ["AuditLogRule", "Arn"]}});
    rule_sees(rule, "WebhookRule", &source, Fault::Set(other));
    let targets = "WebhookRule/Properties/Targets";
    let careless = json!([{"Id": "webhooks", "Arn": {"Fn::GetAtt": ["WebhookQueue", "Arn"]}}]);
    rule_sees(rule, "WebhookRule", targets, Fault::Set(careless));
}

#[test]
fn nobody_but_a_rule_is_let_into_a_queue_by_its_policy() {
    let condition = "WebhookQueuePolicy/Properties/PolicyDocument/Statement/0/Condition";
    rule_sees(queue_policies_let_in_nobody_else, "WebhookQueuePolicy", condition, Fault::Remove);
}

#[test]
fn webhooks_are_told_of_every_event_of_the_bus() {
    let rule = webhooks_hear_of_every_event;
    let pattern = "WebhookRule/Properties/EventPattern";
    let some = json!({"source": ["perennial"], "detail-type": ["orders.place"]});
    rule_sees(rule, "WebhookQueue", pattern, Fault::Set(some));
    let state = "WebhookRule/Properties/State";
    rule_sees(rule, "WebhookQueue", state, Fault::Set(json!("DISABLED")));
}
