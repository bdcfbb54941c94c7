//! Prices: what one unit of a sku costs by a price list.

use chrono::{DateTime, Utc};
use perennial_domain::{
    ids::SkuId,
    money::{Currency, MinorUnits},
};
use perennial_store::{Part, Record};
use serde_json::{Map, Value};

use super::{
    CREATED_AT, MAX_AMOUNT, UPDATED_AT,
    catalog::{Catalog, Change, Identity, METADATA, REFERENCE, REFERENCE_ORIGIN, text},
    orders, skus,
};
use crate::http::{
    attributes::{Attribute, Kind},
    context::Context,
    error::{Code, Outcome, Problem},
    object::{Given, Relationship, ResourceType},
};

pub(super) const AMOUNT: Kind = Kind::Integer(0, MAX_AMOUNT);
/// The relationship to its tiers.
pub(super) const TIERS: &str = "price_volume_tiers";
const PROMOTIONAL: &str = "promotional_amount_cents";
const STARTS_AT: &str = "promotion_starts_at";
const ENDS_AT: &str = "promotion_ends_at";

pub(crate) static KIND: ResourceType = ResourceType {
    name: "prices",
    singular: "price",
    about: "What one unit of a sku costs by a price list, which has one price for each sku.",
    attributes: &[
        Attribute::create(
            "sku_code",
            Kind::Text(100),
            "Code of the sku; the relationship sku may be given instead.",
        ),
        Attribute::read("currency_code", Kind::Currency, "Currency of the amounts, the list's."),
        Attribute::write("amount_cents", AMOUNT, "The regular price, in minor units."),
        Attribute::read("formatted_amount", Kind::Text(50), "`amount_cents` as people write it."),
        Attribute::write(
            "compare_at_amount_cents",
            AMOUNT,
            "What it would cost without the offer, for people, in minor units.",
        ),
        Attribute::read(
            "formatted_compare_at_amount",
            Kind::Text(50),
            "`compare_at_amount_cents` as people write it.",
        ),
        Attribute::write(
            PROMOTIONAL,
            AMOUNT,
            "The price during the promotion, in minor units; null for no promotion.",
        ),
        Attribute::read(
            "formatted_promotional_amount",
            Kind::Text(50),
            "`promotional_amount_cents` as people write it.",
        ),
        Attribute::write(
            STARTS_AT,
            Kind::Instant,
            "When the promotion begins; null for ever since.",
        ),
        Attribute::write(
            ENDS_AT,
            Kind::Instant,
            "When the promotion ends, exclusive; null for never.",
        ),
        REFERENCE,
        REFERENCE_ORIGIN,
        METADATA,
        CREATED_AT,
        UPDATED_AT,
    ],
    relationships: &[
        Relationship::required("price_list", "price_lists"),
        Relationship { on_create: Given::Optionally, ..Relationship::given("sku", "skus") },
        Relationship::listed(TIERS, "price_volume_tiers"),
    ],
};

pub(super) static CATALOG: Catalog = Catalog {
    identity: Identity::Of { members: &["price_list_id", "sku_code"], filters: &[] },
    required: &["amount_cents"],
    settle: |context, change| Box::pin(settle(context, change)),
    show,
    on_update: "Lines made before keep the price they were made at; subscriptions that follow the \
                list have the new one from their next run on.",
    ..Catalog::new(&KIND, "V", Part::Record("price"), "prc_")
};

async fn settle(context: &Context<'_>, change: &mut Change) -> Outcome<()> {
    if change.is_new() {
        find_sku(context, change).await?;
        let currency = change.related("price_list").and_then(|list| text(list, "currency_code"));
        let currency = currency.map(str::to_owned);
        change.set("currency_code", currency);
    }
    check_promotion(change);
    Ok(())
}

/// The sku is given by its code, or by the relationship, or by both alike.
async fn find_sku(context: &Context<'_>, change: &mut Change) -> Outcome<()> {
    let related = change.related("sku").and_then(|sku| text(sku, "code")).map(str::to_owned);
    match (change.text("sku_code").map(str::to_owned), related) {
        (Some(code), Some(related)) if code != related => {
            let detail = format!("sku_code is {code:?}, the relationship sku leads to {related:?}");
            change.refuse("sku_code", Code::InvalidValue, detail);
        }
        (_, Some(related)) => change.set("sku_code", related),
        (Some(code), None) => {
            let id = SkuId::of_code(&code).to_string();
            let organization = &context.caller.organization;
            let found = context.store().record(organization, skus::CATALOG.stored, &id).await?;
            if found.is_none() {
                let detail = format!("there is no sku with the code {code:?}");
                change.refuse("sku_code", Code::RelatedNotFound, detail);
            }
            change.set("sku_id", id);
        }
        (None, None) if change.text("sku_id").is_some() => {}
        (None, None) => {
            let detail = "sku_code or the relationship sku is required";
            let at = change.attributes.pointer("sku_code");
            change.problems.add(Problem::new(Code::Required, detail).at(at));
        }
    }
    Ok(())
}

fn check_promotion(change: &mut Change) {
    let instant = |name: &str| change.text(name)?.parse::<DateTime<Utc>>().ok();
    let window = (instant(STARTS_AT), instant(ENDS_AT));
    if let (Some(start), Some(end)) = window
        && end <= start
    {
        let detail = format!("{ENDS_AT} must be later than {STARTS_AT} ({})", start.to_rfc3339());
        change.refuse(ENDS_AT, Code::OutOfRange, detail);
    }
    if window != (None, None) && !change.after.contains_key(PROMOTIONAL) {
        let detail = format!("{PROMOTIONAL} is required for a promotion");
        change.refuse(PROMOTIONAL, Code::Required, detail);
    }
}

fn show(record: &Record, attributes: &mut Map<String, Value>) {
    for name in ["amount", "compare_at_amount", "promotional_amount"] {
        show_formatted(record, name, attributes);
    }
}

/// Adds `formatted_<name>` of the amount `<name>_cents` of a record, in its currency.
pub(super) fn show_formatted(record: &Record, name: &str, attributes: &mut Map<String, Value>) {
    let currency = text(record, "currency_code").and_then(|code| code.parse::<Currency>().ok());
    let amount = record.get(&format!("{name}_cents")).and_then(Value::as_i64);
    let formatted = amount
        .zip(currency)
        .map(|(amount, currency)| orders::formatted(MinorUnits::new(amount), currency));
    attributes.insert(format!("formatted_{name}"), formatted.into());
}
