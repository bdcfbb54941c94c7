//! Dead letters: messages that no function could handle, ranked, replayed or discarded.

use perennial_domain::{
    ids::{DeadLetterId, OrganizationId, SubscriptionId},
    order::MAX_QUANTITY,
};
use perennial_messages::{Outgoing, RunDue, ValidateOrder};
use perennial_store::{DeadLetter, DeadLetterStatus};
use serde_json::{Value, json};

use super::{
    CREATED_AT, UPDATED_AT,
    annotations::{NO_METADATA, NO_REFERENCE, NO_REFERENCE_ORIGIN, unkept},
    answer, listing,
};
use crate::{
    blocking,
    http::{
        attributes::{Access, Attribute, Kind},
        context::Context,
        document::Document,
        error::{ApiError, Code, Outcome, Problem, Problems},
        event::Answer,
        object::{Object, ResourceType},
        operation::{Action, Operation, Surface, handler},
        query::Accepts,
    },
    sqs_batch::HandleError,
    work_queues::WorkQueue,
};

/// What the sources of letters begin with that channels have sent.
pub(crate) const OF_CHANNELS: &str = "channel:";

pub(crate) static KIND: ResourceType = ResourceType {
    name: "dead_letters",
    singular: "dead letter",
    about: "A message that no function could handle. It is kept until somebody replays it or \
            discards it with a reason, or its work is done all the same. Messages that fail for the \
            same work are one letter.",
    attributes: &[
        Attribute::read(
            "status",
            Kind::Choice(&["open", "redriven", "discarded", "resolved"]),
            "Where it stands; `resolved` when what it is about was done all the same.",
        ),
        Attribute::read(
            "source",
            Kind::Text(50),
            "The queue whose function could not handle it; `channel:` with the code of a channel whose \
             payload could not be mapped.",
        ),
        Attribute::read(
            "message_id",
            Kind::Text(100),
            "The id, on the queue that is its `source`, of the last message that failed so.",
        ),
        Attribute::read(
            "body",
            Kind::Text(1_048_576),
            "The message, unchanged. Null for approvers: it may hold personal data and payment tokens.",
        ),
        Attribute::read("error", Kind::Text(10_000), "Why it could not be handled."),
        Attribute::read(
            "attempts",
            Kind::Integer(0, MAX_QUANTITY as i64),
            "How often it was tried.",
        ),
        Attribute::read("subject", Kind::Text(80), "The subscription or order it is about."),
        Attribute::read(
            "value_at_risk_cents",
            Kind::Integer(0, i64::MAX),
            "What is lost if it is never handled, in minor units.",
        ),
        Attribute::read("currency_code", Kind::Currency, "Currency of `value_at_risk_cents`."),
        Attribute::read(
            "redrives",
            Kind::Integer(0, u32::MAX as i64),
            "How often it was replayed.",
        ),
        Attribute::of(
            "discard_reason",
            Kind::Text(500),
            Access::Write,
            "Why it was discarded; given together with `_discard`.",
        ),
        Attribute::read("handled_by", Kind::Text(300), "Who last replayed or discarded it."),
        Attribute::of(
            "_redrive",
            Kind::Boolean,
            Access::UpdateTrigger,
            "Sends the message to its queue again.",
        ),
        Attribute::of(
            "_discard",
            Kind::Boolean,
            Access::UpdateTrigger,
            "Gives the message up; `discard_reason` is required.",
        ),
        NO_REFERENCE,
        NO_REFERENCE_ORIGIN,
        NO_METADATA,
        CREATED_AT,
        UPDATED_AT,
    ],
    relationships: &[],
};

pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        action: Action::List,
        path: "/api/dead_letters",
        kind: &KIND,
        surface: Surface::Api,
        accepts: Accepts::INDEXED.newest_first(),
        about: "Lists dead letters, newest first unless sorted otherwise.",
        handler: handler!(list),
    },
    Operation {
        action: Action::Read,
        path: "/api/dead_letters/{id}",
        kind: &KIND,
        surface: Surface::Api,
        accepts: Accepts::SINGLE,
        about: "Reads a dead letter.",
        handler: handler!(read),
    },
    Operation {
        action: Action::Update,
        path: "/api/dead_letters/{id}",
        kind: &KIND,
        surface: Surface::Api,
        accepts: Accepts::SINGLE,
        about: "Replays a dead letter or discards it.",
        handler: handler!(update),
    },
];

