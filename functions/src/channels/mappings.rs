//! Making a version of a channel's mapping.

use perennial_domain::ids::derived_id;
use perennial_store::{Record, StoreError};
use serde_json::{Value, json};

use crate::{
    api::{
        annotations::AnnotationChange,
        answer, catalog,
        catalog::text,
        channel_mappings::{CATALOG, KIND},
        channels::{self, MAPPINGS_COUNT},
    },
    http::{
        context::{Context, digest},
        document::{Document, no_such},
        error::{ApiError, Code, Outcome, Problem, Problems},
        event::Answer,
    },
};

/// How often the number of a version is taken by another before giving up.
const TRIES: usize = 5;

/// Every fault of a program, as problems.
pub(super) fn faults(program: &str, at: &str, problems: &mut Problems) {
    let Err(faults) = perennial_mapping::check(program) else { return };
    for fault in faults {
        let problem = Problem::new(Code::InvalidValue, format!("the program, {fault}"));
        problems.add(problem.at(at).with("line", fault.line).with("column", fault.column));
    }
}

/// Rows can be grouped only where there are rows.
pub(super) fn check_group_by(
    format: &str,
    group_by: Option<&String>,
    at: &str,
    problems: &mut Problems,
) {
    if let Some(column) = group_by.filter(|_| format != "csv") {
        let detail = format!("group_by is for csv; a payload in {format} has no columns");
        problems.add(Problem::new(Code::InvalidValue, detail).at(at).with("value", column.clone()));
    }
}

pub(super) async fn create(context: &Context<'_>) -> Outcome<Answer> {
    let mut document = Document::create(context.request, &KIND)?;
    let mut problems = Problems::default();
    let mut attributes = document.attributes(&mut problems);
    let format: Option<String> = attributes.optional("format", &mut problems).value();
    let format = format.unwrap_or_else(|| "json".to_owned());
    let group_by: Option<String> = attributes.optional("group_by", &mut problems).value();
    let program: Option<String> = attributes.required("program", &mut problems);
    let notes: Option<String> = attributes.optional("notes", &mut problems).value();
    let activate = attributes.trigger("_activate", &mut problems);
    let (mut reference, mut reference_origin, mut metadata) = (None, None, Value::Null);
    AnnotationChange::read(&mut attributes, &mut problems).apply(
        &mut reference,
        &mut reference_origin,
        &mut metadata,
    );
    check_group_by(&format, group_by.as_ref(), "/data/attributes/group_by", &mut problems);
    if let Some(program) = &program {
        faults(program, "/data/attributes/program", &mut problems);
    }
    let channel: Option<String> = document.related("channel", &mut problems).id();
    let (program, channel) = problems.finish(program.zip(channel))?;
    let said = json!({
        "format": format,
        "group_by": group_by,
        "program": program,
        "notes": notes,
        "reference": reference,
        "reference_origin": reference_origin,
        "metadata": metadata,
        "channel_id": channel,
    });
    let record = store(context, &channel, &said, activate).await?;
    answer::one(context, 201, &catalog::revealed(context, &CATALOG, None, &record)).await
}

/// Stores the next version, and turns the channel to it where asked. The number is taken by making the
/// version, so two at once get two numbers; when the same request is made again, it finds its own.
async fn store(
    context: &Context<'_>,
    channel_id: &str,
    said: &Value,
    activate: bool,
) -> Outcome<Record> {
    let (store, organization) = (context.store(), &context.caller.organization);
    let channels = &channels::CATALOG;
    for _ in 0..TRIES {
        let found = match channels.is_id(channel_id) {
            true => store.record(organization, channels.stored, channel_id).await?,
            false => None,
        };
        let channel = found
            .filter(|channel| channels.visible(context, channel))
            .ok_or_else(|| no_such("channels", channel_id, "/data/relationships/channel"))?;
        check_market(context, &channel)?;
        let latest = channel.get(MAPPINGS_COUNT).and_then(Value::as_u64).unwrap_or_default();
        if let Some(own) = made_before(context, channel_id, latest, said).await? {
            return turned(context, channel, own, activate).await;
        }
        let record = version(context, &channel, latest + 1, said);
        match store.create_record(organization, CATALOG.stored, &record).await {
            Ok(()) => {}
            // Made by another, or by this one before it died: the channel does not know it yet.
            Err(StoreError::Conflict(_)) => {
                let mut counted = channel.clone();
                counted.insert(MAPPINGS_COUNT.to_owned(), json!(latest + 1));
                put(context, counted).await?;
                continue;
            }
            Err(error) => return Err(error.into()),
        }
        return turned(context, channel, record, activate).await;
    }
    Err(ApiError::unavailable("the channel's mappings are contended"))
}

