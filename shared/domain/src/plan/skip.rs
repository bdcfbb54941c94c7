//! The next run left out, because a person or client asked for it.

use chrono::{DateTime, Utc};

use super::{PlanError, SkipReason, pass_over::standing_past, standing};
use crate::{
    journal::Change,
    lifecycle::Trigger,
    run::Skipped,
    subscription::Subscription,
    time::{Occurrence, SkippedNext, skip_next},
};

/// Leaves the next run out; those after it keep their dates and numbers.
///
/// # Errors
/// When the subscription is not active, when no run comes before its end, or when dates can't be
/// computed.
pub fn skip_next_run(
    before: &Subscription,
    now: DateTime<Utc>,
) -> Result<(Subscription, Change), PlanError> {
    let mut after = before.clone();
    after.status = after.status.after(Trigger::SkipNext)?;
    let next = before.next().ok_or(PlanError::NoNextRun)?;
    let SkippedNext { skipped, next } = skip_next(&before.schedule(), next)?;
    after.set_next(next.map(Occurrence::slot));
    after.version += 1;
    after.updated_at = now;
    let skipped = Skipped { first: skipped.number, last: skipped.number };
    let change = Change {
        event: "order_subscriptions.skip_next",
        before: standing(before),
        after: standing_past(&after, Some(skipped), SkipReason::Requested),
    };
    Ok((after, change))
}
