//! Makes the template's tables, or checks that those which exist are the template's.

use serde_json::{Value, json};
use thiserror::Error;

use crate::{
    cloud::dynamodb::{Dynamo, DynamoError},
    template::{IndexModel, KeyModel, TableModel},
};

/// Why a table can't be served.
#[derive(Debug, Error)]
pub enum TableError {
    /// The table exists and is another than the template's.
    #[error(
        "the table {table} in the data directory differs from the template in {difference}; \
         choose another directory with --data, or delete this one"
    )]
    Differs {
        /// The table.
        table: String,
        /// What differs, with both values.
        difference: String,
    },
    /// The engine refused.
    #[error("the table {table} can't be made: {source}")]
    Refused {
        /// The table.
        table: String,
        /// Its reason.
        source: DynamoError,
    },
}

/// Makes sure that a table is there, as the template has it.
///
/// # Errors
/// [`TableError`].
pub(super) fn ensure(dynamo: &Dynamo, table: &TableModel) -> Result<(), TableError> {
    let refused = |source| TableError::Refused { table: table.name.clone(), source };
    let name = json!({ "TableName": table.name });
    match dynamo.call("DescribeTable", &name) {
        Ok(description) => {
            let found = description.get("Table").cloned().unwrap_or_default();
            if let Some(difference) = difference(table, &found) {
                return Err(TableError::Differs { table: table.name.clone(), difference });
            }
        }
        Err(error) if error.name() == "ResourceNotFoundException" => {
            dynamo.call("CreateTable", &creation(table)).map_err(refused)?;
        }
        Err(error) => return Err(refused(error)),
    }
    let described = dynamo.call("DescribeTimeToLive", &name).map_err(refused)?;
    let present = described
        .pointer("/TimeToLiveDescription/AttributeName")
        .and_then(Value::as_str)
        .map(str::to_owned);
    if present == table.ttl {
        return Ok(());
    }
    for (attribute, enabled) in [(&present, false), (&table.ttl, true)] {
        if let Some(attribute) = attribute {
            let request = json!({
                "TableName": table.name,
                "TimeToLiveSpecification": { "AttributeName": attribute, "Enabled": enabled },
            });
            dynamo.call("UpdateTimeToLive", &request).map_err(refused)?;
        }
    }
    Ok(())
}

fn key_schema(keys: &[KeyModel]) -> Value {
    keys.iter()
        .zip(["HASH", "RANGE"])
        .map(|(key, kind)| json!({ "AttributeName": key.name, "KeyType": kind }))
        .collect()
}

fn creation(table: &TableModel) -> Value {
    let mut attributes: Vec<&KeyModel> = Vec::new();
    for key in table.keys.iter().chain(table.indexes.iter().flat_map(|index| &index.keys)) {
        if !attributes.contains(&key) {
            attributes.push(key);
        }
    }
    let definitions: Vec<Value> = attributes
        .iter()
        .map(|key| json!({ "AttributeName": key.name, "AttributeType": key.kind }))
        .collect();
    let mut request = json!({
        "TableName": table.name,
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": definitions,
        "KeySchema": key_schema(&table.keys),
    });
    let Some(map) = request.as_object_mut() else { return request };
    if !table.indexes.is_empty() {
        let indexes: Vec<Value> = table.indexes.iter().map(index).collect();
        map.insert("GlobalSecondaryIndexes".to_owned(), json!(indexes));
    }
    if let Some(view) = &table.stream {
        let stream = json!({ "StreamEnabled": true, "StreamViewType": view });
        map.insert("StreamSpecification".to_owned(), stream);
    }
    request
}

fn index(index: &IndexModel) -> Value {
    let mut projection = json!({ "ProjectionType": index.projection });
    if let (false, Some(map)) = (index.included.is_empty(), projection.as_object_mut()) {
        map.insert("NonKeyAttributes".to_owned(), json!(index.included));
    }
    json!({
        "IndexName": index.name,
        "KeySchema": key_schema(&index.keys),
        "Projection": projection,
    })
}