/// The version of this number.
fn version(context: &Context<'_>, channel: &Record, number: u64, said: &Value) -> Record {
    let channel_id = text(channel, "id").unwrap_or_default();
    let mut record = said.as_object().cloned().unwrap_or_default();
    record.retain(|_, value| !value.is_null());
    let market = text(channel, "market_id").map(|market| ("market_id", json!(market)));
    let facts = [
        ("id", json!(version_id(channel_id, number))),
        ("number", json!(number)),
        ("made_by", json!(made_by(context))),
        ("version", json!(1)),
        ("created_at", json!(context.now)),
        ("updated_at", json!(context.now)),
    ];
    for (name, value) in facts.into_iter().chain(market) {
        record.insert(name.to_owned(), value);
    }
    record
}

fn version_id(channel_id: &str, number: u64) -> String {
    derived_id(CATALOG.prefix, &[channel_id, &number.to_string()])
}

/// What the request is known by: its idempotency key, or itself.
fn made_by(context: &Context<'_>) -> String {
    match &context.once {
        Some(once) => {
            let bytes = digest(&[once.key, &once.fingerprint]);
            bytes.iter().map(|byte| format!("{byte:02x}")).collect()
        }
        None => context.request_id.to_owned(),
    }
}

/// The latest version, or the one after that, if this very request has made it and died then.
async fn made_before(
    context: &Context<'_>,
    channel_id: &str,
    latest: u64,
    said: &Value,
) -> Outcome<Option<Record>> {
    if context.once.is_none() {
        return Ok(None);
    }
    let organization = &context.caller.organization;
    for number in [latest, latest + 1] {
        let id = version_id(channel_id, number);
        let found = context.store().record(organization, CATALOG.stored, &id).await?;
        let ours = |found: &Record| {
            text(found, "made_by") == Some(made_by(context).as_str())
                && found.get("program") == said.get("program")
        };
        if let Some(found) = found.filter(ours) {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// The version, once the channel counts it and, where asked, reads by it.
async fn turned(
    context: &Context<'_>,
    mut channel: Record,
    mapping: Record,
    activate: bool,
) -> Outcome<Record> {
    let before = channel.clone();
    let counted = channel.get(MAPPINGS_COUNT).and_then(Value::as_u64).unwrap_or_default();
    let number = mapping.get("number").and_then(Value::as_u64).unwrap_or_default();
    channel.insert(MAPPINGS_COUNT.to_owned(), json!(counted.max(number)));
    if activate {
        let id = text(&mapping, "id").map(|id| json!(id)).unwrap_or_default();
        channel.insert("channel_mapping_id".to_owned(), id);
    }
    if channel != before {
        put(context, channel).await?;
    }
    Ok(mapping)
}

/// Writes a channel over the version that was read.
async fn put(context: &Context<'_>, mut channel: Record) -> Outcome<()> {
    let seen = channel.get("version").and_then(Value::as_u64).unwrap_or_default();
    channel.insert("version".to_owned(), json!(seen + 1));
    channel.insert("updated_at".to_owned(), json!(context.now));
    let organization = &context.caller.organization;
    let stored = channels::CATALOG.stored;
    Ok(context.store().update_record(organization, stored, &channel, seen).await?)
}

/// A token for one market maps only what is of that market.
fn check_market(context: &Context<'_>, channel: &Record) -> Outcome<()> {
    let own = context.caller.market.as_ref().map(ToString::to_string);
    if own.is_none() || own.as_deref() == text(channel, "market_id") {
        return Ok(());
    }
    let detail = "this token is for one market, the channel is for all: it can't map it";
    Err(Problem::new(Code::Forbidden, detail).into())
}
