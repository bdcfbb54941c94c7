//! Journals over HTTP: whose journal tells of a resource, and lists of what is made of its entries.

use chrono::{DateTime, Utc};
use perennial_domain::{
    event_topics::Concerned,
    ids::{JobRunId, OrderCopyId, OrderId, SubscriptionId},
    journal::Entry,
    run::{Run, RunStatus},
};
use perennial_store::{Cursor, CursorError, Direction, Page};

use super::{catalog, events, listing, order_factories, order_subscriptions, orders, versions};
use crate::http::{context::Context, error::Outcome, object::Object};

/// Entries of a journal that an include brings: the newest.
const NEWEST: u16 = 25;
/// Pages of a journal that are read for one page of an answer.
const ROUNDS: usize = 10;
/// Most entries that are read for one run: its attempts and its first entries come nowhere near.
const OF_RUN: usize = 1_000;

/// The journal of one subject, or that part of one that tells of a run.
#[derive(Debug)]
pub(super) struct Journal {
    /// The letter of the subject's kind.
    letter: &'static str,
    subject: String,
    part: Part,
}

/// What of a journal is wanted.
#[derive(Debug)]
enum Part {
    /// All of it; what concerns the subject itself.
    Whole,
    /// From the entry of a run up to when it was settled; what concerns this.
    Run { run: Box<Run>, of: Concerned },
}

impl Journal {
    /// The journal in which entries of this subject stand. `None` where there is nothing that this
    /// caller may see. An order made by a run has its journal with its subscription.
    pub(super) async fn of_subject(context: &Context<'_>, text: &str) -> Outcome<Option<Self>> {
        let order: Option<OrderId> = text.parse().ok();
        let of_run = order.as_ref().and_then(OrderId::run).map(|(subscription, _)| subscription);
        let subscription: Option<SubscriptionId> = of_run.or_else(|| text.parse().ok());
        let whole = |letter, subject| Self { letter, subject, part: Part::Whole };
        // What was deleted leaves its journal, for those who see every market.
        let sees_all = context.caller.market.is_none();
        if let Some(id) = subscription {
            let visible = sees_all || order_subscriptions::find(context, &id).await?.is_some();
            return Ok(visible.then(|| whole("S", id.to_string())));
        }
        if let Some(id) = order {
            let visible = sees_all || orders::find(context, &id).await?.is_some();
            return Ok(visible.then(|| whole("O", id.to_string())));
        }
        if let Some(catalog) = catalog::journaled(text) {
            let record = context.store();
            let record = record.record(&context.caller.organization, catalog.stored, text).await?;
            let visible = match &record {
                Some(record) => catalog.visible(context, record),
                None => sees_all,
            };
            return Ok(visible.then(|| whole(catalog.stored.letter, text.to_owned())));
        }
        if let Ok(id) = text.parse::<OrderCopyId>() {
            let found = context.store().order_copy(&context.caller.organization, &id).await?;
            let found = found.filter(|copy| context.caller.sees(&copy.market_id));
            return Ok(found.map(|copy| whole("Y", copy.id.to_string())));
        }
        let job: Option<JobRunId> = text.parse().ok();
        Ok(job.filter(|_| sees_all).map(|id| whole("J", id.to_string())))
    }

    /// The journal, or the part of one, that tells of a resource. `None` where there is nothing
    /// that this caller may see.
    pub(super) async fn of_resource(
        context: &Context<'_>,
        resource: Concerned,
    ) -> Outcome<Option<Self>> {
        let run = match resource.kind {
            "recurring_order_copies" | "order_copies" => {
                order_factories::run_of(&resource.id).map(|(_, of, number)| (of, number))
            }
            "orders" => resource.id.parse().ok().as_ref().and_then(OrderId::run),
            _ => None,
        };
        let Some((subscription, number)) = run else {
            return Self::of_subject(context, &resource.id).await;
        };
        let run = context.store().run(&context.caller.organization, &subscription, number).await?;
        let run = run.filter(|run| context.caller.sees(&run.market_id));
        Ok(run.map(|run| Self {
            letter: "S",
            subject: subscription.to_string(),
            part: Part::Run { run: Box::new(run), of: resource },
        }))
    }

    /// The entry with this sequence number.
    pub(super) async fn entry(
        &self,
        context: &Context<'_>,
        sequence: u64,
    ) -> Outcome<Option<Entry>> {
        let organization = &context.caller.organization;
        let of = (self.letter, self.subject.as_str());
        Ok(context.store().journal_entry(organization, of, sequence).await?)
    }

    /// What a relationship that is told by journals leads to.
    pub(super) fn told(self, relationship: &str) -> Told {
        let make = if relationship == "events" { events::objects } else { versions::objects };
        Told { journal: self, make }
    }

    /// Entries in a direction; the inner error is that of a cursor of another query.
    async fn entries(
        &self,
        context: &Context<'_>,
        direction: Direction,
        limit: u16,
        after: Option<&Cursor>,
    ) -> Outcome<Result<Page<Entry>, CursorError>> {
        let organization = &context.caller.organization;
        let of = (self.letter, self.subject.as_str());
        Ok(context.store().journal(organization, of, direction, limit, after).await?)
    }
}

/// Whether a relationship is told by a journal.
pub(super) fn tells(relationship: &str) -> bool {
    matches!(relationship, "events" | "versions")
}

/// What is made of the entries of a journal, and listed.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) journal: Journal,
    /// What one entry comes to, for the resource whose journal it is.
    pub(super) make: fn(&Entry, &Concerned) -> Vec<Object>,
}

