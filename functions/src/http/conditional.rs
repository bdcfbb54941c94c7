//! Entity tags: the version of a resource, and `If-Match`.

use super::error::{Code, Outcome, Problem};

/// The entity tag of a version.
pub(crate) fn etag(version: u64) -> String {
    format!("\"{version}\"")
}

/// Refuses a change to another version than the client has seen.
pub(crate) fn check_if_match(header: Option<&str>, version: u64) -> Outcome<()> {
    let Some(header) = header else { return Ok(()) };
    let current = etag(version);
    // Weak tags never match: a change must be based on exactly what was seen.
    let matches = header.split(',').map(str::trim).any(|tag| tag == "*" || tag == current);
    if matches {
        return Ok(());
    }
    let shown: String = header.chars().take(100).collect();
    Err(Problem::new(
        Code::PreconditionFailed,
        format!(
            "If-Match is {shown}, the current version is {current}: read it again, then decide"
        ),
    )
    .in_header("If-Match")
    .with("value", shown)
    .with("current", current)
    .into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_current_version_matches() {
        for good in ["\"3\"", "*", "\"1\", \"3\""] {
            assert_eq!(check_if_match(Some(good), 3), Ok(()), "{good}");
        }
        for bad in ["\"2\"", "W/\"3\"", "3", "", "\"33\""] {
            let refused = check_if_match(Some(bad), 3).map_err(|error| error.status());
            assert_eq!(refused, Err(412), "{bad}");
        }
        assert_eq!(check_if_match(None, 3), Ok(()));
    }
}
