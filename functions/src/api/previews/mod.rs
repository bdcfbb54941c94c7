//! Previews: what the rules of time and money say about given values, computed by the same code as
//! the real thing. They store nothing, so any role may ask for them.

pub(super) mod billing_period_previews;
mod invoice_attributes;
mod invoice_items;
pub(super) mod invoice_previews;
mod invoice_source;
mod outage;
pub(super) mod proration_previews;
mod schedule_attributes;
pub(super) mod schedule_previews;
pub(super) mod tax_previews;

use std::sync::Arc;

use perennial_runtime::{Clock, Environment, SettingError};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::{
    Aws,
    http::{
        context::{Context, Services, digest},
        dispatch::HttpFunction,
        event::Answer,
        media_type::JSON_API,
        object::{Object, ResourceType, unserved},
        operation::{Action, Handler, Operation, Surface},
        query::Accepts,
    },
    settings,
    taxes::TaxEngine,
};

/// The function that answers previews.
pub(crate) fn build(
    environment: &Environment,
    aws: &Aws,
    clock: &Arc<dyn Clock>,
) -> Result<HttpFunction, SettingError> {
    let store = settings::store(environment, aws)?;
    let taxes = Some(TaxEngine::build(environment, &store)?.always_fresh());
    Ok(HttpFunction {
        surface: Surface::Previews,
        operations: &[
            schedule_previews::OPERATIONS,
            proration_previews::OPERATIONS,
            billing_period_previews::OPERATIONS,
            invoice_previews::OPERATIONS,
            tax_previews::OPERATIONS,
        ],
        open: None,
        services: Services { taxes, ..Services::over(store) },
        clock: Arc::clone(clock),
        sam_local: environment.get("AWS_SAM_LOCAL") == Some("true"),
    })
}

/// The one operation of a kind of preview.
const fn operation(
    path: &'static str,
    kind: &'static ResourceType,
    about: &'static str,
    handler: Handler,
) -> Operation {
    Operation {
        action: Action::Preview,
        path,
        kind,
        surface: Surface::Previews,
        accepts: Accepts::SINGLE,
        about,
        handler,
    }
}

/// Answers a preview with the attributes that were given, defaults filled in, and what they lead
/// to. The same answer always has the same id.
pub(crate) fn answer(
    context: &Context<'_>,
    kind: &'static ResourceType,
    attributes: Map<String, Value>,
) -> Answer {
    let attributes = Value::Object(attributes);
    let id = uuid::Builder::from_custom_bytes(digest(&[kind.name, &attributes.to_string()]));
    let object = Object {
        kind,
        id: Uuid::to_string(&id.into_uuid()),
        version: None,
        attributes,
        relationships: Vec::new(),
        meta: None,
        brings: Vec::new(),
    };
    Answer::json(200, &unserved(&object, context.query)).with_header("content-type", JSON_API)
}

/// The members of a JSON object, for attributes that are put together from several.
fn members(object: Value) -> Map<String, Value> {
    match object {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}
