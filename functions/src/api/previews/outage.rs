//! What a restart after an outage would do about the occurrences that elapsed meanwhile.

use chrono::{DateTime, TimeDelta, Utc};
use perennial_domain::time::{
    CatchUp, CatchUpPreview, CaughtUp, Schedule, ScheduleError, Term, preview_catch_up,
};
use serde_json::{Map, Value, json};

use super::{members, schedule_attributes};
use crate::{
    api::subscription_models,
    http::{
        attributes::{Attribute, Attributes, Kind},
        error::{Code, Problem, Problems},
    },
};

/// Most occurrences of one answer.
const MAXIMUM_COUNT: usize = 1_000;

pub(super) const CATCH_UP: Attribute = Attribute::create(
    "catch_up",
    subscription_models::CATCH_UP,
    "What happens to occurrences missed from down_from to down_until.",
);
pub(super) const DOWN_FROM: Attribute = Attribute::create(
    "down_from",
    Kind::Instant,
    "Nothing runs from this instant on; with down_until, asks for catch_up_preview.",
);
pub(super) const DOWN_UNTIL: Attribute =
    Attribute::create("down_until", Kind::Instant, "When everything runs again.");
pub(super) const CATCH_UP_PREVIEW: Attribute = Attribute::read(
    "catch_up_preview",
    Kind::List(
        &Kind::Members(&[
            Attribute::read("number", Kind::Integer(0, u32::MAX as i64), "Which one."),
            Attribute::read("at", Kind::Instant, "When it was due, in UTC."),
            Attribute::read("local", Kind::Instant, "The same on the zone's wall clock."),
            Attribute::read("outcome", Kind::Choice(&["run", "skipped"]), "What becomes of it."),
            Attribute::read("reason", Kind::Text(200), "The same in words, with the reason."),
        ]),
        MAXIMUM_COUNT,
    ),
    "The missed occurrences up to the end (expires_at, max_occurrences), in order; null unless \
     asked for.",
);
pub(super) const CATCH_UP_HAS_MORE: Attribute = Attribute::read(
    "catch_up_has_more",
    Kind::Boolean,
    "Whether more were missed than are listed; null unless asked for.",
);

/// A time in which nothing runs, and what is to be done after it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Outage {
    catch_up: CatchUp,
    from: DateTime<Utc>,
    until: DateTime<Utc>,
}

/// Reads an outage; `None` where none was given, or something was wrong.
pub(super) fn read(attributes: &mut Attributes, problems: &mut Problems) -> Option<Outage> {
    let catch_up: Option<CatchUp> = attributes.optional(CATCH_UP.name, problems).value();
    let from: Option<DateTime<Utc>> = attributes.optional(DOWN_FROM.name, problems).value();
    let until: Option<DateTime<Utc>> = attributes.optional(DOWN_UNTIL.name, problems).value();
    if catch_up.is_none() && from.is_none() && until.is_none() {
        return None;
    }
    for (name, missing) in [(DOWN_FROM.name, from.is_none()), (DOWN_UNTIL.name, until.is_none())] {
        if missing {
            let detail = format!("{name} is required for a preview of catching up");
            problems.add(Problem::new(Code::Required, detail).at(attributes.pointer(name)));
        }
    }
    let (from, until) = from.zip(until)?;
    if until < from {
        let detail = format!("down_until must not be before down_from, which is {from}");
        let at = attributes.pointer(DOWN_UNTIL.name);
        problems.add(Problem::new(Code::OutOfRange, detail).at(at));
    }
    Some(Outage { catch_up: catch_up.unwrap_or_default(), from, until })
}

/// The attributes of an outage, with the defaults filled in.
pub(super) fn given(outage: Option<&Outage>) -> Map<String, Value> {
    members(json!({
        (CATCH_UP.name): outage.map(|outage| outage.catch_up),
        (DOWN_FROM.name): outage.map(|outage| outage.from),
        (DOWN_UNTIL.name): outage.map(|outage| outage.until),
    }))
}

/// What a restart after the outage would do.
pub(super) fn found(
    schedule: &Schedule,
    term: Term,
    outage: Option<&Outage>,
) -> Result<Map<String, Value>, Problem> {
    let preview = outage
        .map(|outage| preview(schedule, term, outage))
        .transpose()
        .map_err(|error| schedule_attributes::no_answer(error, DOWN_FROM.name))?;
    let elapsed = preview.as_ref().map(|preview| -> Vec<Value> {
        preview.elapsed.iter().map(|one| listed(schedule, one)).collect()
    });
    Ok(members(json!({
        (CATCH_UP_PREVIEW.name): elapsed,
        (CATCH_UP_HAS_MORE.name): preview.map(|preview| !preview.complete),
    })))
}

fn preview(
    schedule: &Schedule,
    term: Term,
    outage: &Outage,
) -> Result<CatchUpPreview, ScheduleError> {
    let Outage { catch_up, from, until } = *outage;
    let before = from.checked_sub_signed(TimeDelta::nanoseconds(1)).unwrap_or(from);
    let nothing = CatchUpPreview { elapsed: Vec::new(), complete: true, next: None };
    match schedule_attributes::first_after(schedule, before) {
        Ok(next) => {
            let term = term.into();
            preview_catch_up(schedule, next.slot(), until, catch_up, term, MAXIMUM_COUNT)
        }
        Err(error) if error.is_end() => Ok(nothing),
        Err(error) => Err(error),
    }
}

fn listed(schedule: &Schedule, one: &CaughtUp) -> Value {
    let CaughtUp { occurrence, outcome } = one;
    json!({
        "number": occurrence.number,
        "at": occurrence.at,
        "local": schedule_attributes::local(schedule, occurrence.at),
        "outcome": if outcome.runs() { "run" } else { "skipped" },
        "reason": outcome.to_string(),
    })
}
