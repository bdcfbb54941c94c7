//! Copying an order once: what the target order holds, what stands in its way, and what becomes of
//! the copy when its order is placed or refused.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use crate::{
    catalog::{Market, Sku},
    ids::{LineItemId, OrderCopyId, OrderId, SkuId, SubscriptionId},
    journal::{Change, Head},
    order::{Annotations, LineItem, Order, OrderStatus, PaymentStatus, Rejection},
    order_copy::{CopyOptions, CopyStatus, Culprit, OrderCopy},
    placement::begin_placing,
    pricing::{Price, PriceSource},
    run::{Run, RunError},
    tax::Taxes,
    time::OccurrenceNumber,
};

/// All that a copy needs to know, as loaded.
#[derive(Debug, Clone, Copy)]
pub struct CopyContext<'a> {
    /// The order to be copied.
    pub source: &'a Order,
    /// Its market.
    pub market: Option<&'a Market>,
    /// The stock keeping units of its lines.
    pub skus: &'a HashMap<SkuId, Sku>,
    /// The prices of the market's list, by the sku's code; none where no promotion is asked for.
    pub prices: &'a HashMap<String, Price>,
}

/// A copy once it was tried, ready to be committed with the order that it has made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copied {
    /// The copy as it now is.
    pub copy: OrderCopy,
    /// What its journal is told.
    pub changes: Vec<Change>,
    /// The order that it has made, with what that order's journal is told.
    pub target: Option<(Order, Vec<Change>)>,
}

/// A copy that was asked for and not tried yet.
#[must_use]
pub fn new_copy(
    id: OrderCopyId,
    source: &Order,
    options: CopyOptions,
    now: DateTime<Utc>,
) -> OrderCopy {
    OrderCopy {
        id,
        status: CopyStatus::Pending,
        market_id: source.market_id.clone(),
        target_order_id: None,
        options,
        started_at: None,
        completed_at: None,
        failed_at: None,
        errors_log: Vec::new(),
        errors_forgotten: 0,
        reference: None,
        reference_origin: None,
        metadata: Value::Null,
        created_at: now,
        updated_at: now,
        version: 1,
        journal: Head::default(),
    }
}

/// Makes the target order of a copy. Where a line can't be copied the copy fails, unless it is to
/// leave such lines out; then it names them all the same. An order that is to be placed is handed on,
/// and the copy is in progress until it is.
#[must_use]
pub fn copy_order(
    before: &OrderCopy,
    context: CopyContext<'_>,
    target: OrderId,
    now: DateTime<Utc>,
) -> Copied {
    let mut copy = before.clone();
    copy.started_at = Some(now);
    copy.failed_at = None;
    copy.updated_at = now;
    let (lines, errors) = lines_of(context, copy.options, &target, now);
    let skips = copy.options.skip_errors && context.market.is_some();
    let fails = lines.is_empty() || (!errors.is_empty() && !skips);
    copy.note_errors(errors);
    if lines.is_empty() {
        copy.note_errors([RunError {
            at: now,
            code: "nothing_to_copy".to_owned(),
            message: format!("no line item of order {} can be copied", context.source.id),
            resource: Some(Culprit::new("orders", &context.source.id)),
        }]);
    }
    let started = told(&copy, "order_copies.start", before.status, CopyStatus::InProgress);
    if fails {
        let ended = end(&mut copy, CopyStatus::Failed, now);
        return Copied { copy, changes: vec![started, ended], target: None };
    }
    let order = target_of(context.source, target, lines, &copy, now);
    copy.target_order_id = Some(order.id.clone());
    let mut changes = vec![creation(&order)];
    if !copy.options.place_target_order {
        let ended = end(&mut copy, CopyStatus::Completed, now);
        return Copied { copy, changes: vec![started, ended], target: Some((order, changes)) };
    }
    let (mut placing, change) = begin_placing(&order, false, now);
    placing.version = 1;
    changes.push(change);
    copy.status = CopyStatus::InProgress;
    Copied { copy, changes: vec![started], target: Some((placing, changes)) }
}

