//! Members that JSON:API 1.1 has pass (7.1 "Top Level", 7.2.2.2 "Relationships", 7.3 "Resource
//! Identifier Objects"); others are named with their place.

use serde_json::json;

use super::*;
use crate::http::error::Source;

fn places(problems: Problems) -> Vec<String> {
    let found = problems.check().err().map(|error| error.problems).unwrap_or_default();
    found
        .into_iter()
        .map(|problem| {
            assert_eq!(problem.code, Code::UnknownAttribute);
            match problem.source {
                Some(Source::Pointer(at)) => at,
                _ => String::new(),
            }
        })
        .collect()
}

fn of_top(given: &Value) -> Vec<String> {
    let mut problems = Problems::default();
    check_top(given.as_object().unwrap_or(&Map::new()), &mut problems);
    places(problems)
}

fn of_relationship(given: &Value) -> Vec<String> {
    let mut problems = Problems::default();
    check_relationship(given, "/r", &mut problems);
    places(problems)
}

#[test]
fn members_of_json_api_pass() {
    let top = json!({"data": 1, "meta": {}, "jsonapi": {}, "links": {}, "@note": 1});
    assert!(of_top(&top).is_empty());
    for given in [
        json!({"data": null, "links": {}, "meta": {"a": 1}, "@note": 1}),
        json!({"data": {"type": "markets", "id": "1", "meta": {}, "@note": 1}}),
        json!({"data": [{"type": "tags", "id": "1"}, {"type": "tags", "id": "2", "meta": {}}]}),
        json!({"data": []}),
        json!(null),
    ] {
        assert!(of_relationship(&given).is_empty(), "{given}");
    }
}

#[test]
fn others_are_refused_where_they_stand() {
    let top = json!({"data": 1, "attributes": {}, "included": [], "o/dd": 1});
    assert_eq!(of_top(&top), ["/attributes", "/included", "/o~1dd"]);
    for (given, places) in [
        (json!({"data": null, "id": "1"}), vec!["/r/id"]),
        (
            json!({"data": {"type": "markets", "id": "1", "attributes": {}}}),
            vec!["/r/data/attributes"],
        ),
        (json!({"data": {"type": "nothing", "id": "1", "name": "x"}}), vec!["/r/data/name"]),
        (
            json!({"data": [{"type": "tags", "id": "1", "colour": 1}, {"x": 1}], "y": 1}),
            vec!["/r/y", "/r/data/0/colour", "/r/data/1/x"],
        ),
    ] {
        assert_eq!(of_relationship(&given), places, "{given}");
    }
}

#[test]
fn a_whole_resource_passes_as_its_identifier() {
    let market = json!({"type": "markets", "id": "1", "name": "Europe", "created_at": null});
    assert!(of_relationship(&json!({"data": market})).is_empty());
}
