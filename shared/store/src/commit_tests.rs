use aws_sdk_dynamodb::config::BehaviorVersion;

use super::*;

type TestResult = Result<(), Box<dyn std::error::Error>>;

fn store() -> Store {
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(aws_sdk_dynamodb::config::Region::new("us-east-1"))
        .build();
    let client = aws_sdk_dynamodb::Client::from_conf(config);
    Store::new(client, "book".to_owned(), "operations".to_owned(), 1)
}

/// The embedded engine never answers these, so they are told to the reader of answers directly.
#[test]
fn only_a_failed_condition_is_a_conflict() -> TestResult {
    let (store, organization) = (store(), "acme".parse()?);
    let commit = store
        .commit(&organization)
        .stock_note(&"ord_1".parse()?, Some(&StockNote::of(&[("BEANS", 1)])))
        .take_stock("BEANS", 1);
    let reason = |code: &str| CancellationReason::builder().code(code).build();
    let read = |first: &str, second: &str| commit.read(&[reason(first), reason(second)]);

    let conflict = read("ConditionalCheckFailed", "ConditionalCheckFailed");
    assert!(matches!(conflict, Err(StoreError::Conflict(Part::Stock))), "{conflict:?}");
    let short = read("None", "ConditionalCheckFailed");
    assert!(matches!(short, Err(StoreError::OutOfStock { .. })), "{short:?}");
    let met = read("TransactionConflict", "None");
    assert!(matches!(met, Ok(Some(Part::Stock))), "{met:?}");
    for code in ["ThrottlingError", "ProvisionedThroughputExceeded"] {
        let later = read("None", code);
        assert!(matches!(later, Err(StoreError::Unavailable(_))), "{later:?}");
    }
    let never = read("None", "ValidationError");
    assert!(matches!(never, Err(StoreError::Refused(_))), "{never:?}");
    Ok(())
}
