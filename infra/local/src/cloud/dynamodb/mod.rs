//! DynamoDB: the engine of the crate `dynoxide`, in this process, in memory or in a file.
//!
//! The file survives `kill -9`: its journal is a write-ahead log with `synchronous=NORMAL`, so
//! what was answered outlives the process, though perhaps not a power failure.
//!
//! Two things of the engine are bettered here. Its table of stream records has no index, so that
//! every write would read all earlier records; one is added. And it takes expiry from the
//! machine's clock and looks for it by reading all items; [`Dynamo::sweep_ttl`] takes it from the
//! stack's, and looks in an index.

mod actions;
mod error;
mod stream;
#[cfg(test)]
mod tests;
mod tokens;
mod ttl;
mod usage;

use std::{
    path::Path,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use dynoxide::Database;
use perennial_runtime::Clock;
use rusqlite::Connection;
use serde_json::Value;
use thiserror::Error;
use tokio::sync::Notify;
use uuid::Uuid;

pub use error::DynamoError;
pub use stream::{StreamBatch, StreamPosition, StreamReader};
pub use usage::{CapacityUsage, Usage};

use super::endpoint::Answer;
use tokens::TransactionTokens;

/// The tables of the stack.
pub struct Dynamo {
    database: Database,
    // A second connection to the same data, for what the engine's interface doesn't offer. Who
    // reads has the engine, who writes has the connection: they never meet in a locked file.
    side: RwLock<Mutex<Connection>>,
    clock: Arc<dyn Clock>,
    tokens: TransactionTokens,
    usage: Mutex<Usage>,
    metered: AtomicBool,
    writes: AtomicU64,
    written: Arc<Notify>,
    turn: tokio::sync::Mutex<()>,
}

impl std::fmt::Debug for Dynamo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Dynamo").finish_non_exhaustive()
    }
}

