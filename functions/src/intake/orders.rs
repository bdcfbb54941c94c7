//! Making, changing, placing, cancelling and deleting orders of clients.

use std::collections::HashMap;

use chrono::{DateTime, SubsecRound, Utc};
use perennial_domain::{
    catalog::{Customer, Market, PaymentSource, Sku, SubscriptionModel},
    ids::{CustomerId, MarketId, OrderId, PaymentSourceId},
    journal::{Change, Entry, Head, append},
    money::Currency,
    order::{MAX_LINE_ITEMS, Order, OrderStatus, PaymentStatus},
    placement::begin_placing,
};
use perennial_store::{Expect, StoreError, StoredOrder};
use serde_json::{Map, Value, json};

use super::{
    line::{Draft, check_total},
    place::hand_to_validation,
};
use crate::{
    api::{
        self, answer, line_items,
        orders::{KIND, find, object},
    },
    http::{
        attributes::{Attributes, Given, Mode},
        context::Context,
        document::{Document, Related, no_such},
        error::{ApiError, Code, Outcome, Problem, Problems},
        event::Answer,
        operation::{Action, Operation, Surface, handler},
        query::Accepts,
    },
    subscribe::{SubscribeError, create_for_order},
};

pub(crate) const OPERATIONS: &[Operation] = &[
    Operation {
        action: Action::Create,
        path: "/api/orders",
        kind: &KIND,
        surface: Surface::Intake,
        accepts: Accepts::SINGLE,
        about: "Makes an order, with lines where given, and places it where asked.",
        handler: handler!(create),
    },
    Operation {
        action: Action::Update,
        path: "/api/orders/{id}",
        kind: &KIND,
        surface: Surface::Intake,
        accepts: Accepts::SINGLE,
        about: "Changes a draft, or sets off a trigger.",
        handler: handler!(update),
    },
    Operation {
        action: Action::Delete,
        path: "/api/orders/{id}",
        kind: &KIND,
        surface: Surface::Intake,
        accepts: Accepts::SINGLE,
        about: "Deletes a draft. Its journal stays.",
        handler: handler!(delete),
    },
];

/// What a new order refers to, as loaded.
struct Referred {
    market: Option<Market>,
    model: Option<SubscriptionModel>,
    customer: Option<Customer>,
    payment_source: Option<PaymentSource>,
    skus: HashMap<String, Sku>,
}

impl Referred {
    /// Loads all of it at once; the market's model waits for the market.
    async fn load(
        context: &Context<'_>,
        market: Option<&MarketId>,
        customer: Option<&CustomerId>,
        payment_source: Option<&PaymentSourceId>,
        lines: &[Draft],
    ) -> Outcome<Self> {
        let organization = &context.caller.organization;
        let store = context.store();
        let market = async {
            let found: Option<Market> = match market {
                Some(id) => store.get(organization, id.as_str()).await?,
                None => None,
            };
            let found = found.filter(|market| context.caller.sees(&market.id));
            let model = match found.as_ref().and_then(|market| market.model_id.as_ref()) {
                Some(id) => store.get(organization, id.as_str()).await?,
                None => None,
            };
            Ok::<_, StoreError>((found, model))
        };
        let customer = async {
            match customer {
                Some(id) => store.get::<Customer>(organization, id.as_str()).await,
                None => Ok(None),
            }
        };
        let payment_source = async {
            match payment_source {
                Some(id) => store.get::<PaymentSource>(organization, id.as_str()).await,
                None => Ok(None),
            }
        };
        let skus = async {
            if lines.is_empty() {
                return Ok(HashMap::new());
            }
            let ids: Vec<String> = lines
                .iter()
                .map(|line| api::skus_id_of(context, &line.sku_code).to_string())
                .collect();
            store.get_many::<Sku>(organization, ids).await
        };
        let ((market, model), customer, payment_source, skus) =
            futures::try_join!(market, customer, payment_source, skus)?;
        let skus = skus.into_values().map(|sku| (sku.code.clone(), sku)).collect();
        Ok(Self { market, model, customer, payment_source, skus })
    }
}

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
            Draft::read(&mut line, context.caller, problems)
        })
        .collect()
}

