//! What a schedule lists is what its subscription runs: the previews tell what the runs do.

use std::collections::BTreeSet;

use crate::time::{Zone, iana};
use chrono::{DateTime, NaiveDate, TimeDelta, Utc, Weekday};
use proptest::prelude::*;

use super::claimed;
use crate::{plan::*, subscription::tests::subscription, subscription::*, time::*};

type Checked<T = ()> = Result<T, TestCaseError>;

/// How many occurrences a subscription is followed over, in four stretches.
const STRETCH: usize = 13;

fn fails(error: impl std::fmt::Display) -> TestCaseError {
    TestCaseError::fail(error.to_string())
}

/// One tick for the run that is due next, and what follows from it, as the functions carry it out.
fn run_next(subscription: &mut Subscription) -> Checked<Slot> {
    let (due, kind) = subscription.wake().ok_or_else(|| fails("it sleeps"))?;
    prop_assert_eq!(kind, WakeKind::Run);
    let held = claimed(subscription);
    let number = held.run_number.ok_or_else(|| fails("no number"))?;
    prop_assert_eq!(plan_claim(&held, due).map_err(fails)?, ClaimPlan::Run(number));
    let planned = plan_run(&held).map_err(fails)?.ok_or_else(|| fails("no run"))?;
    let paid = Outcome::Paid { charge_id: "ch".to_owned() };
    let now = due + TimeDelta::seconds(40);
    let settled = settle_run(&held, &planned, &paid, now).map_err(fails)?;
    prop_assert_eq!((settled.run.number, settled.run.due_at), (number, due));
    *subscription = settled.subscription;
    Ok(Slot { number, at: due })
}

/// Follows a subscription over a stretch, and compares with what its schedule lists from the
/// occurrence on that it expects.
fn stretch(subscription: &mut Subscription, ran: &mut Vec<Slot>) -> Checked<DateTime<Utc>> {
    let schedule = subscription.schedule();
    let expected = subscription.next().ok_or_else(|| fails("it goes on"))?;
    let listed: Vec<Slot> = schedule
        .occurrences_from(expected)
        .take(STRETCH)
        .map(|found| found.map(Occurrence::slot))
        .collect::<Result<_, _>>()
        .map_err(fails)?;
    let mut followed = Vec::new();
    for _ in 0..STRETCH {
        followed.push(run_next(subscription)?);
    }
    prop_assert_eq!(&followed, &listed);
    ran.extend(followed);
    // The next tick at the earliest, some time before the run after it.
    let last = ran.last().ok_or_else(|| fails("something ran"))?.at;
    Ok(last + TimeDelta::minutes(2))
}

/// Lets an hour-wise schedule not be overtaken by the present: what is due is run before a change.
fn run_due(subscription: &mut Subscription, ran: &mut Vec<Slot>, now: DateTime<Utc>) -> Checked {
    for _ in 0..STRETCH {
        if subscription.next().is_none_or(|next| next.at > now) {
            return Ok(());
        }
        ran.push(run_next(subscription)?);
    }
    Err(fails("it is due for ever"))
}

fn frequencies() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "hourly",
        "daily",
        "weekly",
        "monthly",
        "two-month",
        "six-month",
        "yearly",
        "every 5 hours",
        "every 3 days",
        "every 2 weeks",
        "every 5 months",
        "30 2 * * *",
        "0 9 * * 1",
        "0 0 31 * *",
        "15 */6 * * *",
    ])
}

fn zones() -> impl Strategy<Value = Zone> {
    prop::sample::select(vec![
        Zone::utc(),
        iana("Europe/Berlin"),
        iana("America/New_York"),
        iana("Australia/Lord_Howe"),
        iana("America/Santiago"),
        iana("Asia/Kathmandu"),
        iana("Pacific/Apia"),
        iana("Africa/Casablanca"),
    ])
}

fn working_days() -> impl Strategy<Value = Option<WorkingDays>> {
    let rule = prop::sample::select(vec![
        WorkingDayRule::Next,
        WorkingDayRule::Previous,
        WorkingDayRule::None,
    ]);
    let holidays = prop::collection::vec(0_i64..3_000, 0..20);
    prop::option::of((rule, holidays).prop_filter_map("a calendar", |(rule, holidays)| {
        let first = NaiveDate::from_ymd_opt(2026, 1, 1)?;
        let dates =
            holidays.into_iter().filter_map(|days| first.checked_add_signed(TimeDelta::days(days)));
        WorkingDays::with_holidays(rule, dates).ok()
    }))
}

