//! The one AWS endpoint: finds the service and action that a request names, and answers it.
//!
//! All three services speak AWS JSON: `POST /` with the action in `X-Amz-Target`. Signatures are
//! not checked: whoever reaches this port owns the machine.

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, header};
use uuid::Uuid;

use super::{Cloud, sqs::SqsError};

/// An answer of a service, before it becomes an HTTP response.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The JSON document.
    pub body: Bytes,
    /// The value of `x-amzn-query-error`, which clients of SQS read error codes from.
    pub query_error: Option<String>,
}

/// Why a request never became an answer of the service itself.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// No such action here. Carries the target as the client wrote it.
    UnknownOperation(String),
    /// The body is not the JSON that the action takes.
    Unreadable(String),
    /// An error of the queues.
    Sqs(SqsError),
    /// An error of the buses: its name and text.
    Events(&'static str, String),
    /// The answer could not be written: a defect of this program.
    Internal(String),
}

impl Refusal {
    #[expect(clippy::needless_pass_by_value, reason = "the shape that `map_err` wants")]
    pub(crate) fn unwritable(error: serde_json::Error) -> Self {
        Self::Internal(error.to_string())
    }

    fn answer(self) -> Answer {
        let (status, name, message, query_error) = match self {
            Self::UnknownOperation(target) => {
                let message = format!("The operation {target} is not known here.");
                (400, "com.amazon.coral.service#UnknownOperationException".into(), message, None)
            }
            Self::Unreadable(message) => {
                (400, "com.amazon.coral.service#SerializationException".into(), message, None)
            }
            Self::Sqs(error) => {
                let (status, fault) =
                    if error.is_senders_fault() { (400, "Sender") } else { (500, "Receiver") };
                let query = format!("{};{fault}", error.query_code());
                (
                    status,
                    format!("com.amazonaws.sqs#{}", error.name()),
                    error.to_string(),
                    Some(query),
                )
            }
            Self::Events(name, message) => (400, name.to_owned(), message, None),
            Self::Internal(message) => {
                (500, "com.amazon.coral.service#InternalFailure".into(), message, None)
            }
        };
        let body = serde_json::json!({ "__type": name, "message": message });
        Answer { status, body: body.to_string().into(), query_error }
    }
}

impl From<SqsError> for Refusal {
    fn from(error: SqsError) -> Self {
        Self::Sqs(error)
    }
}

/// Answers an action: `target` is the text of `X-Amz-Target`, such as `AmazonSQS.SendMessage`.
pub async fn answer(cloud: &Cloud, target: &str, body: &[u8]) -> Answer {
    let answered = match target.split_once('.') {
        Some(("DynamoDB_20120810" | "DynamoDBStreams_20120810", action)) => {
            return cloud.dynamodb.handle_in_turn(action, body).await;
        }
        Some(("AmazonSQS", action)) => super::sqs::wire::answer(&cloud.queues, action, body).await,
        Some(("AWSEvents", action)) => {
            super::eventbridge::wire::answer(&cloud.buses, action, body).await
        }
        _ => Err(Refusal::UnknownOperation(target.to_owned())),
    };
    match answered {
        Ok(body) => Answer { status: 200, body: body.into(), query_error: None },
        Err(refusal) => refusal.answer(),
    }
}

/// Answers an HTTP request of the AWS CLI or an SDK.
pub async fn serve(cloud: &Cloud, request: Request<Bytes>) -> Response<Bytes> {
    let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
    let target = header("x-amz-target").unwrap_or_default();
    let content_type = match target.split_once('.') {
        Some(("AWSEvents", _)) => "application/x-amz-json-1.1",
        _ => "application/x-amz-json-1.0",
    };
    let answer = answer(cloud, target, request.body()).await;
    let checksum = crc32fast::hash(&answer.body);
    let mut response = Response::new(answer.body);
    *response.status_mut() =
        StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert("x-amz-crc32", HeaderValue::from(checksum));
    if let Ok(id) = HeaderValue::try_from(Uuid::now_v7().to_string()) {
        headers.insert("x-amzn-requestid", id);
    }
    if let Some(Ok(code)) = answer.query_error.map(HeaderValue::try_from) {
        headers.insert("x-amzn-query-error", code);
    }
    response
}
