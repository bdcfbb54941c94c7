//! The queues' SQLite file: every change that memory must not forget when the process is killed.
//!
//! Each call is one transaction. The journal is a write-ahead log with `synchronous=NORMAL`: what
//! was answered survives the process; the last moments before a power failure may be lost.

use std::{collections::BTreeMap, path::Path};

use rusqlite::{Connection, OptionalExtension, params};

use super::{
    QueueSpec, SqsError,
    message::{Content, MessageAttributes},
    queue::{Held, Queue, Sequence},
};

const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS queues (
        name TEXT PRIMARY KEY, spec TEXT NOT NULL, created_at INTEGER NOT NULL) STRICT;
    CREATE TABLE IF NOT EXISTS messages (
        sequence INTEGER PRIMARY KEY, queue TEXT NOT NULL, message_id TEXT NOT NULL,
        body TEXT NOT NULL, attributes TEXT, sent_at INTEGER NOT NULL,
        visible_at INTEGER NOT NULL, receive_count INTEGER NOT NULL DEFAULT 0,
        first_received_at INTEGER, dead_letter_source TEXT) STRICT;
";

#[derive(Debug)]
pub(super) struct QueueFile(Connection);

/// A change to one stored message.
#[derive(Debug)]
pub(super) enum Change<'a> {
    /// A new message.
    Add { queue: &'a str, sequence: Sequence, held: &'a Held },
    /// A receive, or a change of visibility.
    Touch { sequence: Sequence, held: &'a Held },
    /// The message is now in another queue.
    Move { sequence: Sequence, queue: &'a str, held: &'a Held },
    /// The message is gone.
    Remove { sequence: Sequence },
}

impl QueueFile {
    pub(super) fn open(path: &Path) -> Result<Self, SqsError> {
        let connection = Connection::open(path)?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "NORMAL")?;
        connection.execute_batch(SCHEMA)?;
        Ok(Self(connection))
    }

    /// Reads everything back. A message that was in flight when the process died is visible at
    /// once: its receiver died with it, and delivery is at least once either way.
    pub(super) fn load(&self, now: i64) -> Result<(BTreeMap<String, Queue>, Sequence), SqsError> {
        let mut queues = BTreeMap::new();
        let mut statement = self.0.prepare("SELECT spec, created_at FROM queues")?;
        let rows = statement.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get(1)?)))?;
        for row in rows {
            let (spec, created_at) = row?;
            let spec: QueueSpec = serde_json::from_str(&spec)?;
            queues.insert(spec.name.clone(), Queue::new(spec, created_at));
        }
        let mut statement = self.0.prepare(
            "SELECT sequence, queue, message_id, body, attributes, sent_at, visible_at,
                    receive_count, first_received_at, dead_letter_source FROM messages",
        )?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let queue: String = row.get("queue")?;
            let Some(queue) = queues.get_mut(&queue) else { continue };
            let attributes: MessageAttributes = row
                .get::<_, Option<String>>("attributes")?
                .map_or_else(|| Ok(MessageAttributes::new()), |text| serde_json::from_str(&text))?;
            let content = Content::new(
                row.get("message_id")?,
                row.get("body")?,
                attributes,
                row.get("sent_at")?,
            );
            let receive_count: u32 = row.get("receive_count")?;
            let visible_at: i64 = row.get("visible_at")?;
            let held = Held {
                receive_count,
                first_received_at: row.get("first_received_at")?,
                dead_letter_source: row.get("dead_letter_source")?,
                ..Held::fresh(content, if receive_count > 0 { now } else { visible_at })
            };
            queue.insert(row.get("sequence")?, held, now);
        }
        let last: Option<Sequence> = self
            .0
            .query_row("SELECT max(sequence) FROM messages", [], |row| row.get(0))
            .optional()?
            .flatten();
        Ok((queues, last.unwrap_or(0)))
    }

    pub(super) fn put_queue(&self, spec: &QueueSpec, created_at: i64) -> Result<(), SqsError> {
        self.0.execute(
            "INSERT INTO queues (name, spec, created_at) VALUES (?1, ?2, ?3)
             ON CONFLICT (name) DO UPDATE SET spec = excluded.spec",
            params![spec.name, serde_json::to_string(spec)?, created_at],
        )?;
        Ok(())
    }

    pub(super) fn purge(&self, queue: &str) -> Result<(), SqsError> {
        self.0.execute("DELETE FROM messages WHERE queue = ?1", params![queue])?;
        Ok(())
    }

    /// Writes the changes, all or none.
    pub(super) fn write(&mut self, changes: &[Change<'_>]) -> Result<(), SqsError> {
        if changes.is_empty() {
            return Ok(());
        }
        let transaction = self.0.transaction()?;
        for change in changes {
            match change {
                Change::Add { queue, sequence, held } => add(&transaction, queue, *sequence, held)?,
                Change::Touch { sequence, held } => {
                    transaction
                        .prepare_cached(
                            "UPDATE messages SET visible_at = ?2, receive_count = ?3,
                             first_received_at = ?4 WHERE sequence = ?1",
                        )?
                        .execute(params![
                            sequence,
                            held.visible_at,
                            held.receive_count,
                            held.first_received_at
                        ])?;
                }
                Change::Move { sequence, queue, held } => {
                    transaction
                        .prepare_cached(
                            "UPDATE messages SET queue = ?2, visible_at = ?3, receive_count = ?4,
                             first_received_at = ?5, dead_letter_source = ?6 WHERE sequence = ?1",
                        )?
                        .execute(params![
                            sequence,
                            queue,
                            held.visible_at,
                            held.receive_count,
                            held.first_received_at,
                            held.dead_letter_source
                        ])?;
                }
                Change::Remove { sequence } => {
                    transaction
                        .prepare_cached("DELETE FROM messages WHERE sequence = ?1")?
                        .execute(params![sequence])?;
                }
            }
        }
        transaction.commit()?;
        Ok(())
    }
}

fn add(
    connection: &Connection,
    queue: &str,
    sequence: Sequence,
    held: &Held,
) -> Result<(), SqsError> {
    let Content { message_id, body, md5_of_body: _, attributes, sent_at } = &*held.content;
    let attributes =
        if attributes.is_empty() { None } else { Some(serde_json::to_string(attributes)?) };
    connection
        .prepare_cached(
            "INSERT INTO messages (sequence, queue, message_id, body, attributes, sent_at,
             visible_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?
        .execute(params![
            sequence,
            queue,
            message_id,
            body,
            attributes,
            sent_at,
            held.visible_at
        ])?;
    Ok(())
}
