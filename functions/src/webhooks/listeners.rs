//! Who listens, read once for all the events of one batch.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use perennial_domain::{ids::OrganizationId, webhook::Webhook};
use perennial_store::{Store, StoreError};
use tokio::sync::OnceCell;

/// The webhooks of an organization, once somebody has asked for them.
type Asked = Arc<OnceCell<Vec<Webhook>>>;

/// The webhooks of the organizations that events of a batch belong to. It lives as long as the batch,
/// so a webhook that is made meanwhile may miss the events that were already in it.
#[derive(Debug, Default)]
pub(super) struct Listeners(Mutex<HashMap<OrganizationId, Asked>>);

impl Listeners {
    /// The webhooks of an organization: read by the first who asks, while others wait for it. Where
    /// they can't be read, the next who asks tries again.
    pub(super) async fn of(
        &self,
        store: &Store,
        organization: &OrganizationId,
    ) -> Result<Vec<Webhook>, StoreError> {
        let asked = {
            let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(known.entry(organization.clone()).or_default())
        };
        asked.get_or_try_init(|| store.webhooks(organization)).await.cloned()
    }
}
