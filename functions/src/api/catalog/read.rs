//! Reading records: one, a list, or those that others lead to.

use perennial_store::{Cursor, CursorError, Page, Record, Span, Window};
use serde_json::{Value, json};

use super::{Catalog, Identity, in_path, member, named, text, version};
use crate::{
    api::{answer, listing},
    http::{
        context::Context,
        error::{ApiError, Outcome},
        event::Answer,
        json_object::json_object,
        object::{Given, Linkage, Object, Ref, Relationship},
        query::{BOUND, filter::Filter},
    },
};

/// A record as answers show it.
pub(crate) fn object(catalog: &'static Catalog, record: &Record) -> Object {
    let defaults = (catalog.defaults)();
    let readable = catalog.kind.attributes.iter().filter(|attribute| attribute.access.readable());
    let mut attributes = json_object(readable.map(|attribute| {
        let value = record.get(attribute.name).or_else(|| defaults.get(attribute.name));
        (attribute.name, json!(value))
    }));
    (catalog.show)(record, &mut attributes);
    let relationships = catalog.kind.relationships.iter();
    Object {
        kind: catalog.kind,
        id: text(record, "id").unwrap_or_default().to_owned(),
        version: Some(version(record)),
        attributes: Value::Object(attributes),
        relationships: relationships.map(|one| (one.name, linkage(one, record))).collect(),
        meta: None,
        brings: Vec::new(),
    }
}

/// A record as an answer about it alone shows it.
pub(crate) fn revealed(
    context: &Context<'_>,
    catalog: &'static Catalog,
    before: Option<&Record>,
    record: &Record,
) -> Object {
    let mut object = object(catalog, record);
    (catalog.reveal)(context, before, record, &mut object);
    object
}

/// Several that no client gives are not known to the record: others lead to it.
fn linkage(relationship: &Relationship, record: &Record) -> Linkage {
    let Relationship { to, many, on_create, .. } = relationship;
    let value = record.get(&member(relationship));
    if !many {
        // Of several types that it may lead to, the id tells which.
        let kind = |id: &str| {
            let found = relationship.types().find(|to| named(to).is_some_and(|to| to.is_id(id)));
            found.unwrap_or(to)
        };
        return Linkage::One(value.and_then(Value::as_str).map(|id| Ref::new(kind(id), &id)));
    }
    if *on_create == Given::Never && value.is_none() {
        return Linkage::Unknown;
    }
    let ids = value.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    Linkage::Many(ids.iter().filter_map(Value::as_str).map(|id| Ref::new(to, &id)).collect())
}

/// Those with these ids that exist and that the caller sees, in no order.
pub(crate) async fn load(
    context: &Context<'_>,
    catalog: &'static Catalog,
    ids: &[String],
) -> Outcome<Vec<Object>> {
    let ids: Vec<String> = ids.iter().filter(|id| catalog.is_id(id)).cloned().collect();
    let organization = &context.caller.organization;
    let found = context.store().records(organization, catalog.stored, &ids, false).await?;
    Ok(seen(context, catalog, &found))
}

/// The resources among records that this caller may see.
pub(crate) fn seen(
    context: &Context<'_>,
    catalog: &'static Catalog,
    records: &[Record],
) -> Vec<Object> {
    let visible = records.iter().filter(|record| catalog.visible(context, record));
    visible.map(|record| object(catalog, record)).collect()
}

/// The record that the path names.
pub(super) async fn find(context: &Context<'_>, catalog: &'static Catalog) -> Outcome<Record> {
    let missing = || ApiError::not_found(catalog.kind.singular, context.id);
    if !catalog.is_id(context.id) {
        return Err(missing());
    }
    let organization = &context.caller.organization;
    let found = context.store().record(organization, catalog.stored, context.id).await?;
    found.filter(|record| catalog.visible(context, record)).ok_or_else(missing)
}

pub(super) async fn read(context: &Context<'_>) -> Outcome<Answer> {
    let catalog = in_path(context)?;
    let record = find(context, catalog).await?;
    answer::one(context, 200, &revealed(context, catalog, Some(&record), &record)).await
}

pub(super) async fn list(context: &Context<'_>) -> Outcome<Answer> {
    let catalog = in_path(context)?;
    let ids = context.query.conditions.iter().find_map(Filter::ids);
    let ids = ids.map(|ids| ids.into_iter().collect()).or_else(|| known(context, catalog));
    let page = match ids {
        Some(ids) => listing::of_ids(context, catalog.kind, ids).await?,
        None => {
            let span = context.query.span;
            listing::select(context, &IndexedRecords { catalog, span }).await?
        }
    };
    answer::page(context, &page, &[]).await
}

/// The only id that can be wanted, where a filter says from what it derives.
fn known(context: &Context<'_>, catalog: &Catalog) -> Option<Vec<String>> {
    let Identity::Of { filters, .. } = catalog.identity else { return None };
    let value = filters.iter().find_map(|filter| context.query.filters.get(filter))?;
    Some(vec![catalog.derived_id(&[value])])
}

/// What an organization has of one kind, by the list index.
pub(crate) struct IndexedRecords {
    pub(crate) catalog: &'static Catalog,
    /// Which part of it.
    pub(crate) span: Span,
}

impl listing::Source for IndexedRecords {
    async fn after(
        &self,
        context: &Context<'_>,
        limit: u16,
        cursor: Option<&Cursor>,
    ) -> Outcome<Result<Page<Object>, CursorError>> {
        let Self { catalog, span } = self;
        let (store, organization) = (context.store(), &context.caller.organization);
        let page = store.records_within(organization, catalog.stored, span, limit, cursor).await?;
        Ok(page.map(|page| Page { items: seen(context, catalog, &page.items), next: page.next }))
    }

    async fn window(
        &self,
        context: &Context<'_>,
        skip: usize,
        limit: usize,
    ) -> Outcome<Window<Object>> {
        let Self { catalog, span } = self;
        let organization = &context.caller.organization;
        let (kind, bound) = (catalog.stored, usize::from(BOUND));
        let window =
            context.store().records_window(organization, kind, span, (skip, limit), bound).await?;
        let Window { items, total, next } = window;
        Ok(Window { items: seen(context, catalog, &items), total, next })
    }
}
