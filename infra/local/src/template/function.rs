//! Reads functions and their event sources.

use std::{collections::BTreeMap, time::Duration};

use chrono::TimeDelta;
use serde_json::Value;

use super::{
    model::{FunctionModel, QueueSource, RouteModel, Schedule, StreamSource},
    properties::Properties,
    storage::name_in_arn,
};
use crate::cloud::eventbridge::Pattern;

/// A function, and the routes that it serves with the name of the authorizer as written.
pub(super) fn function(
    logical_id: &str,
    metadata: Option<&Value>,
    mut properties: Properties,
) -> (FunctionModel, Vec<Route>) {
    properties.ignore(&[
        "FunctionName",
        "Description",
        "CodeUri",
        "Handler",
        "Architectures",
        "Tracing",
        "Tags",
        "PropagateTags",
        "LoggingConfig",
        // Permissions are not emulated.
        "Role",
        "Policies",
        "PermissionsBoundary",
        "EphemeralStorage",
        "RuntimeManagementConfig",
        "RecursiveLoop",
    ]);
    properties.only("PackageType", &["Zip"]);
    properties.only("Runtime", &["provided.al2023"]);
    let binary = metadata
        .and_then(|metadata| metadata.pointer("/BuildProperties/Binary"))
        .and_then(Value::as_str);
    if binary.is_none() {
        properties.problems().report(logical_id, "Metadata.BuildProperties.Binary", "is missing");
    }
    let mut model = FunctionModel {
        logical_id: logical_id.to_owned(),
        binary: binary.unwrap_or_default().to_owned(),
        timeout: seconds(properties.number("Timeout", 1..=900).unwrap_or(3)),
        memory_mb: properties
            .number("MemorySize", 128..=10_240)
            .and_then(|memory| u32::try_from(memory).ok())
            .unwrap_or(128),
        environment: environment(&mut properties),
        concurrency: properties
            .number("ReservedConcurrentExecutions", 1..=1000)
            .and_then(|limit| usize::try_from(limit).ok()),
        queues: Vec::new(),
        streams: Vec::new(),
        schedules: Vec::new(),
    };
    let mut retries = 2;
    if let Some(mut config) = properties.object("EventInvokeConfig") {
        retries = config.number("MaximumRetryAttempts", 0..=2).unwrap_or(2);
        config.ignore(&["MaximumEventAgeInSeconds"]);
        config.finish();
    }
    let mut routes = Vec::new();
    if let Some(events) = properties.object("Events") {
        for (name, mut event) in events.entries() {
            let kind = event.required_text("Type");
            let Some(source) = event.object("Properties") else {
                event.report("Properties", "is missing");
                continue;
            };
            match kind.as_str() {
                "HttpApi" => routes.push(route(logical_id, source)),
                "SQS" => model.queues.extend(queue_source(source)),
                "DynamoDB" => model.streams.extend(stream_source(source)),
                "Schedule" => {
                    if retries != 0 {
                        event.report(
                            "Type",
                            "a scheduled function must set EventInvokeConfig.MaximumRetryAttempts \
                             to 0: retries of asynchronous invocations are not emulated",
                        );
                    }
                    model.schedules.extend(schedule(&format!("{logical_id}{name}"), source));
                }
                other => event.report("Type", format!("the event type {other} is not emulated")),
            }
            event.finish();
        }
    }
    properties.finish();
    (model, routes)
}

fn seconds(value: i64) -> Duration {
    Duration::from_secs(u64::try_from(value).unwrap_or_default())
}

fn environment(properties: &mut Properties) -> BTreeMap<String, String> {
    let mut variables = BTreeMap::new();
    if let Some(mut environment) = properties.object("Environment") {
        if let Some(Value::Object(map)) = environment.take("Variables") {
            for (name, value) in map {
                match value {
                    Value::String(text) => variables.insert(name, text),
                    Value::Number(number) => variables.insert(name, number.to_string()),
                    Value::Bool(flag) => variables.insert(name, flag.to_string()),
                    _ => {
                        environment.report(&format!("Variables.{name}"), "must be a text");
                        None
                    }
                };
            }
        }
        environment.finish();
    }
    variables
}

