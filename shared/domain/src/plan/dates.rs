//! Other dates for a subscription that repeats: another frequency, other rules, another zone, another
//! end, another date for the next run.
//!
//! A run's number is a licence that exists once. Whatever is changed, numbers go on: none is used
//! again, and no date whose number is used comes again.

use crate::time::Zone;
use chrono::{DateTime, TimeDelta, Utc};

use super::DatesError;
use crate::{
    subscription::Subscription,
    time::{
        AlignmentError, AnchorChange, Frequency, NamedFrequency, Occurrence, OccurrenceNumber,
        Rescheduled, Schedule, ScheduleError, ScheduleRules, Slot, Source, Term, dormant_rules,
        reschedule_next, whole_second,
    },
};

/// What is to be changed about a subscription's dates; `None` leaves it. Changes are made in the
/// order in which they stand here.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DatesChange {
    /// How long it goes on.
    pub term: Option<Term>,
    /// Whose wall clock it follows.
    pub time_zone: Option<Zone>,
    /// How often it repeats.
    pub frequency: Option<Frequency>,
    /// By which rules.
    pub rules: Option<ScheduleRules>,
    /// When its next run is due, and whether the ones after it follow.
    pub next_run: Option<(DateTime<Utc>, AnchorChange)>,
}

/// The subscription with other dates. What nobody asked to change stays as it is, the next run's
/// date included.
///
/// # Errors
/// [`DatesError`] names the attribute and the rule.
pub fn change_dates(
    before: &Subscription,
    change: &DatesChange,
    now: DateTime<Utc>,
) -> Result<Subscription, DatesError> {
    let DatesChange { term, time_zone, frequency, rules, next_run } = change;
    let mut after = before.clone();
    if let Some(term) = term {
        set_term(&mut after, *term, now)?;
    }
    if let Some(zone) = time_zone.filter(|zone| *zone != after.time_zone) {
        move_to(&mut after, zone)
            .map_err(|error| DatesError::Zone { zone: zone.name().to_owned(), error })?;
    }
    let frequency = frequency.as_ref().unwrap_or(&before.frequency);
    let rules = rules.as_ref().map_or_else(
        || after.rules.clone(),
        // What the schedule keeps for itself is not the client's to change.
        |rules| ScheduleRules {
            anchor_number: after.rules.anchor_number,
            anchor_local: after.rules.anchor_local,
            ..rules.clone()
        },
    );
    follow(&mut after, frequency, rules, now)?;
    if let Some((to, anchor)) = next_run {
        put_next_on(&mut after, *to, *anchor, now)?;
    }
    Ok(after)
}

fn set_term(after: &mut Subscription, term: Term, now: DateTime<Utc>) -> Result<(), DatesError> {
    let Term { max_occurrences, expires_at } = term;
    let starts_at = after.anchor;
    // An anchor that was moved to a run is no start.
    let begins_there = !after.activate_by_source_order && after.last_run_at.is_none();
    let is_start = begins_there || after.rules.anchor_number == OccurrenceNumber::ANCHOR;
    if let Some(expires_at) = expires_at.filter(|_| expires_at != after.expires_at) {
        let bounds = [("now", now, true), ("starts_at", starts_at, is_start)];
        let broken = bounds.into_iter().find(|(_, at, counts)| *counts && expires_at <= *at);
        if let Some((bound, at, _)) = broken {
            return Err(DatesError::ExpiryPassed { expires_at, bound, at });
        }
    }
    let been = after.next_number.map(|number| after.occurrences_before(number));
    if let (Some(maximum), Some(been)) = (max_occurrences, been)
        && max_occurrences != after.max_occurrences
        && maximum.get() < been
    {
        return Err(DatesError::MaximumPassed { maximum: maximum.get(), been });
    }
    after.expires_at = expires_at;
    after.max_occurrences = max_occurrences;
    Ok(())
}

/// Keeps numbers and wall-clock times in another zone.
fn move_to(after: &mut Subscription, zone: Zone) -> Result<(), ScheduleError> {
    let schedule = after.schedule();
    let last_run = after.last_run_at.map(whole_second);
    let next = after.expected().map(|next| schedule.in_zone(zone, next, last_run)).transpose()?;
    let anchored = match (&after.frequency, &next) {
        (Frequency::Named(_) | Frequency::Every(_), Some((moved, _))) => moved.clone(),
        // The dates of a crontab expression need no anchor. It is kept on its wall-clock time for
        // a frequency that comes after.
        _ => {
            let daily = Frequency::Named(NamedFrequency::Daily);
            let rules = ScheduleRules {
                anchor_local: after.rules.anchor_local,
                ..ScheduleRules::default()
            };
            let daily = dormant_rules::schedule(&daily, after.anchor, after.time_zone, &rules);
            let anchor = Slot { number: OccurrenceNumber::ANCHOR, at: after.anchor };
            daily.in_zone(zone, anchor, None)?.0
        }
    };
    after.anchor = anchored.anchor();
    after.rules.anchor_local = anchored.rules().anchor_local;
    after.time_zone = zone;
    if let Some((_, next)) = next {
        if after.rescheduled.is_some() && after.rescheduled == after.expected() {
            after.rescheduled = Some(next.slot());
        }
        after.set_next(Some(next.slot()));
    }
    Ok(())
}

