//! A message: what was sent, what a receiver gets, and the digests that clients check.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use base64::{Engine, engine::general_purpose::STANDARD};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::SqsError;

/// The most bytes a message may have, its attributes included; so may a whole batch.
pub const MAX_MESSAGE_BYTES: usize = 1024 * 1024;

/// A message attribute as the JSON protocol writes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct MessageAttribute {
    /// `String`, `Number` or `Binary`, with an optional `.label`.
    pub data_type: String,
    /// The value of a string or number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub string_value: Option<String>,
    /// The value of a binary attribute, in base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub binary_value: Option<String>,
}

/// The message attributes by name. Sorted, as their digest wants them.
pub type MessageAttributes = BTreeMap<String, MessageAttribute>;

/// A message to be sent.
#[derive(Debug, Clone, Default)]
pub struct Outgoing {
    /// The text.
    pub body: String,
    /// What travels beside the text.
    pub attributes: MessageAttributes,
    /// How long the message stays hidden at first; the queue's own delay where this is `None`.
    pub delay: Option<Duration>,
}

impl Outgoing {
    /// A message that is just this text.
    #[must_use]
    pub fn text(body: impl Into<String>) -> Self {
        Self { body: body.into(), ..Self::default() }
    }

    pub(super) fn bytes(&self) -> usize {
        self.body.len() + attributes_bytes(&self.attributes)
    }

    pub(super) fn check(&self) -> Result<(), SqsError> {
        if self.body.is_empty() {
            return Err(SqsError::MissingParameter("MessageBody"));
        }
        if !self.body.chars().all(travels) {
            return Err(SqsError::InvalidMessageContents);
        }
        if self.delay.is_some_and(|delay| delay.as_secs() > 900) {
            return Err(SqsError::InvalidParameterValue(
                "Value for parameter DelaySeconds is invalid. Reason: DelaySeconds must be >= 0 \
                 and <= 900."
                    .to_owned(),
            ));
        }
        check_attributes(&self.attributes)?;
        if self.bytes() > MAX_MESSAGE_BYTES {
            return Err(SqsError::InvalidParameterValue(format!(
                "One or more parameters are invalid. Reason: Message must be shorter than \
                 {MAX_MESSAGE_BYTES} bytes."
            )));
        }
        Ok(())
    }
}

/// What a sender gets back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// The message's id.
    pub message_id: String,
    /// The MD5 of the body, in hexadecimal.
    pub md5_of_body: String,
    /// The MD5 of the message attributes, if there are any.
    pub md5_of_attributes: Option<String>,
}

/// What never changes about a message, shared by the queue and its receivers.
#[derive(Debug)]
pub(super) struct Content {
    pub(super) message_id: String,
    pub(super) body: String,
    pub(super) md5_of_body: String,
    pub(super) attributes: MessageAttributes,
    pub(super) sent_at: i64,
}

impl Content {
    pub(super) fn new(
        message_id: String,
        body: String,
        attributes: MessageAttributes,
        sent_at: i64,
    ) -> Self {
        let md5_of_body = format!("{:x}", md5::compute(body.as_bytes()));
        Self { message_id, body, md5_of_body, attributes, sent_at }
    }

    pub(super) fn bytes(&self) -> usize {
        self.body.len() + attributes_bytes(&self.attributes)
    }
}

/// A message as a receiver gets it.
#[derive(Debug, Clone)]
pub struct Received {
    pub(super) content: Arc<Content>,
    /// The handle to delete this message with, or to change its visibility.
    pub receipt_handle: String,
    /// How often the message has been received, this time included.
    pub receive_count: u32,
    /// When the message was first received.
    pub first_received_at: DateTime<Utc>,
    /// The ARN of the queue whose redrive policy moved the message here.
    pub dead_letter_source: Option<String>,
}

impl Received {
    /// The message's id.
    #[must_use]
    pub fn message_id(&self) -> &str {
        &self.content.message_id
    }

    /// The text.
    #[must_use]
    pub fn body(&self) -> &str {
        &self.content.body
    }