/// A route as written: which authorizer guards it is decided when the API is read.
#[derive(Debug)]
pub(super) struct Route {
    pub(super) model: RouteModel,
    pub(super) scopes_written: bool,
    pub(super) reported_at: Properties,
}

fn route(function: &str, mut source: Properties) -> Route {
    source.only("ApiId", &["local"]);
    source.only("PayloadFormatVersion", &["2.0"]);
    source.ignore(&["RouteSettings", "TimeoutInMillis"]);
    let method = source.text("Method").unwrap_or_else(|| "ANY".to_owned()).to_uppercase();
    let method = if method == "X-AMAZON-APIGATEWAY-ANY-METHOD" { "ANY".to_owned() } else { method };
    let path = source.text("Path").unwrap_or_else(|| "$default".to_owned());
    let (mut authorizer, mut scopes) = (None, None);
    if let Some(mut auth) = source.object("Auth") {
        authorizer = auth.text("Authorizer");
        scopes = auth.texts("AuthorizationScopes");
        auth.finish();
    }
    let model = RouteModel {
        method,
        path,
        function: function.to_owned(),
        authorizer,
        scopes: scopes.clone().unwrap_or_default(),
    };
    Route { model, scopes_written: scopes.is_some(), reported_at: source }
}

/// Whether the function reports failures record by record.
fn reports_failures(source: &mut Properties) -> bool {
    let types = source.texts("FunctionResponseTypes").unwrap_or_default();
    for kind in types.iter().filter(|kind| *kind != "ReportBatchItemFailures") {
        source.report("FunctionResponseTypes", format!("{kind} is not emulated"));
    }
    !types.is_empty()
}

fn queue_source(mut source: Properties) -> Option<QueueSource> {
    let enabled = source.flag("Enabled").unwrap_or(true);
    let window = seconds(source.number("MaximumBatchingWindowInSeconds", 0..=300).unwrap_or(0));
    let batch = source.number("BatchSize", 1..=10_000).unwrap_or(10);
    if batch > 10 && window.is_zero() {
        source.report("BatchSize", "above 10 needs MaximumBatchingWindowInSeconds of at least 1");
    }
    let mut maximum_concurrency = None;
    if let Some(mut scaling) = source.object("ScalingConfig") {
        maximum_concurrency = scaling
            .number("MaximumConcurrency", 2..=1000)
            .and_then(|limit| usize::try_from(limit).ok());
        scaling.finish();
    }
    let model = QueueSource {
        queue: name_in_arn(&source.required_text("Queue")),
        batch_size: usize::try_from(batch).unwrap_or(10),
        window,
        partial_failures: reports_failures(&mut source),
        maximum_concurrency,
    };
    source.finish();
    enabled.then_some(model)
}

fn stream_source(mut source: Properties) -> Option<StreamSource> {
    let enabled = source.flag("Enabled").unwrap_or(true);
    source.only("StartingPosition", &["TRIM_HORIZON"]);
    // Records are handed on as soon as they are seen, in one sequence: an age limit and parallel
    // shards would change when, not what.
    source.ignore(&["MaximumBatchingWindowInSeconds"]);
    source.only("ParallelizationFactor", &["1"]);
    source.only("MaximumRecordAgeInSeconds", &["-1"]);
    let stream_arn = source.required_text("Stream");
    let table = stream_arn
        .split_once(":table/")
        .and_then(|(_, rest)| rest.split_once("/stream/"))
        .map(|(table, _)| table.to_owned());
    if table.is_none() {
        source.report("Stream", format!("{stream_arn} is not the stream of a table"));
    }
    let mut on_failure = None;
    if let Some(mut config) = source.object("DestinationConfig") {
        if let Some(mut target) = config.object("OnFailure") {
            target.only("Type", &["SQS"]);
            let arn = target.required_text("Destination");
            if !arn.starts_with("arn:aws:sqs:") {
                target.report("Destination", "only a queue is emulated");
            }
            on_failure = Some(name_in_arn(&arn));
            target.finish();
        }
        config.finish();
    }
    let model = StreamSource {
        table: table?,
        stream_arn,
        batch_size: source
            .number("BatchSize", 1..=10_000)
            .and_then(|size| usize::try_from(size).ok())
            .unwrap_or(100),
        filters: filters(&mut source),
        partial_failures: reports_failures(&mut source),
        bisect: source.flag("BisectBatchOnFunctionError").unwrap_or(false),
        maximum_retries: source
            .number("MaximumRetryAttempts", -1..=10_000)
            .and_then(|retries| u32::try_from(retries).ok()),
        on_failure,
    };
    source.finish();
    enabled.then_some(model)
}

