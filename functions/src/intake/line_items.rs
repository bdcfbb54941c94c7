//! Adding, changing and removing lines of drafts.

use perennial_domain::{
    catalog::{Market, Sku, SubscriptionModel},
    ids::{LineItemId, OrderId},
    journal::Change,
    order::{LineItem, Order},
    time::Frequency,
};
use serde_json::{Value, json};

use super::{
    line::{Draft, check_frequency, check_total, price},
    orders::{check_room, client_order, require_draft, store_changed},
};
use crate::{
    api::{
        self, answer,
        line_items::{KIND, id_in, object, order_of},
    },
    http::{
        attributes::Given,
        context::Context,
        document::{Document, Related, no_such},
        error::{ApiError, Outcome, Problems},
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

/// What a line is checked against: its sku, and the model of the order's market.
async fn checked_against(
    context: &Context<'_>,
    order: &Order,
    sku_code: &str,
) -> Outcome<(Option<Sku>, Option<SubscriptionModel>)> {
    let organization = &context.caller.organization;
    let store = context.store();
    let sku = store.get(organization, api::skus_id_of(context, sku_code).as_str()).await?;
    let market: Option<Market> = store.get(organization, order.market_id.as_str()).await?;
    let model = match market.and_then(|market| market.model_id) {
        Some(id) => store.get(organization, id.as_str()).await?,
        None => None,
    };
    Ok((sku, model))
}

fn told(line: &LineItem) -> Value {
    json!({
        "line_item_id": line.id,
        "sku_code": line.sku_code,
        "quantity": line.quantity,
        "unit_amount_cents": line.unit_amount,
        "frequency": line.frequency,
    })
}

async fn create(context: &Context<'_>) -> Outcome<Answer> {
    let mut document = Document::create(context.request, &KIND)?;
    let mut problems = Problems::default();
    let mut attributes = document.attributes(&mut problems);
    let draft = Draft::read(&mut attributes, context.caller, &mut problems);
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
    let (sku, model) = checked_against(context, &order, &draft.sku_code).await?;
    let mut problems = Problems::default();
    let line = draft.resolve(id, sku.as_ref(), order.currency, model.as_ref(), &mut problems);
    let mut after = order.clone();
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
    require_draft(&order, "change its line items", "/data")?;
    let mut line = before.clone();
    line.quantity = quantity.unwrap_or(line.quantity);
    line.unit_amount = unit_amount.unwrap_or(line.unit_amount);
    if let Given::Value(frequency) = &frequency {
        let (sku, model) = checked_against(context, &order, &line.sku_code).await?;
        if let Some(sku) = &sku {
            let at = "/data/attributes/frequency";
            check_frequency(frequency, sku, model.as_ref(), at, &mut problems);
        }
    }
    frequency.apply(&mut line.frequency);
    let mut after = order.clone();
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

async fn delete(context: &Context<'_>) -> Outcome<Answer> {
    let (order, line) = in_path(context).await?;
    context.check_version(order.version)?;
    require_draft(&order, "lose line items", "")?;
    let mut after = order.clone();
    after.line_items.retain(|found| found.id != line.id);
    let change =
        Change { event: "orders.remove_line_item", before: told(&line), after: Value::Null };
    store_changed(context, after, order.version, vec![change]).await?;
    Ok(Answer::empty(204))
}
