//! What is wrong with a document, as far as its structure tells: chapter 7, "Document Structure".

use std::collections::{BTreeSet, VecDeque};

use serde_json::{Map, Value, json};

/// Everything that is wrong with a document that a server answers.
pub(super) fn faults(document: &Value) -> Vec<String> {
    let mut found = Faults::default();
    found.document(document);
    found.0
}

#[derive(Default)]
struct Faults(Vec<String>);

impl Faults {
    fn note(&mut self, holds: bool, at: &str, rule: &str) {
        if !holds {
            self.0.push(format!("{at}: {rule}"));
        }
    }

    fn object<'a>(&mut self, value: &'a Value, at: &str) -> Option<&'a Map<String, Value>> {
        self.note(value.is_object(), at, "must be an object");
        value.as_object()
    }

    fn only(&mut self, members: &Map<String, Value>, known: &[&str], at: &str) {
        for name in members.keys() {
            self.note(known.contains(&name.as_str()), at, &format!("may not contain {name}"));
        }
    }

    /// 7.1 Top Level.
    fn document(&mut self, document: &Value) {
        let Some(top) = self.object(document, "") else { return };
        self.only(top, &["jsonapi", "data", "errors", "meta", "links", "included"], "");
        let has = |name: &str| top.contains_key(name);
        self.note(
            has("data") || has("errors") || has("meta"),
            "",
            "must have data, errors or meta",
        );
        self.note(!(has("data") && has("errors")), "", "must not have both data and errors");
        self.note(has("data") || !has("included"), "", "must not have included without data");
        self.note(document["jsonapi"]["version"] == "1.1", "/jsonapi", "tells the version");
        if let Some(links) = top.get("links") {
            self.links(links, "/links");
        }
        if let Some(meta) = top.get("meta") {
            self.object(meta, "/meta");
        }
        if let Some(errors) = top.get("errors") {
            self.errors(errors);
        }
        let primary = match top.get("data") {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::Array(resources)) => resources.iter().collect(),
            Some(resource) => vec![resource],
        };
        let included: Vec<&Value> =
            top.get("included").and_then(Value::as_array).into_iter().flatten().collect();
        for (index, resource) in primary.iter().chain(&included).enumerate() {
            self.resource(resource, &format!("/resource {index}"));
        }
        self.compound(&primary, &included);
    }

    /// 7.2 Resource Objects.
    fn resource(&mut self, resource: &Value, at: &str) {
        let Some(members) = self.object(resource, at) else { return };
        self.only(members, &["type", "id", "attributes", "relationships", "links", "meta"], at);
        self.identity(resource, at);
        let mut fields = BTreeSet::new();
        for kind in ["attributes", "relationships"] {
            let Some(given) = members.get(kind) else { continue };
            for name in self.object(given, at).into_iter().flat_map(Map::keys) {
                self.member_name(name, at);
                self.note(name != "type" && name != "id", at, "type and id are no fields");
                self.note(fields.insert(name.clone()), at, &format!("{name} is there twice"));
            }
        }
        for (name, relationship) in resource["relationships"].as_object().into_iter().flatten() {
            self.relationship(relationship, &format!("{at}/{name}"));
        }
        if let Some(links) = members.get("links") {
            self.links(links, at);
        }
    }

    /// 7.2.4 Relationships and 7.4 Resource Linkage.
    fn relationship(&mut self, relationship: &Value, at: &str) {
        let Some(members) = self.object(relationship, at) else { return };
        self.only(members, &["links", "data", "meta"], at);
        self.note(!members.is_empty(), at, "must have links, data or meta");
        if let Some(links) = members.get("links") {
            self.links(links, at);
            self.note(
                links.get("self").is_some() || links.get("related").is_some(),
                at,
                "must link to itself or to what is related",
            );
        }
        let identifiers = match members.get("data") {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::Array(several)) => several.iter().collect(),
            Some(one) => vec![one],
        };
        for identifier in identifiers {
            let Some(members) = self.object(identifier, at) else { continue };
            self.only(members, &["type", "id", "meta"], at);
            self.identity(identifier, at);
        }
    }

    /// 7.2.1 Identification.
    fn identity(&mut self, resource: &Value, at: &str) {
        for name in ["type", "id"] {
            let given = resource[name].as_str().is_some_and(|text| !text.is_empty());
            self.note(given, at, &format!("{name} must be text"));
        }
    }

    /// 7.8 Member Names.
    fn member_name(&mut self, name: &str, at: &str) {
        let inner = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        let sound = name.chars().all(inner)
            && !name.starts_with(['-', '_'])
            && !name.ends_with(['-', '_'])
            && !name.is_empty();
        self.note(sound, at, &format!("{name:?} is no name of a member"));
    }

    /// 7.6 Links.
    fn links(&mut self, links: &Value, at: &str) {
        for (name, link) in self.object(links, at).into_iter().flatten() {
            let sound = link.is_null()
                || link.as_str().is_some_and(|to| to.starts_with("/api/"))
                || link.get("href").is_some();
            self.note(sound, at, &format!("{name} is no link"));
        }
    }

    /// 10.2 Error Objects.
    fn errors(&mut self, errors: &Value) {
        let list = errors.as_array();
        self.note(list.is_some_and(|list| !list.is_empty()), "/errors", "must be a list");
        for error in list.into_iter().flatten() {
            let at = "/errors";
            let Some(members) = self.object(error, at) else { continue };
            let known = ["id", "links", "status", "code", "title", "detail", "source", "meta"];
            self.only(members, &known, at);
            for name in ["status", "code", "title", "detail"] {
                self.note(error[name].is_string(), at, &format!("{name} must be text"));
            }
            if let Some(source) = members.get("source").and_then(|s| self.object(s, at)) {
                self.only(source, &["pointer", "parameter", "header"], at);
            }
        }
    }

    /// 7.5 Compound Documents: nothing twice, and everything linked from the primary data.
    fn compound(&mut self, primary: &[&Value], included: &[&Value]) {
        let name = |of: &Value| format!("{} {}", of["type"], of["id"]);
        let mut all = BTreeSet::new();
        for resource in primary.iter().chain(included) {
            self.note(all.insert(name(resource)), &name(resource), "is there twice");
        }
        let mut linked = BTreeSet::new();
        let mut open: VecDeque<&Value> = primary.iter().copied().collect();
        while let Some(resource) = open.pop_front() {
            for relationship in resource["relationships"].as_object().into_iter().flatten() {
                let data = &relationship.1["data"];
                let several = data.as_array().map(Vec::as_slice).unwrap_or_default();
                for identifier in several.iter().chain(data.as_object().map(|_| data)) {
                    let to = name(identifier);
                    if linked.insert(to.clone()) {
                        open.extend(included.iter().find(|found| name(found) == to).copied());
                    }
                }
            }
        }
        for resource in included {
            self.note(linked.contains(&name(resource)), &name(resource), "is not linked");
        }
    }
}

