//! Addresses that orders have gone by: from then on their lines stay as they are.

use chrono::{DateTime, SecondsFormat, Utc};
use perennial_domain::{ids::OrganizationId, order::Addresses};

use crate::{
    Store, StoreError,
    error::held,
    item::{key_item, n, s},
    keys::Key,
};

/// The letter of addresses in keys.
const ADDRESS: &str = "A";

impl Store {
    /// Notes since when an order or subscription goes by its addresses, where that is not noted yet.
    /// One write unit for each; one that is gone is passed over.
    ///
    /// # Errors
    /// When storage does not answer.
    pub async fn lock_addresses(
        &self,
        organization: &OrganizationId,
        addresses: &Addresses,
        at: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        for id in addresses.iter() {
            let sent = self
                .client
                .update_item()
                .table_name(&self.book)
                .set_key(Some(key_item(&Key::of(organization, ADDRESS, id.as_str()))))
                .update_expression("SET locked_at = :at, version = version + :one")
                .condition_expression("attribute_exists(pk) AND attribute_not_exists(locked_at)")
                .expression_attribute_values(
                    ":at",
                    s(at.to_rfc3339_opts(SecondsFormat::AutoSi, true)),
                )
                .expression_attribute_values(":one", n(1))
                .send()
                .await;
            held(sent)?;
        }
        Ok(())
    }
}
