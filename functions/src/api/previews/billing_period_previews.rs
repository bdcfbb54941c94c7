//! Billing period previews: the periods of a schedule, whole or cut, and when each is invoiced.

use chrono::{DateTime, Utc};
use perennial_domain::{
    billing_period::{
        Billing, BillingPeriod, BillingTerms, PeriodError, PeriodKind, Reach, periods,
    },
    time::Schedule,
};
use serde_json::{Value, json};

use super::{
    answer, members, operation,
    schedule_attributes::{
        self, ANCHOR_DAY, ANCHOR_WEEKDAY, DST_GAP, DST_OVERLAP, FREQUENCY, MONTH_END, STARTS_AT,
        TIME_ZONE, WORKING_DAYS,
    },
};
use crate::http::{
    attributes::{Attribute, Attributes, Kind},
    context::Context,
    document::Document,
    error::{Code, Outcome, Problem, Problems},
    event::Answer,
    object::ResourceType,
    operation::{Operation, handler},
};

/// Most periods of one answer.
const MAXIMUM_COUNT: u32 = 1_000;
/// Periods of an answer where nothing says how far it goes.
const DEFAULT_COUNT: u32 = 12;

pub(super) const BILLING: Attribute = Attribute::create(
    "billing",
    Kind::Choice(&["advance", "arrears"]),
    "Whether a period is invoiced at its start (the default) or at its end.",
);
pub(super) const ENDS_AT: Attribute = Attribute::create(
    "ends_at",
    Kind::Instant,
    "When the subscription ends, which cuts its last period; null for never.",
);
pub(super) const INITIAL_INVOICE_AT: Attribute = Attribute::create(
    "initial_invoice_at",
    Kind::Instant,
    "Nothing is invoiced before it: what would have been is invoiced then.",
);

pub(super) const PERIOD: &[Attribute] = &[
    Attribute::read("number", Kind::Integer(0, u32::MAX as i64), "The occurrence it begins at."),
    Attribute::read("start", Kind::Instant, "Its first instant."),
    Attribute::read("end", Kind::Instant, "The first instant after it."),
    Attribute::read("kind", Kind::Choice(&["whole", "stub"]), "Whether anything is missing."),
    Attribute::read(
        "stub",
        Kind::Choice(&["start", "end", "start_and_end"]),
        "Where: it starts after, or ends before, a whole one would; null for a whole one.",
    ),
    Attribute::read("fraction", Kind::Text(50), "Its share of a whole period, exact: 26/31."),
    Attribute::read("fraction_decimal", Kind::Text(50), "The same to nine decimals."),
    Attribute::read("invoiced_at", Kind::Instant, "When it is invoiced."),
    Attribute::read("start_date", Kind::Date, "Its first day, on the zone's calendar."),
    Attribute::read("end_date", Kind::Date, "The day on that calendar on which it ends."),
    Attribute::read("invoiced_on", Kind::Date, "The day on that calendar on which it is invoiced."),
];

pub(crate) static KIND: ResourceType = ResourceType {
    name: "billing_period_previews",
    singular: "billing period preview",
    about: "The periods of a schedule, whole or cut, and when each is invoiced. Stored nowhere.",
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
        ENDS_AT,
        BILLING,
        INITIAL_INVOICE_AT,
        Attribute::create("until", Kind::Instant, "Only periods that begin before it."),
        Attribute::create(
            "count",
            Kind::Integer(1, MAXIMUM_COUNT as i64),
            "Most periods of the answer; unless given, 12, or 1,000 with until or ends_at.",
        ),
        Attribute::read(
            "periods",
            Kind::List(&Kind::Members(PERIOD), MAXIMUM_COUNT as usize),
            "The periods, in order.",
        ),
        Attribute::read("has_more", Kind::Boolean, "Whether count left periods out."),
    ],
    relationships: &[],
};

