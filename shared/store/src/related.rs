//! All that an order refers to, in one read.

use std::collections::HashMap;

use perennial_domain::{
    catalog::{Customer, Market, PaymentSource, Sku, SubscriptionModel},
    checks::{CheckPolicy, Scope},
    ids::{AddressId, OrganizationId, SkuId},
    order::Order,
};

use crate::{
    Resource, Store, StoreError,
    item::{Item, from_item, text},
    keys::Key,
};

/// What an order refers to, as far as it exists.
#[derive(Debug, Clone, Default)]
pub struct Related {
    /// Its market.
    pub market: Option<Market>,
    /// The market's subscription model.
    pub model: Option<SubscriptionModel>,
    /// Its customer.
    pub customer: Option<Customer>,
    /// Its payment source.
    pub payment_source: Option<PaymentSource>,
    /// The stock keeping units of its lines, those within bundles too.
    pub skus: HashMap<SkuId, Sku>,
    /// The policies that count for its checks; only where these are to be made.
    pub policies: Vec<CheckPolicy>,
    /// The countries of its addresses; only where it is to be checked.
    pub countries: HashMap<AddressId, String>,
}

/// The letter of policies in keys.
const POLICY: &str = "CP";

impl Store {
    /// Reads what an order refers to, consistently: one batch for all of it, and one read more for
    /// the market's model.
    ///
    /// # Errors
    /// When storage does not answer or holds something unreadable.
    pub async fn related(
        &self,
        organization: &OrganizationId,
        order: &Order,
    ) -> Result<Related, StoreError> {
        self.load_related(organization, order, &[]).await
    }

    /// The same with what the checks of the order need beyond it, in the same batch: its addresses,
    /// and the policies that count for it. There are two of these scopes for a market, twice as many
    /// with a channel, and again with a customer; each costs a read unit, whether or not it is there.
    ///
    /// # Errors
    /// As [`Store::related`].
    pub async fn related_to_check(
        &self,
        organization: &OrganizationId,
        order: &Order,
    ) -> Result<Related, StoreError> {
        self.load_related(organization, order, &Scope::of(order).covering()).await
    }

    async fn load_related(
        &self,
        organization: &OrganizationId,
        order: &Order,
        scopes: &[Scope],
    ) -> Result<Related, StoreError> {
        let market = Key::of(organization, Market::KIND, order.market_id.as_str());
        let customer =
            order.customer_id.as_ref().map(|id| Key::of(organization, Customer::KIND, id.as_str()));
        let source = order
            .payment_source_id
            .as_ref()
            .map(|id| Key::of(organization, PaymentSource::KIND, id.as_str()));
        let skus = order
            .line_items
            .iter()
            .flat_map(|line| line.item.sku_codes())
            .map(|code| Key::of(organization, Sku::KIND, SkuId::of_code(code).as_str()));
        let policies: Vec<Key> = scopes
            .iter()
            .map(|scope| Key::of(organization, POLICY, scope.policy_id().as_str()))
            .collect();
        let addresses = order.addresses.iter().filter(|_| !scopes.is_empty());
        let addresses: Vec<(&AddressId, Key)> =
            addresses.map(|id| (id, Key::of(organization, "A", id.as_str()))).collect();
        let keys: Vec<Key> = skus
            .chain([market.clone()])
            .chain(customer.clone())
            .chain(source.clone())
            .chain(policies.iter().cloned())
            .chain(addresses.iter().map(|(_, key)| key.clone()))
            .collect();
        let mut items = self.get_items(&self.book, keys, true).await?;
        let mut related = Related {
            market: items.remove(&market).map(from_item).transpose()?,
            customer: customer.and_then(|key| items.remove(&key)).map(from_item).transpose()?,
            payment_source: source.and_then(|key| items.remove(&key)).map(from_item).transpose()?,
            policies: policies
                .iter()
                .filter_map(|key| items.remove(key))
                .map(from_item)
                .collect::<Result<_, _>>()?,
            ..Related::default()
        };
        let country = |address: &Item| text(address, "country_code").unwrap_or_default();
        for (id, key) in addresses {
            if let Some(address) = items.remove(&key) {
                related.countries.insert(id.clone(), country(&address));
            }
        }
        for item in items.into_values() {
            let sku: Sku = from_item(item)?;
            related.skus.insert(sku.id.clone(), sku);
        }
        if let Some(model) = related.market.as_ref().and_then(|market| market.model_id.as_ref()) {
            related.model = self.get(organization, model.as_str()).await?;
        }
        Ok(related)
    }
}