/// Customer and payment source must be there, and belong together.
fn check_people(
    customer_id: Option<&CustomerId>,
    customer: Option<&Customer>,
    source_id: Option<&PaymentSourceId>,
    source: Option<&PaymentSource>,
    problems: &mut Problems,
) {
    if let (Some(id), None) = (customer_id, customer) {
        problems.add(no_such("customers", id.as_str(), "/data/relationships/customer"));
    }
    let at = "/data/relationships/customer_payment_source";
    match (source_id, source, customer_id) {
        (Some(id), None, _) => {
            problems.add(no_such("customer_payment_sources", id.as_str(), at));
        }
        (Some(id), Some(source), Some(customer)) if source.customer_id != *customer => {
            let detail = format!("payment source {id} belongs to another customer than {customer}");
            problems.add(
                Problem::new(Code::InvalidValue, detail)
                    .at(format!("{at}/data/id"))
                    .with("value", id.as_str()),
            );
        }
        _ => {}
    }
}

fn check_expiry(end: Option<&DateTime<Utc>>, now: DateTime<Utc>, problems: &mut Problems) {
    if let Some(end) = end.filter(|end| **end <= now) {
        let detail = format!(
            "subscriptions_expire_at must be later than now ({}), not {}: subscriptions can't end \
             before they start",
            now.to_rfc3339(),
            end.to_rfc3339()
        );
        problems.add(
            Problem::new(Code::OutOfRange, detail)
                .at("/data/attributes/subscriptions_expire_at")
                .with("value", end.to_rfc3339()),
        );
    }
}

async fn create(context: &Context<'_>) -> Outcome<Answer> {
    let mut document = Document::create(context.request, &KIND)?;
    let mut problems = Problems::default();
    let mut attributes = document.attributes(&mut problems);
    let currency: Option<Currency> = attributes.value("currency_code", &mut problems);
    let reference = attributes.optional("reference", &mut problems).value();
    let reference_origin = attributes.optional("reference_origin", &mut problems).value();
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
            let sku = referred.skus.get(&line.sku_code);
            let currency = market_currency.or(currency).or(sku.map(|sku| sku.currency));
            let line_id = line_items::id_in(&id, &(index + 1).to_string())?;
            line.resolve(
                line_id,
                sku,
                currency.unwrap_or(Currency::EUR),
                referred.model.as_ref(),
                &mut problems,
            )
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
        subscriptions_expire_at: expiry.map(|end| end.trunc_subsecs(0)),
        rejections: Vec::new(),
        placements: 0,
        charge_id: None,
        reference,
        reference_origin,
        placing_at: None,
        placed_at: None,
        created_at: context.now,
        updated_at: context.now,
        version: 1,
        journal: Head::default(),
    });
    if let Some(order) = &order {
        check_total(order, "/data/attributes/line_items", &mut problems);
    }
    let order = problems.finish(order)?;
    let order = store_new(context, order, place).await?;
    if order.status == OrderStatus::Placing {
        hand_to_validation(context, &order).await;
    }
    answer::one(context, 201, &object(&order)).await
}

/// Commits a new order, on its way to be placed where asked. When the same request, under the same
/// idempotency key, has stored it before and died before it could answer, that one is the answer.
async fn store_new(context: &Context<'_>, mut order: Order, place: bool) -> Outcome<Order> {
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
    match commit.run().await {
        Ok(()) => Ok(order),
        Err(conflict @ StoreError::Conflict(_)) if context.idempotency_key.is_some() => {
            match find(context, &order.id).await? {
                Some(StoredOrder::Client(existing)) => Ok(*existing),
                Some(StoredOrder::Run(_)) | None => Err(conflict.into()),
            }
        }
        Err(error) => Err(error.into()),
    }
}

fn entry(context: &Context<'_>, order: &mut Order, change: Change) -> Entry {
    let id = order.id.to_string();
    let organization = &context.caller.organization;
    append(&mut order.journal, organization, &id, context.now, context.cause(), change)
}

/// The order of a client that the path names.
pub(super) async fn client_order(context: &Context<'_>, id: &OrderId) -> Outcome<Order> {
    match find(context, id).await? {
        Some(StoredOrder::Client(order)) => Ok(*order),
        Some(StoredOrder::Run(_)) => Err(Problem::new(
            Code::InvalidStatus,
            format!("order {id} was made by a subscription's run and can't be changed"),
        )
        .into()),
        None => Err(ApiError::not_found(KIND.singular, id.as_str())),
    }
}

/// Refuses what only a draft allows, naming the status.
pub(super) fn require_draft(order: &Order, what: &str, at: &str) -> Outcome<()> {
    if order.status == OrderStatus::Draft {
        return Ok(());
    }
    let status = json!(order.status);
    let name = status.as_str().unwrap_or_default();
    Err(Problem::new(
        Code::InvalidStatus,
        format!("order {} is {name}; only a draft can {what}", order.id),
    )
    .at(at)
    .with("status", name)
    .into())
}

