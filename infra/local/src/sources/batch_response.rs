//! What a function's answer to a batch means, by the rules of Lambda's `ReportBatchItemFailures`.

use serde_json::Value;

/// Which records of a batch are to be handled again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    /// None.
    Done,
    /// These, by identifier.
    Failed(Vec<String>),
    /// All, because the answer can't be understood.
    Unclear(&'static str),
}

/// Reads an answer. `identifiers` are those of the batch.
pub(super) fn read(answer: &Value, identifiers: &[&str]) -> Outcome {
    let failures = match answer {
        Value::Null => return Outcome::Done,
        Value::Object(map) => match map.get("batchItemFailures") {
            None | Some(Value::Null) => return Outcome::Done,
            Some(Value::Array(failures)) => failures,
            Some(_) => return Outcome::Unclear("batchItemFailures is not a list"),
        },
        _ => return Outcome::Unclear("the answer is not an object"),
    };
    let mut failed = Vec::with_capacity(failures.len());
    for failure in failures {
        match failure.get("itemIdentifier").and_then(Value::as_str) {
            None => return Outcome::Unclear("an item has no itemIdentifier"),
            Some("") => return Outcome::Unclear("an itemIdentifier is empty"),
            Some(identifier) if !identifiers.contains(&identifier) => {
                return Outcome::Unclear("an itemIdentifier is not in the batch");
            }
            Some(identifier) => failed.push(identifier.to_owned()),
        }
    }
    if failed.is_empty() { Outcome::Done } else { Outcome::Failed(failed) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_answer_means_what_lambda_takes_it_for() {
        let of = |answer: Value| read(&answer, &["a", "b"]);
        for done in [
            json!(null),
            json!({}),
            json!({"batchItemFailures": null}),
            json!({"batchItemFailures": []}),
        ] {
            assert_eq!(of(done.clone()), Outcome::Done, "{done}");
        }
        assert_eq!(
            of(json!({"batchItemFailures": [{"itemIdentifier": "b"}]})),
            Outcome::Failed(vec!["b".to_owned()])
        );
        for unclear in [
            json!("text"),
            json!({"batchItemFailures": {}}),
            json!({"batchItemFailures": [{"itemIdentifier": ""}]}),
            json!({"batchItemFailures": [{"itemIdentifier": null}]}),
            json!({"batchItemFailures": [{"itemIdentifier": "c"}]}),
            json!({"batchItemFailures": [{"identifier": "a"}]}),
        ] {
            assert!(matches!(of(unclear.clone()), Outcome::Unclear(_)), "{unclear}");
        }
    }
}
