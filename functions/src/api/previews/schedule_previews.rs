//! Schedule previews: when something repeats, and why then.

use chrono::{DateTime, TimeDelta, Utc};
use perennial_domain::time::{Occurrence, Schedule, ScheduleError, Term};
use serde_json::{Value, json};

use super::{
    answer, members, operation,
    outage::{self, CATCH_UP, CATCH_UP_HAS_MORE, CATCH_UP_PREVIEW, DOWN_FROM, DOWN_UNTIL},
    schedule_attributes::{
        self, ANCHOR_DAY, ANCHOR_WEEKDAY, DST_GAP, DST_OVERLAP, FREQUENCY, MONTH_END, STARTS_AT,
        TIME_ZONE, WORKING_DAYS,
    },
};
use crate::http::{
    attributes::{Attribute, Kind},
    context::Context,
    document::Document,
    error::{Outcome, Problems},
    event::Answer,
    object::ResourceType,
    operation::{Operation, handler},
};

/// Most occurrences of one answer.
const MAXIMUM_COUNT: u32 = 1_000;
/// Occurrences of an answer unless asked otherwise.
const DEFAULT_COUNT: u32 = 10;

pub(crate) static KIND: ResourceType = ResourceType {
    name: "schedule_previews",
    singular: "schedule preview",
    about: "When something repeats, and why then. Stored nowhere.",
    attributes: &[
        FREQUENCY,
        STARTS_AT,
        TIME_ZONE,
        ANCHOR_DAY,
        ANCHOR_WEEKDAY,
        MONTH_END,
        DST_GAP,
        DST_OVERLAP,
        WORKING_DAYS,
        Attribute::create(
            "after",
            Kind::Instant,
            "Only occurrences strictly after it; from occurrence 0 on unless given.",
        ),
        Attribute::create(
            "count",
            Kind::Integer(1, MAXIMUM_COUNT as i64),
            "Most occurrences of the answer; 10 unless given.",
        ),
        Attribute::create(
            "max_occurrences",
            Kind::Integer(1, u32::MAX as i64),
            "How many occurrences there are at all, counted from number 0, the start, on.",
        ),
        Attribute::create("expires_at", Kind::Instant, "No occurrence is at or after this."),
        CATCH_UP,
        DOWN_FROM,
        DOWN_UNTIL,
        Attribute::read(
            "occurrences",
            Kind::List(
                &Kind::Members(&[
                    Attribute::read("number", Kind::Integer(0, u32::MAX as i64), "Which one."),
                    Attribute::read("at", Kind::Instant, "When, in UTC."),
                    Attribute::read("local", Kind::Instant, "The same on the zone's wall clock."),
                    Attribute::read("reason", Kind::Text(500), "Why then."),
                ]),
                MAXIMUM_COUNT as usize,
            ),
            "The occurrences, in order.",
        ),
        Attribute::read("has_more", Kind::Boolean, "Whether count left occurrences out."),
        CATCH_UP_PREVIEW,
        CATCH_UP_HAS_MORE,
    ],
    relationships: &[],
};

pub(crate) const OPERATIONS: &[Operation] = &[operation(
    "/api/schedule_previews",
    &KIND,
    "Computes when something repeats, and why then.",
    handler!(preview),
)];

/// Which occurrences are wanted.
#[derive(Debug, Clone, Copy)]
struct Wanted {
    after: Option<DateTime<Utc>>,
    count: u32,
    term: Term,
}

async fn preview(context: &Context<'_>) -> Outcome<Answer> {
    let mut document = Document::create(context.request, &KIND)?;
    let mut problems = Problems::default();
    let mut attributes = document.attributes(&mut problems);
    let schedule = schedule_attributes::read(&mut attributes, &mut problems);
    let wanted = Wanted {
        after: attributes.optional("after", &mut problems).value(),
        count: attributes.optional("count", &mut problems).value().unwrap_or(DEFAULT_COUNT),
        term: Term {
            max_occurrences: attributes.optional("max_occurrences", &mut problems).value(),
            expires_at: attributes.optional("expires_at", &mut problems).value(),
        },
    };
    let outage = outage::read(&mut attributes, &mut problems);
    let schedule = problems.finish(schedule)?;
    let (occurrences, has_more) = occurrences(&schedule, wanted)
        .map_err(|error| schedule_attributes::no_answer(error, "after"))?;
    let mut attributes = schedule_attributes::given(&schedule);
    attributes.extend(members(json!({
        "after": wanted.after,
        "count": wanted.count,
        "max_occurrences": wanted.term.max_occurrences,
        "expires_at": wanted.term.expires_at,
        "occurrences": occurrences.iter().map(|one| listed(&schedule, one)).collect::<Vec<_>>(),
        "has_more": has_more,
    })));
    attributes.extend(outage::given(outage.as_ref()));
    attributes.extend(outage::found(&schedule, wanted.term, outage.as_ref())?);
    Ok(answer(context, &KIND, attributes))
}

/// An occurrence as it is answered.
fn listed(schedule: &Schedule, occurrence: &Occurrence) -> Value {
    let Occurrence { number, at, reason } = occurrence;
    let local = schedule_attributes::local(schedule, *at);
    json!({"number": number, "at": at, "local": local, "reason": reason.to_string()})
}

/// The occurrences that are wanted, up to the end of the schedule, and whether there are more.
fn occurrences(
    schedule: &Schedule,
    wanted: Wanted,
) -> Result<(Vec<Occurrence>, bool), ScheduleError> {
    let Wanted { after, count, term } = wanted;
    let before = schedule.anchor().checked_sub_signed(TimeDelta::nanoseconds(1));
    let after = after.or(before).unwrap_or(schedule.anchor());
    let first = match schedule_attributes::first_after(schedule, after) {
        Ok(first) => first,
        Err(error) if error.is_end() => return Ok((Vec::new(), false)),
        Err(error) => return Err(error),
    };
    let is_left = |found: &Occurrence| term.end_at(found.at, found.number.get()).is_none();
    let mut left = schedule
        .occurrences_from(first.slot())
        .take_while(|found| found.as_ref().map_or(true, is_left));
    let listed = left.by_ref().take(count as usize).collect::<Result<_, _>>()?;
    let has_more = left.next().is_some_and(|next| next.is_ok());
    Ok((listed, has_more))
}
