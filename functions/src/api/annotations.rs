//! What a client keeps with its resources, and no rule reads: reference, its origin, and metadata.

use serde_json::Value;

use super::{
    catalog::{METADATA, REFERENCE, REFERENCE_ORIGIN},
    settled_json::settled,
};
use crate::http::{
    attributes::{Attribute, Attributes, Given},
    error::Problems,
};

/// With what the server alone writes, clients keep nothing.
const NOTHING: &str = "Null: nothing is kept with it.";
/// See [`unkept`].
pub(crate) const NO_REFERENCE: Attribute = Attribute::read("reference", REFERENCE.kind, NOTHING);
/// See [`unkept`].
pub(crate) const NO_REFERENCE_ORIGIN: Attribute =
    Attribute::read("reference_origin", REFERENCE_ORIGIN.kind, NOTHING);
/// See [`unkept`].
pub(crate) const NO_METADATA: Attribute = Attribute::read("metadata", METADATA.kind, NOTHING);

/// Attributes of what the server alone writes, which has what every resource has.
pub(crate) fn unkept(mut attributes: Value) -> Value {
    if let Value::Object(attributes) = &mut attributes {
        for Attribute { name, .. } in [NO_REFERENCE, NO_REFERENCE_ORIGIN, NO_METADATA] {
            attributes.insert(name.to_owned(), Value::Null);
        }
    }
    attributes
}

/// What a client says of it.
#[derive(Debug)]
pub(crate) struct AnnotationChange {
    reference: Given<String>,
    reference_origin: Given<String>,
    metadata: Given<Value>,
}

impl AnnotationChange {
    /// Reads it from a document.
    pub(crate) fn read(attributes: &mut Attributes, problems: &mut Problems) -> Self {
        Self {
            reference: attributes.optional("reference", problems),
            reference_origin: attributes.optional("reference_origin", problems),
            metadata: match attributes.optional("metadata", problems) {
                Given::Value(metadata) => Given::Value(settled(metadata)),
                other => other,
            },
        }
    }

    /// Whether it says anything.
    pub(crate) fn is_given(&self) -> bool {
        self.reference.is_given() || self.reference_origin.is_given() || self.metadata.is_given()
    }

    /// Changes what is kept as the client wants it.
    pub(crate) fn apply(
        &self,
        reference: &mut Option<String>,
        reference_origin: &mut Option<String>,
        metadata: &mut Value,
    ) {
        self.reference.clone().apply(reference);
        self.reference_origin.clone().apply(reference_origin);
        self.metadata.clone().or_default(metadata);
    }
}
