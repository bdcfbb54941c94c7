//! Channels: takes what shop systems, forms and files send, each in a form of its own, and makes orders
//! of it by mappings that operators write. What can't be mapped is kept as a dead letter.

mod deliver;
mod digests;
mod document;
mod health;
mod letters;
mod mappings;
mod previews;
mod reader;
mod receive;
mod replays;
mod source_payloads;
mod webhooks;
mod within;

use std::sync::Arc;

use perennial_runtime::{Clock, Environment, SettingError};

pub(crate) use self::{
    health::KIND as HEALTH_KIND, previews::KIND as PREVIEW_KIND, replays::KIND as REPLAY_KIND,
    source_payloads::KIND as SOURCE_PAYLOAD_KIND,
};
use crate::{
    Aws,
    api::channel_mappings,
    http::{
        context::Services,
        dispatch::HttpFunction,
        object::ResourceType,
        operation::{Action, Handler, Operation, Surface, elsewhere, handler},
        query::Accepts,
    },
    intake::backlog::Backlog,
    settings,
    tallies::Tallies,
    work_queues::WorkQueue,
};

/// What carries each operation out.
#[derive(Clone, Copy)]
struct Handlers {
    receive: Handler,
    map: Handler,
    preview: Handler,
    replay: Handler,
    payload: Handler,
    health: Handler,
}

const fn operations(handlers: Handlers) -> [Operation; 6] {
    const fn operation(
        (action, path): (Action, &'static str),
        kind: &'static ResourceType,
        about: &'static str,
        handler: Handler,
    ) -> Operation {
        Operation {
            action,
            path,
            kind,
            surface: Surface::Channels,
            accepts: Accepts::SINGLE,
            about,
            handler,
        }
    }
    [
        operation(
            (Action::Receive, "/api/channels/{id}/orders"),
            &crate::api::orders::KIND,
            "Takes what a channel sends, in the channel's own form, and makes an order of it. The \
             channel stands in the path by its id or its code.",
            handlers.receive,
        ),
        operation(
            (Action::Create, "/api/channel_mappings"),
            &channel_mappings::KIND,
            "Makes a version of a channel's mapping, if it compiles.",
            handlers.map,
        ),
        operation(
            (Action::Preview, "/api/channel_mapping_previews"),
            &PREVIEW_KIND,
            "Tries a mapping on a sample: what it makes, and what would be refused. Stores nothing.",
            handlers.preview,
        ),
        operation(
            (Action::Preview, "/api/channel_replays"),
            &REPLAY_KIND,
            "Takes payloads that were kept as dead letters again, by the mapping of today.",
            handlers.replay,
        ),
        operation(
            (Action::Read, "/api/orders/{id}/source_payload"),
            &SOURCE_PAYLOAD_KIND,
            "Reads the payload that an order was made from.",
            handlers.payload,
        ),
        operation(
            (Action::Read, "/api/channels/{id}/health"),
            &HEALTH_KIND,
            "Tells how a channel does, by its id or its code; `api` is the plain API.",
            handlers.health,
        ),
    ]
}

/// The operations, for the API's description of itself: their code stays out of its binary.
pub(crate) static DESCRIBED: [Operation; 6] = operations(Handlers {
    receive: elsewhere,
    map: elsewhere,
    preview: elsewhere,
    replay: elsewhere,
    payload: elsewhere,
    health: elsewhere,
});

static OPERATIONS: [Operation; 6] = operations(Handlers {
    receive: handler!(receive::receive),
    map: handler!(mappings::create),
    preview: handler!(previews::preview),
    replay: handler!(replays::replay),
    payload: handler!(source_payloads::read),
    health: handler!(health::read),
});

static SERVED: [&[Operation]; 1] = [&OPERATIONS];

/// The function that takes what channels send.
pub(crate) fn build(
    environment: &Environment,
    aws: &Aws,
    clock: &Arc<dyn Clock>,
) -> Result<HttpFunction, SettingError> {
    let validation = WorkQueue::Validation;
    Ok(HttpFunction {
        surface: Surface::Channels,
        operations: &SERVED,
        open: Some(|asked| Box::pin(webhooks::answer(asked))),
        services: Services {
            queues: vec![(validation, validation.open(environment, aws)?)],
            backlog: Some(Backlog::from_environment(environment, aws)?),
            tallies: Some(Tallies::at_once()),
            ..Services::over(settings::store(environment, aws)?)
        },
        clock: Arc::clone(clock),
        sam_local: environment.get("AWS_SAM_LOCAL") == Some("true"),
    })
}