/// Commits a changed order with its journal entries.
pub(super) async fn store_changed(
    context: &Context<'_>,
    mut order: Order,
    seen: u64,
    changes: Vec<Change>,
) -> Outcome<Order> {
    let organization = &context.caller.organization;
    let entries: Vec<Entry> =
        changes.into_iter().map(|change| entry(context, &mut order, change)).collect();
    // However many steps were taken, they are one change of the item.
    order.version = seen + 1;
    order.updated_at = context.now;
    let mut commit = context.store().commit(organization).order(&order, Expect::Version(seen));
    for entry in &entries {
        commit = commit.entry("O", entry);
    }
    commit.run().await?;
    Ok(order)
}

/// What a client wants changed.
struct Wanted {
    reference: Given<String>,
    reference_origin: Given<String>,
    expiry: Given<DateTime<Utc>>,
    customer: Related<CustomerId>,
    payment_source: Related<PaymentSourceId>,
    place: bool,
    create_subscriptions: bool,
    cancel: bool,
}

impl Wanted {
    fn edits(&self) -> bool {
        self.reference.is_given()
            || self.reference_origin.is_given()
            || self.expiry.is_given()
            || self.customer != Related::Absent
            || self.payment_source != Related::Absent
    }
}

async fn update(context: &Context<'_>) -> Outcome<Answer> {
    let id: OrderId = context.path_id(KIND.singular)?;
    let before = client_order(context, &id).await?;
    let mut document = Document::update(context.request, &KIND, context.id)?;
    context.check_version(before.version)?;
    let mut problems = Problems::default();
    let mut attributes = document.attributes(&mut problems);
    let wanted = Wanted {
        reference: attributes.optional("reference", &mut problems),
        reference_origin: attributes.optional("reference_origin", &mut problems),
        expiry: attributes.optional("subscriptions_expire_at", &mut problems),
        place: attributes.trigger("_place", &mut problems),
        create_subscriptions: attributes.trigger("_create_subscriptions", &mut problems),
        cancel: attributes.trigger("_cancel", &mut problems),
        customer: document.related("customer", &mut problems),
        payment_source: document.related("customer_payment_source", &mut problems),
    };
    if wanted.cancel && (wanted.place || wanted.create_subscriptions) {
        problems.add(
            Problem::new(Code::InvalidValue, "an order can't be cancelled and placed at once")
                .at("/data/attributes/_cancel")
                .with("value", true),
        );
    }
    let edited = edit(context, &before, &wanted, &mut problems).await?;
    problems.check()?;
    let order = carry_out(context, before, edited, &wanted).await?;
    answer::one(context, 200, &object(&order)).await
}

/// The order as the client wants it, its status left alone.
async fn edit(
    context: &Context<'_>,
    before: &Order,
    wanted: &Wanted,
    problems: &mut Problems,
) -> Outcome<Order> {
    let mut after = before.clone();
    if !wanted.edits() {
        return Ok(after);
    }
    require_draft(before, "be changed", "/data/attributes")?;
    wanted.reference.clone().apply(&mut after.reference);
    wanted.reference_origin.clone().apply(&mut after.reference_origin);
    let expiry = match &wanted.expiry {
        Given::Value(end) => Given::Value(end.trunc_subsecs(0)),
        other => other.clone(),
    };
    expiry.clone().apply(&mut after.subscriptions_expire_at);
    check_expiry(expiry.value().as_ref(), context.now, problems);
    match &wanted.customer {
        Related::Absent => {}
        Related::Nothing => after.customer_id = None,
        Related::To(id) => after.customer_id = Some(id.clone()),
    }
    match &wanted.payment_source {
        Related::Absent => {}
        Related::Nothing => after.payment_source_id = None,
        Related::To(id) => after.payment_source_id = Some(id.clone()),
    }
    if wanted.customer != Related::Absent || wanted.payment_source != Related::Absent {
        let (customer, source) = (after.customer_id.as_ref(), after.payment_source_id.as_ref());
        let referred = Referred::load(context, None, customer, source, &[]).await?;
        check_people(
            customer,
            referred.customer.as_ref(),
            source,
            referred.payment_source.as_ref(),
            problems,
        );
    }
    Ok(after)
}

