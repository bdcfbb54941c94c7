//! Trying a mapping on a sample: what it makes of it, and what would become of that. Stores nothing.

use perennial_mapping::{MAX_PAYLOAD, Message};
use perennial_store::{Record, StoredOrder};
use serde_json::{Map, Value, json};

use super::{
    deliver::{catalog_id, order_id, order_key, said},
    document::Mapped,
    mappings::{check_group_by, faults},
    reader,
    reader::Reader,
    receive::{ROWS, rows},
    within::Within,
};
use crate::{
    api::{
        catalog,
        catalog::text,
        channel_mappings::{FORMAT, GROUP_BY, PROGRAM},
        orders, previews,
    },
    http::{
        attributes::{Access, Attribute, Kind},
        context::Context,
        document::{Document, no_such},
        error::{ApiError, Code, Outcome, Problem, Problems, Source},
        event::Answer,
        object::{Relationship, ResourceType},
    },
};

/// Most messages of a sample that are tried.
const MAX_TRIED: usize = 20;
/// Most problems that are told of one.
const MOST_PROBLEMS: usize = 1_000;

pub(crate) static KIND: ResourceType = ResourceType {
    name: "channel_mapping_previews",
    singular: "channel mapping preview",
    about: "What a mapping makes of a sample. The mapping is a program that is given, or one that \
            was stored.",
    attributes: &[
        FORMAT,
        GROUP_BY,
        PROGRAM,
        Attribute::of(
            "sample",
            Kind::Lines(MAX_PAYLOAD),
            Access::CreateOnly,
            "A payload, as the channel sends it.",
        ),
        Attribute::read(
            "messages_count",
            Kind::Integer(0, 1_000),
            "How many orders the sample is about; the first 20 are tried.",
        ),
        Attribute::read(
            "results",
            Kind::List(&Kind::Members(RESULT), MAX_TRIED),
            "What becomes of each, in their order.",
        ),
    ],
    relationships: &[
        Relationship::optional("channel", "channels").unlinked(),
        Relationship::optional("channel_mapping", "channel_mappings").unlinked(),
    ],
};

const RESULT: &[Attribute] = &[
    Attribute::read(
        "would",
        Kind::Choice(&["create", "update", "repeat", "refuse"]),
        "What the same payload would do if it came now.",
    ),
    Attribute::read("external_id", Kind::Text(200), "What the channel calls the order."),
    ROWS,
    Attribute::read("occurred_at", Kind::Instant, "When the channel says that it happened."),
    Attribute::read("order_id", Kind::Text(80), "The order that it is or would be."),
    Attribute::read(
        "input",
        Kind::Anything(MAX_PAYLOAD),
        "What the mapping was given, under value.",
    ),
    Attribute::read("document", Kind::Anything(MAX_PAYLOAD), "What it made, under value."),
    Attribute::read(
        "order_document",
        Kind::Anything(MAX_PAYLOAD),
        "The document of POST /api/orders.",
    ),
    Attribute::read(
        "problems",
        Kind::List(
            &Kind::Members(&[
                Attribute::read("code", Kind::Text(50), "Which rule is broken."),
                Attribute::read("pointer", Kind::Text(500), "Where."),
                Attribute::read("detail", Kind::Text(2_000), "In words."),
            ]),
            MOST_PROBLEMS,
        ),
        "All for which it would be refused, the first 1,000.",
    ),
];

pub(super) async fn preview(context: &Context<'_>) -> Outcome<Answer> {
    let mut document = Document::create(context.request, &KIND)?;
    let mut problems = Problems::default();
    let mut attributes = document.attributes(&mut problems);
    let format: Option<String> = attributes.optional("format", &mut problems).value();
    let group_by: Option<String> = attributes.optional("group_by", &mut problems).value();
    let program: Option<String> = attributes.optional("program", &mut problems).value();
    let sample: Option<String> = attributes.required("sample", &mut problems);
    let channel: Option<String> = document.related("channel", &mut problems).id();
    let stored: Option<String> = document.related("channel_mapping", &mut problems).id();
    if program.is_some() == stored.is_some() {
        let detail = "give a program, or the relationship channel_mapping, and not both";
        problems.add(Problem::new(Code::Required, detail).at("/data/attributes/program"));
    }
    if stored.is_some() && (format.is_some() || group_by.is_some()) {
        let detail = "format and group_by are those of the channel_mapping that is given";
        problems.add(Problem::new(Code::InvalidValue, detail).at("/data/attributes/format"));
    }
    let written = format.clone().unwrap_or_else(|| "json".to_owned());
    check_group_by(&written, group_by.as_ref(), "/data/attributes/group_by", &mut problems);
    if let Some(program) = &program {
        faults(program, "/data/attributes/program", &mut problems);
    }
    let sample = problems.finish(sample)?;
    let given = json!({"format": written, "group_by": group_by, "program": program});
    let reader = reader_of(context, channel, stored, given).await?;
    let messages = reader.messages(&sample).map_err(at_sample)?;
    let mut results = Vec::new();
    for message in messages.iter().take(MAX_TRIED) {
        results.push(tried(context, &reader, message).await?);
    }
    let members = [
        ("format", json!(reader.format().name())),
        ("group_by", json!(text(&reader.mapping, "group_by"))),
        ("program", json!(text(&reader.mapping, "program"))),
        ("messages_count", json!(messages.len())),
        ("results", json!(results)),
    ];
    let members = members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    Ok(previews::answer(context, &KIND, members))
}

