//! Reads a whole template.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{
    TemplateError, api,
    function::{self, Route},
    globals,
    identity::{ACCOUNT, Identities, Identity, REGION, STACK},
    intrinsics::Scope,
    model::Template,
    problem::Problems,
    properties::Properties,
    rules, storage, yaml,
};

/// Resources that the stack reads, with the property that names each.
const EMULATED: [(&str, &str); 6] = [
    ("AWS::Serverless::Function", "FunctionName"),
    ("AWS::Serverless::HttpApi", "Name"),
    ("AWS::SQS::Queue", "QueueName"),
    ("AWS::DynamoDB::Table", "TableName"),
    ("AWS::Events::EventBus", "Name"),
    ("AWS::Events::Rule", "Name"),
];

/// Resources with nothing to emulate: permissions, and what only watches or keeps.
const NOTHING_TO_EMULATE: [&str; 16] = [
    "AWS::ApplicationInsights::Application",
    "AWS::CloudWatch::Alarm",
    "AWS::CloudWatch::CompositeAlarm",
    "AWS::CloudWatch::Dashboard",
    "AWS::Events::Archive",
    "AWS::Events::EventBusPolicy",
    "AWS::IAM::ManagedPolicy",
    "AWS::IAM::Policy",
    "AWS::IAM::Role",
    "AWS::Lambda::Permission",
    "AWS::Logs::LogGroup",
    "AWS::Logs::MetricFilter",
    "AWS::Logs::QueryDefinition",
    "AWS::Logs::ResourcePolicy",
    "AWS::SQS::QueuePolicy",
    "AWS::ResourceGroups::Group",
];

/// What a template is read with.
#[derive(Debug, Clone, Default)]
pub struct ReadOptions {
    /// Where the stack serves, without a slash at the end: the front of queue URLs.
    pub endpoint: String,
    /// Values for parameters, over the template's defaults. The template must have them.
    pub parameters: BTreeMap<String, String>,
    /// Values for parameters that the template may have, where none is given.
    pub assumed: BTreeMap<String, String>,
}

/// Reads a template.
///
/// # Errors
/// [`TemplateError::Malformed`] when the text is no template; [`TemplateError::Unsupported`] with
/// everything in it that can't be emulated.
pub fn read(text: &str, options: &ReadOptions) -> Result<Template, TemplateError> {
    let document = yaml::parse(text).map_err(TemplateError::Malformed)?;
    let Value::Object(document) = document else {
        return Err(TemplateError::Malformed("a template is a mapping".to_owned()));
    };
    let problems = Problems::default();
    check_sections(&document, &problems);
    let resources = section(&document, "Resources", &problems);
    if resources.is_empty() {
        return Err(TemplateError::Malformed("there are no Resources".to_owned()));
    }
    let global = section(&document, "Globals", &problems);
    globals::check(&global, &problems);
    let mut scope = Scope {
        parameters: parameters(&section(&document, "Parameters", &problems), options, &problems),
        mappings: section(&document, "Mappings", &problems),
        conditions: section(&document, "Conditions", &problems),
        identities: Identities { endpoint: options.endpoint.clone(), ..Identities::default() },
    };
    identify(&resources, &mut scope, &problems);
    let template = build(&resources, &global, &scope, &problems);
    problems.into_result(template)
}

fn check_sections(document: &Map<String, Value>, problems: &Problems) {
    for (name, value) in document {
        match name.as_str() {
            "AWSTemplateFormatVersion"
            | "Description"
            | "Metadata"
            | "Outputs"
            | "Rules"
            | "Parameters"
            | "Mappings"
            | "Conditions"
            | "Globals"
            | "Resources" => {}
            "Transform" if value == "AWS::Serverless-2016-10-31" => {}
            "Transform" => {
                problems.report("Transform", "", format!("{value} is not emulated"));
            }
            other => problems.report(other, "", "is not emulated"),
        }
    }
}

