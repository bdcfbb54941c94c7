//! The page `docs/api.md`, made from the OpenAPI document: what there is, resource by resource.
#![expect(
    clippy::indexing_slicing,
    reason = "reading a JSON value by a name that it doesn't hold gives null, and never panics"
)]

use std::fmt::{self, Write};

use serde_json::Value;

/// How to make the page anew, for whoever finds it stale.
pub const COMMAND: &str = "cargo run -- api-docs > docs/api.md";

const INTRODUCTION: &str = "\
# API

JSON:API 1.1 with the names of the public Commerce Layer API, so that its published client library
drives it ([examples/typescript](../examples/typescript)). This page is made from the OpenAPI document,
which a running stack serves as `/api/openapi.json`; don't edit it:

```console
";

const CONVENTIONS: &str = "\
```

## Conventions

- Requests and answers are `application/vnd.api+json`; anything else is answered 415 or 406.
- Each request carries a JWT as `Authorization: Bearer`; it names the organization, a role
  (`integration`, `sales_channel`, `operator`, `approver`) and perhaps one market. Nobody sees another
  organization, and a token for one market sees what was ordered there.
- Ids are texts that the server gives. Amounts (`_cents`) are whole numbers in minor units of a currency;
  answers tell each in units of the currency too (`_float`), exact to 15 digits. Instants are RFC 3339.
- Names that begin with `_` set something off. They are never answered, and null is refused for them.
- Null for any other attribute gives its value up: it has none any more, or its default where it must
  have one (`place_target_order`, `metadata`). Attributes that must have a value and have no default
  refuse it.
- What a document holds that there isn't is refused, never ignored. Taken without effect are only
  relationships that the client library requires and Perennial has no use for: `merchant` and
  `inventory_model` of a market, `shipping_category` of a sku.
- A list has pages, filters, orders and related resources: [queries](queries.md).
- A write with an `Idempotency-Key` happens once within a day; its repeat is answered by what was
  answered then, with `Idempotent-Replayed: true`: without secrets, and of an answer of more than 380,000
  bytes with the types and ids of its resources alone. Requests about many at once do not go by the key
  (`order_overturns`, `dead_letter_redrives`, `dead_letter_discards`, `channel_replays`,
  `subscription_imports`): one that tells by `check`, `channel_code`, `source` or `error_contains` which it
  means goes on with up to `limit` others when it is sent again. One that names ids or rows may be repeated
  safely: what is done already is not done twice.