    /// The MD5 of the body, in hexadecimal.
    #[must_use]
    pub fn md5_of_body(&self) -> &str {
        &self.content.md5_of_body
    }

    /// What travels beside the text.
    #[must_use]
    pub fn message_attributes(&self) -> &MessageAttributes {
        &self.content.attributes
    }

    /// When the message was sent, in milliseconds of Unix time.
    #[must_use]
    pub fn sent_at_millis(&self) -> i64 {
        self.content.sent_at
    }

    /// The attributes that SQS itself gives a message, by its names for them.
    #[must_use]
    pub fn system_attributes(&self) -> BTreeMap<&'static str, String> {
        let mut attributes = BTreeMap::from([
            ("ApproximateReceiveCount", self.receive_count.to_string()),
            ("SentTimestamp", self.content.sent_at.to_string()),
            (
                "ApproximateFirstReceiveTimestamp",
                self.first_received_at.timestamp_millis().to_string(),
            ),
            ("SenderId", SENDER.to_owned()),
        ]);
        if let Some(source) = &self.dead_letter_source {
            attributes.insert("DeadLetterQueueSourceArn", source.clone());
        }
        attributes
    }
}

const SENDER: &str = "AIDALOCALPERENNIAL";

/// The MD5 of message attributes as SQS computes it, or `None` without attributes.
#[must_use]
pub fn md5_of_attributes(attributes: &MessageAttributes) -> Option<String> {
    if attributes.is_empty() {
        return None;
    }
    let mut digest = md5::Context::new();
    let take = |digest: &mut md5::Context, bytes: &[u8]| {
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        digest.consume(length.to_be_bytes());
        digest.consume(bytes);
    };
    for (name, attribute) in attributes {
        take(&mut digest, name.as_bytes());
        take(&mut digest, attribute.data_type.as_bytes());
        // One byte for the transport type stands before the value's length.
        if let Some(text) = &attribute.string_value {
            digest.consume([1]);
            take(&mut digest, text.as_bytes());
        } else if let Some(encoded) = &attribute.binary_value {
            digest.consume([2]);
            take(&mut digest, &STANDARD.decode(encoded).unwrap_or_default());
        }
    }
    Some(format!("{:x}", digest.compute()))
}

fn attributes_bytes(attributes: &MessageAttributes) -> usize {
    attributes
        .iter()
        .map(|(name, attribute)| {
            let binary = attribute.binary_value.as_ref().map_or(0, |encoded| encoded.len() / 4 * 3);
            let text = attribute.string_value.as_ref().map_or(0, String::len);
            name.len() + attribute.data_type.len() + text + binary
        })
        .sum()
}

fn check_attributes(attributes: &MessageAttributes) -> Result<(), SqsError> {
    let invalid = |text: String| Err(SqsError::InvalidParameterValue(text));
    if attributes.len() > 10 {
        return invalid(format!(
            "Number of message attributes [{}] exceeds the allowed maximum [10].",
            attributes.len()
        ));
    }
    for (name, attribute) in attributes {
        let MessageAttribute { data_type, string_value, binary_value } = attribute;
        let fits = match data_type.split('.').next() {
            Some("String" | "Number") => {
                binary_value.is_none() && string_value.as_ref().is_some_and(|v| !v.is_empty())
            }
            Some("Binary") => {
                string_value.is_none()
                    && binary_value
                        .as_ref()
                        .is_some_and(|v| STANDARD.decode(v).is_ok_and(|bytes| !bytes.is_empty()))
            }
            _ => {
                return invalid(format!(
                    "The type of message attribute '{name}' is invalid. You must use only the \
                     following supported type prefixes: Binary, Number, String."
                ));
            }
        };
        if !fits {
            return invalid(format!(
                "The message attribute '{name}' must contain a non-empty message attribute value \
                 of type '{data_type}'."
            ));
        }
    }
    Ok(())
}

/// The characters that SQS carries.
fn travels(c: char) -> bool {
    matches!(c, '\u{9}' | '\u{A}' | '\u{D}' | '\u{20}'..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..)
}
