//! The AWS JSON form of the queue actions.

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

use super::{
    BatchOutcome, MessageAttributes, MoveStatus, MoveTask, Outgoing, QueueSpec, Queues, Received,
    Redrive, Sent, SqsError, md5_of_attributes, queue_arn, queue_name,
};
use crate::cloud::endpoint::Refusal;

/// Answers one action, or says that there is none of this name.
pub(crate) async fn answer(queues: &Queues, action: &str, body: &[u8]) -> Result<Vec<u8>, Refusal> {
    let answer = match action {
        "CreateQueue" => create_queue(queues, read(body)?)?,
        "DeleteMessage" => {
            let Delete { queue_url, receipt_handle } = read(body)?;
            queues.delete(name(&queue_url)?, &receipt_handle)?;
            json!({})
        }
        "DeleteMessageBatch" => {
            let Batch::<DeleteEntry> { queue_url, entries } = read(body)?;
            let entries = entries.into_iter().map(|e| (e.id, e.receipt_handle)).collect();
            batch_answer(queues.delete_batch(name(&queue_url)?, entries)?, |()| json!({}))
        }
        "ChangeMessageVisibility" => {
            let ChangeVisibility { queue_url, receipt_handle, visibility_timeout } = read(body)?;
            let timeout = Duration::from_secs(visibility_timeout);
            queues.change_visibility(name(&queue_url)?, &receipt_handle, timeout)?;
            json!({})
        }
        "ChangeMessageVisibilityBatch" => {
            let Batch::<ChangeVisibilityEntry> { queue_url, entries } = read(body)?;
            let entries = entries
                .into_iter()
                .map(|e| (e.id, e.receipt_handle, Duration::from_secs(e.visibility_timeout)))
                .collect();
            let outcome = queues.change_visibility_batch(name(&queue_url)?, entries)?;
            batch_answer(outcome, |()| json!({}))
        }
        "GetQueueAttributes" => get_attributes(queues, read(body)?)?,
        "GetQueueUrl" => {
            let GetQueueUrl { queue_name } = read(body)?;
            json!({ "QueueUrl": queues.get_queue_url(&queue_name)? })
        }
        "ListQueues" => {
            let ListQueues { queue_name_prefix } = read(body)?;
            let names = queues.list_queues(queue_name_prefix.as_deref().unwrap_or_default());
            let urls: Vec<_> = names.iter().map(|name| queues.queue_url(name)).collect();
            json!({ "QueueUrls": urls })
        }
        "ListDeadLetterSourceQueues" => {
            let OfQueue { queue_url } = read(body)?;
            let dead_letters = name(&queue_url)?;
            queues.spec(dead_letters)?;
            let leads_there = |name: &String| {
                queues.spec(name).is_ok_and(|spec| {
                    spec.redrive.is_some_and(|redrive| redrive.dead_letter_queue == dead_letters)
                })
            };
            let names = queues.list_queues("").into_iter().filter(leads_there);
            let urls: Vec<_> = names.map(|name| queues.queue_url(&name)).collect();
            json!({ "queueUrls": urls })
        }
        "PurgeQueue" => {
            let OfQueue { queue_url } = read(body)?;
            queues.purge(name(&queue_url)?)?;
            json!({})
        }
        "ReceiveMessage" => receive(queues, read(body)?).await?,
        "SendMessage" => {
            let Send { queue_url, message } = read(body)?;
            sent_json(queues.send(name(&queue_url)?, message.outgoing())?)
        }
        "SendMessageBatch" => {
            let Batch::<SendEntry> { queue_url, entries } = read(body)?;
            let entries = entries.into_iter().map(|e| (e.id, e.message.outgoing())).collect();
            batch_answer(queues.send_batch(name(&queue_url)?, entries)?, sent_json)
        }
        "StartMessageMoveTask" => {
            let StartMove { source_arn, destination_arn } = read(body)?;
            let destination = destination_arn.as_deref().map(queue_name);
            let task = queues.start_message_move_task(queue_name(&source_arn), destination)?;
            json!({ "TaskHandle": task.handle })
        }
        "ListMessageMoveTasks" => {
            let ListMoves { source_arn, max_results } = read(body)?;
            let most = max_results.unwrap_or(1).clamp(1, 10);
            let tasks = queues.list_message_move_tasks(queue_name(&source_arn), most)?;
            json!({ "Results": tasks.into_iter().map(move_json).collect::<Vec<_>>() })
        }
        _ => return Err(Refusal::UnknownOperation(format!("AmazonSQS.{action}"))),
    };
    serde_json::to_vec(&answer).map_err(Refusal::unwritable)
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refusal> {
    serde_json::from_slice(body).map_err(|error| Refusal::Unreadable(error.to_string()))
}

fn name(queue_url: &str) -> Result<&str, SqsError> {
    let name = queue_name(queue_url);
    if name.is_empty() { Err(SqsError::MissingParameter("QueueUrl")) } else { Ok(name) }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct OfQueue {
    queue_url: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct GetQueueUrl {
    queue_name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ListQueues {
    queue_name_prefix: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Delete {
    queue_url: String,
    receipt_handle: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ChangeVisibility {
    queue_url: String,
    receipt_handle: String,
    visibility_timeout: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Batch<T> {
    queue_url: String,
    #[serde(default = "Vec::new")]
    entries: Vec<T>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DeleteEntry {
    id: String,
    receipt_handle: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ChangeVisibilityEntry {
    id: String,
    receipt_handle: String,
    visibility_timeout: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Send {
    queue_url: String,
    #[serde(flatten)]
    message: Message,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SendEntry {
    id: String,
    #[serde(flatten)]
    message: Message,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Message {
    #[serde(default)]
    message_body: String,
    delay_seconds: Option<u64>,
    #[serde(default)]
    message_attributes: MessageAttributes,
}

impl Message {
    fn outgoing(self) -> Outgoing {
        Outgoing {
            body: self.message_body,
            attributes: self.message_attributes,
            delay: self.delay_seconds.map(Duration::from_secs),
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct StartMove {
    source_arn: String,
    destination_arn: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ListMoves {
    source_arn: String,
    max_results: Option<usize>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct GetAttributes {
    queue_url: String,
    #[serde(default)]
    attribute_names: Vec<String>,
}

fn get_attributes(queues: &Queues, request: GetAttributes) -> Result<Value, SqsError> {
    let GetAttributes { queue_url, attribute_names } = request;
    let mut attributes = queues.attributes(name(&queue_url)?)?;
    if !attribute_names.iter().any(|name| name == "All") {
        attributes.retain(|name, _| attribute_names.iter().any(|wanted| wanted == name));
    }
    Ok(json!({ "Attributes": attributes }))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct CreateQueue {
    queue_name: String,
    #[serde(default)]
    attributes: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RedrivePolicy {
    dead_letter_target_arn: String,
    max_receive_count: Count,
}

/// The CLI's users write the count as a number or as a string; SQS takes both.
#[derive(Deserialize)]
#[serde(untagged)]
enum Count {
    Number(u32),
    Text(String),
}

fn create_queue(queues: &Queues, request: CreateQueue) -> Result<Value, SqsError> {
    let CreateQueue { queue_name: name, attributes } = request;
    let mut spec = QueueSpec::new(name);
    for (attribute, value) in attributes {
        let invalid = || {
            SqsError::InvalidParameterValue(format!("Invalid value for the parameter {attribute}."))
        };
        let seconds = || value.parse().map(Duration::from_secs).map_err(|_| invalid());
        match attribute.as_str() {
            "VisibilityTimeout" => spec.visibility_timeout = seconds()?,
            "DelaySeconds" => spec.delay = seconds()?,
            "MessageRetentionPeriod" => spec.retention = seconds()?,
            "RedrivePolicy" => {
                let policy: RedrivePolicy = serde_json::from_str(&value).map_err(|_| invalid())?;
                let max_receive_count = match policy.max_receive_count {
                    Count::Number(count) => count,
                    Count::Text(text) => text.parse().map_err(|_| invalid())?,
                };
                spec.redrive = Some(Redrive {
                    dead_letter_queue: queue_name(&policy.dead_letter_target_arn).to_owned(),
                    max_receive_count,
                });
            }
            "SqsManagedSseEnabled" | "KmsMasterKeyId" => {}
            _ => {
                return Err(SqsError::UnsupportedOperation(format!(
                    "The queue attribute {attribute} is not emulated."
                )));
            }
        }
    }
    let url = queues.queue_url(&spec.name);
    queues.create_queue(spec)?;
    Ok(json!({ "QueueUrl": url }))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Receive {
    queue_url: String,
    max_number_of_messages: Option<usize>,
    visibility_timeout: Option<u64>,
    wait_time_seconds: Option<u64>,
    #[serde(default)]
    attribute_names: Vec<String>,
    #[serde(default)]
    message_system_attribute_names: Vec<String>,
    #[serde(default)]
    message_attribute_names: Vec<String>,
}

async fn receive(queues: &Queues, request: Receive) -> Result<Value, SqsError> {
    let wait = request.wait_time_seconds.unwrap_or(0);
    if wait > 20 {
        return Err(SqsError::InvalidParameterValue(format!(
            "Value {wait} for parameter WaitTimeSeconds is invalid. Reason: Must be >= 0 and <= \
             20, if provided."
        )));
    }
    let received = queues
        .receive_wait(
            name(&request.queue_url)?,
            request.max_number_of_messages.unwrap_or(1),
            request.visibility_timeout.map(Duration::from_secs),
            Duration::from_secs(wait),
        )
        .await?;
    if received.is_empty() {
        return Ok(json!({}));
    }
    let messages: Vec<_> = received.iter().map(|message| message_json(message, &request)).collect();
    Ok(json!({ "Messages": messages }))
}

fn message_json(message: &Received, request: &Receive) -> Value {
    let mut answer = json!({
        "MessageId": message.message_id(),
        "ReceiptHandle": message.receipt_handle,
        "MD5OfBody": message.md5_of_body(),
        "Body": message.body(),
    });
    let mut system = message.system_attributes();
    let wanted = || request.attribute_names.iter().chain(&request.message_system_attribute_names);
    if !wanted().any(|name| name == "All") {
        system.retain(|name, _| wanted().any(|wanted| wanted == name));
    }
    let mut attributes = message.message_attributes().clone();
    attributes.retain(|name, _| {
        request.message_attribute_names.iter().any(|wanted| selects(wanted, name))
    });
    if let Some(answer) = answer.as_object_mut() {
        if !system.is_empty() {
            answer.insert("Attributes".to_owned(), json!(system));
        }
        if let Some(digest) = md5_of_attributes(&attributes) {
            answer.insert("MD5OfMessageAttributes".to_owned(), json!(digest));
            answer.insert("MessageAttributes".to_owned(), json!(attributes));
        }
    }
    answer
}

/// Whether a wanted name (`All`, `prefix.*`, or a name) means this attribute.
fn selects(wanted: &str, name: &str) -> bool {
    wanted == "All"
        || wanted == name
        || wanted
            .strip_suffix(".*")
            .or_else(|| wanted.strip_suffix('*'))
            .is_some_and(|prefix| name.starts_with(prefix))
}

fn sent_json(sent: Sent) -> Value {
    let Sent { message_id, md5_of_body, md5_of_attributes } = sent;
    let mut answer = json!({ "MessageId": message_id, "MD5OfMessageBody": md5_of_body });
    if let (Some(answer), Some(digest)) = (answer.as_object_mut(), md5_of_attributes) {
        answer.insert("MD5OfMessageAttributes".to_owned(), json!(digest));
    }
    answer
}

fn batch_answer<T>(outcome: BatchOutcome<T>, entry: impl Fn(T) -> Value) -> Value {
    let successful: Vec<_> = outcome
        .successful
        .into_iter()
        .map(|(id, value)| {
            let mut answer = entry(value);
            if let Some(answer) = answer.as_object_mut() {
                answer.insert("Id".to_owned(), json!(id));
            }
            answer
        })
        .collect();
    let failed: Vec<_> = outcome
        .failed
        .into_iter()
        .map(|(id, error)| {
            json!({
                "Id": id,
                "Code": error.name(),
                "Message": error.to_string(),
                "SenderFault": error.is_senders_fault(),
            })
        })
        .collect();
    if failed.is_empty() {
        json!({ "Successful": successful })
    } else {
        json!({ "Successful": successful, "Failed": failed })
    }
}

fn move_json(task: MoveTask) -> Value {
    // As in SQS, only a task that still runs shows its handle, and ours never do.
    let MoveTask { handle: _, source, destination, status, moved, found, started_at } = task;
    let mut answer = json!({
        "SourceArn": queue_arn(&source),
        "Status": "COMPLETED",
        "ApproximateNumberOfMessagesMoved": moved,
        "ApproximateNumberOfMessagesToMove": found,
        "StartedTimestamp": started_at.timestamp_millis(),
    });
    if let Some(answer) = answer.as_object_mut() {
        if let Some(destination) = destination {
            answer.insert("DestinationArn".to_owned(), json!(queue_arn(&destination)));
        }
        if status == MoveStatus::SourceUnknown {
            answer.insert("Status".to_owned(), json!("FAILED"));
            let reason = "CouldNotDetermineMessageSource";
            answer.insert("FailureReason".to_owned(), json!(reason));
        }
    }
    answer
}
