//! Bodies and queries as Stripe takes them: `application/x-www-form-urlencoded`.

use std::fmt::Write as _;

/// Names and values in the order in which they were added. The order matters: a request that is sent
/// again under its idempotency key must be the same.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Form(String);

impl Form {
    pub(super) fn with(mut self, name: &str, value: impl AsRef<str>) -> Self {
        if !self.0.is_empty() {
            self.0.push('&');
        }
        escape(name, &mut self.0);
        self.0.push('=');
        escape(value.as_ref(), &mut self.0);
        self
    }

    pub(super) fn metadata(self, name: &str, value: impl AsRef<str>) -> Self {
        self.with(&format!("metadata[{name}]"), value)
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

/// All but the unreserved characters of RFC 3986, and the brackets by which names are nested, which
/// may stand as they are.
pub(super) fn escape(text: &str, into: &mut String) {
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'[' | b']' => {
                into.push(char::from(byte));
            }
            // Writing to a string does not fail.
            _ => drop(write!(into, "%{byte:02X}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_values_are_escaped() {
        let form = Form::default()
            .with("amount", "1999")
            .metadata("perennial_key", "org:ord_1:1")
            .with("a b", "ü&=+%\n");
        assert_eq!(
            form.as_str(),
            "amount=1999&metadata[perennial_key]=org%3Aord_1%3A1&a%20b=%C3%BC%26%3D%2B%25%0A"
        );
    }
}
