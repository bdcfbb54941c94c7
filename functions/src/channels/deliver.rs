//! One message, from payload to order. Every step can be taken again: customers and payment sources
//! have ids that derive from what the channel calls them, and the order is written with its payload in
//! one transaction under an id that derives from the channel's. A crash leaves at most a customer
//! without an order, and the same message again finishes what is missing.

use chrono::{DateTime, Utc};
use perennial_domain::{
    ids::{OrderId, new_id},
    journal::Change,
    order::{Order, OrderStatus},
    placement::begin_placing,
};
use perennial_mapping::Message;
use perennial_store::{Expect, SourcePayload, StoreError, StoredOrder};
use serde_json::{Map, Value, json};

use super::{
    digests::hex,
    document::{Mapped, linked},
    letters,
    reader::Reader,
    within::{Within, made_of},
};
use crate::{
    api::{
        catalog,
        catalog::{Catalog, text},
        change_subscription::differing,
        customer_payment_sources, orders,
    },
    http::{
        context::Context,
        error::{ApiError, Code, Outcome, Problem, Source},
    },
    intake::{
        create_order,
        orders::changed,
        place::{admit, hand_to_validation},
    },
    payments::sources,
    tallies::{Fate, tally_of},
};

/// What became of a message.
pub(super) struct Delivered {
    pub(super) fate: Fate,
    pub(super) order: Order,
}

/// A message that was handled.
pub(super) struct Handled {
    /// What the channel calls the order, where the mapping could tell.
    pub(super) external_id: Option<String>,
    pub(super) outcome: Outcome<Delivered>,
}

/// Takes a message, and counts it. What the message itself is to blame for is kept as a dead letter.
pub(super) async fn deliver(context: &Context<'_>, reader: &Reader, message: &Message) -> Handled {
    let mapped = reader.map(message);
    let occurred_at = mapped.as_ref().ok().and_then(|mapped| mapped.occurred_at);
    let (external_id, outcome) = match mapped {
        Ok(mapped) => {
            let outcome = take(context, reader, message, &mapped).await;
            (Some(mapped.external_id), outcome.map_err(|error| reader.told(error)))
        }
        Err(error) => (None, Err(error)),
    };
    let outcome = match outcome {
        Err(error) => {
            Err(letters::kept(context, reader.code(), &message.raw, external_id.clone(), error)
                .await)
        }
        done => done,
    };
    count(context, reader.code(), outcome.as_ref().map(|done| done.fate), occurred_at).await;
    Handled { external_id, outcome }
}

/// Adds a message to the tally of its channel.
pub(super) async fn count(
    context: &Context<'_>,
    code: &str,
    fate: Result<Fate, &ApiError>,
    occurred_at: Option<DateTime<Utc>>,
) {
    let tally = tally_of(fate, occurred_at, context.now);
    if let Some(tallies) = &context.services.tallies {
        let organization = &context.caller.organization;
        tallies.count(context.store(), organization, code, tally, context.now).await;
    }
}

/// The key under which a channel's order is always the same one.
pub(super) fn order_key(mapped: &Mapped) -> String {
    format!("order:{}", mapped.external_id)
}

/// The id of the order that a document stands for, whether it exists or not.
pub(super) fn order_id(
    context: &Context<'_>,
    reader: &Reader,
    mapped: &Mapped,
) -> Outcome<OrderId> {
    let within =
        Within::new(context, &reader.channel, &orders::KIND, &order_key(mapped), &Value::Null)?;
    Ok(OrderId::from_uuid(within.context(context).new_uuid(orders::KIND.name)))
}

async fn take(
    context: &Context<'_>,
    reader: &Reader,
    message: &Message,
    mapped: &Mapped,
) -> Outcome<Delivered> {
    let id = order_id(context, reader, mapped)?;
    let (store, organization) = (context.store(), &context.caller.organization);
    let (found, before) = futures::try_join!(
        async { Ok::<_, ApiError>(store.order(organization, &id).await?) },
        async { Ok(store.source_payload(organization, &id).await?) },
    )?;
    let payload = payload(context, reader, message, mapped);
    let order = match (found, before) {
        (None, None) => return create(context, reader, mapped, &id, payload).await,
        (None, Some(_)) => return Err(gone(mapped, &id)),
        (Some(StoredOrder::Run(_)), _) => {
            return Err(ApiError::internal(format!("the id {id} of a channel's order is a run's")));
        }
        (Some(StoredOrder::Client(order)), before) => {
            check_market(context, mapped, &order)?;
            let same = before.is_some_and(|before| {
                before.payload_digest == payload.payload_digest
                    || before.document_digest == payload.document_digest
            });
            if same {
                return Ok(Delivered { fate: Fate::Repeated, order: *order });
            }
            *order
        }
    };
    check_change(reader, mapped, &order)?;
    update(context, reader, mapped, order, payload).await
}

