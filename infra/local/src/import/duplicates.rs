//! External ids that stand in a file twice.

use std::{
    collections::HashMap,
    hash::{BuildHasher, RandomState},
};

use super::send::Answered;

/// What was seen of a file: 16 bytes for each row.
#[derive(Debug, Default)]
pub(super) struct Duplicates {
    hasher: RandomState,
    lines: HashMap<u64, u64>,
}

impl Duplicates {
    /// The line on which the row's external id stood before.
    pub(super) fn seen(&mut self, row: &Answered) -> Option<u64> {
        let external_id = row.external_id.as_deref()?;
        let hash = self.hasher.hash_one(external_id);
        match self.lines.entry(hash) {
            std::collections::hash_map::Entry::Occupied(first) => Some(*first.get()),
            std::collections::hash_map::Entry::Vacant(place) => {
                place.insert(row.line);
                None
            }
        }
    }
}
