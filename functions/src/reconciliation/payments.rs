//! Orders, charges and refunds, slice of time by slice of time.
//!
//! A slice holds the orders that were made in it and the charges that the provider took in it. As a
//! rule these are the same. What is left over on either side is looked for by itself: an order by its
//! key at the provider, a charge by its reference in the order book. So it does not matter where
//! slices, or the span, begin and end.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use perennial_domain::{
    ids::{DisputeId, OrderId, OrganizationId, RefundId},
    money::MoneyError,
    payment::{Collected, Dispute, MAX_REFUNDS, Refund, Reversals},
    reconciliation::{
        Code, Discrepancy, OrderAccount, TakenCharge, TakenRefund, check_charge, check_order,
        check_refund, check_reversals,
    },
    run::charge_key,
};
use perennial_payments::{
    ChargeKey, ChargeLookup, ChargeOutcome, ChargeRecord, Cursor as ProviderCursor, Page as Listed,
    PaymentState, RefundOutcome, RefundRecord, Span as ProviderSpan,
};
use perennial_store::{Page, Progress, Reconciliation, Recorded, Span, StoredOrder};
use serde_json::json;

use super::{
    Found, PATIENCE, Reconciler,
    subscriptions::{LOOKS, unreadable},
};
use crate::{
    charging,
    payments::{DISPUTES, REFUNDS, read},
    sqs_batch::HandleError,
};

/// Most charges of one slice, unless they were all made in one second.
const MOST_CHARGES: usize = 2_000;
/// Orders read at once.
const ORDERS: u16 = 200;

/// The charges of a slice by the order that they are for.
type Charges = HashMap<String, Vec<TakenCharge>>;

impl Reconciler {
    /// Compares one slice of time.
    pub(super) async fn payments(
        &self,
        organization: &OrganizationId,
        reconciliation: &Reconciliation,
        from: DateTime<Utc>,
        seconds: i64,
    ) -> Result<(Progress, Found), HandleError> {
        let end = reconciliation.to;
        if from >= end {
            let records = Progress::Records { of: Recorded::Refunds, after: None };
            return Ok((records, Found::default()));
        }
        let length = TimeDelta::try_seconds(seconds.max(1)).unwrap_or(TimeDelta::seconds(1));
        let to = from.checked_add_signed(length).unwrap_or(end).min(end);
        let span = ProviderSpan { from, to };
        let Some(charges) = self.charges(organization, span, seconds > 1).await? else {
            return Ok((Progress::Payments { from, seconds: seconds / 2 }, Found::default()));
        };
        let mut found = Found::default();
        found.examined.charges =
            u64::try_from(charges.values().map(Vec::len).sum::<usize>()).unwrap_or(u64::MAX);
        let few = found.examined.charges < 500;
        let next =
            Progress::Payments { from: to, seconds: if few { seconds * 2 } else { seconds } };
        let mut charges = charges;
        if let Err(unread) = self.orders(organization, span, &mut charges, &mut found).await? {
            found.discrepancies.push(unread);
        }
        for (reference, charges) in charges {
            let order = self.account(organization, &reference).await?;
            for charge in charges {
                self.judge(organization, order.as_ref(), charge, &mut found).await?;
            }
        }
        self.refunds(organization, span, &mut found).await?;
        Ok((next, found))
    }

    /// The charges that the provider took in a slice; `None` when they are more than are compared
    /// at once and the slice may be cut.
    async fn charges(
        &self,
        organization: &OrganizationId,
        span: ProviderSpan,
        may_be_cut: bool,
    ) -> Result<Option<Charges>, HandleError> {
        let mut charges = Charges::new();
        let (mut count, mut cursor): (usize, Option<ProviderCursor>) = (0, None);
        loop {
            let page = self.provider.list_charges(organization.as_str(), span, cursor.as_ref());
            let Listed { records, next } = page.await.map_err(|error| charging::failure(&error))?;
            for record in records {
                let ChargeRecord { key: _, reference, amount_minor, currency, created_at, state } =
                    record;
                let PaymentState::Paid { charge_id } = state else { continue };
                count += 1;
                charges.entry(reference.clone()).or_default().push(TakenCharge {
                    charge_id,
                    reference,
                    amount_minor,
                    currency,
                    taken_at: created_at,
                    given_back_minor: 0,
                });
            }
            if count > MOST_CHARGES && may_be_cut {
                return Ok(None);
            }
            cursor = next;
            if cursor.is_none() {
                return Ok(Some(charges));
            }
        }
    }

