//! Taking what a channel sends.

use perennial_mapping::Format;
use serde_json::{Value, json};

use super::{
    deliver::{self, Delivered},
    letters, reader,
    reader::Reader,
};
use crate::{
    api::{answer, orders::object},
    http::{
        context::Context,
        error::{ApiError, Code, Outcome, Problem},
        event::Answer,
        page::Page,
    },
    tallies::Fate,
};

/// Most orders in one payload: as many as are made within the time that an answer may take.
const MAX_ORDERS: usize = 50;

/// One order in the payload is answered like the order that it is; several with all that were taken,
/// and in `meta` with what became of each.
pub(super) async fn receive(context: &Context<'_>) -> Outcome<Answer> {
    let channel = reader::channel(context, context.id).await?;
    let code = crate::api::catalog::text(&channel, "code").unwrap_or_default().to_owned();
    let payload = context.request.body()?.unwrap_or_default();
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
        let Delivered { fate, order } = deliver::deliver(context, &reader, message).await?;
        let status = if fate == Fate::Accepted { 201 } else { 200 };
        return answer::one(context, status, &object(&order)).await;
    }
    let (mut taken, mut results, mut first) = (Vec::new(), Vec::new(), None);
    for message in &messages {
        match deliver::deliver(context, &reader, message).await {
            Ok(Delivered { fate, order }) => {
                results.push(json!({"outcome": named(fate), "order_id": order.id}));
                taken.push(object(&order));
            }
            Err(error) => {
                results.push(refused(&error));
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

pub(super) fn named(fate: Fate) -> &'static str {
    match fate {
        Fate::Accepted => "created",
        Fate::Updated => "updated",
        Fate::Repeated => "repeated",
    }
}

/// What is told of a message that was refused among others.
pub(super) fn refused(error: &ApiError) -> Value {
    let problem = error.problems.first();
    json!({
        "outcome": if error.status() >= 500 || error.status() == 429 { "failed" } else { "refused" },
        "code": problem.map(|problem| problem.code.facts().1),
        "detail": letters::reason(error),
        "dead_letter_id": problem.and_then(|problem| problem.meta.get("dead_letter_id")),
    })
}

fn check_count(count: usize) -> Outcome<()> {
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