fn payload(
    context: &Context<'_>,
    reader: &Reader,
    message: &Message,
    mapped: &Mapped,
) -> SourcePayload {
    SourcePayload {
        channel_id: text(&reader.channel, "id").unwrap_or_default().to_owned(),
        external_id: mapped.external_id.clone(),
        channel_mapping_id: reader.mapping_id().to_owned(),
        format: reader.format().name().to_owned(),
        payload: message.raw.clone(),
        payload_digest: hex(&[&message.raw]),
        document_digest: mapped.digest.clone(),
        occurred_at: mapped.occurred_at,
        received_at: context.now,
    }
}

pub(super) fn gone(mapped: &Mapped, id: &OrderId) -> ApiError {
    let detail = format!(
        "{:?} was order {id}, which was deleted; the channel can't make it again",
        mapped.external_id
    );
    Problem::new(Code::InvalidStatus, detail).with("order_id", id.to_string()).into()
}

/// Refuses what another market has made of the same external id: channels that serve several markets
/// are open to tokens for one.
pub(super) fn check_market(context: &Context<'_>, mapped: &Mapped, order: &Order) -> Outcome<()> {
    if context.caller.sees(&order.market_id) {
        return Ok(());
    }
    let detail = format!("{:?} is an order of another market", mapped.external_id);
    Err(Problem::new(Code::Taken, detail).at("/external_id").into())
}

/// Whether another payload may change the order.
pub(super) fn check_change(reader: &Reader, mapped: &Mapped, order: &Order) -> Outcome<()> {
    let policy = text(&reader.channel, "on_change").unwrap_or("update");
    let status = json!(order.status).as_str().unwrap_or_default().to_owned();
    let refusal = match (policy, order.status) {
        ("update", OrderStatus::Draft) => return Ok(()),
        ("update", _) => format!("order {} is {status}; only a draft can be changed", order.id),
        (_, _) => format!(
            "channel {} takes no changes (on_change is conflict), and order {} was made of another \
             payload",
            reader.code(),
            order.id
        ),
    };
    let detail = format!("{:?} has changed: {refusal}", mapped.external_id);
    Err(Problem::new(Code::InvalidStatus, detail)
        .with("order_id", order.id.to_string())
        .with("status", status)
        .into())
}

/// The document of the order, once those it refers to are there.
async fn document(context: &Context<'_>, reader: &Reader, mapped: &Mapped) -> Outcome<Value> {
    let customer = match &mapped.customer {
        Some((reference, attributes)) => {
            Some(customer(context, reader, reference, attributes).await?)
        }
        None => None,
    };
    let owner = customer
        .clone()
        .or_else(|| mapped.relationships.get("customer")?.as_str().map(str::to_owned));
    let payment_source = match (&mapped.payment_source, owner) {
        (Some((token, attributes)), Some(owner)) => {
            Some(payment_source(context, reader, &owner, token, attributes).await?)
        }
        (_, _) => None,
    };
    let market = text(&reader.channel, "market_id");
    let made = [("customer", customer), ("customer_payment_source", payment_source)];
    mapped.order_document(reader.code(), market, &made)
}

/// The customer whom the channel calls so, made where it is their first order. What a later order says
/// of them changes nothing.
async fn customer(
    context: &Context<'_>,
    reader: &Reader,
    reference: &str,
    attributes: &Map<String, Value>,
) -> Outcome<String> {
    let mut attributes = attributes.clone();
    attributes.entry("reference_origin").or_insert_with(|| json!(reader.code()));
    let key = format!("customer:{reference}");
    let (attributes, none) = (Value::Object(attributes), json!({}));
    let made = make(context, reader, "customers", &key, &attributes, &none);
    made.await.map_err(|error| in_part("customer", error))
}

/// What the customer pays with, made where it is the first time.
async fn payment_source(
    context: &Context<'_>,
    reader: &Reader,
    owner: &str,
    token: &str,
    attributes: &Map<String, Value>,
) -> Outcome<String> {
    let key = format!("payment_source:{owner}:{token}");
    let attributes = Value::Object(attributes.clone());
    let owner = json!({"customer": linked("customers", owner)});
    let made = make(context, reader, "customer_payment_sources", &key, &attributes, &owner);
    made.await.map_err(|error| in_part("payment_source", error))
}

/// The resource of the catalogue that is known by a key, made where there is none.
async fn make(
    context: &Context<'_>,
    reader: &Reader,
    kind: &str,
    key: &str,
    attributes: &Value,
    relationships: &Value,
) -> Outcome<String> {
    let catalog = catalog::named(kind)
        .ok_or_else(|| ApiError::internal(format!("{kind} are not of the catalogue")))?;
    let document = made_of(catalog.kind, attributes, relationships);
    let within = Within::new(context, &reader.channel, catalog.kind, key, &document)?;
    let inner = within.context(context);
    let id = catalog_id(&inner, catalog);
    let (store, organization) = (context.store(), &context.caller.organization);
    if store.record(organization, catalog.stored, &id).await?.is_some() {
        return Ok(id);
    }
    let record = catalog::new_record(&inner, catalog).await?;
    let made = if catalog.kind.name == customer_payment_sources::KIND.name {
        sources::add(&inner, record).await?
    } else {
        store.create_record(organization, catalog.stored, &record).await
    };
    match made {
        // The same message, or another one about them, was faster.
        Ok(()) | Err(StoreError::Conflict(_)) => Ok(id),
        Err(error) => Err(error.into()),
    }
}

