//! Refunds, disputes, copies of orders, payment sources, and what was deleted: each against what it
//! says of others, and each with its journal. Those that were made, or deleted, within the span.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use futures::{StreamExt, TryStreamExt, stream};
use perennial_domain::{
    ids::{OrganizationId, RefundId},
    journal::Head,
    order_copy::OrderCopy,
    payment::{Dispute, Refund, refund_key},
    reconciliation::{
        Code, Discrepancy, GivenBack, HoldTold, check_copy, check_dispute, check_hold,
        check_our_refund, without_order,
    },
};
use perennial_payments::{
    Cursor as ProviderCursor, Page as Listed, RefundKey, RefundOutcome, RefundRecord,
    RefundRequest, Span as ProviderSpan,
};
use perennial_store::{
    Cursor, CursorError, Direction, LastEntry, Page, Progress, Reconciliation, Record, RecordKind,
    Recorded, Span, StoreError, StoredOrder,
};
use serde_json::{Value, json};

use super::{
    Found, PATIENCE, Reconciler,
    payments::reversals_of,
    subscriptions::{CONCURRENCY, ITEMS, unreadable, within},
};
use crate::{
    charging,
    payments::{DISPUTES, REFUNDS, SOURCES, read},
    sqs_batch::HandleError,
};

/// Records of one step.
const PAGE: u16 = 100;
/// How far the provider's clock may be from ours.
const CLOCKS: TimeDelta = TimeDelta::minutes(5);

/// One record that is looked at.
#[derive(Debug)]
enum Subject {
    Refund(Record),
    Dispute(Record),
    Copy(Box<OrderCopy>),
    PaymentSource(Record),
    Deleted(Box<LastEntry>),
}

/// What the provider has given back, by the key of the refund.
type Given = HashMap<String, GivenBack>;

impl Reconciler {
    /// Looks at a page of records of one kind.
    pub(super) async fn records(
        &self,
        organization: &OrganizationId,
        reconciliation: &Reconciliation,
        of: Recorded,
        after: Option<&Cursor>,
    ) -> Result<(Progress, Found), HandleError> {
        let following =
            of.next().map_or(Progress::Done, |of| Progress::Records { of, after: None });
        let page = match self.page_of(organization, reconciliation, of, after).await {
            Ok(Ok(page)) => page,
            Ok(Err(error)) => return Err(HandleError::Permanent(format!("the cursor {error}"))),
            Err(error) => return unreadable(told(of), error, following),
        };
        let Page { items, next } = page;
        let given = &self.given_of(organization, &items).await?;
        let mut found = Found::default();
        let mut looked = stream::iter(items)
            .map(|subject| self.look_into(organization, reconciliation, subject, given))
            .buffered(CONCURRENCY);
        while let Some(one) = looked.next().await {
            found.add(one?);
        }
        let progress = match next {
            Some(next) => Progress::Records { of, after: Some(next) },
            None => following,
        };
        Ok((progress, found))
    }

    async fn page_of(
        &self,
        organization: &OrganizationId,
        reconciliation: &Reconciliation,
        of: Recorded,
        after: Option<&Cursor>,
    ) -> Result<Result<Page<Subject>, CursorError>, StoreError> {
        // The list's ends are both within, to the millisecond.
        let last = reconciliation.to - TimeDelta::milliseconds(1);
        let span = &Span { from: Some(reconciliation.from), to: Some(last), ..Span::default() };
        let records =
            |kind: RecordKind| self.store.records_within(organization, kind, span, PAGE, after);
        Ok(match of {
            Recorded::Refunds => subjects(records(REFUNDS).await?, Subject::Refund),
            Recorded::Disputes => subjects(records(DISPUTES).await?, Subject::Dispute),
            Recorded::PaymentSources => subjects(records(SOURCES).await?, Subject::PaymentSource),
            Recorded::OrderCopies => {
                let copies = self.store.list_within::<OrderCopy>(organization, span, PAGE, after);
                subjects(copies.await?, |copy| Subject::Copy(Box::new(copy)))
            }
            Recorded::Deleted => {
                let last = self.store.list_within::<LastEntry>(organization, span, PAGE, after);
                subjects(last.await?, |entry| Subject::Deleted(Box::new(entry)))
            }
        })
    }

