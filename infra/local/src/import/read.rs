//! Reading a file row by row, and handing batches on.

use std::{
    collections::VecDeque,
    fs::File,
    io::{BufRead, BufReader, Read},
    path::Path,
};

use perennial_mapping::Quotes;
use serde_json::Value;
use tokio::sync::mpsc::Sender;

use super::{Failure, columns::Columns};

/// Longest line of a JSONL file, in bytes: a row with all its items and metadata.
const MAX_LINE: usize = 256 * 1024;

/// What is wrong with a row in which a quote opens a field and none closes it.
const QUOTE_NOT_CLOSED: &str =
    "a quote is never closed: all rows that follow in the file were read as part of this one";
/// And of one in which a quote closes a field in its midst.
const QUOTE_ASTRAY: &str = "the row goes on after the quotes of a field: a quote before is not closed, or one within quotes \
     is not doubled; rows that follow may have been read as part of this one";

/// A row as it stands in the file.
#[derive(Debug)]
pub(super) struct Line {
    /// The number of its line, from 1.
    pub(super) number: u64,
    /// What it says, or why it can't be read.
    pub(super) row: Result<Value, String>,
}

/// Rows that are sent together.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) lines: Vec<Line>,
    /// How far the file is read, in bytes.
    pub(super) position: u64,
}

/// Reads a file to its end, or until nobody listens any more.
pub(super) fn read_batches(
    file: &Path,
    columns: &Columns,
    size: usize,
    sender: &Sender<Result<Batch, Failure>>,
) -> Result<(), Failure> {
    let open = || -> Result<BufReader<File>, Failure> {
        let opened = File::open(file).map_err(|error| format!("{}: {error}", file.display()))?;
        Ok(BufReader::with_capacity(1 << 16, opened))
    };
    let mut batches = Batches { size, lines: Vec::with_capacity(size), sender };
    let read = match file.extension().and_then(|extension| extension.to_str()) {
        Some("csv") => open().and_then(|input| read_csv(input, columns, &mut batches)),
        Some("jsonl" | "ndjson") => open().and_then(|input| read_json_lines(input, &mut batches)),
        _ => Err(format!("{} is neither .csv nor .jsonl", file.display()).into()),
    };
    match read {
        Ok(Heard::All | Heard::NoMore) => {}
        Err(error) => drop(sender.blocking_send(Err(error))),
    }
    Ok(())
}

/// Whether anybody still listens.
enum Heard {
    All,
    NoMore,
}

struct Batches<'a> {
    size: usize,
    lines: Vec<Line>,
    sender: &'a Sender<Result<Batch, Failure>>,
}

impl Batches<'_> {
    /// Adds a row; false when nobody listens any more.
    fn add(&mut self, line: Line, position: u64) -> bool {
        self.lines.push(line);
        self.lines.len() < self.size || self.flush(position)
    }

    fn flush(&mut self, position: u64) -> bool {
        if self.lines.is_empty() {
            return true;
        }
        let lines = std::mem::replace(&mut self.lines, Vec::with_capacity(self.size));
        self.sender.blocking_send(Ok(Batch { lines, position })).is_ok()
    }
}

/// A file that is read by somebody else: where its rows begin, and what is wrong with its quotes. A
/// reader of CSV counts a row from the end of the one before, which blank lines may follow, or half of a
/// line end.
struct Watched<R> {
    input: R,
    stands: Quotes,
    /// The byte before; a line end before the first one.
    last: u8,
    /// The number of the line that is read, from 1.
    line: u64,
    /// The lines on which rows begin that nobody has asked for yet.
    begins: VecDeque<u64>,
    /// How many bytes were read.
    taken: u64,
    /// After how many bytes quotes have gone astray.
    astray: VecDeque<u64>,
    ended: bool,
}

impl<R> Watched<R> {
    const fn new(input: R) -> Self {
        Self {
            input,
            stands: Quotes::Before,
            last: b'\n',
            line: 1,
            begins: VecDeque::new(),
            taken: 0,
            astray: VecDeque::new(),
            ended: false,
        }
    }

    fn pass(&mut self, byte: u8) {
        let ends_line = |byte| matches!(byte, b'\n' | b'\r');
        if ends_line(self.last) && !ends_line(byte) && !self.stands.is_open() {
            self.begins.push_back(self.line);
        }
        if ends_line(byte) && (self.last, byte) != (b'\r', b'\n') {
            self.line += 1;
        }
        let before = self.stands;
        self.stands = before.after(byte);
        self.last = byte;
        self.taken += 1;
        if self.stands.is_astray() && !before.is_astray() {
            self.astray.push_back(self.taken);
        }
    }

