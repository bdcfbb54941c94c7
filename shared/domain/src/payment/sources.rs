//! A customer's payment sources: their order, the one by which the next run is paid, and the runs
//! that one which expires will miss.

use chrono::{DateTime, Days, NaiveDate, TimeDelta, TimeZone, Utc};
use serde::{Deserialize, Serialize};

use crate::{
    catalog::PaymentSource,
    ids::{PaymentSourceId, SubscriptionId},
    subscription::Subscription,
    time::{OccurrenceNumber, ScheduleError},
};

/// Most payment sources of one customer.
pub const MAX_SOURCES: usize = 50;
/// How many days before a source expires it is watched.
pub const WATCHED_DAYS: u64 = 30;
/// How long until a source that is watched is looked at again, where no run will miss it yet.
const LOOKED_AT_EACH: TimeDelta = TimeDelta::days(7);

/// What is charged after a source was declined for good, or where it is missing or expired.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fallback {
    /// Nothing: the customer is asked for another source.
    #[default]
    None,
    /// The customer's next source, for that run.
    NextSource,
    /// The customer's next source, and once it has paid, that for every run after it.
    SwitchSource,
}

/// The order of a customer's sources with one as the default, which is the first. One that is new
/// comes last, and so is the default where it is the only one.
#[must_use]
pub fn with_default(
    ids: &[PaymentSourceId],
    id: &PaymentSourceId,
    default: bool,
) -> Vec<PaymentSourceId> {
    if !default {
        let known = ids.contains(id);
        return ids.iter().chain((!known).then_some(id)).cloned().collect();
    }
    [id].into_iter().chain(ids.iter().filter(|other| *other != id)).cloned().collect()
}

/// The order without one of them: the next one moves up.
#[must_use]
pub fn without(ids: &[PaymentSourceId], id: &PaymentSourceId) -> Vec<PaymentSourceId> {
    ids.iter().filter(|other| *other != id).cloned().collect()
}

/// Whether a source can be charged on a date, as far as is known.
#[must_use]
pub fn usable(source: &PaymentSource, on: NaiveDate) -> bool {
    source.expires_on.is_none_or(|last| on <= last)
}

/// The first of a customer's sources, in their order, that can be charged on a date and that was not
/// declined for good before.
pub fn next_source<'a>(
    ordered: impl IntoIterator<Item = &'a PaymentSource>,
    declined: &[PaymentSourceId],
    on: NaiveDate,
) -> Option<&'a PaymentSource> {
    ordered.into_iter().find(|source| !declined.contains(&source.id) && usable(source, on))
}

/// What is to be done about a source that may expire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExpiryWatch {
    /// Nothing: its expiry is not known, it is over, or it was told of.
    Nothing,
    /// Look at it then.
    At(DateTime<Utc>),
    /// Tell of the runs that will miss it, if there are any; else look again then.
    Now {
        /// When to look again; `None` when it will have expired by then.
        again_at: Option<DateTime<Utc>>,
    },
}

/// Decides when a source is looked at for its expiry, which is told once for each date.
#[must_use]
pub fn watch_expiry(
    expires_on: Option<NaiveDate>,
    told_for: Option<NaiveDate>,
    now: DateTime<Utc>,
) -> ExpiryWatch {
    let Some(expires_on) = expires_on.filter(|expires_on| told_for != Some(*expires_on)) else {
        return ExpiryWatch::Nothing;
    };
    let midnight = |date: NaiveDate| date.and_time(chrono::NaiveTime::MIN).and_utc();
    let from = expires_on.checked_sub_days(Days::new(WATCHED_DAYS)).map_or(now, midnight);
    let end = expires_on.checked_add_days(Days::new(1)).map_or(now, midnight);
    if now >= end {
        ExpiryWatch::Nothing
    } else if now < from {
        ExpiryWatch::At(from)
    } else {
        ExpiryWatch::Now { again_at: Some(now + LOOKED_AT_EACH).filter(|again| *again < end) }
    }
}

/// A run that will miss its payment source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MissedRun {
    /// Whose run.
    pub order_subscription_id: SubscriptionId,
    /// Which run.
    pub number: OccurrenceNumber,
    /// When it is due.
    pub due_at: DateTime<Utc>,
}

/// The first run of a subscription after the last day of its source; `None` where none comes.
///
/// # Errors
/// When dates can't be computed.
pub fn missed_run(
    subscription: &Subscription,
    expires_on: NaiveDate,
) -> Result<Option<MissedRun>, ScheduleError> {
    let Some(coming) = subscription.coming() else { return Ok(None) };
    let day_after = expires_on.checked_add_days(Days::new(1)).unwrap_or(expires_on);
    let midnight = day_after.and_time(chrono::NaiveTime::MIN);
    let valid_until = subscription
        .time_zone
        .from_local_datetime(&midnight)
        .earliest()
        .map_or_else(|| midnight.and_utc(), |at| at.to_utc());
    let missed = if coming.at >= valid_until {
        coming
    } else {
        let after = valid_until - TimeDelta::nanoseconds(1);
        subscription.schedule().first_after(coming, after)?.slot()
    };
    let within = subscription.end_at(missed).is_none();
    Ok(within.then(|| MissedRun {
        order_subscription_id: subscription.id.clone(),
        number: missed.number,
        due_at: missed.at,
    }))
}

#[cfg(test)]
#[path = "sources_tests.rs"]
mod tests;
