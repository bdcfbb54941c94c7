//! Making, changing and deleting records.

use perennial_domain::ids::new_id;
use perennial_store::{Record, StoreError};
use serde_json::{Value, json};

use super::{
    Catalog, Change, in_path, need,
    read::{find, revealed},
    text, version,
};
use crate::{
    api::{answer, once_shown},
    http::{
        context::Context,
        document::Document,
        error::{Code, Outcome, Problem},
        event::Answer,
    },
};

/// The members that only the server sets.
const SERVER: [&str; 2] = ["created_at", "updated_at"];

/// The record after a change that keeps all the rules.
async fn settled(
    context: &Context<'_>,
    catalog: &'static Catalog,
    mut change: Change,
) -> Outcome<Record> {
    (catalog.take)(context, &mut change);
    change.read_attributes();
    change.read_relationships(context).await?;
    change.read_tags(context).await?;
    (catalog.settle)(context, &mut change).await?;
    change.problems.check()?;
    Ok(change.after)
}

/// Refuses to write what is not of the one market that the caller is confined to: of another, or of
/// all.
fn check_market(context: &Context<'_>, catalog: &Catalog, record: &Record) -> Outcome<()> {
    let (Some(own), Some(member)) = (&context.caller.market, catalog.market) else {
        return Ok(());
    };
    if text(record, member) == Some(own.as_str()) {
        return Ok(());
    }
    let kinds = catalog.kind.name;
    let detail = format!("this token is for market {own}: it writes no {kinds} but that market's");
    Err(Problem::new(Code::Forbidden, detail).into())
}

pub(super) async fn create(context: &Context<'_>) -> Outcome<Answer> {
    let catalog = in_path(context)?;
    let record = new_record(context, catalog).await?;
    let record = store_new(context, catalog, record).await?;
    answer::one(context, 201, &revealed(context, catalog, None, &record)).await
}

/// The new record that a request asks for, to be stored.
pub(crate) async fn new_record(
    context: &Context<'_>,
    catalog: &'static Catalog,
) -> Outcome<Record> {
    let document = Document::create(context.request, catalog.kind)?;
    let mut record = settled(context, catalog, Change::new(catalog, document, None)).await?;
    let id = catalog
        .id_of(&record)
        .unwrap_or_else(|| new_id(catalog.prefix, context.new_uuid(catalog.kind.name)));
    let facts = [("id", json!(id)), ("version", json!(1))];
    for (name, value) in facts.into_iter().chain(SERVER.map(|name| (name, json!(context.now)))) {
        record.insert(name.to_owned(), value);
    }
    check_market(context, catalog, &record)?;
    Ok(record)
}

/// Stores a new record. When the same request, under the same idempotency key, has stored it before
/// and died before it could answer, that one is the answer.
async fn store_new(
    context: &Context<'_>,
    catalog: &'static Catalog,
    record: Record,
) -> Outcome<Record> {
    let organization = &context.caller.organization;
    let conflict = match context.store().create_record(organization, catalog.stored, &record).await
    {
        Ok(()) => return Ok(record),
        Err(conflict @ StoreError::Conflict(_)) => conflict,
        Err(error) => return Err(error.into()),
    };
    let id = text(&record, "id").unwrap_or_default();
    let existing = match &context.once {
        Some(_) => context.store().record(organization, catalog.stored, id).await?,
        None => None,
    };
    let members = catalog.identity.members();
    if members.is_empty() {
        return existing.ok_or_else(|| conflict.into());
    }
    let ours = existing.filter(|existing| same(catalog, existing, &record));
    ours.ok_or_else(|| taken(catalog, members, &record).into())
}

/// Whether two records say the same, whenever they were made. Secrets that the same request has made
/// are as good as the same.
fn same(catalog: &Catalog, one: &Record, other: &Record) -> bool {
    let said = |record: &Record| {
        let anew = if record.contains_key(once_shown::MADE_BY) { catalog.anew } else { &[] };
        let mut record = record.clone();
        record.retain(|name, _| !SERVER.contains(&name.as_str()) && !anew.contains(&name.as_str()));
        record
    };
    said(one) == said(other)
}

fn taken(catalog: &Catalog, members: &[&str], record: &Record) -> Problem {
    let values: Vec<String> = members
        .iter()
        .map(|name| format!("{name} {}", record.get(*name).unwrap_or(&Value::Null)))
        .collect();
    let what = catalog.kind.singular;
    let detail = format!("there is a {what} with the {} already", values.join(" and the "));
    let problem = Problem::new(Code::Taken, detail);
    let attribute = members
        .first()
        .filter(|name| catalog.kind.attributes.iter().any(|attribute| attribute.name == **name));
    match attribute {
        Some(name) => problem
            .at(format!("/data/attributes/{name}"))
            .with("value", record.get(*name).cloned().unwrap_or_default()),
        None => problem.at("/data/relationships"),
    }
}

pub(super) async fn update(context: &Context<'_>) -> Outcome<Answer> {
    let catalog = in_path(context)?;
    let (before, record) = changed_record(context, catalog).await?;
    let organization = &context.caller.organization;
    let seen = version(&before);
    context.store().update_record(organization, catalog.stored, &record, seen).await?;
    answer::one(context, 200, &revealed(context, catalog, Some(&before), &record)).await
}

/// The record that a request changes, and what it asks that to be, to be stored.
pub(crate) async fn changed_record(
    context: &Context<'_>,
    catalog: &'static Catalog,
) -> Outcome<(Record, Record)> {
    let before = find(context, catalog).await?;
    check_market(context, catalog, &before)?;
    let document = Document::update(context.request, catalog.kind, context.id)?;
    let seen = version(&before);
    context.check_version(seen)?;
    let mut record =
        settled(context, catalog, Change::new(catalog, document, Some(before.clone()))).await?;
    record.insert("version".to_owned(), json!(seen + 1));
    record.insert("updated_at".to_owned(), json!(context.now));
    check_market(context, catalog, &record)?;
    Ok((before, record))
}

pub(super) async fn delete(context: &Context<'_>) -> Outcome<Answer> {
    let catalog = in_path(context)?;
    let record = removable_record(context, catalog).await?;
    let (organization, seen) = (&context.caller.organization, version(&record));
    context.store().delete_record(organization, catalog.stored, context.id, seen).await?;
    Ok(Answer::empty(204))
}

/// The record that a request deletes, which nothing needs any more.
pub(crate) async fn removable_record(
    context: &Context<'_>,
    catalog: &'static Catalog,
) -> Outcome<Record> {
    let record = find(context, catalog).await?;
    check_market(context, catalog, &record)?;
    let seen = version(&record);
    context.check_version(seen)?;
    if let Some(problem) = (catalog.refuse_deletion)(context, &record) {
        return Err(problem.into());
    }
    need::refuse_needed(context, catalog, context.id).await?;
    Ok(record)
}
