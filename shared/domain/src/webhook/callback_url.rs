//! Where messages are sent to.

use std::{fmt, net::IpAddr, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use thiserror::Error;

/// Longest URL, in bytes.
const MAX_BYTES: usize = 2_000;

/// An absolute `https` or `http` URL without credentials and fragment. Host names beyond ASCII
/// stand in it in their ASCII form.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CallbackUrl {
    text: String,
    https: bool,
    host: String,
    port: u16,
}

/// Why a text is no callback URL.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum CallbackUrlError {
    /// It is too long.
    #[error("a callback URL has at most {MAX_BYTES} characters")]
    TooLong,
    /// It has characters that no URL has.
    #[error("a callback URL is written in printable ASCII without spaces; percent-encode the rest")]
    Characters,
    /// It does not begin with a scheme that we speak.
    #[error("a callback URL begins with https://")]
    Scheme,
    /// It has a user or a password.
    #[error("a callback URL holds no user or password: messages are signed instead")]
    Credentials,
    /// It has a fragment.
    #[error("a callback URL has no fragment (#...): it would not be sent")]
    Fragment,
    /// Its host or its port can't be read.
    #[error("{0:?} is not a host, or a host and a port")]
    Host(String),
}

impl CallbackUrl {
    /// The URL's text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether messages are encrypted on their way.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.https
    }

    /// The host's name or address; an IPv6 address without its brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// What the `Host` header says.
    #[must_use]
    pub fn authority(&self) -> &str {
        let rest = self.after_scheme();
        rest.find(['/', '?']).map_or(rest, |end| rest.get(..end).unwrap_or(rest))
    }

    /// Path and query, as the request line has them.
    #[must_use]
    pub fn target(&self) -> String {
        let target = self.after_scheme().strip_prefix(self.authority()).unwrap_or_default();
        if target.starts_with('/') { target.to_owned() } else { format!("/{target}") }
    }

    /// The address, where the host is one and no name.
    #[must_use]
    pub fn literal(&self) -> Option<IpAddr> {
        self.host.parse().ok()
    }

    fn after_scheme(&self) -> &str {
        self.text.split_once("://").map_or("", |(_, rest)| rest)
    }
}

impl FromStr for CallbackUrl {
    type Err = CallbackUrlError;

    fn from_str(text: &str) -> Result<Self, CallbackUrlError> {
        if text.len() > MAX_BYTES {
            return Err(CallbackUrlError::TooLong);
        }
        let plain = |b: u8| b.is_ascii_graphic() && !matches!(b, b'"' | b'<' | b'>' | b'\\' | b'`');
        if !text.bytes().all(plain) {
            return Err(CallbackUrlError::Characters);
        }
        let (scheme, rest) = text.split_once("://").ok_or(CallbackUrlError::Scheme)?;
        let https = match scheme.to_ascii_lowercase().as_str() {
            "https" => true,
            "http" => false,
            _ => return Err(CallbackUrlError::Scheme),
        };
        if rest.contains('#') {
            return Err(CallbackUrlError::Fragment);
        }
        let authority = rest.split(['/', '?']).next().unwrap_or_default();
        if authority.contains('@') {
            return Err(CallbackUrlError::Credentials);
        }
        let (host, port) =
            host_and_port(authority).ok_or_else(|| CallbackUrlError::Host(authority.to_owned()))?;
        let port = port.unwrap_or(if https { 443 } else { 80 });
        Ok(Self { text: text.to_owned(), https, host: host.to_ascii_lowercase(), port })
    }
}

fn host_and_port(authority: &str) -> Option<(&str, Option<u16>)> {
    let (host, port) = if let Some(bracketed) = authority.strip_prefix('[') {
        let (host, port) = bracketed.split_once(']')?;
        host.parse::<std::net::Ipv6Addr>().ok()?;
        (host, port)
    } else {
        let end = authority.find(':').unwrap_or(authority.len());
        let (host, port) = authority.split_at(end);
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_');
        let valid = !host.is_empty() && host.len() <= 253 && host.bytes().all(plain);
        (valid.then_some(host)?, port)
    };
    let port = match port.strip_prefix(':') {
        Some(digits) if digits.bytes().all(|b| b.is_ascii_digit()) => {
            Some(digits.parse().ok().filter(|port| *port != 0)?)
        }
        Some(_) => return None,
        None if port.is_empty() => None,
        None => return None,
    };
    Some((host, port))
}

