//! Rules of permissions: enough for what a function is given, and nothing beyond it.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{
    Fault, Violation,
    document::{Resource, Template, items, target},
    rule_sees,
};

/// Actions that AWS can't narrow to a resource, each with its reason.
const UNBOUNDED: [(&str, &str); 2] = [
    ("xray:PutTelemetryRecords", "X-Ray has no resources"),
    ("xray:PutTraceSegments", "X-Ray has no resources"),
];

/// Prefixes of what may be allowed at all.
const SERVICES: [&str; 6] = ["dynamodb:", "events:", "logs:", "sqs:", "ssm:", "xray:"];

/// Parameters of the template that name secrets, which are kept outside of the stack.
const SECRETS: [&str; 2] = ["StripeSecretName", "StripeWebhookSecretName"];

/// The secret that a parameter of the template names, as a resource.
fn secret(name: &str) -> Value {
    let arn = format!(
        "arn:${{AWS::Partition}}:ssm:${{AWS::Region}}:${{AWS::AccountId}}:parameter${{{name}}}"
    );
    json!({"Fn::Sub": arn})
}

/// Whether the statement's actions may reach a resource beyond this stack: the very secrets that
/// its parameters name, to be read.
fn is_named_secret(actions: &[&str], resource: &Value) -> bool {
    actions == ["ssm:GetParameter"] && SECRETS.iter().any(|name| resource == &secret(name))
}

/// Every statement of every policy, with the id of the resource that holds it.
pub(super) fn statements(template: &Template) -> Vec<(String, Value)> {
    let mut found = Vec::new();
    for resource in template.resources() {
        let documents: Vec<&Value> = match resource.kind() {
            "AWS::IAM::ManagedPolicy" => vec![resource.property("/PolicyDocument")],
            "AWS::IAM::Role" => items(resource.property("/Policies"))
                .into_iter()
                .filter_map(|policy| policy.get("PolicyDocument"))
                .collect(),
            _ => Vec::new(),
        };
        for document in documents {
            for statement in items(document.get("Statement").unwrap_or(&Value::Null)) {
                let statement = statement.pointer("/Fn::If/1").unwrap_or(statement);
                found.push((resource.id.clone(), statement.clone()));
            }
        }
    }
    found
}

pub(super) fn actions(statement: &Value) -> Vec<&str> {
    items(statement.get("Action").unwrap_or(&Value::Null))
        .into_iter()
        .filter_map(Value::as_str)
        .collect()
}

pub(super) fn resources(statement: &Value) -> Vec<&Value> {
    items(statement.get("Resource").unwrap_or(&Value::Null))
}

fn policies_name_actions_and_resources(template: &Template) -> Vec<Violation> {
    let mut violations = Vec::new();
    for (id, statement) in statements(template) {
        let mut broken = |says: String| violations.push(Violation::new(&id, says));
        let actions = actions(&statement);
        if actions.is_empty() || statement.get("NotAction").is_some() {
            broken("allows by leaving out".to_owned());
        }
        for action in &actions {
            if action.contains('*') || !SERVICES.iter().any(|service| action.starts_with(service)) {
                broken(format!("allows {action}"));
            }
        }
        for resource in resources(&statement) {
            let unbounded = resource == &json!("*")
                && actions.iter().all(|action| UNBOUNDED.iter().any(|(name, _)| name == action));
            let outside = unbounded || is_named_secret(&actions, resource);
            if !outside && target(resource).is_none_or(|id| template.resource(id).is_none()) {
                broken(format!("reaches beyond this stack: {resource}"));
            }
        }
        if resources(&statement).is_empty() {
            broken("names no resource".to_owned());
        }
    }
    violations
}

fn every_function_has_its_own_role(template: &Template) -> Vec<Violation> {
    let mut violations = Vec::new();
    let mut roles = BTreeSet::new();
    for function in template.functions() {
        let role = target(function.property("/Role")).unwrap_or_default().to_owned();
        let body = template.resource(&role);
        // SAM adds its own wide policies to roles that it makes.
        if body.as_ref().is_none_or(|role| role.kind() != "AWS::IAM::Role") {
            violations.push(Violation::new(&function.id, "has no role of this template"));
        }
        let managed = body.map(|role| role.property("/ManagedPolicyArns").clone());
        if managed.is_some_and(|managed| managed != json!([{"Ref": "TracingPolicy"}])) {
            violations.push(Violation::new(&function.id, "has a policy not written here"));
        }
        if !roles.insert(role) {
            violations.push(Violation::new(&function.id, "shares its role"));
        }
    }
    violations
}