/// Why the tables could not be opened.
#[derive(Debug, Error)]
pub enum OpenError {
    /// The engine refused the file.
    #[error(transparent)]
    Engine(#[from] dynoxide::DynoxideError),
    /// The file could not be prepared.
    #[error(transparent)]
    File(#[from] rusqlite::Error),
    /// The file's path is not UTF-8.
    #[error("the data directory's path is not UTF-8")]
    Path,
}

/// Speeds up what every write to a table with a stream asks: the last sequence number.
const STREAM_INDEX: &str = "CREATE INDEX IF NOT EXISTS perennial_stream_order
    ON _stream_records (table_name, CAST(sequence_number AS INTEGER))";

impl Dynamo {
    /// Opens the tables kept in `book.sqlite` of the data directory, or none in memory.
    ///
    /// # Errors
    /// When the file can't be opened, or a newer version of the engine wrote it.
    pub fn open(data: Option<&Path>, clock: Arc<dyn Clock>) -> Result<Self, OpenError> {
        let path = match data {
            Some(directory) => {
                directory.join("book.sqlite").to_str().ok_or(OpenError::Path)?.to_owned()
            }
            // Shared by all connections of this process that know the name.
            None => format!("file:/perennial-{}?vfs=memdb", Uuid::now_v7()),
        };
        let database = Database::new(&path)?;
        // The engine's only way to leave `synchronous=FULL`: it comes back from bulk loading
        // with NORMAL.
        database.enable_bulk_loading()?;
        if data.is_some() {
            database.disable_bulk_loading()?;
        }
        let side = Connection::open(&path)?;
        side.busy_timeout(std::time::Duration::from_secs(5))?;
        side.pragma_update(None, "synchronous", "NORMAL")?;
        side.execute_batch(STREAM_INDEX)?;
        Ok(Self {
            database,
            side: RwLock::new(Mutex::new(side)),
            clock,
            tokens: TransactionTokens::default(),
            usage: Mutex::default(),
            metered: AtomicBool::new(false),
            writes: AtomicU64::new(0),
            written: Arc::default(),
            turn: tokio::sync::Mutex::default(),
        })
    }

    /// The engine itself. Writes made through it are not counted and wake nobody.
    #[must_use]
    pub fn database(&self) -> &Database {
        &self.database
    }

    /// Answers one action, such as `PutItem`, in the JSON of DynamoDB.
    #[must_use]
    pub fn handle(&self, action: &str, body: &[u8]) -> Answer {
        match self.answer(action, body, self.is_metered()) {
            Ok(body) => Answer { status: 200, body: body.into(), query_error: None },
            Err(error) => error.answer(),
        }
    }

    /// Answers like [`handle`](Self::handle), but waits for its turn without holding up a thread.
    /// The engine does one thing at a time, so threads would only stand in line.
    pub async fn handle_in_turn(&self, action: &str, body: &[u8]) -> Answer {
        let (turn, waited) = match self.turn.try_lock() {
            Ok(turn) => (turn, false),
            Err(_) => (self.turn.lock().await, true),
        };
        let answer = self.handle(action, body);
        drop(turn);
        if waited {
            // Others are likely to wait, too. Whoever is next goes on at once on this thread, and what
            // is made of the answer can be taken up by another; else the engine would rest until then.
            tokio::task::yield_now().await;
        }
        answer
    }

    /// Runs one action, such as `CreateTable`.
    ///
    /// # Errors
    /// What DynamoDB would answer.
    pub fn call(&self, action: &str, request: &Value) -> Result<Value, DynamoError> {
        self.run(action, request, self.is_metered())
    }

    /// Runs one action like [`call`](Self::call), but counts nothing: for what the stack does for
    /// itself.
    ///
    /// # Errors
    /// What DynamoDB would answer.
    pub fn call_uncounted(&self, action: &str, request: &Value) -> Result<Value, DynamoError> {
        self.run(action, request, false)
    }

    fn run(&self, action: &str, request: &Value, metered: bool) -> Result<Value, DynamoError> {
        let answer = self.answer(action, request.to_string().as_bytes(), metered)?;
        serde_json::from_slice(&answer).map_err(|error| DynamoError::unreadable(&error))
    }

    fn answer(&self, action: &str, body: &[u8], metered: bool) -> Result<Vec<u8>, DynamoError> {
        let engine = self.engine();
        let answered = actions::answer(self, action, body, metered)?;
        drop(engine);
        if actions::WRITES.contains(&action) {
            self.writes.fetch_add(1, Ordering::Relaxed);
            self.written.notify_waiters();
        }
        Ok(answered)
    }

    /// How many writing actions have succeeded since the start.
    #[must_use]
    pub fn writes(&self) -> u64 {
        self.writes.load(Ordering::Relaxed)
    }

    /// What tells that a writing action has succeeded, so that a stream may have grown. It wakes
    /// only who is waiting already: enable the notification first, then read the stream.
    #[must_use]
    pub fn written(&self) -> Arc<Notify> {
        Arc::clone(&self.written)
    }

    /// Switches the tally of consumed capacity on or off. While it is on, every action is asked
    /// what it consumed; who didn't ask doesn't see it.
    pub fn meter(&self, on: bool) {
        self.metered.store(on, Ordering::Relaxed);
    }

    /// What was consumed since the last reset, as far as the tally was on.
    #[must_use]
    pub fn usage(&self) -> Usage {
        self.usage_mut().clone()
    }

    /// What was consumed since the last reset; counting begins anew.
    #[must_use]
    pub fn take_usage(&self) -> Usage {
        std::mem::take(&mut *self.usage_mut())
    }

    fn is_metered(&self) -> bool {
        self.metered.load(Ordering::Relaxed)
    }

    fn usage_mut(&self) -> MutexGuard<'_, Usage> {
        self.usage.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// While this is held, nobody works on the second connection.
    fn engine(&self) -> RwLockReadGuard<'_, Mutex<Connection>> {
        self.side.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Works on the second connection while the engine rests.
    fn beside<T>(&self, work: impl FnOnce(&Connection) -> T) -> T {
        let mut side = self.side.write().unwrap_or_else(PoisonError::into_inner);
        work(side.get_mut().unwrap_or_else(PoisonError::into_inner))
    }
}
