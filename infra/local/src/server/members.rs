//! Bodies of local endpoints: an object of known members, refused with the member, the rule and what
//! was given.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

/// The members of a body.
pub(super) struct Members(Map<String, Value>);

impl Members {
    /// Reads a body that may have the known members; null is as good as left out.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn read(body: &[u8], known: &[&str]) -> Result<Self, String> {
        let body: Value = serde_json::from_slice(body)
            .map_err(|error| format!("the body is not JSON: {error}"))?;
        let Value::Object(mut members) = body else {
            return Err(format!("the body must be an object, not {}", cut(&body)));
        };
        members.retain(|_, value| !value.is_null());
        match members.keys().find(|name| !known.contains(&name.as_str())) {
            Some(name) => {
                let name: String = name.chars().take(100).collect();
                Err(format!("there is no member {name:?}; there are: {}", known.join(", ")))
            }
            None => Ok(Self(members)),
        }
    }

    /// A text.
    ///
    /// # Errors
    /// When it is none.
    pub(super) fn text(&self, name: &str) -> Result<Option<String>, String> {
        self.value(name, "text", |value| value.as_str().map(str::to_owned))
    }

    /// An instant, RFC 3339.
    ///
    /// # Errors
    /// When it is none.
    pub(super) fn instant(&self, name: &str) -> Result<Option<DateTime<Utc>>, String> {
        self.value(name, "an instant such as 2027-01-31T00:00:00Z", |value| {
            DateTime::parse_from_rfc3339(value.as_str()?).ok().map(|at| at.to_utc())
        })
    }

    /// A whole number above zero.
    ///
    /// # Errors
    /// When it is none.
    pub(super) fn positive(&self, name: &str) -> Result<Option<i64>, String> {
        self.value(name, "a whole number of 1 or more", |value| {
            value.as_i64().filter(|number| *number > 0)
        })
    }

    /// One of a few words.
    ///
    /// # Errors
    /// When it is none of them.
    pub(super) fn choice(&self, name: &str, words: &[&str]) -> Result<Option<String>, String> {
        self.value(name, &format!("one of {}", words.join(", ")), |value| {
            value.as_str().filter(|word| words.contains(word)).map(str::to_owned)
        })
    }

    fn value<T>(
        &self,
        name: &str,
        rule: &str,
        read: impl Fn(&Value) -> Option<T>,
    ) -> Result<Option<T>, String> {
        let Some(value) = self.0.get(name) else { return Ok(None) };
        match read(value) {
            Some(read) => Ok(Some(read)),
            None => Err(format!("{name} must be {rule}, not {}", cut(value))),
        }
    }
}

/// What must be given.
///
/// # Errors
/// When it was not.
pub(super) fn required<T>(name: &str, value: Option<T>) -> Result<T, String> {
    value.ok_or_else(|| format!("{name} is required"))
}

/// Enough of a value to recognize it.
fn cut(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(100) {
        Some((end, _)) => format!("{}...", text.get(..end).unwrap_or_default()),
        None => text,
    }
}
