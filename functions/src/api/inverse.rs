//! Lists of what leads to a resource: the orders of a customer. What a customer has stands in an
//! index; for other resources the list of the kind is searched. What must be looked through is, as
//! far as is read for one request, and the rest is refused.

use chrono::{DateTime, SubsecRound, Utc};
use perennial_domain::{ids::CustomerId, run::Run, subscription::Subscription};
use perennial_store::{Cursor, CursorError, Page as StoredPage, Span, StoredOrder, Window};

use super::{
    catalog::{self, IndexedRecords},
    listing::{self, Indexed, Source},
    order_subscriptions, orders,
};
use crate::http::{
    context::Context,
    error::{ApiError, Code, Outcome, Problem},
    object::{Object, Relationship},
    page::Page,
    query::BOUND,
};

/// Resource type, relationship, and the relationship that leads back.
const INVERSES: [(&str, &str, &str); 10] = [
    ("customers", "orders", "customer"),
    ("customers", "order_subscriptions", "customer"),
    ("customers", "customer_payment_sources", "customer"),
    ("subscription_models", "markets", "subscription_model"),
    ("subscription_models", "order_subscriptions", "subscription_model"),
    ("skus", "prices", "sku"),
    ("price_lists", "prices", "price_list"),
    ("manual_tax_calculators", "tax_rules", "manual_tax_calculator"),
    ("manual_tax_calculators", "markets", "tax_calculator"),
    ("external_tax_calculators", "markets", "tax_calculator"),
];

/// The relationship that leads back, where one is the inverse of it.
pub(super) fn back(of: &str, name: &str) -> Option<&'static str> {
    INVERSES.iter().find(|(kind, inverse, _)| (*kind, *inverse) == (of, name)).map(|found| found.2)
}

/// A page of what leads to a resource by the relationship `by`.
pub(super) async fn page(
    context: &Context<'_>,
    of: &Object,
    relationship: &Relationship,
    by: &str,
) -> Outcome<Page> {
    if let (Some(customer), "order_subscriptions") = (customer(of), relationship.to) {
        let source = SubscriptionsOf { customer, span: context.query.span };
        return listing::select(context, &source).await;
    }
    match leading(context, of, relationship.to, by, context.query.span).await? {
        Some(objects) => listing::of_all(context, objects),
        None => {
            let narrow = "narrow it by filter[q][created_at_gteq] and filter[q][created_at_lt]";
            Err(too_many(of, relationship, narrow).into())
        }
    }
}

/// What leads to a resource, for a compound document.
pub(super) async fn all(
    context: &Context<'_>,
    of: &Object,
    relationship: &Relationship,
    by: &str,
) -> Outcome<Vec<Object>> {
    let found = leading(context, of, relationship.to, by, Span::default()).await?;
    let elsewhere = format!("read {}/{}", of.path(), relationship.name);
    found.ok_or_else(|| too_many(of, relationship, &elsewhere).in_parameter("include").into())
}

/// The refusal to search once for each of several resources.
pub(super) fn refuse_several(of: &str, name: &str) -> ApiError {
    let detail = format!(
        "include can bring {name} of one resource only, because they are searched for: read \
         /api/{of}/<id>/{name}"
    );
    Problem::new(Code::InvalidParameter, detail).in_parameter("include").into()
}

fn too_many(of: &Object, relationship: &Relationship, way_out: &str) -> Problem {
    let (name, kind) = (relationship.name, relationship.to);
    let detail = format!(
        "{name} of {} are searched for among at most {BOUND} {kind}, and there are more: {way_out}",
        of.id
    );
    Problem::new(Code::TooManyRecords, detail).with("bound", BOUND)
}

/// The customer that a resource is.
fn customer(of: &Object) -> Option<CustomerId> {
    (of.kind.name == "customers").then(|| of.id.parse().ok()).flatten()
}

/// The subscriptions of a customer.
struct SubscriptionsOf {
    customer: CustomerId,
    /// Which of them, by when they were made.
    span: Span,
}

/// The subscriptions among them that this caller may see.
fn seen(context: &Context<'_>, subscriptions: &[Subscription]) -> Vec<Object> {
    let seen = subscriptions.iter().filter(|one| order_subscriptions::visible(context, one));
    seen.map(order_subscriptions::object).collect()
}

impl Source for SubscriptionsOf {
    async fn after(
        &self,
        context: &Context<'_>,
        limit: u16,
        cursor: Option<&Cursor>,
    ) -> Outcome<Result<StoredPage<Object>, CursorError>> {
        let (store, organization) = (context.store(), &context.caller.organization);
        let page =
            store.of_customer(organization, &self.customer, &self.span, limit, cursor).await?;
        Ok(page.map(|page| StoredPage { items: seen(context, &page.items), next: page.next }))
    }

