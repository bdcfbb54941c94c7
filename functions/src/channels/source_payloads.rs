//! The payload that an order was made from, for those who look into what a channel does.

use perennial_domain::ids::OrderId;
use perennial_mapping::MAX_PAYLOAD;
use perennial_store::SourcePayload;
use serde_json::json;

use crate::{
    api::orders,
    http::{
        attributes::{Attribute, Kind},
        context::Context,
        error::{ApiError, Code, Outcome, Problem},
        event::Answer,
        media_type::JSON_API,
        object::{Linkage, Object, Relationship, ResourceType, unserved},
    },
};

pub(crate) static KIND: ResourceType = ResourceType {
    name: "source_payloads",
    singular: "source payload",
    about: "The payload that an order was made from by a channel, as it came. Served under its \
            order, to operators and integrations: it may hold whole payment tokens.",
    attributes: &[
        Attribute::read("external_id", Kind::Text(200), "What the channel calls the order."),
        Attribute::read("format", Kind::Choice(&["json", "csv", "xml"]), "How it is written."),
        Attribute::read(
            "payload",
            Kind::Lines(MAX_PAYLOAD),
            "As it came; of CSV the header with the rows of this order.",
        ),
        Attribute::read("occurred_at", Kind::Instant, "When the channel says that it happened."),
        Attribute::read("received_at", Kind::Instant, "When it came."),
    ],
    relationships: &[
        Relationship::given("order", "orders").unlinked(),
        Relationship::given("channel", "channels").unlinked(),
        Relationship::given("channel_mapping", "channel_mappings").unlinked(),
    ],
};

pub(super) async fn read(context: &Context<'_>) -> Outcome<Answer> {
    if !context.caller.reads_payloads() {
        let detail = "source_payloads are read by the roles operator and integration only";
        return Err(Problem::new(Code::Forbidden, detail).into());
    }
    let id: OrderId = context.path_id(orders::KIND.singular)?;
    let missing = || ApiError::not_found(orders::KIND.singular, context.id);
    orders::find(context, &id).await?.ok_or_else(missing)?;
    let found = context.store().source_payload(&context.caller.organization, &id).await?;
    let payload =
        found.ok_or_else(|| ApiError::not_found("source payload of order", context.id))?;
    let document = unserved(&object(&id, payload), context.query);
    Ok(Answer::json(200, &document).with_header("content-type", JSON_API))
}

fn object(order: &OrderId, payload: SourcePayload) -> Object {
    let SourcePayload {
        channel_id,
        external_id,
        channel_mapping_id,
        format,
        payload,
        payload_digest: _,
        document_digest: _,
        occurred_at,
        received_at,
    } = payload;
    Object {
        kind: &KIND,
        id: order.to_string(),
        version: None,
        attributes: json!({
            "external_id": external_id,
            "format": format,
            "payload": payload,
            "occurred_at": occurred_at,
            "received_at": received_at,
        }),
        relationships: vec![
            ("order", Linkage::one(orders::KIND.name, Some(order))),
            ("channel", Linkage::one("channels", Some(&channel_id))),
            ("channel_mapping", Linkage::one("channel_mappings", Some(&channel_mapping_id))),
        ],
        meta: None,
        brings: Vec::new(),
    }
}