fn section(document: &Map<String, Value>, name: &str, problems: &Problems) -> Map<String, Value> {
    match document.get(name) {
        None | Some(Value::Null) => Map::new(),
        Some(Value::Object(map)) => map.clone(),
        Some(_) => {
            problems.report(name, "", "must be an object");
            Map::new()
        }
    }
}

fn parameters(
    declared: &Map<String, Value>,
    options: &ReadOptions,
    problems: &Problems,
) -> BTreeMap<String, Value> {
    let mut values = BTreeMap::from([
        ("AWS::Region".to_owned(), json!(REGION)),
        ("AWS::AccountId".to_owned(), json!(ACCOUNT)),
        ("AWS::Partition".to_owned(), json!("aws")),
        ("AWS::StackName".to_owned(), json!(STACK)),
        ("AWS::URLSuffix".to_owned(), json!("amazonaws.com")),
        (
            "AWS::StackId".to_owned(),
            json!(format!("arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/{STACK}/local")),
        ),
    ]);
    for (name, declaration) in declared {
        let given = options.parameters.get(name).or_else(|| options.assumed.get(name));
        let given = given.map(|text| json!(text));
        match given.or_else(|| declaration.get("Default").cloned()) {
            Some(Value::Number(number)) => {
                values.insert(name.clone(), json!(number.to_string()));
            }
            Some(value) => {
                let is_list =
                    declaration.get("Type").and_then(Value::as_str) == Some("CommaDelimitedList");
                let value = match value.as_str() {
                    Some(text) if is_list => {
                        json!(text.split(',').map(str::trim).collect::<Vec<_>>())
                    }
                    _ => value,
                };
                values.insert(name.clone(), value);
            }
            None => problems.report("Parameters", name, "has no default and was not given"),
        }
    }
    for name in options.parameters.keys() {
        if !declared.contains_key(name) {
            problems.report(
                "Parameters",
                name,
                "was given, but the template has no such parameter",
            );
        }
    }
    values
}

/// Learns each resource's type, existence and physical name, before anything refers to it.
fn identify(resources: &Map<String, Value>, scope: &mut Scope, problems: &Problems) {
    for (logical_id, resource) in resources {
        let kind = resource.get("Type").and_then(Value::as_str).unwrap_or_default().to_owned();
        let exists = match resource.get("Condition").and_then(Value::as_str) {
            None => true,
            Some(condition) => scope.condition(condition).unwrap_or_else(|reason| {
                problems.report(logical_id, "Condition", reason);
                true
            }),
        };
        scope
            .identities
            .resources
            .insert(logical_id.clone(), Identity { kind, name: logical_id.clone(), exists });
    }
    // Given names may refer to parameters, so they are resolved once all resources are known.
    for (logical_id, resource) in resources {
        let kind = resource.get("Type").and_then(Value::as_str).unwrap_or_default();
        let property = EMULATED
            .iter()
            .find(|(known, _)| *known == kind)
            .map(|(_, property)| *property)
            .or_else(|| (kind == "AWS::Logs::LogGroup").then_some("LogGroupName"));
        let Some(written) = property.and_then(|property| resource.get("Properties")?.get(property))
        else {
            continue;
        };
        match scope.resolve(written) {
            Ok(Some(Value::String(name))) => {
                if let Some(identity) = scope.identities.resources.get_mut(logical_id) {
                    identity.name = name;
                }
            }
            Ok(_) => {}
            Err(reason) => {
                problems.report(logical_id, property.unwrap_or_default(), reason);
            }
        }
    }
}

