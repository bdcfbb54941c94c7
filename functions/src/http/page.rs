//! Pages of results: filling them, and the links between them.

use std::collections::BTreeMap;

use perennial_store::Cursor;
use serde_json::{Map, Value, json};

use super::{
    event::Request,
    object::{Frame, Object},
    query::{BOUND, Query, pairs},
};

/// One page of a list.
#[derive(Debug, Default)]
pub(crate) struct Page {
    pub(crate) objects: Vec<Object>,
    /// Where the next page begins; `None` on the last.
    pub(crate) next: Option<Cursor>,
    /// How many there are on all pages; `None` where they were not counted.
    pub(crate) records: Option<usize>,
}

/// What a link's query says of the page.
enum To<'a> {
    First,
    Number(usize),
    After(&'a Cursor),
}

/// The links and meta data of a page.
pub(crate) fn frame(request: &Request, query: &Query, page: &Page) -> Frame {
    let (path, text) = (&request.path, &request.query);
    let itself = request.link();
    let size = usize::from(query.size);
    let pages = page.records.map(|records| records.div_ceil(size));
    let number = query.number.map(usize::from);
    let to = |to| Some(link(path, text, query, &to));
    let mut links = BTreeMap::from([("self", Some(itself))]);
    match number {
        Some(number) => {
            let last = pages.map(|pages| pages.max(1));
            let reached = (number + 1) * size <= usize::from(BOUND);
            let next = match &page.next {
                Some(_) if last.is_some() || reached => to(To::Number(number + 1)),
                Some(cursor) => to(To::After(cursor)),
                None => None,
            };
            let before = last.map_or(number - 1, |last| last.min(number - 1));
            links.insert("first", to(To::Number(1)));
            links.insert("prev", if before == 0 { None } else { to(To::Number(before)) });
            links.insert("next", next);
            links.insert("last", last.and_then(|last| to(To::Number(last))));
        }
        None => {
            links.insert("first", to(To::First));
            links.insert("next", page.next.as_ref().and_then(|cursor| to(To::After(cursor))));
        }
    }
    let meta = Map::from_iter([
        (
            "page".to_owned(),
            json!({
                "size": query.size,
                "number": query.number,
                "next_cursor": page.next.as_ref().map(Cursor::encode),
                "has_more": page.next.is_some(),
            }),
        ),
        ("record_count".to_owned(), json!(page.records)),
        ("page_count".to_owned(), json!(pages)),
    ]);
    Frame { links, meta }
}

/// The same query for another page.
fn link(path: &str, text: &str, query: &Query, to: &To<'_>) -> String {
    let other = |name: &str| !["page[cursor]", "page[after]", "page[number]"].contains(&name);
    let mut parameters: Vec<String> = pairs(text)
        .into_iter()
        .filter(|(name, _)| other(name))
        .map(|(name, value)| format!("{}={}", encoded(&name), encoded(&value)))
        .collect();
    match to {
        To::First => {}
        To::Number(number) => parameters.push(format!("{}={number}", encoded("page[number]"))),
        To::After(cursor) => {
            parameters.push(format!("{}={}", encoded(query.cursor_parameter), cursor.encode()));
        }
    }
    if parameters.is_empty() {
        return path.to_owned();
    }
    format!("{path}?{}", parameters.join("&"))
}

/// Adds a fact to a page's meta data.
pub(crate) fn with_meta(mut frame: Frame, name: &str, value: impl Into<Value>) -> Frame {
    frame.meta.insert(name.to_owned(), value.into());
    frame
}

/// Percent-encoding for query strings.
fn encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~,".contains(&byte);
    text.bytes().fold(String::with_capacity(text.len()), |mut out, byte| {
        if plain(byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
        out
    })
}