/// The id of what a request within makes in the catalogue.
pub(super) fn catalog_id(inner: &Context<'_>, catalog: &Catalog) -> String {
    new_id(catalog.prefix, inner.new_uuid(catalog.kind.name))
}

/// The problems of a document of ours, told where they stand in the one that the mapping made: its
/// part `order`, `customer` or `payment_source`.
pub(super) fn in_part(part: &str, mut error: ApiError) -> ApiError {
    for problem in &mut error.problems {
        let Some(Source::Pointer(at)) = &problem.source else { continue };
        let place = if let Some(attribute) = at.strip_prefix("/data/attributes") {
            format!("/{part}{attribute}")
        } else if let Some(name) = at.strip_prefix("/data/relationships") {
            let name = ["/data/id", "/data/type", "/data"]
                .iter()
                .find_map(|end| name.strip_suffix(end))
                .unwrap_or(name);
            format!("/relationships{name}")
        } else {
            format!("/{part}")
        };
        problem.source = Some(Source::Pointer(place));
    }
    error
}

async fn create(
    context: &Context<'_>,
    reader: &Reader,
    mapped: &Mapped,
    id: &OrderId,
    payload: SourcePayload,
) -> Outcome<Delivered> {
    let document = document(context, reader, mapped).await?;
    let within =
        Within::new(context, &reader.channel, &orders::KIND, &order_key(mapped), &document)?;
    let inner = within.context(context);
    let (mut order, place) = said(&inner, &within).await?;
    debug_assert_eq!(&order.id, id);
    order.channel = Some(reader.code().to_owned());
    let order = create_order::take(&inner, order, place, Some(&payload)).await?;
    Ok(Delivered { fate: Fate::Accepted, order })
}

/// The order that a document tells, and whether it is to be placed.
pub(super) async fn said(inner: &Context<'_>, within: &Within) -> Outcome<(Order, bool)> {
    let read = create_order::read(inner, within.document()?).await;
    read.map_err(|error| in_part("order", error))
}

/// Makes a draft what another payload says. What was made of it meanwhile beside its content stays.
async fn update(
    context: &Context<'_>,
    reader: &Reader,
    mapped: &Mapped,
    before: Order,
    payload: SourcePayload,
) -> Outcome<Delivered> {
    let document = document(context, reader, mapped).await?;
    let within =
        Within::new(context, &reader.channel, &orders::KIND, &order_key(mapped), &document)?;
    let inner = within.context(context);
    let (said, place) = said(&inner, &within).await?;
    let mut after = Order {
        market_id: said.market_id,
        customer_id: said.customer_id,
        payment_source_id: said.payment_source_id,
        currency: said.currency,
        line_items: said.line_items,
        create_subscriptions: said.create_subscriptions,
        subscriptions_expire_at: said.subscriptions_expire_at,
        reference: said.reference,
        reference_origin: said.reference_origin,
        metadata: said.metadata,
        addresses: said.addresses,
        tags: said.tags,
        ..before.clone()
    };
    after.forget_tax();
    let (was, is) = differing(&told(&before), &told(&after));
    let mut changes = vec![Change { event: "orders.update", before: was, after: is }];
    if place {
        admit(&inner).await?;
        let (placing, change) = begin_placing(&after, false, context.now);
        after = placing;
        changes.push(change);
    }
    let (order, entries) = changed(&inner, after, before.version, changes);
    let organization = &context.caller.organization;
    let mut commit =
        context.store().commit(organization).order(&order, Expect::Version(before.version));
    for entry in &entries {
        commit = commit.entry("O", entry);
    }
    commit.source_payload(&order.id, &payload).run().await?;
    if place {
        hand_to_validation(&inner, &order).await;
    }
    Ok(Delivered { fate: Fate::Updated, order })
}

/// What the journal tells of what a channel says about an order.
fn told(order: &Order) -> Value {
    json!({
        "market_id": order.market_id,
        "customer_id": order.customer_id,
        "customer_payment_source_id": order.payment_source_id,
        "currency_code": order.currency,
        "total_amount_cents": order.total().ok(),
        "line_items": order.line_items.len(),
        "create_subscriptions": order.create_subscriptions,
        "subscriptions_expire_at": order.subscriptions_expire_at,
        "reference": order.reference,
        "metadata": order.metadata,
    })
}
