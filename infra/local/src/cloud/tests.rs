//! The endpoint over the SDK and over HTTP.
#![expect(clippy::indexing_slicing, reason = "a JSON value answers null, not a panic")]

use std::sync::Arc;

use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use aws_sdk_sqs::types::{
    DeleteMessageBatchRequestEntry, MessageAttributeValue, MessageSystemAttributeName,
    QueueAttributeName, SendMessageBatchRequestEntry,
};
use bytes::Bytes;
use http::{HeaderMap, Request};
use perennial_functions::Aws;
use perennial_runtime::SystemClock;
use serde_json::{Value, json};

use super::{Cloud, CloudOptions, connector::clients, endpoint::serve, sqs::QueueSpec};

type Outcome = Result<(), Box<dyn std::error::Error>>;

fn cloud() -> Result<Arc<Cloud>, super::OpenError> {
    Cloud::open(CloudOptions {
        data: None,
        clock: Arc::new(SystemClock),
        endpoint: "http://127.0.0.1:3000".to_owned(),
    })
}

#[tokio::test]
async fn the_sdk_sends_receives_and_deletes() -> Outcome {
    let cloud = cloud()?;
    cloud.queues.create_queue(QueueSpec::new("work"))?;
    let Aws { sqs, .. } = clients(&cloud);
    let url = sqs.get_queue_url().queue_name("work").send().await?;
    let url = url.queue_url().unwrap_or_default();
    assert_eq!(url, "http://127.0.0.1:3000/000000000000/work");
    let origin = MessageAttributeValue::builder().data_type("String").string_value("x").build()?;
    sqs.send_message()
        .queue_url(url)
        .message_body("{\"a\":\"ü\"}")
        .message_attributes("origin", origin.clone())
        .send()
        .await?;
    let entry = |id: &str| SendMessageBatchRequestEntry::builder().id(id).message_body(id).build();
    let sent = sqs
        .send_message_batch()
        .queue_url(url)
        .entries(entry("one")?)
        .entries(entry("two")?)
        .send()
        .await?;
    assert_eq!((sent.successful().len(), sent.failed().len()), (2, 0));
    let received = sqs
        .receive_message()
        .queue_url(url)
        .max_number_of_messages(10)
        .message_system_attribute_names(MessageSystemAttributeName::All)
        .message_attribute_names("All")
        .send()
        .await?;
    let [first, others @ ..] = received.messages() else { return Err("nothing".into()) };
    assert_eq!(first.body(), Some("{\"a\":\"ü\"}"));
    assert_eq!(first.message_attributes().and_then(|it| it.get("origin")), Some(&origin));
    let count = MessageSystemAttributeName::ApproximateReceiveCount;
    let count = first.attributes().and_then(|it| it.get(&count));
    assert_eq!(count.map(String::as_str), Some("1"));
    let entries = others
        .iter()
        .enumerate()
        .map(|(n, message)| {
            DeleteMessageBatchRequestEntry::builder()
                .id(n.to_string())
                .set_receipt_handle(message.receipt_handle.clone())
                .build()
        })
        .collect::<Result<Vec<_>, _>>()?;
    sqs.delete_message_batch().queue_url(url).set_entries(Some(entries)).send().await?;
    let attributes = sqs
        .get_queue_attributes()
        .queue_url(url)
        .attribute_names(QueueAttributeName::All)
        .send()
        .await?;
    let hidden = QueueAttributeName::ApproximateNumberOfMessagesNotVisible;
    let hidden = attributes.attributes().and_then(|it| it.get(&hidden));
    assert_eq!(hidden.map(String::as_str), Some("1"));
    Ok(())
}

#[tokio::test]
async fn the_sdk_knows_the_errors_of_queues() -> Outcome {
    let Aws { sqs, .. } = clients(&cloud()?);
    let unknown = sqs.get_queue_url().queue_name("nowhere").send().await;
    let unknown = unknown.map_err(aws_sdk_sqs::error::SdkError::into_service_error);
    assert!(unknown.is_err_and(|error| error.is_queue_does_not_exist()));
    Ok(())
}