    async fn window(
        &self,
        context: &Context<'_>,
        skip: usize,
        limit: usize,
    ) -> Outcome<Window<Object>> {
        let (store, organization) = (context.store(), &context.caller.organization);
        let (places, bound) = ((skip, limit), usize::from(BOUND));
        let window = store
            .window_of_customer(organization, &self.customer, &self.span, places, bound)
            .await?;
        let Window { items, total, next } = window;
        Ok(Window { items: seen(context, &items), total, next })
    }
}

/// The orders of a customer, those included that the runs of their subscriptions have made; `None`
/// where there are more than are searched.
async fn orders_of(
    context: &Context<'_>,
    customer: &CustomerId,
    span: Span,
) -> Outcome<Option<Vec<Object>>> {
    let (store, organization) = (context.store(), &context.caller.organization);
    let (all, bound) = ((0, usize::from(BOUND)), usize::from(BOUND));
    let orders = store.window_of_customer(organization, customer, &span, all, bound).await?;
    let every = Span::default();
    let subscriptions =
        store.window_of_customer(organization, customer, &every, all, bound).await?;
    if orders.total.is_none() || subscriptions.total.is_none() {
        return Ok(None);
    }
    let subscriptions: Vec<Subscription> = subscriptions.items;
    let mut found: Vec<(DateTime<Utc>, StoredOrder)> = Vec::new();
    for order in orders.items {
        if let StoredOrder::Client(order) = order {
            found.push((order.created_at, StoredOrder::Client(order)));
        }
    }
    for subscription in &subscriptions {
        let mut after = None;
        loop {
            let page = store.runs(organization, &subscription.id, BOUND, after.as_ref()).await?;
            let page = page.map_err(|error| context.query.refuse_cursor(&error))?;
            let made = page.items.into_iter().filter(|run| has_order_within(run, &span));
            found.extend(made.map(|run| (run.started_at, StoredOrder::Run(Box::new(run)))));
            if found.len() > bound {
                return Ok(None);
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
    }
    found.sort_by_key(|(at, _)| *at);
    if span.descending {
        found.reverse();
    }
    let seen = found.iter().filter(|(_, order)| orders::visible(context, order));
    Ok(Some(seen.map(|(_, order)| orders::stored_object(order)).collect()))
}

/// Whether the order of a run is its own, and was made within a span: as the list index has it.
fn has_order_within(run: &Run, span: &Span) -> bool {
    let at = run.started_at.trunc_subsecs(3);
    run.place_target_order
        && span.from.is_none_or(|from| from.trunc_subsecs(3) <= at)
        && span.to.is_none_or(|to| at <= to.trunc_subsecs(3))
}

/// Those of a kind that lead to a resource, in the order of their making; `None` where there are
/// more of the kind than are searched.
async fn leading(
    context: &Context<'_>,
    of: &Object,
    kind: &str,
    by: &str,
    span: Span,
) -> Outcome<Option<Vec<Object>>> {
    let customer = customer(of);
    let all = match (kind, catalog::named(kind)) {
        ("orders", None) if let Some(customer) = &customer => {
            return orders_of(context, customer, span).await;
        }
        ("order_subscriptions", None) if let Some(customer) = customer => {
            listing::whole(context, &SubscriptionsOf { customer, span }).await?
        }
        (_, Some(catalog)) if let Some(customer) = customer => {
            let (organization, bound) = (&context.caller.organization, usize::from(BOUND));
            let records = context
                .store()
                .records_of_customer(organization, &customer, catalog.stored, &span, bound)
                .await?;
            records.total.map(|_| catalog::seen(context, catalog, &records.items))
        }
        (_, Some(catalog)) => listing::whole(context, &IndexedRecords { catalog, span }).await?,
        ("order_subscriptions", None) => {
            let subscriptions: Indexed<Subscription> = Indexed {
                object: order_subscriptions::object,
                visible: order_subscriptions::visible,
                span,
            };
            listing::whole(context, &subscriptions).await?
        }
        _ => return Err(ApiError::internal(format!("{kind} are not searched"))),
    };
    let to = of.reference();
    Ok(all.map(|all| {
        let leads = |object: &Object| {
            object.linkage(by).is_some_and(|linkage| linkage.refs().contains(&to))
        };
        all.into_iter().filter(leads).collect()
    }))
}
