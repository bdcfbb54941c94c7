//! Check statistics: how often each check holds and refuses orders, and how often that is overturned.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use perennial_domain::checks::{CheckCount, CheckName, CheckRecord, count};
use serde_json::{Value, json};

use crate::{
    api::{CREATED_AT, UPDATED_AT, answer, check_policies::unknown_channel, listing},
    http::{
        attributes::{Attribute, Kind},
        context::Context,
        error::{Code, Outcome, Problem},
        event::Answer,
        object::{Object, ResourceType},
        query::BOUND,
    },
};

/// Every check, by its name.
const CHECKS: &[&str] = &[
    "completeness",
    "currency",
    "credit_hold",
    "credit_limit",
    "payment_terms",
    "address",
    "term",
    "frequency",
    "stock",
    "recurring_availability",
    "duplicate_subscription",
    "duplicate_order",
    "price_tolerance",
];

/// Most records that are counted for one request.
const MOST_RECORDS: usize = 10_000;
const COUNT: Kind = Kind::Integer(0, i64::MAX);

pub(crate) static KIND: ResourceType = ResourceType {
    name: "check_statistics",
    singular: "check statistic",
    about: "How often a check held and refused orders of a channel, and what operators made of that. An \
            order that fails several checks counts for each.",
    attributes: &[
        Attribute::read("check", Kind::Choice(CHECKS), "Which check."),
        Attribute::read("channel_code", Kind::Text(100), "Which channel; null for the API itself."),
        Attribute::read("rejected", COUNT, "Orders that it refused."),
        Attribute::read("held", COUNT, "Orders that it had held."),
        Attribute::read("overturned", COUNT, "Of both, those that an operator overturned."),
        Attribute::read("upheld", COUNT, "Of both, those that an operator upheld."),
        Attribute::read("open", COUNT, "Of both, those that no operator has decided on."),
        Attribute::read(
            "overturn_rate",
            Kind::Text(6),
            "The part that was overturned, with four decimals, rounded half up.",
        ),
        Attribute::read("reference", Kind::Text(200), "Always null: nobody keeps it."),
        Attribute::read("reference_origin", Kind::Text(200), "Always null."),
        Attribute::read("metadata", Kind::Anything(0), "Always null."),
        Attribute::read(
            "created_at",
            CREATED_AT.kind,
            "When the first of these orders was stopped.",
        ),
        Attribute::read("updated_at", UPDATED_AT.kind, "When the last of them was."),
    ],
    relationships: &[],
};

pub(super) async fn list(context: &Context<'_>) -> Outcome<Answer> {
    let records = records(context).await?;
    let mut spans: BTreeMap<_, (DateTime<Utc>, DateTime<Utc>)> = BTreeMap::new();
    for record in &records {
        for failure in &record.failures {
            let at = record.created_at;
            let span = spans.entry((failure.check, record.channel.clone())).or_insert((at, at));
            *span = (span.0.min(at), span.1.max(at));
        }
    }
    let objects = count(&records).into_iter().filter_map(|(of, count)| {
        let span = spans.get(&of)?;
        Some(object(&of, &count, *span))
    });
    let page = listing::of_all(context, objects.collect())?;
    if page.objects.is_empty() {
        check_channels(context).await?;
    }
    answer::page(context, &page, &[]).await
}

/// Refuses filters by the codes of channels that there are none of: that nothing was stopped would sound
/// as if all were well. What was counted outlives its channel.
async fn check_channels(context: &Context<'_>) -> Outcome<()> {
    for filter in &context.query.conditions {
        for code in filter.texts_of("channel_code") {
            if unknown_channel(context, code, String::new()).await?.is_some() {
                let parameter = filter.parameter.clone();
                let detail = format!("{parameter}: there is no channel with the code {code:?}");
                return Err(Problem::new(Code::InvalidParameter, detail)
                    .in_parameter(parameter)
                    .with("value", code)
                    .into());
            }
        }
    }
    Ok(())
}

/// The records of the span that is asked for, as far as the caller sees them.
async fn records(context: &Context<'_>) -> Outcome<Vec<CheckRecord>> {
    let (query, organization) = (context.query, &context.caller.organization);
    let (mut records, mut read, mut after) = (Vec::new(), 0_usize, None);
    loop {
        let page = context
            .store()
            .list_within::<CheckRecord>(organization, &query.span, BOUND, after.as_ref())
            .await?
            .map_err(|error| query.refuse_cursor(&error))?;
        read += page.items.len();
        if read > MOST_RECORDS {
            let detail = format!(
                "statistics count at most {MOST_RECORDS} records, and there are more: narrow the span by \
                 filter[q][created_at_gteq] and filter[q][created_at_lt]"
            );
            return Err(Problem::new(Code::TooManyRecords, detail)
                .with("bound", MOST_RECORDS)
                .into());
        }
        let wanted = |record: &CheckRecord| {
            let made = Object {
                kind: &KIND,
                id: record.id.to_string(),
                version: None,
                attributes: json!({"created_at": record.created_at}),
                relationships: Vec::new(),
                meta: None,
                brings: Vec::new(),
            };
            context.caller.sees(&record.market_id)
                && query.narrowing.iter().all(|filter| filter.matches(&made))
        };
        records.extend(page.items.into_iter().filter(wanted));
        after = page.next;
        if after.is_none() {
            return Ok(records);
        }
    }
}

fn object(
    (check, channel): &(CheckName, Option<String>),
    count: &CheckCount,
    (first, last): (DateTime<Utc>, DateTime<Utc>),
) -> Object {
    let rate = count.overturn_rate();
    let rate = rate.map(|rate| format!("{}.{:04}", rate / 10_000, rate % 10_000));
    let id = match channel {
        Some(channel) => format!("{}:{channel}", check.as_str()),
        None => check.as_str().to_owned(),
    };
    Object {
        kind: &KIND,
        id,
        version: None,
        attributes: json!({
            "check": check,
            "channel_code": channel,
            "rejected": count.rejected,
            "held": count.held,
            "overturned": count.overturned,
            "upheld": count.upheld,
            "open": count.open(),
            "overturn_rate": rate,
            "reference": Value::Null,
            "reference_origin": Value::Null,
            "metadata": Value::Null,
            "created_at": first,
            "updated_at": last,
        }),
        relationships: Vec::new(),
        meta: None,
        brings: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_check_can_be_asked_for() {
        assert_eq!(CheckName::ALL.map(CheckName::as_str), CHECKS);
    }
}