    async fn look_into(
        &self,
        organization: &OrganizationId,
        reconciliation: &Reconciliation,
        subject: Subject,
        given: &Given,
    ) -> Result<Found, HandleError> {
        let mut found = Found::default();
        found.examined.records = 1;
        let (kind, id, head) = match &subject {
            Subject::Refund(record) => (REFUNDS.letter.to_owned(), id_of(record), head_of(record)),
            Subject::Dispute(record) => {
                (DISPUTES.letter.to_owned(), id_of(record), head_of(record))
            }
            Subject::PaymentSource(record) => {
                (SOURCES.letter.to_owned(), id_of(record), head_of(record))
            }
            Subject::Copy(copy) => ("Y".to_owned(), copy.id.to_string(), copy.journal.clone()),
            Subject::Deleted(last) => {
                // It is the end of its journal: nothing may come after it.
                let LastEntry { kind, entry } = last.as_ref();
                let head = Head { sequence: entry.sequence, hash: entry.hash.clone() };
                (kind.clone(), entry.subject.clone(), head)
            }
        };
        self.prove_journal(organization, (&kind, &id), head, &mut found).await?;
        let read = match &subject {
            Subject::Refund(record) => match read::<Refund>(record) {
                Ok(refund) => {
                    self.refund_of_ours(organization, reconciliation, &refund, given, &mut found)
                        .await?;
                    Ok(())
                }
                Err(error) => Err(error),
            },
            Subject::Dispute(record) => match read::<Dispute>(record) {
                Ok(dispute) => {
                    self.dispute(organization, reconciliation, &dispute, &mut found).await?;
                    Ok(())
                }
                Err(error) => Err(error),
            },
            Subject::Copy(copy) => {
                self.copy(organization, copy, &mut found).await?;
                Ok(())
            }
            Subject::PaymentSource(_) | Subject::Deleted(_) => Ok(()),
        };
        if let Err(error) = read {
            let told = Discrepancy::new(Code::Unreadable, id, error.to_string(), json!({}));
            found.discrepancies.push(told);
        }
        Ok(found)
    }

    /// Holds a refund of ours against the provider's, and against its order.
    async fn refund_of_ours(
        &self,
        organization: &OrganizationId,
        reconciliation: &Reconciliation,
        refund: &Refund,
        given: &Given,
        found: &mut Found,
    ) -> Result<(), HandleError> {
        let key = refund_key(organization, &refund.id);
        let theirs = given.get(&key);
        let patience = self.clock.now() - PATIENCE;
        found.discrepancies.extend(check_our_refund(refund, theirs, patience));
        let Some(order) = self.store.order(organization, &refund.order_id).await? else {
            found.discrepancies.push(without_order(refund.id.as_str(), refund.order_id.as_str()));
            return Ok(());
        };
        // An order that knows of nothing is not looked at for it: its first refund tells.
        let unknown =
            reversals_of(&order).is_none() && refund.id == RefundId::of(&refund.order_id, 1);
        if unknown || !made_within(reconciliation, &order) {
            self.reversals(organization, &refund.order_id, None, found).await?;
        }
        Ok(())
    }

    /// Holds a dispute against its order, and against the subscriptions that it has put on hold.
    async fn dispute(
        &self,
        organization: &OrganizationId,
        reconciliation: &Reconciliation,
        dispute: &Dispute,
        found: &mut Found,
    ) -> Result<(), HandleError> {
        found.discrepancies.extend(check_dispute(dispute, self.clock.now() - PATIENCE));
        match self.store.order(organization, &dispute.order_id).await? {
            None => {
                let (id, order) = (dispute.id.as_str(), dispute.order_id.as_str());
                found.discrepancies.push(without_order(id, order));
            }
            Some(order) => {
                // An order names its disputes: one that it does not name is told by nobody else.
                let known =
                    reversals_of(&order).is_some_and(|of| of.disputes.contains(&dispute.id));
                if !known || !made_within(reconciliation, &order) {
                    let about = Some(&dispute.id);
                    self.reversals(organization, &dispute.order_id, about, found).await?;
                }
            }
        }
        for held in &dispute.held {
            let Some(subscription) = self.store.subscription(organization, held).await? else {
                continue;
            };
            // What says so itself is looked at among the subscriptions.
            if subscription.held_by.as_ref() == Some(&dispute.id) {
                continue;
            }
            let (mut told, mut cursor) = (HoldTold::default(), None);
            loop {
                let of = ("S", held.as_str());
                let page = self.store.journal(
                    organization,
                    of,
                    Direction::Forward,
                    ITEMS,
                    cursor.as_ref(),
                );
                let Ok(Page { items, next }) = page.await? else { break };
                items.iter().for_each(|entry| told.take(&dispute.id, entry));
                cursor = next;
                if cursor.is_none() {
                    break;
                }
            }
            found.discrepancies.extend(check_hold(dispute, held, told));
        }
        Ok(())
    }

    /// Holds a copy against the order that it has made. Charges of that order are held against it
    /// among all orders.
    async fn copy(
        &self,
        organization: &OrganizationId,
        copy: &OrderCopy,
        found: &mut Found,
    ) -> Result<(), HandleError> {
        let order = match &copy.target_order_id {
            Some(id) => self.store.order(organization, id).await?,
            None => None,
        };
        let order = match &order {
            Some(StoredOrder::Client(order)) => Some(order.as_ref()),
            Some(StoredOrder::Run(_)) | None => None,
        };
        let Some(wrong) = check_copy(copy, order) else { return Ok(()) };
        // Both change together, and they were read one after the other.
        let again = self.store.order_copy(organization, &copy.id).await?;
        if again.is_some_and(|again| again.version == copy.version) {
            found.discrepancies.push(wrong);
        }
        Ok(())
    }

