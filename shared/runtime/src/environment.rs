//! Settings, read from environment variables on Lambda and from the template's own
//! `Environment` sections in the local stack.

use std::{collections::BTreeMap, str::FromStr};

use thiserror::Error;

/// The environment variables of one function.
#[derive(Debug, Clone)]
pub struct Environment(BTreeMap<String, String>);

/// A setting that is missing or cannot be read.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum SettingError {
    /// The variable is not set, or empty.
    #[error("the environment variable {name} is not set")]
    Missing {
        /// The variable's name.
        name: String,
    },
    /// The variable's text is not a value of the wanted kind.
    #[error("the environment variable {name} is {value:?}, which is not a valid {expected}")]
    Invalid {
        /// The variable's name.
        name: String,
        /// The text found.
        value: String,
        /// What was expected, for a person to read.
        expected: &'static str,
    },
}

impl Environment {
    /// The environment of this process. Variables that are not UTF-8 are left out.
    #[must_use]
    pub fn process() -> Self {
        Self(
            std::env::vars_os()
                .filter_map(|(name, value)| {
                    Some((name.into_string().ok()?, value.into_string().ok()?))
                })
                .collect(),
        )
    }

    /// An environment made of the given variables.
    #[must_use]
    pub fn from_map(variables: BTreeMap<String, String>) -> Self {
        Self(variables)
    }

    /// The variable, unless it is unset or empty.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// The variable.
    ///
    /// # Errors
    /// [`SettingError::Missing`] when it is unset or empty.
    pub fn require(&self, name: &str) -> Result<String, SettingError> {
        self.get(name)
            .map(str::to_owned)
            .ok_or_else(|| SettingError::Missing { name: name.to_owned() })
    }

    /// The variable parsed, or `default` where it is unset. `expected` names the kind of value for
    /// the error message ("number of seconds").
    ///
    /// # Errors
    /// [`SettingError::Invalid`] when it is set and does not parse.
    pub fn parse_or<T: FromStr>(
        &self,
        name: &str,
        expected: &'static str,
        default: T,
    ) -> Result<T, SettingError> {
        self.get(name).map_or(Ok(default), |value| {
            value.parse().map_err(|_| SettingError::Invalid {
                name: name.to_owned(),
                value: value.to_owned(),
                expected,
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment() -> Environment {
        Environment::from_map(BTreeMap::from([
            ("TABLE".to_owned(), "book".to_owned()),
            ("EMPTY".to_owned(), String::new()),
            ("SHARDS".to_owned(), "many".to_owned()),
        ]))
    }

    #[test]
    fn an_empty_variable_counts_as_missing() {
        let missing = |name: &str| SettingError::Missing { name: name.to_owned() };
        assert_eq!(environment().require("TABLE"), Ok("book".to_owned()));
        assert_eq!(environment().require("EMPTY"), Err(missing("EMPTY")));
        assert_eq!(environment().require("NONE"), Err(missing("NONE")));
    }

    #[test]
    fn a_value_of_the_wrong_kind_is_named_not_defaulted() {
        assert_eq!(environment().parse_or("NONE", "count", 16), Ok(16));
        let error = environment().parse_or("SHARDS", "count", 16_u16).map_err(|e| e.to_string());
        assert_eq!(
            error,
            Err(r#"the environment variable SHARDS is "many", which is not a valid count"#
                .to_owned())
        );
    }
}
