//! Taking payloads again that were kept as dead letters, once the mapping or what it refers to was
//! mended.

use perennial_domain::ids::DeadLetterId;
use perennial_store::{DeadLetter, DeadLetterStatus};
use serde_json::{Value, json};

use super::{
    deliver, letters, reader,
    reader::Reader,
    receive::{named, refused},
};
use crate::{
    api::previews,
    http::{
        attributes::{Attribute, Kind},
        caller::Verb,
        context::Context,
        document::Document,
        error::{ApiError, Code, Outcome, Problem, Problems},
        event::Answer,
        object::ResourceType,
    },
};

/// Most letters of one request.
const MAX_LETTERS: usize = 25;

pub(crate) static KIND: ResourceType = ResourceType {
    name: "channel_replays",
    singular: "channel replay",
    about: "Dead letters of channels, taken again by the mapping that each channel has now. Served \
            nowhere afterwards: the answer tells what became of each.",
    attributes: &[
        Attribute::create(
            "dead_letter_ids",
            Kind::List(&Kind::Text(100), MAX_LETTERS),
            "The letters, of sources that begin with channel:.",
        ),
        Attribute::read(
            "results",
            Kind::List(
                &Kind::Members(&[
                    Attribute::read("dead_letter_id", Kind::Text(100), "The letter."),
                    Attribute::read(
                        "outcome",
                        Kind::Choice(&["created", "updated", "repeated", "refused", "failed"]),
                        "What became of it. One that was refused or failed stays open.",
                    ),
                    Attribute::read("order_id", Kind::Text(80), "The order that it made."),
                    Attribute::read("code", Kind::Text(50), "Which rule it breaks."),
                    Attribute::read("detail", Kind::Text(2_000), "Why it was refused."),
                ]),
                MAX_LETTERS,
            ),
            "What became of each, in their order.",
        ),
    ],
    relationships: &[],
};

pub(super) async fn replay(context: &Context<'_>) -> Outcome<Answer> {
    context.caller.check(Verb::Write, "dead_letters")?;
    let mut document = Document::create(context.request, &KIND)?;
    let mut problems = Problems::default();
    let mut attributes = document.attributes(&mut problems);
    let ids: Option<Vec<String>> = attributes.required("dead_letter_ids", &mut problems);
    let ids = problems.finish(ids)?;
    let mut results = Vec::new();
    for id in &ids {
        let mut result = match again(context, id).await {
            Ok(done) => done,
            Err(error) => refused(&error),
        };
        if let Value::Object(members) = &mut result {
            members.insert("dead_letter_id".to_owned(), json!(id));
        }
        results.push(result);
    }
    let members = [("dead_letter_ids", json!(ids)), ("results", json!(results))];
    let members = members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    Ok(previews::answer(context, &KIND, members))
}

/// Takes the payload of a letter, and then notes in the letter what became of it: a crash in between
/// leaves it open, and taken again it finds its order.
async fn again(context: &Context<'_>, id: &str) -> Outcome<Value> {
    let missing = || ApiError::not_found("dead letter", id);
    let id: DeadLetterId = id.parse().map_err(|_| missing())?;
    let (store, organization) = (context.store(), &context.caller.organization);
    let letter = store.dead_letter(organization, &id).await?.ok_or_else(missing)?;
    let code = letters::channel_of(&letter.source).ok_or_else(|| {
        let detail = format!(
            "dead letter {id} is of {}, no channel: replay it with PATCH /api/dead_letters/{id} and \
             _redrive",
            letter.source
        );
        Problem::new(Code::InvalidValue, detail)
    })?;
    if letter.status == DeadLetterStatus::Discarded {
        let detail = format!("dead letter {id} is discarded and can't be taken again");
        return Err(Problem::new(Code::InvalidStatus, detail).into());
    }
    let channel = reader::channel(context, code).await?;
    let reader = Reader::of(context, channel).await?;
    let messages = reader.messages(&letter.body)?;
    let mut last = None;
    for message in &messages {
        match deliver::deliver(context, &reader, message).await {
            Ok(done) => {
                last = Some(json!({"outcome": named(done.fate), "order_id": done.order.id}));
            }
            Err(error) => {
                // A file that could not be read as one is a letter by itself: its orders are now.
                if messages.len() == 1 {
                    note(context, &letter, Err(&error)).await?;
                }
                return Err(error);
            }
        }
    }
    note(context, &letter, Ok(())).await?;
    last.ok_or_else(|| super::document::unmappable("the payload has no orders").into())
}

async fn note(
    context: &Context<'_>,
    letter: &DeadLetter,
    outcome: Result<(), &ApiError>,
) -> Outcome<()> {
    let (store, organization) = (context.store(), &context.caller.organization);
    // What was refused again may have been noted by then.
    let now = store.dead_letter(organization, &letter.id).await?;
    let before = now.unwrap_or_else(|| letter.clone());
    let mut after = before.clone();
    match outcome {
        Ok(()) => {
            after.status = DeadLetterStatus::Redriven;
            after.redrives = after.redrives.saturating_add(1);
        }
        Err(error) => {
            after.error = Some(letters::reason(error));
            after.attempts = after.attempts.saturating_add(1);
        }
    }
    after.handled_by = Some(context.caller.actor());
    after.version += 1;
    after.updated_at = context.now;
    Ok(store.update_dead_letter(organization, &after, before.version).await?)
}