#[tokio::test]
async fn the_sdk_puts_events() -> Outcome {
    let cloud = cloud()?;
    cloud.buses.create_bus("orders");
    let eventbridge = clients(&cloud).eventbridge();
    let entry = |detail: &str| {
        PutEventsRequestEntry::builder()
            .event_bus_name("orders")
            .source("perennial")
            .detail_type("orders.placed")
            .time(aws_smithy_types::DateTime::from_millis(1_800_000_000_500))
            .detail(detail)
            .build()
    };
    let put = eventbridge.put_events().entries(entry("{\"n\":1}")).entries(entry("oops"));
    let answer = put.send().await?;
    assert_eq!(answer.failed_entry_count(), 1);
    let codes: Vec<_> = answer.entries().iter().map(|it| it.error_code()).collect();
    assert_eq!(codes, [None, Some("MalformedDetail")]);
    let events = cloud.buses.recent();
    let envelope = events.first().ok_or("no event")?.envelope();
    assert_eq!(envelope["time"], "2027-01-15T08:00:00Z");
    assert_eq!(envelope["detail"], json!({ "n": 1 }));
    Ok(())
}

async fn post(
    cloud: &Cloud,
    target: &str,
    body: Value,
) -> Result<(u16, HeaderMap, Value), Box<dyn std::error::Error>> {
    let request = Request::post("/").header("x-amz-target", target);
    let response = serve(cloud, request.body(Bytes::from(body.to_string()))?).await;
    let (parts, body) = response.into_parts();
    Ok((parts.status.as_u16(), parts.headers, serde_json::from_slice(&body)?))
}

#[tokio::test]
async fn errors_over_http_have_the_form_that_clients_read() -> Outcome {
    let cloud = cloud()?;
    let url = json!({ "QueueUrl": "http://elsewhere/1/nowhere", "MessageBody": "x" });
    let (status, headers, body) = post(&cloud, "AmazonSQS.SendMessage", url).await?;
    assert_eq!((status, &body["__type"]), (400, &json!("com.amazonaws.sqs#QueueDoesNotExist")));
    let code = headers.get("x-amzn-query-error").map(|value| value.to_str()).transpose()?;
    assert_eq!(code, Some("AWS.SimpleQueueService.NonExistentQueue;Sender"));
    for target in
        ["AmazonSQS.Levitate", "AWSEvents.Levitate", "DynamoDB_20120810.Levitate", "S3.X", ""]
    {
        let (status, _, body) = post(&cloud, target, json!({})).await?;
        let unknown = json!("com.amazon.coral.service#UnknownOperationException");
        assert_eq!((status, &body["__type"]), (400, &unknown), "{target}");
        let text = body["message"].as_str().or(body["Message"].as_str()).unwrap_or_default();
        assert!(text.contains(target), "{text}");
    }
    let (status, _, body) = post(&cloud, "AmazonSQS.SendMessage", json!([])).await?;
    let unreadable = json!("com.amazon.coral.service#SerializationException");
    assert_eq!((status, &body["__type"]), (400, &unreadable));
    Ok(())
}

#[tokio::test]
async fn a_queue_can_be_made_and_its_policy_read_over_http() -> Outcome {
    let cloud = cloud()?;
    post(&cloud, "AmazonSQS.CreateQueue", json!({ "QueueName": "dead" })).await?;
    let policy = r#"{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:000000000000:dead","maxReceiveCount":"5"}"#;
    let attributes = json!({ "RedrivePolicy": policy, "VisibilityTimeout": "60" });
    let make = json!({ "QueueName": "work", "Attributes": attributes });
    let (status, headers, body) = post(&cloud, "AmazonSQS.CreateQueue", make).await?;
    assert_eq!(status, 200);
    assert_eq!(
        headers.get("content-type").map(http::HeaderValue::as_bytes),
        Some(&b"application/x-amz-json-1.0"[..])
    );
    let ask = json!({ "QueueUrl": body["QueueUrl"], "AttributeNames": ["RedrivePolicy"] });
    let (_, _, body) = post(&cloud, "AmazonSQS.GetQueueAttributes", ask).await?;
    let read = body["Attributes"]["RedrivePolicy"].as_str().unwrap_or_default();
    let read: Value = serde_json::from_str(read)?;
    assert_eq!(read["maxReceiveCount"], 5);
    let sources = json!({ "QueueUrl": "x/dead" });
    let (_, _, body) = post(&cloud, "AmazonSQS.ListDeadLetterSourceQueues", sources).await?;
    assert_eq!(body["queueUrls"], json!(["http://127.0.0.1:3000/000000000000/work"]));
    Ok(())
}
