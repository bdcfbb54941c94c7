//! Taking what a channel sends.

use perennial_mapping::{Format, MAX_PAYLOAD, Message};
use serde_json::{Value, json};

use super::{
    deliver::{self, Delivered, Handled},
    letters, reader,
    reader::Reader,
};
use crate::{
    api::{answer, orders::object},
    http::{
        attributes::{Attribute, Kind},
        context::Context,
        error::{ApiError, Code, Outcome, Problem},
        event::Answer,
        page::Page,
    },
    tallies::Fate,
};

/// Most orders in one payload: as many as are made within the time that an answer may take.
pub(super) const MAX_ORDERS: usize = 50;

/// Which rows a result is about.
pub(super) const ROWS: Attribute = Attribute::read(
    "rows",
    Kind::List(&Kind::Integer(1, 1_000), 1_000),
    "The rows of a CSV file that are about this order, counted from 1 below the header.",
);

/// Who has sent a payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sender {
    /// Somebody with a token, who reads what became of each order.
    Client,
    /// A system that reads the status alone, and sends all of it again unless that is good.
    Webhook,
}

/// Takes what somebody with a token sends.
pub(super) async fn receive(context: &Context<'_>) -> Outcome<Answer> {
    receive_from(context, Sender::Client).await
}

/// One order in the payload is answered like the order that it is; several with all that were taken,
/// and in `meta` with what became of each.
pub(super) async fn receive_from(context: &Context<'_>, sender: Sender) -> Outcome<Answer> {
    let channel = reader::channel(context, context.id).await?;
    let code = crate::api::catalog::text(&channel, "code").unwrap_or_default().to_owned();
    let payload = context.request.body()?.unwrap_or_default();
    if let Some(problem) = unkeepable(&payload) {
        let error = problem.into();
        deliver::count(context, &code, Err(&error), None).await;
        return Err(error);
    }
    let read = async {
        let reader = Reader::of(context, channel).await?;
        check_content_type(context.request.header("content-type"), reader.format())?;
        let messages = reader.messages(&payload)?;
        check_count(messages.len()).map_err(|error| reader.told(error))?;
        Ok((reader, messages))
    };
    let (reader, messages) = match read.await {
        Ok(read) => read,
        Err(error) => {
            let error = letters::kept(context, &code, &payload, None, error).await;
            deliver::count(context, &code, Err(&error), None).await;
            return Err(error);
        }
    };
    if let [message] = messages.as_slice() {
        let Delivered { fate, order } = deliver::deliver(context, &reader, message).await.outcome?;
        let status = if fate == Fate::Accepted { 201 } else { 200 };
        return answer::one(context, status, &object(&order)).await;
    }
    let (mut taken, mut results, mut first) = (Vec::new(), Vec::new(), None);
    for message in &messages {
        let handled = deliver::deliver(context, &reader, message).await;
        let result = told(message, &handled);
        match handled.outcome {
            Ok(Delivered { fate: _, order }) => {
                results.push(result);
                taken.push(object(&order));
            }
            // The rest comes again with it, and what was taken is known by then.
            Err(error) if sender == Sender::Webhook && letters::of(&error).is_none() => {
                return Err(error);
            }
            Err(error) => {
                results.push(result);
                first.get_or_insert(error);
            }
        }
    }
    match first.filter(|_| taken.is_empty()) {
        Some(error) => Err(error),
        None => {
            let page = Page { objects: taken, next: None, records: None };
            answer::page(context, &page, &[("results", Value::Array(results))]).await
        }
    }
}

/// Why a payload is refused that can't be kept either, let alone be taken again.
fn unkeepable(payload: &str) -> Option<Problem> {
    match payload.len() {
        0 => {
            let detail = "the body is empty: send the order as the channel's mapping reads it";
            Some(Problem::new(Code::MalformedDocument, detail).at(""))
        }
        1..=MAX_PAYLOAD => None,
        length => {
            let detail = format!("the body has {length} bytes, at most {MAX_PAYLOAD} are taken");
            Some(Problem::new(Code::BodyTooLarge, detail).with("maximum", MAX_PAYLOAD))
        }
    }
}

/// What is told of a message among others: what the channel calls the order and which rows it is, so
/// that nobody has to count, and what became of it.
pub(super) fn told(message: &Message, handled: &Handled) -> Value {
    let mut result = match &handled.outcome {
        Ok(Delivered { fate, order }) => {
            let outcome = match fate {
                Fate::Accepted => "created",
                Fate::Updated => "updated",
                Fate::Repeated => "repeated",
            };
            json!({"outcome": outcome, "order_id": order.id})
        }
        Err(error) => refused(error),
    };
    if let Value::Object(members) = &mut result {
        members.insert("external_id".to_owned(), json!(handled.external_id));
        members.insert("rows".to_owned(), rows(message));
    }
    result
}

/// The numbers of a message's rows; null of what has none.
pub(super) fn rows(message: &Message) -> Value {
    if message.rows.is_empty() { Value::Null } else { json!(message.rows) }
}

/// What is told of what was refused.
pub(super) fn refused(error: &ApiError) -> Value {
    json!({
        "outcome": if error.status() >= 500 || error.status() == 429 { "failed" } else { "refused" },
        "code": error.problems.first().map(|problem| problem.code.facts().1),
        "detail": letters::reason(error),
        "dead_letter_id": letters::of(error),
    })
}

pub(super) fn check_count(count: usize) -> Outcome<()> {
    let refuse = |detail: String| Err(super::document::unmappable(detail).into());
    match count {
        0 => refuse("the payload has no rows".to_owned()),
        1..=MAX_ORDERS => Ok(()),
        more => refuse(format!(
            "the payload has {more} orders; at most {MAX_ORDERS} are taken at once: send it in parts"
        )),
    }
}

/// Payloads say how they are written, or nothing at all.
fn check_content_type(header: Option<&str>, format: Format) -> Outcome<()> {
    let Some(header) = header else { return Ok(()) };
    let essence = header.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if format.is_said_by(&essence) {
        return Ok(());
    }
    let shown: String = header.chars().take(100).collect();
    let detail = format!("the channel's mapping reads {}, the body is {shown:?}", format.name());
    Err(Problem::new(Code::UnsupportedMediaType, detail).in_header("Content-Type").into())
}
