//! Giving money back. The amount is reserved on the order before the provider is asked, so that
//! refunds never come to more than was collected; the provider's key derives from the refund, so that
//! it is given back once, however often it is asked.

use perennial_domain::{
    ids::{OrderId, RefundId},
    money::MinorUnits,
    payment::{
        Collected, NewRefund, NotRefundable, Refund, RefundOutcome, RefundStatus, begin_refund,
        refund_key, settle_refund,
    },
};
use perennial_payments::{self as provider, RefundKey, RefundRequest, refund_safely};
use perennial_store::{Expect, Record, StoreError, WAKES_AT};
use serde_json::{Value, json};

use super::{
    COMMIT_ATTEMPTS, Work,
    collected::paid,
    record::{REFUNDS, read, seen, version, written},
};
use crate::{
    api::{
        answer, catalog, orders,
        refunds::{CATALOG, KIND, operations},
        settled_json::settled,
    },
    http::{
        context::Context,
        document::{Document, no_such},
        error::{ApiError, Code, Outcome, Problem, Problems},
        event::Answer,
        operation::{Operation, handler},
    },
    sqs_batch::HandleError,
};

/// What the function serves.
pub(crate) const OPERATIONS: &[Operation] = &operations(handler!(create));

/// How long a refund that the provider has taken on waits before it is looked up again.
const LOOKED_UP_AGAIN: chrono::TimeDelta = chrono::TimeDelta::hours(1);

async fn create(context: &Context<'_>) -> Outcome<Answer> {
    let (order, asked) = asked(context)?;
    let work = Work::of(context);
    let id = begin(context, &work, &order, &asked).await?;
    match work.settle_refund(&id).await {
        Ok(_) => {}
        // Its amount is reserved, and the tick sees to it: what is answered is where it stands.
        Err(error) => tracing::warn!(%error, refund_id = %id, "a refund is left for later"),
    }
    let organization = &context.caller.organization;
    let record = context.store().record(organization, REFUNDS, id.as_str()).await?;
    let record = record.ok_or_else(|| ApiError::internal(format!("refund {id} is gone")))?;
    answer::one(context, 201, &catalog::revealed(context, &CATALOG, None, &record)).await
}

/// What a request asks for.
fn asked(context: &Context<'_>) -> Outcome<(OrderId, NewRefund)> {
    let mut document = Document::create(context.request, &KIND)?;
    let mut problems = Problems::default();
    let mut attributes = document.attributes(&mut problems);
    let amount: Option<i64> = attributes.optional("amount_cents", &mut problems).value();
    let mut text = |name: &str| attributes.optional::<String>(name, &mut problems).value();
    let (reason, reference) = (text("reason"), text("reference"));
    let reference_origin = text("reference_origin");
    let metadata: Option<Value> = attributes.optional("metadata", &mut problems).value();
    let order: Option<OrderId> = document.related("order", &mut problems).id();
    problems.check()?;
    let order = order.ok_or_else(|| ApiError::internal("a required order was not given"))?;
    let asked = NewRefund {
        amount: amount.map(MinorUnits::new),
        reason,
        requested_by: context.caller.actor(),
        reference,
        reference_origin,
        metadata: metadata.map(settled).unwrap_or_default(),
        request: context.once.as_ref().map(|_| context.new_uuid(KIND.name).to_string()),
    };
    Ok((order, asked))
}

