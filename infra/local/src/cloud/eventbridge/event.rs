//! An event: as a client puts it on a bus, and as rules and targets see it.

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};

use super::{DEFAULT_BUS, bus_name};
use crate::cloud::{ACCOUNT, REGION};

/// The most bytes that one entry may have.
pub(super) const MAX_ENTRY_BYTES: usize = 1024 * 1024;

/// An event on its way to a bus.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Entry {
    /// The name or ARN of the bus; the default one where it is `None`.
    pub bus: Option<String>,
    /// Who says it.
    pub source: String,
    /// What kind of event it is.
    pub detail_type: String,
    /// The event itself: a JSON object, as text.
    pub detail: String,
    /// ARNs of what the event is about.
    pub resources: Vec<String>,
    /// When it happened; now where it is `None`.
    pub time: Option<DateTime<Utc>>,
}

/// Why an entry was refused. The others of the same call are not affected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryError {
    /// The code, as clients read it.
    pub code: &'static str,
    /// The reason, for people.
    pub message: String,
}

/// An event on a bus.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Unique.
    pub id: String,
    /// The name of the bus.
    pub bus: String,
    /// Who says it.
    pub source: String,
    /// What kind of event it is.
    pub detail_type: String,
    /// The event itself.
    pub detail: Value,
    /// ARNs of what the event is about.
    pub resources: Vec<String>,
    /// When it happened.
    pub time: DateTime<Utc>,
}

impl Event {
    /// The event as a JSON document, the way targets receive it.
    #[must_use]
    pub fn envelope(&self) -> Value {
        json!({
            "version": "0",
            "id": self.id,
            "detail-type": self.detail_type,
            "source": self.source,
            "account": ACCOUNT,
            "time": self.time.to_rfc3339_opts(SecondsFormat::Secs, true),
            "region": REGION,
            "resources": self.resources,
            "detail": self.detail,
        })
    }
}

impl Entry {
    /// The size of an entry as EventBridge counts it.
    pub(super) fn bytes(&self) -> usize {
        let Self { bus: _, source, detail_type, detail, resources, time } = self;
        let time = if time.is_some() { 14 } else { 0 };
        let resources: usize = resources.iter().map(String::len).sum();
        time + source.len() + detail_type.len() + detail.len() + resources
    }

    pub(super) fn accept(self, id: String, now: DateTime<Utc>) -> Result<Event, EntryError> {
        let refuse = |code, message: String| Err(EntryError { code, message });
        let bytes = self.bytes();
        let Self { bus, source, detail_type, detail, resources, time } = self;
        for (name, value) in
            [("Source", &source), ("DetailType", &detail_type), ("Detail", &detail)]
        {
            if value.is_empty() {
                let message = format!(
                    "Parameter {name} is not valid. Reason: {name} is a required argument."
                );
                return refuse("InvalidArgument", message);
            }
        }
        if bytes > MAX_ENTRY_BYTES {
            let message = format!("The entry has {bytes} bytes; {MAX_ENTRY_BYTES} are allowed.");
            return refuse("InvalidArgument", message);
        }
        if source == "aws" || source.starts_with("aws.") {
            let message = "Not authorized for the source.".to_owned();
            return refuse("NotAuthorizedForSourceException", message);
        }
        let detail: Value = match serde_json::from_str(&detail) {
            Ok(Value::Object(detail)) => Value::Object(detail),
            _ => return refuse("MalformedDetail", "Detail is malformed.".to_owned()),
        };
        let bus = bus_name(bus.as_deref().unwrap_or(DEFAULT_BUS)).to_owned();
        let time = time.unwrap_or(now);
        Ok(Event { id, bus, source, detail_type, detail, resources, time })
    }
}
