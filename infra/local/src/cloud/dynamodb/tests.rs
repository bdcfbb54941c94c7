//! Tables through the ordinary SDK, in memory and in a file.
#![expect(clippy::indexing_slicing, reason = "a JSON value answers null, not a panic")]

use std::{
    collections::HashMap,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use aws_sdk_dynamodb::{
    Client,
    error::SdkError,
    operation::{put_item::PutItemError, transact_write_items::TransactWriteItemsError},
    types::{AttributeValue, Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem},
};
use chrono::{DateTime, Utc};
use perennial_runtime::Clock;
use serde_json::{Value, json};

use super::{StreamPosition, StreamReader, ttl::expired_items};
use crate::cloud::{Cloud, CloudOptions, connector::clients};

type Outcome = Result<(), Box<dyn std::error::Error>>;

#[derive(Debug)]
struct MovableClock(AtomicI64);

impl Clock for MovableClock {
    fn now(&self) -> DateTime<Utc> {
        DateTime::from_timestamp(self.0.load(Ordering::Relaxed), 0).unwrap_or_default()
    }
}

struct Bench {
    cloud: Arc<Cloud>,
    client: Client,
    clock: Arc<MovableClock>,
    directory: Option<tempfile::TempDir>,
}

fn open(
    directory: Option<&Path>,
    clock: &Arc<MovableClock>,
) -> Result<Arc<Cloud>, crate::cloud::OpenError> {
    Cloud::open(CloudOptions {
        data: directory.map(Path::to_owned),
        clock: clock.clone(),
        endpoint: "http://127.0.0.1:3000".to_owned(),
    })
}

impl Bench {
    fn new(in_file: bool) -> Result<Self, Box<dyn std::error::Error>> {
        let directory = if in_file { Some(tempfile::tempdir()?) } else { None };
        let clock = Arc::new(MovableClock(AtomicI64::new(1_800_000_000)));
        let cloud = open(directory.as_ref().map(tempfile::TempDir::path), &clock)?;
        cloud.dynamodb.call(
            "CreateTable",
            &json!({
                "TableName": "book",
                "BillingMode": "PAY_PER_REQUEST",
                "KeySchema": [
                    { "AttributeName": "pk", "KeyType": "HASH" },
                    { "AttributeName": "sk", "KeyType": "RANGE" },
                ],
                "AttributeDefinitions": [
                    { "AttributeName": "pk", "AttributeType": "S" },
                    { "AttributeName": "sk", "AttributeType": "S" },
                ],
                "SSESpecification": { "Enabled": true },
                "StreamSpecification": { "StreamEnabled": true, "StreamViewType": "NEW_IMAGE" },
            }),
        )?;
        cloud.dynamodb.call(
            "UpdateTimeToLive",
            &json!({
                "TableName": "book",
                "TimeToLiveSpecification": { "Enabled": true, "AttributeName": "ttl" },
            }),
        )?;
        let client = clients(&cloud).dynamodb;
        Ok(Self { cloud, client, clock, directory })
    }

    /// What a `kill -9` leaves: the first process never closes anything.
    fn killed_and_restarted(self) -> Result<Self, Box<dyn std::error::Error>> {
        let Self { cloud, client, clock, directory } = self;
        std::mem::forget((cloud, client));
        let cloud = open(directory.as_ref().map(tempfile::TempDir::path), &clock)?;
        let client = clients(&cloud).dynamodb;
        Ok(Self { cloud, client, clock, directory })
    }

    async fn put(&self, sk: &str) -> Result<(), Box<dyn std::error::Error>> {
        self.client.put_item().table_name("book").set_item(Some(item(sk))).send().await?;
        Ok(())
    }
}

fn item(sk: &str) -> HashMap<String, AttributeValue> {
    [("pk", "a"), ("sk", sk), ("state", "active")]
        .map(|(name, value)| (name.to_owned(), AttributeValue::S(value.to_owned())))
        .into()
}

fn put_once(sk: &str) -> Result<TransactWriteItem, Box<dyn std::error::Error>> {
    let put = Put::builder()
        .table_name("book")
        .set_item(Some(item(sk)))
        .condition_expression("attribute_not_exists(pk)")
        .build()?;
    Ok(TransactWriteItem::builder().put(put).build())
}

#[tokio::test]
async fn a_failed_condition_names_itself_and_shows_the_item() -> Outcome {
    for in_file in [false, true] {
        let bench = Bench::new(in_file)?;
        bench.put("1").await?;
        let refused = bench
            .client
            .put_item()
            .table_name("book")
            .set_item(Some(item("1")))
            .condition_expression("attribute_not_exists(pk)")
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        let Err(SdkError::ServiceError(error)) = refused else { return Err("not refused".into()) };
        let PutItemError::ConditionalCheckFailedException(error) = error.into_err() else {
            return Err("another error".into());
        };
        assert_eq!(error.item(), Some(&item("1")));
    }
    Ok(())
}

#[tokio::test]
async fn a_cancelled_transaction_gives_a_reason_per_item_and_changes_nothing() -> Outcome {
    let bench = Bench::new(false)?;
    bench.put("1").await?;
    let refused = bench
        .client
        .transact_write_items()
        .transact_items(put_once("2")?)
        .transact_items(put_once("1")?)
        .send()
        .await;
    let Err(SdkError::ServiceError(error)) = refused else { return Err("not refused".into()) };
    let TransactWriteItemsError::TransactionCanceledException(error) = error.into_err() else {
        return Err("another error".into());
    };
    let codes: Vec<_> = error.cancellation_reasons().iter().map(|r| r.code()).collect();
    assert_eq!(codes, [Some("None"), Some("ConditionalCheckFailed")]);
    let items = bench.client.scan().table_name("book").send().await?;
    assert_eq!(items.count(), 1);
    Ok(())
}

#[tokio::test]
async fn a_transaction_with_the_same_token_happens_once() -> Outcome {
    let bench = Bench::new(false)?;
    let write = |sk: &str| {
        let items = put_once(sk).map(|item| vec![item]);
        let request = bench.client.transact_write_items().client_request_token("token");
        async {
            Ok::<_, Box<dyn std::error::Error>>(
                request.set_transact_items(Some(items?)).send().await,
            )
        }
    };
    write("1").await??;
    write("1").await??;
    let other = write("2").await?.map_err(SdkError::into_service_error);
    assert!(
        matches!(other, Err(TransactWriteItemsError::IdempotentParameterMismatchException(_))),
        "{other:?}"
    );
    Ok(())
}

#[tokio::test]
async fn a_stream_gives_lambda_records_and_its_places_outlive_a_kill() -> Outcome {
    let bench = Bench::new(true)?;
    bench.put("1").await?;
    bench.put("2").await?;
    let reader = StreamReader::open(&bench.cloud, "book")?;
    let batch = reader.read(StreamPosition::START, 1)?;
    let [record] = batch.records.as_slice() else { return Err("one record".into()) };
    let arn = "arn:aws:dynamodb:us-east-1:000000000000:table/book/stream/";
    assert!(record["eventSourceARN"].as_str().is_some_and(|it| it.starts_with(arn)), "{record}");
    assert_eq!(record["eventSource"], "aws:dynamodb");
    assert_eq!(record["awsRegion"], "us-east-1");
    assert_eq!(record["eventName"], "INSERT");
    let image = &record["dynamodb"];
    assert_eq!(image["Keys"], json!({ "pk": { "S": "a" }, "sk": { "S": "1" } }));
    assert_eq!(image["NewImage"]["state"], json!({ "S": "active" }));
    assert_eq!(image["StreamViewType"], "NEW_IMAGE");
    assert_eq!(image["ApproximateCreationDateTime"], 1_800_000_000);
    assert!(image["SequenceNumber"].is_string());
    assert_eq!(batch.positions, [batch.next]);
    // The types that functions read it with accept it.
    let event = json!({ "Records": batch.records });
    let event: aws_lambda_events::dynamodb::Event = serde_json::from_value(event)?;
    assert_eq!(event.records.len(), 1);

    let stored = serde_json::to_string(&batch.next)?;
    let bench = bench.killed_and_restarted()?;
    bench.put("3").await?;
    let reader = StreamReader::open(&bench.cloud, "book")?;
    let place: StreamPosition = serde_json::from_str(&stored)?;
    let sort_keys = |place| -> Result<Vec<Value>, super::DynamoError> {
        let records = reader.read(place, 1000)?.records;
        Ok(records.iter().map(|record| record["dynamodb"]["Keys"]["sk"]["S"].clone()).collect())
    };
    assert_eq!(sort_keys(place)?, ["2", "3"]);
    assert_eq!(reader.trim(place)?, 1);
    assert_eq!(sort_keys(StreamPosition::START)?, ["2", "3"]);
    Ok(())
}

#[tokio::test]
async fn trimmed_records_leave_later_ones_in_order_in_memory_too() -> Outcome {
    let bench = Bench::new(false)?;
    bench.put("1").await?;
    let reader = StreamReader::open(&bench.cloud, "book")?;
    let read = reader.read(StreamPosition::START, 10)?;
    assert_eq!(reader.trim(read.next)?, 1);
    bench.put("2").await?;
    let next = reader.read(read.next, 10)?;
    assert_eq!(next.records.len(), 1);
    assert!(next.next > read.next);
    Ok(())
}

#[tokio::test]
async fn items_expire_by_the_clock_of_the_stack() -> Outcome {
    for in_file in [false, true] {
        let bench = Bench::new(in_file)?;
        for (sk, ttl) in [("short", 1_800_000_060_i64), ("long", 1_900_000_000)] {
            let mut item = item(sk);
            item.insert("ttl".to_owned(), AttributeValue::N(ttl.to_string()));
            bench.client.put_item().table_name("book").set_item(Some(item)).send().await?;
        }
        let mut text = item("text");
        text.insert("ttl".to_owned(), AttributeValue::S("1800000000".to_owned()));
        bench.client.put_item().table_name("book").set_item(Some(text)).send().await?;
        bench.put("eternal").await?;
        assert_eq!(bench.cloud.dynamodb.sweep_ttl()?, 0);
        bench.clock.0.fetch_add(61, Ordering::Relaxed);
        assert_eq!(bench.cloud.dynamodb.sweep_ttl()?, 1);
        assert_eq!(bench.client.scan().table_name("book").send().await?.count(), 3);
    }
    Ok(())
}

#[tokio::test]
async fn items_expire_in_any_number_and_are_found_by_an_index() -> Outcome {
    let bench = Bench::new(false)?;
    assert_eq!(bench.cloud.dynamodb.sweep_ttl()?, 0, "the index is made before there are items");
    for number in 0..401 {
        let mut item = item(&number.to_string());
        item.insert("ttl".to_owned(), AttributeValue::N("1799999999".to_owned()));
        bench.client.put_item().table_name("book").set_item(Some(item)).send().await?;
    }
    let plan = bench.cloud.dynamodb.beside(|side| {
        let select = expired_items("book", "ttl");
        let explained = format!("EXPLAIN QUERY PLAN {select}");
        side.query_row(&explained, [0, 1], |row| row.get::<_, String>("detail"))
    })?;
    assert!(plan.contains("USING INDEX perennial_expiry"), "{plan}");
    assert_eq!(bench.cloud.dynamodb.sweep_ttl()?, 401);
    assert_eq!(bench.client.scan().table_name("book").send().await?.count(), 0);
    Ok(())
}

#[tokio::test]
async fn the_tally_sums_what_was_consumed_and_shows_it_only_to_who_asked() -> Outcome {
    let bench = Bench::new(false)?;
    let dynamo = &bench.cloud.dynamodb;
    bench.put("1").await?;
    assert!(dynamo.usage().by_action.is_empty());
    dynamo.meter(true);
    bench.put("2").await?;
    let put = bench.client.put_item().table_name("book").set_item(Some(item("3"))).send().await?;
    assert!(put.consumed_capacity().is_none());
    let transaction = bench.client.transact_write_items().transact_items(put_once("4")?);
    transaction.send().await?;
    let query = bench
        .client
        .query()
        .table_name("book")
        .key_condition_expression("pk = :pk")
        .expression_attribute_values(":pk", AttributeValue::S("a".to_owned()))
        .return_consumed_capacity(aws_sdk_dynamodb::types::ReturnConsumedCapacity::Total);
    assert!(query.send().await?.consumed_capacity().is_some());
    let usage = dynamo.take_usage();
    let halves = |table: &str, action| {
        let usage = usage.by_action.get(&(table.to_owned(), action)).copied().unwrap_or_default();
        (usage.calls, usage.read_half_units, usage.write_half_units)
    };
    assert_eq!(halves("book", "PutItem"), (2, 0, 4));
    assert_eq!(halves("book", "TransactWriteItems"), (1, 0, 4));
    assert_eq!(halves("book", "Query"), (1, 1, 0));
    assert_eq!(usage.total().write_half_units, 8);
    Ok(())
}

#[test]
fn what_can_not_be_read_or_done_is_refused_in_dynamodbs_words() -> Outcome {
    let bench = Bench::new(false)?;
    let refused = |action: &str, body: &str| -> Result<(u16, Value), serde_json::Error> {
        let answer = bench.cloud.dynamodb.handle(action, body.as_bytes());
        let body: Value = serde_json::from_slice(&answer.body)?;
        Ok((answer.status, body["__type"].clone()))
    };
    let cases = [
        ("Levitate", "{}", "com.amazon.coral.service#UnknownOperationException"),
        ("GetItem", "{", "com.amazon.coral.service#SerializationException"),
        ("GetItem", "{}", "com.amazon.coral.validate#ValidationException"),
        (
            "PutItem",
            r#"{"TableName":"book","Item":{"pk":{}}}"#,
            "com.amazon.coral.validate#ValidationException",
        ),
        (
            "GetItem",
            r#"{"TableName":"nowhere","Key":{"pk":{"S":"a"},"sk":{"S":"b"}}}"#,
            "com.amazonaws.dynamodb.v20120810#ResourceNotFoundException",
        ),
    ];
    for (action, body, wanted) in cases {
        assert_eq!(refused(action, body)?, (400, json!(wanted)), "{action} {body}");
    }
    Ok(())
}
