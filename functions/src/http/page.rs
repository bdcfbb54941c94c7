//! Pages of results: filling them, and the links between them.

use std::collections::BTreeMap;

use perennial_store::{Cursor, CursorError, Page, StoreError};
use serde_json::{Map, Value, json};

use super::{
    error::Outcome,
    object::Frame,
    query::{Query, pairs},
};

/// Most reads for one page whose results are filtered after they are read.
const ROUNDS: usize = 10;

/// Reads until the page is full of results to keep, or nothing is left, or enough was read. A page
/// may be short and still have a next one.
pub(crate) async fn fill<T, F, R>(
    query: &Query,
    keep: impl Fn(&T) -> bool,
    fetch: F,
) -> Outcome<Page<T>>
where
    F: Fn(u16, Option<Cursor>) -> R,
    R: Future<Output = Result<Result<Page<T>, CursorError>, StoreError>>,
{
    let mut items = Vec::new();
    let mut cursor = query.cursor.clone();
    for _ in 0..ROUNDS {
        let missing = usize::from(query.size).saturating_sub(items.len());
        let limit = u16::try_from(missing).unwrap_or(query.size);
        let page =
            fetch(limit, cursor.take()).await?.map_err(|error| query.refuse_cursor(&error))?;
        items.extend(page.items.into_iter().filter(&keep));
        cursor = page.next;
        if cursor.is_none() || items.len() >= usize::from(query.size) {
            break;
        }
    }
    Ok(Page { items, next: cursor })
}

/// The links and meta data of a page.
pub(crate) fn frame(path: &str, query_text: &str, query: &Query, next: Option<&Cursor>) -> Frame {
    let itself =
        if query_text.is_empty() { path.to_owned() } else { format!("{path}?{query_text}") };
    let following = next.map(|cursor| {
        let mut parameters: Vec<String> = pairs(query_text)
            .into_iter()
            .filter(|(name, _)| name != "page[cursor]" && name != "page[after]")
            .map(|(name, value)| format!("{}={}", encoded(&name), encoded(&value)))
            .collect();
        parameters.push(format!("{}={}", encoded(query.cursor_parameter), cursor.encode()));
        format!("{path}?{}", parameters.join("&"))
    });
    let mut meta = Map::new();
    meta.insert(
        "page".to_owned(),
        json!({
            "size": query.size,
            "next_cursor": next.map(Cursor::encode),
            "has_more": next.is_some(),
        }),
    );
    Frame { links: BTreeMap::from([("self", Some(itself)), ("next", following)]), meta }
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
