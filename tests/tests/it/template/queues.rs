//! Rules of queues, dead letters, and the mappings that feed functions from queues and streams.

use serde_json::{Value, json};

use super::{
    Fault, Violation,
    document::{Event, Resource, Template, items, target},
    rule_sees,
};

/// The longest that SQS keeps a message, in seconds.
const FOURTEEN_DAYS: i64 = 1_209_600;
/// How long SQS keeps a message unless told otherwise, in seconds.
const FOUR_DAYS: i64 = 345_600;

/// Each function with each of its event sources of one type.
pub(super) fn sources(template: &Template, kind: &str) -> Vec<(Resource, Event)> {
    let functions = template.functions().into_iter();
    functions
        .flat_map(|function| {
            function.events().into_iter().map(move |event| (function.clone(), event))
        })
        .filter(|(_, event)| event.kind == kind)
        .collect()
}

/// The queue that an event source reads.
fn queue_of(template: &Template, event: &Event) -> Option<Resource> {
    template.resource(target(event.properties.get("Queue")?)?)
}

/// The logical id of the queue that takes what `queue` gives up on.
fn dead_letter_queue(queue: &Resource) -> Option<&str> {
    target(queue.property("/RedrivePolicy/deadLetterTargetArn"))
}

/// The ids of queues that take what another queue, or a stream mapping, gives up on.
pub(super) fn dead_letter_queues(template: &Template) -> Vec<String> {
    let queues = template.of_type("AWS::SQS::Queue");
    let mut found: Vec<String> =
        queues.iter().filter_map(dead_letter_queue).map(str::to_owned).collect();
    for (_, event) in sources(template, "DynamoDB") {
        let destination = event.properties.pointer("/DestinationConfig/OnFailure/Destination");
        found.extend(destination.and_then(target).map(str::to_owned));
    }
    found.sort();
    found.dedup();
    found
}

fn sources_have_dead_letters(template: &Template) -> Vec<Violation> {
    let last_resorts = dead_letter_queues(template);
    let mut violations = Vec::new();
    for (function, event) in sources(template, "SQS") {
        let Some(queue) = queue_of(template, &event) else {
            violations.push(Violation::new(&function.id, format!("{} reads no queue", event.name)));
            continue;
        };
        if last_resorts.contains(&queue.id) {
            continue;
        }
        if dead_letter_queue(&queue).and_then(|id| template.resource(id)).is_none() {
            violations.push(Violation::new(&queue.id, "has no dead-letter queue"));
        }
        if queue.property("/RedrivePolicy/maxReceiveCount").as_i64().is_none_or(|count| count < 5) {
            violations.push(Violation::new(&queue.id, "gives up before the fifth receive"));
        }
    }
    violations
}

fn messages_stay_hidden_six_timeouts(template: &Template) -> Vec<Violation> {
    let mut violations = Vec::new();
    for (function, event) in sources(template, "SQS") {
        let Some(queue) = queue_of(template, &event) else { continue };
        let hidden = queue.property("/VisibilityTimeout").as_i64().unwrap_or(30);
        let timeout = function.property("/Timeout").as_i64().unwrap_or(3);
        if hidden < 6 * timeout {
            let says = format!("hides for {hidden} s, its function may run {timeout} s");
            violations.push(Violation::new(&queue.id, says));
        }
    }
    violations
}

fn batches_report_single_failures(template: &Template) -> Vec<Violation> {
    ["SQS", "DynamoDB"]
        .into_iter()
        .flat_map(|kind| sources(template, kind))
        .filter(|(_, event)| {
            let types = event.properties.get("FunctionResponseTypes").unwrap_or(&Value::Null);
            !items(types).contains(&&json!("ReportBatchItemFailures"))
        })
        .map(|(function, event)| {
            Violation::new(&function.id, format!("{} fails as a whole", event.name))
        })
        .collect()
}

fn large_batches_have_a_window(template: &Template) -> Vec<Violation> {
    let number = |event: &Event, name| event.properties.get(name).and_then(Value::as_i64);
    sources(template, "SQS")
        .into_iter()
        .filter(|(_, event)| {
            number(event, "BatchSize").unwrap_or(10) > 10
                && number(event, "MaximumBatchingWindowInSeconds").unwrap_or(0) < 1
        })
        .map(|(function, event)| {
            Violation::new(&function.id, format!("{}: over 10 need a window", event.name))
        })
        .collect()
}

