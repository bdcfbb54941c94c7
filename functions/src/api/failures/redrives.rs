//! Many dead letters at once: replayed from the step that failed, or discarded with a reason. Each
//! stands for itself; the answer tells what became of it.

use futures::{StreamExt, stream};
use perennial_domain::ids::DeadLetterId;
use perennial_store::{DeadLetter, DeadLetterStatus};
use serde_json::{Map, Value, json};

use super::{
    found::newest,
    meant::{Meant, Told, oldest},
};
use crate::{
    api::{
        check_policies::unknown_channel,
        dead_letters::{self, Asked},
        previews,
    },
    http::{
        attributes::{Attribute, Attributes, Kind},
        caller::Verb,
        context::Context,
        document::Document,
        error::{ApiError, Code, Outcome, Problem, Problems},
        event::Answer,
        object::ResourceType,
        operation::{Action, Handler, Operation, Surface, elsewhere, handler},
        query::Accepts,
    },
    work_queues::WorkQueue,
};

/// Most letters of one request.
const MAX_LETTERS: u16 = 100;
/// Letters that are seen to at once.
const CONCURRENCY: usize = 8;

const IDS: Attribute = Attribute::create(
    "dead_letter_ids",
    Kind::List(&Kind::Text(100), MAX_LETTERS as usize),
    "The letters, by their ids; left out where `source` or `error_contains` tells which.",
);
const SOURCE: Attribute =
    Attribute::create("source", Kind::Text(100), "Open letters of this source, the oldest first.");
const ERROR: Attribute = Attribute::create(
    "error_contains",
    Kind::Text(200),
    "Open letters whose error contains this, the oldest first.",
);
const LIMIT: Attribute = Attribute::create(
    "limit",
    Kind::Integer(1, MAX_LETTERS as i64),
    "How many of them at most; 100 unless given.",
);
const REASON: Attribute =
    Attribute::create("discard_reason", Kind::Text(500), "Why they are given up.");
const RESULTS: Attribute = Attribute::read(
    "results",
    Kind::List(
        &Kind::Members(&[
            Attribute::read("dead_letter_id", Kind::Text(100), "The letter."),
            Attribute::read(
                "outcome",
                Kind::Choice(&["redriven", "discarded", "refused", "failed"]),
                "What became of it. One that failed may be sent again.",
            ),
            Attribute::read("code", Kind::Text(50), "Which rule it breaks."),
            Attribute::read("detail", Kind::Text(2_000), "Why it was refused."),
        ]),
        MAX_LETTERS as usize,
    ),
    "What became of each.",
);
const REMAINING: Attribute = Attribute::read(
    "remaining",
    Kind::Integer(0, i64::MAX),
    "How many that were told by source or error are still to be seen to.",
);
const PASSED_OVER: Attribute = Attribute::read(
    "passed_over",
    Kind::Integer(0, i64::MAX),
    "How many that were told by error are on no queue: POST /api/channel_replays takes them again.",
);

pub(crate) static REDRIVES: ResourceType = ResourceType {
    name: "dead_letter_redrives",
    singular: "dead letter redrive",
    about: "Dead letters, replayed from the step that failed. Served nowhere afterwards: the answer \
            tells what became of each.",
    attributes: &[IDS, SOURCE, ERROR, LIMIT, RESULTS, REMAINING, PASSED_OVER],
    relationships: &[],
};

pub(crate) static DISCARDS: ResourceType = ResourceType {
    name: "dead_letter_discards",
    singular: "dead letter discard",
    about: "Dead letters, given up with a reason. Served nowhere afterwards: the answer tells what \
            became of each.",
    attributes: &[IDS, SOURCE, ERROR, LIMIT, REASON, RESULTS, REMAINING],
    relationships: &[],
};

