//! Tax rules: a rate, and the goods, place and days that it is for.

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use perennial_domain::{
    country::is_country,
    tax::{MAX_TAX_RULES, TaxRate, fraction},
};
use perennial_store::{Part, Record};
use serde_json::{Map, Value, json};

use super::{
    CREATED_AT, UPDATED_AT,
    catalog::{Catalog, Change, Identity, METADATA, REFERENCE, REFERENCE_ORIGIN, text},
};
use crate::http::{
    attributes::{Attribute, Kind},
    context::Context,
    error::{Code, Outcome, Problem},
    object::{Relationship, ResourceType},
};

/// The category of a sku or bundle.
pub(super) const TAX_CATEGORY: Attribute = Attribute::write(
    "tax_category",
    Kind::Text(64),
    "The category by which tax rules and services know it; null for none.",
);

const RATE: &str = "tax_rate";
const CATEGORY: &str = TAX_CATEGORY.name;
const COUNTRY: &str = "country_code";
const STATE: &str = "state_code";
const STARTS_ON: &str = "starts_on";
const CALCULATOR: &str = "manual_tax_calculator_id";
/// How far the calendar of a market may be ahead of UTC.
const FURTHEST_AHEAD: TimeDelta = TimeDelta::hours(14);

pub(crate) static KIND: ResourceType = ResourceType {
    name: "tax_rules",
    singular: "tax rule",
    about: "A rate, and what it is for. Of the rules that have begun, the one for the category of the \
            goods wins over one for any, then the one for the state, for the country, and with the latest \
            first day. Goods without a rule are not taxable. Once a rule has begun it can't be changed or \
            deleted, only followed by a later one.",
    attributes: &[
        Attribute::write("name", Kind::Text(200), "Name for people."),
        Attribute::write(RATE, Kind::TaxRate, "The rate, as a fraction: 0.19 is 19 percent."),
        Attribute::read(
            "tax_percent",
            Kind::Text(12),
            "The same in percent, as text with the exact digits: 19, 8.875.",
        ),
        Attribute::create(
            CATEGORY,
            Kind::Text(64),
            "For skus and bundles of this category only; null for every one.",
        ),
        Attribute::create(
            COUNTRY,
            Kind::Text(2),
            "For what goes to this country only, by its two letters in ISO 3166-1; null for anywhere.",
        ),
        Attribute::create(
            STATE,
            Kind::Text(10),
            "For this state or province of the country only; null for all of it.",
        ),
        Attribute::create(
            STARTS_ON,
            Kind::Date,
            "The first day on which it counts, on the calendar of the order's market; null for ever since.",
        ),
        REFERENCE,
        REFERENCE_ORIGIN,
        METADATA,
        CREATED_AT,
        UPDATED_AT,
    ],
    relationships: &[Relationship::required("manual_tax_calculator", "manual_tax_calculators")],
};

pub(super) static CATALOG: Catalog = Catalog {
    identity: Identity::Within {
        parent: CALCULATOR,
        members: &[CALCULATOR, CATEGORY, COUNTRY, STATE, STARTS_ON],
    },
    required: &["name", RATE],
    settle: |context, change| Box::pin(settle(context, change)),
    show,
    refuse_deletion: |context, rule| {
        has_begun(rule, context.now).then(|| {
            let id = text(rule, "id").unwrap_or_default();
            let detail = format!("tax rule {id} has begun: let a later one follow it");
            Problem::new(Code::InUse, detail).with(STARTS_ON, text(rule, STARTS_ON))
        })
    },
    on_update: "Only its name and rate, before it begins.",
    ..Catalog::new(&KIND, "TR", Part::Record("tax rule"), "txr_")
};

/// Whether a rule counts already, wherever its day begins first.
fn has_begun(rule: &Record, now: DateTime<Utc>) -> bool {
    let starts_on: Option<NaiveDate> = text(rule, STARTS_ON).and_then(|day| day.parse().ok());
    starts_on.is_none_or(|day| day <= (now + FURTHEST_AHEAD).date_naive())
}

async fn settle(context: &Context<'_>, change: &mut Change) -> Outcome<()> {
    if !change.is_new() {
        refuse_begun(context, change);
        return Ok(());
    }
    check_place(change);
    if let Some(Ok(calculator)) = change.text(CALCULATOR).map(str::parse) {
        let table = context.store().tax_table(&context.caller.organization, &calculator).await?;
        if table.is_some_and(|table| table.rules.len() >= MAX_TAX_RULES) {
            let detail = format!("a tax calculator has at most {MAX_TAX_RULES} rules");
            change.problems.add(Problem::new(Code::OutOfRange, detail).at("/data"));
        }
    }
    Ok(())
}

/// What was taxed by a rule is explained by it.
fn refuse_begun(context: &Context<'_>, change: &mut Change) {
    if !has_begun(&change.before, context.now) {
        return;
    }
    for name in ["name", RATE] {
        if change.before.get(name) != change.after.get(name) {
            let detail =
                format!("{name}: the rule has begun; let one with a later {STARTS_ON} follow it");
            change.refuse(name, Code::InvalidStatus, detail);
        }
    }
}

/// A state needs its country. It is kept in capitals, so that no two rules are for one and the same.
fn check_place(change: &mut Change) {
    let state = change.text(STATE).map(str::to_uppercase);
    change.set(STATE, state);
    match change.text(COUNTRY).map(str::to_owned) {
        Some(country) if !is_country(&country) => {
            let detail = format!("{COUNTRY}: {country:?} is no country of ISO 3166-1, such as DE");
            change.refuse(COUNTRY, Code::InvalidValue, detail);
        }
        None if change.text(STATE).is_some() => {
            let state = change.text(STATE).unwrap_or_default();
            let detail = format!(
                "{STATE} {state:?} needs a {COUNTRY}: states of two countries share their codes"
            );
            change.refuse(STATE, Code::InvalidValue, detail);
        }
        Some(_) | None => {}
    }
}

fn show(record: &Record, attributes: &mut Map<String, Value>) {
    let rate = record.get(RATE).and_then(Value::as_f64).and_then(|rate| fraction::read(rate).ok());
    attributes.insert("tax_percent".to_owned(), json!(rate.map(|rate: TaxRate| rate.to_string())));
}
