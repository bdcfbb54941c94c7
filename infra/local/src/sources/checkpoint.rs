//! How far each stream has been handed on, kept in a file.

use std::{
    collections::BTreeMap,
    io,
    path::PathBuf,
    sync::{Mutex, PoisonError},
};

use crate::cloud::dynamodb::StreamPosition;

/// The positions of all stream consumers of one stack.
#[derive(Debug)]
pub struct Checkpoints {
    file: Option<PathBuf>,
    positions: Mutex<BTreeMap<String, StreamPosition>>,
}

impl Checkpoints {
    /// Checkpoints kept in `file`, or in memory.
    ///
    /// # Errors
    /// When the file can't be read or holds something else.
    pub fn open(file: Option<PathBuf>) -> io::Result<Self> {
        let mut positions = BTreeMap::new();
        if let Some(path) = &file {
            match std::fs::read(path) {
                Ok(bytes) => positions = serde_json::from_slice(&bytes)?,
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Self { file, positions: Mutex::new(positions) })
    }

    /// Where a consumer goes on.
    pub fn get(&self, consumer: &str) -> StreamPosition {
        let positions = self.positions.lock().unwrap_or_else(PoisonError::into_inner);
        positions.get(consumer).copied().unwrap_or(StreamPosition::START)
    }

    /// Remembers that a consumer has handled everything up to a place.
    ///
    /// # Errors
    /// When the file can't be written. What comes after is then handled again after a restart.
    pub fn set(&self, consumer: &str, position: StreamPosition) -> io::Result<()> {
        let mut positions = self.positions.lock().unwrap_or_else(PoisonError::into_inner);
        positions.insert(consumer.to_owned(), position);
        match &self.file {
            Some(path) => crate::durable::replace(path, &serde_json::to_vec(&*positions)?),
            None => Ok(()),
        }
    }
}
