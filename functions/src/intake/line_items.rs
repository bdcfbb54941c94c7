//! Adding, changing and removing lines of drafts.

use perennial_domain::{
    catalog::{Market, SubscriptionModel},
    ids::{LineItemId, OrderId},
    journal::Change,
    money::MinorUnits,
    order::{Annotations, LineItem, Order},
    pricing::PriceSource,
    time::Frequency,
};
use serde_json::{Value, json};

use super::{
    line::{Draft, check_frequency, check_sign, check_total, price, related_items},
    orders::{check_room, client_order, require_draft, store_changed},
};
use crate::{
    api::{
        annotations::AnnotationChange,
        answer,
        line_items::{KIND, id_in, object, order_of},
    },
    goods::{Goods, Sale, Wanted, WantedId},
    http::{
        attributes::Given,
        caller::Role,
        context::Context,
        document::{Document, Related, no_such},
        error::{ApiError, Code, Outcome, Problem, Problems},
        event::Answer,
        operation::{Action, Operation, Surface, handler},
        query::Accepts,
    },
};

pub(crate) const OPERATIONS: &[Operation] = &[
    Operation {
        action: Action::Create,
        path: "/api/line_items",
        kind: &KIND,
        surface: Surface::Intake,
        accepts: Accepts::SINGLE,
        about: "Adds a line to a draft.",
        handler: handler!(create),
    },
    Operation {
        action: Action::Update,
        path: "/api/line_items/{id}",
        kind: &KIND,
        surface: Surface::Intake,
        accepts: Accepts::SINGLE,
        about: "Changes a line of a draft.",
        handler: handler!(update),
    },
    Operation {
        action: Action::Delete,
        path: "/api/line_items/{id}",
        kind: &KIND,
        surface: Surface::Intake,
        accepts: Accepts::SINGLE,
        about: "Removes a line from a draft.",
        handler: handler!(delete),
    },
];

/// What a line is checked against: what it orders, with prices, and the model of the order's market.
async fn checked_against(
    context: &Context<'_>,
    order: &Order,
    wanted: &WantedId,
) -> Outcome<(Goods, Option<SubscriptionModel>)> {
    let organization = &context.caller.organization;
    let store = context.store();
    let market = store.get::<Market>(organization, order.market_id.as_str());
    let (goods, market) = futures::try_join!(Goods::load(store, organization, [wanted]), market)?;
    let list = market.as_ref().and_then(|market| market.price_list_id.as_ref());
    let goods = goods.priced_by(store, organization, list).await?;
    let model = match market.as_ref().and_then(|market| market.model_id.as_ref()) {
        Some(id) => store.get(organization, id.as_str()).await?,
        None => None,
    };
    Ok((goods, model))
}

/// Where and when lines of an order are sold.
fn sale<'a>(context: &Context<'_>, order: &'a Order, quantity: u32) -> Sale<'a> {
    let market = Some(&order.market_id);
    Sale { market, currency: order.currency, at: context.now, quantity }
}

/// The price that a line has at another quantity: where the list has tiers, that of the tier;
/// anything else keeps the price that it was made at.
async fn at_quantity(context: &Context<'_>, order: &Order, line: &LineItem) -> Outcome<MinorUnits> {
    if line.price_source == PriceSource::Given || line.item.is_adjustment() {
        return Ok(line.unit_amount);
    }
    let again = WantedId::again(&line.item);
    let (goods, _) = checked_against(context, order, &again).await?;
    if !goods.is_tiered() {
        return Ok(line.unit_amount);
    }
    let name = line.item.code().to_owned();
    let wanted = Wanted { id: again, name, at: "/data/attributes/quantity".to_owned() };
    let sold = goods.sell(&wanted, None, sale(context, order, line.quantity));
    Ok(sold.map_err(ApiError::from)?.price.amount)
}

fn told(line: &LineItem) -> Value {
    json!({
        "line_item_id": line.id,
        "item_type": line.item.item_type(),
        "sku_code": line.item.sku_code(),
        "bundle_code": line.item.bundle_code(),
        "quantity": line.quantity,
        "unit_amount_cents": line.unit_amount,
        "frequency": line.frequency,
    })
}

