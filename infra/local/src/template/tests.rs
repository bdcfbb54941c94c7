//! Small templates, each with one thing to see, and the real one.

use std::{collections::BTreeMap, time::Duration};

use chrono::TimeDelta;

use super::{ReadOptions, RuleTarget, Template, TemplateError, read};

fn options() -> ReadOptions {
    ReadOptions { endpoint: "http://127.0.0.1:3000".to_owned(), ..ReadOptions::default() }
}

fn problems(text: &str) -> Vec<String> {
    match read(text, &options()) {
        Err(TemplateError::Unsupported(problems)) => {
            problems.iter().map(ToString::to_string).collect()
        }
        other => vec![format!("not refused: {other:?}")],
    }
}

fn with_resource(resource: &str) -> String {
    format!("Transform: AWS::Serverless-2016-10-31\nResources:\n{resource}")
}

const FUNCTION: &str = "
  F:
    Type: AWS::Serverless::Function
    Metadata: { BuildProperties: { Binary: f } }
    Properties:
      Runtime: provided.al2023
";

#[test]
fn an_unknown_resource_is_named() {
    let text = with_resource("  Topic: { Type: AWS::SNS::Topic }");
    assert_eq!(problems(&text), [r#"Topic Type: "AWS::SNS::Topic" is not emulated"#]);
}

#[test]
fn a_property_that_changes_behaviour_is_named_with_its_resource() {
    let text = with_resource(
        "  Q:\n    Type: AWS::SQS::Queue\n    Properties: { FifoQueue: true, VisibilityTimeout: 9 }",
    );
    assert_eq!(problems(&text), ["Q FifoQueue: is not emulated"]);
}

#[test]
fn everything_that_is_wrong_is_named_at_once() {
    let text = with_resource(&format!(
        "{FUNCTION}      Layers: [x]\n      Events:\n        A: {{ Type: S3, Properties: {{}} }}\n        \
         B:\n          Type: Schedule\n          Properties: {{ Schedule: cron(0 1 * * ? *) }}\n"
    ));
    assert_eq!(
        problems(&text),
        [
            "F Events.A.Type: the event type S3 is not emulated",
            "F Events.B.Type: a scheduled function must set \
             EventInvokeConfig.MaximumRetryAttempts to 0: retries of asynchronous invocations are \
             not emulated",
            "F Events.B.Properties.Schedule: cron(0 1 * * ? *): only rate(...) schedules are \
             emulated",
            "F Layers: is not emulated",
        ]
    );
}

#[test]
fn a_filter_that_is_no_pattern_is_named() {
    let text = with_resource(&format!(
        "{FUNCTION}      Events:\n        A:\n          Type: DynamoDB\n          Properties:\n            \
         Stream: arn:aws:dynamodb:us-east-1:000000000000:table/T/stream/1\n            \
         StartingPosition: TRIM_HORIZON\n            FilterCriteria:\n              Filters:\n                \
         - Pattern: '{{\"dynamodb\":[]}}'\n                - Pattern: '{{\"a\":[{{\"near\":1}}]}}'\n"
    ));
    assert_eq!(
        problems(&text),
        [
            "F Events.A.Properties.FilterCriteria.Filters[0].Pattern: dynamodb: empty arrays are \
             not allowed",
            "F Events.A.Properties.FilterCriteria.Filters[1].Pattern: unrecognized match type near",
            "F Events: there is no table T with a stream",
        ]
    );
}

#[test]
fn an_unknown_intrinsic_function_is_named_with_its_property() {
    let text = with_resource(
        "  Q:\n    Type: AWS::SQS::Queue\n    Properties:\n      VisibilityTimeout: !ImportValue x",
    );
    assert_eq!(problems(&text), ["Q VisibilityTimeout: Fn::ImportValue is not emulated"]);
}

#[test]
fn a_reference_to_a_resource_whose_condition_is_false_is_refused_unless_not_taken() {
    let text = |variable: &str| {
        format!(
            "Parameters:\n  P: {{ Type: String, Default: a }}\nConditions:\n  Yes: !Equals [!Ref P, \
             b]\nResources:\n  Q: {{ Type: AWS::SQS::Queue, Condition: Yes }}\n{FUNCTION}      \
             Environment: {{ Variables: {{ URL: {variable} }} }}\n"
        )
    };
    assert_eq!(problems(&text("!Ref Q")), ["F Environment: refers to Q, whose condition is false"]);
    let template = read(&text("!If [Yes, !Ref Q, none]"), &options());
    let url =
        template.ok().and_then(|template| template.function("F")?.environment.get("URL").cloned());
    assert_eq!(url.as_deref(), Some("none"));
}

#[test]
fn a_parameter_without_a_value_is_named() {
    let text = "Parameters:\n  P: { Type: String }\nResources:\n  Q: { Type: AWS::SQS::Queue }";
    assert_eq!(problems(text), ["Parameters P: has no default and was not given"]);
}

#[test]
fn globals_are_merged_into_functions() {
    let text = format!(
        "Globals:\n  Function:\n    Timeout: 7\n    Environment: {{ Variables: {{ A: '1', B: '1' }} \
         }}\nResources:\n{FUNCTION}      Environment: {{ Variables: {{ B: 2 }} }}\n"
    );
    let template = read(&text, &options());
    let function = template.as_ref().ok().and_then(|template| template.function("F"));
    assert_eq!(function.map(|function| function.timeout), Some(Duration::from_secs(7)));
    assert_eq!(
        function.map(|function| function.environment.clone()),
        Some(BTreeMap::from([("A".to_owned(), "1".to_owned()), ("B".to_owned(), "2".to_owned())]))
    );
}

#[test]
fn sub_join_select_and_split_give_texts() {
    let text = with_resource(
        "  Q:\n    Type: AWS::SQS::Queue\n    Properties:\n      QueueName: !Join ['-', [a, !Select \
         [1, !Split ['/', 'x/y']], !Sub '${AWS::Region}${!no}']]",
    );
    let template = read(&text, &options());
    let name = template.ok().and_then(|template| Some(template.queues.first()?.name.clone()));
    assert_eq!(name.as_deref(), Some("a-y-us-east-1${no}"));
}

fn real() -> Result<Template, TemplateError> {
    let text = include_str!("../../../../template.yaml");
    let parameters = BTreeMap::from([("JwtIssuer".to_owned(), "http://127.0.0.1:3000".to_owned())]);
    read(text, &ReadOptions { parameters, ..options() })
}

#[test]
fn the_real_template_is_served_whole() -> Result<(), TemplateError> {
    let template = real()?;
    let mut binaries: Vec<&str> =
        template.functions.iter().map(|function| function.binary.as_str()).collect();
    binaries.sort_unstable();
    for binary in [
        "api",
        "dead-letter",
        "event-relay",
        "intake",
        "order-copy",
        "payment-retry",
        "renewal-tick",
        "validation",
    ] {
        assert!(binaries.contains(&binary), "{binary} is missing from {binaries:?}");
    }
    let tick = template.functions.iter().find(|function| function.binary == "renewal-tick");
    let every: Vec<TimeDelta> =
        tick.iter().flat_map(|tick| &tick.schedules).map(|schedule| schedule.every).collect();
    assert_eq!(every, [TimeDelta::minutes(1)]);
    for queue in template.queues.iter().filter(|queue| queue.redrive.is_none()) {
        assert!(queue.name.ends_with("DeadLetterQueue"), "{} has no dead letters", queue.name);
    }
    assert!(template.rules.iter().any(|rule| {
        rule.targets.iter().any(|target| matches!(target, RuleTarget::LogGroup(_)))
    }));
    let routes = template.api.iter().flat_map(|api| &api.routes);
    assert!(routes.clone().any(|route| route.path == "/api/health" && route.authorizer.is_none()));
    assert!(routes.clone().any(|route| route.method == "ANY" && route.scopes == ["perennial"]));
    Ok(())
}

#[test]
fn the_real_template_without_the_test_provider_has_no_ledger() {
    let text = include_str!("../../../../template.yaml");
    let parameters = BTreeMap::from([
        ("JwtIssuer".to_owned(), "x".to_owned()),
        ("PaymentProvider".to_owned(), "stripe".to_owned()),
    ]);
    let names = read(text, &ReadOptions { parameters, ..options() })
        .map(|template| template.tables.iter().map(|table| table.name.clone()).collect::<Vec<_>>());
    assert_eq!(names.ok(), Some(vec!["BookTable".to_owned(), "OperationsTable".to_owned()]));
}
