//! Another frequency for a subscription that repeats: same day and time, and numbers that go on.

use chrono::{DateTime, Days, Months, TimeDelta, TimeZone, Utc};
use perennial_domain::{
    subscription::Subscription,
    time::{
        Frequency, Interval, IntervalUnit, NamedFrequency, OccurrenceNumber, Schedule,
        ScheduleError, Slot,
    },
};
use thiserror::Error;

/// How far numbers may be passed over in search of an anchor that loses no day: the months repeat
/// after 12, leap years after 4 (or 8) years.
const SEARCHED: u32 = 48;

/// Why a subscription can't get another frequency.
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
pub(super) enum RescheduleError {
    /// The new schedule has no such date.
    #[error(transparent)]
    Schedule(#[from] ScheduleError),
    /// Moving the anchor back would lead out of the calendar.
    #[error(
        "after {0} runs this frequency can't go on counting: cancel the subscription and order it \
         anew"
    )]
    TooManyRuns(OccurrenceNumber),
}

/// The subscription with this frequency, its next run the first date of the new schedule that is
/// still to come.
///
/// The new dates are counted from the old anchor, so the day and the time stay. But a run's number
/// is a licence that exists once: where the new schedule, counted from the anchor, would use
/// numbers again (from weekly to monthly), the anchor moves back by whole intervals, which changes
/// no date and makes the numbers go on.
///
/// # Errors
/// When the new schedule has no such date, or the numbers are too far apart.
pub(super) fn reschedule(
    before: &Subscription,
    frequency: Frequency,
    now: DateTime<Utc>,
) -> Result<Subscription, RescheduleError> {
    let mut after = before.clone();
    let unused = first_unused(before);
    let schedule = Schedule::new(frequency.clone(), before.anchor, before.time_zone);
    let anchor = Slot { number: OccurrenceNumber::ANCHOR, at: before.anchor };
    let same = frequency == before.frequency;
    // What is due keeps its date, as long as the rule is the same.
    let kept = before.next().filter(|_| same);
    let next = match kept {
        Some(next) => next,
        None => schedule.first_after(anchor, now)?.slot(),
    };
    after.frequency = frequency;
    if kept.is_some() || next.number >= unused {
        after.set_next(Some(next));
        return Ok(after);
    }
    match interval(&after.frequency) {
        // A crontab expression has no phase: its dates are the same whatever they are numbered.
        None => after.set_next(Some(Slot { number: unused, at: next.at })),
        Some(interval) => {
            let (anchor, slot) = moved_back(&schedule, interval, next, unused)?;
            after.anchor = anchor;
            after.set_next(Some(slot));
        }
    }
    Ok(after)
}

/// The first number that no run can have used.
fn first_unused(subscription: &Subscription) -> OccurrenceNumber {
    let last_unsettled = subscription.unsettled.iter().filter_map(|run| run.number.next()).max();
    let after_last = OccurrenceNumber::new(subscription.occurrencies.saturating_add(1));
    // Without a next number (expired), what the schedule had come to is the best bound there is.
    let elapsed = subscription
        .last_run_at
        .and_then(|at| subscription.schedule().next_after(at))
        .map(|occurrence| occurrence.number);
    subscription
        .next_number
        .or(elapsed)
        .into_iter()
        .chain(last_unsettled)
        .chain([after_last])
        .max()
        .unwrap_or(after_last)
}

fn interval(frequency: &Frequency) -> Option<Interval> {
    match frequency {
        Frequency::Named(name) => named(*name),
        Frequency::Every(interval) => Some(*interval),
        Frequency::Cron(_) => None,
    }
}

fn named(name: NamedFrequency) -> Option<Interval> {
    let (every, unit) = match name {
        NamedFrequency::Hourly => (1, IntervalUnit::Hour),
        NamedFrequency::Daily => (1, IntervalUnit::Day),
        NamedFrequency::Weekly => (1, IntervalUnit::Week),
        NamedFrequency::Monthly => (1, IntervalUnit::Month),
        NamedFrequency::TwoMonth => (2, IntervalUnit::Month),
        NamedFrequency::ThreeMonth => (3, IntervalUnit::Month),
        NamedFrequency::FourMonth => (4, IntervalUnit::Month),
        NamedFrequency::SixMonth => (6, IntervalUnit::Month),
        NamedFrequency::Yearly => (1, IntervalUnit::Year),
    };
    Interval::new(every, unit).ok()
}

/// The anchor from which `next` has a number of at least `unused`, with the same dates from there
/// on.
fn moved_back(
    schedule: &Schedule,
    interval: Interval,
    next: Slot,
    unused: OccurrenceNumber,
) -> Result<(DateTime<Utc>, Slot), RescheduleError> {
    let following = schedule.following(next)?.at;
    for number in unused.get()..unused.get().saturating_add(SEARCHED) {
        let back = number.saturating_sub(next.number.get());
        let Some(anchor) = earlier(schedule, interval, back) else { break };
        let number = OccurrenceNumber::new(number);
        let moved = Schedule::new(schedule.frequency().clone(), anchor, schedule.zone());
        let slot = Slot { number, at: next.at };
        // A shorter month or a clock change at the new anchor would move later dates.
        let keeps_dates = moved.occurrence(number).is_ok_and(|found| found.at == next.at)
            && moved.following(slot).is_ok_and(|found| found.at == following)
            && keeps_day(schedule, &moved);
        if keeps_dates {
            return Ok((anchor, slot));
        }
    }
    Err(RescheduleError::TooManyRuns(unused))
}

/// Whether two anchors show the same time of day and, where months are counted, the same day.
fn keeps_day(one: &Schedule, other: &Schedule) -> bool {
    use chrono::Datelike;
    let local =
        |schedule: &Schedule| schedule.anchor().with_timezone(&schedule.zone()).naive_local();
    let (one_local, other_local) = (local(one), local(other));
    let counts_months = interval(one.frequency())
        .is_some_and(|every| matches!(every.unit(), IntervalUnit::Month | IntervalUnit::Year));
    let counts_hours =
        interval(one.frequency()).is_some_and(|every| every.unit() == IntervalUnit::Hour);
    counts_hours
        || (one_local.time() == other_local.time()
            && (!counts_months || one_local.day() == other_local.day()))
}

/// The anchor that many intervals earlier.
fn earlier(schedule: &Schedule, interval: Interval, back: u32) -> Option<DateTime<Utc>> {
    let count = back.checked_mul(interval.every().get())?;
    let local = schedule.anchor().with_timezone(&schedule.zone()).naive_local();
    let moved = match interval.unit() {
        IntervalUnit::Hour => {
            return schedule.anchor().checked_sub_signed(TimeDelta::hours(i64::from(count)));
        }
        IntervalUnit::Day => local.checked_sub_days(Days::new(u64::from(count)))?,
        IntervalUnit::Week => local.checked_sub_days(Days::new(u64::from(count) * 7))?,
        IntervalUnit::Month => local.checked_sub_months(Months::new(count))?,
        IntervalUnit::Year => local.checked_sub_months(Months::new(count.checked_mul(12)?))?,
    };
    Some(schedule.zone().from_local_datetime(&moved).earliest()?.to_utc())
}

#[cfg(test)]
#[path = "reschedule_tests.rs"]
mod tests;
