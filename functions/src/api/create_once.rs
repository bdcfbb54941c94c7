//! Creating a resource once per idempotency key.

use perennial_store::{Resource, StoreError};

use crate::http::{context::Context, error::Outcome};

/// Stores a new resource. When the same request, under the same key, has stored it before and died
/// before it could answer, that one is the answer.
pub(super) async fn create<T: Resource>(context: &Context<'_>, resource: T) -> Outcome<T> {
    let organization = &context.caller.organization;
    match context.store().create(organization, &resource).await {
        Ok(()) => Ok(resource),
        Err(conflict @ StoreError::Conflict(_)) if context.once.is_some() => {
            let existing = context.store().get(organization, resource.id()).await?;
            existing.ok_or_else(|| conflict.into())
        }
        Err(error) => Err(error.into()),
    }
}
