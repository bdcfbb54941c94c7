//! Rules of schedules.

use serde_json::{Value, json};

use super::{Fault, Violation, document::Template, queues::sources, rule_sees};

/// EventBridge takes `rate(1 minute)` and `rate(2 minutes)`, and refuses `rate(1 minutes)` only
/// when the stack is deployed.
fn is_schedule(text: &str) -> bool {
    let inside = |name: &str| text.strip_prefix(name)?.strip_prefix('(')?.strip_suffix(')');
    if let Some(rate) = inside("rate") {
        let Some((count, unit)) = rate.split_once(' ') else { return false };
        return match count.parse::<u32>() {
            Ok(1) => ["minute", "hour", "day"].contains(&unit),
            Ok(2..) => ["minutes", "hours", "days"].contains(&unit),
            Ok(0) | Err(_) => false,
        };
    }
    inside("cron").is_some_and(|cron| cron.split_whitespace().count() == 6)
}

fn schedules_can_be_deployed(template: &Template) -> Vec<Violation> {
    sources(template, "Schedule")
        .into_iter()
        .filter(|(_, event)| {
            let schedule = event.properties.get("Schedule").and_then(Value::as_str);
            !schedule.is_some_and(is_schedule)
        })
        .map(|(function, event)| Violation::new(&function.id, event.name))
        .collect()
}

/// A retry of the tick would come a minute later, beside the next tick.
fn scheduled_functions_are_not_retried(template: &Template) -> Vec<Violation> {
    sources(template, "Schedule")
        .into_iter()
        .filter(|(function, event)| {
            let invoke = function.property("/EventInvokeConfig/MaximumRetryAttempts");
            let rule = event.properties.pointer("/RetryPolicy/MaximumRetryAttempts");
            invoke != &json!(0) || rule != Some(&json!(0))
        })
        .map(|(function, event)| Violation::new(&function.id, event.name))
        .collect()
}

fn the_tick_runs_every_minute(template: &Template) -> Vec<Violation> {
    let ticks = sources(template, "Schedule");
    let found = ticks.iter().any(|(function, event)| {
        function.id == "RenewalTickFunction"
            && event.properties.get("Schedule") == Some(&json!("rate(1 minute)"))
    });
    if found { Vec::new() } else { vec![Violation::new("RenewalTickFunction", "does not tick")] }
}

const SCHEDULE: &str = "RenewalTickFunction/Properties/Events/EveryMinute/Properties/Schedule";

#[test]
fn a_rate_of_one_takes_the_singular() {
    for fault in ["rate(1 minutes)", "rate(5 minute)", "rate(0 days)", "cron(* * * * *)"] {
        let fault = Fault::Set(json!(fault));
        rule_sees(schedules_can_be_deployed, "RenewalTickFunction", SCHEDULE, fault);
    }
}

#[test]
fn the_next_minute_is_the_ticks_retry() {
    let rule = scheduled_functions_are_not_retried;
    let invoke = "RenewalTickFunction/Properties/EventInvokeConfig";
    rule_sees(rule, "RenewalTickFunction", invoke, Fault::Remove);
    let policy = "RenewalTickFunction/Properties/Events/EveryMinute/Properties/RetryPolicy";
    rule_sees(rule, "RenewalTickFunction", policy, Fault::Remove);
}

#[test]
fn something_wakes_what_is_due_every_minute() {
    let rule = the_tick_runs_every_minute;
    rule_sees(rule, "RenewalTickFunction", SCHEDULE, Fault::Set(json!("rate(1 day)")));
}
