//! Runs as instalments: the same facts under the names that instalment payments have for them.

use perennial_domain::run::{Run, RunStatus};
use serde_json::{Map, Value, json};

use crate::http::{
    attributes::{Attribute, Kind},
    json_object::json_object,
};

/// Where the run stands.
pub(super) const JOB_RUN_STATUS: Attribute = Attribute::read(
    "job_run_status",
    Kind::Choice(&["Open", "Failed", "Successful"]),
    "Where the run stands in the words of instalment payments: Open while retries are left, Failed \
     above their maximum or where none can help, Successful once its order is made and paid, or \
     left as a draft to be placed.",
);
/// Whether it is done with.
pub(super) const PROCESSED: Attribute = Attribute::read(
    "processed",
    Kind::Boolean,
    "Whether the run is done: its order is made and paid, or left as a draft to be placed. The \
     order's own `payment_status` tells of the payment.",
);
/// Which instalment it is.
pub(super) const INSTALMENT_COUNT: Attribute = Attribute::read(
    "instalment_count",
    Kind::Integer(0, u32::MAX as i64),
    "How many instalments there have been with it, the source order not counted. One that was \
     skipped counts; numbers that a change of frequency jumped over do not.",
);
/// When the next one is due.
pub(super) const NEXT_RUN_AT: Attribute = Attribute::read(
    "next_run_at",
    Kind::Instant,
    "When the run after it was due, as seen when it was made; null before that, and at the end of \
     the schedule.",
);

/// Their values for a run.
pub(super) fn of(run: &Run) -> Map<String, Value> {
    let status = match run.status {
        RunStatus::Open => "Open",
        RunStatus::Successful => "Successful",
        RunStatus::Failed | RunStatus::Aborted => "Failed",
    };
    let processed = run.status == RunStatus::Successful;
    values(json!(status), json!(processed), json!(run.instalment()), json!(run.next_run_at))
}

/// Their values for a run that is not made yet, with so many occurrences before it.
pub(super) fn coming(occurrences_before: u32) -> Map<String, Value> {
    values(json!("Open"), json!(false), json!(occurrences_before), Value::Null)
}

/// Their values for what is no run.
pub(super) fn none() -> Map<String, Value> {
    values(Value::Null, Value::Null, Value::Null, Value::Null)
}

fn values(status: Value, processed: Value, count: Value, next: Value) -> Map<String, Value> {
    json_object([
        (JOB_RUN_STATUS.name, status),
        (PROCESSED.name, processed),
        (INSTALMENT_COUNT.name, count),
        (NEXT_RUN_AT.name, next),
    ])
}
