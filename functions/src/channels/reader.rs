//! How a channel is read: the channel with its mapping.

use perennial_mapping::{Format, Message};
use perennial_store::Record;
use serde_json::{Value, json};

use super::document::{Mapped, unmappable};
use crate::{
    api::{catalog::text, channel_mappings, channels},
    http::{
        context::Context,
        error::{ApiError, Code, Outcome},
    },
};

/// A program with what it is told about the channel.
#[derive(Debug)]
pub(super) struct Reader {
    pub(super) channel: Record,
    pub(super) mapping: Record,
}

/// The channel that a path or a letter names, if the caller sees it.
pub(super) async fn channel(context: &Context<'_>, named: &str) -> Outcome<Record> {
    let organization = &context.caller.organization;
    let catalog = &channels::CATALOG;
    let id = channels::id_of(named);
    let found = context.store().record(organization, catalog.stored, &id).await?;
    found
        .filter(|channel| catalog.visible(context, channel))
        .ok_or_else(|| ApiError::not_found(catalog.kind.singular, named))
}

/// A mapping, if the caller sees it.
pub(super) async fn mapping(context: &Context<'_>, id: &str) -> Outcome<Option<Record>> {
    let catalog = &channel_mappings::CATALOG;
    if !catalog.is_id(id) {
        return Ok(None);
    }
    let found = context.store().record(&context.caller.organization, catalog.stored, id).await?;
    Ok(found.filter(|mapping| catalog.visible(context, mapping)))
}

impl Reader {
    /// A channel with the mapping that it is read by now.
    pub(super) async fn of(context: &Context<'_>, channel: Record) -> Outcome<Self> {
        let code = text(&channel, "code").unwrap_or_default();
        let none = || {
            let detail = format!(
                "channel {code} has no mapping yet: make one with POST /api/channel_mappings and \
                 _activate"
            );
            ApiError::from(unmappable(detail))
        };
        let id = text(&channel, "channel_mapping_id").ok_or_else(none)?;
        let mapping = mapping(context, id).await?.ok_or_else(none)?;
        Ok(Self { channel, mapping })
    }

    pub(super) fn code(&self) -> &str {
        text(&self.channel, "code").unwrap_or_default()
    }

    pub(super) fn mapping_id(&self) -> &str {
        text(&self.mapping, "id").unwrap_or_default()
    }

    /// The version of the mapping; `None` of one that is only tried.
    pub(super) fn number(&self) -> Option<u64> {
        self.mapping.get("number").and_then(Value::as_u64)
    }

    pub(super) fn format(&self) -> Format {
        text(&self.mapping, "format").and_then(Format::named).unwrap_or(Format::Json)
    }

    /// The messages in a payload.
    pub(super) fn messages(&self, payload: &str) -> Outcome<Vec<Message>> {
        let group_by = text(&self.mapping, "group_by");
        let read = perennial_mapping::read(self.format(), group_by, payload);
        read.map_err(|error| self.told(ApiError::from(unmappable(error.to_string()))))
    }

    /// The document that the mapping makes of a message, as it makes it.
    pub(super) fn run(&self, message: &Message) -> Outcome<Value> {
        let program = text(&self.mapping, "program").unwrap_or_default();
        let channel = json!({
            "code": self.code(),
            "name": text(&self.channel, "name"),
            "market_id": text(&self.channel, "market_id"),
            "metadata": self.channel.get("metadata"),
        });
        let made = perennial_mapping::run(program, &message.value, &channel);
        made.map_err(|error| self.told(unmappable(error.to_string()).into()))
    }

    /// The same, read.
    pub(super) fn map(&self, message: &Message) -> Outcome<Mapped> {
        Mapped::read(&self.run(message)?).map_err(|error| self.told(error))
    }

    /// An error that names the mapping and its version.
    pub(super) fn told(&self, mut error: ApiError) -> ApiError {
        for problem in &mut error.problems {
            problem.meta.insert("channel".to_owned(), json!(self.code()));
            if let Some(number) = self.number() {
                if problem.code == Code::Unmappable {
                    let detail = &problem.detail;
                    problem.detail =
                        format!("mapping {number} of channel {}: {detail}", self.code());
                }
                problem.meta.insert("channel_mapping_id".to_owned(), json!(self.mapping_id()));
                problem.meta.insert("mapping_number".to_owned(), json!(number));
            }
        }
        error
    }
}
