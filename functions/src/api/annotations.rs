//! What a client keeps with its resources, and no rule reads: reference, its origin, and metadata.

use serde_json::Value;

use super::settled_json::settled;
use crate::http::{
    attributes::{Attributes, Given},
    error::Problems,
};

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