/// Sends the target order of a failed copy to be placed once more. `None` where the order is no
/// draft: it is on its way, or somebody has ended it.
#[must_use]
pub fn place_again(before: &OrderCopy, target: &Order, now: DateTime<Utc>) -> Option<Copied> {
    if target.status != OrderStatus::Draft {
        return None;
    }
    let mut copy = before.clone();
    copy.status = CopyStatus::InProgress;
    copy.started_at = Some(now);
    copy.failed_at = None;
    copy.updated_at = now;
    let started = told(&copy, "order_copies.start", before.status, copy.status);
    let (placing, change) = begin_placing(target, false, now);
    Some(Copied { copy, changes: vec![started], target: Some((placing, vec![change])) })
}

/// The copy once its order was placed, be it by the copy or by hand after that had failed. `None`
/// where it has ended already.
#[must_use]
pub fn target_placed(before: &OrderCopy, now: DateTime<Utc>) -> Option<(OrderCopy, Change)> {
    match before.status {
        CopyStatus::Pending | CopyStatus::InProgress | CopyStatus::Failed => {}
        CopyStatus::Aborted | CopyStatus::Completed => return None,
    }
    let mut copy = before.clone();
    copy.failed_at = None;
    let change = end(&mut copy, CopyStatus::Completed, now);
    Some((copy, change))
}

/// The copy once its order was sent back to draft. `None` where it was not the copy that has sent it.
#[must_use]
pub fn target_rejected(
    before: &OrderCopy,
    target: &Order,
    rejections: &[Rejection],
    now: DateTime<Utc>,
) -> Option<(OrderCopy, Change)> {
    if before.status != CopyStatus::InProgress {
        return None;
    }
    let mut copy = before.clone();
    copy.note_errors(rejections.iter().map(|rejection| RunError {
        at: now,
        code: rejection.code.clone(),
        message: rejection.detail.clone(),
        resource: culprit(target, rejection),
    }));
    let change = end(&mut copy, CopyStatus::Failed, now);
    Some((copy, change))
}

fn end(copy: &mut OrderCopy, status: CopyStatus, now: DateTime<Utc>) -> Change {
    let was = CopyStatus::InProgress;
    copy.updated_at = now;
    copy.status = status;
    if status == CopyStatus::Completed {
        copy.completed_at = Some(now);
        return told(copy, "order_copies.complete", was, status);
    }
    copy.failed_at = Some(now);
    told(copy, "order_copies.fail", was, status)
}

/// What the journal of a new copy begins with.
#[must_use]
pub fn copy_creation(copy: &OrderCopy) -> Change {
    Change {
        event: "order_copies.create",
        before: Value::Null,
        after: json!({
            "status": copy.status,
            "source_order_id": copy.id.source().map(|(source, _)| source),
            "options": copy.options,
        }),
    }
}

fn told(copy: &OrderCopy, event: &'static str, was: CopyStatus, is: CopyStatus) -> Change {
    let mut after = json!({"status": is});
    if let Value::Object(members) = &mut after {
        if let Some(order) = &copy.target_order_id {
            members.insert("target_order_id".to_owned(), json!(order));
        }
        if let (CopyStatus::Failed, Some(error)) = (is, copy.errors_log.last()) {
            members.insert("error".to_owned(), json!(error.code));
        }
    }
    Change { event, before: json!({"status": was}), after }
}

/// What a refusal is about: the order's payment source, a sku of the line that it points to, or else
/// the order.
fn culprit(order: &Order, rejection: &Rejection) -> Option<Culprit> {
    let pointer = rejection.pointer.strip_prefix("/data/relationships/")?;
    if pointer.starts_with("customer_payment_source") {
        let source = order.payment_source_id.as_ref().map(Culprit::payment_source);
        return Some(source.unwrap_or_else(|| Culprit::new("orders", &order.id)));
    }
    if pointer == "customer" {
        return order.customer_id.as_ref().map(|id| Culprit::new("customers", id));
    }
    if pointer == "market" {
        return Some(Culprit::new("markets", &order.market_id));
    }
    let index =
        pointer.strip_prefix("line_items/data/")?.split('/').next()?.parse::<usize>().ok()?;
    let line = order.line_items.get(index)?;
    let code = line.item.sku_codes().into_iter().next()?.to_owned();
    Some(Culprit::sku(&SkuId::of_code(&code), &code))
}