/// Goes on by another frequency or other rules.
///
/// With the same frequency each number keeps its period, and a new anchor day counts from the next
/// run on: what is paid for stays whole. Another frequency is counted from the anchor, so the day and
/// the time stay; the next run is the first of its dates that is still to come and whose number no
/// run can have used.
fn follow(
    after: &mut Subscription,
    frequency: &Frequency,
    rules: ScheduleRules,
    now: DateTime<Utc>,
) -> Result<(), DatesError> {
    dormant_rules::check_new(&after.rules, &rules, frequency)?;
    let old = after.schedule();
    let same_frequency = *frequency == after.frequency;
    after.frequency = frequency.clone();
    after.rules = rules;
    let new = after.schedule();
    if new == old {
        return Ok(());
    }
    let expected = after.expected().ok_or(DatesError::ScheduleEnded)?;
    let no_date = |error| DatesError::Frequency { frequency: frequency.to_string(), error };
    let is_cron = matches!(frequency, Frequency::Cron(_));
    if same_frequency && !is_cron {
        return follow_rules(after, &old, &new, expected).map_err(|error| match error {
            AlignmentError::Rule(error) => DatesError::Rule(error),
            AlignmentError::Schedule(error) => no_date(error),
        });
    }
    if same_frequency && was_rescheduled(&old, expected).map_err(no_date)? {
        return Ok(());
    }
    let used = used_until(&old, expected, now).map_err(no_date)?;
    let from = used.map_or(now, |used| used.max(now));
    if is_cron {
        // The dates of a crontab expression need no anchor, so its numbers just go on.
        let number = expected.number.previous().unwrap_or_default();
        let next = new.following(Slot { number, at: from }).map_err(no_date)?;
        after.set_next(Some(next.slot()));
        return Ok(());
    }
    let (numbered, next) = new.going_on(from, expected.number).map_err(no_date)?;
    after.rules.anchor_number = numbered.rules().anchor_number;
    let jumped = next.number.get().saturating_sub(expected.number.get());
    after.jumped_numbers = after.jumped_numbers.saturating_add(jumped);
    after.set_next(Some(next.slot()));
    Ok(())
}

/// Goes on by other rules with the same interval: the next run keeps its number, and a new anchor day
/// counts from it on.
fn follow_rules(
    after: &mut Subscription,
    old: &Schedule,
    new: &Schedule,
    expected: Slot,
) -> Result<(), AlignmentError> {
    let day = |schedule: &Schedule| (schedule.rules().anchor_day, schedule.rules().anchor_weekday);
    if day(old) == day(new) {
        after.set_next(Some(keep_number(old, new, expected)?));
        return Ok(());
    }
    let (anchor_day, anchor_weekday) = day(old);
    let rules = ScheduleRules { anchor_day, anchor_weekday, ..after.rules.clone() };
    let same_day = dormant_rules::schedule(&after.frequency, after.anchor, after.time_zone, &rules);
    let next = keep_number(old, &same_day, expected)?;
    let (anchor_day, anchor_weekday) = day(new);
    let counted = same_day.counted_from(next, anchor_day, anchor_weekday)?;
    after.anchor = counted.anchor();
    after.rules.anchor_number = counted.rules().anchor_number;
    after.rules.anchor_local = counted.rules().anchor_local;
    after.set_next(Some(next));
    Ok(())
}

fn was_rescheduled(schedule: &Schedule, next: Slot) -> Result<bool, ScheduleError> {
    Ok(schedule.explained(next)?.reason.source == Source::Recorded)
}

/// The occurrence that has the number of `next`, or the one that serves its period. A date that
/// somebody has set stays.
fn keep_number(old: &Schedule, new: &Schedule, next: Slot) -> Result<Slot, ScheduleError> {
    if was_rescheduled(old, next)? {
        return Ok(next);
    }
    match new.occurrence(next.number) {
        Err(ScheduleError::LeftOut { .. }) => new.following(next).map(Occurrence::slot),
        found => found.map(Occurrence::slot),
    }
}

/// The date of the occurrence before `next`. It may be still to come, when `next` was brought
/// forward or runs before it were skipped: its period is served all the same.
fn used_until(
    schedule: &Schedule,
    next: Slot,
    now: DateTime<Utc>,
) -> Result<Option<DateTime<Utc>>, ScheduleError> {
    if let Frequency::Cron(_) = schedule.frequency() {
        let Some(before) = next.at.checked_sub_signed(TimeDelta::seconds(1)) else {
            return Ok(None);
        };
        let from = Slot { number: OccurrenceNumber::ANCHOR, at: now };
        return Ok(schedule.latest_due(from, before)?.map(|latest| latest.occurrence.at));
    }
    let Some(previous) = next.number.previous() else { return Ok(None) };
    match schedule.occurrence(previous) {
        Ok(previous) => Ok(Some(previous.at)),
        Err(ScheduleError::LeftOut { .. } | ScheduleError::BeforeAnchor { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Puts the next run on a date that somebody chose.
fn put_next_on(
    after: &mut Subscription,
    to: DateTime<Utc>,
    anchor: AnchorChange,
    now: DateTime<Utc>,
) -> Result<(), DatesError> {
    let next = after.next().ok_or(DatesError::NoNextRun)?;
    let Rescheduled { schedule, next } = reschedule_next(&after.schedule(), next, to, now, anchor)?;
    if let Some(expires_at) = after.expires_at.filter(|end| *end <= to) {
        return Err(DatesError::NotBeforeExpiry { to, expires_at });
    }
    if anchor == AnchorChange::Move {
        let ScheduleRules { anchor_day, anchor_weekday, anchor_number, anchor_local, .. } =
            schedule.rules().clone();
        after.anchor = schedule.anchor();
        after.rules = ScheduleRules {
            anchor_day,
            anchor_weekday,
            anchor_number,
            anchor_local,
            ..after.rules.clone()
        };
    }
    after.rescheduled = Some(next.slot());
    after.set_next(Some(next.slot()));
    Ok(())
}

#[cfg(test)]
#[path = "dates_tests.rs"]
mod tests;
