//! Lists: the one way from a query to a page, whatever is listed.
//!
//! A list in the order in which storage has it is read from there, page by page: by cursor without
//! end, by number as far as is counted. A filter that storage can't serve, or another order, is
//! evaluated over the whole list, as long as that is no longer than [`BOUND`]; beyond, it is refused.

use perennial_domain::ids::OrganizationId;
use perennial_store::{Cursor, CursorError, Listed, Page as StoredPage, Span, Store, Window};

use super::{answer, include};
use crate::http::{
    context::{Context, digest},
    error::Outcome,
    event::Answer,
    object::{Object, ResourceType},
    page::Page,
    query::{BOUND, filter::Filter, pairs, sort},
};

/// Most reads for one page of which some is not for this caller. A page may be short and still have
/// a next one.
const ROUNDS: usize = 10;

/// Where a list is read from, without what this caller may not see.
pub(super) trait Source: Sync {
    /// Up to `limit` after a cursor, in the order of storage.
    fn after(
        &self,
        context: &Context<'_>,
        limit: u16,
        cursor: Option<&Cursor>,
    ) -> impl Future<Output = Outcome<Result<StoredPage<Object>, CursorError>>> + Send;

    /// Up to `limit` that come after the first `skip`, and how many there are. Reads all up to
    /// there, unless storage can count without.
    fn window(
        &self,
        context: &Context<'_>,
        skip: usize,
        limit: usize,
    ) -> impl Future<Output = Outcome<Window<Object>>> + Send {
        async move {
            let bound = usize::from(BOUND);
            let end = skip.saturating_add(limit).min(bound);
            let (mut objects, mut cursor, mut next) = (Vec::new(), None, None);
            // One more than the bound tells whether the bound is kept.
            for until in [end, bound + 1] {
                while objects.len() < until && (objects.is_empty() || cursor.is_some()) {
                    let limit = u16::try_from(until - objects.len()).unwrap_or(BOUND);
                    let page = self.after(context, limit, cursor.as_ref()).await?;
                    let page = page.map_err(|error| context.query.refuse_cursor(&error))?;
                    objects.extend(page.items);
                    cursor = page.next;
                    if cursor.is_none() {
                        break;
                    }
                }
                if until == end {
                    next = cursor.clone();
                }
            }
            let total = (objects.len() <= bound).then_some(objects.len());
            let more = objects.len() > end;
            let items: Vec<Object> = objects.into_iter().skip(skip).take(limit).collect();
            Ok(Window { items, total, next: next.filter(|_| more) })
        }
    }
}

/// What an organization has of one kind, by the list index.
pub(super) struct Indexed<T> {
    pub(super) object: fn(&T) -> Object,
    pub(super) visible: fn(&Context<'_>, &T) -> bool,
    /// Which part of it.
    pub(super) span: Span,
}

impl<T: Listed + Sync> Indexed<T> {
    fn objects(&self, context: &Context<'_>, items: &[T]) -> Vec<Object> {
        let seen = items.iter().filter(|item| (self.visible)(context, item));
        seen.map(self.object).collect()
    }

    fn of<'a>(context: &'a Context<'_>) -> (&'a Store, &'a OrganizationId) {
        (context.store(), &context.caller.organization)
    }
}

impl<T: Listed + Sync> Source for Indexed<T> {
    async fn after(
        &self,
        context: &Context<'_>,
        limit: u16,
        cursor: Option<&Cursor>,
    ) -> Outcome<Result<StoredPage<Object>, CursorError>> {
        let (store, organization) = Self::of(context);
        let page = store.list_within::<T>(organization, &self.span, limit, cursor).await?;
        Ok(page
            .map(|page| StoredPage { items: self.objects(context, &page.items), next: page.next }))
    }

