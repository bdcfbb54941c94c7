//! What the checks of an order look at, loaded: one batch for what the order refers to, and more only
//! for the checks that are made.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::{DateTime, Utc};
use futures::future::{try_join_all, try_join4};
use perennial_domain::{
    checks::{CheckPolicy, Facts, Holdings, Needs, PolicyError, Reserving, Scope, Settings},
    ids::{OrganizationId, SkuId, SubscriptionId},
    order::{Order, Rejection},
    placement::{OrderContext, create_subscriptions},
    pricing::{CurrentPrices, Wanted},
    subscription::Subscription,
};
use perennial_store::{Related, Span, Store, StoreError, StoredOrder};

use crate::{pricing, subscribe::unfollowed};

/// Most subscriptions of a customer that are looked at.
const MOST_SUBSCRIPTIONS: usize = 1_000;
/// How many of a customer's orders are looked at, the newest first.
const NEWEST_ORDERS: u16 = 100;
/// Most subscriptions of a sku for which units are reserved.
const MOST_TAKERS: u16 = 1_000;

/// All that the checks of an order look at.
#[derive(Debug)]
pub(crate) struct Checked {
    pub(crate) related: Related,
    pub(crate) becoming: Vec<Subscription>,
    holdings: Option<Holdings>,
    prices: CurrentPrices,
    reserving: HashMap<SkuId, Reserving>,
    held: BTreeMap<String, i64>,
    impossible: Vec<Rejection>,
}

/// How the checks of an order are made, by the policies that were read with it, and by these instead of
/// those of the same scope.
pub(crate) fn settings_of(
    related: &Related,
    order: &Order,
    instead: Option<&CheckPolicy>,
) -> Result<Settings, PolicyError> {
    let kept = related.policies.iter();
    let kept = kept.filter(|policy| instead.is_none_or(|instead| instead.id != policy.id));
    Settings::resolve(kept.chain(instead), &Scope::of(order))
}

impl Checked {
    /// Reads what checks with these needs look at.
    pub(crate) async fn load(
        store: &Store,
        organization: &OrganizationId,
        order: &Order,
        related: Related,
        needs: Needs,
        now: DateTime<Utc>,
    ) -> Result<Self, StoreError> {
        let mut impossible = unfollowed(store, organization, order, &related, now).await?;
        let becoming = becoming(organization, order, &related, now).unwrap_or_else(|undated| {
            impossible.push(undated);
            Vec::new()
        });
        let (holdings, prices, reserving, held) = try_join4(
            holdings(store, organization, order, needs.holdings),
            prices(store, organization, order, &related, needs.prices),
            reserving(store, organization, &related, &becoming, needs.reserving),
            held(store, organization, order, needs.held),
        )
        .await?;
        Ok(Self { related, becoming, holdings, prices, reserving, held, impossible })
    }

    /// The facts about the order, whose own units lack this in stock.
    pub(crate) fn facts<'a>(
        &'a self,
        order: &'a Order,
        short: &'a [Rejection],
        now: DateTime<Utc>,
    ) -> Facts<'a> {
        let related = &self.related;
        Facts {
            context: OrderContext {
                order,
                market: related.market.as_ref(),
                model: related.model.as_ref(),
                customer: related.customer.as_ref(),
                payment_source: related.payment_source.as_ref(),
                skus: &related.skus,
            },
            countries: &related.countries,
            becoming: &self.becoming,
            holdings: self.holdings.as_ref(),
            prices: &self.prices,
            reserving: &self.reserving,
            impossible: &self.impossible,
            short,
            held: &self.held,
            now,
        }
    }

    /// The skus with tracked stock from which each of the order's subscriptions will take.
    pub(crate) fn takers(&self) -> Vec<(SkuId, SubscriptionId)> {
        let of = |subscription: &Subscription| {
            let skus = tracked(&self.related, subscription);
            skus.into_iter().map(|sku| (sku, subscription.id.clone())).collect::<Vec<_>>()
        };
        self.becoming.iter().flat_map(of).collect()
    }
}

