//! What the rows of an import refer to, read once for all of them.

use std::collections::{BTreeSet, HashMap, HashSet};

use futures::{StreamExt, TryStreamExt, stream};
use perennial_domain::{
    catalog::{Customer, Market, PaymentSource, SubscriptionModel},
    ids::{CustomerId, MarketId, ModelId, PaymentSourceId, SubscriptionId, SubscriptionItemId},
    order::{Addresses, Annotations},
    subscription::SubscriptionItem,
};
use perennial_store::{Record, RecordKind, StoreError};
use serde_json::{Value, json};

use super::{
    place::{address_of, members},
    row::{Item, Paid, Row, Who, missing},
    write::CONCURRENCY,
};
use crate::{
    api::{addresses, customers},
    goods::{Goods, Sale, Sold, WantedId},
    http::{
        context::Context,
        error::{Code, Outcome, Problem, Problems},
    },
    payments::SOURCES,
};

/// What rows refer to, as it is now.
pub(super) struct Parts {
    markets: HashMap<String, Market>,
    models: HashMap<String, SubscriptionModel>,
    customers: HashMap<String, Customer>,
    payment_sources: HashMap<String, PaymentSource>,
    /// Payment sources that earlier rows have made and that are no more.
    deleted_sources: HashSet<String>,
    /// Addresses that are here.
    addresses: HashSet<String>,
    /// What each market sells, at its prices.
    goods: HashMap<MarketId, Goods>,
}

/// A customer, how they pay and where things go: who is here, and what is still to be made.
pub(super) struct People {
    pub(super) customer: CustomerId,
    pub(super) payment_source: Option<PaymentSourceId>,
    /// The customer's record, where there is none yet.
    pub(super) new_customer: Option<Record>,
    /// The payment source's record, where there is none yet.
    pub(super) new_payment_source: Option<Record>,
    /// Where goods and bills go.
    pub(super) addresses: Addresses,
    /// The records of addresses that are not there yet.
    pub(super) new_addresses: Vec<Record>,
}

impl People {
    /// What is still to be made, by its id.
    pub(super) fn records(self) -> Vec<(String, (RecordKind, Record))> {
        let customer = self.new_customer.map(|record| (customers::CATALOG.stored, record));
        let source = self.new_payment_source.map(|record| (SOURCES, record));
        let places = self.new_addresses.into_iter();
        let places = places.map(|record| (addresses::CATALOG.stored, record));
        let all = customer.into_iter().chain(source).chain(places);
        let id = |record: &Record| record.get("id").and_then(Value::as_str).map(str::to_owned);
        all.map(|(kind, record)| (id(&record).unwrap_or_default(), (kind, record))).collect()
    }
}

/// The customer whom a row names.
fn customer_of(who: &Who, organization: &str, source: &str) -> CustomerId {
    match who {
        Who::Here(id) => id.clone(),
        Who::Theirs { reference: Some(reference), .. } => {
            CustomerId::derived(&["import", organization, source, "reference", reference])
        }
        Who::Theirs { reference: None, email, .. } => {
            let email = email.as_deref().unwrap_or_default().to_lowercase();
            CustomerId::derived(&["import", organization, source, "email", &email])
        }
    }
}

/// The payment source that a row names.
fn payment_source_of(paid: &Paid, customer: &CustomerId) -> PaymentSourceId {
    match paid {
        Paid::By(id) => id.clone(),
        Paid::With { token, .. } => PaymentSourceId::derived(&["import", customer.as_str(), token]),
    }
}

