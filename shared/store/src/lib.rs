//! DynamoDB storage of Perennial: keys, items, conditional writes, the journal, the due index.
//!
//! Every access pattern, its key, index and cost stands in `docs/storage.md`.

mod addresses;
mod attribute;
mod catalog;
mod check_records;
mod claim;
mod commit;
mod customer_index;
mod dead_letters;
mod due_index;
mod error;
mod idempotency;
mod item;
mod jobs;
mod journal;
mod keys;
mod listing;
mod members;
mod open_jobs;
mod order_copies;
mod orders;
mod page;
mod reconciliations;
mod records;
mod related;
mod source_payloads;
mod source_tallies;
mod stock;
mod subscriptions;
mod taxes;
mod webhooks;

use aws_sdk_dynamodb::Client;

pub use catalog::Resource;
pub use claim::{Claim, ClaimedOrder};
pub use commit::{Commit, Expect, MAX_WRITES, Part};
pub use dead_letters::{DeadLetter, DeadLetterStatus};
pub use due_index::{DueEntry, DueSubject};
pub use error::StoreError;
pub use idempotency::{Begun, StoredAnswer};
pub use jobs::{JobBatch, JobCounts, JobKind, JobRun, JobStatus, RunResult, batch_key};
pub use journal::{Direction, LastEntry, entry_in_stream};
pub use keys::shard_of;
pub use listing::{Listed, Span, Table, Window};
pub use open_jobs::OpenJob;
pub use orders::StoredOrder;
pub use page::{Cursor, CursorError, Page};
pub use reconciliations::{Examined, Progress, Reconciliation, Recorded};
pub use records::{Record, RecordKind, WAKES_AT};
pub use related::Related;
pub use source_payloads::SourcePayload;
pub use source_tallies::{TALLY_SHARDS, Tally};

/// The tables, and the client that reaches them.
#[derive(Debug, Clone)]
pub struct Store {
    client: Client,
    book: String,
    operations: String,
    shards: u16,
}

impl Store {
    /// A store over the order book and operations tables. `shards` is the number of partitions of
    /// the due index: it may grow, but never shrink while entries exist.
    #[must_use]
    pub fn new(client: Client, book: String, operations: String, shards: u16) -> Self {
        Self { client, book, operations, shards: shards.max(1) }
    }

    /// Whether the order book answers: reads an item that does not exist, at half a read unit.
    ///
    /// # Errors
    /// When storage does not answer.
    pub async fn reachable(&self) -> Result<(), StoreError> {
        let nothing = keys::Key { pk: "health".to_owned(), sk: keys::SELF.to_owned() };
        self.get_item(&self.book, &nothing, false).await.map(|_| ())
    }

    /// The number of partitions of the due index.
    #[must_use]
    pub fn shards(&self) -> u16 {
        self.shards
    }
}
