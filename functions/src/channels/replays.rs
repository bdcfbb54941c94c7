//! Taking payloads again that were kept as dead letters, once the mapping or what it refers to was
//! mended.

use perennial_domain::ids::DeadLetterId;
use perennial_store::{DeadLetter, DeadLetterStatus};
use serde_json::{Value, json};

use super::{
    deliver, letters, reader,
    reader::Reader,
    receive::{MAX_ORDERS, ROWS, check_count, refused, told},
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
                        "What became of it, or of this order in it. A letter stays open while \
                         anything in it was refused or failed that no other letter keeps.",
                    ),
                    Attribute::read("order_id", Kind::Text(80), "The order that it made."),
                    Attribute::read(
                        "external_id",
                        Kind::Text(200),
                        "What the channel calls the order, where the mapping could tell.",
                    ),
                    ROWS,
                    Attribute::read(
                        "kept_in",
                        Kind::Text(100),
                        "The letter that keeps what was refused of a file: of this order alone.",
                    ),
                    Attribute::read("code", Kind::Text(50), "Which rule it breaks."),
                    Attribute::read("detail", Kind::Text(2_000), "Why it was refused."),
                ]),
                MAX_LETTERS + MAX_ORDERS,
            ),
            "What became of each, in their order: of a file that holds several orders one for each.",
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
    let (mut results, mut room) = (Vec::new(), MAX_ORDERS);
    for id in &ids {
        let of_letter = match again(context, id, &mut room).await {
            Ok(results) => results,
            Err(error) => vec![refused(&error)],
        };
        for mut result in of_letter {
            if let Value::Object(members) = &mut result {
                let kept_in = members.insert("dead_letter_id".to_owned(), json!(id));
                let elsewhere = kept_in.filter(|kept| kept.as_str().is_some_and(|kept| kept != id));
                members.insert("kept_in".to_owned(), elsewhere.unwrap_or_default());
            }
            results.push(result);
        }
    }
    let members = [("dead_letter_ids", json!(ids)), ("results", json!(results))];
    let members = members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    Ok(previews::answer(context, &KIND, members))
}

/// Takes the payload of a letter, and then notes in the letter what became of it: a crash in between
/// leaves it open, and taken again it finds its orders. Answers what became of each order; `room` is
/// how many may still be taken in this request.
async fn again(context: &Context<'_>, id: &str, room: &mut usize) -> Outcome<Vec<Value>> {
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
    let read = async {
        let reader = Reader::of(context, channel).await?;
        let messages = reader.messages(&letter.body)?;
        check_count(messages.len()).map_err(|error| reader.told(error))?;
        Ok((reader, messages))
    };
    let (reader, messages) = match read.await {
        Ok(read) => read,
        Err(error) => {
            note(context, &letter, Err(&error)).await?;
            return Err(error);
        }
    };
    let Some(left) = room.checked_sub(messages.len()) else {
        return Ok(vec![not_tried(messages.len(), *room)]);
    };
    *room = left;
    let (mut results, mut stays) = (Vec::new(), None);
    for message in &messages {
        let handled = deliver::deliver(context, &reader, message).await;
        results.push(told(message, &handled));
        // What has become a letter of its own is not this one's any more: a file that could not be read
        // as one is a letter by itself, and its orders are others.
        if let Err(error) = handled.outcome
            && letters::of(&error).is_none_or(|kept| kept == id.as_str())
        {
            stays.get_or_insert(error);
        }
    }
    note(context, &letter, stays.as_ref().map_or(Ok(()), Err)).await?;
    Ok(results)
}

/// What is told of a letter that no room is left for.
fn not_tried(orders: usize, room: usize) -> Value {
    json!({
        "outcome": "failed",
        "code": Code::OutOfRange.facts().1,
        "detail": format!(
            "not tried: it holds {orders} orders, and of the {MAX_ORDERS} that are taken in one request \
             {room} are left; ask again for this one"
        ),
    })
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
