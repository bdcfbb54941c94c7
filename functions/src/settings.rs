//! Settings that several functions share.

use perennial_runtime::{Environment, SettingError};
use perennial_store::Store;

use crate::Aws;

/// Default number of partitions of the due index.
const DUE_SHARDS: u16 = 16;

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
