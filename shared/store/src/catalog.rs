//! Resources that stand alone: goods, customers, payment sources, markets, models.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use chrono::{DateTime, Utc};
use perennial_domain::{
    catalog::{Customer, Market, PaymentSource, Sku, SubscriptionModel},
    ids::OrganizationId,
    organization::Organization,
    pricing::{Adjustment, Bundle, Price, PriceList},
    webhook::Webhook,
};
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    Part, Store, StoreError,
    customer_index::place_by_customer,
    error::held,
    item::{Item, from_item, n, s, to_item},
    keys::{Key, list_pk, list_sk},
    listing::Listed,
};

/// A resource with an item of its own.
pub trait Resource: Serialize + DeserializeOwned + Send + Sync {
    /// The letter of its kind in keys; see `docs/storage.md`.
    const KIND: &'static str;
    /// What it is, for conflicts.
    const PART: Part;
    /// Its identifier.
    fn id(&self) -> &str;
    /// Its version.
    fn version(&self) -> u64;
    /// When it was made.
    fn created_at(&self) -> DateTime<Utc>;
}

macro_rules! resources {
    ($($type:ty, $kind:literal, $part:expr;)+) => {$(
        impl Resource for $type {
            const KIND: &'static str = $kind;
            const PART: Part = $part;
            fn id(&self) -> &str {
                self.id.as_str()
            }
            fn version(&self) -> u64 {
                self.version
            }
            fn created_at(&self) -> DateTime<Utc> {
                self.created_at
            }
        }

        impl Listed for $type {
            const LETTER: &'static str = $kind;
            fn from_item(item: Item) -> Result<Self, StoreError> {
                from_item(item)
            }
        }
    )+};
}

resources! {
    Sku, "K", Part::Sku;
    Customer, "C", Part::Customer;
    PaymentSource, "P", Part::PaymentSource;
    Market, "M", Part::Market;
    SubscriptionModel, "D", Part::Model;
    Webhook, "W", Part::Record("webhook");
    PriceList, "N", Part::Record("price list");
    Price, "V", Part::Record("price");
    Bundle, "B", Part::Record("bundle");
    Adjustment, "X", Part::Record("adjustment");
    Organization, "R", Part::Record("organization");
}

/// The item of a resource, with its place in the list index.
pub(crate) fn resource_item<T: Resource>(
    organization: &OrganizationId,
    resource: &T,
) -> Result<Item, StoreError> {
    let key = Key::of(organization, T::KIND, resource.id());
    let mut item = to_item(&key, resource)?;
    item.insert("list_pk".to_owned(), s(list_pk(organization, T::KIND)));
    item.insert("list_sk".to_owned(), s(list_sk(resource.created_at())));
    place_by_customer(&mut item);
    Ok(item)
}

impl Store {
    /// Whether an organization has switched subscriptions off. Half a read unit.
    ///
    /// # Errors
    /// As [`Store::get`].
    pub async fn subscriptions_off(
        &self,
        organization: &OrganizationId,
    ) -> Result<bool, StoreError> {
        let ids = [organization.to_string()];
        let found = self.get_many::<Organization>(organization, ids).await?;
        Ok(found.values().any(|settings| !settings.subscriptions_enabled))
    }

    /// Stores a new resource. One write unit per KB, and one for its place in the list.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when one with this id exists.
    pub async fn create<T: Resource>(
        &self,
        organization: &OrganizationId,
        resource: &T,
    ) -> Result<(), StoreError> {
        let item = resource_item(organization, resource)?;
        self.put(item, T::PART, "attribute_not_exists(pk)", None).await
    }

    /// Replaces a resource whose version was `seen`.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when its version is another by now.
    pub async fn update<T: Resource>(
        &self,
        organization: &OrganizationId,
        resource: &T,
        seen: u64,
    ) -> Result<(), StoreError> {
        let item = resource_item(organization, resource)?;
        self.put(item, T::PART, "version = :seen", Some(n(seen))).await
    }

    pub(crate) async fn put(
        &self,
        item: Item,
        part: Part,
        condition: &str,
        seen: Option<AttributeValue>,
    ) -> Result<(), StoreError> {
        let put = self
            .client
            .put_item()
            .table_name(&self.book)
            .set_item(Some(item))
            .condition_expression(condition);
        let put = match seen {
            Some(seen) => put.expression_attribute_values(":seen", seen),
            None => put,
        };
        match held(put.send().await)? {
            Some(_) => Ok(()),
            None => Err(StoreError::Conflict(part)),
        }
    }

    /// A resource, read consistently. One read unit per 4 KB.
    ///
    /// # Errors
    /// When storage does not answer or holds something unreadable.
    pub async fn get<T: Resource>(
        &self,
        organization: &OrganizationId,
        id: &str,
    ) -> Result<Option<T>, StoreError> {
        let key = Key::of(organization, T::KIND, id);
        self.get_item(&self.book, &key, true).await?.map(from_item).transpose()
    }

    /// Those of the resources that exist, by id; read consistently, at one read unit each. Nothing
    /// is asked where nothing is wanted.
    ///
    /// # Errors
    /// As [`Store::get`].
    pub async fn get_all<T: Resource>(
        &self,
        organization: &OrganizationId,
        ids: Vec<String>,
    ) -> Result<HashMap<String, T>, StoreError> {
        if ids.is_empty() {
            return Ok(HashMap::new());
        }
        let keys = ids.into_iter().map(|id| Key::of(organization, T::KIND, &id));
        by_id(self.get_items(&self.book, keys, true).await?)
    }

    /// Those of the resources that exist, by id; read eventually consistently, at half a read unit
    /// each.
    ///
    /// # Errors
    /// As [`Store::get`].
    pub async fn get_many<T: Resource>(
        &self,
        organization: &OrganizationId,
        ids: impl IntoIterator<Item = String>,
    ) -> Result<HashMap<String, T>, StoreError> {
        let keys = ids.into_iter().map(|id| Key::of(organization, T::KIND, &id));
        by_id(self.get_items(&self.book, keys, false).await?)
    }
}

fn by_id<T: Resource>(items: HashMap<Key, Item>) -> Result<HashMap<String, T>, StoreError> {
    items
        .into_values()
        .map(|item| {
            let resource: T = from_item(item)?;
            Ok((resource.id().to_owned(), resource))
        })
        .collect()
}
