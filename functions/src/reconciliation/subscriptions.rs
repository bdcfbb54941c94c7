//! Subscriptions: each occurrence has an account, and each journal is whole.

use chrono::{DateTime, Utc};
use futures::{StreamExt, stream};
use perennial_domain::{
    ids::{IdError, OrganizationId, SubscriptionId},
    import::IMPORTED,
    journal::{Entry, Head},
    payment::Dispute,
    reconciliation::{
        Chain, Code, Discrepancy, Occurrences, Renewal, Standing, check_held, check_proration,
    },
    run::{Run, RunStatus, Skipped},
    subscription::Subscription,
    time::{OccurrenceNumber, Schedule, Slot},
};
use perennial_store::{Cursor, Direction, Page, Progress, Reconciliation, StoreError, StoredOrder};
use serde_json::{Value, json};

use super::{FIRST_SLICE, Found, PATIENCE, Reconciler, records::head_of};
use crate::{
    payments::{DISPUTES, REFUNDS, SOURCES, read},
    sqs_batch::HandleError,
};

/// Subscriptions of one step.
const PAGE: u16 = 25;
/// Subscriptions looked at together.
pub(super) const CONCURRENCY: usize = 8;
/// Runs or journal entries read at once.
pub(super) const ITEMS: u16 = 500;
/// How often a subscription is looked at that changes meanwhile.
pub(super) const LOOKS: u32 = 3;
/// Most missing occurrences whose dates are looked up.
const MOST_LOST: usize = 10_000;

impl Reconciler {
    /// Looks at a page of subscriptions.
    pub(super) async fn subscriptions(
        &self,
        organization: &OrganizationId,
        reconciliation: &Reconciliation,
        after: Option<&Cursor>,
    ) -> Result<(Progress, Found), HandleError> {
        let from = reconciliation.from;
        let payments = Progress::Payments { from, seconds: FIRST_SLICE };
        let page = match self.store.list::<Subscription>(organization, PAGE, false, after).await {
            Ok(Ok(page)) => page,
            Ok(Err(error)) => return Err(HandleError::Permanent(format!("the cursor {error}"))),
            Err(error) => return unreadable("the list of subscriptions", error, payments),
        };
        let Page { items, next } = page;
        let mut found = Found::default();
        let mut looked = stream::iter(items)
            .map(|subscription| self.look_at(organization, reconciliation, subscription.id))
            .buffered(CONCURRENCY);
        while let Some(one) = looked.next().await {
            found.add(one?);
        }
        let progress = match next {
            Some(next) => Progress::Subscriptions { after: Some(next) },
            None => payments,
        };
        Ok((progress, found))
    }

    /// Looks at one subscription until it stands still.
    async fn look_at(
        &self,
        organization: &OrganizationId,
        reconciliation: &Reconciliation,
        id: SubscriptionId,
    ) -> Result<Found, HandleError> {
        for _ in 0..LOOKS {
            match self.examine(organization, reconciliation, &id).await {
                Ok(Some(found)) => return Ok(found),
                Ok(None) => {}
                Err(error) if error.is_transient() => return Err(error.into()),
                Err(error) => {
                    let found = Discrepancy::new(
                        Code::Unreadable,
                        id.as_str(),
                        error.to_string(),
                        json!({}),
                    );
                    return Ok(Found { discrepancies: vec![found], ..Found::default() });
                }
            }
        }
        let mut found = Found::default();
        found.examined.subscriptions = 1;
        found.examined.busy = 1;
        Ok(found)
    }

