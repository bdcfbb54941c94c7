//! Hashes by which repeats are known.

use crate::http::context::digest;

/// A hash of texts, as text.
pub(super) fn hex(parts: &[&str]) -> String {
    digest(parts).iter().map(|byte| format!("{byte:02x}")).collect()
}