    /// The line on which the next row begins.
    fn next_begin(&mut self) -> u64 {
        self.begins.pop_front().unwrap_or(self.line)
    }

    /// What is wrong with the quotes of the row that ends at this byte.
    fn wrong_up_to(&mut self, end: u64) -> Option<&'static str> {
        let mut wrong = None;
        while self.astray.pop_front_if(|at| *at <= end).is_some() {
            wrong = Some(QUOTE_ASTRAY);
        }
        // Only the last row can be the one that holds the rest of the file.
        wrong.or_else(|| (self.ended && self.stands.is_open()).then_some(QUOTE_NOT_CLOSED))
    }
}

impl<R: Read> Read for Watched<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.input.read(buffer)?;
        buffer.iter().take(read).for_each(|byte| self.pass(*byte));
        self.ended |= read == 0;
        Ok(read)
    }
}

/// Passes over a byte order mark, with which spreadsheets and editors begin files.
fn skip_mark(input: &mut BufReader<File>) -> std::io::Result<()> {
    let mark = "\u{feff}".as_bytes();
    if input.fill_buf()?.starts_with(mark) {
        input.consume(mark.len());
    }
    Ok(())
}

fn read_csv(
    mut input: BufReader<File>,
    columns: &Columns,
    batches: &mut Batches<'_>,
) -> Result<Heard, Failure> {
    skip_mark(&mut input)?;
    let mut reader =
        csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(Watched::new(input));
    let names: Vec<String> = reader.headers()?.iter().map(str::to_owned).collect();
    columns.check(names.iter().map(String::as_str))?;
    reader.get_mut().next_begin();
    let mut record = csv::StringRecord::new();
    loop {
        let read = reader.read_record(&mut record);
        let end = reader.position().byte();
        let wrong = reader.get_mut().wrong_up_to(end);
        let row = match (read, wrong) {
            (Ok(false), _) => break,
            (Err(error), _) if error.is_io_error() => return Err(error.into()),
            (_, Some(wrong)) => Err(wrong.to_owned()),
            (Ok(true), None) => {
                Ok(columns.row(names.iter().map(String::as_str).zip(record.iter())))
            }
            // A line of another length is that line's problem.
            (Err(error), None) => Err(told(&error)),
        };
        let number = reader.get_mut().next_begin();
        if !batches.add(Line { number, row }, reader.position().byte()) {
            return Ok(Heard::NoMore);
        }
    }
    let heard = batches.flush(reader.position().byte());
    Ok(if heard { Heard::All } else { Heard::NoMore })
}

/// What is wrong with a row, without the place that its reader counts.
fn told(error: &csv::Error) -> String {
    match error.kind() {
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            format!("the row has {len} fields, the header {expected_len}")
        }
        csv::ErrorKind::Utf8 { err, .. } => format!("the row is not UTF-8: {err}"),
        _ => error.to_string(),
    }
}

fn read_json_lines(
    mut input: BufReader<File>,
    batches: &mut Batches<'_>,
) -> Result<Heard, Failure> {
    skip_mark(&mut input)?;
    let (mut number, mut position) = (0, 0);
    let mut text = Vec::new();
    loop {
        text.clear();
        let read = read_line(&mut input, &mut text)?;
        if read == 0 {
            break;
        }
        number += 1;
        position += read as u64;
        if text.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        let row = if read > MAX_LINE {
            Err(format!("the line has {read} bytes, at most {MAX_LINE} are read"))
        } else {
            serde_json::from_slice(&text).map_err(|error| format!("the line is not JSON: {error}"))
        };
        if !batches.add(Line { number, row }, position) {
            return Ok(Heard::NoMore);
        }
    }
    Ok(if batches.flush(position) { Heard::All } else { Heard::NoMore })
}

/// Reads a line, and keeps no more of it than is read at all; answers its length.
fn read_line(input: &mut impl BufRead, text: &mut Vec<u8>) -> std::io::Result<usize> {
    let mut length = 0;
    loop {
        let available = input.fill_buf()?;
        if available.is_empty() {
            return Ok(length);
        }
        let end = available.iter().position(|byte| *byte == b'\n');
        let taken = end.map_or(available.len(), |end| end + 1);
        if text.len() <= MAX_LINE {
            text.extend_from_slice(available.get(..taken).unwrap_or_default());
        }
        input.consume(taken);
        length += taken;
        if end.is_some() {
            return Ok(length);
        }
    }
}
