//! Orders of clients: what can be done to them, and how a change is committed.

use perennial_domain::{
    ids::OrderId,
    journal::{Change, Entry, append},
    order::{MAX_LINE_ITEMS, Order, OrderStatus},
};
use perennial_store::{Expect, StoredOrder};
use serde_json::{Value, json};

use super::{change_order, create_order};
use crate::{
    api::orders::{KIND, find, subscriptions_from},
    http::{
        context::Context,
        error::{ApiError, Code, Outcome, Problem},
        event::Answer,
        operation::{Action, Operation, Surface, handler},
        query::Accepts,
    },
};

pub(crate) const OPERATIONS: &[Operation] = &[
    Operation {
        action: Action::Create,
        path: "/api/orders",
        kind: &KIND,
        surface: Surface::Intake,
        accepts: Accepts::SINGLE,
        about: "Makes an order, with lines where given, and places it where asked.",
        handler: handler!(create_order::create),
    },
    Operation {
        action: Action::Update,
        path: "/api/orders/{id}",
        kind: &KIND,
        surface: Surface::Intake,
        accepts: Accepts::SINGLE,
        about: "Changes a draft, or sets off a trigger.",
        handler: handler!(change_order::update),
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

/// The journal entry of a change of an order.
pub(super) fn entry(context: &Context<'_>, order: &mut Order, change: Change) -> Entry {
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
    require(order, &[OrderStatus::Draft], what, at)
}

/// Refuses what an order allows in some statuses only, naming its own, those, and who can help.
pub(super) fn require(order: &Order, allowed: &[OrderStatus], what: &str, at: &str) -> Outcome<()> {
    if allowed.contains(&order.status) {
        return Ok(());
    }
    let (id, status) = (&order.id, order.status.as_str());
    let allowed: Vec<String> =
        allowed.iter().map(|status| format!("a {}", status.as_str())).collect();
    let allowed = allowed.join(" or ");
    // A draft is one; the other statuses are what an order is.
    let allowed = if allowed == "a draft" { allowed } else { format!("{allowed} order") };
    let mut detail = format!("order {id} is {status}; only {allowed} can {what}");
    if order.status == OrderStatus::Held {
        detail.push_str(": an operator decides first, by _reject (back to draft) or _overturn");
    }
    Err(Problem::new(Code::InvalidStatus, detail).at(at).with("status", status).into())
}

/// A changed order with its journal entries, ready to be committed.
pub(crate) fn changed(
    context: &Context<'_>,
    mut order: Order,
    seen: u64,
    changes: Vec<Change>,
) -> (Order, Vec<Entry>) {
    let entries: Vec<Entry> =
        changes.into_iter().map(|change| entry(context, &mut order, change)).collect();
    // However many steps were taken, they are one change of the item.
    order.version = seen + 1;
    order.updated_at = context.now;
    (order, entries)
}

/// Commits a changed order with its journal entries.
pub(super) async fn store_changed(
    context: &Context<'_>,
    order: Order,
    seen: u64,
    changes: Vec<Change>,
) -> Outcome<Order> {
    let organization = &context.caller.organization;
    let (order, entries) = changed(context, order, seen, changes);
    let mut commit = context.store().commit(organization).order(&order, Expect::Version(seen));
    for entry in &entries {
        commit = commit.entry("O", entry);
    }
    commit.run().await?;
    Ok(order)
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
    let organization = &context.caller.organization;
    let waiting = subscriptions_from(context.store(), organization, &order).await?;
    if !waiting.is_empty() {
        let waiting: Vec<String> = waiting.iter().map(|one| one.id.to_string()).collect();
        return Err(Problem::new(
            Code::InUse,
            format!(
                "order {id} is the source order of {}: delete those first, or cancel the order",
                waiting.join(", ")
            ),
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
    let commit = context.store().commit(organization).delete_order(&id, seen);
    commit.last_entry("O", &entry).run().await?;
    Ok(Answer::empty(204))
}

/// Refuses one line too many.
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