/// The check sees what is wrong.
#[test]
fn documents_that_break_a_rule_are_found() {
    let market = json!({"type": "markets", "id": "1"});
    let order = |id: &str, market: &Value| json!({"type": "orders", "id": id, "relationships": {"market": {"data": market}}});
    let version = json!({"version": "1.1"});
    let sound = json!({
        "jsonapi": version, "data": order("1", &market), "included": [market],
        "links": {"self": "/api/orders/1"},
    });
    assert_eq!(faults(&sound), [""; 0]);
    for (pointer, value) in [
        ("/jsonapi", json!({})),
        ("/data", json!([order("1", &market), order("1", &market)])),
        ("/data/id", json!(1)),
        ("/data/relationships/market", json!({})),
        ("/data/relationships/market/data", json!(null)),
        ("/data/relationships/market/data", json!({"type": "markets"})),
        ("/data/relationships", json!({"_market": {"data": market}})),
        ("/included", json!([market, market])),
        ("/included", json!([market, {"type": "skus", "id": "1"}])),
        ("/links/self", json!(1)),
        ("/links", json!([])),
        ("", json!({"jsonapi": version})),
        ("", json!({"jsonapi": version, "data": null, "errors": []})),
        ("", json!({"jsonapi": version, "errors": [{"status": 422}]})),
        ("", json!({"jsonapi": version, "data": null, "colour": "red"})),
    ] {
        let mut document = sound.clone();
        if let Some(place) = document.pointer_mut(pointer) {
            *place = value;
        }
        assert!(!faults(&document).is_empty(), "{document}");
    }
}
