//! Messages and ticks that a test sends itself, beside those of the functions.

use aws_sdk_sqs::types::{MessageAttributeValue, SendMessageBatchRequestEntry};
use chrono::SecondsFormat;
use serde_json::json;

use crate::{Shop, TestResult};

impl Shop {
    /// Sends messages to a queue, such as `ORDER_COPY`, through the SQS API: one batch for every
    /// ten. They can be received after `delay_seconds`.
    ///
    /// # Errors
    /// When a message is not accepted.
    pub async fn send(&self, queue: &str, bodies: &[String], delay_seconds: i32) -> TestResult {
        let url = self.queue_url(queue)?;
        let organization = MessageAttributeValue::builder()
            .data_type("String")
            .string_value(self.organization.as_str())
            .build()?;
        for batch in bodies.chunks(10) {
            let entries = batch
                .iter()
                .enumerate()
                .map(|(index, body)| {
                    SendMessageBatchRequestEntry::builder()
                        .id(index.to_string())
                        .message_body(body)
                        .delay_seconds(delay_seconds)
                        .message_attributes("organization", organization.clone())
                        .build()
                })
                .collect::<Result<Vec<_>, _>>()?;
            let sqs = &self.stack.aws().sqs;
            let sent = sqs.send_message_batch().queue_url(&url).set_entries(Some(entries));
            let sent = sent.send().await?;
            if !sent.failed().is_empty() {
                return Err(format!("not accepted: {:?}", sent.failed()).into());
            }
        }
        Ok(())
    }

    /// Invokes the tick as its schedule does, for the minute that the clock stands in.
    ///
    /// # Errors
    /// When the function fails.
    pub async fn tick(&self) -> TestResult {
        let now = self.stack.clock().now();
        let event = json!({
            "version": "0",
            "id": format!("tick-{}", now.timestamp_millis()),
            "detail-type": "Scheduled Event",
            "source": "aws.events",
            "account": "000000000000",
            "time": now.to_rfc3339_opts(SecondsFormat::Secs, true),
            "region": "us-east-1",
            "resources": [],
            "detail": {},
        });
        self.stack.host().invoke("RenewalTickFunction", event).await?;
        Ok(())
    }

    /// The URL of one of the template's queues, such as `ORDER_COPY` for `ORDER_COPY_QUEUE_URL`.
    ///
    /// # Errors
    /// When no function knows it.
    fn queue_url(&self, queue: &str) -> TestResult<String> {
        let name = format!("{queue}_QUEUE_URL");
        let functions = &self.stack.template().functions;
        let found = functions.iter().find_map(|function| function.environment.get(&name));
        found.cloned().ok_or_else(|| format!("no function has the setting {name}").into())
    }
}