- `ETag` is a resource's version; a change with `If-Match` is refused with 412 if there is a newer one.
- Errors tell everything that is wrong at once, each with a `code` ([below](#errors)) that programs may
  build on, a `detail` for people, and the `source`: a pointer into the body, a query parameter or a
  header. A value that is missing is pointed to where it should stand. Errors of different status are
  answered 400.
- API Gateway refuses by itself, as `application/json` with a `message`: tokens that are not valid
  (401), paths that lead nowhere (404), and bodies over its limit (413).
";

/// The page.
#[must_use]
pub fn page(openapi: &Value) -> String {
    let mut page = String::new();
    // Writing to a string can't fail.
    let _ = write_page(&mut page, openapi);
    page
}

fn write_page(out: &mut String, openapi: &Value) -> fmt::Result {
    writeln!(out, "{INTRODUCTION}{COMMAND}\n{CONVENTIONS}")?;
    let tags = openapi["tags"].as_array().map(Vec::as_slice).unwrap_or_default();
    let names: Vec<String> = tags
        .iter()
        .map(|tag| text(&tag["name"]))
        .map(|name| format!("[{name}](#{name})"))
        .collect();
    writeln!(out, "## Resources\n\n{}", names.join(" · "))?;
    for tag in tags {
        write_resource(out, openapi, text(&tag["name"]), text(&tag["description"]))?;
    }
    write_errors(out, openapi)
}

fn write_resource(out: &mut String, openapi: &Value, kind: &str, about: &str) -> fmt::Result {
    writeln!(out, "\n### {kind}\n\n{about}\n\n| operation | |\n|---|---|")?;
    for (path, methods) in members(&openapi["paths"]) {
        if is_of_relationship(openapi, path) {
            continue;
        }
        for method in ["get", "post", "patch", "delete"] {
            let operation = &methods[method];
            if operation["tags"][0] == kind {
                let summary = cell(text(&operation["summary"]));
                writeln!(out, "| `{} {path}` | {summary} |", method.to_uppercase())?;
            }
        }
    }
    let schema = |name: String| &openapi["components"]["schemas"][name];
    let read = &schema(kind.to_owned())["properties"];
    let given = |mode: &str| &schema(format!("{kind}_{mode}"))["properties"]["data"]["properties"];
    let (create, update) = (given("create"), given("update"));
    write_fields(out, openapi, ["attribute", "attributes"], [read, create, update], attribute)?;
    write_fields(out, openapi, ["relationship", "relationships"], [read, create, update], related)
}

/// Whether a path leads along a relationship of a resource, as `/api/orders/{id}/market` does: that
/// stands with the relationships.
fn is_of_relationship(openapi: &Value, path: &str) -> bool {
    let names: Vec<&str> = path.split('/').skip(2).collect();
    let [kind, _, .., name] = names.as_slice() else { return false };
    let schema = &openapi["components"]["schemas"][*kind]["properties"];
    schema["relationships"]["properties"].get(name).is_some()
}

/// A table of all attributes or relationships: those that answers hold, and those that only requests
/// hold.
fn write_fields(
    out: &mut String,
    openapi: &Value,
    [title, member]: [&str; 2],
    [read, create, update]: [&Value; 3],
    row: fn(&Value, &Value) -> [String; 2],
) -> fmt::Result {
    let needed = create[member]["required"].as_array();
    let [read, create, update] = [read, create, update].map(|of| &of[member]["properties"]);
    let mut names: Vec<&String> =
        [read, create, update].iter().flat_map(|of| members(of)).map(|(name, _)| name).collect();
    names.sort_by_key(|name| (name.starts_with('_'), *name));
    names.dedup();
    if names.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n| {title} | values | given on | |\n|---|---|---|---|")?;
    for name in names {
        let schema = [read, create, update].into_iter().find_map(|of| of.get(name.as_str()));
        let [values, about] = schema.map(|schema| row(schema, openapi)).unwrap_or_default();
        let must = needed.is_some_and(|needed| needed.iter().any(|needed| needed == name));
        let creating = if must { "create (required)" } else { "create" };
        let given: Vec<&str> = [(create, creating), (update, "update")]
            .into_iter()
            .filter_map(|(of, mode)| of.get(name.as_str()).map(|_| mode))
            .collect();
        let unread = if read.get(name.as_str()).is_none() { "; never answered" } else { "" };
        writeln!(out, "| `{name}` | {values} | {}{unread} | {} |", given.join(", "), cell(&about))?;
    }
    Ok(())
}

/// What values an attribute takes, and what it is about.
fn attribute(schema: &Value, _: &Value) -> [String; 2] {
    let schema = schema.pointer("/anyOf/0").unwrap_or(schema);
    [values(schema), text(&schema["description"]).to_owned()]
}

/// What type of resource a relationship leads to, and whether it leads to several.
fn related(schema: &Value, openapi: &Value) -> [String; 2] {
    let data = &schema["properties"]["data"];
    let (many, one) = match data.get("items") {
        Some(items) => ("several ", items),
        None => ("", data.pointer("/oneOf/0").unwrap_or(data)),
    };
    let kind = &one["properties"]["type"];
    let kinds: Vec<&str> = match kind["enum"].as_array() {
        Some(kinds) => kinds.iter().map(text).collect(),
        None => vec![text(&kind["const"])],
    };
    let served = |kind: &&&str| openapi["components"]["schemas"].get(**kind).is_some();
    let kinds: Vec<String> =
        kinds.iter().filter(served).map(|kind| format!("[{kind}](#{kind})")).collect();
    [format!("{many}{}", kinds.join(", ")), text(&schema["description"]).to_owned()]
}

/// What values a schema allows, in a few words.
fn values(schema: &Value) -> String {
    let number = |name: &str| schema[name].as_i64();
    if let Some(reference) = schema["$ref"].as_str() {
        return reference.rsplit('/').next().unwrap_or_default().replace('_', " ");
    }
    if let Some(words) = schema["enum"].as_array() {
        let words: Vec<String> = words.iter().map(|word| format!("`{}`", text(word))).collect();
        return words.join(", ");
    }
    if let Some(options) = schema["anyOf"].as_array() {
        let options: Vec<String> = options.iter().map(values).collect();
        return options.join(" or ");
    }
    match (text(&schema["type"]), schema["format"].as_str()) {
        ("string", Some("date-time")) => "instant".to_owned(),
        ("string", Some(format)) => format.to_owned(),
        ("string", None) => match (number("maxLength"), schema["examples"][0].as_str()) {
            (Some(longest), _) => format!("text, up to {longest}"),
            (None, Some(example)) => format!("text such as `{example}`"),
            (None, None) => "text".to_owned(),
        },
        ("integer", _) => match (number("minimum"), number("maximum")) {
            (Some(least), Some(most)) if most < i64::from(u32::MAX) => {
                format!("whole number, {least} to {most}")
            }
            // Below that it is only what a number can hold.
            (Some(least), _) if least > i64::from(i32::MIN) => {
                format!("whole number from {least}")
            }
            _ => "whole number".to_owned(),
        },
        ("number", _) => match (number("minimum"), number("maximum")) {
            (Some(least), Some(most)) => format!("number, {least} to {most}"),
            _ => "number".to_owned(),
        },
        ("boolean", _) => "true or false".to_owned(),
        ("array", _) => format!("list of {}", values(&schema["items"])),
        ("object", _) => {
            let names: Vec<String> =
                members(&schema["properties"]).map(|(name, _)| format!("`{name}`")).collect();
            if names.is_empty() {
                "object".to_owned()
            } else {
                format!("object of {}", names.join(", "))
            }
        }
        _ => "anything".to_owned(),
    }
}

fn write_errors(out: &mut String, openapi: &Value) -> fmt::Result {
    writeln!(out, "\n## Errors\n\n| code | status | |\n|---|---|---|")?;
    let codes = openapi.pointer(
        "/components/schemas/error_document/properties/errors/items/properties/code/oneOf",
    );
    for code in codes.and_then(Value::as_array).into_iter().flatten() {
        let (name, title) = (text(&code["const"]), cell(text(&code["title"])));
        writeln!(out, "| `{name}` | {} | {title} |", text(&code["description"]))?;
    }
    Ok(())
}

/// Text that stands in a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn members(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}
