//! Pages and the cursors between them.

use aws_sdk_dynamodb::types::AttributeValue;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::item::{Item, s};

/// Some of the results, and where to go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// The results.
    pub items: Vec<T>,
    /// Where the next page begins; `None` on the last.
    pub next: Option<Cursor>,
}

/// A place in the results of one query. Opaque to clients, and bound to its query.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    query: String,
    key: Vec<(String, String)>,
}

/// What an attribute of a cursor's key must be.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Bound<'a> {
    /// Just this.
    Is(&'a str),
    /// Anything that begins with this.
    BeginsWith(&'a str),
}

/// Longest value in a cursor's key, in bytes: what DynamoDB takes in a sort key, and a little less.
const LONGEST_KEY: usize = 1_000;

/// Why a cursor can't be used.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum CursorError {
    /// It is not one that we gave out.
    #[error("is not a cursor of this API")]
    Malformed,
    /// It belongs to another query.
    #[error("belongs to another query")]
    OtherQuery,
}

impl Cursor {
    pub(crate) fn at(query: &str, last: &Item) -> Self {
        let mut key: Vec<_> = last
            .iter()
            .filter_map(|(name, value)| Some((name.clone(), value.as_s().ok()?.clone())))
            .collect();
        key.sort();
        Self { query: query.to_owned(), key }
    }

    /// A place in results that the caller puts in order: `key` is what finds it again.
    #[must_use]
    pub fn in_order(query: &str, key: Vec<(String, String)>) -> Self {
        Self { query: query.to_owned(), key }
    }

    /// What [`Cursor::in_order`] was given.
    ///
    /// # Errors
    /// When the cursor belongs to another query.
    pub fn key_in(&self, query: &str) -> Result<&[(String, String)], CursorError> {
        if self.query == query { Ok(&self.key) } else { Err(CursorError::OtherQuery) }
    }

    /// The cursor as clients see it.
    #[must_use]
    pub fn encode(&self) -> String {
        // A list of strings always serializes.
        URL_SAFE_NO_PAD.encode(serde_json::to_vec(self).unwrap_or_default())
    }

    /// The cursor that a client gave back.
    ///
    /// # Errors
    /// When the text is not a cursor.
    pub fn decode(text: &str) -> Result<Self, CursorError> {
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| CursorError::Malformed)?;
        serde_json::from_slice(&bytes).map_err(|_| CursorError::Malformed)
    }

    /// As [`Cursor::start_of`], for cursors that clients have had in their hands: its key must be
    /// one that the query can come to, or DynamoDB would refuse the whole query.
    ///
    /// # Errors
    /// When the cursor belongs to another query, or its key is none of this one's.
    pub(crate) fn start_within(
        &self,
        query: &str,
        bounds: &[(&str, Bound<'_>)],
    ) -> Result<Item, CursorError> {
        let start = self.start_of(query)?;
        let fits = |(name, bound): &(&str, Bound<'_>)| {
            let value = start.get(*name).and_then(|value| value.as_s().ok());
            value.is_some_and(|value| {
                let fits = match bound {
                    Bound::Is(expected) => value == expected,
                    Bound::BeginsWith(prefix) => value.starts_with(prefix),
                };
                fits && (1..=LONGEST_KEY).contains(&value.len())
            })
        };
        if self.key.len() == bounds.len() && bounds.iter().all(fits) {
            Ok(start)
        } else {
            Err(CursorError::Malformed)
        }
    }

    /// Checks that the cursor belongs to `query`.
    ///
    /// # Errors
    /// When it does not.
    pub(crate) fn start_of(&self, query: &str) -> Result<Item, CursorError> {
        if self.query != query {
            return Err(CursorError::OtherQuery);
        }
        Ok(self
            .key
            .iter()
            .map(|(name, value)| (name.clone(), s(value)))
            .collect::<std::collections::HashMap<String, AttributeValue>>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_comes_back_as_it_went_and_only_to_its_query() {
        let last = Item::from([("pk".to_owned(), s("a")), ("sk".to_owned(), s("b"))]);
        let cursor = Cursor::at("acme#O", &last);
        assert_eq!(Cursor::decode(&cursor.encode()), Ok(cursor.clone()));
        assert_eq!(cursor.start_of("acme#O"), Ok(last));
        assert_eq!(cursor.start_of("other#O"), Err(CursorError::OtherQuery));
    }

    #[test]
    fn a_key_that_the_query_can_not_come_to_is_no_cursor_of_ours() {
        let bounds = [("pk", Bound::Is("acme#S#1")), ("sk", Bound::BeginsWith("R#"))];
        let at = |key: &[(&str, &str)]| {
            let key = key.iter().map(|(name, value)| ((*name).to_owned(), s(*value))).collect();
            Cursor::at("runs", &key).start_within("runs", &bounds)
        };
        assert!(at(&[("pk", "acme#S#1"), ("sk", "R#0000000001")]).is_ok());
        let long = format!("R#{}", "x".repeat(1_000));
        for forged in [
            &[("pk", "other#S#1"), ("sk", "R#0000000001")][..],
            &[("pk", "acme#S#1"), ("sk", "J#0000000001")],
            &[("pk", "acme#S#1"), ("sk", "")],
            &[("pk", "acme#S#1"), ("sk", &long)],
            &[("pk", "acme#S#1")],
            &[("pk", "acme#S#1"), ("sk", "R#1"), ("more", "x")],
            &[],
        ] {
            assert_eq!(at(forged), Err(CursorError::Malformed), "{forged:?}");
        }
    }

    #[test]
    fn junk_is_no_cursor() {
        for text in ["", "%%%", "e30", "bnVsbA", "żółw"] {
            assert_eq!(Cursor::decode(text), Err(CursorError::Malformed), "{text}");
        }
    }
}
