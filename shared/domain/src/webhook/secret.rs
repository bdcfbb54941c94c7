//! The secrets that messages are signed with, and how one gives way to the next.

use std::{fmt, str::FromStr};

use base64::{Engine, engine::general_purpose::STANDARD};
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use thiserror::Error;

/// What the text of a secret begins with.
const PREFIX: &str = "whsec_";
/// Fewest and most bytes of a secret, as the Standard Webhooks specification recommends.
const BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// How long the secret before the current one stays valid: a day to bring the new one to every
/// receiver.
pub const ROTATION: TimeDelta = TimeDelta::hours(24);

/// A secret: bytes whose text is `whsec_` and their base64. Never logged.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Vec<u8>);

/// A text that is no secret. It does not repeat the text.
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
#[error("a secret is whsec_ and the base64 of 24 to 64 bytes")]
pub struct SecretError;

impl Secret {
    /// A secret of 32 bytes, which must be random.
    #[must_use]
    pub fn new(random: [u8; 32]) -> Self {
        Self(random.to_vec())
    }

    /// The bytes that sign.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// The text that receivers are given.
    #[must_use]
    pub fn expose(&self) -> String {
        format!("{PREFIX}{}", STANDARD.encode(&self.0))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

impl FromStr for Secret {
    type Err = SecretError;

    fn from_str(text: &str) -> Result<Self, SecretError> {
        let bytes = text.strip_prefix(PREFIX).ok_or(SecretError)?;
        let bytes = STANDARD.decode(bytes).map_err(|_| SecretError)?;
        if BYTES.contains(&bytes.len()) { Ok(Self(bytes)) } else { Err(SecretError) }
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.expose())
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// The current secret, and for a while the one before it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(bound(deserialize = "S: Deserialize<'de>"))]
pub struct Secrets<S = Secret> {
    /// The one that is shown to who needs it, and that signs first.
    pub current: S,
    /// The one before it, while it is valid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<Previous<S>>,
}

/// A secret that gives way to another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Previous<S = Secret> {
    /// The secret.
    pub secret: S,
    /// The first instant at which it signs nothing any more.
    pub valid_until: DateTime<Utc>,
}

impl<S> Secrets<S> {
    /// A first secret.
    #[must_use]
    pub fn of(current: S) -> Self {
        Self { current, previous: None }
    }

    /// `next` takes the place of the current secret, which stays valid for [`ROTATION`]. One that
    /// was on its way out already is gone at once: two are valid at most.
    #[must_use]
    pub fn rotated(self, next: S, now: DateTime<Utc>) -> Self {
        let previous = Previous { secret: self.current, valid_until: now + ROTATION };
        Self { current: next, previous: Some(previous) }
    }

    /// Those that sign at `now`, the current one first.
    pub fn valid_at(&self, now: DateTime<Utc>) -> impl Iterator<Item = &S> {
        let previous = self.previous.iter().filter(move |previous| now < previous.valid_until);
        std::iter::once(&self.current).chain(previous.map(|previous| &previous.secret))
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
    use super::*;

    fn secret(byte: u8) -> Secret {
        Secret::new([byte; 32])
    }

    #[test]
    fn a_secret_is_read_as_it_is_shown_and_hidden_from_logs() {
        let shown = secret(7).expose();
        assert_eq!(shown.parse::<Secret>(), Ok(secret(7)));
        assert_eq!(format!("{:?}", secret(7)), "Secret(..)");
    }

    #[test]
    fn secrets_that_are_too_short_too_long_or_no_base64_are_refused() {
        let of = |bytes: usize| format!("whsec_{}", STANDARD.encode(vec![1; bytes]));
        assert!(of(24).parse::<Secret>().is_ok());
        assert!(of(64).parse::<Secret>().is_ok());
        for text in [of(23), of(65), "whsec_".into(), "whsec_%".into(), STANDARD.encode([1; 32])] {
            assert_eq!(text.parse::<Secret>(), Err(SecretError), "{text}");
        }
    }

    #[test]
    fn the_secret_before_signs_second_for_a_day_and_a_third_never() {
        let at: DateTime<Utc> = "2027-01-31T12:00:00Z".parse().unwrap();
        let valid = |secrets: &Secrets, at| secrets.valid_at(at).cloned().collect::<Vec<_>>();
        let secrets = Secrets::of(secret(1)).rotated(secret(2), at);
        assert_eq!(valid(&secrets, at), [secret(2), secret(1)]);
        let last = "2027-02-01T11:59:59Z".parse().unwrap();
        assert_eq!(valid(&secrets, last), [secret(2), secret(1)]);
        let over = "2027-02-01T12:00:00Z".parse().unwrap();
        assert_eq!(valid(&secrets, over), [secret(2)]);
        let again = secrets.rotated(secret(3), last);
        assert_eq!(valid(&again, last), [secret(3), secret(2)]);
    }
}