impl Told {
    /// What the entries are asked about.
    fn concerned(&self) -> Concerned {
        match &self.journal.part {
            Part::Run { of, .. } => of.clone(),
            Part::Whole => Concerned::subject(&self.journal.subject),
        }
    }

    /// What entries come to, in their order.
    fn made(&self, entries: &[Entry], direction: Direction) -> Vec<Object> {
        let of = self.concerned();
        let each = entries.iter().flat_map(|entry| {
            let mut made = (self.make)(entry, &of);
            if direction == Direction::Backward {
                made.reverse();
            }
            made
        });
        each.collect()
    }

    /// A page of it, as the request asks.
    pub(super) async fn page(&self, context: &Context<'_>) -> Outcome<crate::http::page::Page> {
        match &self.journal.part {
            Part::Whole => listing::select(context, self).await,
            Part::Run { run, .. } => {
                let mut all = self.of_run(context, run).await?;
                if context.query.span.descending {
                    all.reverse();
                }
                listing::of_all(context, all)
            }
        }
    }

    /// The newest of it, newest first.
    pub(super) async fn newest(&self, context: &Context<'_>) -> Outcome<Vec<Object>> {
        match &self.journal.part {
            Part::Whole => {
                let direction = Direction::Backward;
                let page = self.journal.entries(context, direction, NEWEST, None).await?;
                let entries = page.map(|page| page.items).unwrap_or_default();
                Ok(self.made(&entries, direction))
            }
            Part::Run { run, .. } => {
                let mut all = self.of_run(context, run).await?;
                all.reverse();
                all.truncate(usize::from(NEWEST));
                Ok(all)
            }
        }
    }

    /// What the entries of a run come to: read from the run's own entry up to when it was settled.
    async fn of_run(&self, context: &Context<'_>, run: &Run) -> Outcome<Vec<Object>> {
        let organization = &context.caller.organization;
        let Run { subscription_id, number, .. } = run;
        let mut after =
            context.store().journal_from_run(organization, subscription_id, *number).await?;
        let (mut objects, mut read) = (Vec::new(), 0);
        while let Some(cursor) = after {
            let page =
                self.journal.entries(context, Direction::Forward, 100, Some(&cursor)).await?;
            // A cursor that we made for this query always belongs to it.
            let Ok(page) = page else { break };
            read += page.items.len();
            let past = page.items.iter().any(|entry| settled_before(run, entry.at));
            objects.extend(self.made(&page.items, Direction::Forward));
            after = page.next.filter(|_| !past && read < OF_RUN);
        }
        Ok(objects)
    }
}

/// Whether a run had come to its end before this instant, so that no later entry tells of it.
fn settled_before(run: &Run, at: DateTime<Utc>) -> bool {
    match run.status {
        RunStatus::Successful => run.completed_at.is_some_and(|end| end < at),
        // What failed or is open may be tried again.
        _ => false,
    }
}

/// The position of an answer within a journal: where the entries read last began, and how much of
/// what they come to was answered.
struct Place {
    from: Option<Cursor>,
    skip: usize,
}

impl Place {
    fn read(cursor: Option<&Cursor>, query: &str) -> Result<Self, CursorError> {
        let Some(cursor) = cursor else { return Ok(Self { from: None, skip: 0 }) };
        let [(_, from), (_, skip)] = cursor.key_in(query)? else {
            return Err(CursorError::Malformed);
        };
        let skip = skip.parse().map_err(|_| CursorError::Malformed)?;
        let from = match (from.as_str(), skip) {
            // The beginning of the list has no cursor.
            ("", 0) => return Err(CursorError::Malformed),
            ("", _) => None,
            (from, _) => Some(Cursor::decode(from)?),
        };
        Ok(Self { from, skip })
    }

    fn cursor(&self, query: &str) -> Cursor {
        let from = self.from.as_ref().map(Cursor::encode).unwrap_or_default();
        let key = vec![("from".to_owned(), from), ("skip".to_owned(), self.skip.to_string())];
        Cursor::in_order(query, key)
    }
}

impl listing::Source for Told {
    async fn after(
        &self,
        context: &Context<'_>,
        limit: u16,
        cursor: Option<&Cursor>,
    ) -> Outcome<Result<Page<Object>, CursorError>> {
        let descending = context.query.span.descending;
        let direction = if descending { Direction::Backward } else { Direction::Forward };
        let query = format!("{} {direction:?}", context.request.path);
        let mut place = match Place::read(cursor, &query) {
            Ok(place) => place,
            Err(error) => return Ok(Err(error)),
        };
        let wanted = usize::from(limit.max(1));
        let mut items: Vec<Object> = Vec::new();
        for _ in 0..ROUNDS {
            let page = self.journal.entries(context, direction, limit, place.from.as_ref()).await?;
            let page = match page {
                Ok(page) => page,
                Err(error) => return Ok(Err(error)),
            };
            let made = self.made(&page.items, direction);
            let room = wanted.saturating_sub(items.len());
            let (count, left) = (made.len(), made.len().saturating_sub(place.skip));
            items.extend(made.into_iter().skip(place.skip).take(room));
            if left > room {
                place.skip += room;
                return Ok(Ok(Page { items, next: Some(place.cursor(&query)) }));
            }
            // Pages of entries may be shorter than those by which it was counted.
            place = Place { from: page.next, skip: place.skip.saturating_sub(count) };
            if place.from.is_none() {
                return Ok(Ok(Page { items, next: None }));
            }
            if items.len() >= wanted {
                break;
            }
        }
        Ok(Ok(Page { items, next: Some(place.cursor(&query)) }))
    }
}
