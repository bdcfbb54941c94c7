//! Imports: subscriptions from another book, a batch at a time, each row on its own.
//!
//! A row's subscription has an id that derives from the other book's name and its id there, so a row
//! that comes again finds itself. What was said of it is kept as a hash in the first entry of its
//! journal: the same row again is unchanged, another under the same id is a conflict.

mod outcome;
mod parts;
mod place;
mod row;
mod write;

use std::collections::HashMap;

use futures::{StreamExt, TryStreamExt, stream};
use perennial_domain::{
    ids::SubscriptionId,
    import::{ImportedParts, ImportedTerms, Provenance, import_subscription},
    journal::Change,
    subscription::Subscription,
};
use perennial_store::{Record, RecordKind, StoreError};
use serde_json::{Map, Value};

use self::{
    outcome::{Outcomes, RESULT, Told, conflict},
    parts::{Parts, People},
    row::{FIELDS, Row, content, external_id},
    write::{CONCURRENCY, New, told_before, told_gone, write},
};
use super::{previews, sold};
use crate::{
    http::{
        attributes::{Access, Attribute, Attributes, Kind},
        caller::Verb,
        context::Context,
        document::Document,
        error::{Code, Outcome, Problem, Problems, Source},
        event::Answer,
        object::ResourceType,
        operation::{Action, Handler, Operation, Surface, elsewhere, handler},
        query::Accepts,
    },
    intake::line::too_large,
    refusals::problems_of,
};

/// Most rows of one request.
pub(crate) const MAX_ROWS: u16 = 500;

pub(crate) static KIND: ResourceType = ResourceType {
    name: "subscription_imports",
    singular: "subscription import",
    about: "Subscriptions from another book, a batch at a time. Each row stands for itself: what is \
            wrong with one keeps none of the others out. Sending a row again does no harm. Served \
            nowhere afterwards: the answer tells what became of each row.",
    attributes: &[
        Attribute::create(
            "source",
            Kind::Text(100),
            "Name of the other book. With a row's external_id it makes the subscription's id.",
        ),
        Attribute::create(
            "dry_run",
            Kind::Boolean,
            "Whether rows are only checked, and nothing is written; false unless given.",
        ),
        Attribute::of(
            "rows",
            Kind::List(&Kind::Members(FIELDS), MAX_ROWS as usize),
            Access::CreateOnly,
            "The rows; docs/import.md explains each field.",
        ),
        count("rows_count", "How many rows were given."),
        count("imported", "Rows that became a subscription, or would in a dry run."),
        count("unchanged", "Rows that were imported before, with the same content."),
        count("conflicts", "Rows whose external_id was imported before with another content."),
        count("invalid", "Rows that break a rule."),
        count("failed", "Rows that storage could not take now: send them again."),
        Attribute::read(
            "results",
            Kind::List(&Kind::Members(RESULT), MAX_ROWS as usize),
            "What became of each row, in their order.",
        ),
    ],
    relationships: &[],
};

const fn count(name: &'static str, about: &'static str) -> Attribute {
    Attribute::read(name, Kind::Integer(0, MAX_ROWS as i64), about)
}

const fn operation(handler: Handler) -> Operation {
    Operation {
        action: Action::Preview,
        path: "/api/subscription_imports",
        kind: &KIND,
        surface: Surface::Import,
        accepts: Accepts::SINGLE,
        about: "Imports a batch of subscriptions from another book, or checks it.",
        handler,
    }
}

/// What the function `import` serves.
pub(crate) const OPERATIONS: &[Operation] = &[operation(handler!(import))];

/// The same for documents and for the other functions, which leave its code out.
pub(crate) const DESCRIBED: &[Operation] = &[operation(elsewhere)];