impl Parts {
    /// Reads all that the rows refer to: one read unit for each thing.
    pub(super) async fn load(context: &Context<'_>, source: &str, rows: &[&Row]) -> Outcome<Self> {
        let organization = &context.caller.organization;
        let store = context.store();
        let (mut market_ids, mut model_ids) = (BTreeSet::new(), BTreeSet::new());
        let (mut customer_ids, mut source_ids) = (BTreeSet::new(), BTreeSet::new());
        let mut address_ids = BTreeSet::new();
        for row in rows {
            market_ids.insert(row.market.to_string());
            model_ids.extend(row.model.as_ref().map(ToString::to_string));
            let customer = customer_of(&row.who, organization.as_str(), source);
            let paid = row.paid.as_ref().map(|paid| payment_source_of(paid, &customer));
            source_ids.extend(paid.map(|id| id.to_string()));
            let places = row.places.iter();
            address_ids.extend(places.map(|lines| address_of(&customer, lines).to_string()));
            customer_ids.insert(customer.to_string());
        }
        let list = |ids: BTreeSet<String>| ids.into_iter().collect::<Vec<_>>();
        let address_ids = list(address_ids);
        let (mut markets, customers, payment_sources, addresses) = futures::try_join!(
            store.get_all::<Market>(organization, list(market_ids)),
            store.get_all::<Customer>(organization, list(customer_ids)),
            store.get_all::<PaymentSource>(organization, list(source_ids)),
            store.records(organization, addresses::CATALOG.stored, &address_ids, true),
        )?;
        let here = (&customers, &payment_sources);
        let deleted_sources = deleted_sources(context, source, rows, here).await?;
        markets.retain(|_, market| context.caller.sees(&market.id));
        let of_markets = markets.values().filter_map(|market| market.model_id.as_ref());
        model_ids.extend(of_markets.map(ToString::to_string));
        let models = store.get_all(organization, list(model_ids)).await?;
        let mut goods = HashMap::new();
        for market in markets.values() {
            let of_market = rows.iter().filter(|row| row.market == market.id);
            let wanted = of_market.flat_map(|row| &row.items).map(|item| &item.wanted.id);
            let wanted: Vec<WantedId> = distinct(wanted);
            let found = Goods::load(store, organization, &wanted).await?;
            let priced = found.priced_by(store, organization, market.price_list_id.as_ref());
            goods.insert(market.id.clone(), priced.await?);
        }
        let id = |address: &Record| address.get("id")?.as_str().map(str::to_owned);
        let addresses = addresses.iter().filter_map(id).collect();
        Ok(Self { markets, models, customers, payment_sources, deleted_sources, addresses, goods })
    }

    /// Whether what a row is paid by is no more.
    pub(super) fn lacks_source(&self, context: &Context<'_>, source: &str, row: &Row) -> bool {
        let Some(paid) = &row.paid else { return false };
        let organization = context.caller.organization.as_str();
        let id = payment_source_of(paid, &customer_of(&row.who, organization, source));
        match paid {
            Paid::By(_) => !self.payment_sources.contains_key(id.as_str()),
            Paid::With { .. } => self.deleted_sources.contains(id.as_str()),
        }
    }

    /// A row's market.
    pub(super) fn market(&self, row: &Row, problems: &mut Problems) -> Option<&Market> {
        let found = self.markets.get(row.market.as_str());
        if found.is_none() {
            problems.add(missing("/market_id", "market", row.market.as_str()));
        }
        found
    }

    /// A row's model, or else its market's.
    pub(super) fn model(
        &self,
        row: &Row,
        market: &Market,
        problems: &mut Problems,
    ) -> Option<&SubscriptionModel> {
        let of_market = market.model_id.as_ref();
        let id: &ModelId = row.model.as_ref().or(of_market)?;
        let found = self.models.get(id.as_str());
        if found.is_none() && row.model.is_some() {
            problems.add(missing("/subscription_model_id", "subscription model", id.as_str()));
        }
        found
    }

