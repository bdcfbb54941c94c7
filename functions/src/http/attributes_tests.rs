//! Every problem of a document is told at once, and where.

use super::*;

const TABLE: &[Attribute] = &[
    Attribute { name: "name", kind: Kind::Text(5), access: Access::Write, about: "" },
    Attribute { name: "count", kind: Kind::Integer(1, 10), access: Access::Create, about: "" },
    Attribute { name: "own", kind: Kind::Anything(200), access: Access::Write, about: "" },
    Attribute { name: "status", kind: Kind::Text(5), access: Access::Read, about: "" },
];

fn problems_of(given: &Value) -> Vec<(String, String)> {
    let mut problems = Problems::default();
    let given = given.as_object().cloned().unwrap_or_default();
    let mut attributes = Attributes::new(TABLE, Mode::Create, given, "/a", &mut problems);
    let _: Option<String> = attributes.required("name", &mut problems);
    let _: Given<u32> = attributes.optional("count", &mut problems);
    let _: Given<Value> = attributes.optional("own", &mut problems);
    let found = problems.check().err().map(|error| error.problems).unwrap_or_default();
    found
        .into_iter()
        .map(|problem| {
            let at = match problem.source {
                Some(super::super::error::Source::Pointer(at)) => at,
                _ => String::new(),
            };
            (problem.code.facts().1.to_owned(), at)
        })
        .collect()
}

#[test]
fn all_problems_are_told_at_once_and_where() {
    let found = problems_of(&json!({"name": 1, "count": 11, "status": "x", "o/dd": 1}));
    let expected = [
        ("unknown_attribute", "/a/o~1dd"),
        ("read_only_attribute", "/a/status"),
        ("wrong_type", "/a/name"),
        ("out_of_range", "/a/count"),
    ];
    let mut found: Vec<_> = found.iter().map(|(c, p)| (c.as_str(), p.as_str())).collect();
    found.sort_unstable();
    let mut expected = expected.to_vec();
    expected.sort_unstable();
    assert_eq!(found, expected);
}

/// Detail and repeated value of the one problem of a document.
fn told(given: &Value) -> (String, Value) {
    let mut problems = Problems::default();
    let given = given.as_object().cloned().unwrap_or_default();
    let mut attributes = Attributes::new(TABLE, Mode::Create, given, "/a", &mut problems);
    let _: Option<String> = attributes.required("name", &mut problems);
    let found = problems.check().err().map(|error| error.problems).unwrap_or_default();
    let [problem] = &found[..] else { return Default::default() };
    (problem.detail.clone(), problem.meta.get("value").cloned().unwrap_or_default())
}

#[test]
fn what_is_too_long_is_repeated_in_part_and_quoted_once() {
    let (rule, start) = ("name must be text of 1 to 5 characters, not", "a".repeat(200));
    let expected = (format!("{rule} \"{start}...\""), json!(format!("{start}...")));
    assert_eq!(told(&json!({"name": "a".repeat(10_000)})), expected);
    assert_eq!(told(&json!({"name": "a b c "})), (format!("{rule} \"a b c \""), json!("a b c ")));
    // What is no text is repeated as it was written: an opening bracket and 199 characters.
    let (detail, value) = told(&json!({"name": vec!["x"; 100]}));
    let start = format!("[{}\"x\"...", "\"x\",".repeat(49));
    assert_eq!(detail, format!("name must be text, not {start}"));
    assert_eq!(value, json!(start));
}

#[test]
fn numbers_are_whole_and_within_their_range() {
    for bad in [json!(0), json!(-1), json!(1_000_000_000_000_i64), json!(u64::MAX)] {
        assert_eq!(
            problems_of(&json!({"name": "a", "count": bad})),
            [("out_of_range".to_owned(), "/a/count".to_owned())],
            "{bad}"
        );
    }
    for bad in [json!("1"), json!(1.5), json!(1e30), json!([1]), json!(true)] {
        assert_eq!(
            problems_of(&json!({"name": "a", "count": bad})),
            [("wrong_type".to_owned(), "/a/count".to_owned())],
            "{bad}"
        );
    }
}

#[test]
fn null_is_no_value_of_what_is_required() {
    assert_eq!(
        problems_of(&json!({"name": null})),
        [("required".to_owned(), "/a/name".to_owned())]
    );
    assert_eq!(problems_of(&json!({"name": "a", "count": null})), []);
}

#[test]
fn a_clients_own_data_is_such_as_storage_keeps() {
    for good in [
        json!({}),
        json!({"a": {"b": [0, -1, 1.5, 1e125, -1e-130, 0.0, u64::MAX, "", null, true]}}),
        json!({" ": 1}),
    ] {
        assert_eq!(problems_of(&json!({"name": "a", "own": good})), [], "{good}");
    }
    for (bad, code) in [
        (json!({"": 1}), "invalid_value"),
        (json!({"a": [{"b": {"": 1}}]}), "invalid_value"),
        (json!({"a": 1e126}), "invalid_value"),
        (json!({"a": [-1e300]}), "invalid_value"),
        (json!({"a": 1e-131}), "invalid_value"),
        (json!({"a": "x".repeat(200)}), "out_of_range"),
        (json!([]), "wrong_type"),
    ] {
        let found = problems_of(&json!({"name": "a", "own": bad}));
        assert_eq!(found, [(code.to_owned(), "/a/own".to_owned())], "{bad}");
    }
}

#[test]
fn only_texts_that_clients_write_have_bounds() {
    const NAME: Kind = Kind::Text(80);
    let lengths = |attribute: Attribute| {
        let schema = attribute.schema();
        let text = schema.get("items").unwrap_or(&schema);
        (text.get("minLength").cloned(), text.get("maxLength").cloned())
    };
    let bounded = (Some(json!(1)), Some(json!(80)));
    assert_eq!(lengths(Attribute::write("name", NAME, "Its name.")), bounded);
    assert_eq!(lengths(Attribute::write("names", Kind::List(&NAME, 5), "All.")), bounded);
    // A message, an answer of somebody else, a row that was refused: told as it came.
    assert_eq!(lengths(Attribute::read("body", NAME, "As it came.")), (None, None));
    assert_eq!(lengths(Attribute::read("reasons", Kind::List(&NAME, 5), "Why.")), (None, None));
}
