//! Check policies: how severe the checks of orders are and by which parameters, for a channel, a
//! market, an account, or any of them together.

use perennial_domain::{
    checks::read_checks,
    ids::{CustomerId, MarketId},
};
use perennial_store::Part;
use serde_json::{Value, json};

use super::{
    CREATED_AT, UPDATED_AT,
    catalog::{Catalog, Change, Identity, METADATA, REFERENCE, REFERENCE_ORIGIN, done},
};
use crate::http::{
    attributes::{Attribute, Kind},
    error::Code,
    object::{Relationship, ResourceType},
};

const CHANNEL: &str = "channel_code";
/// What the policy says of each check.
pub(crate) const CHECKS: Attribute = Attribute::write(
    "checks",
    Kind::Anything(16_384),
    "What it says of each check, by name: `severity` (`off`, `warn`, `review`, `reject`) and the check's \
     parameters. What it leaves out comes from less specific policies, and in the end from the defaults.",
);

pub(crate) static KIND: ResourceType = ResourceType {
    name: "check_policies",
    singular: "check policy",
    about: "How the checks of orders are made: how severe they are and by which parameters. Without a \
            channel, market and customer it counts everywhere. Of those that count for an order the most \
            specific wins, member by member: an account beats a market, which beats a channel.",
    attributes: &[
        Attribute::create(CHANNEL, Kind::Text(100), "For orders of the channel with this code."),
        CHECKS,
        REFERENCE,
        REFERENCE_ORIGIN,
        METADATA,
        CREATED_AT,
        UPDATED_AT,
    ],
    relationships: &[
        Relationship { on_update: false, ..Relationship::optional("market", "markets") },
        Relationship { on_update: false, ..Relationship::optional("customer", "customers") },
    ],
};

pub(super) static CATALOG: Catalog = Catalog {
    identity: Identity::Of { members: &[CHANNEL, "market_id", "customer_id"], filters: &[] },
    required: &["checks"],
    market: Some("market_id"),
    settle: |_, change| {
        check(change);
        done()
    },
    on_update: "It counts for orders that are checked from then on.",
    ..Catalog::new(&KIND, "CP", Part::Record("check policy"), "chp_")
};

fn check(change: &mut Change) {
    let ids = [MarketId::PREFIX, CustomerId::PREFIX];
    let misleading = change
        .text(CHANNEL)
        .filter(|code| code.trim().is_empty() || ids.iter().any(|prefix| code.starts_with(prefix)));
    if misleading.is_some() {
        let detail = "channel_code must be the code of a channel";
        change.refuse(CHANNEL, Code::InvalidValue, detail);
    }
    let given = match change.after.get(CHECKS.name) {
        Some(Value::Object(given)) => given,
        // What is missing is told already.
        None => return,
        Some(_) => {
            let detail = "checks must be an object: what is said of each check, by its name";
            return change.refuse(CHECKS.name, Code::InvalidValue, detail);
        }
    };
    match read_checks(given) {
        Ok(checks) => change.set(CHECKS.name, json!(checks)),
        Err(error) => change.refuse(CHECKS.name, Code::InvalidValue, error.to_string()),
    }
}
