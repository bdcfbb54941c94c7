//! Rules of alarms: what would otherwise go unnoticed.

use perennial_runtime::telemetry;
use serde_json::json;

use super::{
    Fault, Violation,
    document::{Resource, Template, items, target},
    queues::dead_letter_queues,
    rule_sees,
};

fn alarms(template: &Template) -> Vec<Resource> {
    template.of_type("AWS::CloudWatch::Alarm")
}

/// Whether an alarm watches `metric` of the resource with this id.
fn is_watched(template: &Template, metric: &str, id: &str) -> bool {
    alarms(template).iter().any(|alarm| {
        alarm.property("/MetricName") == &json!(metric)
            && items(alarm.property("/Dimensions"))
                .into_iter()
                .filter_map(|dimension| dimension.get("Value"))
                .any(|value| target(value) == Some(id))
    })
}

fn dead_letters_raise_an_alarm(template: &Template) -> Vec<Violation> {
    dead_letter_queues(template)
        .iter()
        .filter(|id| !is_watched(template, "ApproximateNumberOfMessagesVisible", id))
        .map(|id| Violation::new(id, "fills unnoticed"))
        .collect()
}

fn waiting_messages_raise_an_alarm(template: &Template) -> Vec<Violation> {
    template
        .of_type("AWS::SQS::Queue")
        .iter()
        .filter(|queue| !queue.property("/RedrivePolicy").is_null())
        .filter(|queue| !is_watched(template, "ApproximateAgeOfOldestMessage", &queue.id))
        .map(|queue| Violation::new(&queue.id, "stands still unnoticed"))
        .collect()
}

/// The names under which functions report, so that an alarm never watches a metric of nobody.
fn own_metrics_are_reported(template: &Template) -> Vec<Violation> {
    let reported = [
        telemetry::INTAKE_LATENCY,
        telemetry::PLACEMENT_LATENCY,
        telemetry::RENEWALS_SUCCEEDED,
        telemetry::RENEWALS_FAILED,
        telemetry::TICK_LAG,
        telemetry::DEAD_LETTERS,
    ];
    let functions = template.functions();
    let binaries: Vec<&str> = functions
        .iter()
        .filter_map(|function| function.at("/Metadata/BuildProperties/Binary").as_str())
        .collect();
    alarms(template)
        .iter()
        .filter(|alarm| {
            let space = alarm.property("/Namespace").as_str().unwrap_or_default();
            !space.starts_with("AWS/")
        })
        .filter(|alarm| {
            let metric = alarm.property("/MetricName").as_str().unwrap_or_default();
            let dimensions = items(alarm.property("/Dimensions"));
            let named: Vec<(&str, &str)> = dimensions
                .into_iter()
                .filter_map(|one| Some((one.get("Name")?.as_str()?, one.get("Value")?.as_str()?)))
                .collect();
            // CloudWatch knows a metric by all of its dimensions: one too few is another metric.
            let is_reported = match named.as_slice() {
                [("Function", function)] => {
                    metric != telemetry::DEAD_LETTERS && binaries.contains(function)
                }
                [("Function", "dead-letter"), ("Source", source)] => {
                    metric == telemetry::DEAD_LETTERS && binaries.contains(source)
                }
                _ => false,
            };
            alarm.property("/Namespace") != &json!(telemetry::NAMESPACE)
                || !reported.contains(&metric)
                || !is_reported
        })
        .map(|alarm| Violation::new(&alarm.id, "watches what no function reports"))
        .collect()
}

fn the_tick_is_watched(template: &Template) -> Vec<Violation> {
    let lag = alarms(template)
        .iter()
        .any(|alarm| alarm.property("/MetricName") == &json!(telemetry::TICK_LAG));
    let mut violations = Vec::new();
    if !lag {
        violations.push(Violation::new("RenewalTickFunction", "may fall behind unnoticed"));
    }
    for metric in ["Invocations", "Errors"] {
        if !is_watched(template, metric, "RenewalTickFunction") {
            violations.push(Violation::new("RenewalTickFunction", format!("{metric} unwatched")));
        }
    }
    violations
}