const fn operations(redrive: Handler, discard: Handler) -> [Operation; 2] {
    [
        Operation {
            action: Action::Preview,
            path: "/api/dead_letter_redrives",
            kind: &REDRIVES,
            surface: Surface::Failures,
            accepts: Accepts::SINGLE,
            about: "Replays dead letters, each from the step that failed.",
            handler: redrive,
        },
        Operation {
            action: Action::Preview,
            path: "/api/dead_letter_discards",
            kind: &DISCARDS,
            surface: Surface::Failures,
            accepts: Accepts::SINGLE,
            about: "Discards dead letters, with one reason for all.",
            handler: discard,
        },
    ]
}

/// What the function `failures` serves.
pub(crate) const OPERATIONS: &[Operation] = &operations(handler!(redrive), handler!(discard));

/// The same for documents and for the other functions, which leave its code out.
pub(crate) const DESCRIBED: &[Operation] = &operations(elsewhere, elsewhere);

/// By what letters are told.
const TOLD: Told =
    Told { ids: IDS.name, by: [SOURCE.name, ERROR.name], limit: LIMIT.name, most: MAX_LETTERS };

/// What letters have in common.
struct Common {
    source: Option<String>,
    error: Option<String>,
}

fn common(attributes: &mut Attributes, problems: &mut Problems) -> Option<Common> {
    let source: Option<String> = attributes.value(SOURCE.name, problems);
    let error: Option<String> = attributes.value(ERROR.name, problems);
    (source.is_some() || error.is_some()).then_some(Common { source, error })
}

/// The letters that are meant for this.
async fn letters(context: &Context<'_>, meant: Meant<Common>, asked: &Asked) -> Outcome<Letters> {
    let (Common { source, error }, limit) = match meant {
        Meant::Ids(ids) => return Ok(Letters { ids, remaining: 0, passed_over: 0 }),
        Meant::Those(common, limit) => (common, limit),
    };
    let redrive = matches!(asked, Asked::Redrive);
    let found = newest(context, |letter: DeadLetter| {
        let text = letter.error.as_deref().unwrap_or_default();
        let meant = letter.status == DeadLetterStatus::Open
            && source.as_ref().is_none_or(|source| letter.source == *source)
            && error.as_ref().is_none_or(|error| text.contains(error.as_str()));
        let possible = !redrive || dead_letters::is_queued(&letter);
        meant.then(|| possible.then(|| letter.id.to_string()))
    })
    .await?;
    // Those that can't be replayed stay open: in the way of none that can.
    let all = found.len();
    let found: Vec<String> = found.into_iter().flatten().collect();
    let passed_over = all - found.len();
    let (ids, remaining) = oldest(found, limit);
    Ok(Letters { ids, remaining, passed_over })
}

/// The source of the letters that are meant.
fn source_of(meant: &Meant<Common>) -> Option<&String> {
    match meant {
        Meant::Those(common, _) => common.source.as_ref(),
        Meant::Ids(_) => None,
    }
}

/// Refuses a source that no letter can be of: that there is none of it would sound as if all were well.
fn check_source(meant: &Meant<Common>, at: String, problems: &mut Problems) {
    let Some(source) = source_of(meant) else { return };
    if WorkQueue::named(source).is_none() && !source.starts_with(dead_letters::OF_CHANNELS) {
        let known = WorkQueue::ALL.map(WorkQueue::name).join(", ");
        let of_channels = dead_letters::OF_CHANNELS;
        let detail = format!(
            "source must be one of {known}, or {of_channels}CODE of a channel, not {source:?}"
        );
        let problem = Problem::new(Code::InvalidValue, detail).at(at);
        problems.add(problem.with("value", source.clone()));
    }
}

/// Refuses a source whose letters are on no queue.
fn check_queued(meant: &Meant<Common>, at: String, problems: &mut Problems) {
    let Some(source) = source_of(meant) else { return };
    if source.starts_with(dead_letters::OF_CHANNELS) {
        let detail = format!(
            "letters of {source} are payloads, and on no queue: POST /api/channel_replays takes \
             them again"
        );
        let problem = Problem::new(Code::InvalidValue, detail).at(at);
        problems.add(problem.with("value", source.clone()));
    }
}

