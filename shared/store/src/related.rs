//! All that an order refers to, in one read.

use std::collections::HashMap;

use perennial_domain::{
    catalog::{Customer, Market, PaymentSource, Sku, SubscriptionModel},
    ids::{OrganizationId, SkuId},
    order::Order,
};

use crate::{Resource, Store, StoreError, item::from_item, keys::Key};

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
}

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
        let keys: Vec<Key> =
            skus.chain([market.clone()]).chain(customer.clone()).chain(source.clone()).collect();
        let mut items = self.get_items(&self.book, keys, true).await?;
        let mut related = Related {
            market: items.remove(&market).map(from_item).transpose()?,
            customer: customer.and_then(|key| items.remove(&key)).map(from_item).transpose()?,
            payment_source: source.and_then(|key| items.remove(&key)).map(from_item).transpose()?,
            ..Related::default()
        };
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