    /// What the provider has under the keys of these refunds, by their keys. Most went back as they were
    /// made. Those that did later are looked for in one more list for all: after an outage of the
    /// provider that may be each of them.
    async fn given_of(
        &self,
        organization: &OrganizationId,
        subjects: &[Subject],
    ) -> Result<Given, HandleError> {
        // What can't be read is told where it is looked into.
        let refunds: Vec<Refund> = subjects
            .iter()
            .filter_map(|subject| match subject {
                Subject::Refund(record) => read(record).ok(),
                _ => None,
            })
            .collect();
        let made = || refunds.iter().map(|refund| refund.created_at);
        let Some((first, last)) = made().min().zip(made().max()) else { return Ok(Given::new()) };
        let span = ProviderSpan { from: first - CLOCKS, to: last + CLOCKS };
        let mut given = self.given_within(organization, span).await?;
        let missing: Vec<Refund> = refunds
            .into_iter()
            .filter(|refund| !given.contains_key(&refund_key(organization, &refund.id)))
            .collect();
        let later: Vec<DateTime<Utc>> = stream::iter(missing)
            .map(|refund| async move {
                let known = self.is_known(organization, &refund).await?;
                Ok::<_, HandleError>(known.then_some(refund.created_at))
            })
            .buffered(CONCURRENCY)
            .try_filter_map(|later| async move { Ok(later) })
            .try_collect()
            .await?;
        if let Some(from) = later.into_iter().min() {
            let span = ProviderSpan { from: from - CLOCKS, to: self.clock.now() + CLOCKS };
            given.extend(self.given_within(organization, span).await?);
        }
        Ok(given)
    }

    /// Whether the provider has anything under the key of a refund, whenever it was given back.
    async fn is_known(
        &self,
        organization: &OrganizationId,
        refund: &Refund,
    ) -> Result<bool, HandleError> {
        let request = RefundRequest {
            key: RefundKey::new(refund_key(organization, &refund.id)),
            organization: organization.to_string(),
            charge_id: refund.charge_id.clone(),
            amount_minor: refund.amount.get(),
            currency: refund.currency.to_string(),
            reference: refund.id.to_string(),
            requested_at: refund.created_at,
            key_since: refund.created_at,
        };
        let known = self.provider.lookup_refund(&request).await;
        Ok(known.map_err(|error| charging::failure(&error))?.is_some())
    }

    async fn given_within(
        &self,
        organization: &OrganizationId,
        span: ProviderSpan,
    ) -> Result<Given, HandleError> {
        let (mut given, mut cursor): (Given, Option<ProviderCursor>) = (Given::new(), None);
        loop {
            let page = self.provider.list_refunds(organization.as_str(), span, cursor.as_ref());
            let Listed { records, next } = page.await.map_err(|error| charging::failure(&error))?;
            for RefundRecord { key, charge_id, amount_minor, currency, outcome, .. } in records {
                let done = matches!(outcome, RefundOutcome::Refunded { .. });
                let Some(key) = key else { continue };
                let back = GivenBack { charge_id, amount_minor, currency, done };
                given.insert(key.as_str().to_owned(), back);
            }
            cursor = next;
            if cursor.is_none() {
                return Ok(given);
            }
        }
    }
}

/// What is being listed, for what can't be read on.
fn told(of: Recorded) -> &'static str {
    match of {
        Recorded::Refunds => "the list of refunds",
        Recorded::Disputes => "the list of disputes",
        Recorded::OrderCopies => "the list of order copies",
        Recorded::PaymentSources => "the list of payment sources",
        Recorded::Deleted => "the list of what was deleted",
    }
}

fn subjects<T>(
    page: Result<Page<T>, CursorError>,
    subject: impl Fn(T) -> Subject,
) -> Result<Page<Subject>, CursorError> {
    let Page { items, next } = page?;
    Ok(Page { items: items.into_iter().map(subject).collect(), next })
}

fn id_of(record: &Record) -> String {
    record.get("id").and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// The end of a record's journal, as the record says.
pub(super) fn head_of(record: &Record) -> Head {
    record
        .get("journal")
        .and_then(|head| serde_json::from_value(head.clone()).ok())
        .unwrap_or_default()
}

/// Whether an order is one of those that are gone through within the span.
fn made_within(reconciliation: &Reconciliation, order: &StoredOrder) -> bool {
    match order {
        StoredOrder::Client(order) => within(reconciliation, order.created_at),
        StoredOrder::Run(run) => run.place_target_order && within(reconciliation, run.started_at),
    }
}