pub(crate) const OPERATIONS: &[Operation] = &[operation(
    "/api/billing_period_previews",
    &KIND,
    "Computes billing periods.",
    handler!(preview),
)];

async fn preview(context: &Context<'_>) -> Outcome<Answer> {
    let mut document = Document::create(context.request, &KIND)?;
    let mut problems = Problems::default();
    let mut attributes = document.attributes(&mut problems);
    let schedule = schedule_attributes::read(&mut attributes, &mut problems);
    let terms = read_terms(&mut attributes, &mut problems);
    let until: Option<DateTime<Utc>> = attributes.optional("until", &mut problems).value();
    let count: Option<u32> = attributes.optional("count", &mut problems).value();
    let schedule = problems.finish(schedule)?;

    let bounded = until.is_some() || terms.ends_at.is_some();
    let count = count.unwrap_or(if bounded { MAXIMUM_COUNT } else { DEFAULT_COUNT }) as usize;
    let reach = Reach { until, count: count + 1 };
    let mut found: Vec<BillingPeriod> =
        periods(&schedule, terms, reach).collect::<Result<_, _>>().map_err(|e| no_periods(&e))?;
    let has_more = found.len() > count;
    found.truncate(count);

    let mut attributes = schedule_attributes::given(&schedule);
    attributes.extend(given_terms(&terms));
    attributes.extend(members(json!({
        "until": until,
        "count": count,
        "periods": found.iter().map(|one| listed(&schedule, one)).collect::<Vec<Value>>(),
        "has_more": has_more,
    })));
    Ok(answer(context, &KIND, attributes))
}

/// Reads how a subscription is billed.
pub(super) fn read_terms(attributes: &mut Attributes, problems: &mut Problems) -> BillingTerms {
    let billing: Option<Billing> = attributes.optional(BILLING.name, problems).value();
    BillingTerms {
        billing: billing.unwrap_or_default(),
        ends_at: attributes.optional(ENDS_AT.name, problems).value(),
        initial_invoice_at: attributes.optional(INITIAL_INVOICE_AT.name, problems).value(),
    }
}

/// The attributes that say how a subscription is billed.
pub(super) fn given_terms(terms: &BillingTerms) -> serde_json::Map<String, Value> {
    let BillingTerms { billing, ends_at, initial_invoice_at } = terms;
    members(json!({
        (BILLING.name): billing,
        (ENDS_AT.name): ends_at,
        (INITIAL_INVOICE_AT.name): initial_invoice_at,
    }))
}

/// The problem of a schedule whose periods can't be told.
pub(super) fn no_periods(error: &PeriodError) -> Problem {
    let at = match error {
        PeriodError::Schedule(error) => return schedule_attributes::no_answer(*error, "starts_at"),
        PeriodError::Money(_) => "/data/attributes",
        PeriodError::TooManyPeriods => "/data/attributes/initial_invoice_at",
    };
    Problem::new(Code::OutOfRange, error.to_string()).at(at)
}

/// A period as it is answered, with the dates that it has where the schedule's zone is.
pub(super) fn listed(schedule: &Schedule, period: &BillingPeriod) -> Value {
    let BillingPeriod { number, start, end, kind, fraction, invoiced_at } = period;
    let stub = match kind {
        PeriodKind::Whole => None,
        PeriodKind::StartStub => Some("start"),
        PeriodKind::EndStub => Some("end"),
        PeriodKind::StartAndEndStub => Some("start_and_end"),
    };
    let date = |at: DateTime<Utc>| schedule.local(at).date_naive();
    json!({
        "number": number,
        "start": start,
        "end": end,
        "kind": if kind.is_stub() { "stub" } else { "whole" },
        "stub": stub,
        "fraction": fraction,
        "fraction_decimal": fraction.to_nine_decimals(),
        "invoiced_at": invoiced_at,
        "start_date": date(*start),
        "end_date": date(*end),
        "invoiced_on": date(*invoiced_at),
    })
}