fn difference(table: &TableModel, found: &Value) -> Option<String> {
    let differs = |what: &str, wanted: &Value, found: &Value| {
        (wanted != found).then(|| format!("{what}: {found} there, {wanted} in the template"))
    };
    let null = Value::Null;
    let at = |value: &Value, pointer: &str| value.pointer(pointer).unwrap_or(&null).clone();
    let keys = differs("its key", &key_schema(&table.keys), &at(found, "/KeySchema"));
    if keys.is_some() {
        return keys;
    }
    let wanted_stream = table.stream.as_ref().map_or(Value::Null, |view| json!(view));
    let found_stream = at(found, "/StreamSpecification/StreamViewType");
    if let Some(difference) = differs("its stream", &wanted_stream, &found_stream) {
        return Some(difference);
    }
    let empty = Vec::new();
    let found_indexes =
        found.get("GlobalSecondaryIndexes").and_then(Value::as_array).unwrap_or(&empty);
    let named = |name: &str| {
        found_indexes.iter().find(|index| at(index, "/IndexName").as_str() == Some(name))
    };
    for wanted in &table.indexes {
        let name = &wanted.name;
        let Some(present) = named(name) else {
            return Some(format!("its indexes: {name} is missing there"));
        };
        let key = differs(
            &format!("the key of its index {name}"),
            &key_schema(&wanted.keys),
            &at(present, "/KeySchema"),
        );
        let projection = differs(
            &format!("the projection of its index {name}"),
            &json!(wanted.projection),
            &at(present, "/Projection/ProjectionType"),
        );
        if let Some(difference) = key.or(projection) {
            return Some(difference);
        }
    }
    let is_wanted = |index: &&Value| {
        table.indexes.iter().any(|wanted| at(index, "/IndexName") == json!(wanted.name))
    };
    if let Some(extra) = found_indexes.iter().find(|index| !is_wanted(index)) {
        return Some(format!("its indexes: {} is not in the template", at(extra, "/IndexName")));
    }
    let kinds = at(found, "/AttributeDefinitions");
    for key in table.keys.iter().chain(table.indexes.iter().flat_map(|index| &index.keys)) {
        let kind = kinds
            .as_array()
            .into_iter()
            .flatten()
            .find(|definition| at(definition, "/AttributeName") == json!(key.name))
            .map_or(Value::Null, |definition| at(definition, "/AttributeType"));
        let difference = differs(&format!("the type of {}", key.name), &json!(key.kind), &kind);
        if difference.is_some() {
            return difference;
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use perennial_runtime::SystemClock;

    use super::*;

    fn key(name: &str) -> KeyModel {
        KeyModel { name: name.to_owned(), kind: "S".to_owned() }
    }

    fn table() -> TableModel {
        TableModel {
            name: "Book".to_owned(),
            keys: vec![key("pk"), key("sk")],
            indexes: vec![IndexModel {
                name: "due".to_owned(),
                keys: vec![key("due_pk"), key("due_sk")],
                projection: "KEYS_ONLY".to_owned(),
                included: Vec::new(),
            }],
            ttl: Some("ttl".to_owned()),
            stream: Some("NEW_IMAGE".to_owned()),
        }
    }

    #[test]
    fn a_table_is_made_once_and_refused_when_the_template_has_another()
    -> Result<(), Box<dyn std::error::Error>> {
        let dynamo = Dynamo::open(None, Arc::new(SystemClock))?;
        ensure(&dynamo, &table())?;
        ensure(&dynamo, &table())?;
        let refusal = |table: TableModel| {
            ensure(&dynamo, &table).err().map(|error| error.to_string()).unwrap_or_default()
        };
        let mut other = table();
        other.indexes = Vec::new();
        assert!(refusal(other).contains("\"due\" is not in the template"));
        let mut other = table();
        other.keys.pop();
        assert!(refusal(other).contains("its key"));
        let mut other = table();
        other.stream = None;
        assert!(refusal(other).contains("its stream"));
        Ok(())
    }
}
