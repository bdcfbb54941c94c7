//! Rules of functions: what is built, how it is watched, what it is told.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{
    Fault, Violation,
    document::{Template, items, read, root, target},
    rule_sees,
};

/// Variables whose value is a plain text, since no resource or parameter holds it.
const PLAIN: [&str; 1] = ["MAX_RECEIVE_COUNT"];

/// The names of the binaries that the package of the functions declares.
fn declared_binaries() -> BTreeSet<String> {
    let manifest = read("functions/Cargo.toml");
    manifest
        .split("[[bin]]")
        .skip(1)
        .filter_map(|section| section.lines().find_map(|line| line.strip_prefix("name = ")))
        .map(|name| name.trim().trim_matches('"').to_owned())
        .collect()
}

fn every_function_can_be_built(template: &Template) -> Vec<Violation> {
    let declared = declared_binaries();
    let mut violations = Vec::new();
    let mut built = BTreeSet::new();
    for function in template.functions() {
        let mut broken = |says: String| violations.push(Violation::new(&function.id, says));
        let code = function.property("/CodeUri").as_str().unwrap_or_default();
        if code.is_empty() || !root().join(code).join("Cargo.toml").is_file() {
            broken(format!("there is no package in {code:?}"));
        }
        if function.at("/Metadata/BuildMethod") != &json!("rust-cargolambda") {
            broken("is not built by cargo-lambda".to_owned());
        }
        let binary = function.at("/Metadata/BuildProperties/Binary").as_str().unwrap_or_default();
        if !declared.contains(binary) {
            broken(format!("functions/Cargo.toml has no binary {binary:?}"));
        }
        if !built.insert(binary.to_owned()) {
            broken(format!("{binary:?} is another function's"));
        }
        if function.property("/Handler") != &json!("bootstrap")
            || function.property("/Runtime") != &json!("provided.al2023")
        {
            broken("has another runtime than provided.al2023".to_owned());
        }
    }
    for binary in declared.difference(&built) {
        violations.push(Violation::new(binary, "no function runs this binary"));
    }
    violations
}

fn architecture_is_a_parameter(template: &Template) -> Vec<Violation> {
    let parameter = template.at("/Parameters/Architecture");
    let both = json!(["arm64", "x86_64"]);
    let mut violations: Vec<Violation> = template
        .functions()
        .iter()
        .filter(|function| function.property("/Architectures") != &json!([{"Ref": "Architecture"}]))
        .map(|function| Violation::new(&function.id, "has an architecture of its own"))
        .collect();
    if parameter.get("AllowedValues") != Some(&both) || parameter.get("Default") != both.get(0) {
        violations.push(Violation::new("Architecture", "is not arm64 with x86_64 as choice"));
    }
    violations
}

fn functions_are_watched(template: &Template) -> Vec<Violation> {
    let mut violations = Vec::new();
    let mut groups = BTreeSet::new();
    for function in template.functions() {
        let mut broken = |says: &str| violations.push(Violation::new(&function.id, says));
        if function.property("/Tracing") != &json!("Active") {
            broken("is not traced");
        }
        let group = target(function.property("/LoggingConfig/LogGroup")).unwrap_or_default();
        if template.resource(group).is_none_or(|group| group.kind() != "AWS::Logs::LogGroup") {
            broken("has no log group");
        }
        if !groups.insert(group.to_owned()) {
            broken("logs into another function's group");
        }
    }
    for group in template.of_type("AWS::Logs::LogGroup") {
        if group.property("/RetentionInDays") != &json!({"Ref": "LogRetentionDays"}) {
            violations.push(Violation::new(&group.id, "keeps logs for another time"));
        }
    }
    violations
}

fn settings_come_from_resources(template: &Template) -> Vec<Violation> {
    let kind_of = |value: &Value| {
        target(value).and_then(|id| template.resource(id)).map(|found| found.kind().to_owned())
    };
    let mut violations = Vec::new();
    for function in template.functions() {
        for (name, value) in function.variables() {
            let wanted = match name.as_str() {
                name if name.ends_with("_TABLE") => Some("AWS::DynamoDB::Table"),
                name if name.ends_with("_QUEUE_URL") || name.ends_with("_QUEUE_ARN") => {
                    Some("AWS::SQS::Queue")
                }
                name if name.ends_with("_BUS_NAME") => Some("AWS::Events::EventBus"),
                _ => None,
            };
            // A conditional resource's name is empty where the resource is not.
            let value = value.pointer("/Fn::If/1").unwrap_or(value);
            let right = match wanted {
                Some(kind) => kind_of(value).as_deref() == Some(kind),
                None => PLAIN.contains(&name.as_str()) || value.get("Ref").is_some(),
            };
            if !right {
                violations.push(Violation::new(&function.id, format!("{name} is {value}")));
            }
        }
    }
    violations
}

/// The name of a queue's variable says which queue it holds.
fn settings_name_their_queue(template: &Template) -> Vec<Violation> {
    let mut violations = Vec::new();
    for function in template.functions() {
        for (name, value) in function.variables() {
            let stem = name.strip_suffix("_QUEUE_URL").or_else(|| name.strip_suffix("_QUEUE_ARN"));
            let Some(stem) = stem.filter(|stem| *stem != "DEAD_LETTER") else { continue };
            let named = target(value).unwrap_or_default().replace("Queue", "").to_uppercase();
            if named != stem.replace('_', "") {
                violations.push(Violation::new(&function.id, format!("{name} is {value}")));
            }
        }
    }
    violations
}

