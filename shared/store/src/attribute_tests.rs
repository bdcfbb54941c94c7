use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_dynamodb::{primitives::Blob, types::AttributeValue};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::from_attribute;

type TestResult = Result<(), Box<dyn std::error::Error>>;

/// Every shape in which values are stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Shapes {
    text: String,
    letter: char,
    small: i8,
    whole: u32,
    large: u64,
    amount: i64,
    share: f64,
    flag: bool,
    unit: (),
    wrapped: Wrapped,
    pair: (u8, String),
    kinds: Vec<Kind>,
    given: Option<Wrapped>,
    missing: Option<u8>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    left_out: Option<u8>,
    by_name: BTreeMap<String, u8>,
    by_number: BTreeMap<u32, i64>,
    by_kind: BTreeMap<Plain, u8>,
    either: Vec<Either>,
    tagged: Vec<Tagged>,
    anything: Value,
    #[serde(flatten)]
    rest: BTreeMap<String, Value>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Wrapped(u16);

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Plain {
    OneWord,
    Other,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Kind {
    Unit,
    Holds(Wrapped),
    Several(u8, bool),
    Named { at: u8 },
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
enum Either {
    Number(i64),
    Text(String),
    Parts { parts: Vec<u8> },
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Tagged {
    Empty,
    Full { size: u64 },
}

fn shapes() -> Shapes {
    Shapes {
        text: "ein Wort".to_owned(),
        letter: 'ß',
        small: -128,
        whole: u32::MAX,
        large: u64::MAX,
        amount: i64::MIN,
        share: -0.25,
        flag: true,
        unit: (),
        wrapped: Wrapped(7),
        pair: (255, String::new()),
        kinds: vec![
            Kind::Unit,
            Kind::Holds(Wrapped(1)),
            Kind::Several(2, false),
            Kind::Named { at: 3 },
        ],
        given: Some(Wrapped(9)),
        missing: None,
        left_out: None,
        by_name: BTreeMap::from([("a".to_owned(), 1)]),
        by_number: BTreeMap::from([(0, -1), (u32::MAX, 1)]),
        by_kind: BTreeMap::from([(Plain::OneWord, 1), (Plain::Other, 2)]),
        either: vec![
            Either::Number(5),
            Either::Text("5".to_owned()),
            Either::Parts { parts: vec![1, 2] },
        ],
        tagged: vec![Tagged::Empty, Tagged::Full { size: 1 }],
        anything: json!({"list": [1, -2, 1.5, null, true, {"deep": []}], "": "no name"}),
        rest: BTreeMap::from([("further".to_owned(), json!([0])), ("more".to_owned(), json!(1))]),
    }
}

#[test]
fn what_is_stored_is_read_as_it_was() -> TestResult {
    let stored: AttributeValue = serde_dynamo::to_attribute_value(shapes())?;
    assert_eq!(from_attribute::<Shapes>(stored.clone())?, shapes());
    // The library that wrote it reads it the same.
    assert_eq!(serde_dynamo::from_attribute_value::<_, Shapes>(stored)?, shapes());
    Ok(())
}

#[test]
fn members_that_nobody_knows_are_passed_over() -> TestResult {
    #[derive(Debug, PartialEq, Deserialize)]
    struct One {
        one: u8,
    }
    let stored = json!({"one": 1, "two": {"deep": [[1], {"x": null}]}, "three": "3"});
    let stored: AttributeValue = serde_dynamo::to_attribute_value(stored)?;
    assert_eq!(from_attribute::<One>(stored)?, One { one: 1 });
    Ok(())
}

#[test]
fn a_set_is_read_as_a_list() -> TestResult {
    let texts = AttributeValue::Ss(vec!["b".to_owned(), "a".to_owned()]);
    let read: BTreeSet<String> = from_attribute(texts)?;
    assert_eq!(read.into_iter().collect::<Vec<_>>(), ["a", "b"]);
    let numbers = AttributeValue::Ns(vec!["1".to_owned(), "-2".to_owned()]);
    assert_eq!(from_attribute::<Vec<i8>>(numbers)?, [1, -2]);
    let bytes = AttributeValue::Bs(vec![Blob::new([1_u8, 2])]);
    assert!(from_attribute::<Vec<u8>>(bytes).is_err(), "a member that is no number");
    Ok(())
}

#[test]
fn what_is_no_such_value_is_refused_with_what_it_is() {
    let n = |text: &str| AttributeValue::N(text.to_owned());
    let s = |text: &str| AttributeValue::S(text.to_owned());
    let reason = |read: Result<Value, super::Error>| read.err().map(|error| error.to_string());
    let of = |error: Option<super::Error>| error.map(|error| error.to_string()).unwrap_or_default();
    for (found, expected) in [
        (of(from_attribute::<u8>(n("256")).err()), "integer `256`"),
        (of(from_attribute::<u8>(n("-1")).err()), "integer `-1`"),
        (of(from_attribute::<i64>(n("1.5")).err()), "floating point `1.5`"),
        (of(from_attribute::<i64>(n("abc")).err()), "\"abc\", expected a number"),
        (of(from_attribute::<i64>(s("1")).err()), "string \"1\""),
        (of(from_attribute::<String>(n("1")).err()), "number, expected a string"),
        (of(from_attribute::<bool>(s("true")).err()), "string \"true\""),
        (of(from_attribute::<Vec<u8>>(s("x")).err()), "expected a sequence"),
        (
            of(from_attribute::<Shapes>(AttributeValue::L(Vec::new())).err()),
            "expected struct Shapes",
        ),
        (of(from_attribute::<Plain>(s("third")).err()), "unknown variant `third`"),
        (of(from_attribute::<Kind>(s("Holds")).err()), "a variant with a value"),
        (of(from_attribute::<Kind>(AttributeValue::Bool(true)).err()), "expected a variant"),
        (of(from_attribute::<Kind>(AttributeValue::M([].into())).err()), "a map of one member"),
    ] {
        assert!(found.contains(expected), "{found:?} should contain {expected:?}");
    }
    assert_eq!(reason(from_attribute(AttributeValue::Null(true))), None, "null is a value");
}