fn rules() -> impl Strategy<Value = ScheduleRules> {
    let day =
        prop::option::of((1_i64..=31).prop_filter_map("a day", |day| AnchorDay::new(day).ok()));
    let weekday =
        prop::option::of(prop::sample::select(vec![Weekday::Mon, Weekday::Thu, Weekday::Sun]));
    let month_end = prop::sample::select(vec![MonthEnd::Clamp, MonthEnd::Sticky]);
    let gap = prop::sample::select(vec![GapPolicy::FirstValid, GapPolicy::Shift, GapPolicy::Skip]);
    let overlap = prop::sample::select(vec![OverlapPolicy::FirstPass, OverlapPolicy::Both]);
    (day, weekday, month_end, gap, overlap, working_days()).prop_map(
        |(anchor_day, anchor_weekday, month_end, dst_gap, dst_overlap, working_days)| {
            ScheduleRules {
                anchor_day,
                anchor_weekday,
                month_end,
                dst_gap,
                dst_overlap,
                working_days,
                ..ScheduleRules::default()
            }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn a_subscription_runs_on_the_dates_that_its_schedule_lists_through_any_change(
        start in 0_i64..(4 * 365 * 24 * 60),
        (first, second) in (frequencies(), frequencies()),
        (zone, other_zone) in (zones(), zones()),
        (given, later) in (rules(), rules()),
        skips in 1_usize..4,
    ) {
        let start = "2026-01-01T00:00:00Z".parse::<DateTime<Utc>>().map_err(fails)? + TimeDelta::minutes(start);
        let mut one = subscription(first, &start.to_rfc3339()).map_err(fails)?;
        one.time_zone = zone;
        one.rules = given;
        // The source order is occurrence 0; the list goes on after it.
        let from_the_start: Vec<Slot> = one
            .schedule()
            .occurrences()
            .skip(1)
            .take(STRETCH)
            .map(|found| found.map(Occurrence::slot))
            .collect::<Result<_, _>>()
            .map_err(fails)?;
        one.set_next(from_the_start.first().copied());
        let mut ran = Vec::new();
        let now = stretch(&mut one, &mut ran)?;
        prop_assert_eq!(&ran, &from_the_start);

        run_due(&mut one, &mut ran, now)?;
        let change = DatesChange { frequency: Some(second.parse().map_err(fails)?), ..DatesChange::default() };
        one = change_dates(&one, &change, now).map_err(fails)?;
        prop_assert!(one.next().is_some_and(|next| next.at > now));
        let now = stretch(&mut one, &mut ran)?;

        run_due(&mut one, &mut ran, now)?;
        let change = DatesChange { time_zone: Some(other_zone), ..DatesChange::default() };
        let number = one.next_number;
        one = change_dates(&one, &change, now).map_err(fails)?;
        prop_assert!(one.next_number >= number);
        let now = stretch(&mut one, &mut ran)?;

        run_due(&mut one, &mut ran, now)?;
        let mut skipped = BTreeSet::new();
        for _ in 0..skips {
            skipped.extend(one.next_number);
            one = skip_next_run(&one, now).map_err(fails)?.0;
        }
        let later = ScheduleRules { dst_overlap: one.rules.dst_overlap, ..later };
        let same_days = ScheduleRules { anchor_day: one.rules.anchor_day, anchor_weekday: one.rules.anchor_weekday, ..later.clone() };
        let only_month = ScheduleRules { anchor_day: later.anchor_day, ..same_days.clone() };
        let only_week = ScheduleRules { anchor_weekday: later.anchor_weekday, ..same_days.clone() };
        // Another anchor day, where the frequency has one.
        let changes = [only_month, only_week, same_days];
        let counts = |rules: &ScheduleRules| rules.check(&one.frequency).is_ok();
        let later = changes.iter().find(|rules| counts(rules)).or(changes.last()).cloned().unwrap_or_default();
        one = change_dates(&one, &DatesChange { rules: Some(later), ..DatesChange::default() }, now).map_err(fails)?;
        stretch(&mut one, &mut ran)?;

        for (earlier, later) in ran.iter().zip(ran.iter().skip(1)) {
            prop_assert!(earlier.number < later.number, "{earlier:?} {later:?}");
            prop_assert!(earlier.at < later.at, "{earlier:?} {later:?}");
        }
        prop_assert!(ran.iter().all(|slot| !skipped.contains(&slot.number)));
        prop_assert_eq!(one.occurrencies as usize, ran.len());
    }

    #[test]
    fn a_subscription_ends_where_its_schedule_s_list_does(
        start in 0_i64..(4 * 365 * 24 * 60),
        frequency in frequencies(),
        zone in zones(),
        rules in rules(),
        maximum in prop::option::of(1_u32..20),
        expires_after in prop::option::of(1_i64..(400 * 24)),
    ) {
        let start = "2026-01-01T00:00:00Z".parse::<DateTime<Utc>>().map_err(fails)?
            + TimeDelta::minutes(start);
        let mut one = subscription(frequency, &start.to_rfc3339()).map_err(fails)?;
        one.time_zone = zone;
        one.rules = rules;
        one.max_occurrences = maximum.and_then(std::num::NonZeroU32::new);
        one.expires_at = expires_after.map(|hours| start + TimeDelta::hours(hours));
        let listed: Vec<Slot> = one
            .schedule()
            .occurrences()
            .skip(1)
            .map_while(|found| found.map(Occurrence::slot).ok())
            .take_while(|slot| one.term().end_at(slot.at, slot.number.get()).is_none())
            .take(STRETCH)
            .collect();
        let source = Slot { number: OccurrenceNumber::ANCHOR, at: start };
        let first = one.schedule().following(source).map_err(fails)?;
        one.set_next(Some(first.slot()));
        let mut followed = Vec::new();
        while followed.len() < STRETCH && one.next().is_some() {
            followed.push(run_next(&mut one)?);
        }
        prop_assert_eq!(&followed, &listed);
        if followed.len() < STRETCH {
            prop_assert!(one.wake().is_some_and(|(_, kind)| kind == WakeKind::Expire));
        }
    }
}
