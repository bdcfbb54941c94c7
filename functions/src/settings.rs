//! Settings that several functions share.

use perennial_runtime::{Environment, SettingError};
use perennial_store::Store;

use crate::Aws;

/// Default number of partitions of the due index.
const DUE_SHARDS: u16 = 16;

/// Whether webhooks may have callback URLs that lead to private addresses, or without encryption:
/// for the local stack, whose receivers are on the same machine.
pub(crate) fn private_webhooks(environment: &Environment) -> Result<bool, SettingError> {
    environment.parse_or("WEBHOOKS_ALLOW_PRIVATE_ADDRESSES", "true or false", false)
}

/// The store over the tables that the environment names. A function that may not touch the
/// operations table is not given its name.
pub(crate) fn store(environment: &Environment, aws: &Aws) -> Result<Store, SettingError> {
    Ok(Store::new(
        aws.dynamodb.clone(),
        environment.require("BOOK_TABLE")?,
        environment.get("OPERATIONS_TABLE").unwrap_or_default().to_owned(),
        environment.parse_or("DUE_SHARDS", "number of shards", DUE_SHARDS)?,
    ))
}
