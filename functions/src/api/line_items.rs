//! Lines of orders, as they are read. An id tells the order: `lin_<body of the order's id>_<tail>`.

use chrono::{DateTime, Utc};
use perennial_domain::{
    ids::{BundleId, LineItemId, OrderId, SkuId},
    money::{Currency, MinorUnits},
    order::{Annotations, LineItem, MAX_QUANTITY, Order},
    pricing::OrderedItem,
    run::Run,
    tax::LineTax,
    time::Frequency,
};
use serde_json::{Value, json};

use super::{
    CREATED_AT, MAX_AMOUNT, UPDATED_AT, answer,
    catalog::{METADATA, REFERENCE, REFERENCE_ORIGIN},
    orders, taxed,
};
use crate::http::{
    attributes::{Access, Attribute, Kind},
    context::Context,
    error::{ApiError, Outcome},
    event::Answer,
    object::{Given, Linkage, Object, Ref, Relationship, ResourceType},
    operation::{Action, Operation, Surface, handler},
    query::Accepts,
};

const SKU_CODE: Attribute = Attribute::create(
    "sku_code",
    Kind::Text(100),
    "Code of the sku; a line orders a sku, a bundle or an adjustment.",
);
const BUNDLE_CODE: Attribute =
    Attribute::create("bundle_code", Kind::Text(100), "Code of the bundle.");
const ADJUSTMENT_ID: Attribute = Attribute::of(
    "adjustment_id",
    Kind::Text(100),
    Access::CreateOnly,
    "Id of the adjustment, a discount or a fee.",
);
const ITEM_TYPE: Attribute = Attribute::create(
    "item_type",
    Kind::Choice(&["skus", "bundles", "adjustments"]),
    "Type of what is ordered; it follows from that.",
);
const QUANTITY: Attribute =
    Attribute::write("quantity", Kind::Integer(1, MAX_QUANTITY as i64), "Units ordered.");
const FREQUENCY: Attribute =
    Attribute::write("frequency", Kind::Frequency, "How often it repeats; null for once.");
const UNIT_AMOUNT: Attribute = Attribute::write(
    "unit_amount_cents",
    Kind::Integer(-MAX_AMOUNT, MAX_AMOUNT),
    "Price of one unit in minor units. Unless given, that of the market's price list when the line \
     is made, or else its own. Below zero only for an adjustment. Not for sales channels.",
);
const EXTERNAL_PRICE: Attribute = Attribute::of(
    "_external_price",
    Kind::Boolean,
    Access::Trigger,
    "Says that unit_amount_cents is given. There is no service that is asked for it.",
);

/// What a client says of a line.
pub(crate) const WRITABLE: &[Attribute] = &[
    SKU_CODE,
    BUNDLE_CODE,
    ADJUSTMENT_ID,
    ITEM_TYPE,
    QUANTITY,
    FREQUENCY,
    UNIT_AMOUNT,
    EXTERNAL_PRICE,
    REFERENCE,
    REFERENCE_ORIGIN,
    METADATA,
];

/// A sum of a line: below zero for a discount.
const TOTAL: Kind = Kind::Integer(-i64::MAX, i64::MAX);

pub(crate) static KIND: ResourceType = ResourceType {
    name: "line_items",
    singular: "line item",
    about: "A line of an order: a sku, a bundle of skus, a discount or a fee. It may change while its \
            order is a draft.",
    attributes: &[
        SKU_CODE,
        BUNDLE_CODE,
        ADJUSTMENT_ID,
        ITEM_TYPE,
        QUANTITY,
        FREQUENCY,
        UNIT_AMOUNT,
        EXTERNAL_PRICE,
        Attribute::read("formatted_unit_amount", Kind::Text(50), "The price, for people."),
        Attribute::read(
            "compare_at_amount_cents",
            Kind::Integer(0, MAX_AMOUNT),
            "What one unit would cost without the offer, in minor units.",
        ),
        Attribute::read(
            "formatted_compare_at_amount",
            Kind::Text(50),
            "`compare_at_amount_cents` as people write it.",
        ),
        Attribute::read("name", Kind::Text(200), "Name for people, copied from what is ordered."),
        Attribute::read("currency_code", Kind::Currency, "Currency of the amounts."),
        Attribute::read("total_amount_cents", TOTAL, "Quantity times price, in minor units."),
        Attribute::read(
            "formatted_total_amount",
            Kind::Text(50),
            "`total_amount_cents` as people write it.",
        ),
        taxed::LINE_TAX,
        taxed::FORMATTED_LINE_TAX,
        taxed::LINE_TAXABLE,
        taxed::LINE_RATE,
        taxed::LINE_BREAKDOWN,
        REFERENCE,
        REFERENCE_ORIGIN,
        METADATA,
        CREATED_AT,
        UPDATED_AT,
    ],
    relationships: &[
        Relationship::required("order", "orders"),
        Relationship {
            on_create: Given::Optionally,
            ..Relationship::given("item", "skus").or_to(&["bundles", "adjustments"]).unlinked()
        },
        Relationship::given("sku", "skus"),
        Relationship::given("bundle", "bundles"),
        Relationship::given("adjustment", "adjustments"),
    ],
};

