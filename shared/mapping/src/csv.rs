//! CSV as JSON: a row is an object with the texts of its fields under the names in the header. As in
//! RFC 4180, fields may stand in quotes, and hold commas and line ends then.

use csv_core::{ReadRecordResult, Reader};
use serde_json::{Map, Value};

use crate::quotes::Quotes;

/// Most rows of a file.
pub(crate) const MAX_ROWS: usize = 1_000;
/// Most fields of a row.
const MAX_FIELDS: usize = 200;

/// A row as it stands in the file and as it is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row<'a> {
    /// With its line end.
    pub(crate) raw: &'a str,
    pub(crate) fields: Map<String, Value>,
}

/// A file: the header as it stands, and its rows.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Table<'a> {
    pub(crate) header: &'a str,
    pub(crate) rows: Vec<Row<'a>>,
}

/// The rows of a file.
///
/// # Errors
/// What is wrong with it, and in which row.
pub(crate) fn read(text: &str) -> Result<Table<'_>, String> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    // No record has more bytes without its quotes than the whole file.
    let output = vec![0; text.len().max(1)];
    let ends = vec![0; MAX_FIELDS];
    let mut records = Records { reader: Reader::new(), text, place: 0, output, ends };
    let Some((header, names)) = records.next_record()? else {
        return Err("there is no header".to_owned());
    };
    check_quotes(header).map_err(|wrong| format!("the header {wrong}"))?;
    for (place, name) in names.iter().enumerate() {
        if name.is_empty() {
            return Err(format!("column {} has no name in the header", place + 1));
        }
        if names.iter().take(place).any(|other| other == name) {
            return Err(format!("the header has the column {name:?} twice"));
        }
    }
    let mut rows = Vec::new();
    while let Some((raw, fields)) = records.next_record()? {
        if rows.len() >= MAX_ROWS {
            return Err(format!("there are more than {MAX_ROWS} rows"));
        }
        check_quotes(raw).map_err(|wrong| format!("row {} {wrong}", rows.len() + 1))?;
        if fields.len() != names.len() {
            return Err(format!(
                "row {} has {} fields, the header {}",
                rows.len() + 1,
                fields.len(),
                names.len()
            ));
        }
        let fields = names.iter().cloned().zip(fields.into_iter().map(Value::from)).collect();
        rows.push(Row { raw, fields });
    }
    Ok(Table { header, rows })
}

/// Refuses a row that other rows may be lost in.
fn check_quotes(raw: &str) -> Result<(), &'static str> {
    let mut stands = Quotes::default();
    for byte in raw.bytes() {
        stands = stands.after(byte);
        if stands.is_astray() {
            return Err(
                "goes on after the quotes of a field: a quote before is not closed, or one \
                        within quotes is not doubled",
            );
        }
    }
    if stands.is_open() {
        return Err("has a quote that is never closed: all that follows is in it");
    }
    Ok(())
}

struct Records<'a> {
    reader: Reader,
    text: &'a str,
    place: usize,
    /// Where the fields of a record are put, one after the other: made once for all records.
    output: Vec<u8>,
    /// Where each of them ends.
    ends: Vec<usize>,
}

impl<'a> Records<'a> {
    /// The next record, as it stands and as its fields.
    fn next_record(&mut self) -> Result<Option<(&'a str, Vec<String>)>, String> {
        let start = self.place;
        let (mut written, mut fields) = (0, 0);
        loop {
            let input = self.text.as_bytes().get(self.place..).unwrap_or_default();
            let free = self.output.get_mut(written..).unwrap_or_default();
            let slots = self.ends.get_mut(fields..).unwrap_or_default();
            let (result, taken, made, ended) = self.reader.read_record(input, free, slots);
            self.place += taken;
            written += made;
            fields += ended;
            match result {
                // An empty input says that there is no more.
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::Record => break,
                ReadRecordResult::End => return Ok(None),
                ReadRecordResult::OutputFull => return Err("a row is too large".to_owned()),
                ReadRecordResult::OutputEndsFull => {
                    return Err(format!("a row has more than {MAX_FIELDS} fields"));
                }
            }
        }
        let mut from = 0;
        let read = self.ends.iter().take(fields).map(|end| {
            let field = self.output.get(from..*end).unwrap_or_default();
            from = *end;
            String::from_utf8_lossy(field).into_owned()
        });
        let read: Vec<String> = read.collect();
        Ok(Some((self.text.get(start..self.place).unwrap_or_default(), read)))
    }
}

#[cfg(test)]
#[path = "csv_tests.rs"]
mod tests;
