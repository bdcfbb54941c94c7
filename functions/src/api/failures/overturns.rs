//! Many held orders at once, overturned with one reason: after a check was set too strictly, or when
//! somebody has made sure of a whole channel. Each is decided as by `_overturn`; the answer tells what
//! became of it.

use futures::{StreamExt, stream};
use perennial_domain::{
    checks::{CheckName, CheckRecord, RecordOutcome},
    ids::OrderId,
};
use perennial_store::StoredOrder;
use serde_json::{Value, json};

use super::{found::Found, redrives::result};
use crate::{
    api::{orders, previews},
    http::{
        attributes::{Attribute, Attributes, Kind},
        caller::{Role, Verb},
        context::Context,
        document::Document,
        error::{ApiError, Code, Outcome, Problem, Problems},
        event::Answer,
        object::ResourceType,
        operation::{Action, Handler, Operation, Surface, elsewhere, handler},
        query::Accepts,
    },
    intake::decide_order::{Decision, decide},
};

/// Most orders of one request.
const MAX_ORDERS: u16 = 100;
/// Orders that are decided at once.
const CONCURRENCY: usize = 8;

/// The checks that can be overturned: the three that are fixed can't.
const CHECKS: &[&str] = &[
    "credit_hold",
    "credit_limit",
    "payment_terms",
    "address",
    "term",
    "frequency",
    "recurring_availability",
    "duplicate_subscription",
    "duplicate_order",
    "price_tolerance",
];

const IDS: Attribute = Attribute::create(
    "order_ids",
    Kind::List(&Kind::Text(100), MAX_ORDERS as usize),
    "The orders; or those that a check holds, or that came by a channel.",
);
const CHECK: Attribute = Attribute::create(
    "check",
    Kind::Choice(CHECKS),
    "Held orders that this check hinders, and no other check does, the oldest first.",
);
const CHANNEL: Attribute = Attribute::create(
    "channel_code",
    Kind::Text(100),
    "Held orders that came by this channel, the oldest first.",
);
const LIMIT: Attribute = Attribute::create(
    "limit",
    Kind::Integer(1, MAX_ORDERS as i64),
    "How many of them at most; 100 unless given.",
);
const REASON: Attribute =
    Attribute::create("reason", Kind::Text(500), "Why what the checks found does not count.");

pub(crate) static KIND: ResourceType = ResourceType {
    name: "order_overturns",
    singular: "order overturn",
    about: "Orders that checks hold, sent to be placed all the same. Served nowhere afterwards: the \
            answer tells what became of each.",
    attributes: &[
        IDS,
        CHECK,
        CHANNEL,
        LIMIT,
        REASON,
        Attribute::read(
            "results",
            Kind::List(
                &Kind::Members(&[
                    Attribute::read("order_id", Kind::Text(100), "The order."),
                    Attribute::read(
                        "outcome",
                        Kind::Choice(&["overturned", "refused", "failed"]),
                        "What became of it. One that failed may be sent again.",
                    ),
                    Attribute::read("code", Kind::Text(50), "Which rule it breaks."),
                    Attribute::read("detail", Kind::Text(2_000), "Why it was refused."),
                ]),
                MAX_ORDERS as usize,
            ),
            "What became of each.",
        ),
        Attribute::read(
            "remaining",
            Kind::Integer(0, i64::MAX),
            "How many that were told by check or channel are still to be decided.",
        ),
    ],
    relationships: &[],
};

const fn operations(overturn: Handler) -> [Operation; 1] {
    [Operation {
        action: Action::Preview,
        path: "/api/order_overturns",
        kind: &KIND,
        surface: Surface::Failures,
        accepts: Accepts::SINGLE,
        about: "Overturns orders that checks hold, with one reason for all.",
        handler: overturn,
    }]
}

/// What the function `failures` serves.
pub(crate) const OPERATIONS: &[Operation] = &operations(handler!(overturn));

/// The same for documents and for the other functions, which leave its code out.
pub(crate) const DESCRIBED: &[Operation] = &operations(elsewhere);

/// The orders that are meant.
enum Meant {
    Ids(Vec<String>),
    Those { check: Option<CheckName>, channel: Option<String>, limit: usize },
}

