//! Sending orders to be placed: the status says so at once, validation follows on its queue.

use perennial_domain::order::Order;
use perennial_messages::{Outgoing, ValidateOrder};

use crate::{http::context::Context, work_queues::WorkQueue};

/// Hands an order that was committed as `placing` to validation. The commit is the promise: where
/// the message is not accepted, a tick finds the order in the due index and sends it again.
pub(crate) async fn hand_to_validation(context: &Context<'_>, order: &Order) {
    let organization = &context.caller.organization;
    let message = ValidateOrder { organization: organization.clone(), order_id: order.id.clone() };
    let sent = match Outgoing::json(&message, Some(organization)) {
        Ok(message) => context
            .services
            .send(WorkQueue::Validation, vec![message])
            .await
            .map_err(|error| error.inside.unwrap_or_default()),
        Err(error) => Err(error.to_string()),
    };
    if let Err(reason) = sent {
        tracing::error!(order_id = %order.id, reason, "validation was not told; a tick will");
    }
}