/// The ids of resources on which the function's role allows `action`; of a service alone, any of
/// its actions.
fn allowed(template: &Template, function: &Resource, action: &str) -> BTreeSet<String> {
    let role = target(function.property("/Role")).unwrap_or_default();
    let is_meant =
        |other: &&str| *other == action || (action.ends_with(':') && other.starts_with(action));
    statements(template)
        .into_iter()
        .filter(|(id, statement)| id == role && actions(statement).iter().any(is_meant))
        .flat_map(|(_, statement)| {
            resources(&statement)
                .into_iter()
                .filter_map(target)
                .map(str::to_owned)
                .collect::<Vec<_>>()
        })
        .collect()
}

/// What the function's settings and event sources need, as (action, logical id).
fn needed(function: &Resource) -> Vec<(&'static str, String)> {
    let mut needs = Vec::new();
    let mut need = |actions: &[&'static str], value: &Value| {
        if let Some(id) = target(value) {
            needs.extend(actions.iter().map(|action| (*action, id.to_owned())));
        }
    };
    for (name, value) in function.variables() {
        if name.ends_with("_QUEUE_URL") {
            need(&["sqs:SendMessage"], value);
        } else if name.ends_with("_WATCHED_URL") {
            need(&["sqs:GetQueueAttributes"], value);
        } else if name.ends_with("_BUS_NAME") {
            need(&["events:PutEvents"], value);
        } else if name.ends_with("_TABLE") {
            // A conditional table's name is empty where the table is not.
            let value = value.pointer("/Fn::If/1").unwrap_or(value);
            need(&["dynamodb:"], value);
        }
    }
    need(
        &["logs:CreateLogStream", "logs:PutLogEvents"],
        function.property("/LoggingConfig/LogGroup"),
    );
    for event in function.events() {
        let property = |pointer| event.properties.pointer(pointer).unwrap_or(&Value::Null);
        let receive = ["sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"];
        need(&receive, property("/Queue"));
        let read = ["dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"];
        need(&read, property("/Stream"));
        need(&["sqs:SendMessage"], property("/DestinationConfig/OnFailure/Destination"));
    }
    needs
}

fn functions_may_use_what_they_are_given(template: &Template) -> Vec<Violation> {
    let mut violations = Vec::new();
    for function in template.functions() {
        for (action, id) in needed(&function) {
            if !allowed(template, &function, action).contains(&id) {
                violations.push(Violation::new(&function.id, format!("lacks {action} on {id}")));
            }
        }
    }
    violations
}

fn functions_may_use_nothing_else(template: &Template) -> Vec<Violation> {
    let mut violations = Vec::new();
    for function in template.functions() {
        let needs = needed(&function);
        for action in ["dynamodb:", "events:", "sqs:ReceiveMessage", "sqs:SendMessage"] {
            for id in allowed(template, &function, action) {
                if !needs.iter().any(|(need, of)| *of == id && need.starts_with(action)) {
                    let says = format!("has no use for {action} on {id}");
                    violations.push(Violation::new(&function.id, says));
                }
            }
        }
    }
    violations
}

/// A function may read the secrets whose names it is told, and no others.
fn functions_read_the_secrets_they_are_told_of(template: &Template) -> Vec<Violation> {
    let mut violations = Vec::new();
    for function in template.functions() {
        let role = target(function.property("/Role")).unwrap_or_default();
        for name in SECRETS {
            let is_told = function.variables().any(|(_, value)| target(value) == Some(name));
            let may_read = statements(template).iter().any(|(id, statement)| {
                id == role
                    && actions(statement) == ["ssm:GetParameter"]
                    && resources(statement).contains(&&secret(name))
            });
            if is_told != may_read {
                let says = format!("told of {name}: {is_told}, may read it: {may_read}");
                violations.push(Violation::new(&function.id, says));
            }
        }
    }
    violations
}