async fn import(context: &Context<'_>) -> Outcome<Answer> {
    let mut document = Document::create(context.request, &KIND)?;
    let mut problems = Problems::default();
    let mut attributes = document.attributes(&mut problems);
    let source: Option<String> = attributes.required("source", &mut problems);
    let dry_run = attributes.value("dry_run", &mut problems).unwrap_or(false);
    let rows = given_rows(&mut attributes, &mut problems);
    let (source, rows) = problems.finish(source.zip(rows))?;
    if !dry_run {
        context.caller.check(Verb::Write, KIND.name)?;
    }
    let mut outcomes =
        Outcomes { dry_run, rows: rows.iter().map(|row| (external_id(row), None)).collect() };
    let contents: Vec<String> = rows.iter().map(content).collect();
    let ids = first_of_each(context, &source, &contents, &mut outcomes);
    tell_known(context, &ids, &contents, &mut outcomes).await?;
    let read = read_rows(context, &rows, &mut outcomes);
    let all: Vec<&Row> = read.iter().map(|read| &read.row).collect();
    let parts = Parts::load(context, &source, &all).await?;
    let mut needed: HashMap<String, (RecordKind, Record)> = HashMap::new();
    let mut made = Vec::new();
    for Read { place, external_id, row, problems } in read {
        let content = contents.get(place).map(String::as_str).unwrap_or_default();
        let from = Provenance { source: &source, external_id, content };
        // What has come in before and is no more does not ask for what it was paid by.
        if parts.lacks_source(context, &source, &row)
            && let Some(id) = ids.get(&place)
            && let Some(told) = told_gone(context, id, external_id).await?
        {
            outcomes.tell(place, told);
            continue;
        }
        match decide(context, &parts, &row, from, problems).await? {
            Ok((subscription, change, records)) => {
                needed.extend(records);
                made.push(New { place, subscription, change });
            }
            Err(problems) => outcomes.tell(place, Told::Invalid(problems)),
        }
    }
    if !dry_run {
        made = write(context, needed, made, &contents, &mut outcomes).await?;
    }
    for New { place, subscription, change: _ } in made {
        outcomes.tell(place, Told::Imported(Box::new(subscription)));
    }
    Ok(previews::answer(context, &KIND, outcomes.attributes(&source)))
}

/// The rows as they were given: each is checked for itself.
fn given_rows(attributes: &mut Attributes, problems: &mut Problems) -> Option<Vec<Value>> {
    let at = attributes.pointer("rows");
    match attributes.take_unread("rows") {
        Some(Value::Array(rows)) if rows.len() > usize::from(MAX_ROWS) => {
            let detail = format!("rows may hold at most {MAX_ROWS} rows, not {}", rows.len());
            problems.add(Problem::new(Code::OutOfRange, detail).at(at).with("value", rows.len()));
            None
        }
        Some(Value::Array(rows)) => Some(rows),
        None | Some(Value::Null) => {
            problems.add(Problem::new(Code::Required, "rows is required").at(at));
            None
        }
        Some(_) => {
            problems.add(Problem::new(Code::WrongType, "rows must be a list of objects").at(at));
            None
        }
    }
}

/// The ids of subscriptions by the place of their row. Where several rows have the same external id,
/// the first counts.
fn first_of_each(
    context: &Context<'_>,
    source: &str,
    contents: &[String],
    outcomes: &mut Outcomes<'_>,
) -> HashMap<usize, SubscriptionId> {
    let organization = context.caller.organization.as_str();
    let mut seen: HashMap<&str, usize> = HashMap::new();
    let mut ids = HashMap::new();
    for place in 0..outcomes.rows.len() {
        let Some(external_id) = outcomes.rows.get(place).and_then(|(id, _)| *id) else { continue };
        let from = Provenance { source, external_id, content: "" };
        let id = from.subscription(organization);
        match seen.insert(external_id, place) {
            Some(first) if contents.get(first) == contents.get(place) => {
                outcomes.tell(place, Told::Unchanged(id));
            }
            Some(_) => outcomes.tell(place, Told::Conflict(conflict(external_id, "in this batch"))),
            None => {
                ids.insert(place, id);
            }
        }
    }
    ids
}

/// Tells of the rows that were imported before.
async fn tell_known(
    context: &Context<'_>,
    ids: &HashMap<usize, SubscriptionId>,
    contents: &[String],
    outcomes: &mut Outcomes<'_>,
) -> Outcome<()> {
    let organization = &context.caller.organization;
    let wanted = ids.values().map(|id| (organization.clone(), id.clone()));
    let found = context.store().subscriptions(wanted).await?;
    let known: Vec<(usize, SubscriptionId, String)> = ids
        .iter()
        .filter(|(_, id)| {
            let found = found.get(&(organization.clone(), (*id).clone()));
            found.is_some_and(|found| context.caller.sees(&found.market_id))
        })
        .filter_map(|(place, id)| {
            Some((*place, id.clone(), outcomes.rows.get(*place)?.0?.to_owned()))
        })
        .collect();
    let told: Vec<(usize, Told)> = stream::iter(known)
        .map(|(place, id, external_id)| async move {
            let content = contents.get(place).map(String::as_str).unwrap_or_default();
            Ok::<_, StoreError>((place, told_before(context, &id, content, &external_id).await?))
        })
        .buffer_unordered(CONCURRENCY)
        .try_collect()
        .await?;
    for (place, told) in told {
        outcomes.tell(place, told);
    }
    Ok(())
}

