//! Markets: where, in which currency and by which model orders are taken.

use perennial_domain::{catalog::Market, dunning::RetryPolicy};
use perennial_store::Part;
use serde_json::json;

use super::{
    CREATED_AT, UPDATED_AT,
    catalog::{Catalog, Change, METADATA, Need, REFERENCE, REFERENCE_ORIGIN, done, text},
    subscription_models::RETRY_POLICY,
};
use crate::http::{
    attributes::{Attribute, Kind},
    context::Context,
    error::{Code, Problem},
    object::{Relationship, ResourceType},
};

const TAX_INCLUDED: &str = "tax_included";
/// The member that tells from when on taxes are settled.
const SETTLED_FROM: &str = "taxes_settled_from";

pub(crate) static KIND: ResourceType = ResourceType {
    name: "markets",
    singular: "market",
    about: "Where, in which currency and by which subscription model orders are taken.",
    attributes: &[
        Attribute::write("name", Kind::Text(200), "Name for people."),
        Attribute::create("currency_code", Kind::Currency, "Currency of all its orders."),
        Attribute::write(
            "time_zone",
            Kind::Zone,
            "Zone on whose wall clock its subscriptions repeat; UTC unless given.",
        ),
        Attribute::write(
            "retry_policy",
            RETRY_POLICY,
            "What happens after a declined payment of what is sold here: the whole policy, in place of \
             the subscription model's. Null leaves it to the model.",
        ),
        Attribute::write(
            TAX_INCLUDED,
            Kind::Boolean,
            "Whether prices have their tax in them; false unless given, and then it comes on top.",
        ),
        REFERENCE,
        REFERENCE_ORIGIN,
        METADATA,
        CREATED_AT,
        UPDATED_AT,
    ],
    relationships: &[
        Relationship::optional("subscription_model", "subscription_models"),
        Relationship::optional("price_list", "price_lists"),
        Relationship::optional("tax_calculator", "manual_tax_calculators")
            .or_to(&["external_tax_calculators"]),
    ],
};

pub(crate) static CATALOG: Catalog = Catalog {
    required: &["name", "currency_code"],
    defaults: || json!({"time_zone": "UTC", (TAX_INCLUDED): false}),
    market: Some("id"),
    take: |context, change| {
        refuse_confined(context, change);
        change.read_as::<RetryPolicy>("retry_policy");
    },
    settle: |context, change| {
        check_price_list(change);
        note_calculator(context, change);
        done()
    },
    needed_by: &[
        Need::of("bundles", "B", "market_id"),
        Need::of("order_subscriptions", "S", "market_id"),
        Need::of("orders", "O", "market_id"),
    ],
    on_update: "Subscriptions made before keep zone, model, price list and retry policy.",
    ..Catalog::new(&KIND, "M", Part::Market, "mkt_")
};

/// What is sold by a list is paid in the list's currency.
fn check_price_list(change: &mut Change) {
    let list = change.related("price_list").and_then(|list| text(list, "currency_code"));
    let Some((list, market)) = list.zip(change.text("currency_code")) else { return };
    if list != market {
        let detail = format!("the price list is in {list}, the market sells in {market}");
        let problem = Problem::new(Code::CurrencyMismatch, detail)
            .at("/data/relationships/price_list")
            .with("value", list)
            .with("expected", market);
        change.problems.add(problem);
    }
}

/// A market that is given its first calculator has taxes settled from then on, for ever: see
/// [`Market::settled_from`].
fn note_calculator(context: &Context<'_>, change: &mut Change) {
    let begins = change.text("tax_calculator_id").is_some() && change.text(SETTLED_FROM).is_none();
    if begins {
        change.set(SETTLED_FROM, Market::settled_from(context.now, change.is_new()));
    }
}

fn refuse_confined(context: &Context<'_>, change: &mut Change) {
    if change.is_new() && context.caller.market.is_some() {
        let detail = "this token is for one market and can't make another";
        change.problems.add(Problem::new(Code::Forbidden, detail));
    }
}
