//! XML as JSON, by a convention that mappings can rely on:
//!
//! - the document is an object with the root element under its name;
//! - an element without attributes and elements within is its text, trimmed;
//! - any other is an object: attributes under `@name`, elements under their names, and its text, where
//!   it has some, under `#text`;
//! - elements of one name within one element are a list, in their order; one alone is itself (`many`
//!   makes a list of either);
//! - names are kept as they stand, with their prefixes; comments and processing instructions are
//!   passed over.
//!
//! Only UTF-8, no document type, and no entities but the five of XML itself and those of characters:
//! nothing in a document makes it larger than it is.

use quick_xml::{
    Reader, XmlVersion,
    events::{BytesStart, Event},
};
use serde_json::{Map, Value, map::Entry};

/// Deepest nesting of elements.
const MAX_DEPTH: usize = 50;
/// Most elements and attributes.
const MAX_NODES: usize = 20_000;
/// Most attributes of one element: each is compared with all before it, as no two may have one name.
const MAX_ATTRIBUTES: usize = 500;

/// An element that is being read.
struct Element {
    name: String,
    members: Map<String, Value>,
    text: String,
}

/// The value of a document.
///
/// # Errors
/// What is wrong with it, and where.
pub(crate) fn read(text: &str) -> Result<Value, String> {
    let mut reader = Reader::from_str(text);
    reader.config_mut().check_end_names = true;
    let (mut open, mut nodes) = (Vec::<Element>::new(), 0_usize);
    let mut root = None;
    loop {
        let place = reader.buffer_position();
        let event = reader.read_event().map_err(|error| format!("byte {place}: {error}"))?;
        let refuse = |what: &str| Err(format!("byte {place}: {what}"));
        match event {
            Event::Start(_) if open.len() >= MAX_DEPTH => {
                return refuse(&format!("elements nest more than {MAX_DEPTH} deep"));
            }
            Event::Start(_) | Event::Empty(_) if open.is_empty() && root.is_some() => {
                return refuse("there is a second root element");
            }
            Event::Start(start) => open.push(begun(&start, &mut nodes)?),
            Event::Empty(start) => {
                let element = begun(&start, &mut nodes)?;
                close(&mut open, element, &mut root);
            }
            Event::End(_) => {
                let Some(element) = open.pop() else { return refuse("an element ends too often") };
                close(&mut open, element, &mut root);
            }
            Event::Text(part) => match open.last_mut() {
                Some(element) => element.text.push_str(&part.xml10_content()),
                None if part.trim().is_empty() => {}
                None => return refuse("there is text outside the root element"),
            },
            Event::CData(part) => {
                let Some(element) = open.last_mut() else {
                    return refuse("there is text outside the root element");
                };
                element.text.push_str(&part.xml10_content());
            }
            Event::GeneralRef(reference) => {
                let name: &str = &reference;
                let read = reference.resolve_char_ref().map_err(|error| error.to_string())?;
                let read = read
                    .map(String::from)
                    .or_else(|| quick_xml::escape::resolve_xml_entity(name).map(str::to_owned));
                match (read, open.last_mut()) {
                    (Some(read), Some(element)) => element.text.push_str(&read),
                    _ => return refuse(&format!("the entity {name:?} is not known")),
                }
            }
            Event::Decl(declaration) => {
                if let Some(Ok(encoding)) = declaration.encoding()
                    && !encoding.eq_ignore_ascii_case("utf-8")
                {
                    return refuse("only UTF-8 is read");
                }
            }
            Event::DocType(_) => return refuse("document types are not read"),
            Event::PI(_) | Event::Comment(_) => {}
            Event::Eof => break,
        }
        if nodes > MAX_NODES {
            return Err(format!("it has more than {MAX_NODES} elements and attributes"));
        }
    }
    match (root, open.last()) {
        (_, Some(element)) => Err(format!("the element {:?} does not end", element.name)),
        (Some(root), None) => Ok(Value::Object(root)),
        (None, None) => Err("there is no element".to_owned()),
    }
}

fn begun(start: &BytesStart<'_>, nodes: &mut usize) -> Result<Element, String> {
    *nodes += 1;
    let mut members = Map::new();
    for (count, attribute) in start.attributes().enumerate() {
        if count >= MAX_ATTRIBUTES {
            return Err(format!("an element has more than {MAX_ATTRIBUTES} attributes"));
        }
        *nodes += 1;
        let attribute = attribute.map_err(|error| error.to_string())?;
        let value = attribute
            .normalized_value(XmlVersion::Explicit1_0)
            .map_err(|error| error.to_string())?;
        members.insert(format!("@{}", attribute.key.as_ref()), value.into());
    }
    let name = start.name().as_ref().to_owned();
    Ok(Element { name, members, text: String::new() })
}

/// Puts an element that has ended where it belongs.
fn close(open: &mut [Element], element: Element, root: &mut Option<Map<String, Value>>) {
    let Element { name, mut members, text } = element;
    let text = text.trim();
    let value = if members.is_empty() {
        Value::from(text)
    } else {
        if !text.is_empty() {
            members.insert("#text".to_owned(), text.into());
        }
        Value::Object(members)
    };
    let Some(parent) = open.last_mut() else {
        *root = Some(Map::from_iter([(name, value)]));
        return;
    };
    match parent.members.entry(name) {
        Entry::Vacant(entry) => {
            entry.insert(value);
        }
        Entry::Occupied(mut entry) => match entry.get_mut() {
            Value::Array(items) => items.push(value),
            one => *one = Value::Array(vec![one.take(), value]),
        },
    }
}

#[cfg(test)]
#[path = "xml_tests.rs"]
mod tests;
