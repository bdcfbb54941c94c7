//! Payloads: what a channel sends at once, and the messages in it, each about one order.

use serde_json::Value;
use thiserror::Error;

use crate::{csv, number, xml};

/// Longest payload, in bytes.
pub const MAX_PAYLOAD: usize = 256 * 1024;

/// How a payload is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// One JSON value, about one order.
    Json,
    /// Rows under a header; those that are alike in a column are about one order, or each is.
    Csv,
    /// One XML document, about one order.
    Xml,
}

impl Format {
    /// The format of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "json" => Some(Self::Json),
            "csv" => Some(Self::Csv),
            "xml" => Some(Self::Xml),
            _ => None,
        }
    }

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Csv => "csv",
            Self::Xml => "xml",
        }
    }

    /// Whether a media type, in lower case and without parameters, says that a payload is written so.
    #[must_use]
    pub fn is_said_by(self, media_type: &str) -> bool {
        match self {
            Self::Json => media_type == "application/json" || media_type.ends_with("+json"),
            Self::Csv => media_type == "text/csv",
            Self::Xml => {
                matches!(media_type, "application/xml" | "text/xml") || media_type.ends_with("+xml")
            }
        }
    }
}

/// What a payload says about one order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// As it came: the whole payload, or the header and rows that are about this order.
    pub raw: String,
    /// As mappings see it; the rows of CSV as a list of objects.
    pub value: Value,
    /// Which rows of a CSV file these are, counted from 1 below the header; empty of anything else.
    pub rows: Vec<usize>,
}

/// Why a payload can't be read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PayloadError {
    /// It is not written as it should be.
    #[error("the payload is not {}: {reason}", format.name())]
    Malformed {
        /// How it should be written.
        format: Format,
        /// What is wrong with it.
        reason: String,
    },
    /// It has no column of this name.
    #[error("the payload has no column {0:?} to group its rows by")]
    NoColumn(String),
    /// It is too long.
    #[error("the payload has {0} bytes; at most {MAX_PAYLOAD} are taken")]
    TooLarge(usize),
}

/// The messages in a payload. Rows of CSV that are alike in the column `group_by` are one message,
/// in the order of the first of each; without, each row is one.
///
/// # Errors
/// When it can't be read.
pub fn read(
    format: Format,
    group_by: Option<&str>,
    payload: &str,
) -> Result<Vec<Message>, PayloadError> {
    if payload.len() > MAX_PAYLOAD {
        return Err(PayloadError::TooLarge(payload.len()));
    }
    let malformed = |reason: String| PayloadError::Malformed { format, reason };
    let whole = |value| Ok(vec![Message { raw: payload.to_owned(), value, rows: Vec::new() }]);
    match format {
        Format::Json => {
            let text = payload.strip_prefix('\u{feff}').unwrap_or(payload);
            let value = serde_json::from_str(text).map_err(|e| malformed(e.to_string()))?;
            match number::first_inexact(text) {
                None => whole(value),
                Some(number) => Err(malformed(format!(
                    "the number {number} has more digits than are kept: send it as text, at line {}",
                    line_of(text, number)
                ))),
            }
        }
        Format::Xml => whole(xml::read(payload).map_err(malformed)?),
        Format::Csv => grouped(&csv::read(payload).map_err(malformed)?, group_by),
    }
}

/// The line on which a part of a payload begins, counted from 1.
fn line_of(payload: &str, part: &str) -> usize {
    let before = (part.as_ptr() as usize).saturating_sub(payload.as_ptr() as usize);
    let before = payload.as_bytes().get(..before).unwrap_or_default();
    before.iter().filter(|byte| **byte == b'\n').count() + 1
}

fn grouped(table: &csv::Table<'_>, by: Option<&str>) -> Result<Vec<Message>, PayloadError> {
    type Rows<'a> = Vec<(usize, &'a csv::Row<'a>)>;
    let mut groups: Vec<(Option<&Value>, Rows<'_>)> = Vec::new();
    for row in (1..).zip(&table.rows) {
        let key = match by {
            None => None,
            Some(column) => {
                let key = row.1.fields.get(column);
                Some(key.ok_or_else(|| PayloadError::NoColumn(column.to_owned()))?)
            }
        };
        match groups.iter_mut().find(|(other, _)| key.is_some() && *other == key) {
            Some((_, rows)) => rows.push(row),
            None => groups.push((key, vec![row])),
        }
    }
    let message = |(_, rows): (_, Rows<'_>)| {
        let raw: String =
            std::iter::once(table.header).chain(rows.iter().map(|(_, row)| row.raw)).collect();
        let value = rows.iter().map(|(_, row)| Value::Object(row.fields.clone())).collect();
        Message { raw, value, rows: rows.iter().map(|(number, _)| *number).collect() }
    };
    Ok(groups.into_iter().map(message).collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Format, read};

    #[test]
    fn a_byte_order_mark_before_a_payload_is_passed_over() -> Result<(), super::PayloadError> {
        for (format, payload, value) in [
            (Format::Json, "\u{feff}{\"a\": \"1\"}", json!({"a": "1"})),
            (Format::Csv, "\u{feff}a\n1\n", json!([{"a": "1"}])),
            (Format::Xml, "\u{feff}<a>1</a>", json!({"a": "1"})),
        ] {
            let messages = read(format, None, payload)?;
            assert_eq!(messages.first().map(|message| &message.value), Some(&value), "{format:?}");
        }
        Ok(())
    }
}
