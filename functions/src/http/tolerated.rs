//! Relationships of the public API that have no counterpart here and make no difference to orders.
//! Its published client library requires them in its types, so that they are taken and left alone:
//! neither looked up nor kept nor answered. Any other unknown relationship is refused.

/// By resource type, the names of such relationships.
const TOLERATED: [(&str, &[&str]); 2] =
    [("markets", &["merchant", "inventory_model"]), ("skus", &["shipping_category"])];

/// The relationships that documents about a type may hold without effect.
pub(crate) fn tolerated(kind: &str) -> &'static [&'static str] {
    TOLERATED.iter().find(|(of, _)| *of == kind).map_or(&[], |(_, names)| names)
}
