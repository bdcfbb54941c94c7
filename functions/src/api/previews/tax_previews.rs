//! Tax previews: what tax an order's lines would bear, by which rule, and why.

use chrono::{DateTime, Utc};
use perennial_domain::{
    catalog::Market,
    ids::OrderId,
    money::{MinorUnits, MoneyError},
    tax::{Sale, TaxCalculatorId, TaxLine, TaxRule, Taxes},
};
use perennial_store::StoredOrder;
use serde_json::{Value, json};

use super::{answer, members, operation};
use crate::{
    api::{MAX_AMOUNT, orders, taxed},
    http::{
        attributes::{Attribute, Kind},
        context::Context,
        document::Document,
        error::{ApiError, Code, Outcome, Problem, Problems},
        event::Answer,
        object::ResourceType,
        operation::{Operation, handler},
    },
    taxes::{Explained, of_order, of_run},
};

/// Most rules that are told of a line.
const MOST_RULES: usize = 10;

const ORDER_ID: &str = "order_id";
const AT: &str = "at";
const CALCULATOR_ID: &str = "tax_calculator_id";
const INCLUDED: &str = "tax_included";
const AMOUNT: Kind = Kind::Integer(-MAX_AMOUNT, i64::MAX);

const RULE: &[Attribute] = &[
    Attribute::read("tax_rule_id", Kind::Text(100), "The rule."),
    Attribute::read("name", Kind::Text(200), "Its name."),
    Attribute::read("tax_rate", Kind::TaxRate, "Its rate, as a fraction."),
    Attribute::read("because", Kind::Text(300), "Why it is for the line, in words."),
];

const PART: &[Attribute] = &[
    Attribute::read("name", Kind::Text(100), "What it is called."),
    Attribute::read("tax_rate", Kind::TaxRate, "Its rate, as a fraction."),
    Attribute::read("tax_amount_cents", AMOUNT, "What it comes to."),
];

const LINE: &[Attribute] = &[
    Attribute::read(
        "line_item",
        Kind::Text(100),
        "The line: its id, or its place in a run's order.",
    ),
    Attribute::read("sku_code", Kind::Text(100), "Code of the sku."),
    Attribute::read("bundle_code", Kind::Text(100), "Code of the bundle."),
    Attribute::read("tax_category", Kind::Text(64), "Category of the goods."),
    Attribute::read(
        "amount_cents",
        AMOUNT,
        "What is paid for it, its share of discounts and fees included.",
    ),
    Attribute::read("tax_rate", Kind::TaxRate, "The rate, as a fraction; null: not taxable."),
    Attribute::read("tax_percent", Kind::Text(12), "The same in percent, as text."),
    Attribute::read("taxable_amount_cents", AMOUNT, "What the tax is on."),
    Attribute::read("tax_amount_cents", AMOUNT, "The tax."),
    Attribute::read("tax_breakdown", Kind::List(&Kind::Members(PART), 8), "What it is made up of."),
    Attribute::read(
        "tax_rules",
        Kind::List(&Kind::Members(RULE), MOST_RULES),
        "The rules that are for it and have begun: the first one wins, and the others would in its place, \
         one after the other.",
    ),
];

const SUM: &[Attribute] = &[
    Attribute::read("tax_rate", Kind::TaxRate, "The rate, as a fraction."),
    Attribute::read("tax_percent", Kind::Text(12), "The same in percent, as text."),
    Attribute::read("taxable_amount_cents", AMOUNT, "What the tax is on."),
    Attribute::read("tax_amount_cents", AMOUNT, "The tax."),
];

