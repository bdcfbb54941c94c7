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

use super::{
    found::Found,
    meant::{Meant, Told, oldest},
    redrives::result,
};
use crate::{
    api::{check_policies::unknown_channel, orders, previews},
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

/// By what orders are told.
const TOLD: Told =
    Told { ids: IDS.name, by: [CHECK.name, CHANNEL.name], limit: LIMIT.name, most: MAX_ORDERS };

/// What orders have in common.
struct Common {
    check: Option<CheckName>,
    channel: Option<String>,
}

fn common(attributes: &mut Attributes, problems: &mut Problems) -> Option<Common> {
    let check: Option<CheckName> = attributes.value(CHECK.name, problems);
    let channel: Option<String> = attributes.value(CHANNEL.name, problems);
    (check.is_some() || channel.is_some()).then_some(Common { check, channel })
}

/// The orders, and how many more are meant.
async fn orders_meant(
    context: &Context<'_>,
    meant: Meant<Common>,
) -> Outcome<(Vec<String>, usize)> {
    let (Common { check, channel }, limit) = match meant {
        Meant::Ids(ids) => return Ok((ids, 0)),
        Meant::Those(common, limit) => (common, limit),
    };
    let meant = |record: &CheckRecord| {
        record.outcome == RecordOutcome::Held
            && channel.as_ref().is_none_or(|channel| record.channel.as_ref() == Some(channel))
            && check.is_none_or(|check| is_held_by(record, check))
    };
    Ok(oldest(Found::orders(context, meant).await?, limit))
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
    let meant = Meant::read(&TOLD, common, &mut attributes, &mut problems);
    let (reason, meant) = problems.finish(reason.zip(meant))?;
    let channel = match &meant {
        Meant::Those(common, _) => common.channel.clone(),
        Meant::Ids(_) => None,
    };
    let (ids, remaining) = orders_meant(context, meant).await?;
    // Orders outlive their channel: only where there are none does it matter whether there is one.
    if let Some(code) = channel.filter(|_| ids.is_empty())
        && let Some(problem) =
            unknown_channel(context, &code, attributes.pointer(CHANNEL.name)).await?
    {
        return Err(problem.into());
    }
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