    /// A row's items, each at the price that was given or else the one that it has there.
    pub(super) fn items<'a>(
        &'a self,
        context: &Context<'_>,
        id: &SubscriptionId,
        row: &Row,
        market: &Market,
        problems: &mut Problems,
    ) -> (Vec<SubscriptionItem>, Vec<&'a perennial_domain::catalog::Sku>) {
        let (mut items, mut skus) = (Vec::with_capacity(row.items.len()), Vec::new());
        let Some(goods) = self.goods.get(&market.id) else { return (items, skus) };
        let sale = Sale {
            market: Some(&market.id),
            currency: market.currency,
            at: context.now,
            quantity: 1,
        };
        for (place, Item { wanted, quantity, given }) in row.items.iter().enumerate() {
            match goods.sell(wanted, *given, Sale { quantity: *quantity, ..sale }) {
                Ok(Sold { item, name, price, compare_at: _, skus: within }) => {
                    skus.extend(within);
                    items.push(SubscriptionItem {
                        id: SubscriptionItemId::of(id, &format!("imported {place}")),
                        item,
                        name,
                        quantity: *quantity,
                        unit_amount: price.amount,
                        price_override: given.is_some(),
                        one_off: false,
                        annotations: Annotations::default(),
                    });
                }
                Err(problem) => problems.add(problem),
            }
        }
        (items, skus)
    }

    /// Who pays, how, and where goods and bills go.
    pub(super) fn people(
        &self,
        context: &Context<'_>,
        source: &str,
        row: &Row,
        problems: &mut Problems,
    ) -> People {
        let customer = customer_of(&row.who, context.caller.organization.as_str(), source);
        let mut new_customer = None;
        if !self.customers.contains_key(customer.as_str()) {
            match &row.who {
                Who::Here(id) => problems.add(missing("/customer_id", "customer", id.as_str())),
                Who::Theirs { email: None, .. } => {
                    let detail = "customer_email is required: no row of this source has made the \
                                  customer";
                    problems.add(Problem::new(Code::Required, detail).at("/customer_email"));
                }
                Who::Theirs { reference, email: Some(email), name } => {
                    new_customer = Some(record(
                        context,
                        json!({
                            "id": customer,
                            "email": email,
                            "name": name,
                            "on_hold": false,
                            "reference": reference,
                            "reference_origin": reference.as_ref().map(|_| source),
                        }),
                    ));
                }
            }
        }
        let payment_source = row.paid.as_ref().map(|paid| payment_source_of(paid, &customer));
        let found = payment_source.as_ref().and_then(|id| self.payment_sources.get(id.as_str()));
        let mut new_payment_source = None;
        match (&row.paid, found) {
            (Some(Paid::By(id)), None) => {
                let what = "customer payment source";
                problems.add(missing("/payment_source_id", what, id.as_str()));
            }
            (Some(Paid::By(id)), Some(found)) if found.customer_id != customer => {
                let detail = format!("payment source {id} belongs to another customer");
                let problem = Problem::new(Code::InvalidValue, detail).at("/payment_source_id");
                problems.add(problem.with("value", id.as_str()));
            }
            (Some(Paid::With { .. }), None) if self.lacks_source(context, source, row) => {
                let id = payment_source.as_ref().map(PaymentSourceId::as_str).unwrap_or_default();
                let detail = format!(
                    "payment source {id}, which an earlier row made of this payment_source_token, was \
                     deleted since: give the row another token, or the payment_source_id of one that \
                     is here"
                );
                let problem = Problem::new(Code::RelatedNotFound, detail);
                problems.add(problem.at("/payment_source_token").with("value", id));
            }
            (Some(Paid::With { token, name }), None) => {
                new_payment_source = Some(record(
                    context,
                    json!({
                        "id": payment_source,
                        "customer_id": customer,
                        "payment_source_token": token,
                        "name": name,
                    }),
                ));
            }
            _ => {}
        }
        let mut new_addresses = Vec::new();
        let mut place = |lines: &Option<Record>| {
            let lines = lines.as_ref()?;
            let id = address_of(&customer, lines);
            if !self.addresses.contains(id.as_str()) {
                new_addresses.push(record(context, members(&id, lines, context.now)));
            }
            Some(id)
        };
        let (shipping, billing) = (place(&row.places.shipping), place(&row.places.billing));
        let addresses = Addresses { shipping, billing };
        People {
            customer,
            payment_source,
            new_customer,
            new_payment_source,
            addresses,
            new_addresses,
        }
    }
}

/// The payment sources that rows have made before and that were deleted since: their journals stay, and
/// their ids are not given again. Only a customer who is here can have had one.
async fn deleted_sources(
    context: &Context<'_>,
    source: &str,
    rows: &[&Row],
    (customers, payment_sources): (&HashMap<String, Customer>, &HashMap<String, PaymentSource>),
) -> Outcome<HashSet<String>> {
    let organization = &context.caller.organization;
    let mut missing = BTreeSet::new();
    for row in rows {
        let customer = customer_of(&row.who, organization.as_str(), source);
        if let Some(paid @ Paid::With { .. }) = &row.paid
            && customers.contains_key(customer.as_str())
        {
            let id = payment_source_of(paid, &customer).to_string();
            if !payment_sources.contains_key(&id) {
                missing.insert(id);
            }
        }
    }
    let deleted = stream::iter(missing)
        .map(|id| async move {
            let journal = (SOURCES.letter, id.as_str());
            let first = context.store().first_entry(organization, journal).await?;
            Ok::<_, StoreError>(first.is_some().then_some(id))
        })
        .buffer_unordered(CONCURRENCY)
        .try_filter_map(|id| async move { Ok(id) });
    Ok(deleted.try_collect().await?)
}

/// A new record, without what it has no value for.
fn record(context: &Context<'_>, members: Value) -> Record {
    let mut record = match members {
        Value::Object(members) => members,
        _ => Record::new(),
    };
    record.retain(|_, value| !value.is_null());
    let now = json!(context.now);
    for (name, value) in [("version", json!(1)), ("created_at", now.clone()), ("updated_at", now)] {
        record.insert(name.to_owned(), value);
    }
    record
}

fn distinct<'a>(wanted: impl Iterator<Item = &'a WantedId>) -> Vec<WantedId> {
    let mut found: Vec<WantedId> = Vec::new();
    for id in wanted {
        if !found.contains(id) {
            found.push(id.clone());
        }
    }
    found
}
