//! Content negotiation, as JSON:API 1.1 demands it: one media type, and no parameters but `profile`.

use super::error::{Code, Outcome, Problem};

/// The media type of all documents.
pub(crate) const JSON_API: &str = "application/vnd.api+json";

/// A media type with its parameters, in lower case where case doesn't matter.
struct MediaType<'a> {
    essence: String,
    parameters: Vec<(String, &'a str)>,
}

fn parse(text: &str) -> MediaType<'_> {
    let mut parts = split_outside_quotes(text, ';');
    let essence = parts.next().unwrap_or_default().trim().to_ascii_lowercase();
    let parameters = parts
        .filter_map(|part| part.split_once('='))
        .map(|(name, value)| (name.trim().to_ascii_lowercase(), value.trim().trim_matches('"')))
        .collect();
    MediaType { essence, parameters }
}

/// Splits at a separator that does not stand in a quoted string: profiles may hold commas.
fn split_outside_quotes(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    text.split(move |c: char| {
        if c == '"' {
            quoted = !quoted;
        }
        c == separator && !quoted
    })
}

/// Checks the `Content-Type` of a body.
pub(crate) fn check_content_type(header: Option<&str>) -> Outcome<()> {
    let refuse = |why: String| {
        Err(Problem::new(Code::UnsupportedMediaType, format!("{why}; send the body as {JSON_API}"))
            .in_header("Content-Type")
            .into())
    };
    let Some(header) = header else {
        return refuse("the body has no Content-Type".to_owned());
    };
    let given = parse(header);
    if given.essence != JSON_API {
        let shown: String = header.chars().take(100).collect();
        return refuse(format!("the body is sent as {shown:?}"));
    }
    match given.parameters.iter().find(|(name, _)| name != "profile") {
        None => Ok(()),
        Some((name, value)) if name == "ext" => {
            refuse(format!("the extension {value:?} is not supported, as none is"))
        }
        Some((name, _)) => refuse(format!(
            "the media type has the parameter {name:?}, JSON:API allows only ext and profile"
        )),
    }
}

/// Checks that the client accepts what we answer. Instances of our media type with other parameters
/// than `profile` don't count, since no extension is supported; where there are none but those, we
/// must refuse, whatever else is accepted beside them.
pub(crate) fn check_accept(header: Option<&str>) -> Outcome<()> {
    let Some(header) = header.filter(|header| !header.trim().is_empty()) else { return Ok(()) };
    let ranges = || split_outside_quotes(header, ',').map(parse).filter(|range| !excluded(range));
    let ours = || ranges().filter(|range| range.essence == JSON_API);
    let plain = |range: &MediaType<'_>| {
        range.parameters.iter().all(|(name, _)| name == "q" || name == "profile")
    };
    let acceptable = if ours().next().is_some() {
        ours().any(|range| plain(&range))
    } else {
        ranges().any(|range| matches!(range.essence.as_str(), "*/*" | "application/*"))
    };
    if acceptable {
        Ok(())
    } else {
        let shown: String = header.chars().take(100).collect();
        Err(Problem::new(
            Code::NotAcceptable,
            format!("answers are {JSON_API} without extensions, which {shown:?} does not accept"),
        )
        .in_header("Accept")
        .into())
    }
}

/// Whether a range names what is not wanted: its weight is zero.
fn excluded(range: &MediaType<'_>) -> bool {
    let zero = |value: &str| value.trim_matches(['0', '.']).is_empty();
    range.parameters.iter().any(|(name, value)| name == "q" && zero(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_json_api_without_extensions() {
        let profile = r#"application/vnd.api+json; profile="http://a;b http://c,d""#;
        for good in [JSON_API, "Application/VND.api+json", profile] {
            assert_eq!(check_content_type(Some(good)), Ok(()), "{good}");
        }
        for bad in [
            "application/json",
            "",
            "text/plain",
            "application/vnd.api+json; charset=utf-8",
            r#"application/vnd.api+json; ext="https://jsonapi.org/ext/atomic""#,
            "ü",
        ] {
            let refused = check_content_type(Some(bad)).map_err(|error| error.status());
            assert_eq!(refused, Err(415), "{bad}");
        }
        assert!(check_content_type(None).is_err());
    }

    #[test]
    fn a_client_that_accepts_json_api_in_some_form_is_answered() {
        for good in [
            "*/*",
            "",
            "application/*",
            "text/html, application/vnd.api+json",
            r#"application/vnd.api+json; ext="x", application/vnd.api+json"#,
            "application/json, text/plain, */*;q=0.5",
        ] {
            assert_eq!(check_accept(Some(good)), Ok(()), "{good}");
        }
        for bad in [
            "text/html",
            "application/json",
            r#"application/vnd.api+json; ext="x""#,
            r#"application/vnd.api+json; ext="x", */*"#,
            "application/vnd.api+json; charset=utf-8, application/*",
            "*/*;q=0",
        ] {
            assert_eq!(check_accept(Some(bad)).map_err(|e| e.status()), Err(406), "{bad}");
        }
        assert_eq!(check_accept(None), Ok(()));
    }
}
