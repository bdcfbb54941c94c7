//! What the renewal tick would find: the earliest entries of a table's `due` index. It lets an
//! advance leave out firings that would find nothing, which is nearly all of them.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
};

use chrono::{DateTime, TimeDelta, Utc};
use dynoxide::{DynoxideError, actions::query::QueryRequest};
use serde_json::{Value, json};

use crate::{
    cloud::{Cloud, dynamodb::DynamoError},
    template::{FunctionModel, IndexModel, Template},
};

/// The functions whose scheduled firing has no effect while nothing is due. This is a promise of
/// theirs, so they are named; any other schedule fires every time.
const DRIVEN_BY_DUE_INDEX: [&str; 1] = ["renewal-tick"];

/// The index's name and keys: `due#<shard>`, and an instant followed by `#` and what is due.
const INDEX: &str = "due";
const PARTITION: &str = "due_pk";
const SORT: &str = "due_sk";
/// How many shards and how long a claim, unless the function's environment says otherwise.
const SHARDS: u32 = 16;
const LEASE_SECONDS: i64 = 900;

/// The due index that a scheduled function works by.
#[derive(Debug)]
pub struct DueIndex {
    cloud: Arc<Cloud>,
    table: String,
    shards: u32,
    lease: TimeDelta,
}

/// What the index holds, seen from one instant.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DueState {
    /// A fingerprint of the entries whose instant has come; `None` without any.
    pub come: Option<u64>,
    /// The earliest instant that is still to come.
    pub to_come: Option<DateTime<Utc>>,
}

impl DueIndex {
    /// The index that drives a function, if it is one of those that are driven so.
    #[must_use]
    pub fn of(function: &FunctionModel, template: &Template, cloud: &Arc<Cloud>) -> Option<Self> {
        if !DRIVEN_BY_DUE_INDEX.contains(&function.binary.as_str()) {
            return None;
        }
        let is_due = |index: &IndexModel| {
            let keys: Vec<&str> = index.keys.iter().map(|key| key.name.as_str()).collect();
            index.name == INDEX && keys == [PARTITION, SORT]
        };
        let table = template.tables.iter().find(|table| {
            function.environment.values().any(|value| *value == table.name)
                && table.indexes.iter().any(is_due)
        })?;
        let setting = |name: &str| function.environment.get(name);
        Some(Self {
            cloud: Arc::clone(cloud),
            table: table.name.clone(),
            shards: setting("DUE_SHARDS").and_then(|text| text.parse().ok()).unwrap_or(SHARDS),
            lease: setting("LEASE_SECONDS")
                .and_then(|text| text.parse().ok())
                .and_then(TimeDelta::try_seconds)
                .unwrap_or_else(|| TimeDelta::seconds(LEASE_SECONDS)),
        })
    }

    /// How long an entry stays that was claimed and then left.
    #[must_use]
    pub fn lease(&self) -> TimeDelta {
        self.lease
    }

    /// Looks at the index from an instant. The engine is asked directly, so that looking does not
    /// count as consumed capacity.
    ///
    /// # Errors
    /// When the table can't be read.
    pub fn look(&self, from: DateTime<Utc>) -> Result<DueState, DynamoError> {
        let mut fingerprint = DefaultHasher::new();
        let (mut come, mut to_come) = (0_u64, None);
        for shard in 0..self.shards {
            let mut after = Value::Null;
            loop {
                let page = self.page(shard, &after)?;
                let items = page.get("Items").and_then(Value::as_array).map(Vec::as_slice);
                let mut beyond = false;
                for item in items.unwrap_or_default() {
                    let key = item.pointer("/due_sk/S").and_then(Value::as_str).unwrap_or_default();
                    match instant(key).filter(|instant| *instant > from) {
                        Some(instant) => {
                            to_come = Some(to_come.map_or(instant, |first| instant.min(first)));
                            beyond = true;
                            break;
                        }
                        // An entry whose instant can't be read is for the tick to deal with.
                        None => {
                            let part = |name| item.pointer(name).and_then(Value::as_str);
                            (key, part("/pk/S"), part("/sk/S")).hash(&mut fingerprint);
                            come += 1;
                        }
                    }
                }
                after = page.get("LastEvaluatedKey").cloned().unwrap_or_default();
                if beyond || after.is_null() {
                    break;
                }
            }
        }
        Ok(DueState { come: (come > 0).then(|| fingerprint.finish()), to_come })
    }

    fn page(&self, shard: u32, after: &Value) -> Result<Value, DynamoError> {
        let mut request = json!({
            "TableName": self.table,
            "IndexName": INDEX,
            "KeyConditionExpression": "#p = :p",
            "ExpressionAttributeNames": { "#p": PARTITION },
            "ExpressionAttributeValues": { ":p": { "S": format!("due#{shard:02}") } },
            "Limit": 100,
        });
        if let (false, Some(map)) = (after.is_null(), request.as_object_mut()) {
            map.insert("ExclusiveStartKey".to_owned(), after.clone());
        }
        let request: QueryRequest = serde_json::from_value(request)
            .map_err(|error| DynoxideError::InternalServerError(error.to_string()))?;
        let page = self.cloud.dynamodb.database().query(request)?;
        let page = serde_json::to_value(page)
            .map_err(|error| DynoxideError::InternalServerError(error.to_string()))?;
        Ok(page)
    }
}

fn instant(key: &str) -> Option<DateTime<Utc>> {
    let (instant, _) = key.split_once('#')?;
    instant.parse().ok()
}