/// How this caller is shown letters.
pub(super) fn shown_to(context: &Context<'_>) -> fn(&DeadLetter) -> Object {
    if context.caller.reads_payloads() { object } else { object_without_body }
}

fn object_without_body(letter: &DeadLetter) -> Object {
    let mut object = object(letter);
    if let Some(body) = object.attributes.get_mut("body") {
        *body = Value::Null;
    }
    object
}

fn object(letter: &DeadLetter) -> Object {
    let DeadLetter {
        id,
        status,
        source,
        message_id,
        body,
        error,
        attempts,
        subject,
        value_at_risk,
        currency,
        redrives,
        discard_reason,
        handled_by,
        created_at,
        updated_at,
        version,
    } = letter;
    Object {
        kind: &KIND,
        id: id.to_string(),
        version: Some(*version),
        attributes: unkept(json!({
            "status": status,
            "source": source,
            "message_id": message_id,
            "body": body,
            "error": error,
            "attempts": attempts,
            "subject": subject,
            "value_at_risk_cents": value_at_risk,
            "currency_code": currency,
            "redrives": redrives,
            "discard_reason": discard_reason,
            "handled_by": handled_by,
            "created_at": created_at,
            "updated_at": updated_at,
        })),
        relationships: Vec::new(),
        meta: None,
        brings: Vec::new(),
    }
}

async fn list(context: &Context<'_>) -> Outcome<Answer> {
    listing::answer(context, &KIND, shown_to(context), |_, _: &DeadLetter| true).await
}

async fn find(context: &Context<'_>) -> Outcome<DeadLetter> {
    let id: DeadLetterId = context.path_id(KIND.singular)?;
    let found = context.store().dead_letter(&context.caller.organization, &id).await?;
    found.ok_or_else(|| ApiError::not_found(KIND.singular, context.id))
}

async fn read(context: &Context<'_>) -> Outcome<Answer> {
    answer::one(context, 200, &shown_to(context)(&find(context).await?)).await
}

/// What is to be done about a letter.
#[derive(Debug, Clone)]
pub(super) enum Asked {
    Redrive,
    Discard(String),
}

async fn update(context: &Context<'_>) -> Outcome<Answer> {
    let letter = find(context).await?;
    let mut document = Document::update(context.request, &KIND, context.id)?;
    context.check_version(letter.version)?;
    let mut problems = Problems::default();
    let mut attributes = document.attributes(&mut problems);
    let redrive = attributes.trigger("_redrive", &mut problems);
    let discard = attributes.trigger("_discard", &mut problems);
    let reason: Option<String> = if discard {
        attributes.required("discard_reason", &mut problems)
    } else {
        attributes.value("discard_reason", &mut problems)
    };
    if redrive && discard {
        problems.add(
            Problem::new(Code::InvalidValue, "a dead letter is either replayed or discarded")
                .at("/data/attributes/_discard"),
        );
    }
    if reason.is_some() && !discard {
        problems.add(
            Problem::new(Code::InvalidValue, "discard_reason goes together with _discard")
                .at("/data/attributes/discard_reason"),
        );
    }
    problems.check()?;
    let asked = match (redrive, reason) {
        (true, _) => Asked::Redrive,
        (false, Some(reason)) => Asked::Discard(reason),
        (false, None) => return answer::one(context, 200, &object(&letter)).await,
    };
    let letter = carry_out(context, letter, asked).await?;
    answer::one(context, 200, &object(&letter)).await
}

/// Whether a letter can go back to the queue that it is from. What a channel sent is on none.
pub(super) fn is_queued(letter: &DeadLetter) -> bool {
    WorkQueue::named(&letter.source).is_some()
}

