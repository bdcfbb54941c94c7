//! Records with a journal: read as what rules know, written with the entry of their change.

use perennial_domain::journal::{Change, Entry, Head, append};
use perennial_store::{Expect, Part, Record, RecordKind};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

use super::Work;
use crate::sqs_batch::HandleError;

/// Refunds, as the store knows them.
pub(crate) const REFUNDS: RecordKind = RecordKind { letter: "F", part: Part::Record("refund") };
/// Disputes, as the store knows them.
pub(crate) const DISPUTES: RecordKind = RecordKind { letter: "Q", part: Part::Record("dispute") };
/// Customers, as the store knows them.
pub(super) const CUSTOMERS: RecordKind = RecordKind { letter: "C", part: Part::Customer };
/// Payment sources, as the store knows them.
pub(crate) const SOURCES: RecordKind = RecordKind { letter: "P", part: Part::PaymentSource };

/// The member in which a record keeps the last entry of its journal.
const JOURNAL: &str = "journal";

/// A record as what a rule knows.
pub(crate) fn read<T: DeserializeOwned>(record: &Record) -> Result<T, HandleError> {
    serde_json::from_value(Value::Object(record.clone()))
        .map_err(|error| HandleError::Permanent(format!("a record can't be read: {error}")))
}

/// A member of a record; `None` where it has none that can be read.
pub(super) fn read_member<T: DeserializeOwned>(record: &Record, name: &str) -> Option<T> {
    serde_json::from_value(record.get(name)?.clone()).ok()
}

/// What a rule knows as a record.
pub(super) fn written(value: &impl Serialize) -> Result<Record, HandleError> {
    match serde_json::to_value(value) {
        Ok(Value::Object(record)) => Ok(record),
        other => Err(HandleError::Permanent(format!("a record can't be written: {other:?}"))),
    }
}

/// The version of a record; 0 where it has none.
pub(super) fn version(record: &Record) -> u64 {
    record.get("version").and_then(Value::as_u64).unwrap_or_default()
}

/// What a commit expects of a record that was read.
pub(super) fn seen(record: &Record) -> Expect {
    Expect::Version(version(record))
}

impl Work<'_> {
    /// The entry of a change of a record, which moves its journal on.
    pub(super) fn entry(&self, record: &mut Record, change: Change) -> Entry {
        let mut head: Head = read_member(record, JOURNAL).unwrap_or_default();
        let id = record.get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
        let cause = self.cause.clone();
        let entry = append(&mut head, self.organization, &id, self.now, cause, change);
        record.insert(JOURNAL.to_owned(), json!(head));
        entry
    }
}
