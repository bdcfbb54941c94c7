//! Query parameters as they stand in a request: names and values, and what is wrong with them.

use perennial_store::CursorError;

use crate::http::error::{Code, Problem};

/// The inner name of a parameter like `fields[orders]`.
pub(super) fn bracketed<'a>(name: &'a str, outer: &str) -> Option<&'a str> {
    name.strip_prefix(outer)?.strip_prefix('[')?.strip_suffix(']')
}

/// As much of a text as an error repeats.
pub(super) fn cut(text: &str) -> String {
    text.chars().take(100).collect()
}

/// The problem of a parameter that breaks a rule.
pub(crate) fn invalid(parameter: &str, rule: &str, value: &str) -> Problem {
    let (parameter, value) = (cut(parameter), cut(value));
    Problem::new(Code::InvalidParameter, format!("{parameter} {rule}; it is {value:?}"))
        .in_parameter(parameter)
        .with("value", value)
}

/// The problem of a cursor that is none of this query's.
pub(super) fn bad_cursor(parameter: &str, error: &CursorError, value: &str) -> Problem {
    Problem::new(Code::InvalidCursor, format!("{parameter} {error}"))
        .in_parameter(parameter)
        .with("value", cut(value))
}

/// Names and values, decoded.
pub(crate) fn pairs(text: &str) -> Vec<(String, String)> {
    text.split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decoded(name), decoded(value))
        })
        .collect()
}

/// Percent-decoding of forms: `+` is a space, what is no escape stays as it is.
fn decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((first, tail)) = rest.split_first() {
        rest = tail;
        match (first, tail) {
            (b'+', _) => out.push(b' '),
            (b'%', [high, low, after @ ..]) => match (hex(*high), hex(*low)) {
                (Some(high), Some(low)) => {
                    out.push(high << 4 | low);
                    rest = after;
                }
                _ => out.push(b'%'),
            },
            (other, _) => out.push(*other),
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_decoded_and_odd_ones_survive() {
        assert_eq!(
            pairs("page%5Bsize%5D=5&a=b+c&&x&%zz=%e4"),
            [
                ("page[size]".to_owned(), "5".to_owned()),
                ("a".to_owned(), "b c".to_owned()),
                ("x".to_owned(), String::new()),
                ("%zz".to_owned(), "\u{fffd}".to_owned()),
            ]
        );
    }
}
