//! Messages that others send us without a token: how they are signed, and whether one is.
//!
//! A sender signs with a secret that only it and we know. Most sign the bytes of the body alone (shop
//! systems, each with a header of its own); the [Standard Webhooks](https://www.standardwebhooks.com)
//! specification has id and time in what is signed, too, so that a message can't be sent again later by
//! somebody who took a copy.

use std::{fmt, str::FromStr};

use base64::{Engine, engine::general_purpose::STANDARD};
use chrono::{DateTime, TimeDelta, Utc};
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sha2::Sha256;
use thiserror::Error;

use super::Secret;

/// How old a message with a time may be, and how far ahead of our clock: what the specification's own
/// libraries allow.
pub const TOLERANCE: TimeDelta = TimeDelta::minutes(5);

/// Most signatures of one message that are looked at: senders sign with two secrets while they change
/// them.
const MOST_SIGNATURES: usize = 8;
/// Fewest and most characters of a secret.
const LENGTH: std::ops::RangeInclusive<usize> = 16..=200;

/// A secret that a sender signs with: a text that may be the sender's own. Never logged.
#[derive(Clone, PartialEq, Eq)]
pub struct SenderSecret(String);

/// A text that is no secret. It does not repeat the text.
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
#[error("a secret has 16 to 200 visible ASCII characters")]
pub struct SenderSecretError;

impl SenderSecret {
    /// The text that both sides know.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<Secret> for SenderSecret {
    fn from(secret: Secret) -> Self {
        Self(secret.expose())
    }
}

impl fmt::Debug for SenderSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SenderSecret(..)")
    }
}

impl FromStr for SenderSecret {
    type Err = SenderSecretError;

    fn from_str(text: &str) -> Result<Self, SenderSecretError> {
        let visible = text.bytes().all(|byte| byte.is_ascii_graphic());
        if visible && LENGTH.contains(&text.len()) {
            Ok(Self(text.to_owned()))
        } else {
            Err(SenderSecretError)
        }
    }
}

impl Serialize for SenderSecret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for SenderSecret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// How a signature is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Encoding {
    /// Base64 with padding.
    Base64,
    /// Hexadecimal digits, `sha256=` before them or not.
    Hex,
}

/// How a sender signs its messages: always with HMAC-SHA256.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scheme {
    /// The bytes of the body, with the text of the secret as the key.
    Body {
        /// The header that the signature stands in.
        header: String,
        /// How it is written there.
        encoding: Encoding,
    },
    /// As Standard Webhooks says: id, time and body, with the bytes of a `whsec_` secret as the key.
    StandardWebhooks,
}

/// A message as it came.
#[derive(Clone, Copy)]
pub struct Incoming<'a> {
    /// The value of the header with a name in lower case.
    pub header: &'a dyn Fn(&str) -> Option<&'a str>,
    /// The bytes of the body, untouched.
    pub body: &'a [u8],
}

impl fmt::Debug for Incoming<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Incoming({} bytes)", self.body.len())
    }
}

impl Scheme {
    /// Whether somebody who knows one of the secrets has signed the message and, where that is told,
    /// has done it now. Each comparison takes the same time whatever is compared.
    pub fn is_signed<'a>(
        &self,
        message: Incoming<'_>,
        secrets: impl IntoIterator<Item = &'a SenderSecret>,
        now: DateTime<Utc>,
    ) -> bool {
        match self {
            Self::Body { header, encoding } => {
                let given = (message.header)(&header.to_ascii_lowercase());
                let Some(signature) = given.and_then(|text| encoding.decode(text.trim())) else {
                    return false;
                };
                let keys = secrets.into_iter().map(|secret| secret.0.as_bytes().to_vec());
                any_signs(keys, &[message.body], &[signature])
            }
            Self::StandardWebhooks => standard(message, secrets, now),
        }
    }
}

fn standard<'a>(
    message: Incoming<'_>,
    secrets: impl IntoIterator<Item = &'a SenderSecret>,
    now: DateTime<Utc>,
) -> bool {
    let header = |name| (message.header)(name);
    let (Some(id), Some(timestamp), Some(signatures)) =
        (header("webhook-id"), header("webhook-timestamp"), header("webhook-signature"))
    else {
        return false;
    };
    let signatures: Vec<Vec<u8>> = signatures
        .split(' ')
        .filter_map(|one| one.strip_prefix("v1,"))
        .take(MOST_SIGNATURES)
        .filter_map(|one| Encoding::Base64.decode(one))
        .collect();
    let keys = secrets.into_iter().filter_map(|secret| secret.0.parse::<Secret>().ok());
    let keys = keys.map(|secret| secret.bytes().to_vec());
    let parts = [id.as_bytes(), b".", timestamp.as_bytes(), b".", message.body];
    // The time only then: who can't sign learns nothing of our clock.
    any_signs(keys, &parts, &signatures) && is_fresh(timestamp, now)
}

fn is_fresh(timestamp: &str, now: DateTime<Utc>) -> bool {
    let digits = timestamp.bytes().all(|byte| byte.is_ascii_digit());
    let seconds = timestamp.parse().ok().filter(|_| digits);
    let at = seconds.and_then(|seconds| DateTime::from_timestamp(seconds, 0));
    at.is_some_and(|at| (now - at).abs() <= TOLERANCE)
}

/// Whether any of the signatures is that of the parts with any of the keys. All are looked at.
fn any_signs(keys: impl Iterator<Item = Vec<u8>>, parts: &[&[u8]], signatures: &[Vec<u8>]) -> bool {
    let mut signed = false;
    for key in keys {
        // HMAC takes a key of any length.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&key) else { continue };
        for part in parts {
            mac.update(part);
        }
        for signature in signatures {
            signed |= mac.clone().verify_slice(signature).is_ok();
        }
    }
    signed
}

impl Encoding {
    fn decode(self, text: &str) -> Option<Vec<u8>> {
        match self {
            Self::Base64 => STANDARD.decode(text).ok(),
            Self::Hex => {
                let digits = text.strip_prefix("sha256=").unwrap_or(text);
                if digits.len() != 64 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                    return None;
                }
                let byte = |at: usize| u8::from_str_radix(digits.get(at..at + 2)?, 16).ok();
                (0..digits.len()).step_by(2).map(byte).collect()
            }
        }
    }
}

#[cfg(test)]
#[path = "incoming_tests.rs"]
mod tests;