/// The lines that can be copied, and what keeps the others from it.
fn lines_of(
    context: CopyContext<'_>,
    options: CopyOptions,
    target: &OrderId,
    now: DateTime<Utc>,
) -> (Vec<LineItem>, Vec<RunError>) {
    let CopyContext { source, market, skus, prices } = context;
    let mut errors = Vec::new();
    let mut fail = |code: &str, message, resource| {
        errors.push(RunError { at: now, code: code.to_owned(), message, resource: Some(resource) });
    };
    if market.is_none() {
        let message = format!("there is no market {} any more", source.market_id);
        fail("market_missing", message, Culprit::new("markets", &source.market_id));
    }
    let mut wanted: BTreeMap<SkuId, u64> = BTreeMap::new();
    let mut lines = Vec::new();
    for line in &source.line_items {
        let mut copied = true;
        let mut taken = wanted.clone();
        for (code, units) in line.item.units(line.quantity) {
            let id = SkuId::of_code(code);
            let Some(sku) = skus.get(&id) else {
                let message = format!("there is no sku {code:?} any more");
                fail("sku_missing", message, Culprit::sku(&id, code));
                copied = false;
                continue;
            };
            let asked = taken.entry(id.clone()).or_default();
            *asked += u64::from(units);
            if let Some(stock) = sku.stock.filter(|stock| u64::from(*stock) < *asked) {
                let message = format!("{asked} of sku {code:?} are ordered, {stock} are in stock");
                fail("out_of_stock", message, Culprit::sku(&id, code));
                copied = false;
            }
        }
        if copied && let Some(id) = line_id(target, lines.len() + 1) {
            wanted = taken;
            let line = LineItem { id, annotations: copied_annotations(line), ..line.clone() };
            lines.push(promoted(line, options, prices, now));
        }
    }
    (lines, errors)
}

/// What a client keeps with a line, but for when that line was made.
fn copied_annotations(line: &LineItem) -> Annotations {
    Annotations { created_at: None, updated_at: None, ..line.annotations.clone() }
}

/// The line at its promotional price, if that is asked for, there is one now, and nobody has set
/// another.
fn promoted(
    mut line: LineItem,
    options: CopyOptions,
    prices: &HashMap<String, Price>,
    now: DateTime<Utc>,
) -> LineItem {
    let price = line.item.sku_code().and_then(|code| prices.get(code));
    let promotion = price.and_then(|price| price.promotional_at(now));
    if let Some(amount) =
        promotion.filter(|_| options.apply_promotions && line.price_source != PriceSource::Given)
    {
        line.unit_amount = amount;
        line.price_source = PriceSource::PriceList;
    }
    line
}

fn line_id(order: &OrderId, place: usize) -> Option<LineItemId> {
    let body = order.as_str().strip_prefix(OrderId::PREFIX)?;
    format!("{}{body}_{place}", LineItemId::PREFIX).parse().ok()
}

/// All that the source order says but what it has been through itself.
fn target_of(
    source: &Order,
    id: OrderId,
    line_items: Vec<LineItem>,
    copy: &OrderCopy,
    now: DateTime<Utc>,
) -> Order {
    Order {
        order_copy_id: Some(copy.id.clone()),
        payment_source_id: source.payment_source_id.clone().filter(|_| copy.options.reuse_wallet),
        ..draft_of(source, id, line_items, now)
    }
}

/// A draft that says what another order says.
fn draft_of(source: &Order, id: OrderId, line_items: Vec<LineItem>, now: DateTime<Utc>) -> Order {
    Order {
        id,
        status: OrderStatus::Draft,
        payment_status: PaymentStatus::Unpaid,
        line_items,
        create_subscriptions: false,
        subscriptions_created: false,
        subscription_created_at: None,
        manual_subscription_ids: Vec::new(),
        order_subscription_id: None,
        order_copy_id: None,
        subscriptions_expire_at: None,
        channel: None,
        rejections: Vec::new(),
        checks: Vec::new(),
        overturn: None,
        tax: None,
        tax_fixed: false,
        placements: 0,
        charge_id: None,
        reversals: None,
        reference: None,
        reference_origin: None,
        placing_at: None,
        placed_at: None,
        cancelled_at: None,
        created_at: now,
        updated_at: now,
        version: 1,
        journal: Head::default(),
        ..source.clone()
    }
}

