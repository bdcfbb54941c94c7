//! Rules of what holds data: tables, and everything that outlives a deployment.

use serde_json::{Value, json};

use super::{
    Fault, Violation,
    document::{Resource, Template, items},
    rule_sees,
};

/// Types whose contents a deployment could destroy without a word.
const STATEFUL: [&str; 4] =
    ["AWS::DynamoDB::Table", "AWS::SQS::Queue", "AWS::Logs::LogGroup", "AWS::Events::Archive"];

fn tables(template: &Template) -> Vec<Resource> {
    template.of_type("AWS::DynamoDB::Table")
}

/// A table that every deployment has. The others belong to a test provider.
fn is_real(table: &Resource) -> bool {
    table.at("/Condition").is_null()
}

fn tables_are_protected(template: &Template) -> Vec<Violation> {
    let wanted = [
        ("/BillingMode", json!("PAY_PER_REQUEST")),
        ("/PointInTimeRecoverySpecification/PointInTimeRecoveryEnabled", json!(true)),
        ("/SSESpecification/SSEEnabled", json!(true)),
        ("/TimeToLiveSpecification/Enabled", json!(true)),
        ("/TimeToLiveSpecification/AttributeName", json!("ttl")),
    ];
    let mut violations = Vec::new();
    for table in tables(template) {
        for (pointer, value) in &wanted {
            if table.property(pointer) != value {
                violations.push(Violation::new(&table.id, format!("{pointer} is not {value}")));
            }
        }
    }
    violations
}

fn tables_stream_their_new_images(template: &Template) -> Vec<Violation> {
    tables(template)
        .iter()
        .filter(|table| is_real(table))
        .filter(|table| {
            table.property("/StreamSpecification/StreamViewType") != &json!("NEW_IMAGE")
        })
        .map(|table| Violation::new(&table.id, "has no stream of new images"))
        .collect()
}

fn tables_outlive_the_stack(template: &Template) -> Vec<Violation> {
    tables(template)
        .iter()
        .filter(|table| is_real(table))
        .filter(|table| {
            ["/DeletionPolicy", "/UpdateReplacePolicy"]
                .iter()
                .any(|policy| table.at(policy) != &json!("Retain"))
                || table.property("/DeletionProtectionEnabled") != &json!(true)
        })
        .map(|table| Violation::new(&table.id, "could be deleted, with the stack or by hand"))
        .collect()
}

fn stateful_resources_state_what_deletion_does(template: &Template) -> Vec<Violation> {
    let resources = template.resources();
    resources
        .iter()
        .filter(|resource| STATEFUL.contains(&resource.kind()))
        .filter(|resource| {
            ["/DeletionPolicy", "/UpdateReplacePolicy"].iter().any(|at| resource.at(at).is_null())
        })
        .map(|resource| Violation::new(&resource.id, "leaves its deletion to a default"))
        .collect()
}

fn indexes_project_keys_only(template: &Template) -> Vec<Violation> {
    let mut violations = Vec::new();
    for table in tables(template) {
        for index in items(table.property("/GlobalSecondaryIndexes")) {
            if index.pointer("/Projection/ProjectionType") != Some(&json!("KEYS_ONLY")) {
                let name = index.get("IndexName").unwrap_or(&Value::Null);
                violations.push(Violation::new(&table.id, format!("{name} copies whole items")));
            }
        }
    }
    violations
}

fn what_costs_money_is_tagged(template: &Template) -> Vec<Violation> {
    let tag = json!({"Key": "application", "Value": "perennial"});
    let resources = template.resources();
    let mut violations: Vec<Violation> = resources
        .iter()
        .filter(|resource| {
            ["AWS::DynamoDB::Table", "AWS::SQS::Queue", "AWS::Events::EventBus"]
                .contains(&resource.kind())
        })
        .filter(|resource| !items(resource.property("/Tags")).contains(&&tag))
        .map(|resource| Violation::new(&resource.id, "is not tagged"))
        .collect();
    for function in template.functions() {
        if function.property("/Tags/application") != &json!("perennial") {
            violations.push(Violation::new(&function.id, "is not tagged"));
        }
    }
    violations
}

#[test]
fn every_table_is_on_demand_encrypted_and_recoverable() {
    let properties = "OperationsTable/Properties";
    for property in [
        "BillingMode",
        "PointInTimeRecoverySpecification",
        "SSESpecification",
        "TimeToLiveSpecification",
    ] {
        let pointer = format!("{properties}/{property}");
        rule_sees(tables_are_protected, "OperationsTable", &pointer, Fault::Remove);
    }
    let attribute = "BookTable/Properties/TimeToLiveSpecification/AttributeName";
    rule_sees(tables_are_protected, "BookTable", attribute, Fault::Set(json!("expires")));
}

#[test]
fn every_change_to_a_table_reaches_the_relay() {
    let stream = "BookTable/Properties/StreamSpecification";
    rule_sees(tables_stream_their_new_images, "BookTable", stream, Fault::Remove);
}

#[test]
fn deleting_the_stack_or_a_table_keeps_the_book() {
    let rule = tables_outlive_the_stack;
    rule_sees(rule, "BookTable", "BookTable/DeletionPolicy", Fault::Set(json!("Delete")));
    let replace = "OperationsTable/UpdateReplacePolicy";
    rule_sees(rule, "OperationsTable", replace, Fault::Remove);
    let protection = "BookTable/Properties/DeletionProtectionEnabled";
    rule_sees(rule, "BookTable", protection, Fault::Remove);
}

#[test]
fn nothing_that_holds_data_leaves_its_deletion_to_a_default() {
    let rule = stateful_resources_state_what_deletion_does;
    for id in ["TestPaymentsTable", "ValidationQueue", "IntakeLogGroup", "EventArchive"] {
        rule_sees(rule, id, &format!("{id}/DeletionPolicy"), Fault::Remove);
    }
}

#[test]
fn an_index_holds_keys_and_no_more() {
    let whole = json!([{"IndexName": "due", "Projection": {"ProjectionType": "ALL"}}]);
    let indexes = "BookTable/Properties/GlobalSecondaryIndexes";
    rule_sees(indexes_project_keys_only, "BookTable", indexes, Fault::Set(whole));
}

#[test]
fn what_costs_money_carries_the_applications_tag() {
    let rule = what_costs_money_is_tagged;
    rule_sees(rule, "EventBus", "EventBus/Properties/Tags", Fault::Remove);
    let tags = "ApiFunction/Properties/Tags";
    rule_sees(rule, "ApiFunction", tags, Fault::Set(json!({"application": "other"})));
}
