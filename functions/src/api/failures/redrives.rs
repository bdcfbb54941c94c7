//! Many dead letters at once: replayed from the step that failed, or discarded with a reason. Each
//! stands for itself; the answer tells what became of it.

use futures::{StreamExt, stream};
use perennial_domain::ids::DeadLetterId;
use perennial_store::{DeadLetter, DeadLetterStatus};
use serde_json::{Map, Value, json};

use super::found::newest;
use crate::{
    api::{
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
};

/// Most letters of one request.
const MAX_LETTERS: u16 = 100;
/// Letters that are seen to at once.
const CONCURRENCY: usize = 8;

const IDS: Attribute = Attribute::create(
    "dead_letter_ids",
    Kind::List(&Kind::Text(100), MAX_LETTERS as usize),
    "The letters; or those that a source, or a part of their error, tells.",
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

pub(crate) static REDRIVES: ResourceType = ResourceType {
    name: "dead_letter_redrives",
    singular: "dead letter redrive",
    about: "Dead letters, replayed from the step that failed. Served nowhere afterwards: the answer \
            tells what became of each.",
    attributes: &[IDS, SOURCE, ERROR, LIMIT, RESULTS, REMAINING],
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

/// The letters that are meant.
enum Meant {
    Ids(Vec<String>),
    Those { source: Option<String>, error: Option<String>, limit: usize },
}

impl Meant {
    fn read(attributes: &mut Attributes, problems: &mut Problems) -> Option<Self> {
        let ids: Option<Vec<String>> = attributes.value(IDS.name, problems);
        let source: Option<String> = attributes.value(SOURCE.name, problems);
        let error: Option<String> = attributes.value(ERROR.name, problems);
        let limit: Option<usize> = attributes.value(LIMIT.name, problems);
        let told = source.is_some() || error.is_some();
        let detail = match (&ids, told) {
            (None, false) => "dead_letter_ids is required, or source or error_contains",
            (Some(_), true) => "dead_letter_ids excludes source and error_contains",
            (Some(_), false) if limit.is_some() => "limit goes with source or error_contains",
            (Some(ids), false) => return Some(Self::Ids(ids.clone())),
            (None, true) => {
                let limit = limit.unwrap_or(usize::from(MAX_LETTERS));
                return Some(Self::Those { source, error, limit });
            }
        };
        let code = if told || limit.is_some() { Code::InvalidValue } else { Code::Required };
        problems.add(Problem::new(code, detail).at(attributes.pointer(IDS.name)));
        None
    }

    /// The ids of the letters, and how many more there are.
    async fn letters(self, context: &Context<'_>) -> Outcome<(Vec<String>, usize)> {
        match self {
            Self::Ids(mut ids) => {
                let mut seen = std::collections::HashSet::new();
                ids.retain(|id| seen.insert(id.clone()));
                Ok((ids, 0))
            }
            Self::Those { source, error, limit } => {
                let mut found = newest(context, |letter: DeadLetter| {
                    let text = letter.error.as_deref().unwrap_or_default();
                    let meant = letter.status == DeadLetterStatus::Open
                        && source.as_ref().is_none_or(|source| letter.source == *source)
                        && error.as_ref().is_none_or(|error| text.contains(error.as_str()));
                    meant.then(|| letter.id.to_string())
                })
                .await?;
                found.reverse();
                let remaining = found.len().saturating_sub(limit);
                found.truncate(limit);
                Ok((found, remaining))
            }
        }
    }
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
    let meant = Meant::read(&mut attributes, &mut problems);
    let (asked, meant) = problems.finish(asked.zip(meant))?;
    let (letters, remaining) = meant.letters(context).await?;
    let asked = &asked;
    let results: Vec<Value> = stream::iter(letters)
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
    let members = [("results", Value::Array(results)), ("remaining", json!(remaining))];
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