/// A row that could be read, with what is wrong with it so far.
struct Read<'a> {
    place: usize,
    external_id: &'a str,
    row: Row,
    problems: Problems,
}

/// Reads the rows of which nothing is told yet.
fn read_rows<'a>(
    context: &Context<'_>,
    rows: &[Value],
    outcomes: &mut Outcomes<'a>,
) -> Vec<Read<'a>> {
    let mut read = Vec::with_capacity(rows.len());
    for (place, row) in rows.iter().enumerate() {
        let Some((external_id, None)) = outcomes.rows.get(place) else { continue };
        let mut problems = Problems::default();
        let fields: Map<String, Value> = match row {
            Value::Object(fields) => fields.clone(),
            _ => {
                problems.add(Problem::new(Code::WrongType, "a row must be an object").at(""));
                Map::new()
            }
        };
        match (*external_id, Row::read(fields, context.now, &mut problems)) {
            (Some(external_id), Some(row)) => {
                read.push(Read { place, external_id, row, problems });
            }
            _ => outcomes.tell(place, Told::Invalid(told(problems))),
        }
    }
    read
}

fn told(problems: Problems) -> Vec<Problem> {
    problems.check().err().map(|error| error.problems).unwrap_or_default()
}

/// What a row comes to: a subscription with the first entry of its journal, and the records that it
/// needs and that are new.
type Decided = Result<(Subscription, Change, Vec<(String, (RecordKind, Record))>), Vec<Problem>>;

async fn decide(
    context: &Context<'_>,
    parts: &Parts,
    row: &Row,
    from: Provenance<'_>,
    mut problems: Problems,
) -> Outcome<Decided> {
    let id = from.subscription(context.caller.organization.as_str());
    let people = parts.people(context, from.source, row, &mut problems);
    let Some(market) = parts.market(row, &mut problems) else {
        return Ok(Err(told(problems)));
    };
    let model = parts.model(row, market, &mut problems);
    let (items, skus) = parts.items(context, &id, row, market, &mut problems);
    let model_rules = model.map(|model| model.rules.clone()).unwrap_or_default();
    let mut terms = ImportedTerms {
        standing: row.standing,
        frequency: row.frequency.clone(),
        rules: row.rules.of(&model_rules),
        time_zone: row.time_zone.unwrap_or(market.time_zone),
        starts_at: row.starts_at,
        reached: row.reached,
        next_run_at: row.next_run_at,
        expires_at: row.expires_at,
        max_occurrences: model.and_then(|model| model.max_occurrences),
        occurrencies: row.occurrencies,
        errors_count: row.errors_count,
        last_run_at: row.last_run_at,
        renewal_alert_period: model.and_then(|model| model.renewal_alert_period),
        cut_off: model.map(|model| model.cut_off).unwrap_or_default(),
        place_target_order: row.place_target_order,
    };
    row.max_occurrences.clone().apply(&mut terms.max_occurrences);
    row.renewal_alert_period.clone().apply(&mut terms.renewal_alert_period);
    row.cut_off.clone().or_default(&mut terms.cut_off);
    let complete = !row.items.is_empty() && items.len() == row.items.len();
    let People { customer, payment_source, addresses, .. } = &people;
    let parts = ImportedParts {
        market,
        model,
        customer_id: Some(customer.clone()),
        payment_source_id: payment_source.clone(),
        addresses: addresses.clone(),
        items,
        skus,
    };
    let (mut made, change) = match import_subscription(id, parts, &terms, from, context.now) {
        Ok(made) => made,
        Err(rejections) => {
            // What no sku was found for is told already.
            let items = Some(Source::Pointer("/items".to_owned()));
            problems_of(&rejections)
                .map(in_row)
                .filter(|problem| complete || problem.source != items)
                .for_each(|problem| problems.add(problem));
            return Ok(Err(told(problems)));
        }
    };
    let Subscription { reference, reference_origin, metadata, .. } = &mut made;
    *reference = Some(from.external_id.to_owned());
    *reference_origin = Some(from.source.to_owned());
    row.annotations.apply(reference, reference_origin, metadata);
    sold::check_followed(context, &made, &made.items, "/items", &mut problems).await?;
    if let Some(problem) = too_large(&made) {
        problems.add(problem.at(""));
    }
    if let Err(error) = problems.check() {
        return Ok(Err(error.problems));
    }
    Ok(Ok((made, change, people.records())))
}

/// A problem whose place is the name of a field.
fn in_row(problem: Problem) -> Problem {
    match &problem.source {
        Some(Source::Pointer(field)) => {
            let at = format!("/{field}");
            problem.at(at)
        }
        _ => problem,
    }
}
