//! What a row can hold, by the API's own description of it: from there a line of CSV becomes the JSON
//! object that the API takes.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::Failure;

/// How the text of a cell is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cell {
    /// As it is.
    Text,
    /// As JSON: numbers, true or false, objects and lists.
    Json,
    /// As JSON where it is an object, and else as it is.
    TextOrObject,
}

/// The columns that a CSV file may have. What is an object in a row has a column for each of its
/// members too, such as `shipping_address.city`.
#[derive(Debug)]
pub(super) struct Columns {
    of_row: BTreeMap<String, Cell>,
    of_item: BTreeMap<String, Cell>,
}

impl Columns {
    /// Those that the API describes.
    pub(super) fn of_api() -> Result<Self, Failure> {
        let document = perennial_functions::openapi();
        let row = document
            .pointer("/components/schemas/subscription_imports_create/properties/data/properties/attributes/properties/rows")
            .and_then(items)
            .ok_or("the API describes no rows of imports")?;
        let of_row = row.get("properties").ok_or("the rows of imports have no fields")?;
        let of_item = of_row.get("items").and_then(items).and_then(|item| item.get("properties"));
        let of_item = of_item.ok_or("the items of rows have no fields")?;
        let mut of_row = cells_of_row(of_row);
        of_row.remove("items");
        Ok(Self { of_row, of_item: cells(of_item) })
    }

    /// Refuses names that are no column's, or come twice.
    pub(super) fn check<'a>(&self, names: impl Iterator<Item = &'a str>) -> Result<(), Failure> {
        let mut seen = BTreeSet::new();
        for name in names {
            if !seen.insert(name) {
                return Err(format!("the column {name:?} stands there twice").into());
            }
            if !self.of_row.contains_key(name) && !self.of_item.contains_key(name) {
                let known: Vec<&str> =
                    self.of_row.keys().chain(self.of_item.keys()).map(String::as_str).collect();
                let known = known.join(", ");
                return Err(format!("there is no column {name:?}; there are: {known}").into());
            }
        }
        Ok(())
    }

    /// The row that cells make, each with its column's name; empty cells say nothing.
    pub(super) fn row<'a>(&self, cells: impl Iterator<Item = (&'a str, &'a str)>) -> Value {
        let (mut row, mut item) = (Map::new(), Map::new());
        for (name, text) in cells.filter(|(_, text)| !text.is_empty()) {
            if let Some(cell) = self.of_row.get(name) {
                put(&mut row, name, cell.value(text));
            } else if let Some(cell) = self.of_item.get(name) {
                item.insert(name.to_owned(), cell.value(text));
            }
        }
        if !item.is_empty() {
            row.insert("items".to_owned(), Value::Array(vec![Value::Object(item)]));
        }
        Value::Object(row)
    }
}

impl Cell {
    /// What does not read as JSON stays text: the API tells what is wrong with it.
    fn value(self, text: &str) -> Value {
        let read = || serde_json::from_str(text).ok();
        let text_itself = || Value::String(text.to_owned());
        match self {
            Self::Text => text_itself(),
            Self::Json => read().unwrap_or_else(text_itself),
            Self::TextOrObject => read().filter(Value::is_object).unwrap_or_else(text_itself),
        }
    }
}

/// The schema of what a list holds, be the list nullable or not.
fn items(list: &Value) -> Option<&Value> {
    list.get("items").or_else(|| list.pointer("/anyOf/0/items"))
}

/// Puts what a cell holds in its place: under its column's name, or within the object that the name
/// begins with.
fn put(row: &mut Map<String, Value>, name: &str, value: Value) {
    let Some((object, member)) = name.split_once('.') else {
        // A whole object comes before its members, or after them and adds to them.
        match (row.get_mut(name), value) {
            (Some(Value::Object(members)), Value::Object(more)) => members.extend(more),
            (_, value) => drop(row.insert(name.to_owned(), value)),
        }
        return;
    };
    let members = row.entry(object).or_insert_with(|| Value::Object(Map::new()));
    if let Value::Object(members) = members {
        members.insert(member.to_owned(), value);
    }
}

/// The columns of what stands in a row itself, those of its objects' members included.
fn cells_of_row(properties: &Value) -> BTreeMap<String, Cell> {
    let mut cells = cells(properties);
    for (name, schema) in properties.as_object().into_iter().flatten() {
        let members = schema.get("properties").or_else(|| schema.pointer("/anyOf/0/properties"));
        let members = members.map(self::cells).unwrap_or_default();
        cells.extend(members.into_iter().map(|(member, cell)| (format!("{name}.{member}"), cell)));
    }
    cells
}

fn cells(properties: &Value) -> BTreeMap<String, Cell> {
    let properties = properties.as_object().into_iter().flatten();
    properties.map(|(name, schema)| (name.clone(), cell(schema))).collect()
}

fn cell(schema: &Value) -> Cell {
    let schema = schema.pointer("/anyOf/0").unwrap_or(schema);
    match schema.get("type").and_then(Value::as_str) {
        Some("string") => Cell::Text,
        Some(_) => Cell::Json,
        // A frequency: a name or an expression, or an interval as an object.
        None => Cell::TextOrObject,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn cells_become_what_the_api_takes_and_empty_ones_nothing() -> Result<(), Failure> {
        let columns = Columns::of_api()?;
        let cells = [
            ("external_id", "17"),
            ("frequency", r#"{"every": 2, "unit": "week"}"#),
            ("current_recurrence", "12"),
            ("errors_count", "many"),
            ("place_target_order", "false"),
            ("metadata", r#"{"tier": "gold"}"#),
            ("resumes_at", ""),
            ("shipping_address.line_1", "Unter den Linden 1"),
            ("shipping_address.zip_code", "10117"),
            ("shipping_address.lat", "52.5"),
            ("shipping_address.line_2", ""),
            ("billing_address.city", ""),
            ("sku_code", "0042"),
            ("quantity", "2"),
        ];
        columns.check(cells.iter().map(|(name, _)| *name))?;
        let expected = json!({
            "external_id": "17",
            "frequency": {"every": 2, "unit": "week"},
            "current_recurrence": 12,
            "errors_count": "many",
            "place_target_order": false,
            "metadata": {"tier": "gold"},
            "shipping_address": {"line_1": "Unter den Linden 1", "zip_code": "10117", "lat": 52.5},
            "items": [{"sku_code": "0042", "quantity": 2}],
        });
        assert_eq!(columns.row(cells.into_iter()), expected);
        let monthly = columns.row([("frequency", "monthly")].into_iter());
        assert_eq!(monthly, json!({"frequency": "monthly"}));
        Ok(())
    }

    #[test]
    fn a_column_that_nobody_knows_is_refused_before_anything_is_sent() -> Result<(), Failure> {
        let columns = Columns::of_api()?;
        let refused = |names: &[&str]| {
            columns.check(names.iter().copied()).err().map(|error| error.to_string())
        };
        assert!(
            refused(&["external_id", "anchor"]).is_some_and(|text| text.contains("\"anchor\""))
        );
        assert!(refused(&["quantity", "quantity"]).is_some_and(|text| text.contains("twice")));
        assert!(refused(&["shipping_address.town"]).is_some_and(|text| text.contains("city")));
        assert_eq!(refused(&["external_id", "sku_code"]), None);
        Ok(())
    }
}
