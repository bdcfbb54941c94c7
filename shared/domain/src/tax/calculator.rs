//! What computes a market's taxes.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::ids::{ExternalTaxCalculatorId, IdError, ManualTaxCalculatorId};

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
