//! Bundles: skus that are sold together, at one price.

use std::collections::BTreeSet;

use perennial_domain::{
    ids::SkuId,
    pricing::{Component, MAX_COMPONENT_QUANTITY, MAX_COMPONENTS},
};
use perennial_store::{Part, Record};
use serde_json::{Map, Value};

use super::{
    CREATED_AT, MAX_AMOUNT, UPDATED_AT,
    catalog::{Catalog, Change, Identity, METADATA, Need, REFERENCE, REFERENCE_ORIGIN, text},
    prices::show_formatted,
    sku_lists, skus,
    tags::{ADD_TAGS, REMOVE_TAGS, TAGS},
    tax_rules::TAX_CATEGORY,
};
use crate::http::{
    attributes::{self, Access, Attribute, Kind},
    context::Context,
    document::Related,
    error::{Code, Outcome, Problem, Problems},
    object::{Given, Relationship, ResourceType},
};

const COMPONENTS: &str = "components";
const PRICE: &str = "price_amount_cents";
const COMPUTE: &str = "_compute_price_amount";

const COMPONENT: &[Attribute] = &[
    Attribute::write("sku_code", Kind::Text(100), "Code of the sku."),
    Attribute::write(
        "quantity",
        Kind::Integer(1, MAX_COMPONENT_QUANTITY as i64),
        "Units of it in one bundle; 1 unless given.",
    ),
];

pub(crate) static KIND: ResourceType = ResourceType {
    name: "bundles",
    singular: "bundle",
    about: "Skus that are sold together, at a price of their own or at what they cost together.",
    attributes: &[
        Attribute::create("code", Kind::Text(100), "The merchant's code, unique and final."),
        Attribute::write("name", Kind::Text(200), "Name for people."),
        Attribute::write("description", Kind::Text(2_000), "More about it, for people."),
        Attribute::write("image_url", Kind::Text(2_000), "Where an image of it is."),
        Attribute::create(
            "currency_code",
            Kind::Currency,
            "Currency of its amounts; its market's unless given.",
        ),
        Attribute::write(
            PRICE,
            Kind::Integer(0, MAX_AMOUNT),
            "What one costs, in minor units; null for what its skus cost together when a line is made.",
        ),
        Attribute::read(
            "formatted_price_amount",
            Kind::Text(50),
            "`price_amount_cents` as people write it.",
        ),
        Attribute::write(
            "compare_at_amount_cents",
            Kind::Integer(0, MAX_AMOUNT),
            "What one would cost without the offer, for people, in minor units.",
        ),
        Attribute::read(
            "formatted_compare_at_amount",
            Kind::Text(50),
            "`compare_at_amount_cents` as people write it.",
        ),
        TAX_CATEGORY,
        Attribute::of(
            COMPUTE,
            Kind::Boolean,
            Access::Trigger,
            "Gives up its own price for what its skus cost together.",
        ),
        Attribute::write(
            COMPONENTS,
            Kind::List(&Kind::Members(COMPONENT), MAX_COMPONENTS),
            "What one holds: skus, each once, with their units. The relationship sku_list may be given \
             instead: what it holds then is copied.",
        ),
        Attribute::read("skus_count", Kind::Integer(0, 20), "How many different skus it holds."),
        ADD_TAGS,
        REMOVE_TAGS,
        REFERENCE,
        REFERENCE_ORIGIN,
        METADATA,
        CREATED_AT,
        UPDATED_AT,
    ],
    relationships: &[
        Relationship { on_create: Given::Optionally, ..Relationship::given("market", "markets") },
        Relationship {
            on_create: Given::Optionally,
            ..Relationship::given("sku_list", "sku_lists")
        },
        Relationship::listed("skus", "skus"),
        TAGS,
    ],
};

pub(super) static CATALOG: Catalog = Catalog {
    identity: Identity::Of { members: &["code"], filters: &["code_eq"] },
    required: &["code", "name"],
    market: Some("market_id"),
    take,
    settle: |context, change| Box::pin(settle(context, change)),
    show,
    // Lines hold what was in it; its tax category stands here alone. What is cancelled may be taken up
    // again.
    needed_by: &[
        Need::of("order_subscriptions", "S", "items"),
        Need::of("orders", "O", "line_items").but_not(&["placed", "cancelled"]),
    ],
    on_update: "Lines and subscriptions made before keep what it held, and their price where that \
                is pinned.",
    ..Catalog::new(&KIND, "B", Part::Record("bundle"), "bdl_")
};

fn take(_: &Context<'_>, change: &mut Change) {
    let compute = change.attributes.trigger(COMPUTE, &mut change.problems);
    if compute && change.attributes.has(PRICE) {
        let detail = format!("{PRICE} can't be given together with {COMPUTE}");
        let at = change.attributes.pointer(PRICE);
        change.problems.add(Problem::new(Code::InvalidValue, detail).at(at));
    } else if compute {
        change.set(PRICE, Value::Null);
    }
    take_components(change);
}

