//! Items: the stored form of values.

use std::{collections::HashMap, fmt::Display};

use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes};
use serde::{Serialize, de::DeserializeOwned};

use crate::{Store, StoreError, attribute::from_attribute, keys::Key};

/// An item as DynamoDB holds it.
pub(crate) type Item = HashMap<String, AttributeValue>;

/// A string attribute.
pub(crate) fn s(text: impl Into<String>) -> AttributeValue {
    AttributeValue::S(text.into())
}

/// A number attribute.
pub(crate) fn n(number: impl Display) -> AttributeValue {
    AttributeValue::N(format!("{number}"))
}

/// The item of `value` under `key`.
pub(crate) fn to_item(key: &Key, value: &impl Serialize) -> Result<Item, StoreError> {
    let item: Result<Item, serde_dynamo::Error> = serde_dynamo::to_item(value);
    let mut item = item.map_err(|error| unreadable(key, &error))?;
    item.insert("pk".to_owned(), s(&key.pk));
    item.insert("sk".to_owned(), s(&key.sk));
    Ok(item)
}

/// The value in `item`.
pub(crate) fn from_item<T: DeserializeOwned>(item: Item) -> Result<T, StoreError> {
    let key = key_of(&item);
    from_attribute(AttributeValue::M(item)).map_err(|error| match key {
        Some(key) => unreadable(&key, &error),
        None => StoreError::Corrupt { key: "without a key".to_owned(), reason: error.to_string() },
    })
}

fn unreadable(key: &Key, error: &dyn Display) -> StoreError {
    StoreError::Corrupt { key: format!("{} {}", key.pk, key.sk), reason: error.to_string() }
}

/// The primary key of an item.
pub(crate) fn key_of(item: &Item) -> Option<Key> {
    Some(Key { pk: text(item, "pk")?, sk: text(item, "sk")? })
}

/// A string attribute of an item.
pub(crate) fn text(item: &Item, name: &str) -> Option<String> {
    item.get(name)?.as_s().ok().cloned()
}

/// A key as the SDK wants it.
pub(crate) fn key_item(key: &Key) -> Item {
    HashMap::from([("pk".to_owned(), s(&key.pk)), ("sk".to_owned(), s(&key.sk))])
}

/// Most items one BatchGetItem call answers (AWS limit).
const BATCH_GET: usize = 100;

impl Store {
    pub(crate) async fn get_item(
        &self,
        table: &str,
        key: &Key,
        consistent: bool,
    ) -> Result<Option<Item>, StoreError> {
        let answer = self
            .client
            .get_item()
            .table_name(table)
            .set_key(Some(key_item(key)))
            .consistent_read(consistent)
            .send()
            .await
            .map_err(|error| StoreError::from_sdk(&error))?;
        Ok(answer.item)
    }

    /// The items that exist among `keys`, by key. Keys may repeat.
    pub(crate) async fn get_items(
        &self,
        table: &str,
        keys: impl IntoIterator<Item = Key>,
        consistent: bool,
    ) -> Result<HashMap<Key, Item>, StoreError> {
        let wanted: std::collections::HashSet<Key> = keys.into_iter().collect();
        let wanted: Vec<Item> = wanted.iter().map(key_item).collect();
        let mut found = HashMap::with_capacity(wanted.len());
        for chunk in wanted.chunks(BATCH_GET) {
            let mut left = chunk.to_vec();
            let mut rounds = 0_u32;
            while !left.is_empty() {
                rounds += 1;
                if rounds > 8 {
                    return Err(StoreError::Unavailable(
                        "reads were throttled eight times in a row".to_owned(),
                    ));
                }
                if rounds > 1 {
                    tokio::time::sleep(std::time::Duration::from_millis(10 << rounds)).await;
                }
                let request = KeysAndAttributes::builder()
                    .set_keys(Some(std::mem::take(&mut left)))
                    .consistent_read(consistent)
                    .build()
                    .map_err(|error| StoreError::Refused(error.to_string()))?;
                let answer = self
                    .client
                    .batch_get_item()
                    .request_items(table, request)
                    .send()
                    .await
                    .map_err(|error| StoreError::from_sdk(&error))?;
                for item in answer.responses.into_iter().flatten().flat_map(|(_, items)| items) {
                    if let Some(key) = key_of(&item) {
                        found.insert(key, item);
                    }
                }
                left = answer
                    .unprocessed_keys
                    .into_iter()
                    .flatten()
                    .flat_map(|(_, keys)| keys.keys)
                    .collect();
            }
        }
        Ok(found)
    }
}
