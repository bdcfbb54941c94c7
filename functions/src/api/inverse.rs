//! Lists of what leads to a resource: the orders of a customer. No index stands by that, so the list
//! of their kind is searched, as far as is read for one request, and the rest is refused.

use perennial_domain::subscription::Subscription;
use perennial_store::{Span, StoredOrder};

use super::{
    catalog::{self, IndexedRecords},
    listing::{self, Indexed},
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
const INVERSES: [(&str, &str, &str); 5] = [
    ("customers", "orders", "customer"),
    ("customers", "order_subscriptions", "customer"),
    ("customers", "customer_payment_sources", "customer"),
    ("subscription_models", "markets", "subscription_model"),
    ("subscription_models", "order_subscriptions", "subscription_model"),
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

/// Those of a kind that lead to a resource, in the order of their making; `None` where there are
/// more of the kind than are searched.
async fn leading(
    context: &Context<'_>,
    of: &Object,
    kind: &str,
    by: &str,
    span: Span,
) -> Outcome<Option<Vec<Object>>> {
    let all = match (kind, catalog::named(kind)) {
        (_, Some(catalog)) => listing::whole(context, &IndexedRecords { catalog, span }).await?,
        ("orders", None) => {
            let orders: Indexed<StoredOrder> =
                Indexed { object: orders::stored_object, visible: orders::visible, span };
            listing::whole(context, &orders).await?
        }
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
