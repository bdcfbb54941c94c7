//! The rules that all batch actions share.

use std::collections::HashSet;

use super::SqsError;

/// The most entries in one batch.
const MAX_ENTRIES: usize = 10;

/// What became of a batch: entries that succeeded and entries that did not.
#[derive(Debug)]
pub struct BatchOutcome<T> {
    /// The entries' ids with what each gave.
    pub successful: Vec<(String, T)>,
    /// The entries' ids with why each was refused.
    pub failed: Vec<(String, SqsError)>,
}

/// Checks what makes a batch as a whole unacceptable. `kind` is the API's name of an entry.
pub(super) fn check_batch<'a>(
    kind: &'static str,
    ids: impl ExactSizeIterator<Item = &'a str>,
) -> Result<(), SqsError> {
    let entries = ids.len();
    if entries == 0 {
        return Err(SqsError::EmptyBatchRequest(kind));
    }
    if entries > MAX_ENTRIES {
        return Err(SqsError::TooManyEntriesInBatchRequest(entries));
    }
    let mut seen = HashSet::new();
    for id in ids {
        let allowed = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if id.is_empty() || id.len() > 80 || !id.chars().all(allowed) {
            return Err(SqsError::InvalidBatchEntryId);
        }
        if !seen.insert(id) {
            return Err(SqsError::BatchEntryIdsNotDistinct(id.to_owned()));
        }
    }
    Ok(())
}

impl<T> BatchOutcome<T> {
    pub(super) fn sort(outcomes: Vec<(String, Result<T, SqsError>)>) -> Self {
        let mut sorted = Self { successful: Vec::new(), failed: Vec::new() };
        for (id, outcome) in outcomes {
            match outcome {
                Ok(value) => sorted.successful.push((id, value)),
                Err(error) => sorted.failed.push((id, error)),
            }
        }
        sorted
    }
}