/// What the journal tells of the attributes that clients edit.
fn told(order: &Order) -> Value {
    json!({
        "reference": order.reference,
        "reference_origin": order.reference_origin,
        "subscriptions_expire_at": order.subscriptions_expire_at,
        "customer_id": order.customer_id,
        "customer_payment_source_id": order.payment_source_id,
        "create_subscriptions": order.create_subscriptions,
    })
}

async fn carry_out(
    context: &Context<'_>,
    before: Order,
    edited: Order,
    wanted: &Wanted,
) -> Outcome<Order> {
    if wanted.create_subscriptions && before.status == OrderStatus::Placed {
        return subscribe(context, &before).await;
    }
    if wanted.place && before.status == OrderStatus::Placing {
        // Asked twice: the first time counts, and telling validation again does no harm.
        hand_to_validation(context, &before).await;
        return Ok(before);
    }
    if wanted.place && before.status == OrderStatus::Placed && context.idempotency_key.is_some() {
        // The same request, which died after it was carried out.
        return Ok(before);
    }
    let seen = before.version;
    let mut after = edited;
    let mut changes = Vec::new();
    if wanted.create_subscriptions && !wanted.place {
        require_open(&before)?;
    }
    after.create_subscriptions |= wanted.create_subscriptions;
    let (was, is) = api::order_subscriptions::differing(&told(&before), &told(&after));
    if was != is {
        changes.push(Change { event: "orders.update", before: was, after: is });
    }
    if wanted.place {
        require_draft(&before, "be placed", "/data/attributes/_place")?;
        let (placing, change) = begin_placing(&after, wanted.create_subscriptions, context.now);
        after = placing;
        changes.push(change);
    }
    if wanted.cancel {
        require_draft(&before, "be cancelled", "/data/attributes/_cancel")?;
        after.status = OrderStatus::Cancelled;
        changes.push(Change {
            event: "orders.cancel",
            before: json!({"status": before.status}),
            after: json!({"status": after.status}),
        });
    }
    if changes.is_empty() {
        return Ok(before);
    }
    let order = store_changed(context, after, seen, changes).await?;
    if wanted.place {
        hand_to_validation(context, &order).await;
    }
    Ok(order)
}

/// An order that is still to be placed can take note that it shall become subscriptions.
fn require_open(order: &Order) -> Outcome<()> {
    match order.status {
        OrderStatus::Draft | OrderStatus::Placing => Ok(()),
        OrderStatus::Pending | OrderStatus::Placed | OrderStatus::Cancelled => require_draft(
            order,
            "be marked to become subscriptions",
            "/data/attributes/_create_subscriptions",
        ),
    }
}

async fn subscribe(context: &Context<'_>, order: &Order) -> Outcome<Order> {
    let organization = &context.caller.organization;
    create_for_order(context.store(), organization, order, context.cause(), context.now)
        .await
        .map_err(|error| {
            let code = match error {
                SubscribeError::Store(error) => return error.into(),
                SubscribeError::NotPlaced(_) => Code::InvalidStatus,
                SubscribeError::NoModel(_)
                | SubscribeError::NothingRecurs(_)
                | SubscribeError::Plan(_) => Code::InvalidValue,
            };
            Problem::new(code, error.to_string())
                .at("/data/attributes/_create_subscriptions")
                .into()
        })
}

async fn delete(context: &Context<'_>) -> Outcome<Answer> {
    let id: OrderId = context.path_id(KIND.singular)?;
    let mut order = client_order(context, &id).await?;
    context.check_version(order.version)?;
    require_draft(&order, "be deleted", "")?;
    if order.placements > 0 {
        return Err(Problem::new(
            Code::InvalidStatus,
            format!("order {id} was sent to be placed before; it can be cancelled, not deleted"),
        )
        .into());
    }
    let change = Change {
        event: "orders.delete",
        before: json!({"status": order.status}),
        after: Value::Null,
    };
    let seen = order.version;
    let entry = entry(context, &mut order, change);
    let organization = &context.caller.organization;
    let commit = context.store().commit(organization).delete_order(&id, seen);
    commit.entry("O", &entry).run().await?;
    Ok(Answer::empty(204))
}

/// Most lines, for messages.
pub(super) fn check_room(order: &Order) -> Outcome<()> {
    if order.line_items.len() < MAX_LINE_ITEMS {
        return Ok(());
    }
    Err(Problem::new(
        Code::OutOfRange,
        format!("order {} has {MAX_LINE_ITEMS} line items, and can't have more", order.id),
    )
    .at("/data/relationships/order")
    .into())
}