async fn create(context: &Context<'_>) -> Outcome<Answer> {
    let mut document = Document::create(context.request, &KIND)?;
    let mut problems = Problems::default();
    let mut attributes = document.attributes(&mut problems);
    let related = related_items(&document, &mut problems);
    let draft = Draft::read(&mut attributes, related, context.caller, &mut problems);
    let order_id: Related<OrderId> = document.related("order", &mut problems);
    let order_id = order_id.id();
    let (draft, order_id) = problems.finish(draft.zip(order_id))?;
    let order = client_order(context, &order_id).await.map_err(|error| {
        if error.status() == 404 {
            no_such("orders", order_id.as_str(), "/data/relationships/order").into()
        } else {
            error
        }
    })?;
    // The tail of a UUID of version 7 is random, so lines of one order don't meet.
    let uuid = context.new_uuid(KIND.name).simple().to_string();
    let tail: String = uuid.chars().skip(16).collect();
    let id = id_in(&order.id, &tail)
        .ok_or_else(|| ApiError::internal("an order's id is too long for its lines"))?;
    if context.once.is_some()
        && let Some(line) = order.line_items.iter().find(|line| line.id == id)
    {
        // Added by this very request, which then died before it could answer.
        return answer::one(context, 201, &object(&order, line)).await;
    }
    require_draft(&order, "take line items", "/data/relationships/order")?;
    check_room(&order)?;
    let (goods, model) = checked_against(context, &order, &draft.wanted.id).await?;
    let mut problems = Problems::default();
    let sale = sale(context, &order, 1);
    let mut line = draft.resolve(id, &goods, sale, model.as_ref(), &mut problems);
    if let Some(line) = &mut line {
        line.annotations.created_at = Some(context.now);
    }
    let mut after = order.clone();
    after.forget_tax();
    after.line_items.extend(line.clone());
    check_total(&after, "/data/attributes/quantity", &mut problems);
    let line = problems.finish(line)?;
    let change = Change { event: "orders.add_line_item", before: Value::Null, after: told(&line) };
    let after = store_changed(context, after, order.version, vec![change]).await?;
    answer::one(context, 201, &object(&after, &line)).await
}

/// The line that the path names, with its order.
async fn in_path(context: &Context<'_>) -> Outcome<(Order, LineItem)> {
    let missing = || ApiError::not_found(KIND.singular, context.id);
    let id: LineItemId = context.path_id(KIND.singular)?;
    let order = order_of(&id).ok_or_else(missing)?;
    let order = client_order(context, &order)
        .await
        .map_err(|error| if error.status() == 404 { missing() } else { error })?;
    let line = order.line_items.iter().find(|line| line.id == id).cloned();
    line.map(|line| (order, line)).ok_or_else(missing)
}

async fn update(context: &Context<'_>) -> Outcome<Answer> {
    let (order, before) = in_path(context).await?;
    let mut document = Document::update(context.request, &KIND, context.id)?;
    context.check_version(order.version)?;
    let mut problems = Problems::default();
    let mut attributes = document.attributes(&mut problems);
    let quantity: Option<u32> = attributes.value("quantity", &mut problems);
    let unit_amount = price(&mut attributes, context.caller, &mut problems);
    let frequency: Given<Frequency> = attributes.optional("frequency", &mut problems);
    let annotations = AnnotationChange::read(&mut attributes, &mut problems);
    require_draft(&order, "change its line items", "/data")?;
    refuse_channels_adjusting(context, &before)?;
    let mut line = before.clone();
    line.quantity = quantity.unwrap_or(line.quantity);
    if let Some(amount) = unit_amount {
        let at = "/data/attributes/unit_amount_cents";
        check_sign(amount, line.item.is_adjustment(), at, &mut problems);
        line.unit_amount = amount;
        line.price_source = PriceSource::Given;
    } else if line.quantity != before.quantity {
        line.unit_amount = at_quantity(context, &order, &line).await?;
    }
    if let Given::Value(frequency) = &frequency {
        let wanted = WantedId::again(&line.item);
        let (goods, model) = checked_against(context, &order, &wanted).await?;
        let at = "/data/attributes/frequency";
        check_frequency(frequency, &goods.within(&line.item), model.as_ref(), at, &mut problems);
    }
    frequency.apply(&mut line.frequency);
    let Annotations { reference, reference_origin, metadata, .. } = &mut line.annotations;
    annotations.apply(reference, reference_origin, metadata);
    if line != before {
        line.annotations.updated_at = Some(context.now);
    }
    let mut after = order.clone();
    after.forget_tax();
    for found in &mut after.line_items {
        if found.id == line.id {
            *found = line.clone();
        }
    }
    check_total(&after, "/data/attributes/quantity", &mut problems);
    problems.check()?;
    if line == before {
        return answer::one(context, 200, &object(&order, &before)).await;
    }
    let change =
        Change { event: "orders.update_line_item", before: told(&before), after: told(&line) };
    let after = store_changed(context, after, order.version, vec![change]).await?;
    answer::one(context, 200, &object(&after, &line)).await
}

/// Shops must not make more of a discount, nor less of a fee.
fn refuse_channels_adjusting(context: &Context<'_>, line: &LineItem) -> Outcome<()> {
    if context.caller.role != Role::SalesChannel || !line.item.is_adjustment() {
        return Ok(());
    }
    let detail = "the role sales_channel may not change or remove adjustments";
    Err(Problem::new(Code::Forbidden, detail).into())
}

async fn delete(context: &Context<'_>) -> Outcome<Answer> {
    let (order, line) = in_path(context).await?;
    context.check_version(order.version)?;
    require_draft(&order, "lose line items", "")?;
    refuse_channels_adjusting(context, &line)?;
    let mut after = order.clone();
    after.forget_tax();
    after.line_items.retain(|found| found.id != line.id);
    let change =
        Change { event: "orders.remove_line_item", before: told(&line), after: Value::Null };
    store_changed(context, after, order.version, vec![change]).await?;
    Ok(Answer::empty(204))
}