/// Reserves the amount, or finds the refund that the same request has begun before.
async fn begin(
    context: &Context<'_>,
    work: &Work<'_>,
    order: &OrderId,
    asked: &NewRefund,
) -> Outcome<RefundId> {
    for _ in 0..COMMIT_ATTEMPTS {
        let found = orders::find(context, order).await?;
        let at = "/data/relationships/order";
        let found = found.ok_or_else(|| no_such("orders", order.as_str(), at))?;
        let paid = paid(found)?;
        if let Some(begun) = work.begun_before(&paid.collected, asked).await? {
            return Ok(begun);
        }
        let (refund, reversals, change) = begin_refund(&paid.collected, asked.clone(), context.now)
            .map_err(|error| refused(&error))?;
        let mut record = written(&refund)?;
        let entry = work.entry(&mut record, change);
        let commit = context
            .store()
            .commit(&context.caller.organization)
            .record(REFUNDS, &record, Expect::New)
            .entry(REFUNDS.letter, &entry);
        match paid.write(commit, reversals, context.now).run().await {
            Ok(()) => return Ok(refund.id),
            Err(StoreError::Conflict(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(ApiError::unavailable(format!("order {order} keeps changing")))
}

/// Why it can't be given back.
fn refused(error: &NotRefundable) -> ApiError {
    let detail = error.to_string();
    match error {
        NotRefundable::TooMuch { asked, left, captured } => Problem::new(Code::OutOfRange, detail)
            .at("/data/attributes/amount_cents")
            .with("value", *asked)
            .with("maximum", *left)
            .with("captured_amount_cents", *captured)
            .into(),
        NotRefundable::NothingCollected(_)
        | NotRefundable::NothingLeft { .. }
        | NotRefundable::TooMany(_) => {
            Problem::new(Code::InvalidStatus, detail).at("/data/relationships/order").into()
        }
        NotRefundable::Money(_) => ApiError::internal(detail),
    }
}

impl Work<'_> {
    /// The refund that the same request has begun before it was cut short.
    async fn begun_before(
        &self,
        of: &Collected,
        asked: &NewRefund,
    ) -> Result<Option<RefundId>, HandleError> {
        let Some(request) = &asked.request else { return Ok(None) };
        let numbers = 1..=of.reversals.refunds;
        let ids: Vec<String> =
            numbers.map(|number| RefundId::of(&of.order_id, number).to_string()).collect();
        if ids.is_empty() {
            return Ok(None);
        }
        let store = &self.services.store;
        let begun = store.records(self.organization, REFUNDS, &ids, true).await?;
        let same = |record: &&Record| record.get("request") == Some(&json!(request));
        begun.iter().find(same).map(|record| Ok(read::<Refund>(record)?.id)).transpose()
    }

    /// Brings a pending refund to its end, if the provider tells how it ended. May be asked for again
    /// and again, from several places at once.
    pub(crate) async fn settle_refund(&self, id: &RefundId) -> Result<(), HandleError> {
        let store = &self.services.store;
        let mut outcome = None;
        for _ in 0..COMMIT_ATTEMPTS {
            let found = store.record(self.organization, REFUNDS, id.as_str()).await?;
            let missing = || HandleError::Permanent(format!("there is no refund {id}"));
            let record = found.ok_or_else(missing)?;
            let refund: Refund = read(&record)?;
            if refund.status != RefundStatus::Pending {
                return Ok(());
            }
            let told = match outcome.take() {
                Some(told) => told,
                None => self.ask_for(&refund).await?,
            };
            let committed = match &told {
                provider::RefundOutcome::Pending { refund_id } => {
                    self.wait_for(record, refund_id).await
                }
                provider::RefundOutcome::Refunded { refund_id } => {
                    let gateway_transaction_id = refund_id.clone();
                    let ended = RefundOutcome::Succeeded { gateway_transaction_id };
                    self.end_refund(&record, &refund, &ended).await?
                }
                provider::RefundOutcome::Failed { code, message } => {
                    let (code, message) = (code.clone(), message.clone());
                    self.end_refund(&record, &refund, &RefundOutcome::Failed { code, message })
                        .await?
                }
            };
            match committed {
                Ok(()) => return Ok(()),
                Err(StoreError::Conflict(_)) => outcome = Some(told),
                Err(error) => return Err(error.into()),
            }
        }
        Err(HandleError::Transient(format!("the order of refund {id} keeps changing")))
    }

    /// Asks the provider for the money, or what became of the same question before.
    async fn ask_for(&self, refund: &Refund) -> Result<provider::RefundOutcome, HandleError> {
        let Some(provider) = &self.services.provider else {
            return Err(HandleError::Permanent("this function moves no money".to_owned()));
        };
        let request = RefundRequest {
            key: RefundKey::new(refund_key(self.organization, &refund.id)),
            organization: self.organization.to_string(),
            charge_id: refund.charge_id.clone(),
            amount_minor: refund.amount.get(),
            currency: refund.currency.to_string(),
            reference: refund.id.to_string(),
            requested_at: self.now,
            key_since: refund.created_at,
        };
        match refund_safely(provider.0.as_ref(), &request).await {
            Ok(outcome) => Ok(outcome),
            Err(error) if error.is_transient() => Err(HandleError::Transient(error.to_string())),
            Err(error) => Ok(provider::RefundOutcome::Failed {
                code: "refused".to_owned(),
                message: error.to_string(),
            }),
        }
    }

    async fn end_refund(
        &self,
        record: &Record,
        refund: &Refund,
        outcome: &RefundOutcome,
    ) -> Result<Result<(), StoreError>, HandleError> {
        let gone = || HandleError::Permanent(format!("there is no order {}", refund.order_id));
        let paid = self.paid(&refund.order_id).await?.ok_or_else(gone)?;
        let (after, reversals, change) = settle_refund(refund, &paid.collected, outcome, self.now)
            .map_err(|error| HandleError::Permanent(error.to_string()))?;
        let mut settled = written(&after)?;
        let entry = self.entry(&mut settled, change);
        let commit = self
            .services
            .store
            .commit(self.organization)
            .record(REFUNDS, &settled, seen(record))
            .entry(REFUNDS.letter, &entry);
        let committed = paid.write(commit, reversals, self.now).run().await;
        if committed.is_ok() {
            let (id, status) = (&refund.id, after.status);
            tracing::info!(organization = %self.organization, refund_id = %id, ?status, "refund settled");
        }
        Ok(committed)
    }

    /// Notes that the provider has taken a refund on and tells later how it ended.
    async fn wait_for(&self, mut record: Record, refund_id: &str) -> Result<(), StoreError> {
        let seen = version(&record);
        record.insert("gateway_transaction_id".to_owned(), json!(refund_id));
        record.insert(WAKES_AT.to_owned(), json!(self.now + LOOKED_UP_AGAIN));
        record.insert("version".to_owned(), json!(seen + 1));
        record.insert("updated_at".to_owned(), json!(self.now));
        self.services.store.update_record(self.organization, REFUNDS, &record, seen).await
    }
}