    async fn window(
        &self,
        context: &Context<'_>,
        skip: usize,
        limit: usize,
    ) -> Outcome<Window<Object>> {
        let (store, organization) = Self::of(context);
        let bound = usize::from(BOUND);
        let window = store.window::<T>(organization, &self.span, (skip, limit), bound).await?;
        let Window { items, total, next } = window;
        Ok(Window { items: self.objects(context, &items), total, next })
    }
}

/// Answers with a page of what the organization has of a kind, as far as this caller sees it.
pub(super) async fn answer<T: Listed + Sync>(
    context: &Context<'_>,
    kind: &'static ResourceType,
    object: fn(&T) -> Object,
    visible: fn(&Context<'_>, &T) -> bool,
) -> Outcome<Answer> {
    let page = of_kind(context, kind, object, visible).await?;
    answer::page(context, &page, &[]).await
}

/// A page of what the organization has of a kind.
pub(super) async fn of_kind<T: Listed + Sync>(
    context: &Context<'_>,
    kind: &'static ResourceType,
    object: fn(&T) -> Object,
    visible: fn(&Context<'_>, &T) -> bool,
) -> Outcome<Page> {
    match context.query.conditions.iter().find_map(Filter::ids) {
        Some(ids) => of_ids(context, kind, ids.into_iter().collect()).await,
        None => select(context, &Indexed { object, visible, span: context.query.span }).await,
    }
}

/// A page of those with these ids: no list is read.
pub(super) async fn of_ids(
    context: &Context<'_>,
    kind: &'static ResourceType,
    ids: Vec<String>,
) -> Outcome<Page> {
    let stored = &context.query.stored;
    let mut objects = include::load_kind(context, kind.name, ids).await?;
    objects.sort_by(|a, b| {
        let (first, second) = (sort::key(stored, a), sort::key(stored, b));
        sort::compare(stored, &first, &second).then_with(|| a.id.cmp(&b.id))
    });
    of_all(context, objects)
}

/// A page of a list that is read from a source.
pub(super) async fn select<S: Source>(context: &Context<'_>, source: &S) -> Outcome<Page> {
    let query = context.query;
    if !query.conditions.is_empty() || !query.sort.is_empty() {
        return gathered(context, source).await;
    }
    // What others may not see is left out only after it is read, so it can't be counted by keys.
    let sees_all = context.caller.market.is_none();
    match (query.number, &query.cursor) {
        (None, cursor) if cursor.is_some() || !sees_all => filled(context, source).await,
        (Some(_), _) if !sees_all => gathered(context, source).await,
        _ => {
            let (skip, size) = (query.skipped(), usize::from(query.size));
            let window = source.window(context, skip, size).await?;
            if window.total.is_none() && skip + size > usize::from(BOUND) {
                return Err(query.refuse_unbounded());
            }
            let Window { items: objects, total: records, next } = window;
            Ok(Page { objects, next, records })
        }
    }
}

/// Reads until the page is full of what this caller sees, or nothing is left, or enough was read.
async fn filled<S: Source>(context: &Context<'_>, source: &S) -> Outcome<Page> {
    let query = context.query;
    let mut objects: Vec<Object> = Vec::new();
    let mut next = query.cursor.clone();
    for _ in 0..ROUNDS {
        let missing = usize::from(query.size).saturating_sub(objects.len());
        let limit = u16::try_from(missing).unwrap_or(query.size);
        let page = source.after(context, limit, next.as_ref()).await?;
        let page = page.map_err(|error| query.refuse_cursor(&error))?;
        objects.extend(page.items);
        next = page.next;
        if next.is_none() || objects.len() >= usize::from(query.size) {
            break;
        }
    }
    Ok(Page { objects, next, records: None })
}

/// All of a list; `None` where it is longer than is read for one request.
pub(super) async fn whole<S: Source>(
    context: &Context<'_>,
    source: &S,
) -> Outcome<Option<Vec<Object>>> {
    let window = source.window(context, 0, usize::from(BOUND)).await?;
    Ok(window.total.map(|_| window.items))
}

/// Reads the whole list, if it is short enough, and takes the page out of it.
async fn gathered<S: Source>(context: &Context<'_>, source: &S) -> Outcome<Page> {
    match whole(context, source).await? {
        Some(objects) => of_all(context, objects),
        None => Err(context.query.refuse_unbounded()),
    }
}

/// A page of a list that is at hand as a whole, in the order of storage.
pub(crate) fn of_all(context: &Context<'_>, mut objects: Vec<Object>) -> Outcome<Page> {
    let query = context.query;
    objects.sort_by(|a, b| {
        sort::compare(&query.sort, &sort::key(&query.sort, a), &sort::key(&query.sort, b))
    });
    let identity = identity(context);
    let start = match &query.cursor {
        Some(cursor) => place(context, &identity, cursor, &objects)
            .map_err(|error| query.refuse_cursor(&error))?,
        None => 0,
    };
    let wanted = |object: &Object| {
        query.conditions.iter().chain(&query.narrowing).all(|filter| filter.matches(object))
    };
    let records = objects.iter().filter(|object| wanted(object)).count();
    let size = usize::from(query.size);
    let mut rest = objects.into_iter().skip(start).filter(|object| wanted(object));
    let objects: Vec<Object> = rest.by_ref().skip(query.skipped()).take(size).collect();
    let last = objects.last().filter(|_| rest.next().is_some());
    let next = last.map(|last| Cursor::in_order(&identity, cursor_key(context, last)));
    Ok(Page { objects, next, records: Some(records) })
}

/// What a cursor of an order in memory keeps: the id of the last resource, and what the order and
/// the list itself stand by.
fn cursor_key(context: &Context<'_>, last: &Object) -> Vec<(String, String)> {
    let query = context.query;
    let values = sort::kept(&query.sort, last).into_iter().chain(sort::kept(&query.stored, last));
    let values = values.map(|value| ("by".to_owned(), value));
    std::iter::once(("id".to_owned(), last.id.clone())).chain(values).collect()
}

/// How many resources come before what a cursor points to: up to the last resource that the client
/// has seen or, if that is gone or has moved since, up to where it was.
fn place(
    context: &Context<'_>,
    identity: &str,
    cursor: &Cursor,
    objects: &[Object],
) -> Result<usize, CursorError> {
    let query = context.query;
    let terms: Vec<sort::Term> = query.sort.iter().chain(&query.stored).copied().collect();
    let [(_, id), values @ ..] = cursor.key_in(identity)? else {
        return Err(CursorError::Malformed);
    };
    let values: Vec<&str> = values.iter().map(|(_, value)| value.as_str()).collect();
    let seen = sort::taken(&terms, &values).ok_or(CursorError::Malformed)?;
    let unmoved = objects.iter().position(|object| {
        object.id == *id && sort::compare(&terms, &sort::key(&terms, object), &seen).is_eq()
    });
    Ok(match unmoved {
        Some(place) => place + 1,
        None => objects
            .iter()
            .position(|object| !sort::compare(&terms, &sort::key(&terms, object), &seen).is_lt())
            .unwrap_or(objects.len()),
    })
}

/// What a cursor belongs to: the list, who sees it, its filters and its order.
fn identity(context: &Context<'_>) -> String {
    let mut asked: Vec<(String, String)> = pairs(&context.request.query);
    asked.retain(|(name, _)| name == "sort" || name.starts_with("filter"));
    asked.sort();
    let market = context.caller.market.as_ref().map(ToString::to_string).unwrap_or_default();
    let organization = context.caller.organization.as_str();
    let parts: Vec<&str> = [organization, &market, &context.request.path]
        .into_iter()
        .chain(asked.iter().flat_map(|(name, value)| [name.as_str(), value.as_str()]))
        .collect();
    uuid::Builder::from_custom_bytes(digest(&parts)).into_uuid().to_string()
}
