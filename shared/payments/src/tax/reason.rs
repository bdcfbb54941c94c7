//! Why a service gave no taxes.

use std::borrow::Cow;

use perennial_domain::money::MoneyError;
use thiserror::Error;

/// A reason, as anybody may read it and with what was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// For whoever places orders: no address, and nothing of what the service has answered.
    pub plain: Cow<'static, str>,
    /// For whoever keeps the calculator: the same with what was seen.
    pub seen: String,
}

impl Reason {
    /// One that anybody may read as it is.
    pub fn open(plain: impl Into<Cow<'static, str>>) -> Self {
        let plain = plain.into();
        Self { seen: plain.clone().into_owned(), plain }
    }
}

/// Why there is no answer that counts.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TaxError {
    /// None came in time, or the service says that it can't answer now (429, 5xx). Asked again it
    /// may.
    #[error("the tax service did not answer: {}", .0.seen)]
    Unavailable(Reason),
    /// Nothing is sent to where its URL leads.
    #[error("the tax service was not asked: {}", .0.seen)]
    Refused(Reason),
    /// What came can't be: it breaks the protocol, or a rule of arithmetic.
    #[error("the tax service gave an answer that can't be: {}", .0.seen)]
    Invalid(Reason),
    /// An amount is out of range.
    #[error(transparent)]
    Money(#[from] MoneyError),
}

impl TaxError {
    /// Whether the same question may have an answer in a moment.
    #[must_use]
    pub const fn may_pass(&self) -> bool {
        matches!(self, Self::Unavailable(_))
    }

    /// The same as anybody may read it.
    #[must_use]
    pub fn plain(&self) -> String {
        let plain = |reason: &Reason| Reason::open(reason.plain.clone());
        match self {
            Self::Unavailable(reason) => Self::Unavailable(plain(reason)).to_string(),
            Self::Refused(reason) => Self::Refused(plain(reason)).to_string(),
            Self::Invalid(reason) => Self::Invalid(plain(reason)).to_string(),
            Self::Money(_) => "an amount is out of range".to_owned(),
        }
    }
}
