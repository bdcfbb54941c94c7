//! Checks: how often they hold and refuse orders, and what changed policies would have made of orders
//! that came lately.

mod previews;
mod statistics;

use std::sync::Arc;

use perennial_runtime::{Clock, Environment, SettingError};

pub(crate) use self::{previews::KIND as PREVIEW_KIND, statistics::KIND as STATISTICS_KIND};
use crate::{
    Aws,
    http::{
        context::Services,
        dispatch::HttpFunction,
        operation::{Action, Handler, Operation, Surface, elsewhere, handler},
        query::Accepts,
    },
    settings,
};

const fn operations(count: Handler, preview: Handler) -> [Operation; 2] {
    [
        Operation {
            action: Action::List,
            path: "/api/check_statistics",
            kind: &STATISTICS_KIND,
            surface: Surface::Checks,
            accepts: Accepts::INDEXED,
            about: "Counts the orders that checks held and refused, and how many of these an operator \
                    has overturned, by check and channel. The filters on `created_at` choose the span \
                    of time.",
            handler: count,
        },
        Operation {
            action: Action::Preview,
            path: "/api/check_previews",
            kind: &PREVIEW_KIND,
            surface: Surface::Checks,
            accepts: Accepts::SINGLE,
            about: "Tells of the last orders which would have been placed, held or rejected otherwise by \
                    a changed policy, and why. Writes nothing.",
            handler: preview,
        },
    ]
}

/// The operations, for the API's description of itself: their code stays out of its binary.
pub(crate) static DESCRIBED: [Operation; 2] = operations(elsewhere, elsewhere);

static OPERATIONS: [Operation; 2] =
    operations(handler!(statistics::list), handler!(previews::preview));

static SERVED: [&[Operation]; 1] = [&OPERATIONS];

/// The function that counts and tries.
pub(crate) fn build(
    environment: &Environment,
    aws: &Aws,
    clock: &Arc<dyn Clock>,
) -> Result<HttpFunction, SettingError> {
    Ok(HttpFunction {
        surface: Surface::Checks,
        operations: &SERVED,
        open: None,
        services: Services::over(settings::store(environment, aws)?),
        clock: Arc::clone(clock),
        sam_local: environment.get("AWS_SAM_LOCAL") == Some("true"),
    })
}
