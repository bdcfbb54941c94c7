//! How a source does: what came from it lately, what became of that, and whether that is well.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use perennial_store::Tally;
use serde_json::{Value, json};

use super::reader;
use crate::{
    api::{catalog::text, channels::PLAIN_API},
    http::{
        attributes::{Attribute, Kind},
        caller::Role,
        context::Context,
        error::{Code, Outcome, Problem},
        event::Answer,
        media_type::JSON_API,
        object::{Object, ResourceType, unserved},
    },
};

/// Hours that are looked at.
const HOURS: i64 = 24;
/// Fewest messages within an hour or two that say something about errors.
const FEWEST: u64 = 5;
/// From how many of a hundred messages on that are refused a channel is not well.
const WARN_PERCENT: u64 = 10;
/// From how many on it has failed.
const FAIL_PERCENT: u64 = 50;

const COUNT: Kind = Kind::Integer(0, i64::MAX);

pub(crate) static KIND: ResourceType = ResourceType {
    name: "channel_healths",
    singular: "channel health",
    about: "How a channel does, by tallies of the last 24 hours; under `api`, how the plain API does. \
            Counts of channels are exact but for crashes, those of the plain API may lack the last \
            seconds.",
    attributes: &[
        Attribute::read("status", Kind::Choice(&["pass", "warn", "fail"]), "Whether it is well."),
        Attribute::read(
            "reasons",
            Kind::List(&Kind::Text(500), 5),
            "Why its `status` is not `pass`.",
        ),
        Attribute::read("last_message_at", Kind::Instant, "When the last message came."),
        Attribute::read("last_accepted_at", Kind::Instant, "When the last one was taken."),
        Attribute::read("last_rejected_at", Kind::Instant, "When the last one was refused."),
        Attribute::read("last_problem", Kind::Text(300), "Why the last one that was refused was."),
        Attribute::read("messages", COUNT, "Messages within 24 hours."),
        Attribute::read("accepted", COUNT, "Those that became an order."),
        Attribute::read("updated", COUNT, "Those that changed an order."),
        Attribute::read("repeated", COUNT, "Those that said what was known."),
        Attribute::read("rejected", COUNT, "Those that were refused."),
        Attribute::read(
            "failed",
            COUNT,
            "Those that failed for reasons of ours, or came too fast.",
        ),
        Attribute::read(
            "error_rate_percent",
            Kind::Integer(0, 100),
            "How many of a hundred were refused or failed in this hour and the last; null when none \
             came.",
        ),
        Attribute::read(
            "mean_lag_ms",
            COUNT,
            "How long messages took to come, by the sender's own time; null where none tells.",
        ),
        Attribute::read(
            "hours",
            Kind::List(
                &Kind::Members(&[
                    Attribute::read("hour", Kind::Instant, "When it began."),
                    Attribute::read("accepted", COUNT, "Became an order."),
                    Attribute::read("updated", COUNT, "Changed an order."),
                    Attribute::read("repeated", COUNT, "Said what was known."),
                    Attribute::read("rejected", COUNT, "Were refused."),
                    Attribute::read("failed", COUNT, "Failed."),
                ]),
                25,
            ),
            "The tallies by the hour, oldest first; hours without messages are left out.",
        ),
    ],
    relationships: &[],
};

pub(super) async fn read(context: &Context<'_>) -> Outcome<Answer> {
    if context.caller.role == Role::SalesChannel {
        let detail = "the role sales_channel may not read channel_healths";
        return Err(Problem::new(Code::Forbidden, detail).into());
    }
    let (source, expected) = if context.id == PLAIN_API {
        if context.caller.market.is_some() {
            let detail = "the plain API serves all markets, this token is for one";
            return Err(Problem::new(Code::Forbidden, detail).into());
        }
        (PLAIN_API.to_owned(), None)
    } else {
        let channel = reader::channel(context, context.id).await?;
        let minutes = channel.get("expected_every_minutes").and_then(Value::as_i64);
        (text(&channel, "code").unwrap_or_default().to_owned(), minutes.map(TimeDelta::minutes))
    };
    let since = context.now - TimeDelta::hours(HOURS);
    let organization = &context.caller.organization;
    let hours = context.store().tallies(organization, &source, since).await?;
    let object = Object {
        kind: &KIND,
        id: source,
        version: None,
        attributes: told(&hours, expected, context.now),
        relationships: Vec::new(),
        meta: None,
        brings: Vec::new(),
    };
    let document = unserved(&object, context.query);
    Ok(Answer::json(200, &document).with_header("content-type", JSON_API))
}

