//! Another date for the next run because somebody asked for it.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{
    Frequency, Occurrence, Reason, Schedule, ScheduleError, ScheduleRules, Slot, Source,
    whole_second, zone,
};

/// What becomes of the runs after a rescheduled one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AnchorChange {
    /// They keep their dates.
    #[default]
    Keep,
    /// They are counted from the new date.
    Move,
}

/// What rescheduling the next run comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rescheduled {
    /// The schedule; the same as before when the anchor was kept.
    pub schedule: Schedule,
    /// The next run, with the number it had.
    pub next: Occurrence,
}

/// Why a run cannot be put on another date. The text names the value and the rule.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum RescheduleError {
    /// The date is not in the future.
    #[error("a run can only be rescheduled to the future: {to} is not after {now}")]
    NotInFuture {
        /// The date that was asked for.
        to: DateTime<Utc>,
        /// The present.
        now: DateTime<Utc>,
    },
    /// The next but one would come first.
    #[error(
        "{to} is not before the following run at {following}: skip this run, or move the anchor too"
    )]
    NotBeforeFollowing {
        /// The date that was asked for.
        to: DateTime<Utc>,
        /// The run after the one to be rescheduled.
        following: DateTime<Utc>,
    },
    /// A cron expression would fire again on the date that was given up.
    #[error(
        "a run of a cron expression can only be put off: the expression fires at {own} all the same"
    )]
    CronBroughtForward {
        /// When the expression fires.
        own: DateTime<Utc>,
    },
    /// A cron expression has no anchor that its dates follow.
    #[error("the dates of a cron expression do not follow an anchor: keep it")]
    CronHasNoAnchor,
    /// The dates cannot be computed.
    #[error(transparent)]
    Schedule(#[from] ScheduleError),
}

/// Puts the next occurrence on another instant in the future. It keeps its number.
///
/// With [`AnchorChange::Keep`] it must stay before the following one, whose date is unchanged. With
/// [`AnchorChange::Move`] all later ones are counted from the new date: it becomes the anchor, and
/// an anchor day or weekday no longer counts.
///
/// # Errors
///
/// [`RescheduleError`] names the rule that the date breaks.
pub fn reschedule_next(
    schedule: &Schedule,
    next: Slot,
    to: DateTime<Utc>,
    now: DateTime<Utc>,
    anchor: AnchorChange,
) -> Result<Rescheduled, RescheduleError> {
    let to = whole_second(to);
    if to <= now {
        return Err(RescheduleError::NotInFuture { to, now });
    }
    if !zone::in_range(to) {
        return Err(ScheduleError::OutOfRange.into());
    }
    let schedule = match anchor {
        AnchorChange::Keep => {
            stays_in_order(schedule, next, to)?;
            schedule.clone()
        }
        AnchorChange::Move if matches!(schedule.frequency(), Frequency::Cron(_)) => {
            return Err(RescheduleError::CronHasNoAnchor);
        }
        AnchorChange::Move => {
            let rules = ScheduleRules {
                anchor_day: None,
                anchor_weekday: None,
                anchor_local: None,
                anchor_number: next.number,
                ..schedule.rules().clone()
            };
            Schedule::assemble(schedule.frequency().clone(), to, schedule.zone(), rules)
        }
    };
    let reason = Reason::plain(Source::Rescheduled);
    Ok(Rescheduled { schedule, next: Occurrence { number: next.number, at: to, reason } })
}

fn stays_in_order(
    schedule: &Schedule,
    next: Slot,
    to: DateTime<Utc>,
) -> Result<(), RescheduleError> {
    let is_cron = matches!(schedule.frequency(), Frequency::Cron(_));
    if is_cron && to < next.at {
        return Err(RescheduleError::CronBroughtForward { own: next.at });
    }
    match schedule.following(next) {
        Ok(following) if following.at <= to => {
            Err(RescheduleError::NotBeforeFollowing { to, following: following.at })
        }
        Ok(_) => Ok(()),
        Err(error) if error.is_end() => Ok(()),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
#[path = "reschedule_tests.rs"]
mod tests;
