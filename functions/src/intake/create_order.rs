//! Making orders.

use chrono::{DateTime, SubsecRound, Utc};
use perennial_domain::{
    ids::{CustomerId, MarketId, OrderId, PaymentSourceId},
    journal::{Change, Head},
    money::Currency,
    order::{Addresses, Order, OrderStatus, PaymentStatus},
    placement::begin_placing,
};
use perennial_store::{Expect, SourcePayload, StoreError, StoredOrder};
use serde_json::{Map, Value, json};

use super::{
    line::{Draft, check_total},
    orders::entry,
    place::{admit, hand_to_validation},
    referred::{Referred, check_expiry, check_people},
};
use crate::{
    api::{
        addresses::AddressChange,
        annotations::AnnotationChange,
        answer,
        channels::PLAIN_API,
        line_items,
        orders::{KIND, find, object},
        tags::TagChange,
    },
    goods::Sale,
    http::{
        attributes::{Attributes, Mode},
        context::Context,
        document::{Document, no_such},
        error::{Code, Outcome, Problem, Problems},
        event::Answer,
    },
    tallies::{Fate, tally_of},
};

fn read_lines(
    context: &Context<'_>,
    attributes: &mut Attributes,
    problems: &mut Problems,
) -> Vec<Draft> {
    let given: Vec<Map<String, Value>> =
        attributes.value("line_items", problems).unwrap_or_default();
    let pointer = attributes.pointer("line_items");
    given
        .into_iter()
        .enumerate()
        .filter_map(|(index, line)| {
            let at = format!("{pointer}/{index}");
            let mut line = Attributes::new(line_items::WRITABLE, Mode::Create, line, &at, problems);
            Draft::read(&mut line, Vec::new(), context.caller, problems)
        })
        .collect()
}

pub(crate) async fn create(context: &Context<'_>) -> Outcome<Answer> {
    let made = make(context).await;
    if let Some(tallies) = &context.services.tallies {
        let fate = made.as_ref().map(|_| Fate::Accepted);
        let tally = tally_of(fate, None, context.now);
        let (store, organization) = (context.store(), &context.caller.organization);
        tallies.count(store, organization, PLAIN_API, tally, context.now).await;
    }
    answer::one(context, 201, &object(&made?)).await
}

async fn make(context: &Context<'_>) -> Outcome<Order> {
    let document = Document::create(context.request, &KIND)?;
    let (order, place) = read(context, document).await?;
    take(context, order, place, None).await
}