/// What a schedule starts and nobody tries again, or a client is left alone with, shows nowhere else.
fn failures_without_a_dead_letter_raise_an_alarm(template: &Template) -> Vec<Violation> {
    let scheduled = template
        .functions()
        .into_iter()
        .filter(|function| function.events().iter().any(|event| event.kind == "Schedule"));
    let apis = template.of_type("AWS::Serverless::HttpApi").into_iter();
    scheduled
        .map(|function| (function.id, "Errors"))
        .chain(apis.map(|api| (api.id, "5xx")))
        .filter(|(id, metric)| !is_watched(template, metric, id))
        .map(|(id, metric)| Violation::new(&id, format!("{metric} unwatched")))
        .collect()
}

fn alarms_say_what_silence_means(template: &Template) -> Vec<Violation> {
    alarms(template)
        .iter()
        .filter(|alarm| {
            alarm.property("/TreatMissingData").is_null()
                || alarm.property("/AlarmDescription").is_null()
                || alarm.property("/AlarmActions").is_null()
        })
        .map(|alarm| Violation::new(&alarm.id, "is not complete"))
        .collect()
}

#[test]
fn a_dead_letter_raises_an_alarm() {
    let rule = dead_letters_raise_an_alarm;
    let alarm = "OrderCopyDeadLetterQueueAlarm";
    rule_sees(rule, "OrderCopyDeadLetterQueue", alarm, Fault::Remove);
    let metric = "EventRelayDeadLetterQueueAlarm/Properties/MetricName";
    let sent = Fault::Set(json!("NumberOfMessagesSent"));
    rule_sees(rule, "EventRelayDeadLetterQueue", metric, sent);
}

#[test]
fn a_queue_that_stands_still_raises_an_alarm() {
    let rule = waiting_messages_raise_an_alarm;
    rule_sees(rule, "ValidationQueue", "ValidationQueueAgeAlarm", Fault::Remove);
}

#[test]
fn an_alarm_watches_only_what_a_function_reports() {
    let rule = own_metrics_are_reported;
    let metric = "TickLagAlarm/Properties/MetricName";
    rule_sees(rule, "TickLagAlarm", metric, Fault::Set(json!("Ticklag")));
    let dimensions = "OrderCopyDeadLettersAlarm/Properties/Dimensions";
    for other in [
        json!([{"Name": "Function", "Value": "dead-letter"}]),
        json!([
            {"Name": "Function", "Value": "dead-letter"}, {"Name": "Source", "Value": "order_copy"},
        ]),
    ] {
        rule_sees(rule, "OrderCopyDeadLettersAlarm", dimensions, Fault::Set(other));
    }
}

#[test]
fn a_tick_that_is_late_failing_or_gone_raises_an_alarm() {
    for alarm in ["TickLagAlarm", "TickStoppedAlarm", "TickErrorsAlarm"] {
        rule_sees(the_tick_is_watched, "RenewalTickFunction", alarm, Fault::Remove);
    }
}

#[test]
fn a_schedule_that_fails_and_an_api_that_fails_raise_an_alarm() {
    let rule = failures_without_a_dead_letter_raise_an_alarm;
    rule_sees(rule, "ReconciliationFunction", "ReconciliationErrorsAlarm", Fault::Remove);
    let metric = "ApiErrorsAlarm/Properties/MetricName";
    rule_sees(rule, "HttpApi", metric, Fault::Set(json!("5XXError")));
}

#[test]
fn every_alarm_says_what_it_means_and_whom_it_tells() {
    let rule = alarms_say_what_silence_means;
    for property in ["TreatMissingData", "AlarmDescription", "AlarmActions"] {
        let pointer = format!("TickLagAlarm/Properties/{property}");
        rule_sees(rule, "TickLagAlarm", &pointer, Fault::Remove);
    }
}