/// Memory and time are written down, and inside what the services allow.
fn functions_are_bounded(template: &Template) -> Vec<Violation> {
    let mut violations = Vec::new();
    for function in template.functions() {
        let timeout = function.property("/Timeout").as_i64();
        if timeout.is_none_or(|seconds| !(1..=900).contains(&seconds)) {
            violations.push(Violation::new(&function.id, "has no time limit of its own"));
        }
        let answers_http = function.events().iter().any(|event| event.kind == "HttpApi");
        // API Gateway stops waiting after 30 seconds.
        if answers_http && timeout.is_some_and(|seconds| seconds >= 30) {
            violations.push(Violation::new(&function.id, "outlasts API Gateway's patience"));
        }
        if items(function.property("/MemorySize")).is_empty() {
            violations.push(Violation::new(&function.id, "has no memory limit of its own"));
        }
    }
    violations
}

#[test]
fn every_function_is_a_binary_of_the_package() {
    let rule = every_function_can_be_built;
    let code = "IntakeFunction/Properties/CodeUri";
    rule_sees(rule, "IntakeFunction", code, Fault::Set(json!("function/")));
    let binary = "OrderCopyFunction/Metadata/BuildProperties/Binary";
    rule_sees(rule, "OrderCopyFunction", binary, Fault::Set(json!("order_copy")));
    rule_sees(rule, "order-copy", "OrderCopyFunction", Fault::Remove);
    let method = "ApiFunction/Metadata/BuildMethod";
    rule_sees(rule, "ApiFunction", method, Fault::Remove);
}

/// With cargo-lambda's own choices the api has 9.7 MB, and a panic ends the sandbox without a report.
#[test]
fn functions_are_built_as_their_package_says_and_not_as_cargo_lambda_would() {
    let manifest = read("functions/Cargo.toml");
    assert!(manifest.contains("[package.metadata.lambda.build]\ndisable_optimizations = true\n"));
    let profile = read("functions/.cargo/config.toml");
    for setting in ["[profile.release]", "opt-level = \"z\"", "lto = \"fat\"", "codegen-units = 1"]
    {
        assert!(profile.lines().any(|line| line == setting), "{setting}");
    }
    let workspace = read("Cargo.toml");
    assert!(workspace.contains("[profile.release]\npanic = \"unwind\"\n"));
}

#[test]
fn one_parameter_chooses_the_architecture_of_all() {
    let rule = architecture_is_a_parameter;
    let own = "DeadLetterFunction/Properties/Architectures";
    rule_sees(rule, "DeadLetterFunction", own, Fault::Set(json!(["arm64"])));
}

#[test]
fn every_function_is_traced_and_its_logs_expire() {
    let rule = functions_are_watched;
    let tracing = "ApiFunction/Properties/Tracing";
    rule_sees(rule, "ApiFunction", tracing, Fault::Set(json!("PassThrough")));
    let logging = "ApiFunction/Properties/LoggingConfig";
    rule_sees(rule, "ApiFunction", logging, Fault::Remove);
    let shared = json!({"LogGroup": {"Ref": "IntakeLogGroup"}});
    rule_sees(rule, "IntakeFunction", logging, Fault::Set(shared));
    let retention = "EventRelayLogGroup/Properties/RetentionInDays";
    rule_sees(rule, "EventRelayLogGroup", retention, Fault::Remove);
}

#[test]
fn no_setting_is_a_name_typed_by_hand() {
    let rule = settings_come_from_resources;
    let variables = "EventRelayFunction/Properties/Environment/Variables";
    for (name, fault) in [
        ("EVENT_BUS_NAME", json!("perennial")),
        ("BOOK_TABLE", json!({"Ref": "EventBus"})),
        ("VALIDATION_QUEUE_URL", json!({"Fn::GetAtt": ["BookTable", "Arn"]})),
        ("DUE_SHARDS", json!("16")),
    ] {
        let pointer = format!("{variables}/{name}");
        rule_sees(rule, "EventRelayFunction", &pointer, Fault::Set(fault));
    }
}

#[test]
fn a_queue_setting_holds_the_queue_that_it_names() {
    let url = "DeadLetterFunction/Properties/Environment/Variables/ORDER_COPY_QUEUE_URL";
    let other = Fault::Set(json!({"Ref": "PaymentRetryQueue"}));
    rule_sees(settings_name_their_queue, "DeadLetterFunction", url, other);
    let arn =
        "DeadLetterFunction/Properties/Environment/Variables/VALIDATION_DEAD_LETTER_QUEUE_ARN";
    let other = Fault::Set(json!({"Fn::GetAtt": ["ValidationQueue", "Arn"]}));
    rule_sees(settings_name_their_queue, "DeadLetterFunction", arn, other);
}

#[test]
fn every_function_has_limits_that_its_caller_can_wait_for() {
    let rule = functions_are_bounded;
    let timeout = "ApiFunction/Properties/Timeout";
    rule_sees(rule, "ApiFunction", timeout, Fault::Remove);
    rule_sees(rule, "ApiFunction", timeout, Fault::Set(json!(30)));
    let memory = "ApiFunction/Properties/MemorySize";
    rule_sees(rule, "ApiFunction", memory, Fault::Set(Value::Null));
}