/// What a line leads to by what it orders.
pub(super) fn item_relationships(item: &OrderedItem) -> Vec<(&'static str, Linkage)> {
    let sku = item.sku_code().map(|code| Ref::new("skus", &SkuId::of_code(code)));
    let bundle = item.bundle_code().map(|code| Ref::new("bundles", &BundleId::of_code(code)));
    let adjustment = item.adjustment_id().map(|id| Ref::new("adjustments", id));
    let any = sku.clone().or_else(|| bundle.clone()).or_else(|| adjustment.clone());
    [("item", any), ("sku", sku), ("bundle", bundle), ("adjustment", adjustment)]
        .map(|(name, found)| (name, Linkage::One(found)))
        .to_vec()
}

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
    item: &'a OrderedItem,
    name: &'a str,
    quantity: u32,
    frequency: Option<&'a Frequency>,
    unit_amount: MinorUnits,
    compare_at: Option<MinorUnits>,
    currency: Currency,
    tax: Option<&'a LineTax>,
    annotations: &'a Annotations,
    /// When its order was made.
    ordered_at: DateTime<Utc>,
}

fn view(view: View<'_>) -> Object {
    let View { id, order, version, item, name, quantity, frequency, .. } = view;
    let View { unit_amount, compare_at, currency, tax, annotations, ordered_at, .. } = view;
    let created_at = annotations.created_at.unwrap_or(ordered_at);
    let total = unit_amount.checked_mul(quantity).ok();
    let formatted = |amount: MinorUnits| orders::formatted(amount, currency);
    let mut relationships = vec![("order", Linkage::one("orders", Some(&order)))];
    relationships.extend(item_relationships(item));
    let mut attributes = json!({
        "sku_code": item.sku_code(),
        "bundle_code": item.bundle_code(),
        "item_type": item.item_type(),
        "name": name,
        "quantity": quantity,
        "frequency": frequency,
        "unit_amount_cents": unit_amount,
        "formatted_unit_amount": formatted(unit_amount),
        "compare_at_amount_cents": compare_at,
        "formatted_compare_at_amount": compare_at.map(formatted),
        "currency_code": currency,
        "total_amount_cents": total,
        "formatted_total_amount": total.map(formatted),
        "reference": annotations.reference,
        "reference_origin": annotations.reference_origin,
        "metadata": annotations.metadata,
        "created_at": created_at,
        "updated_at": annotations.updated_at.unwrap_or(created_at),
    });
    if let Value::Object(members) = &mut attributes {
        taxed::add_line(members, tax, currency);
    }
    Object { kind: &KIND, id, version, attributes, relationships, meta: None, brings: Vec::new() }
}

/// A line of a client's order. Its version is the order's, as both change together.
pub(crate) fn object(order: &Order, line: &LineItem) -> Object {
    let LineItem { id, name, quantity, unit_amount, frequency, .. } = line;
    view(View {
        id: id.to_string(),
        order: order.id.clone(),
        version: Some(order.version),
        item: &line.item,
        name,
        quantity: *quantity,
        frequency: frequency.as_ref(),
        unit_amount: *unit_amount,
        compare_at: line.compare_at_amount,
        currency: order.currency,
        tax: order.tax.as_ref().and_then(|tax| tax.of_line(id.as_str())),
        annotations: &line.annotations,
        ordered_at: order.created_at,
    })
}

/// The lines of the order that a run has made.
pub(super) fn run_objects(run: &Run) -> Vec<Object> {
    let (order, none) = (run.order_id(), Annotations::default());
    run.lines
        .iter()
        .enumerate()
        .filter_map(|(index, line)| {
            Some(view(View {
                id: id_in(&order, &(index + 1).to_string())?.to_string(),
                order: order.clone(),
                version: None,
                item: &line.item,
                name: &line.name,
                quantity: line.quantity,
                frequency: None,
                unit_amount: line.unit_amount,
                compare_at: None,
                currency: run.currency,
                tax: run.tax.as_ref().and_then(|tax| tax.of_line(&(index + 1).to_string())),
                annotations: &none,
                ordered_at: run.started_at,
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
