//! Time to live, by the stack's clock.

use dynoxide::actions::list_tables::ListTablesRequest;
use rusqlite::params;
use serde_json::{Map, Value, json};

use super::{Dynamo, DynamoError};

/// How many items one step of the sweep deletes while others wait.
const PAGE: i64 = 200;

impl Dynamo {
    /// Deletes the items whose time to live has passed, and says how many. DynamoDB does so
    /// within days; here it happens when this is called. Unlike there, the stream's records of it
    /// don't name the service as the one who deleted.
    ///
    /// # Errors
    /// When the file can't be read or written.
    pub fn sweep_ttl(&self) -> Result<usize, DynamoError> {
        let now = self.clock.now().timestamp();
        let mut deleted = 0;
        for table in self.database.list_tables(ListTablesRequest::default())?.table_names {
            let ttl = self.call_uncounted("DescribeTimeToLive", &json!({ "TableName": table }))?;
            let attribute = ttl
                .pointer("/TimeToLiveDescription/AttributeName")
                .and_then(Value::as_str)
                .map(str::to_owned);
            if let Some(attribute) = attribute {
                deleted += self.sweep_table(&table, &attribute, now)?;
            }
        }
        Ok(deleted)
    }

    fn sweep_table(&self, table: &str, attribute: &str, now: i64) -> Result<usize, DynamoError> {
        let description = self.call_uncounted("DescribeTable", &json!({ "TableName": table }))?;
        let key_names: Vec<&str> = description
            .pointer("/Table/KeySchema")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(|element| element.get("AttributeName")?.as_str())
            .collect();
        let mut deleted = 0;
        loop {
            let before = deleted;
            for item in self.expired(table, attribute, now)? {
                let key: Map<_, _> = key_names
                    .iter()
                    .filter_map(|name| Some(((*name).to_owned(), item.get(*name)?.clone())))
                    .collect();
                let delete = json!({
                    "TableName": table,
                    "Key": key,
                    "ConditionExpression": "attribute_type(#ttl, :n) AND #ttl < :now",
                    "ExpressionAttributeNames": { "#ttl": attribute },
                    "ExpressionAttributeValues": {
                        ":now": { "N": now.to_string() }, ":n": { "S": "N" },
                    },
                });
                match self.call_uncounted("DeleteItem", &delete) {
                    Ok(_) => deleted += 1,
                    // Somebody gave it a new life meanwhile.
                    Err(error) if error.name() == "ConditionalCheckFailedException" => {}
                    Err(error) => return Err(error),
                }
            }
            if deleted == before {
                return Ok(deleted);
            }
        }
    }

    /// Some of the items whose time has passed, by an index of ours: a scan would read the whole
    /// table each time, to find nothing.
    fn expired(&self, table: &str, attribute: &str, now: i64) -> Result<Vec<Value>, DynamoError> {
        let found: Vec<String> = self.beside(|side| {
            side.execute_batch(&expiry_index(table, attribute))?;
            let mut statement = side.prepare_cached(&expired_items(table, attribute))?;
            let rows = statement.query_map(params![now, PAGE], |row| row.get(0))?;
            rows.collect::<Result<_, _>>()
        })?;
        let read = |text: &String| serde_json::from_str(text);
        found.iter().map(read).collect::<Result<_, _>>().map_err(|e| DynamoError::unreadable(&e))
    }
}

/// The number that an item has as its time to live, in SQL; none where it is no number.
fn number(attribute: &str) -> String {
    format!("item_json ->> '$.\"{}\".N'", attribute.replace('\'', "''"))
}

fn expiry_index(table: &str, attribute: &str) -> String {
    let (table, number) = (table.replace('"', "\"\""), number(attribute));
    format!(
        "CREATE INDEX IF NOT EXISTS \"perennial_expiry::{table}\"
         ON \"{table}\" (CAST({number} AS NUMERIC)) WHERE {number} IS NOT NULL"
    )
}

/// At most `?2` items whose time to live is before `?1`.
pub(super) fn expired_items(table: &str, attribute: &str) -> String {
    let (table, number) = (table.replace('"', "\"\""), number(attribute));
    format!(
        "SELECT item_json FROM \"{table}\"
         WHERE {number} IS NOT NULL AND CAST({number} AS NUMERIC) < ?1 LIMIT ?2"
    )
}
