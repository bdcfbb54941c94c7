//! What can go wrong with a charge, told apart by what the caller may do next.

/// Why a provider gave no outcome. A decline is not an error: it is an outcome.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PaymentError {
    /// The charge may or may not have happened. Look the key up before trying again, or try again
    /// under the **same** key; never under another one.
    #[error("the outcome of the charge is not known: {reason}")]
    Unknown {
        /// What was seen, for logs.
        reason: String,
    },
    /// Nothing was charged when this was answered. May be tried again, under the **same** key: the
    /// attempt has not been used up.
    #[error("the payment provider is not available, nothing was charged: {reason}")]
    Unavailable {
        /// What was seen, for logs.
        reason: String,
    },
    /// The request itself is wrong (say, an unknown token or a key reused for another amount).
    /// Nothing was charged by it, and sending it again can't help.
    #[error("the payment provider refused the request: {reason}")]
    Refused {
        /// Which part of the request is wrong, for logs and for operators.
        reason: String,
    },
}

impl PaymentError {
    /// Whether the same request, sent later under the same key, can have an outcome.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Unknown { .. } | Self::Unavailable { .. } => true,
            Self::Refused { .. } => false,
        }
    }

    pub(crate) fn unknown(reason: impl Into<String>) -> Self {
        Self::Unknown { reason: reason.into() }
    }

    pub(crate) fn unavailable(reason: impl Into<String>) -> Self {
        Self::Unavailable { reason: reason.into() }
    }

    pub(crate) fn refused(reason: impl Into<String>) -> Self {
        Self::Refused { reason: reason.into() }
    }
}
