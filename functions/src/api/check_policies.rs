//! Check policies: how severe the checks of orders are and by which parameters, for a channel, a
//! market, an account, or any of them together.

use perennial_domain::checks::{PolicyError, read_checks};
use perennial_store::Part;
use serde_json::{Map, Value, json};

use super::{
    CREATED_AT, UPDATED_AT,
    catalog::{Catalog, Change, Identity, METADATA, REFERENCE, REFERENCE_ORIGIN},
    channels,
};
use crate::http::{
    attributes::{Attribute, Kind},
    context::Context,
    error::{Code, Outcome, Problem},
    kind::{escaped, shown},
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
        Attribute::create(
            CHANNEL,
            Kind::Text(100),
            "For orders of the channel with this code, which must be there.",
        ),
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
    settle: |context, change| Box::pin(settle(context, change)),
    on_update: "It counts for orders that are checked from then on.",
    ..Catalog::new(&KIND, "CP", Part::Record("check policy"), "chp_")
};

async fn settle(context: &Context<'_>, change: &mut Change) -> Outcome<()> {
    if let Some(code) = change.text(CHANNEL).filter(|_| change.is_new())
        && let Some(problem) =
            unknown_channel(context, code, change.attributes.pointer(CHANNEL)).await?
    {
        change.problems.add(problem);
    }
    // What is missing or no object is told already.
    let Some(Value::Object(given)) = change.after.get(CHECKS.name) else { return Ok(()) };
    match read_checks(given) {
        Ok(checks) => change.set(CHECKS.name, json!(checks)),
        Err(error) => {
            let problem = refused(&error, given, &change.attributes.pointer(CHECKS.name));
            change.problems.add(problem);
        }
    }
    Ok(())
}

/// What is told where a policy is to count for a channel that is not there, or that the caller does
/// not see.
pub(crate) async fn unknown_channel(
    context: &Context<'_>,
    code: &str,
    at: String,
) -> Outcome<Option<Problem>> {
    let catalog = &channels::CATALOG;
    let id = catalog.derived_id(&[code]);
    let found = context.store().record(&context.caller.organization, catalog.stored, &id).await?;
    if found.is_some_and(|channel| catalog.visible(context, &channel)) {
        return Ok(None);
    }
    let detail = format!("there is no channel with the code {code:?}");
    Ok(Some(Problem::new(Code::RelatedNotFound, detail).at(at).with("value", code)))
}

/// A refusal of what was said of checks, told about the very member.
pub(crate) fn refused(error: &PolicyError, given: &Map<String, Value>, at: &str) -> Problem {
    let place = error.place();
    let at = place.iter().fold(at.to_owned(), |at, name| format!("{at}/{}", escaped(name)));
    let problem = Problem::new(Code::InvalidValue, error.to_string()).at(at);
    let (check, member) = (place.first(), place.get(1));
    let value = check.and_then(|check| given.get(*check));
    let value = match member {
        Some(member) => value.and_then(|said| said.get(*member)),
        None => value,
    };
    match value {
        Some(value) => problem.with("value", shown(value)),
        None => problem,
    }
}
