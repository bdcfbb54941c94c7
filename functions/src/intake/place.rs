//! Sending orders to be placed: the status says so at once, validation follows on its queue.

use futures::future::join;
use perennial_domain::order::Order;
use perennial_messages::{Outgoing, ValidateOrder};

use crate::{
    http::{context::Context, error::Outcome},
    work_queues::WorkQueue,
};

/// Lets one more order in to be placed, unless too many wait.
///
/// # Errors
/// 429 with `Retry-After`: see [`Backlog::admit`](super::backlog::Backlog::admit).
pub(crate) async fn admit(context: &Context<'_>) -> Outcome<()> {
    match &context.services.backlog {
        Some(backlog) => backlog.admit().await,
        None => Ok(()),
    }
}

/// Hands an order that was committed as `placing` to validation. The commit is the promise: where
/// the message is not accepted, a tick finds the order in the due index and sends it again.
pub(crate) async fn hand_to_validation(context: &Context<'_>, order: &Order) {
    let organization = &context.caller.organization;
    let message = ValidateOrder {
        organization: organization.clone(),
        order_id: order.id.clone(),
        give_up: None,
    };
    let look = async {
        if let Some(backlog) = &context.services.backlog {
            backlog.look().await;
        }
    };
    let (sent, ()) = join(send(context, &message), look).await;
    if let Err(reason) = sent {
        tracing::error!(order_id = %order.id, reason, "validation was not told; a tick will");
    }
}

async fn send(context: &Context<'_>, message: &ValidateOrder) -> Result<(), String> {
    let message =
        Outgoing::json(message, Some(&message.organization)).map_err(|e| e.to_string())?;
    let sent = context.services.send(WorkQueue::Validation, vec![message]).await;
    sent.map_err(|error| error.inside.unwrap_or_default())
}