fn dead_letters_outlive_their_source(template: &Template) -> Vec<Violation> {
    let kept =
        |queue: &Resource| queue.property("/MessageRetentionPeriod").as_i64().unwrap_or(FOUR_DAYS);
    let mut violations = Vec::new();
    for id in dead_letter_queues(template) {
        let days = template.resource(&id).as_ref().map(kept);
        if days != Some(FOURTEEN_DAYS) {
            violations.push(Violation::new(&id, "does not keep dead letters for 14 days"));
        }
    }
    for queue in template.of_type("AWS::SQS::Queue") {
        let Some(dead) = dead_letter_queue(&queue).and_then(|id| template.resource(id)) else {
            continue;
        };
        // A message keeps its age when it becomes a dead letter.
        if kept(&dead) <= kept(&queue) {
            violations.push(Violation::new(&queue.id, "keeps messages as long as dead letters"));
        }
    }
    violations
}

fn queues_are_encrypted(template: &Template) -> Vec<Violation> {
    template
        .of_type("AWS::SQS::Queue")
        .iter()
        .filter(|queue| queue.property("/SqsManagedSseEnabled") != &json!(true))
        .map(|queue| Violation::new(&queue.id, "is not encrypted"))
        .collect()
}

/// A function that sets a message aside itself must use the queue, and count to the number, that
/// SQS would.
fn functions_know_their_queues_redrive(template: &Template) -> Vec<Violation> {
    let last_resorts = dead_letter_queues(template);
    let mut violations = Vec::new();
    for (function, event) in sources(template, "SQS") {
        let Some(queue) = queue_of(template, &event) else { continue };
        if last_resorts.contains(&queue.id) {
            continue;
        }
        let variable =
            |name: &str| function.property(&format!("/Environment/Variables/{name}")).clone();
        if target(&variable("DEAD_LETTER_QUEUE_URL")) != dead_letter_queue(&queue) {
            violations.push(Violation::new(&function.id, "is given another dead-letter queue"));
        }
        let count = queue.property("/RedrivePolicy/maxReceiveCount").to_string();
        if variable("MAX_RECEIVE_COUNT").as_str() != Some(count.as_str()) {
            violations.push(Violation::new(&function.id, "is given another receive count"));
        }
    }
    violations
}

fn streams_bring_entries_only(template: &Template) -> Vec<Violation> {
    let wanted = json!({
        "eventName": ["INSERT"],
        "dynamodb": {"NewImage": {"entry": {"M": {"n": {"N": [{"exists": true}]}}}}},
    });
    let pattern = |event: &Event| {
        let filters = event.properties.pointer("/FilterCriteria/Filters")?.as_array()?;
        let [filter] = filters.as_slice() else { return None };
        serde_json::from_str::<Value>(filter.get("Pattern")?.as_str()?).ok()
    };
    sources(template, "DynamoDB")
        .into_iter()
        .filter(|(_, event)| pattern(event).as_ref() != Some(&wanted))
        .map(|(function, event)| {
            Violation::new(&function.id, format!("{} brings more than entries", event.name))
        })
        .collect()
}

/// Lambda would work on a thousand batches of a queue at once, which no provider takes; and where
/// those batches wait for slow receivers, nothing is left of the account's thousand for others.
/// Parts of a reconciliation and of a tick come one by one.
fn who_waits_for_others_is_bounded(template: &Template) -> Vec<Violation> {
    let bound = |function: &Resource| {
        let is_told =
            |name: &str| !function.property(&format!("/Environment/Variables/{name}")).is_null();
        if is_told("PAYMENT_PROVIDER") {
            Some("ProviderConcurrency")
        } else {
            is_told("WEBHOOKS_ALLOW_PRIVATE_ADDRESSES").then_some("WebhookConcurrency")
        }
    };
    sources(template, "SQS")
        .into_iter()
        .filter(|(function, event)| {
            let limit = bound(function).map(|name| json!({"MaximumConcurrency": {"Ref": name}}));
            limit.is_some()
                && event.properties.get("BatchSize") == Some(&json!(10))
                && event.properties.get("ScalingConfig") != limit.as_ref()
        })
        .map(|(function, event)| {
            Violation::new(&function.id, format!("{} has no bound", event.name))
        })
        .collect()
}

fn streams_give_up_into_a_queue(template: &Template) -> Vec<Violation> {
    let mut violations = Vec::new();
    for (function, event) in sources(template, "DynamoDB") {
        let mut broken = |says: &str| {
            violations.push(Violation::new(&function.id, format!("{} {says}", event.name)));
        };
        let properties = &event.properties;
        let retries = properties.get("MaximumRetryAttempts").and_then(Value::as_i64);
        if retries.is_none_or(|retries| !(1..=100).contains(&retries)) {
            broken("retries without bound");
        }
        if properties.get("BisectBatchOnFunctionError") != Some(&json!(true)) {
            broken("lets one record block its batch");
        }
        let destination = properties.pointer("/DestinationConfig/OnFailure/Destination");
        let queue = destination.and_then(target).and_then(|id| template.resource(id));
        if queue.is_none_or(|queue| queue.kind() != "AWS::SQS::Queue") {
            broken("loses what it gives up on");
        }
    }
    violations
}