fn build(
    resources: &Map<String, Value>,
    global: &Map<String, Value>,
    scope: &Scope,
    problems: &Problems,
) -> Template {
    let mut template = Template::default();
    let mut routes: Vec<Route> = Vec::new();
    let mut default_authorizer = None;
    for (logical_id, resource) in resources {
        let Some(identity) = scope.identities.resources.get(logical_id) else { continue };
        let kind = identity.kind.as_str();
        if !identity.exists || NOTHING_TO_EMULATE.contains(&kind) {
            continue;
        }
        if !EMULATED.iter().any(|(known, _)| *known == kind) {
            problems.report(logical_id, "Type", format!("{kind:?} is not emulated"));
            continue;
        }
        let written = resource.get("Properties").cloned().unwrap_or_else(|| json!({}));
        let written = globals::merged(global, kind, &written);
        let properties = resolved(logical_id, &written, scope, problems);
        let properties = Properties::new(logical_id, "", properties, problems);
        let name = identity.name.clone();
        match kind {
            "AWS::Serverless::Function" => {
                let (model, mut own) =
                    function::function(logical_id, resource.get("Metadata"), properties);
                template.functions.push(model);
                routes.append(&mut own);
            }
            "AWS::Serverless::HttpApi" => {
                if template.api.is_some() {
                    problems.report(logical_id, "Type", "a second HTTP API is not emulated");
                }
                let (model, default) = api::api(logical_id, properties);
                template.api = Some(model);
                default_authorizer = default;
            }
            "AWS::SQS::Queue" => template.queues.push(storage::queue(name, properties)),
            "AWS::DynamoDB::Table" => template.tables.push(storage::table(name, properties)),
            "AWS::Events::EventBus" => {
                let mut properties = properties;
                properties.ignore(&["Name", "Description", "Tags", "KmsKeyIdentifier"]);
                properties.finish();
                template.buses.push(name);
            }
            _ => template.rules.extend(rules::rule(&name, properties)),
        }
    }
    match &mut template.api {
        Some(api) => api::attach_routes(api, default_authorizer.as_deref(), routes),
        None => {
            for route in routes {
                route.reported_at.report("ApiId", "there is no HTTP API in the template");
            }
        }
    }
    check_references(&template, problems);
    template
}

/// Resolves the properties one by one, so that a problem names the property it is in.
fn resolved(logical_id: &str, written: &Value, scope: &Scope, problems: &Problems) -> Value {
    let Value::Object(map) = written else { return written.clone() };
    let mut output = Map::new();
    for (property, value) in map {
        // A function's permissions may use anything; they are not emulated, so not resolved.
        if matches!(property.as_str(), "Policies" | "Role" | "Tags" | "AccessLogSettings") {
            continue;
        }
        match scope.resolve(value) {
            Ok(Some(value)) => {
                output.insert(property.clone(), value);
            }
            Ok(None) => {}
            Err(reason) => problems.report(logical_id, property, reason),
        }
    }
    Value::Object(output)
}

/// What names another resource must name one that exists.
fn check_references(template: &Template, problems: &Problems) {
    let queue_exists = |name: &str| template.queues.iter().any(|queue| queue.name == name);
    for queue in &template.queues {
        if let Some((target, _)) = &queue.redrive
            && !queue_exists(target)
        {
            problems.report(
                &queue.name,
                "RedrivePolicy.deadLetterTargetArn",
                format!("there is no queue {target}"),
            );
        }
    }
    for function in &template.functions {
        for source in &function.queues {
            if !queue_exists(&source.queue) {
                let reason = format!("there is no queue {}", source.queue);
                problems.report(&function.logical_id, "Events", reason);
            }
        }
        for source in &function.streams {
            let streams = template
                .tables
                .iter()
                .any(|table| table.name == source.table && table.stream.is_some());
            if !streams {
                let reason = format!("there is no table {} with a stream", source.table);
                problems.report(&function.logical_id, "Events", reason);
            }
        }
    }
    for rule in &template.rules {
        if rule.bus != "default" && !template.buses.contains(&rule.bus) {
            problems.report(&rule.name, "EventBusName", format!("there is no bus {}", rule.bus));
        }
    }
}