/// An order that is cancelled because its copy takes its place.
#[must_use]
pub fn cancel_order(before: &Order, now: DateTime<Utc>) -> (Order, Change) {
    let mut after = before.clone();
    after.status = OrderStatus::Cancelled;
    after.cancelled_at = Some(now);
    after.version += 1;
    after.updated_at = now;
    let change = Change {
        event: "orders.cancel",
        before: json!({"status": before.status}),
        after: json!({"status": after.status, "reason": "a copy takes its place"}),
    };
    (after, change)
}

/// What the journal of an order that was copied begins with.
#[must_use]
pub fn creation(order: &Order) -> Change {
    Change {
        event: "orders.create",
        before: Value::Null,
        after: json!({
            "status": OrderStatus::Draft,
            "market_id": order.market_id,
            "currency_code": order.currency,
            "total_amount_cents": order.total().ok(),
            "line_items": order.line_items.len(),
            "order_copy_id": order.order_copy_id,
            "order_subscription_id": order.order_subscription_id,
        }),
    }
}

/// The order that a run has made, as if it were a client's.
#[must_use]
pub fn order_of_run(run: &Run) -> Order {
    let id = run.order_id();
    let lines = run.lines.iter().enumerate().filter_map(|(index, line)| {
        Some(LineItem {
            id: line_id(&id, index + 1)?,
            item: line.item.clone(),
            name: line.name.clone(),
            quantity: line.quantity,
            unit_amount: line.unit_amount,
            price_source: if line.price_override { PriceSource::Given } else { PriceSource::Own },
            compare_at_amount: None,
            frequency: None,
            annotations: Annotations::default(),
        })
    });
    Order {
        line_items: lines.collect(),
        status: run.order_status(),
        payment_status: run.collected_status(),
        market_id: run.market_id.clone(),
        customer_id: run.customer_id.clone(),
        payment_source_id: run.payment_source_id.clone(),
        addresses: run.addresses.clone(),
        metadata: Value::Null,
        tags: Vec::new(),
        currency: run.currency,
        create_subscriptions: false,
        subscriptions_created: false,
        subscription_created_at: None,
        manual_subscription_ids: Vec::new(),
        order_subscription_id: Some(run.subscription_id.clone()),
        order_copy_id: None,
        subscriptions_expire_at: None,
        channel: None,
        rejections: Vec::new(),
        checks: Vec::new(),
        overturn: None,
        tax: run.tax.as_ref().map(|tax| tax_of_lines(tax, &id)),
        tax_fixed: run.tax.is_some(),
        placements: 0,
        charge_id: run.charge_id.clone(),
        reversals: run.reversals.clone(),
        reference: None,
        reference_origin: None,
        placing_at: None,
        placed_at: run.completed_at,
        cancelled_at: None,
        created_at: run.started_at,
        updated_at: run.completed_at.or(run.failed_at).unwrap_or(run.started_at),
        version: run.version,
        journal: Head::default(),
        id,
    }
}

/// What a run bears of tax, by the ids that its lines have as an order's.
fn tax_of_lines(tax: &Taxes, id: &OrderId) -> Taxes {
    let mut tax = tax.clone();
    for line in &mut tax.lines {
        let own = line.id.parse().ok().and_then(|place: usize| line_id(id, place));
        if let Some(own) = own {
            line.id = own.to_string();
        }
    }
    tax
}

/// The draft that a run leaves for somebody to place, with the first entry of its journal.
#[must_use]
pub fn left_draft(run: &Run, now: DateTime<Utc>) -> (Order, Change) {
    let made = order_of_run(run);
    let lines = made.line_items.clone();
    let order = Order {
        order_subscription_id: made.order_subscription_id.clone(),
        ..draft_of(&made, made.id.clone(), lines, now)
    };
    let change = creation(&order);
    (order, change)
}

/// The order of a run, by the subscription and the number.
#[must_use]
pub fn order_id_of_run(
    subscription: &SubscriptionId,
    number: OccurrenceNumber,
    place_target_order: bool,
) -> OrderId {
    if place_target_order {
        OrderId::of_run(subscription, number)
    } else {
        OrderId::left_by_run(subscription, number)
    }
}

#[cfg(test)]
#[path = "copy_order_tests.rs"]
mod tests;