/// The draft that a document asks for, which is not stored yet, and whether it is to be placed.
pub(crate) async fn read(context: &Context<'_>, mut document: Document) -> Outcome<(Order, bool)> {
    let mut problems = Problems::default();
    let mut attributes = document.attributes(&mut problems);
    let currency: Option<Currency> = attributes.value("currency_code", &mut problems);
    let (mut reference, mut reference_origin, mut metadata) = (None, None, Value::Null);
    let annotations = AnnotationChange::read(&mut attributes, &mut problems);
    annotations.apply(&mut reference, &mut reference_origin, &mut metadata);
    let addresses = AddressChange::read(&document, &mut problems);
    let addresses = addresses.of(context, &Addresses::default(), &mut problems).await?;
    let tags = TagChange::read(&mut attributes, &document, &mut problems);
    let tags = tags.of_typed(context, &[], &mut problems).await?;
    let expiry: Option<DateTime<Utc>> =
        attributes.optional("subscriptions_expire_at", &mut problems).value();
    check_expiry(expiry.as_ref(), context.now, &mut problems);
    let lines = read_lines(context, &mut attributes, &mut problems);
    let place = attributes.trigger("_place", &mut problems);
    let create_subscriptions = attributes.trigger("_create_subscriptions", &mut problems);
    let market_id: Option<MarketId> = document.related("market", &mut problems).id();
    let customer_id: Option<CustomerId> = document.related("customer", &mut problems).id();
    let payment_source_id: Option<PaymentSourceId> =
        document.related("customer_payment_source", &mut problems).id();
    let referred = Referred::load(
        context,
        market_id.as_ref(),
        customer_id.as_ref(),
        payment_source_id.as_ref(),
        &lines,
    )
    .await?;
    check_people(
        customer_id.as_ref(),
        referred.customer.as_ref(),
        payment_source_id.as_ref(),
        referred.payment_source.as_ref(),
        &mut problems,
    );
    if let (Some(id), None) = (&market_id, &referred.market) {
        problems.add(no_such("markets", id.as_str(), "/data/relationships/market"));
    }
    if let (Some(currency), Some(market)) = (currency, &referred.market)
        && currency != market.currency
    {
        let detail =
            format!("market {} sells in {}, not in {currency}", market.id, market.currency);
        problems.add(
            Problem::new(Code::CurrencyMismatch, detail)
                .at("/data/attributes/currency_code")
                .with("value", currency.code())
                .with("expected", market.currency.code()),
        );
    }
    let market_currency = referred.market.as_ref().map(|market| market.currency);
    let id = OrderId::from_uuid(context.new_uuid(KIND.name));
    let line_items = lines
        .into_iter()
        .enumerate()
        .filter_map(|(index, line)| {
            let own = || referred.goods.currency_of(&line.wanted.id);
            let sale = Sale {
                market: market_id.as_ref(),
                currency: market_currency.or(currency).or_else(own).unwrap_or(Currency::EUR),
                at: context.now,
                quantity: 1,
            };
            let line_id = line_items::id_in(&id, &(index + 1).to_string())?;
            line.resolve(line_id, &referred.goods, sale, referred.model.as_ref(), &mut problems)
        })
        .collect();
    let order = market_id.zip(market_currency).map(|(market_id, currency)| Order {
        id,
        status: OrderStatus::Draft,
        payment_status: PaymentStatus::Unpaid,
        market_id,
        customer_id,
        payment_source_id,
        currency,
        line_items,
        create_subscriptions,
        subscriptions_created: false,
        subscription_created_at: None,
        manual_subscription_ids: Vec::new(),
        order_subscription_id: None,
        order_copy_id: None,
        subscriptions_expire_at: expiry.map(|end| end.trunc_subsecs(0)),
        channel: None,
        rejections: Vec::new(),
        checks: Vec::new(),
        overturn: None,
        tax: None,
        tax_fixed: false,
        placements: 0,
        charge_id: None,
        reversals: None,
        reference,
        reference_origin,
        metadata,
        addresses,
        tags,
        placing_at: None,
        placed_at: None,
        cancelled_at: None,
        created_at: context.now,
        updated_at: context.now,
        version: 1,
        journal: Head::default(),
    });
    if let Some(order) = &order {
        check_total(order, "/data/attributes/line_items", &mut problems);
    }
    Ok((problems.finish(order)?, place))
}

/// Stores a draft, with the payload that it was made from where a channel sent it, and sends it to be
/// placed where asked.
pub(crate) async fn take(
    context: &Context<'_>,
    order: Order,
    place: bool,
    payload: Option<&SourcePayload>,
) -> Outcome<Order> {
    if place {
        admit(context).await?;
    }
    let order = store_new(context, order, place, payload).await?;
    if order.status == OrderStatus::Placing {
        hand_to_validation(context, &order).await;
    }
    Ok(order)
}

/// Commits a new order, on its way to be placed where asked. When the same request, under the same
/// idempotency key, has stored it before and died before it could answer, that one is the answer.
async fn store_new(
    context: &Context<'_>,
    mut order: Order,
    place: bool,
    payload: Option<&SourcePayload>,
) -> Outcome<Order> {
    let organization = &context.caller.organization;
    let created = Change {
        event: "orders.create",
        before: Value::Null,
        after: json!({
            "status": order.status,
            "market_id": order.market_id,
            "currency_code": order.currency,
            "total_amount_cents": order.total().ok(),
            "line_items": order.line_items.len(),
        }),
    };
    let mut entries = vec![entry(context, &mut order, created)];
    if place {
        let (placing, change) = begin_placing(&order, false, context.now);
        order = placing;
        entries.push(entry(context, &mut order, change));
        order.version = 1;
    }
    let mut commit = context.store().commit(organization).order(&order, Expect::New);
    for entry in &entries {
        commit = commit.entry("O", entry);
    }
    if let Some(payload) = payload {
        commit = commit.source_payload(&order.id, payload);
    }
    match commit.run().await {
        Ok(()) => Ok(order),
        Err(conflict @ StoreError::Conflict(_)) if context.once.is_some() => {
            match find(context, &order.id).await? {
                Some(StoredOrder::Client(existing)) => Ok(*existing),
                Some(StoredOrder::Run(_)) | None => Err(conflict.into()),
            }
        }
        Err(error) => Err(error.into()),
    }
}