pub(crate) static KIND: ResourceType = ResourceType {
    name: "tax_previews",
    singular: "tax preview",
    about: "What tax the lines of an order would bear, by which rule and why. Stored nowhere; a service \
            is asked for it.",
    attributes: &[
        Attribute::create(ORDER_ID, Kind::Text(100), "The order, of a client or of a run."),
        Attribute::create(
            AT,
            Kind::Instant,
            "The instant whose rules count; now unless given, and for a run when it was due.",
        ),
        Attribute::create(
            CALCULATOR_ID,
            Kind::Text(100),
            "The tax calculator to try, in place of the market's.",
        ),
        Attribute::create(
            INCLUDED,
            Kind::Boolean,
            "Whether prices are taken to have their tax in them; as the market has it unless given.",
        ),
        Attribute::read(
            "tax_source",
            Kind::Choice(&["table", "provider", "fallback", "none_on_failure"]),
            "What answered; null in a market without a tax calculator.",
        ),
        Attribute::read("date", Kind::Date, "The day by which rules begin, where the market is."),
        Attribute::read("country_code", Kind::Text(2), "The country that it goes to."),
        Attribute::read("state_code", Kind::Text(10), "The state that it goes to."),
        Attribute::read("currency_code", Kind::Currency, "Currency of every amount."),
        Attribute::read("lines", Kind::List(&Kind::Members(LINE), 100), "The taxable lines."),
        Attribute::read("taxes", Kind::List(&Kind::Members(SUM), 100), "The sums of each rate."),
        Attribute::read("total_taxable_amount_cents", AMOUNT, "What all taxes are on."),
        Attribute::read("total_tax_amount_cents", AMOUNT, "All taxes."),
        Attribute::read("total_amount_with_taxes_cents", AMOUNT, "What is to be paid."),
    ],
    relationships: &[],
};

pub(crate) const OPERATIONS: &[Operation] = &[operation(
    "/api/tax_previews",
    &KIND,
    "Computes the taxes that an order would bear, and tells by which rules.",
    handler!(preview),
)];

async fn preview(context: &Context<'_>) -> Outcome<Answer> {
    let mut document = Document::create(context.request, &KIND)?;
    let mut problems = Problems::default();
    let mut attributes = document.attributes(&mut problems);
    let id: Option<String> = attributes.required(ORDER_ID, &mut problems);
    let at: Option<DateTime<Utc>> = attributes.optional(AT, &mut problems).value();
    let calculator: Option<TaxCalculatorId> =
        attributes.optional(CALCULATOR_ID, &mut problems).value();
    let included: Option<bool> = attributes.optional(INCLUDED, &mut problems).value();
    let id = problems.finish(id)?;

    let order = find(context, &id).await?;
    let market_id = match &order {
        StoredOrder::Client(order) => &order.market_id,
        StoredOrder::Run(run) => &run.market_id,
    };
    let organization = &context.caller.organization;
    let market: Option<Market> = context.store().get(organization, market_id.as_str()).await?;
    let mut market = market.ok_or_else(|| not_found(ORDER_ID, "market", market_id.as_str()))?;
    market.tax_included = included.unwrap_or(market.tax_included);
    if calculator.is_some() {
        market.tax_calculator_id = calculator;
    }
    let mut sale = match &order {
        StoredOrder::Client(order) => of_order(organization, &market, order, context.now),
        StoredOrder::Run(run) => of_run(organization, &market, run),
    };
    sale.at = at.unwrap_or(sale.at);
    let explained = explain(context, &sale).await?;
    let mut attributes = members(json!({
        (ORDER_ID): id,
        (AT): sale.at,
        (CALCULATOR_ID): market.tax_calculator_id,
        (INCLUDED): market.tax_included,
        "currency_code": sale.currency,
    }));
    let told = explained.map(|explained| told(&explained)).transpose();
    attributes.extend(told.map_err(|error| out_of_range(&error))?.unwrap_or_else(untaxed));
    Ok(answer(context, &KIND, attributes))
}

async fn find(context: &Context<'_>, id: &str) -> Outcome<StoredOrder> {
    let found = match id.parse::<OrderId>() {
        Ok(id) => orders::find(context, &id).await?,
        Err(_) => None,
    };
    found.ok_or_else(|| not_found(ORDER_ID, "order", id).into())
}

fn not_found(attribute: &str, what: &str, id: &str) -> Problem {
    let shown: String = id.chars().take(100).collect();
    Problem::new(Code::NotFound, format!("there is no {what} {shown:?}"))
        .at(format!("/data/attributes/{attribute}"))
        .with("value", shown)
}

fn out_of_range(error: &MoneyError) -> Problem {
    Problem::new(Code::OutOfRange, error.to_string()).at(format!("/data/attributes/{ORDER_ID}"))
}