impl fmt::Display for CallbackUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Serialize for CallbackUrl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for CallbackUrl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
    use super::*;

    #[test]
    fn urls_are_taken_apart() {
        for (text, https, host, port, authority, target) in [
            ("https://shop.example", true, "shop.example", 443, "shop.example", "/"),
            ("HTTPS://Shop.Example/a?b=c", true, "shop.example", 443, "Shop.Example", "/a?b=c"),
            ("http://127.0.0.1:8080/x", false, "127.0.0.1", 8080, "127.0.0.1:8080", "/x"),
            ("https://[::1]:9/", true, "::1", 9, "[::1]:9", "/"),
            ("https://a?b", true, "a", 443, "a", "/?b"),
            ("https://a/@b", true, "a", 443, "a", "/@b"),
        ] {
            let url: CallbackUrl = text.parse().unwrap();
            assert_eq!((url.is_https(), url.host(), url.port()), (https, host, port), "{text}");
            assert_eq!((url.authority(), url.target().as_str()), (authority, target), "{text}");
        }
    }

    #[test]
    fn an_address_in_place_of_a_name_is_known_as_one() {
        let literal = |text: &str| text.parse::<CallbackUrl>().unwrap().literal();
        assert_eq!(literal("http://[::1]/"), Some(IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1])));
        assert_eq!(literal("http://10.0.0.1/"), Some(IpAddr::from([10, 0, 0, 1])));
        // Resolvers read these as addresses; what they resolve to is looked at.
        assert_eq!(literal("http://0x7f.1/"), None);
    }

    #[test]
    fn what_is_no_callback_url_is_refused_with_the_rule() {
        let refusal = |text: &str| text.parse::<CallbackUrl>().unwrap_err();
        assert_eq!(refusal("shop.example"), CallbackUrlError::Scheme);
        assert_eq!(refusal("ftp://shop.example"), CallbackUrlError::Scheme);
        assert_eq!(refusal("https://user:pw@shop.example"), CallbackUrlError::Credentials);
        assert_eq!(refusal("https://shop.example/#top"), CallbackUrlError::Fragment);
        assert_eq!(refusal("https://shop.example/a b"), CallbackUrlError::Characters);
        assert_eq!(refusal("https://shop.example\r\nx: y"), CallbackUrlError::Characters);
        assert_eq!(refusal("https://b\u{fc}cher.example"), CallbackUrlError::Characters);
        for text in [
            "https://",
            "https:///a",
            "https://a:",
            "https://a:0",
            "https://a:65536",
            "https://[::1",
            "https://[::1]x",
            "https://[1.2.3.4]",
            "https://a:+80",
            "https://a%2e",
        ] {
            assert!(matches!(refusal(text), CallbackUrlError::Host(_)), "{text}");
        }
        assert_eq!(refusal(&format!("https://a/{}", "b".repeat(2_000))), CallbackUrlError::TooLong);
    }

    #[test]
    fn a_url_is_shown_and_stored_as_it_was_given() {
        let text = "HTTPS://Shop.Example:8443/Hooks?a=%20";
        let url: CallbackUrl = text.parse().unwrap();
        assert_eq!((url.as_str(), url.to_string().as_str()), (text, text));
        assert_eq!(serde_json::to_value(&url).unwrap(), serde_json::json!(text));
    }

    #[test]
    fn the_longest_url_has_2000_bytes_and_the_longest_host_253() {
        // `https://a/` has 10 of them, `https://` 8.
        let url = |bytes: usize| format!("https://a/{}", "b".repeat(bytes - 10)).parse();
        assert!(url(2_000).is_ok_and(|url: CallbackUrl| url.as_str().len() == 2_000));
        assert_eq!(url(2_001), Err(CallbackUrlError::TooLong));
        let host = |bytes: usize| format!("https://{}/", "b".repeat(bytes)).parse::<CallbackUrl>();
        assert!(host(253).is_ok_and(|url| url.host().len() == 253));
        assert!(matches!(host(254), Err(CallbackUrlError::Host(_))));
    }
}
