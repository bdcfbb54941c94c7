//! Time to live, by the stack's clock.

use dynoxide::actions::list_tables::ListTablesRequest;
use serde_json::{Value, json};

use super::{Dynamo, DynamoError};

/// How many items one step of the sweep looks at while others wait.
const PAGE: usize = 200;

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
        let condition = json!({
            "TableName": table,
            "ExpressionAttributeNames": { "#ttl": attribute },
            "ExpressionAttributeValues": { ":now": { "N": now.to_string() }, ":n": { "S": "N" } },
        });
        let expired = "attribute_type(#ttl, :n) AND #ttl < :now";
        let mut deleted = 0;
        let mut after = None;
        loop {
            let mut scan = condition.clone();
            set(&mut scan, "FilterExpression", json!(expired));
            set(&mut scan, "Limit", json!(PAGE));
            if let Some(after) = after {
                set(&mut scan, "ExclusiveStartKey", after);
            }
            let mut page = self.call_uncounted("Scan", &scan)?;
            for item in page.get("Items").and_then(Value::as_array).into_iter().flatten() {
                let key: serde_json::Map<_, _> = key_names
                    .iter()
                    .filter_map(|name| Some(((*name).to_owned(), item.get(*name)?.clone())))
                    .collect();
                let mut delete = condition.clone();
                set(&mut delete, "Key", Value::Object(key));
                set(&mut delete, "ConditionExpression", json!(expired));
                match self.call_uncounted("DeleteItem", &delete) {
                    Ok(_) => deleted += 1,
                    // Somebody gave it a new life meanwhile.
                    Err(error) if error.name() == "ConditionalCheckFailedException" => {}
                    Err(error) => return Err(error),
                }
            }
            after = page.get_mut("LastEvaluatedKey").map(Value::take);
            if after.is_none() {
                return Ok(deleted);
            }
        }
    }
}

fn set(request: &mut Value, member: &str, value: Value) {
    if let Some(request) = request.as_object_mut() {
        request.insert(member.to_owned(), value);
    }
}
