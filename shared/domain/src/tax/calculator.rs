//! What computes a market's taxes.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::TaxRounding;
use crate::{
    ids::{ExternalTaxCalculatorId, IdError, ManualTaxCalculatorId},
    webhook::{CallbackUrl, Secrets},
};

/// How long a service may take to answer, in milliseconds, unless its calculator says otherwise.
pub const DEFAULT_TIMEOUT_MS: u16 = 1_000;

/// A table of rules.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManualTaxCalculator {
    /// Identifier.
    pub id: ManualTaxCalculatorId,
    /// Name for people.
    pub name: String,
    /// What is rounded.
    #[serde(default)]
    pub tax_rounding: TaxRounding,
}

/// A service that computes taxes, asked over HTTP.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExternalTaxCalculator {
    /// Identifier.
    pub id: ExternalTaxCalculatorId,
    /// Name for people.
    pub name: String,
    /// Where it is asked.
    pub tax_calculator_url: CallbackUrl,
    /// What questions are signed with.
    pub secrets: Secrets,
    /// How long it may take to answer, in milliseconds.
    #[serde(default = "default_timeout")]
    pub timeout_ms: u16,
    /// What is done where it does not answer, or answers what can't be.
    #[serde(default)]
    pub on_failure: OnTaxFailure,
    /// The table that stands in for it, under [`OnTaxFailure::Fallback`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fallback_tax_calculator_id: Option<ManualTaxCalculatorId>,
}

const fn default_timeout() -> u16 {
    DEFAULT_TIMEOUT_MS
}

/// What is done where a service fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnTaxFailure {
    /// It is asked again later, and nothing is charged before it answers.
    #[default]
    Retry,
    /// A table stands in for it.
    Fallback,
    /// The order goes on without tax.
    NoTax,
}

/// What computes a market's taxes: the prefix of its id tells which of the two it is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum TaxCalculatorId {
    /// A table of rules.
    Manual(ManualTaxCalculatorId),
    /// A service that is asked over HTTP.
    External(ExternalTaxCalculatorId),
}

impl TaxCalculatorId {
    /// The id's text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Manual(id) => id.as_str(),
            Self::External(id) => id.as_str(),
        }
    }

    /// The type of resource that it is, as clients name it.
    #[must_use]
    pub const fn resource_type(&self) -> &'static str {
        match self {
            Self::Manual(_) => "manual_tax_calculators",
            Self::External(_) => "external_tax_calculators",
        }
    }
}

impl FromStr for TaxCalculatorId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let manual = text.parse().map(Self::Manual).ok();
        manual.or_else(|| text.parse().map(Self::External).ok()).ok_or_else(|| IdError {
            value: text.to_owned(),
            expected: "the id of a tax calculator, mtc_.. or etc_..",
        })
    }
}

impl fmt::Display for TaxCalculatorId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for TaxCalculatorId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for TaxCalculatorId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}
