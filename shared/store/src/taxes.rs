//! What taxes are computed by: calculators, their rules, and what is looked up of a sale.
//!
//! The rules of a table stand in its collection, so that one query reads them with it, and its id
//! stands in theirs, so that each is found without an index.

use std::collections::HashMap;

use perennial_domain::{
    catalog::Sku,
    ids::{BundleId, ManualTaxCalculatorId, OrganizationId, SkuId, TaxRuleId},
    order::Addresses,
    pricing::{Bundle, OrderedItem},
    tax::{ExternalTaxCalculator, MAX_TAX_RULES, ManualTaxCalculator, TaxFacts, TaxRule, TaxTable},
};

use crate::{
    Resource, Store, StoreError,
    item::{from_item, text},
    keys::{Key, SELF, partition},
    members::Collection,
};

/// The letter of tables in keys.
const TABLE: &str = "TC";
/// The letter of services in keys.
const SERVICE: &str = "TE";
/// The letter of rules in the list index.
pub(crate) const RULES: &str = "TR";
/// What sort keys of rules begin with.
const RULE: &str = "T#";
/// Most rules that are read: more than a table may be given, since those that are given to it at once
/// do not count each other.
const MOST_READ: usize = 2 * MAX_TAX_RULES;

/// The key of a rule: within the collection of its table. What is no id of a rule names nothing.
pub(crate) fn key_of_rule(organization: &OrganizationId, id: &str) -> Key {
    let calculator = id.parse::<TaxRuleId>().ok().and_then(|id| id.calculator());
    let calculator = calculator.as_ref().map_or("", ManualTaxCalculatorId::as_str);
    let tail = id.rsplit_once('_').map_or("", |(_, tail)| tail);
    Key { pk: partition(organization, TABLE, calculator), sk: format!("{RULE}{tail}") }
}

impl Store {
    /// A table with its rules, read consistently: one read unit for some 12 rules. `None` where there
    /// is no such table.
    ///
    /// # Errors
    /// When storage does not answer or holds something unreadable, or more than is read.
    pub async fn tax_table(
        &self,
        organization: &OrganizationId,
        id: &ManualTaxCalculatorId,
    ) -> Result<Option<TaxTable>, StoreError> {
        let pk = partition(organization, TABLE, id.as_str());
        let (mut calculator, mut rules) = (None::<ManualTaxCalculator>, Vec::new());
        let whole = Collection { table: &self.book, pk: &pk, prefix: None, limit: None };
        self.visit(&whole, &mut |item| {
            match text(&item, "sk").as_deref() {
                Some(SELF) => calculator = Some(from_item(item)?),
                Some(sk) if sk.starts_with(RULE) => rules.push(from_item::<TaxRule>(item)?),
                Some(_) | None => {}
            }
            Ok(rules.len() <= MOST_READ)
        })
        .await?;
        if rules.len() > MOST_READ {
            let told = format!("{id} has more than {MOST_READ} rules");
            return Err(StoreError::Refused(told));
        }
        Ok(calculator.map(|ManualTaxCalculator { id, tax_rounding, .. }| TaxTable {
            calculator_id: id,
            rounding: tax_rounding,
            rules,
        }))
    }

    /// A service that computes taxes, read consistently. One read unit.
    ///
    /// # Errors
    /// When storage does not answer or holds something unreadable.
    pub async fn external_tax_calculator(
        &self,
        organization: &OrganizationId,
        id: &str,
    ) -> Result<Option<ExternalTaxCalculator>, StoreError> {
        let key = Key::of(organization, SERVICE, id);
        self.get_item(&self.book, &key, true).await?.map(from_item).transpose()
    }

    /// What taxes depend on beyond a sale itself: where its addresses lead, the shipping address
    /// before the other, and the categories of what is sold. One batch, one read unit for each.
    ///
    /// # Errors
    /// When storage does not answer or holds something unreadable.
    pub async fn tax_facts(
        &self,
        organization: &OrganizationId,
        addresses: &Addresses,
        items: impl IntoIterator<Item = &OrderedItem>,
    ) -> Result<TaxFacts, StoreError> {
        let addresses: Vec<Key> =
            addresses.iter().map(|id| Key::of(organization, "A", id.as_str())).collect();
        let (mut skus, mut bundles) = (HashMap::new(), HashMap::new());
        for item in items {
            if let Some(code) = item.sku_code() {
                let id = SkuId::of_code(code);
                skus.insert(Key::of(organization, Sku::KIND, id.as_str()), code.to_owned());
            }
            if let Some(code) = item.bundle_code() {
                let id = BundleId::of_code(code);
                bundles.insert(Key::of(organization, Bundle::KIND, id.as_str()), code.to_owned());
            }
        }
        let wanted = addresses.iter().chain(skus.keys()).chain(bundles.keys()).cloned();
        let mut found = match addresses.is_empty() && skus.is_empty() && bundles.is_empty() {
            true => HashMap::new(),
            false => self.get_items(&self.book, wanted, true).await?,
        };
        let destination = addresses.iter().find_map(|key| found.remove(key));
        let destination = destination.map(from_item).transpose()?.unwrap_or_default();
        let categories = |codes: HashMap<Key, String>| {
            let category = |key: &Key| text(found.get(key)?, "tax_category");
            codes.into_iter().filter_map(|(key, code)| Some((code, category(&key)?))).collect()
        };
        Ok(TaxFacts { destination, skus: categories(skus), bundles: categories(bundles) })
    }
}
