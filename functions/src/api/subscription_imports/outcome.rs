//! What became of the rows of an import, and how the answer tells it.

use std::collections::HashMap;

use perennial_domain::{ids::SubscriptionId, subscription::Subscription};
use serde_json::{Map, Value, json};

use crate::http::{
    attributes::{Attribute, Kind},
    error::{Code, Problem, Source},
};

/// Most problems that are told of a row: one of many unknown fields has as many.
const MOST_PROBLEMS: usize = 1_000;

/// What the answer tells of a row.
pub(super) const RESULT: &[Attribute] = &[
    Attribute::read(
        "row",
        Kind::Integer(0, super::MAX_ROWS as i64),
        "Its place among the rows, from 0.",
    ),
    Attribute::read("external_id", Kind::Text(200), "What the other book calls it."),
    Attribute::read(
        "outcome",
        Kind::Choice(&["imported", "unchanged", "conflict", "invalid", "failed"]),
        "What became of it.",
    ),
    Attribute::read("order_subscription_id", Kind::Text(80), "The subscription that it is."),
    Attribute::read("customer_id", Kind::Text(80), "Whose it is."),
    Attribute::read("next_run_at", Kind::Instant, "When its next run is due."),
    Attribute::read("next_number", Kind::Integer(0, u32::MAX as i64), "The number of that run."),
    Attribute::read(
        "problems",
        Kind::List(
            &Kind::Members(&[
                Attribute::read("field", Kind::Text(300), "The field, as a path within the row."),
                Attribute::read("rule", Kind::Text(50), "The code of the rule that it breaks."),
                Attribute::read("value", Kind::Text(300), "Its value, as text."),
                Attribute::read("detail", Kind::Text(2_000), "The rule in words."),
            ]),
            MOST_PROBLEMS,
        ),
        "Everything that is wrong with it, the first 1,000.",
    ),
];

/// The rows, each with what became of it.
pub(super) struct Outcomes<'a> {
    pub(super) dry_run: bool,
    pub(super) rows: Vec<(Option<&'a str>, Option<Told>)>,
}

/// What became of one.
pub(super) enum Told {
    Imported(Box<Subscription>),
    Unchanged(SubscriptionId),
    Conflict(Problem),
    Invalid(Vec<Problem>),
    Failed,
}

/// The problem of a row under whose id another came.
pub(super) fn conflict(external_id: &str, when: &str) -> Problem {
    let detail = format!(
        "external_id {external_id:?} came {when} with another content: change the subscription by \
         PATCH /api/order_subscriptions, or give the row another external_id"
    );
    Problem::new(Code::Taken, detail).at("/external_id").with("value", external_id)
}

impl Outcomes<'_> {
    /// Tells what became of the row at this place.
    pub(super) fn tell(&mut self, place: usize, told: Told) {
        if let Some((_, kept)) = self.rows.get_mut(place) {
            *kept = Some(told);
        }
    }

    /// The attributes of the answer.
    pub(super) fn attributes(&self, source: &str) -> Map<String, Value> {
        let mut counts: HashMap<&str, u64> = HashMap::new();
        let results: Vec<Value> = self
            .rows
            .iter()
            .enumerate()
            .map(|(place, (external_id, told))| {
                let (outcome, mut members) = told.as_ref().unwrap_or(&Told::Failed).told();
                *counts.entry(outcome).or_default() += 1;
                members.insert("row".to_owned(), json!(place));
                members.insert("external_id".to_owned(), json!(external_id));
                members.insert("outcome".to_owned(), json!(outcome));
                Value::Object(members)
            })
            .collect();
        let count = |name: &str| json!(counts.get(name).copied().unwrap_or_default());
        [
            ("source", json!(source)),
            ("dry_run", json!(self.dry_run)),
            ("rows_count", json!(self.rows.len())),
            ("imported", count("imported")),
            ("unchanged", count("unchanged")),
            ("conflicts", count("conflict")),
            ("invalid", count("invalid")),
            ("failed", count("failed")),
            ("results", Value::Array(results)),
        ]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
    }
}

impl Told {
    fn told(&self) -> (&'static str, Map<String, Value>) {
        let (outcome, id, made, problems) = match self {
            Self::Imported(made) => ("imported", Some(&made.id), Some(made), &[][..]),
            Self::Unchanged(id) => ("unchanged", Some(id), None, &[][..]),
            Self::Conflict(problem) => ("conflict", None, None, std::slice::from_ref(problem)),
            Self::Invalid(problems) => ("invalid", None, None, problems.as_slice()),
            Self::Failed => ("failed", None, None, &[][..]),
        };
        let next = made.and_then(|made| made.coming());
        let members = [
            ("order_subscription_id", json!(id)),
            ("customer_id", json!(made.and_then(|made| made.customer_id.as_ref()))),
            ("next_run_at", json!(next.map(|next| next.at))),
            ("next_number", json!(next.map(|next| next.number))),
            ("problems", problems.iter().take(MOST_PROBLEMS).map(told_problem).collect()),
        ];
        let members = members.into_iter().map(|(name, value)| (name.to_owned(), value));
        (outcome, members.collect())
    }
}

/// A problem as the report has it.
fn told_problem(problem: &Problem) -> Value {
    let field = match &problem.source {
        Some(Source::Pointer(pointer)) => pointer.trim_start_matches('/'),
        _ => "",
    };
    let value = problem.meta.get("value").map(|value| match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    });
    let (_, rule, _) = problem.code.facts();
    json!({"field": field, "rule": rule, "value": value, "detail": problem.detail})
}
