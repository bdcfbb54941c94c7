//! Reconciliations: the proof of the books for a span of time, as a job run of its own kind. The
//! function `reconciliation` serves them; what it does stands in [`crate::reconciliation`].

use chrono::{DateTime, TimeDelta, Utc};
use perennial_domain::{ids::JobRunId, reconciliation::Discrepancy};
use perennial_messages::{Outgoing, ReconciliationWork};
use perennial_store::{Examined, Reconciliation};
use serde_json::{Value, json};

use super::{
    CREATED_AT, UPDATED_AT,
    annotations::{NO_METADATA, NO_REFERENCE, NO_REFERENCE_ORIGIN, unkept},
    answer,
};
use crate::{
    http::{
        attributes::{Attribute, Kind},
        context::Context,
        document::Document,
        error::{ApiError, Code, Outcome, Problem, Problems},
        event::Answer,
        object::{Object, ResourceType},
        operation::{Action, Handler, Operation, Surface, elsewhere, handler},
        query::Accepts,
    },
    reconciliation::opened,
    work_queues::WorkQueue,
};

/// Most discrepancies in one document: an answer of Lambda holds 6 MB.
const MAX_DISCREPANCIES: usize = 1_000;
/// The longest span: ten years.
const LONGEST: TimeDelta = TimeDelta::days(3_660);

const fn count(name: &'static str, about: &'static str) -> Attribute {
    Attribute::read(name, Kind::Integer(0, i64::MAX), about)
}

pub(crate) static KIND: ResourceType = ResourceType {
    name: "reconciliations",
    singular: "reconciliation",
    about: "A proof of the books for a span of time: that each occurrence that has elapsed has one \
            run, each placed order one charge, each charge one order, and each journal is whole; and \
            everything for which that does not hold. It is a job run of the kind `reconciliation`.",
    attributes: &[
        Attribute::create("from", Kind::Instant, "The first instant of the span."),
        Attribute::create(
            "to",
            Kind::Instant,
            "The first instant after the span; now unless given, and never later.",
        ),
        Attribute::read(
            "status",
            Kind::Choice(&["running", "completed", "completed_with_errors"]),
            "Where it stands; `completed_with_errors` when something does not agree.",
        ),
        Attribute::read("started_by", Kind::Text(300), "Who started it."),
        Attribute::read("started_at", Kind::Instant, "When it began."),
        Attribute::read("ended_at", Kind::Instant, "When it ended."),
        count("subscriptions_count", "Subscriptions that were looked at."),
        count(
            "busy_count",
            "Of these: changed so often meanwhile that the next one must see to them.",
        ),
        count("blocked_count", "Of these: kept from running by a dead letter."),
        count("runs_count", "Runs that were looked at."),
        count("journal_entries_count", "Journal entries whose chain was followed."),
        count("orders_count", "Orders that clients or runs made within the span."),
        count("charges_count", "Charges that the provider took within the span."),
        count("refunds_count", "Refunds that the provider made within the span."),
        count(
            "records_count",
            "Refunds, disputes, order copies and payment sources that were made within the span, and \
             what was deleted in it, with their journals.",
        ),
        count(
            "renewals_due_count",
            "Occurrences of the span that were to be paid and are decided.",
        ),
        count("renewals_paid_count", "Of these: paid before their retry policy gave them up."),
        count(
            "renewals_hard_declined_count",
            "Of these: given up for a final decline of the bank.",
        ),
        count("renewals_failed_count", "Of these: given up for anything else."),
        count("renewals_recovered_count", "Of those given up: paid later all the same."),
        count("renewals_lost_count", "Of these: never run, which is a discrepancy too."),
        count("renewals_open_count", "Occurrences of the span whose retry policy still goes on."),
        Attribute::read(
            "renewal_success_rate",
            Kind::Text(8),
            "Paid of due, such as `0.985000`, rounded down; null when nothing was due.",
        ),
        Attribute::read(
            "recoverable_success_rate",
            Kind::Text(8),
            "Paid of due without those that a final decline has ended; null when there were none.",
        ),
        count("prorations_checked_count", "Charged periods that were prorated and checked."),
        count("prorations_passed_count", "Of these: with nothing to find fault with."),
        count("discrepancies_count", "What does not agree, counted."),
        Attribute::read(
            "discrepancies",
            Kind::List(&Kind::Anything(0), MAX_DISCREPANCIES),
            "What does not agree, in the order in which it was found: `code`, `subject`, `detail`, \
             `numbers`; at most 1,000.",
        ),
        NO_REFERENCE,
        NO_REFERENCE_ORIGIN,
        NO_METADATA,
        CREATED_AT,
        UPDATED_AT,
    ],
    relationships: &[],
};

const fn operations(create: Handler, read: Handler) -> [Operation; 2] {
    [
        Operation {
            action: Action::Create,
            path: "/api/reconciliations",
            kind: &KIND,
            surface: Surface::Reconciliation,
            accepts: Accepts::SINGLE,
            about: "Starts to reconcile a span of time.",
            handler: create,
        },
        Operation {
            action: Action::Read,
            path: "/api/reconciliations/{id}",
            kind: &KIND,
            surface: Surface::Reconciliation,
            accepts: Accepts::SINGLE,
            about: "Reads a reconciliation with what it has found so far.",
            handler: read,
        },
    ]
}

