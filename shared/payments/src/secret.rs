//! Secrets, such as a provider's API key: where they come from is the business of who runs us.

use std::fmt;

use async_trait::async_trait;
use thiserror::Error;

/// A secret. Its `Debug` hides it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Takes a secret.
    pub fn new(secret: impl Into<String>) -> Self {
        Self(secret.into())
    }

    /// The secret itself, to be sent to whom it is for and to nobody else.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret(..)")
    }
}

/// Why a secret can't be had. It never holds the secret.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the secret {name} can't be had: {reason}")]
pub struct SecretError {
    /// The secret's name.
    pub name: String,
    /// What was seen.
    pub reason: String,
}

/// One secret that is kept elsewhere and may be changed there.
#[async_trait]
pub trait SecretSource: fmt::Debug + Send + Sync + 'static {
    /// The secret, some minutes old at most.
    ///
    /// # Errors
    /// When it can't be read.
    async fn secret(&self) -> Result<Secret, SecretError>;

    /// The secret after this one was refused: read anew, unless that was done since.
    ///
    /// # Errors
    /// When it can't be read.
    async fn after(&self, refused: &Secret) -> Result<Secret, SecretError>;
}