/// What it holds is given, or a list that holds it.
fn take_components(change: &mut Change) {
    let list: Related<String> = change.document.related("sku_list", &mut Problems::default());
    let needed = change.is_new() && list == Related::Absent && !change.attributes.has(COMPONENTS);
    let given = change.attributes.optional::<Value>(COMPONENTS, &mut change.problems);
    if needed || given == attributes::Given::Null {
        let detail = "components, or the relationship sku_list, is required";
        change.refuse(COMPONENTS, Code::Required, detail);
    }
    if let Some(components) = given.value() {
        change.set(COMPONENTS, components);
    }
}

async fn settle(context: &Context<'_>, change: &mut Change) -> Outcome<()> {
    settle_currency(change);
    copy_list(change);
    settle_components(context, change).await
}

/// A bundle of a market is sold in its currency.
fn settle_currency(change: &mut Change) {
    if !change.is_new() {
        return;
    }
    let market = change.related("market").and_then(|market| text(market, "currency_code"));
    match (change.text("currency_code"), market.map(str::to_owned)) {
        (Some(given), Some(market)) if given != market => {
            let detail = format!("the bundle's market sells in {market}, not in {given}");
            change.refuse("currency_code", Code::CurrencyMismatch, detail);
        }
        (None, Some(market)) => change.set("currency_code", market),
        (None, None) => {
            let detail = "currency_code is required for a bundle of every market";
            change.refuse("currency_code", Code::Required, detail);
        }
        (Some(_), _) => {}
    }
}

/// A bundle that is made of a list holds what that holds now.
fn copy_list(change: &mut Change) {
    let Some(list) = change.related("sku_list") else { return };
    let listed: Vec<Component> = sku_lists::entries(list)
        .into_iter()
        .map(|entry| Component { sku_code: entry.sku_code, quantity: entry.quantity })
        .collect();
    if change.after.contains_key(COMPONENTS) {
        let detail = format!("{COMPONENTS} can't be given together with the relationship sku_list");
        change.refuse(COMPONENTS, Code::InvalidValue, detail);
    } else {
        change.set(COMPONENTS, listed);
    }
}

/// Its skus must exist, each once.
async fn settle_components(context: &Context<'_>, change: &mut Change) -> Outcome<()> {
    if !change.is_new() && change.before.get(COMPONENTS) == change.after.get(COMPONENTS) {
        return Ok(());
    }
    let given = change.after.get(COMPONENTS).and_then(Value::as_array).cloned().unwrap_or_default();
    if given.is_empty() {
        if change.after.contains_key(COMPONENTS) {
            let detail = "components must hold at least one sku";
            change.refuse(COMPONENTS, Code::OutOfRange, detail);
        }
        return Ok(());
    }
    let at = change.attributes.pointer(COMPONENTS);
    let (mut seen, mut components) = (BTreeSet::new(), Vec::new());
    for (index, part) in given.iter().enumerate() {
        let at = format!("{at}/{index}/sku_code");
        let Some(code) = part.get("sku_code").and_then(Value::as_str) else {
            change.problems.add(Problem::new(Code::Required, "sku_code is required").at(at));
            continue;
        };
        if !seen.insert(code.to_owned()) {
            let detail = format!("sku {code:?} stands in the bundle already");
            change
                .problems
                .add(Problem::new(Code::InvalidValue, detail).at(at).with("value", code));
        }
        let quantity = part.get("quantity").and_then(Value::as_u64).unwrap_or(1);
        components.push(Component {
            sku_code: code.to_owned(),
            quantity: u32::try_from(quantity).unwrap_or(MAX_COMPONENT_QUANTITY),
        });
    }
    let ids: Vec<String> =
        components.iter().map(|part| SkuId::of_code(&part.sku_code).to_string()).collect();
    let organization = &context.caller.organization;
    let found = context.store().records(organization, skus::CATALOG.stored, &ids, true).await?;
    for (index, (part, id)) in components.iter().zip(&ids).enumerate() {
        if found.iter().all(|sku| text(sku, "id") != Some(id)) {
            let code = &part.sku_code;
            let detail = format!("there is no sku with the code {code:?}");
            let problem = Problem::new(Code::RelatedNotFound, detail);
            let at = format!("{at}/{index}/sku_code");
            change.problems.add(problem.at(at).with("value", code.clone()));
        }
    }
    change.set(COMPONENTS, components);
    change.set("skus", ids);
    Ok(())
}

fn show(record: &Record, attributes: &mut Map<String, Value>) {
    for name in ["price_amount", "compare_at_amount"] {
        show_formatted(record, name, attributes);
    }
    let count = record.get("skus").and_then(Value::as_array).map(Vec::len);
    attributes.insert("skus_count".to_owned(), count.into());
}