async fn explain(context: &Context<'_>, sale: &Sale<'_>) -> Outcome<Option<Explained>> {
    let Some(engine) = &context.services.taxes else {
        return Err(ApiError::internal("this function computes no taxes"));
    };
    let explained = engine.explain(sale, context.caller, context.now).await?;
    explained.map_err(|refusal| {
        let at = format!("/data/attributes/{CALCULATOR_ID}");
        Problem::new(Code::InvalidValue, refusal.detail).at(at).into()
    })
}

/// What is answered where there are no taxes.
fn untaxed() -> serde_json::Map<String, Value> {
    members(json!({
        "tax_source": null,
        "date": null,
        "country_code": null,
        "state_code": null,
        "lines": [],
        "taxes": [],
        "total_taxable_amount_cents": 0,
        "total_tax_amount_cents": 0,
        "total_amount_with_taxes_cents": null,
    }))
}

fn told(explained: &Explained) -> Result<serde_json::Map<String, Value>, MoneyError> {
    let Explained { question, table, taxes } = explained;
    let mut lines = Vec::with_capacity(question.lines.len());
    for asked in &question.lines {
        let borne = taxes.of_line(&asked.id);
        let candidates = table.as_deref().map(|table| table.candidates(question, asked));
        let rules = candidates.unwrap_or_default();
        lines.push(json!({
            "line_item": asked.id,
            "sku_code": asked.sku_code,
            "bundle_code": asked.bundle_code,
            "tax_category": asked.tax_category,
            "amount_cents": asked.amount,
            "tax_rate": taxed::rate(borne.and_then(|line| line.rate)),
            "tax_percent": borne.and_then(|line| line.rate),
            "taxable_amount_cents": borne.filter(|line| line.rate.is_some()).map(|line| line.net),
            "tax_amount_cents": borne.map(|line| line.tax),
            "tax_breakdown": borne.map(|line| line.breakdown.iter().map(taxed::part).collect::<Vec<_>>()),
            "tax_rules": rules.iter().take(MOST_RULES).map(|rule| rule_told(rule)).collect::<Vec<_>>(),
        }));
    }
    let sums = taxes.per_rate()?.iter().map(sum).collect::<Vec<_>>();
    Ok(members(json!({
        "tax_source": taxes.source,
        "date": question.on,
        "country_code": question.destination.country_code,
        "state_code": question.destination.state_code,
        "lines": lines,
        "taxes": sums,
        "total_taxable_amount_cents": taxes.taxable()?,
        "total_tax_amount_cents": taxes.total()?,
        "total_amount_with_taxes_cents": paid(taxes)?,
    })))
}

/// What is to be paid for all lines together.
fn paid(taxes: &Taxes) -> Result<MinorUnits, MoneyError> {
    let parts = taxes.lines.iter().flat_map(|line| [line.net, line.tax]);
    MinorUnits::checked_total(parts)
}

fn sum(TaxLine { rate, net, tax, .. }: &TaxLine) -> Value {
    json!({
        "tax_rate": taxed::rate(Some(*rate)),
        "tax_percent": rate,
        "taxable_amount_cents": net,
        "tax_amount_cents": tax,
    })
}

fn rule_told(rule: &TaxRule) -> Value {
    json!({
        "tax_rule_id": rule.id,
        "name": rule.name,
        "tax_rate": taxed::rate(Some(rule.tax_rate)),
        "because": because(rule),
    })
}

/// What a rule is for, in words: the parts by which it wins or loses, the weightiest first.
fn because(rule: &TaxRule) -> String {
    let category = match &rule.tax_category {
        Some(category) => format!("it is for the category {category}"),
        None => "it is for any category".to_owned(),
    };
    let place = match (&rule.country_code, &rule.state_code) {
        (Some(country), Some(state)) => format!("for {state} in {country}"),
        (Some(country), None) => format!("for {country}"),
        (None, _) => "for anywhere".to_owned(),
    };
    let begins = match rule.starts_on {
        Some(day) => format!("since {day}"),
        None => "ever since".to_owned(),
    };
    format!("{category}, {place}, {begins}")
}