fn at_sample(mut error: ApiError) -> ApiError {
    for problem in &mut error.problems {
        problem.source = Some(Source::Pointer("/data/attributes/sample".to_owned()));
    }
    error
}

/// The reader that is to be tried: of a channel, or of none yet.
async fn reader_of(
    context: &Context<'_>,
    channel: Option<String>,
    stored: Option<String>,
    given: Value,
) -> Outcome<Reader> {
    let mapping = match stored {
        Some(id) => reader::mapping(context, &id).await?.ok_or_else(|| {
            no_such("channel_mappings", &id, "/data/relationships/channel_mapping")
        })?,
        None => given.as_object().cloned().unwrap_or_default(),
    };
    let named = channel.or_else(|| text(&mapping, "channel_id").map(str::to_owned));
    let channel = match named {
        Some(id) => reader::channel(context, &id)
            .await
            .map_err(|_| no_such("channels", &id, "/data/relationships/channel"))?,
        None => Record::from_iter([("code".to_owned(), json!("preview"))]),
    };
    Ok(Reader { channel, mapping })
}

/// What would become of a message.
async fn tried(context: &Context<'_>, reader: &Reader, message: &Message) -> Outcome<Value> {
    let mut result = Map::from_iter([
        ("input".to_owned(), json!({"value": message.value})),
        ("rows".to_owned(), rows(message)),
    ]);
    let would = match reader.run(message) {
        Ok(document) => {
            result.insert("document".to_owned(), json!({"value": document}));
            match Mapped::read(&document) {
                Ok(mapped) => judged(context, reader, &mapped, &mut result).await,
                Err(error) => Err(error),
            }
        }
        Err(error) => Err(error),
    };
    match would {
        Ok(would) => result.insert("would".to_owned(), json!(would)),
        Err(error) if error.status() >= 500 => return Err(error),
        Err(error) => {
            let told = |problem: &Problem| {
                let at = match &problem.source {
                    Some(Source::Pointer(at)) => Some(at),
                    _ => None,
                };
                json!({"code": problem.code.facts().1, "pointer": at, "detail": problem.detail})
            };
            let problems: Vec<Value> =
                error.problems.iter().take(MOST_PROBLEMS).map(told).collect();
            result.insert("problems".to_owned(), json!(problems));
            result.insert("would".to_owned(), json!("refuse"))
        }
    };
    Ok(Value::Object(result))
}

/// What a document would do, by the code that does it.
async fn judged(
    context: &Context<'_>,
    reader: &Reader,
    mapped: &Mapped,
    result: &mut Map<String, Value>,
) -> Outcome<&'static str> {
    result.insert("external_id".to_owned(), json!(mapped.external_id));
    result.insert("occurred_at".to_owned(), json!(mapped.occurred_at));
    let made = known(context, reader, mapped).await?;
    let document =
        mapped.order_document(reader.code(), text(&reader.channel, "market_id"), &made)?;
    result.insert("order_document".to_owned(), document.clone());
    let id = order_id(context, reader, mapped)?;
    result.insert("order_id".to_owned(), json!(id));
    let (store, organization) = (context.store(), &context.caller.organization);
    let before = store.source_payload(organization, &id).await?;
    let order = store.order(organization, &id).await?;
    if let Some(StoredOrder::Client(order)) = &order {
        super::deliver::check_market(context, mapped, order)?;
    }
    if let (Some(before), Some(_)) = (&before, &order)
        && before.document_digest == mapped.digest
    {
        return Ok("repeat");
    }
    let within =
        Within::new(context, &reader.channel, &orders::KIND, &order_key(mapped), &document)?;
    said(&within.context(context), &within).await?;
    match order {
        None if before.is_some() => Err(super::deliver::gone(mapped, &id)),
        None => Ok("create"),
        Some(StoredOrder::Client(order)) => {
            super::deliver::check_change(reader, mapped, &order)?;
            Ok("update")
        }
        Some(StoredOrder::Run(_)) => Err(ApiError::conflict(orders::KIND.singular)),
    }
}

/// The customer and payment source of a message, as far as they exist: a preview makes none.
async fn known<'a>(
    context: &Context<'_>,
    reader: &Reader,
    mapped: &Mapped,
) -> Outcome<Vec<(&'a str, Option<String>)>> {
    let customer = match &mapped.customer {
        Some((reference, _)) => {
            existing(context, reader, "customers", &format!("customer:{reference}")).await?
        }
        None => None,
    };
    let owner = customer
        .clone()
        .or_else(|| mapped.relationships.get("customer")?.as_str().map(str::to_owned));
    let payment_source = match (&mapped.payment_source, owner) {
        (Some((token, _)), Some(owner)) => {
            let key = format!("payment_source:{owner}:{token}");
            existing(context, reader, "customer_payment_sources", &key).await?
        }
        (_, _) => None,
    };
    Ok(vec![("customer", customer), ("customer_payment_source", payment_source)])
}

async fn existing(
    context: &Context<'_>,
    reader: &Reader,
    kind: &str,
    key: &str,
) -> Outcome<Option<String>> {
    let Some(catalog) = catalog::named(kind) else { return Ok(None) };
    let within = Within::new(context, &reader.channel, catalog.kind, key, &Value::Null)?;
    let id = catalog_id(&within.context(context), catalog);
    let organization = &context.caller.organization;
    let found = context.store().record(organization, catalog.stored, &id).await?;
    Ok(found.map(|_| id))
}
