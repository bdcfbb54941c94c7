//! Lines of orders, as they are read. An id tells the order: `lin_<body of the order's id>_<tail>`.

use perennial_domain::{
    ids::{LineItemId, OrderId},
    money::{Currency, MinorUnits},
    order::{LineItem, MAX_QUANTITY, Order},
    placement::line_total,
    run::Run,
    time::Frequency,
};
use serde_json::json;

use super::{MAX_AMOUNT, answer, orders};
use crate::http::{
    attributes::{Attribute, Kind},
    context::Context,
    error::{ApiError, Outcome},
    event::Answer,
    object::{Linkage, Object, Relationship, ResourceType},
    operation::{Action, Operation, Surface, handler},
    query::Accepts,
};

const SKU_CODE: Attribute = Attribute::create("sku_code", Kind::Text(100), "Code of the sku.");
const QUANTITY: Attribute =
    Attribute::write("quantity", Kind::Integer(1, MAX_QUANTITY as i64), "Units ordered.");
const FREQUENCY: Attribute =
    Attribute::write("frequency", Kind::Frequency, "How often it repeats; null for once.");
const UNIT_AMOUNT: Attribute = Attribute::write(
    "unit_amount_cents",
    Kind::Integer(0, MAX_AMOUNT),
    "Price of one unit in minor units; the sku's unless given. Not for sales channels.",
);

/// What a client says of a line.
pub(crate) const WRITABLE: &[Attribute] = &[SKU_CODE, QUANTITY, FREQUENCY, UNIT_AMOUNT];

pub(crate) static KIND: ResourceType = ResourceType {
    name: "line_items",
    singular: "line item",
    about: "A line of an order. It may change while its order is a draft.",
    attributes: &[
        SKU_CODE,
        QUANTITY,
        FREQUENCY,
        UNIT_AMOUNT,
        Attribute::read("name", Kind::Text(200), "Name for people, copied from the sku."),
        Attribute::read("currency_code", Kind::Currency, "Currency of the amounts."),
        Attribute::read(
            "total_amount_cents",
            Kind::Integer(0, i64::MAX),
            "Quantity times price, in minor units.",
        ),
        Attribute::read("formatted_total_amount", Kind::Text(50), "The same, for people."),
    ],
    relationships: &[Relationship::required("order", "orders")],
};

pub(super) const OPERATIONS: &[Operation] = &[Operation {
    action: Action::Read,
    path: "/api/line_items/{id}",
    kind: &KIND,
    surface: Surface::Api,
    accepts: Accepts::SINGLE,
    about: "Reads a line.",
    handler: handler!(read),
}];

struct View<'a> {
    id: String,
    order: OrderId,
    version: Option<u64>,
    sku_code: &'a str,
    name: &'a str,
    quantity: u32,
    frequency: Option<&'a Frequency>,
    unit_amount: MinorUnits,
    total: Option<MinorUnits>,
    currency: Currency,
}

fn view(view: View<'_>) -> Object {
    let View { id, order, version, sku_code, name, quantity, frequency, .. } = view;
    let (unit_amount, total, currency) = (view.unit_amount, view.total, view.currency);
    Object {
        kind: &KIND,
        id,
        version,
        attributes: json!({
            "sku_code": sku_code,
            "name": name,
            "quantity": quantity,
            "frequency": frequency,
            "unit_amount_cents": unit_amount,
            "currency_code": currency,
            "total_amount_cents": total,
            "formatted_total_amount": total.map(|total| orders::formatted(total, currency)),
        }),
        relationships: vec![("order", Linkage::one("orders", Some(&order)))],
        meta: None,
        brings: Vec::new(),
    }
}

/// A line of a client's order. Its version is the order's, as both change together.
pub(crate) fn object(order: &Order, line: &LineItem) -> Object {
    let LineItem { id, sku_id: _, sku_code, name, quantity, unit_amount, frequency } = line;
    view(View {
        id: id.to_string(),
        order: order.id.clone(),
        version: Some(order.version),
        sku_code,
        name,
        quantity: *quantity,
        frequency: frequency.as_ref(),
        unit_amount: *unit_amount,
        total: line_total(line),
        currency: order.currency,
    })
}

/// The lines of the order that a run has made.
pub(super) fn run_objects(run: &Run) -> Vec<Object> {
    let order = run.order_id();
    run.lines
        .iter()
        .enumerate()
        .filter_map(|(index, line)| {
            Some(view(View {
                id: id_in(&order, &(index + 1).to_string())?.to_string(),
                order: order.clone(),
                version: None,
                sku_code: &line.sku_code,
                name: &line.name,
                quantity: line.quantity,
                frequency: None,
                unit_amount: line.unit_amount,
                total: line.unit_amount.checked_mul(line.quantity).ok(),
                currency: run.currency,
            }))
        })
        .collect()
}

/// The id of a line of an order; `tail` is lower-case letters and digits.
pub(crate) fn id_in(order: &OrderId, tail: &str) -> Option<LineItemId> {
    let body = order.as_str().strip_prefix(OrderId::PREFIX)?;
    format!("{}{body}_{tail}", LineItemId::PREFIX).parse().ok()
}

/// The order that a line belongs to.
pub(crate) fn order_of(line: &LineItemId) -> Option<OrderId> {
    let (body, _) = line.as_str().strip_prefix(LineItemId::PREFIX)?.rsplit_once('_')?;
    format!("{}{body}", OrderId::PREFIX).parse().ok()
}

async fn read(context: &Context<'_>) -> Outcome<Answer> {
    let missing = || ApiError::not_found(KIND.singular, context.id);
    let id: LineItemId = context.path_id(KIND.singular)?;
    let order = orders::find(context, &order_of(&id).ok_or_else(missing)?).await?;
    let lines = order.map(|order| orders::stored_object(&order).brings).unwrap_or_default();
    let line = lines.into_iter().find(|line| line.id == id.as_str()).ok_or_else(missing)?;
    answer::one(context, 200, &line).await
}
