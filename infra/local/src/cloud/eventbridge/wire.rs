//! The AWS JSON form of the event bus actions.

use std::time::{Duration, UNIX_EPOCH};

use chrono::{DateTime, Utc};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Number, Value, json};

use super::{
    BusError, Buses, DEFAULT_BUS, Entry, Pattern, bus_arn, bus_name, event::MAX_ENTRY_BYTES,
};
use crate::cloud::{ACCOUNT, REGION, endpoint::Refusal};

/// The most entries that one call may put.
const MAX_ENTRIES: usize = 10;

impl From<BusError> for Refusal {
    fn from(error: BusError) -> Self {
        let name = match &error {
            BusError::UnknownBus(_) | BusError::UnknownRule { .. } => "ResourceNotFoundException",
            BusError::Pattern(_) => "InvalidEventPatternException",
        };
        Self::Events(name, error.to_string())
    }
}

/// Answers one action, or says that there is none of this name.
pub(crate) async fn answer(buses: &Buses, action: &str, body: &[u8]) -> Result<Vec<u8>, Refusal> {
    let answer = match action {
        "PutEvents" => put_events(buses, read(body)?).await?,
        "ListEventBuses" => {
            let named = buses.list_buses().into_iter().map(|name| bus_json(&name));
            json!({ "EventBuses": named.collect::<Vec<_>>() })
        }
        "DescribeEventBus" => {
            let Named { name } = read(body)?;
            let name = bus_name(name.as_deref().unwrap_or(DEFAULT_BUS)).to_owned();
            buses.list_rules(&name)?;
            bus_json(&name)
        }
        "ListRules" => {
            let OnBus { event_bus_name } = read(body)?;
            let bus = bus_name(event_bus_name.as_deref().unwrap_or(DEFAULT_BUS)).to_owned();
            let rules: Vec<_> = buses
                .list_rules(&bus)?
                .into_iter()
                .map(|rule| {
                    json!({
                        "Name": rule.name,
                        "Arn": format!("arn:aws:events:{REGION}:{ACCOUNT}:rule/{bus}/{}", rule.name),
                        "EventPattern": rule.pattern.to_string(),
                        "State": if rule.enabled { "ENABLED" } else { "DISABLED" },
                        "EventBusName": bus,
                    })
                })
                .collect();
            json!({ "Rules": rules })
        }
        "TestEventPattern" => {
            let TestPattern { event_pattern, event } = read(body)?;
            let unreadable = |error: serde_json::Error| Refusal::Unreadable(error.to_string());
            let pattern: Value = serde_json::from_str(&event_pattern).map_err(unreadable)?;
            let event: Value = serde_json::from_str(&event).map_err(unreadable)?;
            let pattern = Pattern::parse(&pattern).map_err(BusError::Pattern)?;
            json!({ "Result": pattern.matches(&event) })
        }
        _ => return Err(Refusal::UnknownOperation(format!("AWSEvents.{action}"))),
    };
    serde_json::to_vec(&answer).map_err(Refusal::unwritable)
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refusal> {
    serde_json::from_slice(body).map_err(|error| Refusal::Unreadable(error.to_string()))
}

fn bus_json(name: &str) -> Value {
    json!({ "Name": name, "Arn": bus_arn(name) })
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Named {
    name: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct OnBus {
    event_bus_name: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct TestPattern {
    event_pattern: String,
    event: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PutEvents {
    #[serde(default)]
    entries: Vec<PutEntry>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PutEntry {
    event_bus_name: Option<String>,
    #[serde(default)]
    source: String,
    #[serde(default)]
    detail_type: String,
    #[serde(default)]
    detail: String,
    #[serde(default)]
    resources: Vec<String>,
    time: Option<Number>,
}

async fn put_events(buses: &Buses, request: PutEvents) -> Result<Value, Refusal> {
    let invalid = |message: String| Err(Refusal::Events("ValidationException", message));
    let count = request.entries.len();
    if count == 0 || count > MAX_ENTRIES {
        return invalid(format!(
            "1 validation error detected: Value at 'entries' failed to satisfy constraint: Member \
             must have length between 1 and {MAX_ENTRIES}"
        ));
    }
    let entries: Vec<Entry> = request
        .entries
        .into_iter()
        .map(|entry| {
            let PutEntry { event_bus_name, source, detail_type, detail, resources, time } = entry;
            let time = time.as_ref().map(read_time).transpose()?;
            Ok(Entry { bus: event_bus_name, source, detail_type, detail, resources, time })
        })
        .collect::<Result<_, Refusal>>()?;
    let bytes: usize = entries.iter().map(Entry::bytes).sum();
    if bytes > MAX_ENTRY_BYTES {
        return invalid(format!(
            "Total size of the entries in the request is over the limit: {bytes} of \
             {MAX_ENTRY_BYTES} bytes."
        ));
    }
    let outcomes = buses.put_events(entries).await;
    let failed = outcomes.iter().filter(|outcome| outcome.is_err()).count();
    let entries: Vec<_> = outcomes
        .into_iter()
        .map(|outcome| match outcome {
            Ok(id) => json!({ "EventId": id }),
            Err(error) => json!({ "ErrorCode": error.code, "ErrorMessage": error.message }),
        })
        .collect();
    Ok(json!({ "FailedEntryCount": failed, "Entries": entries }))
}

/// Seconds of Unix time, perhaps with a fraction.
fn read_time(seconds: &Number) -> Result<DateTime<Utc>, Refusal> {
    seconds
        .as_f64()
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .and_then(|elapsed| UNIX_EPOCH.checked_add(elapsed))
        .map(DateTime::<Utc>::from)
        .ok_or_else(|| Refusal::Unreadable(format!("{seconds} is not a time")))
}