#[test]
fn a_function_may_read_the_secrets_that_it_is_told_of() {
    let rule = functions_read_the_secrets_they_are_told_of;
    let variables = "PaymentEventsFunction/Properties/Environment/Variables";
    let signing = format!("{variables}/STRIPE_WEBHOOK_SECRET_NAME");
    rule_sees(rule, "PaymentEventsFunction", &signing, Fault::Remove);
    let key = "WebhooksFunction/Properties/Environment/Variables/STRIPE_SECRET_NAME";
    rule_sees(rule, "WebhooksFunction", key, Fault::Set(json!({"Ref": "StripeSecretName"})));
}

#[test]
fn a_stack_that_collects_by_stripe_is_not_made_without_the_name_of_its_key() {
    let template = Template::shipped();
    let rule = template.at("/Rules/StripeNeedsItsKey");
    let stripe = json!({"Fn::Equals": [{"Ref": "PaymentProvider"}, "stripe"]});
    assert_eq!(rule.get("RuleCondition"), Some(&stripe));
    let named = json!({"Fn::Not": [{"Fn::Equals": [{"Ref": "StripeSecretName"}, ""]}]});
    assert_eq!(rule.pointer("/Assertions/0/Assert"), Some(&named));
}

#[test]
fn no_policy_allows_by_wildcard() {
    let rule = policies_name_actions_and_resources;
    let policy = "IntakeRole/Properties/Policies";
    let with = |action: Value, resource: Value| {
        let statement = json!({"Effect": "Allow", "Action": action, "Resource": resource});
        Fault::Set(json!([{"PolicyDocument": {"Statement": [statement]}}]))
    };
    let table = json!({"Fn::GetAtt": ["BookTable", "Arn"]});
    for action in [json!("dynamodb:*"), json!("*"), json!(["sqs:Send*"]), json!("iam:PassRole")] {
        rule_sees(rule, "IntakeRole", policy, with(action, table.clone()));
    }
    for resource in [json!("*"), json!("arn:aws:sqs:*:*:*"), json!({"Ref": "Elsewhere"})] {
        rule_sees(rule, "IntakeRole", policy, with(json!("sqs:SendMessage"), resource));
    }
}

#[test]
fn every_function_has_a_role_that_is_written_here() {
    let rule = every_function_has_its_own_role;
    rule_sees(rule, "ApiFunction", "ApiFunction/Properties/Role", Fault::Remove);
    let shared = Fault::Set(json!({"Fn::GetAtt": ["ApiRole", "Arn"]}));
    rule_sees(rule, "IntakeFunction", "IntakeFunction/Properties/Role", shared);
    let wide = Fault::Set(json!(["arn:aws:iam::aws:policy/AmazonSQSFullAccess"]));
    rule_sees(rule, "IntakeFunction", "IntakeRole/Properties/ManagedPolicyArns", wide);
}

#[test]
fn a_function_may_use_every_table_queue_stream_and_bus_that_it_is_given() {
    let rule = functions_may_use_what_they_are_given;
    let variables = "IntakeFunction/Properties/Environment/Variables";
    let url = format!("{variables}/ORDER_COPY_QUEUE_URL");
    rule_sees(rule, "IntakeFunction", &url, Fault::Set(json!({"Ref": "OrderCopyQueue"})));
    let table = format!("{variables}/OPERATIONS_TABLE");
    rule_sees(rule, "IntakeFunction", &table, Fault::Set(json!({"Ref": "OperationsTable"})));
    let queue = "ValidationFunction/Properties/Events/Queue/Properties/Queue";
    let other = Fault::Set(json!({"Fn::GetAtt": ["OrderCopyQueue", "Arn"]}));
    rule_sees(rule, "ValidationFunction", queue, other);
    let policies = "EventRelayRole/Properties/Policies";
    rule_sees(rule, "EventRelayFunction", policies, Fault::Set(json!([])));
}

#[test]
fn a_function_may_not_use_a_table_or_queue_that_it_is_not_given() {
    let url = "IntakeFunction/Properties/Environment/Variables/VALIDATION_QUEUE_URL";
    rule_sees(functions_may_use_nothing_else, "IntakeFunction", url, Fault::Remove);
    let table = "ApiFunction/Properties/Environment/Variables/OPERATIONS_TABLE";
    rule_sees(functions_may_use_nothing_else, "ApiFunction", table, Fault::Remove);
    let event = "DeadLetterFunction/Properties/Events/OrderCopy";
    rule_sees(functions_may_use_nothing_else, "DeadLetterFunction", event, Fault::Remove);
}