    /// Goes through the orders that were made in a slice, and takes their charges out of it. The
    /// inner error tells of an order that can't be read.
    async fn orders(
        &self,
        organization: &OrganizationId,
        ProviderSpan { from, to }: ProviderSpan,
        charges: &mut Charges,
        found: &mut Found,
    ) -> Result<Result<(), Discrepancy>, HandleError> {
        // The list's ends are both within, to the millisecond.
        let last = to - TimeDelta::milliseconds(1);
        let span = Span { from: Some(from), to: Some(last), ..Span::default() };
        let mut cursor = None;
        loop {
            let page =
                self.store.list_within::<StoredOrder>(organization, &span, ORDERS, cursor.as_ref());
            let Page { items, next } = match page.await {
                Ok(Ok(page)) => page,
                Ok(Err(_)) => return Ok(Ok(())),
                Err(error) => {
                    let (_, unread) = unreadable("the list of orders", error, Progress::Done)?;
                    let first = unread.discrepancies.into_iter().next();
                    return Ok(first.map_or(Ok(()), Err));
                }
            };
            for order in items {
                found.examined.orders += 1;
                if let StoredOrder::Client(order) = &order {
                    let (of, head) = (("O", order.id.as_str()), order.journal.clone());
                    self.prove_journal(organization, of, head, found).await?;
                }
                if reversals_of(&order).is_some() {
                    self.reversals(organization, &id_of(&order), None, found).await?;
                }
                let Some(account) = account(&order, found) else { continue };
                match charges.remove(&account.order) {
                    Some(taken) => {
                        let paid = account.due.as_ref().map(|due| due.charge_id.as_str());
                        let known =
                            taken.iter().any(|charge| Some(charge.charge_id.as_str()) == paid);
                        if !known {
                            self.confirm(organization, &order, &account, found).await?;
                        }
                        for charge in taken {
                            self.judge(organization, Some(&account), charge, found).await?;
                        }
                    }
                    None => self.confirm(organization, &order, &account, found).await?,
                }
            }
            cursor = next;
            if cursor.is_none() {
                return Ok(Ok(()));
            }
        }
    }

    /// Holds what an order says went back of it against its refunds and disputes, of which `about` is
    /// one, whether the order knows of it or not. They change together, and are looked at again where
    /// the order has changed meanwhile.
    pub(super) async fn reversals(
        &self,
        organization: &OrganizationId,
        id: &OrderId,
        about: Option<&DisputeId>,
        found: &mut Found,
    ) -> Result<(), HandleError> {
        let mut before: Option<Collected> = None;
        for _ in 0..LOOKS {
            let Some(order) = self.store.order(organization, id).await? else { return Ok(()) };
            let Ok(collected) = collected(&order) else { return Ok(()) };
            let Reversals { refunds, disputes, .. } = &collected.reversals;
            // And the one after the last that it knows of, which must not be there.
            let numbers = 1..=refunds.saturating_add(1).min(MAX_REFUNDS);
            let refunds: Vec<String> =
                numbers.map(|number| RefundId::of(id, number).to_string()).collect();
            let unknown = about.filter(|about| !disputes.contains(about));
            let disputes: Vec<String> =
                disputes.iter().chain(unknown).map(ToString::to_string).collect();
            let (refunds, disputes) = futures::try_join!(
                self.store.records(organization, REFUNDS, &refunds, true),
                self.store.records(organization, DISPUTES, &disputes, true),
            )?;
            // What can't be read is told where it is looked at, and is missing here.
            let refunds: Vec<Refund> = refunds.iter().filter_map(|one| read(one).ok()).collect();
            let disputes: Vec<Dispute> = disputes.iter().filter_map(|one| read(one).ok()).collect();
            let Some(wrong) = check_reversals(&collected, &refunds, &disputes) else {
                return Ok(());
            };
            if before.as_ref() == Some(&collected) {
                found.discrepancies.push(wrong);
                return Ok(());
            }
            before = Some(collected);
        }
        Ok(())
    }

    /// Asks the provider for the charge of an order that is paid by our books.
    async fn confirm(
        &self,
        organization: &OrganizationId,
        order: &StoredOrder,
        account: &OrderAccount,
        found: &mut Found,
    ) -> Result<(), HandleError> {
        if account.due.is_none() {
            return Ok(());
        }
        let lookup = ChargeLookup::new(organization.as_str(), key_of(organization, order));
        let outcome =
            self.provider.lookup(&lookup).await.map_err(|error| charging::failure(&error))?;
        let charge_id = match &outcome {
            Some(ChargeOutcome::Paid { charge_id }) => Some(charge_id.as_str()),
            Some(ChargeOutcome::Declined { .. } | ChargeOutcome::NeedsAction(_)) | None => None,
        };
        found.discrepancies.extend(check_order(account, charge_id));
        Ok(())
    }

    /// Holds a charge against its order. Where they do not agree, what the provider has given back
    /// of it may explain it, or it is still under way.
    async fn judge(
        &self,
        organization: &OrganizationId,
        order: Option<&OrderAccount>,
        charge: TakenCharge,
        found: &mut Found,
    ) -> Result<(), HandleError> {
        if check_charge(order, &charge).is_none() {
            return Ok(());
        }
        let now = self.clock.now();
        let unsettled = order.is_none_or(|order| order.due.is_none());
        if unsettled && charge.taken_at > now - PATIENCE {
            return Ok(());
        }
        // The order may have been settled since it was read.
        let order = self.account(organization, &charge.reference).await?;
        let span = ProviderSpan { from: charge.taken_at, to: now };
        let given_back_minor = self.given_back(organization, span, &charge.charge_id).await?;
        let charge = TakenCharge { given_back_minor, ..charge };
        found.discrepancies.extend(check_charge(order.as_ref(), &charge));
        Ok(())
    }