/// The patterns of `FilterCriteria`, each written as JSON text.
fn filters(source: &mut Properties) -> Vec<Pattern> {
    let Some(mut criteria) = source.object("FilterCriteria") else { return Vec::new() };
    let mut patterns = Vec::new();
    for mut filter in criteria.objects("Filters") {
        let text = filter.required_text("Pattern");
        let pattern = serde_json::from_str(&text).map_err(|error| error.to_string());
        let pattern =
            pattern.and_then(|json| Pattern::parse(&json).map_err(|error| error.to_string()));
        match pattern {
            Ok(pattern) => patterns.push(pattern),
            Err(reason) => filter.report("Pattern", reason),
        }
        filter.finish();
    }
    criteria.finish();
    patterns
}

fn schedule(default_name: &str, mut source: Properties) -> Option<Schedule> {
    // Both concern events that can't be delivered; here they always are.
    source.ignore(&["Description", "RetryPolicy", "DeadLetterConfig"]);
    let name = source.text("Name").unwrap_or_else(|| default_name.to_owned());
    let enabled = source.flag("Enabled").unwrap_or(true)
        && source.text("State").is_none_or(|state| state == "ENABLED");
    let input = source.text("Input").and_then(|text| {
        let parsed = serde_json::from_str(&text);
        if parsed.is_err() {
            source.report("Input", "is not JSON");
        }
        parsed.ok()
    });
    let expression = source.required_text("Schedule");
    let every = rate(&expression);
    if let Err(reason) = &every {
        source.report("Schedule", format!("{expression}: {reason}"));
    }
    source.finish();
    Some(Schedule { name, every: every.ok()?, input, enabled })
}

fn rate(expression: &str) -> Result<TimeDelta, &'static str> {
    let inner = expression
        .strip_prefix("rate(")
        .and_then(|rest| rest.strip_suffix(')'))
        .ok_or("only rate(...) schedules are emulated")?;
    let (count, unit) = inner.split_once(' ').ok_or("a rate is a number and a unit")?;
    let count: i64 = count.parse().map_err(|_| "a rate begins with a whole number")?;
    let seconds = match (count, unit) {
        (..=0, _) => return Err("a rate is at least 1"),
        (1, "minute") | (2.., "minutes") => 60,
        (1, "hour") | (2.., "hours") => 3_600,
        (1, "day") | (2.., "days") => 86_400,
        _ => return Err("the unit is minute, hour or day for 1, and in the plural for more"),
    };
    count.checked_mul(seconds).and_then(TimeDelta::try_seconds).ok_or("the rate is too long")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_must_agree_with_its_unit() {
        assert_eq!(rate("rate(1 minute)"), Ok(TimeDelta::minutes(1)));
        assert_eq!(rate("rate(12 hours)"), Ok(TimeDelta::hours(12)));
        assert!(rate("rate(1 minutes)").is_err());
        assert!(rate("rate(5 minute)").is_err());
        assert!(rate("rate(0 minutes)").is_err());
        assert!(rate("cron(0 12 * * ? *)").is_err());
    }
}
