//! The next run made at once, because a person or client asked for it.

use chrono::{DateTime, Utc};

use super::{PlanError, standing};
use crate::{
    journal::Change,
    lifecycle::Trigger,
    subscription::Subscription,
    time::{Frequency, Slot, whole_second},
};

/// Brings the next run forward to now; the tick makes it like any other. It keeps its number, which
/// is the licence for one run and one charge, and it stands for the date it would have had: those
/// after it keep their dates and numbers. One that is due already stays as it is.
///
/// # Errors
/// When the subscription is not active, or no run comes before its end.
pub fn run_now(
    before: &Subscription,
    now: DateTime<Utc>,
) -> Result<(Subscription, Change), PlanError> {
    let mut after = before.clone();
    after.status = after.status.after(Trigger::RunNow)?;
    let next = before.next().ok_or(PlanError::NoNextRun)?;
    if next.at > now {
        let brought_forward = Slot { number: next.number, at: whole_second(now) };
        after.rescheduled = Some(brought_forward);
        after.set_next(Some(brought_forward));
        // A crontab expression knows only dates, and fires on this one all the same.
        if matches!(before.frequency, Frequency::Cron(_)) {
            after.stands_for = before.stands_for.or(Some(next.at));
        }
    }
    after.version += 1;
    after.updated_at = now;
    let change = Change {
        event: "order_subscriptions.run_now",
        before: standing(before),
        after: standing(&after),
    };
    Ok((after, change))
}

#[cfg(test)]
#[path = "run_now_tests.rs"]
mod tests;