fn told(
    hours: &BTreeMap<DateTime<Utc>, Tally>,
    expected: Option<TimeDelta>,
    now: DateTime<Utc>,
) -> Value {
    let sum =
        |tallies: &mut dyn Iterator<Item = &Tally>| tallies.fold(Tally::default(), Tally::and);
    let day = sum(&mut hours.values());
    let lately = now - TimeDelta::hours(2);
    let lately = sum(&mut hours.iter().filter(|(hour, _)| **hour > lately).map(|(_, tally)| tally));
    let percent = error_percent(&lately);
    let (status, reasons) = verdict(&lately, day.last_at, expected, now);
    let by_hour = hours.iter().map(|(hour, tally)| {
        json!({
            "hour": hour,
            "accepted": tally.accepted,
            "updated": tally.updated,
            "repeated": tally.repeated,
            "rejected": tally.rejected,
            "failed": tally.failed,
        })
    });
    json!({
        "status": status,
        "reasons": reasons,
        "last_message_at": day.last_at,
        "last_accepted_at": day.last_accepted_at,
        "last_rejected_at": day.last_rejected_at,
        "last_problem": day.last_problem,
        "messages": day.messages(),
        "accepted": day.accepted,
        "updated": day.updated,
        "repeated": day.repeated,
        "rejected": day.rejected,
        "failed": day.failed,
        "error_rate_percent": percent,
        "mean_lag_ms": day.lag_ms.checked_div(day.dated),
        "hours": by_hour.collect::<Vec<_>>(),
    })
}

/// How many of a hundred messages were refused or failed, rounded down.
fn error_percent(tally: &Tally) -> Option<u64> {
    (tally.rejected + tally.failed).saturating_mul(100).checked_div(tally.messages())
}

/// Whether a source is well, by its errors lately and its silence.
fn verdict(
    lately: &Tally,
    last_at: Option<DateTime<Utc>>,
    expected: Option<TimeDelta>,
    now: DateTime<Utc>,
) -> (&'static str, Vec<String>) {
    let (mut level, mut reasons) = (0, Vec::new());
    if let Some(percent) = error_percent(lately).filter(|percent| *percent >= WARN_PERCENT)
        && lately.messages() >= FEWEST
    {
        level = if percent >= FAIL_PERCENT { 2 } else { 1 };
        reasons.push(format!(
            "{percent}% of the {} messages of this hour and the last were refused or failed",
            lately.messages()
        ));
    }
    if let Some(expected) = expected {
        let silent = last_at.map(|at| now - at);
        let late = |times| silent.is_none_or(|silent| silent > expected * times);
        if late(1) {
            level = level.max(if late(2) { 2 } else { 1 });
            let minutes = expected.num_minutes();
            reasons.push(match silent {
                Some(silent) => format!(
                    "no message for {} minutes; one is expected every {minutes}",
                    silent.num_minutes()
                ),
                None => format!("no message for a day; one is expected every {minutes} minutes"),
            });
        }
    }
    let status = match level {
        0 => "pass",
        1 => "warn",
        _ => "fail",
    };
    (status, reasons)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
    use super::*;

    #[test]
    fn a_source_is_judged_by_its_errors_and_its_silence() {
        let now: DateTime<Utc> = "2027-01-01T12:00:00Z".parse().unwrap();
        let minutes = TimeDelta::minutes;
        // accepted, rejected, minutes since the last message, minutes expected
        for ((accepted, rejected, silent, expected), status) in [
            ((0, 0, None, None), "pass"),
            ((10, 0, Some(1), None), "pass"),
            ((0, 4, Some(1), None), "pass"),
            ((91, 9, Some(1), None), "pass"),
            ((90, 10, Some(1), None), "warn"),
            ((51, 49, Some(1), None), "warn"),
            ((50, 50, Some(1), None), "fail"),
            ((10, 0, Some(60), Some(60)), "pass"),
            ((10, 0, Some(61), Some(60)), "warn"),
            ((10, 0, Some(121), Some(60)), "fail"),
            ((0, 0, None, Some(60)), "fail"),
            ((90, 10, Some(121), Some(60)), "fail"),
        ] {
            let tally = Tally { accepted, rejected, ..Tally::default() };
            let last = silent.map(|silent| now - minutes(silent));
            let (found, reasons) = verdict(&tally, last, expected.map(minutes), now);
            assert_eq!(found, status, "{accepted} {rejected} {silent:?} {expected:?}");
            assert_eq!(reasons.is_empty(), status == "pass");
        }
    }
}