#[test]
fn a_queue_that_feeds_a_function_has_a_dead_letter_queue() {
    let rule = sources_have_dead_letters;
    rule_sees(rule, "ValidationQueue", "ValidationQueue/Properties/RedrivePolicy", Fault::Remove);
    let count = "OrderCopyQueue/Properties/RedrivePolicy/maxReceiveCount";
    rule_sees(rule, "OrderCopyQueue", count, Fault::Set(json!(4)));
    let queue = "OrderCopyFunction/Properties/Events/Queue/Properties/Queue";
    rule_sees(rule, "OrderCopyFunction", queue, Fault::Set(json!({"Ref": "Nothing"})));
}

#[test]
fn a_message_stays_hidden_for_six_times_its_functions_timeout() {
    let rule = messages_stay_hidden_six_timeouts;
    let timeout = "RenewalTickFunction/Properties/Timeout";
    rule_sees(rule, "RenewalTickQueue", timeout, Fault::Set(json!(61)));
    let hidden = "ValidationDeadLetterQueue/Properties/VisibilityTimeout";
    rule_sees(rule, "ValidationDeadLetterQueue", hidden, Fault::Set(json!(179)));
}

#[test]
fn one_bad_record_does_not_fail_its_batch() {
    let rule = batches_report_single_failures;
    let queue = "DeadLetterFunction/Properties/Events/OrderCopy/Properties/FunctionResponseTypes";
    rule_sees(rule, "DeadLetterFunction", queue, Fault::Remove);
    let stream = "EventRelayFunction/Properties/Events/Book/Properties/FunctionResponseTypes";
    rule_sees(rule, "EventRelayFunction", stream, Fault::Set(json!([])));
}

#[test]
fn a_batch_over_ten_messages_has_a_window() {
    let size = "OrderCopyFunction/Properties/Events/Queue/Properties/BatchSize";
    rule_sees(large_batches_have_a_window, "OrderCopyFunction", size, Fault::Set(json!(11)));
}

#[test]
fn a_dead_letter_is_kept_longer_than_its_source_keeps_messages() {
    let rule = dead_letters_outlive_their_source;
    let dead = "EventRelayDeadLetterQueue/Properties/MessageRetentionPeriod";
    rule_sees(rule, "EventRelayDeadLetterQueue", dead, Fault::Remove);
    let source = "ValidationQueue/Properties/MessageRetentionPeriod";
    rule_sees(rule, "ValidationQueue", source, Fault::Set(json!(FOURTEEN_DAYS)));
}

#[test]
fn every_queue_is_encrypted() {
    let encrypted = "PaymentRetryQueue/Properties/SqsManagedSseEnabled";
    rule_sees(queues_are_encrypted, "PaymentRetryQueue", encrypted, Fault::Set(json!(false)));
}

#[test]
fn a_function_is_told_the_redrive_of_its_own_queue() {
    let rule = functions_know_their_queues_redrive;
    let count = "ValidationQueue/Properties/RedrivePolicy/maxReceiveCount";
    rule_sees(rule, "ValidationFunction", count, Fault::Set(json!(6)));
    let url = "PaymentRetryFunction/Properties/Environment/Variables/DEAD_LETTER_QUEUE_URL";
    let other = json!({"Ref": "OrderCopyDeadLetterQueue"});
    rule_sees(rule, "PaymentRetryFunction", url, Fault::Set(other));
}

#[test]
fn only_new_items_with_a_journal_entry_cost_the_relay_an_invocation() {
    let event = "EventRelayFunction/Properties/Events/Operations/Properties";
    let criteria = format!("{event}/FilterCriteria");
    let rule = streams_bring_entries_only;
    rule_sees(rule, "EventRelayFunction", &criteria, Fault::Remove);
    // A run or an open job run is changed many times, with its entry in it.
    let entry =
        json!({"dynamodb": {"NewImage": {"entry": {"M": {"n": {"N": [{"exists": true}]}}}}}});
    let changed = json!({"Filters": [{"Pattern": entry.to_string()}]});
    rule_sees(rule, "EventRelayFunction", &criteria, Fault::Set(changed));
}

#[test]
fn who_asks_others_does_not_flood_them_nor_wait_for_them_with_all_that_there_is() {
    for function in ["OrderCopyFunction", "WebhooksFunction"] {
        let config = format!("{function}/Properties/Events/Queue/Properties/ScalingConfig");
        rule_sees(who_waits_for_others_is_bounded, function, &config, Fault::Remove);
    }
}

#[test]
fn a_stream_record_that_cannot_be_published_ends_in_a_queue() {
    let rule = streams_give_up_into_a_queue;
    let event = "EventRelayFunction/Properties/Events/Operations/Properties";
    for property in ["MaximumRetryAttempts", "BisectBatchOnFunctionError", "DestinationConfig"] {
        rule_sees(rule, "EventRelayFunction", &format!("{event}/{property}"), Fault::Remove);
    }
}