    /// What the provider has given back of a charge.
    async fn given_back(
        &self,
        organization: &OrganizationId,
        span: ProviderSpan,
        charge_id: &str,
    ) -> Result<i64, HandleError> {
        let (mut sum, mut cursor): (i64, Option<ProviderCursor>) = (0, None);
        loop {
            let page = self.provider.list_refunds(organization.as_str(), span, cursor.as_ref());
            let Listed { records, next } = page.await.map_err(|error| charging::failure(&error))?;
            let of_it = records.iter().filter(|refund| refund.charge_id == charge_id);
            for refund in of_it.filter(|refund| is_given(&refund.outcome)) {
                sum = sum.saturating_add(refund.amount_minor);
            }
            cursor = next;
            if cursor.is_none() {
                return Ok(sum);
            }
        }
    }

    /// Holds the refunds that the provider made in a slice against our books.
    async fn refunds(
        &self,
        organization: &OrganizationId,
        span: ProviderSpan,
        found: &mut Found,
    ) -> Result<(), HandleError> {
        let mut cursor: Option<ProviderCursor> = None;
        loop {
            let page = self.provider.list_refunds(organization.as_str(), span, cursor.as_ref());
            let Listed { records, next } = page.await.map_err(|error| charging::failure(&error))?;
            for record in records {
                self.refund(organization, record, found).await?;
            }
            cursor = next;
            if cursor.is_none() {
                return Ok(());
            }
        }
    }

    async fn refund(
        &self,
        organization: &OrganizationId,
        record: RefundRecord,
        found: &mut Found,
    ) -> Result<(), HandleError> {
        let RefundRecord { key, charge_id, reference, amount_minor, created_at, outcome, .. } =
            record;
        if !is_given(&outcome) || created_at > self.clock.now() - PATIENCE {
            return Ok(());
        }
        found.examined.refunds += 1;
        let refund = TakenRefund { charge_id, amount_minor, ours: key.is_some() };
        let order = match reference.as_deref().map(order_of) {
            Some(order) => self.account(organization, &order).await?,
            None => None,
        };
        found.discrepancies.extend(check_refund(order.as_ref(), &refund));
        Ok(())
    }

    /// The account of the order with this id; `None` where there is none.
    async fn account(
        &self,
        organization: &OrganizationId,
        reference: &str,
    ) -> Result<Option<OrderAccount>, HandleError> {
        let Ok(id) = reference.parse::<OrderId>() else { return Ok(None) };
        let order = self.store.order(organization, &id).await?;
        Ok(order.and_then(|order| account(&order, &mut Found::default())))
    }
}

/// The order that a refund is for: its reference is the id of our refund, which tells the order, or
/// the order itself.
fn order_of(reference: &str) -> String {
    let body = reference.strip_prefix(RefundId::PREFIX).and_then(|body| body.rsplit_once('_'));
    body.map_or_else(|| reference.to_owned(), |(order, _)| format!("{}{order}", OrderId::PREFIX))
}

/// Whether money went back, or is on its way.
fn is_given(outcome: &RefundOutcome) -> bool {
    matches!(outcome, RefundOutcome::Refunded { .. } | RefundOutcome::Pending { .. })
}

/// What was collected for an order.
fn collected(order: &StoredOrder) -> Result<Collected, MoneyError> {
    match order {
        StoredOrder::Client(order) => Collected::of_order(order),
        StoredOrder::Run(run) => Ok(Collected::of_run(run)),
    }
}

/// What an order says went back of it, or is about to.
pub(super) fn reversals_of(order: &StoredOrder) -> Option<&Reversals> {
    match order {
        StoredOrder::Client(order) => order.reversals.as_ref(),
        StoredOrder::Run(run) => run.reversals.as_ref(),
    }
}

fn id_of(order: &StoredOrder) -> OrderId {
    match order {
        StoredOrder::Client(order) => order.id.clone(),
        StoredOrder::Run(run) => run.order_id(),
    }
}

/// The account of an order; what can't be computed is told.
fn account(order: &StoredOrder, found: &mut Found) -> Option<OrderAccount> {
    match collected(order) {
        Ok(collected) => Some(OrderAccount::of(&collected)),
        Err(error) => {
            let id = id_of(order).to_string();
            let told = Discrepancy::new(Code::Unreadable, id, error.to_string(), json!({}));
            found.discrepancies.push(told);
            None
        }
    }
}

/// The provider's key of the attempt that has paid an order: the last one that was made.
fn key_of(organization: &OrganizationId, order: &StoredOrder) -> ChargeKey {
    ChargeKey::new(match order {
        StoredOrder::Client(order) => format!("{organization}:{}:{}", order.id, order.placements),
        StoredOrder::Run(run) => {
            charge_key(organization, &run.subscription_id, run.number, run.attempts)
        }
    })
}
