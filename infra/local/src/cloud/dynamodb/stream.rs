//! The change stream of a table, as Lambda's event source mapping reads it.

use std::sync::Arc;

use dynoxide::{
    DynoxideError,
    actions::{
        get_records::GetRecordsRequest,
        get_shard_iterator::{decode_shard_iterator, encode_shard_iterator},
        list_streams::ListStreamsRequest,
    },
    streams::shard_id,
};
use rusqlite::params;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Dynamo, DynamoError};
use crate::cloud::{ACCOUNT, Cloud, REGION};

/// The most records that one read gives.
const MOST: usize = 1000;

/// A place in a stream: everything up to it has been read. It may be stored, and is good as long
/// as the table is.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct StreamPosition(i64);

impl StreamPosition {
    /// Before the first record that the stream still has.
    pub const START: Self = Self(0);
}

/// Records of a stream, in order.
#[derive(Debug, Clone, PartialEq)]
pub struct StreamBatch {
    /// The records as a Lambda event carries them under `Records`.
    pub records: Vec<Value>,
    /// For each record the place just after it.
    pub positions: Vec<StreamPosition>,
    /// The place after the last record.
    pub next: StreamPosition,
}

/// Reads one table's stream.
#[derive(Debug, Clone)]
pub struct StreamReader {
    cloud: Arc<Cloud>,
    table: String,
    arn: String,
}

impl StreamReader {
    /// A reader of the table's stream.
    ///
    /// # Errors
    /// When there is no such table, or it has no stream.
    pub fn open(cloud: &Arc<Cloud>, table: &str) -> Result<Self, DynamoError> {
        let arn = cloud.dynamodb.stream_arn(table)?;
        Ok(Self { cloud: Arc::clone(cloud), table: table.to_owned(), arn })
    }

    /// The table's name.
    #[must_use]
    pub fn table(&self) -> &str {
        &self.table
    }

    /// The stream's ARN, as records carry it.
    #[must_use]
    pub fn arn(&self) -> &str {
        &self.arn
    }

    /// Up to `most` records after a place. The time they carry is the stack's at reading.
    ///
    /// # Errors
    /// When the table is gone or the file can't be read.
    pub fn read(&self, after: StreamPosition, most: usize) -> Result<StreamBatch, DynamoError> {
        let dynamo = &self.cloud.dynamodb;
        let engine = dynamo.engine();
        let answer = dynamo.database.get_records(GetRecordsRequest {
            shard_iterator: encode_shard_iterator(&self.table, &shard_id(&self.table), after.0),
            limit: Some(most.min(MOST)),
        })?;
        drop(engine);
        let now = dynamo.clock.now().timestamp();
        let mut records = Vec::with_capacity(answer.records.len());
        let mut positions = Vec::with_capacity(answer.records.len());
        for record in answer.records {
            positions.push(position_of(&record.dynamodb.sequence_number)?);
            let mut record =
                serde_json::to_value(record).map_err(|e| DynamoError::unreadable(&e))?;
            if let Some(record) = record.as_object_mut() {
                record.insert("awsRegion".to_owned(), json!(REGION));
                record.insert("eventSourceARN".to_owned(), json!(self.arn));
                if let Some(Value::Object(image)) = record.get_mut("dynamodb") {
                    image.insert("ApproximateCreationDateTime".to_owned(), json!(now));
                }
            }
            records.push(record);
        }
        let next = answer
            .next_shard_iterator
            .as_deref()
            .and_then(decode_shard_iterator)
            .map_or(after, |(_, _, position)| StreamPosition(position));
        Ok(StreamBatch { records, positions, next })
    }

    /// Forgets the records up to a place. AWS forgets them after a day; here the owner of the
    /// stack does, once all have read them.
    ///
    /// # Errors
    /// When the file can't be written.
    pub fn trim(&self, up_to: StreamPosition) -> Result<usize, DynamoError> {
        self.cloud.dynamodb.beside(|side| {
            let mut statement = side.prepare_cached(
                "DELETE FROM _stream_records
                 WHERE table_name = ?1 AND CAST(sequence_number AS INTEGER) <= ?2",
            )?;
            Ok(statement.execute(params![self.table, up_to.0])?)
        })
    }
}

impl Dynamo {
    /// The ARN of a table's stream in the local stack.
    ///
    /// # Errors
    /// When there is no such table, or it has no stream.
    pub fn stream_arn(&self, table: &str) -> Result<String, DynamoError> {
        let request =
            ListStreamsRequest { table_name: Some(table.to_owned()), ..Default::default() };
        let streams = self.database.list_streams(request)?.streams;
        let label =
            streams.first().map(|stream| stream.stream_label.as_str()).ok_or_else(|| {
                DynoxideError::ResourceNotFoundException(format!(
                    "The table {table} has no stream."
                ))
            })?;
        Ok(format!("arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{table}/stream/{label}"))
    }
}

/// What the engine adds to its sequence numbers when it shows them.
const SHOWN_OFFSET: i128 = 100_000_000_000_000_000_000;

fn position_of(sequence_number: &str) -> Result<StreamPosition, DynamoError> {
    sequence_number
        .parse::<i128>()
        .ok()
        .and_then(|shown| i64::try_from(shown - SHOWN_OFFSET).ok())
        .map(StreamPosition)
        .ok_or_else(|| {
            DynoxideError::InternalServerError(format!(
                "{sequence_number} is no sequence number of this engine"
            ))
            .into()
        })
}