/// What is seen to.
struct Letters {
    /// In the order in which they are.
    ids: Vec<String>,
    /// How many more were meant.
    remaining: usize,
    /// How many were meant that it can't be done with.
    passed_over: usize,
}

async fn redrive(context: &Context<'_>) -> Outcome<Answer> {
    see_to(context, &REDRIVES, |_, _| Some(Asked::Redrive)).await
}

async fn discard(context: &Context<'_>) -> Outcome<Answer> {
    see_to(context, &DISCARDS, |attributes, problems| {
        attributes.required(REASON.name, problems).map(Asked::Discard)
    })
    .await
}

async fn see_to(
    context: &Context<'_>,
    kind: &'static ResourceType,
    asked: fn(&mut Attributes, &mut Problems) -> Option<Asked>,
) -> Outcome<Answer> {
    context.caller.check(Verb::Write, dead_letters::KIND.name)?;
    let mut document = Document::create(context.request, kind)?;
    let mut problems = Problems::default();
    let mut attributes = document.attributes(&mut problems);
    let asked = asked(&mut attributes, &mut problems);
    let meant = Meant::read(&TOLD, common, &mut attributes, &mut problems);
    let at = attributes.pointer(SOURCE.name);
    if let Some(meant) = &meant {
        check_source(meant, at.clone(), &mut problems);
        if matches!(asked, Some(Asked::Redrive)) {
            check_queued(meant, at.clone(), &mut problems);
        }
    }
    let (asked, meant) = problems.finish(asked.zip(meant))?;
    let channel =
        source_of(&meant).and_then(|source| source.strip_prefix(dead_letters::OF_CHANNELS));
    let channel = channel.map(str::to_owned);
    let Letters { ids, remaining, passed_over } = letters(context, meant, &asked).await?;
    // Letters outlive their channel: only where there is none does it matter whether there is one.
    if let Some(code) = channel.filter(|_| ids.is_empty())
        && let Some(problem) = unknown_channel(context, &code, at).await?
    {
        return Err(problem.into());
    }
    let asked = &asked;
    let results: Vec<Value> = stream::iter(ids)
        .map(|id| async move {
            let done = one(context, &id, asked).await;
            let outcome = match asked {
                Asked::Redrive => "redriven",
                Asked::Discard(_) => "discarded",
            };
            result(("dead_letter_id", &id), outcome, &done)
        })
        .buffered(CONCURRENCY)
        .collect()
        .await;
    let mut members = vec![("results", Value::Array(results)), ("remaining", json!(remaining))];
    if matches!(asked, Asked::Redrive) {
        members.push(("passed_over", json!(passed_over)));
    }
    let members = members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    Ok(previews::answer(context, kind, members))
}

async fn one(context: &Context<'_>, id: &str, asked: &Asked) -> Outcome<()> {
    let missing = || ApiError::not_found(dead_letters::KIND.singular, id);
    let letter: DeadLetterId = id.parse().map_err(|_| missing())?;
    let letter = context.store().dead_letter(&context.caller.organization, &letter).await?;
    let letter = letter.ok_or_else(missing)?;
    dead_letters::carry_out(context, letter, asked.clone()).await.map(drop)
}

/// What became of one of many: the name and value of its id, and what it is called where it is done.
pub(super) fn result((name, id): (&str, &str), outcome: &str, done: &Outcome<()>) -> Value {
    let mut result = Map::new();
    result.insert(name.to_owned(), json!(id));
    let (outcome, told) = match done {
        Ok(()) => (outcome, None),
        Err(error) if error.status() >= 500 => ("failed", error.problems.first()),
        Err(error) => ("refused", error.problems.first()),
    };
    result.insert("outcome".to_owned(), json!(outcome));
    result.insert("code".to_owned(), json!(told.map(|problem| problem.code.facts().1)));
    result.insert("detail".to_owned(), json!(told.map(|problem| problem.detail.as_str())));
    Value::Object(result)
}