    /// Reads a subscription with all that belongs to it; `None` when it changed meanwhile.
    async fn examine(
        &self,
        organization: &OrganizationId,
        reconciliation: &Reconciliation,
        id: &SubscriptionId,
    ) -> Result<Option<Found>, StoreError> {
        let mut found = Found::default();
        let Some(subscription) = self.store.subscription(organization, id).await? else {
            return Ok(Some(found));
        };
        found.examined.subscriptions = 1;
        found.examined.blocked = u64::from(subscription.blocked_by.is_some());
        let mut occurrences = Occurrences::default();
        let mut cursor = None;
        loop {
            let page = self.store.runs(organization, id, ITEMS, cursor.as_ref()).await?;
            // A cursor that we made for this query always belongs to it.
            let Ok(page) = page else { break };
            for run in &page.items {
                found.examined.runs += 1;
                occurrences.run(run);
                found.take_run(reconciliation, &subscription, run);
            }
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        let beginning =
            self.follow(organization, ("S", id.as_str()), &mut found, &mut occurrences).await?;
        let (chain, Beginning { first, jumped }) = beginning;
        let holding = self.holding(organization, &subscription).await?;
        found.discrepancies.extend(check_held(&subscription, holding.as_ref()));
        let again = self.store.subscription(organization, id).await?;
        if again.is_none_or(|again| again.version != subscription.version) {
            return Ok(None);
        }
        let mut standing = Standing::of(&subscription, first);
        standing.jumped = standing.jumped.saturating_sub(jumped);
        let now = self.clock.now();
        found.discrepancies.extend(chain.check(id.as_str(), &subscription.journal));
        let missing = occurrences.missing(&standing);
        let lost = missing.ranges().flat_map(|(first, last)| first..=last).take(MOST_LOST);
        let lost = lost.filter(|number| {
            let at = subscription.schedule().occurrence(OccurrenceNumber::new(*number));
            at.is_ok_and(|at| within(reconciliation, at.at))
        });
        if missing.count() > u64::from(standing.jumped) {
            found.renewals.add_lost(u64::try_from(lost.count()).unwrap_or_default());
        }
        found.discrepancies.extend(occurrences.check(&standing, now - PATIENCE));
        Ok(Some(found))
    }

    /// Follows a journal, and takes what it tells of occurrences that were passed over.
    async fn follow(
        &self,
        organization: &OrganizationId,
        of: (&str, &str),
        found: &mut Found,
        occurrences: &mut Occurrences,
    ) -> Result<(Chain, Beginning), StoreError> {
        let mut chain = Chain::default();
        let mut beginning = Beginning { first: 1, jumped: 0 };
        let mut cursor = None;
        loop {
            let page = self
                .store
                .journal(organization, of, Direction::Forward, ITEMS, cursor.as_ref())
                .await?;
            let Ok(page) = page else { return Ok((chain, beginning)) };
            for entry in &page.items {
                found.examined.journal_entries += 1;
                chain.follow(entry);
                if entry.event == IMPORTED {
                    beginning = Beginning::of(entry);
                }
                if let Some(skipped) = skipped(entry) {
                    occurrences.skipped(skipped);
                }
            }
            cursor = page.next;
            if cursor.is_none() {
                return Ok((chain, beginning));
            }
        }
    }

    /// Follows the journal of something that has no occurrences to where it says that it ends. It may
    /// change between the two readings, and is looked at again then.
    pub(super) async fn prove_journal(
        &self,
        organization: &OrganizationId,
        of: (&str, &str),
        mut head: Head,
        found: &mut Found,
    ) -> Result<(), StoreError> {
        for _ in 0..LOOKS {
            let none = &mut Occurrences::default();
            let (chain, _) = self.follow(organization, of, found, none).await?;
            let Some(broken) = chain.check(of.1, &head) else { return Ok(()) };
            match self.head(organization, of).await? {
                Some(now) if now != head => head = now,
                Some(_) | None => {
                    found.discrepancies.push(broken);
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// Where something says that its journal ends; `None` where it is not there any more.
    async fn head(
        &self,
        organization: &OrganizationId,
        (kind, id): (&str, &str),
    ) -> Result<Option<Head>, StoreError> {
        let store = &self.store;
        let corrupt = |reason: IdError| StoreError::Corrupt {
            key: id.to_owned(),
            reason: reason.to_string(),
        };
        Ok(match kind {
            "S" => {
                let id = id.parse().map_err(corrupt)?;
                store.subscription(organization, &id).await?.map(|one| one.journal)
            }
            "O" => match store.order(organization, &id.parse().map_err(corrupt)?).await? {
                Some(StoredOrder::Client(order)) => Some(order.journal),
                Some(StoredOrder::Run(_)) | None => None,
            },
            "Y" => {
                let id = id.parse().map_err(corrupt)?;
                store.order_copy(organization, &id).await?.map(|copy| copy.journal)
            }
            _ => {
                let of = [REFUNDS, DISPUTES, SOURCES].into_iter().find(|of| of.letter == kind);
                let Some(of) = of else { return Ok(None) };
                store.record(organization, of, id).await?.as_ref().map(head_of)
            }
        })
    }

    /// The dispute for which a subscription is on hold.
    async fn holding(
        &self,
        organization: &OrganizationId,
        subscription: &Subscription,
    ) -> Result<Option<Dispute>, StoreError> {
        let Some(id) = &subscription.held_by else { return Ok(None) };
        let record = self.store.record(organization, DISPUTES, id.as_str()).await?;
        Ok(record.and_then(|record| read(&record).ok()))
    }
}

/// Where the accounts of an imported subscription begin.
struct Beginning {
    first: u32,
    jumped: u32,
}

impl Beginning {
    fn of(entry: &Entry) -> Self {
        let number = |pointer: &str| {
            let number = entry.after.pointer(pointer).and_then(Value::as_u64);
            number.and_then(|number| u32::try_from(number).ok())
        };
        Self {
            first: number("/next_number").unwrap_or(1),
            jumped: number("/imported/jumped_numbers").unwrap_or_default(),
        }
    }
}

/// The occurrences that an entry tells of as passed over. An entry within a run is told by the run.
fn skipped(entry: &Entry) -> Option<Skipped> {
    serde_json::from_value(entry.after.get("skipped")?.clone()).ok()
}

pub(super) fn within(reconciliation: &Reconciliation, at: DateTime<Utc>) -> bool {
    reconciliation.from <= at && at < reconciliation.to
}

impl Found {
    fn take_run(
        &mut self,
        reconciliation: &Reconciliation,
        subscription: &Subscription,
        run: &Run,
    ) {
        if !within(reconciliation, run.due_at) {
            return;
        }
        self.renewals.add(Renewal::of(run));
        if run.status != RunStatus::Successful || run.total.is_zero() || run.total.is_negative() {
            return;
        }
        let Some(next) = period_end(&subscription.schedule(), run) else { return };
        self.prorations.checked += 1;
        let cut = run.due_at + (next - run.due_at) / 2;
        match check_proration(run, next, cut, subscription.time_zone) {
            None => self.prorations.passed += 1,
            Some(wrong) => self.discrepancies.push(wrong),
        }
    }
}

/// The end of the period that a run has charged for: the occurrence after it, as was seen when it was
/// made. The subscription may have gone over to other dates since, so its schedule tells only where
/// none was coming then.
fn period_end(schedule: &Schedule, run: &Run) -> Option<DateTime<Utc>> {
    let slot = Slot { number: run.number, at: run.due_at };
    let following = || schedule.following(slot).ok().map(|next| next.at);
    let end = run.next_run_at.or_else(following).filter(|end| *end > run.due_at);
    end.or_else(|| schedule.next_after(run.due_at).map(|next| next.at))
}

/// What is left of a list that can't be read is told, and what comes after it is looked at.
pub(super) fn unreadable(
    what: &str,
    error: StoreError,
    next: Progress,
) -> Result<(Progress, Found), HandleError> {
    if error.is_transient() {
        return Err(error.into());
    }
    let detail = format!("{what} can't be read on: {error}");
    let found = Discrepancy::new(Code::Unreadable, what, detail, json!({}));
    Ok((next, Found { discrepancies: vec![found], ..Found::default() }))
}