/// What the function `reconciliation` serves.
pub(crate) const OPERATIONS: &[Operation] = &operations(handler!(create), handler!(read));

/// The same for documents and for the other functions, which leave its code out.
pub(crate) const DESCRIBED: &[Operation] = &operations(elsewhere, elsewhere);

/// Parts per million as a decimal fraction.
fn rate(ppm: Option<u64>) -> Value {
    ppm.map_or(Value::Null, |ppm| json!(format!("{}.{:06}", ppm / 1_000_000, ppm % 1_000_000)))
}

fn object(reconciliation: &Reconciliation, found: &[Discrepancy]) -> Object {
    let Reconciliation {
        id,
        kind: _,
        actor,
        started_at,
        ended_at,
        status,
        from,
        to,
        progress: _,
        step,
        examined,
        renewals,
        prorations,
        discrepancies,
    } = reconciliation;
    let Examined {
        subscriptions,
        busy,
        blocked,
        runs,
        journal_entries,
        orders,
        charges,
        refunds,
        records,
    } = examined;
    Object {
        kind: &KIND,
        id: id.to_string(),
        version: Some(*step),
        attributes: unkept(json!({
            "from": from,
            "to": to,
            "status": status,
            "started_by": actor,
            "started_at": started_at,
            "ended_at": ended_at,
            "subscriptions_count": subscriptions,
            "busy_count": busy,
            "blocked_count": blocked,
            "runs_count": runs,
            "journal_entries_count": journal_entries,
            "orders_count": orders,
            "charges_count": charges,
            "refunds_count": refunds,
            "records_count": records,
            "renewals_due_count": renewals.due,
            "renewals_paid_count": renewals.paid,
            "renewals_hard_declined_count": renewals.hard_declined,
            "renewals_failed_count": renewals.failed,
            "renewals_recovered_count": renewals.recovered,
            "renewals_lost_count": renewals.lost,
            "renewals_open_count": renewals.open,
            "renewal_success_rate": rate(renewals.success_ppm()),
            "recoverable_success_rate": rate(renewals.recoverable_success_ppm()),
            "prorations_checked_count": prorations.checked,
            "prorations_passed_count": prorations.passed,
            "discrepancies_count": discrepancies,
            "discrepancies": found,
            "created_at": started_at,
            "updated_at": ended_at.unwrap_or(*started_at),
        })),
        relationships: Vec::new(),
        meta: None,
        brings: Vec::new(),
    }
}

async fn read(context: &Context<'_>) -> Outcome<Answer> {
    let id: JobRunId = context.path_id(KIND.singular)?;
    let organization = &context.caller.organization;
    let found = context.store().reconciliation(organization, &id).await?;
    let found = found.ok_or_else(|| ApiError::not_found(KIND.singular, context.id))?;
    let discrepancies = context.store().discrepancies(organization, &id, MAX_DISCREPANCIES).await?;
    answer::one(context, 200, &object(&found, &discrepancies)).await
}

async fn create(context: &Context<'_>) -> Outcome<Answer> {
    let mut document = Document::create(context.request, &KIND)?;
    let organization = &context.caller.organization;
    let mut problems = Problems::default();
    let mut attributes = document.attributes(&mut problems);
    let from: Option<DateTime<Utc>> = attributes.required("from", &mut problems);
    let to: Option<DateTime<Utc>> = attributes.optional("to", &mut problems).value();
    let to_at = attributes.pointer("to");
    let from = problems.finish(from)?;
    let to = to.unwrap_or(context.now);
    let refused = |detail: String| -> ApiError {
        Problem::new(Code::OutOfRange, detail).at(to_at.clone()).with("value", json!(to)).into()
    };
    if to > context.now {
        return Err(refused(format!("to must not be after now, which is {}: {to}", context.now)));
    }
    if to <= from {
        return Err(refused(format!("to must be after from, which is {from}: {to}")));
    }
    if to - from > LONGEST {
        return Err(refused(format!(
            "a span has at most {} days: {from} to {to}",
            LONGEST.num_days()
        )));
    }
    // The same for the same request: where it died before its message was sent, it is sent now.
    let id = JobRunId::from_uuid(context.new_uuid(KIND.name));
    let mut reconciliation = opened(id, context.caller.actor(), (from, to), context.now);
    if !context.store().open_reconciliation(organization, &reconciliation).await? {
        let before = context.store().reconciliation(organization, &reconciliation.id).await?;
        reconciliation = before.ok_or_else(|| ApiError::internal("a job run of another kind"))?;
    }
    let work = ReconciliationWork::GoOn {
        organization: organization.clone(),
        id: reconciliation.id.clone(),
    };
    let message = Outgoing::json(&work, Some(organization))
        .map_err(|error| ApiError::internal(error.to_string()))?;
    context.services.send(WorkQueue::Reconciliation, vec![message]).await?;
    answer::one(context, 201, &object(&reconciliation, &[])).await
}
