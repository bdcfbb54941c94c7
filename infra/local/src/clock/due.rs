//! What the renewal tick would find: the earliest entries of a table's `due` index. It lets an
//! advance leave out firings that would find nothing, which is nearly all of them.

use std::{collections::HashSet, sync::Arc};

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
/// The attribute of an item that says until when it is held.
const LEASE: &str = "lease_until";
/// How many shards and how long a claim, unless the function's environment says otherwise.
const SHARDS: u32 = 16;
const LEASE_SECONDS: i64 = 1_200;
/// How many entries of a shard are read at first. Each look asks all shards, and as a rule the first
/// entry of one tells enough.
const FIRST_PAGE: u32 = 4;
/// And how many at a time after that.
const PAGE: u32 = 100;

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
    /// The earliest instant from which an entry whose instant has come can be taken: not after the
    /// instant looked from where nobody holds it, and else the end of its lease. `None` without
    /// any.
    pub free_from: Option<DateTime<Utc>>,
    /// The earliest instant that is still to come.
    pub to_come: Option<DateTime<Utc>>,
}

/// An entry: its place in the index, and the item that it leads to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Entry {
    due_sk: String,
    pk: String,
    sk: String,
}

/// A firing, with the entries that it met. Those that are still there afterwards, and that nobody
/// holds, it could not take; they are tried again as if they were held.
#[derive(Debug)]
pub struct Tried {
    at: DateTime<Utc>,
    met: HashSet<Entry>,
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

    /// The entries that a firing at an instant meets.
    ///
    /// # Errors
    /// When the table can't be read.
    pub fn meet(&self, at: DateTime<Utc>) -> Result<Tried, DynamoError> {
        let mut met = HashSet::new();
        self.visit(at, |entry| {
            met.insert(entry);
            Ok(true)
        })?;
        Ok(Tried { at, met })
    }

    /// Looks at the index from an instant, knowing which firing was tried last. The engine is asked
    /// directly, so that looking does not count as consumed capacity.
    ///
    /// # Errors
    /// When the table can't be read.
    pub fn look(
        &self,
        from: DateTime<Utc>,
        tried: Option<&Tried>,
    ) -> Result<DueState, DynamoError> {
        let mut free_from: Option<DateTime<Utc>> = None;
        let to_come = self.visit(from, |entry| {
            let free = match self.held_until(&entry)?.filter(|until| *until > from) {
                Some(until) => until,
                None => match tried.filter(|tried| tried.met.contains(&entry)) {
                    Some(tried) => tried.at.checked_add_signed(self.lease).unwrap_or(from),
                    None => from,
                },
            };
            free_from = Some(free_from.map_or(free, |first| free.min(first)));
            // One that can be taken at once decides.
            Ok(free > from)
        })?;
        Ok(DueState { free_from, to_come })
    }

    /// Shows the entries whose instant has come until `show` has seen enough, and answers the
    /// earliest instant after that, as far as was looked.
    fn visit(
        &self,
        from: DateTime<Utc>,
        mut show: impl FnMut(Entry) -> Result<bool, DynamoError>,
    ) -> Result<Option<DateTime<Utc>>, DynamoError> {
        let mut to_come: Option<DateTime<Utc>> = None;
        for shard in 0..self.shards {
            let mut after = Value::Null;
            loop {
                let page = self.page(shard, &after)?;
                let items = page.get("Items").and_then(Value::as_array).map(Vec::as_slice);
                let mut beyond = false;
                for item in items.unwrap_or_default() {
                    let part = |name| {
                        item.pointer(name).and_then(Value::as_str).unwrap_or_default().to_owned()
                    };
                    let due_sk = part("/due_sk/S");
                    match instant(&due_sk).filter(|instant| *instant > from) {
                        Some(instant) => {
                            to_come = Some(to_come.map_or(instant, |first| instant.min(first)));
                            beyond = true;
                            break;
                        }
                        // An entry whose instant can't be read is for the tick to deal with.
                        None => {
                            let entry = Entry { due_sk, pk: part("/pk/S"), sk: part("/sk/S") };
                            if !show(entry)? {
                                return Ok(to_come);
                            }
                        }
                    }
                }
                after = page.get("LastEvaluatedKey").cloned().unwrap_or_default();
                if beyond || after.is_null() {
                    break;
                }
            }
        }
        Ok(to_come)
    }

    /// Until when an entry is held by whoever has claimed it.
    fn held_until(&self, entry: &Entry) -> Result<Option<DateTime<Utc>>, DynamoError> {
        let request = json!({
            "TableName": self.table,
            "Key": { "pk": { "S": entry.pk }, "sk": { "S": entry.sk } },
            "ProjectionExpression": LEASE,
            "ConsistentRead": true,
        });
        let answer = self.cloud.dynamodb.call_uncounted("GetItem", &request)?;
        let until = answer.pointer(&format!("/Item/{LEASE}/S")).and_then(Value::as_str);
        Ok(until.and_then(|until| until.parse().ok()))
    }

    fn page(&self, shard: u32, after: &Value) -> Result<Value, DynamoError> {
        let mut request = json!({
            "TableName": self.table,
            "IndexName": INDEX,
            "KeyConditionExpression": "#p = :p",
            "ExpressionAttributeNames": { "#p": PARTITION },
            "ExpressionAttributeValues": { ":p": { "S": format!("due#{shard:02}") } },
            "Limit": FIRST_PAGE,
        });
        if let (false, Some(map)) = (after.is_null(), request.as_object_mut()) {
            map.insert("ExclusiveStartKey".to_owned(), after.clone());
            map.insert("Limit".to_owned(), json!(PAGE));
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