fn not_possible(letter: &DeadLetter, what: &str) -> ApiError {
    let status = match letter.status {
        DeadLetterStatus::Open => "open",
        DeadLetterStatus::Redriven => "redriven",
        DeadLetterStatus::Discarded => "discarded",
        DeadLetterStatus::Resolved => "resolved",
    };
    let detail = format!("dead letter {} is {status} and can't be {what}", letter.id);
    Problem::new(Code::InvalidStatus, detail).into()
}

/// What a channel sent is on no queue: the function of channels takes it again.
fn queueless(letter: &DeadLetter) -> ApiError {
    if !letter.source.starts_with(OF_CHANNELS) {
        return ApiError::internal(format!("there is no queue {:?}", letter.source));
    }
    let detail = format!(
        "dead letter {} is a payload of {}, and on no queue: take it again with POST \
         /api/channel_replays",
        letter.id, letter.source
    );
    let problem = Problem::new(Code::InvalidStatus, detail);
    problem.at("/data/attributes/_redrive").with("source", letter.source.clone()).into()
}

/// First what lets the work go on, then the note that it was done: a crash in between leaves the
/// letter open, and doing it again does no harm, as every message can be handled twice.
pub(super) async fn carry_out(
    context: &Context<'_>,
    before: DeadLetter,
    asked: Asked,
) -> Outcome<DeadLetter> {
    let organization = &context.caller.organization;
    let store = context.store();
    let subscription: Option<SubscriptionId> =
        before.subject.as_ref().and_then(|subject| subject.parse().ok());
    let (id, cause, now) = (&before.id, context.cause(), context.now);
    let mut after = before.clone();
    match asked {
        Asked::Redrive => {
            if matches!(before.status, DeadLetterStatus::Discarded | DeadLetterStatus::Resolved) {
                return Err(not_possible(&before, "replayed"));
            }
            let queue = WorkQueue::named(&before.source).ok_or_else(|| queueless(&before))?;
            if let Some(subscription) = &subscription {
                blocking::unblock(store, organization, subscription, id, &cause, now)
                    .await
                    .map_err(failed)?;
            }
            let message = Outgoing {
                body: before.body.clone(),
                organization: Some(organization.clone()),
                attributes: Vec::new(),
                delay_seconds: 0,
            };
            context.services.send(queue, vec![message]).await?;
            after.status = DeadLetterStatus::Redriven;
            after.redrives = after.redrives.saturating_add(1);
        }
        Asked::Discard(reason) => {
            if before.status != DeadLetterStatus::Open {
                return Err(not_possible(&before, "discarded"));
            }
            if let Some((queue, message)) = giving_up(&before, organization)? {
                context.services.send(queue, vec![message]).await?;
            }
            after.status = DeadLetterStatus::Discarded;
            after.discard_reason = Some(reason);
        }
    }
    after.handled_by = Some(context.caller.actor());
    after.version += 1;
    after.updated_at = now;
    store.update_dead_letter(organization, &after, before.version).await?;
    Ok(after)
}

/// What lets go of the run that a discarded letter has blocked, or of the order that waits to be
/// placed. Whoever gets it asks the provider first, so that what was paid is not given up.
fn giving_up(
    letter: &DeadLetter,
    organization: &OrganizationId,
) -> Outcome<Option<(WorkQueue, Outgoing)>> {
    let Some(queue) = WorkQueue::named(&letter.source) else { return Ok(None) };
    let give_up = Some(letter.id.clone());
    let message = match queue {
        WorkQueue::OrderCopy => {
            let run = serde_json::from_str(&letter.body).ok();
            run.map(|run| Outgoing::json(&RunDue { give_up, ..run }, Some(organization)))
        }
        WorkQueue::Validation => {
            let order = serde_json::from_str(&letter.body).ok();
            order.map(|order| {
                Outgoing::json(&ValidateOrder { give_up, ..order }, Some(organization))
            })
        }
        _ => None,
    };
    let message = message.transpose().map_err(|error| ApiError::internal(error.to_string()))?;
    Ok(message.map(|message| (queue, message)))
}

fn failed(error: HandleError) -> ApiError {
    match error {
        HandleError::Transient(inside) => ApiError::unavailable(inside),
        HandleError::Permanent(inside) => ApiError::internal(inside),
    }
}