/// The skus of a subscription whose stock is tracked.
fn tracked(related: &Related, subscription: &Subscription) -> BTreeSet<SkuId> {
    let codes = subscription.items.iter().flat_map(|item| item.item.sku_codes());
    let is_tracked = |id: &SkuId| related.skus.get(id).is_some_and(|sku| sku.stock.is_some());
    codes.map(SkuId::of_code).filter(is_tracked).collect()
}

/// The subscriptions that the order would become, so that nothing is collected for an order whose
/// subscriptions can't be made.
fn becoming(
    organization: &OrganizationId,
    order: &Order,
    related: &Related,
    now: DateTime<Utc>,
) -> Result<Vec<Subscription>, Rejection> {
    let (Some(market), Some(model), true) =
        (&related.market, &related.model, order.create_subscriptions)
    else {
        return Ok(Vec::new());
    };
    let made = create_subscriptions(organization, order, market, model, now);
    let made = made.map_err(|error| Rejection {
        code: "subscription_without_dates".to_owned(),
        detail: error.to_string(),
        pointer: "/data/relationships/line_items".to_owned(),
    })?;
    Ok(made.into_iter().map(|(subscription, _)| subscription).collect())
}

async fn holdings(
    store: &Store,
    organization: &OrganizationId,
    order: &Order,
    needed: bool,
) -> Result<Option<Holdings>, StoreError> {
    let Some(customer) = order.customer_id.as_ref().filter(|_| needed) else { return Ok(None) };
    let newest = Span { descending: true, ..Span::default() };
    let bound = MOST_SUBSCRIPTIONS;
    let (subscriptions, orders) = futures::try_join!(
        store.window_of_customer::<Subscription>(
            organization,
            customer,
            &newest,
            (0, bound),
            bound
        ),
        store.of_customer::<StoredOrder>(organization, customer, &newest, NEWEST_ORDERS, None),
    )?;
    let orders = orders.map(|page| page.items).unwrap_or_default();
    let orders = orders.into_iter().filter_map(|order| match order {
        StoredOrder::Client(order) => Some(*order),
        StoredOrder::Run(_) => None,
    });
    Ok(Some(Holdings {
        more: subscriptions.total.is_none(),
        subscriptions: subscriptions.items,
        orders: orders.collect(),
    }))
}

async fn prices(
    store: &Store,
    organization: &OrganizationId,
    order: &Order,
    related: &Related,
    needed: bool,
) -> Result<CurrentPrices, StoreError> {
    let list = related.market.as_ref().and_then(|market| market.price_list_id.as_ref());
    let wanted = match list.filter(|_| needed) {
        Some(list) => Wanted::of(list, order.line_items.iter().map(|line| &line.item)),
        None => Wanted::default(),
    };
    pricing::current(store, organization, wanted).await
}

/// What the order has taken from stock before. It is read after the skus are: whatever has gone from
/// what they tell is in it.
async fn held(
    store: &Store,
    organization: &OrganizationId,
    order: &Order,
    needed: bool,
) -> Result<BTreeMap<String, i64>, StoreError> {
    if needed { store.held_stock(organization, &order.id).await } else { Ok(BTreeMap::new()) }
}

async fn reserving(
    store: &Store,
    organization: &OrganizationId,
    related: &Related,
    becoming: &[Subscription],
    needed: bool,
) -> Result<HashMap<SkuId, Reserving>, StoreError> {
    if !needed {
        return Ok(HashMap::new());
    }
    let skus: BTreeSet<SkuId> =
        becoming.iter().flat_map(|subscription| tracked(related, subscription)).collect();
    let each = skus.into_iter().map(|sku| async move {
        let (ids, more) = store.takers_of(organization, &sku, MOST_TAKERS).await?;
        let wanted = ids.into_iter().map(|id| (organization.clone(), id));
        let subscriptions = store.subscriptions(wanted).await?.into_values().collect();
        Ok::<_, StoreError>((sku, Reserving { subscriptions, more }))
    });
    Ok(try_join_all(each).await?.into_iter().collect())
}