impl Meant {
    fn read(attributes: &mut Attributes, problems: &mut Problems) -> Option<Self> {
        // What was given and is no value has been told of: it is not missing as well.
        let given =
            [IDS, CHECK, CHANNEL].into_iter().any(|attribute| attributes.has(attribute.name));
        let ids: Option<Vec<String>> = attributes.value(IDS.name, problems);
        let check: Option<CheckName> = attributes.value(CHECK.name, problems);
        let channel: Option<String> = attributes.value(CHANNEL.name, problems);
        let limit: Option<usize> = attributes.value(LIMIT.name, problems);
        let told = check.is_some() || channel.is_some();
        let detail = match (&ids, told) {
            (None, false) if given => return None,
            (None, false) => "order_ids is required, or check or channel_code",
            (Some(_), true) => "order_ids excludes check and channel_code",
            (Some(_), false) if limit.is_some() => "limit goes with check or channel_code",
            (Some(ids), false) => return Some(Self::Ids(ids.clone())),
            (None, true) => {
                let limit = limit.unwrap_or(usize::from(MAX_ORDERS));
                return Some(Self::Those { check, channel, limit });
            }
        };
        let code = if told || limit.is_some() { Code::InvalidValue } else { Code::Required };
        problems.add(Problem::new(code, detail).at(attributes.pointer(IDS.name)));
        None
    }

    /// The orders, and how many more are meant.
    async fn orders(self, context: &Context<'_>) -> Outcome<(Vec<String>, usize)> {
        match self {
            Self::Ids(mut ids) => {
                let mut seen = std::collections::HashSet::new();
                ids.retain(|id| seen.insert(id.clone()));
                Ok((ids, 0))
            }
            Self::Those { check, channel, limit } => {
                let meant = |record: &CheckRecord| {
                    record.outcome == RecordOutcome::Held
                        && channel
                            .as_ref()
                            .is_none_or(|channel| record.channel.as_ref() == Some(channel))
                        && check.is_none_or(|check| is_held_by(record, check))
                };
                let mut ids = Found::orders(context, meant).await?;
                ids.reverse();
                let remaining = ids.len().saturating_sub(limit);
                ids.truncate(limit);
                Ok((ids, remaining))
            }
        }
    }
}

/// Whether a check, and no other, hinders an order: what several have found is not overturned for
/// the sake of one.
fn is_held_by(record: &CheckRecord, check: CheckName) -> bool {
    !record.failures.is_empty() && record.failures.iter().all(|failure| failure.check == check)
}

async fn overturn(context: &Context<'_>) -> Outcome<Answer> {
    context.caller.check(Verb::Write, KIND.name)?;
    if context.caller.role != Role::Operator {
        let detail = "orders are overturned by the role operator";
        return Err(Problem::new(Code::Forbidden, detail).into());
    }
    let mut document = Document::create(context.request, &KIND)?;
    let mut problems = Problems::default();
    let mut attributes = document.attributes(&mut problems);
    let reason: Option<String> = attributes.required(REASON.name, &mut problems);
    let meant = Meant::read(&mut attributes, &mut problems);
    let (reason, meant) = problems.finish(reason.zip(meant))?;
    let (ids, remaining) = meant.orders(context).await?;
    let decision = &Decision::Overturn(reason);
    let results: Vec<Value> = stream::iter(ids)
        .map(|id| async move {
            let done = one(context, &id, decision).await;
            result(("order_id", &id), "overturned", &done)
        })
        .buffered(CONCURRENCY)
        .collect()
        .await;
    let members = [("results", Value::Array(results)), ("remaining", json!(remaining))];
    let members = members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    Ok(previews::answer(context, &KIND, members))
}

async fn one(context: &Context<'_>, id: &str, decision: &Decision) -> Outcome<()> {
    let missing = || ApiError::not_found(orders::KIND.singular, id);
    let order: OrderId = id.parse().map_err(|_| missing())?;
    match orders::find(context, &order).await? {
        Some(StoredOrder::Client(order)) => decide(context, *order, decision).await.map(drop),
        Some(StoredOrder::Run(_)) | None => Err(missing()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_check_that_is_not_fixed_can_be_named() {
        let checks = CheckName::ALL.into_iter().filter(|check| !check.is_fixed());
        let names: Vec<&str> = checks.map(CheckName::as_str).collect();
        assert_eq!(names, CHECKS);
    }
}
