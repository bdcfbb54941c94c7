//! What holds for every combination of frequency, zone and rules.

use crate::time::{Zone, iana};
use chrono::{Datelike, TimeDelta};
use proptest::prelude::*;

use super::{
    fixtures::{crons, failed, intervals, schedules, zones},
    *,
};

fn any_schedule() -> impl Strategy<Value = Schedule> {
    prop_oneof![3 => schedules(intervals()), 1 => schedules(crons())]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn occurrences_are_strictly_monotone_whatever_the_rules(schedule in any_schedule()) {
        let mut previous: Option<Occurrence> = None;
        for found in schedule.occurrences().take(400) {
            let found = found.map_err(failed)?;
            if let Some(previous) = previous {
                prop_assert!(found.at > previous.at, "{found:?} after {previous:?}");
                prop_assert!(found.number > previous.number);
                prop_assert_eq!(schedule.following(previous.slot()).map_err(failed)?, found);
            }
            prop_assert_eq!(schedule.explained(found.slot()).map_err(failed)?, found);
            previous = Some(found);
        }
    }

    #[test]
    fn following_is_the_next_number_that_exists(schedule in any_schedule()) {
        let mut numbers = Vec::new();
        for found in schedule.occurrences().take(60) {
            let found = found.map_err(failed)?;
            prop_assert_eq!(schedule.occurrence(found.number).map_err(failed)?, found);
            numbers.push(found.number.get());
        }
        let all = numbers.first().copied().unwrap_or(0)..numbers.last().copied().unwrap_or(0);
        for missing in all.filter(|number| !numbers.contains(number)) {
            let found = schedule.occurrence(OccurrenceNumber::new(missing));
            prop_assert!(matches!(found, Err(ScheduleError::LeftOut { .. })), "{missing}: {found:?}");
        }
    }

    #[test]
    fn the_latest_due_is_what_a_linear_walk_finds(
        schedule in any_schedule(),
        start in 0_usize..20,
        ahead in 0_usize..120,
        minutes in -90_i64..4_000,
    ) {
        let walked: Vec<Occurrence> = schedule
            .occurrences()
            .take(start + ahead + 80)
            .collect::<Result<_, _>>()
            .map_err(failed)?;
        let Some((expected, target)) = walked.get(start).zip(walked.get(start + ahead)) else {
            return Ok(());
        };
        let now = target.at + TimeDelta::minutes(minutes);
        if walked.last().is_none_or(|last| last.at <= now) {
            return Ok(());
        }
        let due = walked.iter().skip(start).take_while(|found| found.at <= now).last();
        let found = schedule.latest_due(expected.slot(), now).map_err(failed)?;
        prop_assert_eq!(found.map(|found| found.occurrence), due.copied());
        let next = walked.iter().skip(start).find(|found| found.at > now);
        let after = schedule.first_after(expected.slot(), now).map_err(failed)?;
        prop_assert_eq!(Some(&after), next);
    }

    #[test]
    fn no_period_has_two_runs(schedule in schedules(intervals())) {
        // A run is in its own period, before any other; moved back it is in the one before, after
        // the run that begins that.
        let boundaries = schedule.unadjusted();
        let boundary = |number: Option<OccurrenceNumber>| Some(boundaries.occurrence(number?).ok()?.at);
        let moves_back = schedule.rules().working_days.as_ref()
            .is_some_and(|days| days.rule() == WorkingDayRule::Previous);
        for found in schedule.occurrences().take(200) {
            let found = found.map_err(failed)?;
            let own = boundary(Some(found.number)).ok_or_else(|| failed("no boundary"))?;
            let (from, until) = if found.reason.moved.is_some() && moves_back {
                let before = boundary(found.number.previous()).ok_or_else(|| failed("no boundary"))?;
                (before + TimeDelta::seconds(1), Some(own))
            } else {
                (own, boundary(found.number.next()))
            };
            prop_assert!(from <= found.at, "{found:?} before {from}");
            prop_assert!(until.is_none_or(|until| found.at < until), "{found:?} not before {until:?}");
        }
    }

    #[test]
    fn working_days_are_kept_by_all_but_the_start(schedule in any_schedule()) {
        let Some(days) = schedule.rules().working_days.clone() else { return Ok(()) };
        if days.rule() == WorkingDayRule::None || schedule.zone() == iana("Pacific/Apia") {
            return Ok(());
        }
        for found in schedule.occurrences().skip(1).take(200) {
            let found = found.map_err(failed)?;
            let date = schedule.local(found.at).date_naive();
            prop_assert_eq!(days.day_off(date), None, "{:?}", found);
        }
    }

    #[test]
    fn months_keep_the_day_and_the_time_for_a_thousand_occurrences(
        frequency in prop::sample::select(vec!["monthly", "two-month", "every 5 months"]),
        minutes in 21_000_000_i64..23_000_000,
        zone in zones(),
        sticky: bool,
    ) {
        let month_end = if sticky { MonthEnd::Sticky } else { MonthEnd::Clamp };
        let rules = ScheduleRules { month_end, ..ScheduleRules::default() };
        let anchor = chrono::DateTime::from_timestamp(minutes * 60, 0).unwrap_or_default();
        let schedule = Schedule::new(frequency.parse().map_err(|error: FrequencyError| failed(error))?, anchor, zone)
            .with_rules(rules)
            .map_err(failed)?;
        let start = schedule.local(anchor).naive_local();
        let at_month_end = start.day() == u32::from(start.num_days_in_month());
        for found in schedule.occurrences().take(1_001) {
            let found = found.map_err(failed)?;
            let local = schedule.local(found.at).naive_local();
            if found.reason.clock.gap().is_some() {
                continue;
            }
            prop_assert_eq!(local.time(), start.time());
            let last = u32::from(local.num_days_in_month());
            let expected = if sticky && at_month_end { last } else { start.day().min(last) };
            prop_assert_eq!(local.day(), expected);
        }
    }

    #[test]
    fn zones_without_jumps_show_the_same_wall_clock(
        frequency in intervals(),
        minutes in 21_000_000_i64..23_000_000,
        zone in prop::sample::select(vec![
            iana("Asia/Kolkata"), iana("Asia/Tokyo"), iana("Africa/Lagos"),
            iana("America/Bogota"), iana("Etc/GMT-14"), iana("Etc/GMT+12"),
        ]),
    ) {
        use chrono::{Offset, TimeZone};
        let local = chrono::DateTime::from_timestamp(minutes * 60, 0).unwrap_or_default().naive_utc();
        let there = zone.from_local_datetime(&local).single().ok_or_else(|| failed("no such time"))?;
        prop_assert!(there.offset().fix().local_minus_utc().abs() <= 14 * 3_600);
        let utc = Schedule::new(frequency.clone(), local.and_utc(), Zone::utc());
        let other = Schedule::new(frequency, there.to_utc(), zone);
        for (one, other_one) in utc.occurrences().zip(other.occurrences()).take(300) {
            let (one, other_one) = (one.map_err(failed)?, other_one.map_err(failed)?);
            prop_assert_eq!(utc.local(one.at).naive_local(), other.local(other_one.at).naive_local());
        }
    }

    #[test]
    fn a_schedule_with_any_rules_survives_storage(schedule in any_schedule()) {
        let stored = serde_json::to_string(&schedule).map_err(failed)?;
        prop_assert_eq!(serde_json::from_str::<Schedule>(&stored).map_err(failed)?, schedule.clone());
        for found in schedule.occurrences().take(5) {
            let found = found.map_err(failed)?;
            let stored = serde_json::to_string(&found).map_err(failed)?;
            prop_assert_eq!(serde_json::from_str::<Occurrence>(&stored).map_err(failed)?, found);
        }
    }

    #[test]
    fn another_zone_keeps_numbers_and_wall_clock_and_never_goes_back(
        schedule in any_schedule(),
        zone in zones(),
        past in 1_usize..60,
    ) {
        let mut walked = schedule.occurrences().skip(past - 1);
        let (Some(Ok(last)), Some(Ok(next))) = (walked.next(), walked.next()) else { return Ok(()) };
        let (moved, found) = schedule.in_zone(zone, next.slot(), Some(last.at)).map_err(failed)?;
        prop_assert!(found.at > last.at);
        prop_assert!(found.number >= next.number);
        let following = moved.following(found.slot()).map_err(failed)?;
        prop_assert!(following.at > found.at, "{:?} then {:?}", found, following);
        prop_assert!(following.number > found.number);
        let plain = |found: &Occurrence| {
            found.reason.clock.gap().is_none() && found.reason.source != Source::Recorded
        };
        let elapsed = matches!(schedule.timing(), interval_dates::Timing::Hours(_))
            || matches!(schedule.frequency(), Frequency::Cron(_));
        if !elapsed && plain(&next) && plain(&found) && found.number == next.number {
            let (old, new) = (schedule.local(next.at), moved.local(found.at));
            prop_assert_eq!(old.naive_local(), new.naive_local());
        }
    }

    #[test]
    fn numbers_go_on_without_another_date(
        schedule in schedules(intervals()),
        unused in 0_u32..500,
        hours in 0_i64..9_000,
    ) {
        let after = schedule.anchor() + TimeDelta::hours(hours);
        let unused = OccurrenceNumber::new(unused);
        let (renumbered, next) = schedule.going_on(after, unused).map_err(failed)?;
        prop_assert!(next.number >= unused && next.at > after);
        let dates = schedule.occurrences_after(after).take(20);
        let numbered = renumbered.occurrences_from(next.slot()).take(20);
        let mut expected = next.number;
        for (one, other) in dates.zip(numbered) {
            let (one, other) = (one.map_err(failed)?, other.map_err(failed)?);
            prop_assert_eq!(one.at, other.at);
            prop_assert!(other.number >= expected);
            expected = other.number.next().ok_or_else(|| failed("no more numbers"))?;
        }
    }

    #[test]
    fn the_preview_of_a_catch_up_is_what_the_plans_then_do(
        schedule in any_schedule(),
        hours in 1_i64..3_000,
        policy in prop::sample::select(vec![CatchUpPolicy::Latest, CatchUpPolicy::Each, CatchUpPolicy::Skip]),
        maximum_lateness_hours in prop::option::of(0_u32..500),
        grace_minutes in prop::option::of(0_u32..600),
        maximum in prop::option::of(1_u32..60),
        expires_after in prop::option::of(1_i64..3_000),
    ) {
        let catch_up = CatchUp { policy, maximum_lateness_hours, grace_minutes };
        let anchor = schedule.occurrence(schedule.rules().anchor_number).map_err(failed)?;
        let now = anchor.at + TimeDelta::hours(hours);
        let term = NumberedTerm {
            term: Term {
                max_occurrences: maximum.and_then(std::num::NonZeroU32::new),
                expires_at: expires_after.map(|hours| anchor.at + TimeDelta::hours(hours)),
            },
            jumped_numbers: anchor.number.get(),
        };
        let within = |found: &Occurrence| found.at <= now && term.end_at(found.slot()).is_none();
        let elapsed: Vec<Occurrence> = schedule
            .occurrences()
            .take_while(|found| found.as_ref().is_ok_and(within))
            .collect::<Result<_, _>>()
            .map_err(failed)?;

        // One restart after the other, as long as one finds something to do.
        let mut followed = Vec::new();
        let mut expected = Some(anchor).filter(within);
        while let Some(due) = expected {
            let plan = plan_catch_up(&schedule, due.slot(), now, catch_up, term).map_err(failed)?;
            prop_assert!(plan.run.is_some() || plan.skipped.is_some());
            if let Some(skipped) = plan.skipped {
                let range = skipped.first..=skipped.last;
                let passed = elapsed.iter().filter(|one| range.contains(&one.number));
                followed.extend(passed.map(|one| (*one, false)));
            }
            followed.extend(plan.run.map(|run| (run, true)));
            expected = plan.next.filter(within);
        }
        let numbers: Vec<Occurrence> = followed.iter().map(|(one, _)| *one).collect();
        prop_assert_eq!(&numbers, &elapsed);
        let runs = followed.iter().filter(|(_, runs)| *runs).count();
        prop_assert!(policy == CatchUpPolicy::Each || runs <= 1);

        let preview = preview_catch_up(&schedule, anchor.slot(), now, catch_up, term, 5_000).map_err(failed)?;
        prop_assert!(preview.complete);
        let listed: Vec<(Occurrence, bool)> =
            preview.elapsed.iter().map(|one| (one.occurrence, one.outcome.runs())).collect();
        prop_assert_eq!(listed, followed);
        let cut = preview_catch_up(&schedule, anchor.slot(), now, catch_up, term, 3).map_err(failed)?;
        prop_assert_eq!(cut.elapsed.as_slice(), preview.elapsed.get(..3).unwrap_or(&preview.elapsed));
        prop_assert_eq!(cut.complete, elapsed.len() <= 3);
    }
}
