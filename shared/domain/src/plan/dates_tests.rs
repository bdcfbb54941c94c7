//! Whatever is changed, no number is used twice, and what nobody asked to change stays.

use chrono::{DateTime, TimeDelta, Utc};

use super::*;
use crate::{
    plan::{
        skip_next_run,
        tests::{TestResult, at, n},
    },
    subscription::tests::subscription,
    time::{AnchorDay, MonthEnd, RescheduleError, RuleError, WorkingDayRule, WorkingDays},
};

/// A subscription that has run on every date up to `now`.
fn begun(
    frequency: &str,
    anchor: &str,
    zone: &str,
    now: DateTime<Utc>,
) -> Result<Subscription, Box<dyn std::error::Error>> {
    let mut one = subscription(frequency, anchor)?;
    one.time_zone = zone.parse()?;
    let next = one.schedule().next_after(now).ok_or("it goes on")?;
    one.set_next(Some(next.slot()));
    Ok(one)
}

fn frequency(text: &str) -> Result<DatesChange, Box<dyn std::error::Error>> {
    Ok(DatesChange { frequency: Some(text.parse()?), ..DatesChange::default() })
}

fn rules(rules: ScheduleRules) -> DatesChange {
    DatesChange { rules: Some(rules), ..DatesChange::default() }
}

fn slot(number: u32, text: &str) -> Result<Option<Slot>, Box<dyn std::error::Error>> {
    Ok(Some(Slot { number: n(number), at: at(text)? }))
}

const FREQUENCIES: [&str; 11] = [
    "hourly",
    "daily",
    "weekly",
    "every 2 weeks",
    "monthly",
    "two-month",
    "three-month",
    "six-month",
    "yearly",
    "0 9 * * 1",
    "every 5 months",
];

#[test]
fn numbers_go_on_and_dates_are_those_of_the_new_frequency_from_the_old_anchor() -> TestResult {
    for (anchor, zone) in [
        ("2024-01-31T08:30:00Z", "UTC"),
        ("2024-02-29T23:30:00Z", "America/New_York"),
        ("2024-03-30T09:00:00Z", "Europe/Berlin"),
        ("2024-10-27T00:30:00Z", "Europe/Berlin"),
    ] {
        for from in FREQUENCIES {
            for to in FREQUENCIES.into_iter().filter(|to| *to != from) {
                let now = at(anchor)? + TimeDelta::days(400);
                let before = begun(from, anchor, zone, now)?;
                let what = format!("{anchor} {zone}: {from} to {to}");
                let after = change_dates(&before, &frequency(to)?, now)?;
                assert!(after.next_number >= before.next_number, "{what}");
                let plain = Schedule::new(to.parse()?, at(anchor)?, zone.parse()?);
                let next = after.next().ok_or("it goes on")?;
                let found = after.schedule();
                let expected = plain.occurrences_after(now);
                for (found, expected) in found.occurrences_from(next).zip(expected).take(14) {
                    assert_eq!(found?.at, expected?.at, "{what}");
                }
            }
        }
    }
    Ok(())
}

#[test]
fn a_day_of_the_month_outlasts_any_number_of_changes() -> TestResult {
    // By hand: the 31st of January is a Sunday, at 10:00 in London, UTC in winter, 09:00 UTC in summer.
    let mut one = subscription("monthly", "2027-01-31T10:00:00Z")?;
    let mut numbers = vec![1];
    for (now, to, next) in [
        ("2027-03-01T00:00:00Z", "weekly", "2027-03-07T10:00:00Z"),
        ("2027-03-08T00:00:00Z", "monthly", "2027-03-31T09:00:00Z"),
        ("2027-04-01T00:00:00Z", "0 9 * * 1", "2027-04-05T08:00:00Z"),
        ("2027-04-06T00:00:00Z", "monthly", "2027-04-30T09:00:00Z"),
        ("2027-05-01T00:00:00Z", "daily", "2027-05-01T09:00:00Z"),
        ("2027-05-02T00:00:00Z", "two-month", "2027-05-31T09:00:00Z"),
        ("2027-06-01T00:00:00Z", "monthly", "2027-06-30T09:00:00Z"),
        ("2027-07-01T00:00:00Z", "yearly", "2028-01-31T10:00:00Z"),
        ("2027-07-01T00:00:00Z", "monthly", "2027-07-31T09:00:00Z"),
    ] {
        // The run that was due meanwhile was made.
        let due = one.next().ok_or("it goes on")?;
        if due.at <= at(now)? {
            one.set_next(Some(one.schedule().following(due)?.slot()));
        }
        one = change_dates(&one, &frequency(to)?, at(now)?)?;
        let found = one.next().ok_or("it goes on")?;
        assert_eq!(found.at, at(next)?, "{to}");
        assert!(one.anchor == at("2027-01-31T10:00:00Z")?, "the anchor stays");
        numbers.push(found.number.get());
    }
    assert!(numbers.is_sorted(), "{numbers:?}");
    Ok(())
}

/// The run after the next one.
fn following(one: &Subscription) -> Result<Option<Slot>, Box<dyn std::error::Error>> {
    let next = one.next().ok_or("it goes on")?;
    Ok(Some(one.schedule().following(next)?.slot()))
}

fn day_of_month(day: i64) -> Result<ScheduleRules, Box<dyn std::error::Error>> {
    Ok(ScheduleRules { anchor_day: Some(AnchorDay::new(day)?), ..ScheduleRules::default() })
}

#[test]
fn a_new_anchor_day_leaves_the_paid_period_whole_and_puts_the_stub_after_the_next_run() -> TestResult
{
    // Paid from 9 February to 9 March; the stub up to the 1st comes after that.
    let now = at("2027-02-20T00:00:00Z")?;
    let before = begun("monthly", "2027-01-09T10:00:00Z", "UTC", now)?;
    let first = change_dates(&before, &rules(day_of_month(1)?), now)?;
    assert_eq!(first.next(), slot(2, "2027-03-09T10:00:00Z")?);
    assert_eq!(following(&first)?, slot(3, "2027-04-01T10:00:00Z")?);
    let stub = first.schedule().stub()?.ok_or("a stub")?;
    assert_eq!(
        (stub.start, stub.end.at),
        (first.next().ok_or("next")?, at("2027-04-01T10:00:00Z")?)
    );
    // Another one before that run comes still counts from it, and none leaves its own day.
    let other = change_dates(&first, &rules(day_of_month(20)?), now)?;
    assert_eq!(
        (other.next(), following(&other)?),
        (first.next(), slot(3, "2027-03-20T10:00:00Z")?)
    );
    let none = change_dates(&other, &rules(ScheduleRules::default()), now)?;
    assert_eq!((none.next(), following(&none)?), (first.next(), slot(3, "2027-04-09T10:00:00Z")?));
    // 9 March 2027 is a Tuesday.
    let before = begun("weekly", "2027-03-02T10:00:00Z", "UTC", at("2027-03-05T00:00:00Z")?)?;
    let friday =
        ScheduleRules { anchor_weekday: Some(chrono::Weekday::Fri), ..ScheduleRules::default() };
    let weekly = change_dates(&before, &rules(friday), at("2027-03-05T00:00:00Z")?)?;
    assert_eq!(weekly.next(), slot(1, "2027-03-09T10:00:00Z")?);
    assert_eq!(following(&weekly)?, slot(2, "2027-03-12T10:00:00Z")?);
    Ok(())
}

#[test]
fn a_new_anchor_day_keeps_what_else_was_set() -> TestResult {
    let now = at("2027-02-10T00:00:00Z")?;
    let before = begun("monthly", "2027-01-31T10:00:00Z", "Europe/London", now)?;
    // A run that somebody put at another time stays there; the others keep their time of day.
    let put = DatesChange {
        next_run: Some((at("2027-03-05T08:00:00Z")?, AnchorChange::Keep)),
        ..DatesChange::default()
    };
    let put = change_dates(&before, &put, now)?;
    let aligned = change_dates(&put, &rules(day_of_month(3)?), now)?;
    assert_eq!(aligned.next(), slot(1, "2027-03-05T08:00:00Z")?);
    assert_eq!(following(&aligned)?, slot(2, "2027-04-03T09:00:00Z")?, "10:00 in summer");
    // Working days that are given with it move the next run: 28 February 2027 is a Sunday.
    let days = WorkingDays::with_holidays(WorkingDayRule::Next, [])?;
    let both = ScheduleRules { working_days: Some(days), ..day_of_month(2)? };
    let both = change_dates(&before, &rules(both), now)?;
    assert_eq!(both.next(), slot(1, "2027-03-01T10:00:00Z")?);
    assert_eq!(following(&both)?, slot(2, "2027-03-02T10:00:00Z")?);
    // The day that it was moved to may be the new anchor day: it is not run twice.
    let next = both.next();
    let days = both.rules.working_days.clone();
    let first = ScheduleRules { working_days: days, ..day_of_month(1)? };
    let first = change_dates(&both, &rules(first), now)?;
    assert_eq!((first.next(), following(&first)?), (next, slot(2, "2027-04-01T09:00:00Z")?));
    // The expiry may be before the new anchor, which is no start.
    let term = Term { expires_at: Some(at("2027-02-20T00:00:00Z")?), ..Term::default() };
    let ends = DatesChange { term: Some(term), ..DatesChange::default() };
    assert_eq!(change_dates(&aligned, &ends, now)?.next(), None);
    Ok(())
}

#[test]
fn an_anchor_day_lies_dormant_while_the_frequency_has_no_use_for_it() -> TestResult {
    let mut one = subscription("monthly", "2027-01-31T10:00:00Z")?;
    let now = at("2027-02-01T00:00:00Z")?;
    let day = day_of_month(15)?;
    one = change_dates(&one, &rules(day.clone()), now)?;
    assert_eq!(one.next(), slot(1, "2027-02-28T10:00:00Z")?);
    assert_eq!(following(&one)?, slot(2, "2027-03-15T10:00:00Z")?);
    one = change_dates(&one, &frequency("weekly")?, now)?;
    assert_eq!(one.next(), slot(1, "2027-02-28T10:00:00Z")?);
    assert_eq!(following(&one)?, slot(2, "2027-03-07T10:00:00Z")?);
    assert_eq!(one.rules.anchor_day, day.anchor_day);
    // Said again as it stands, it changes nothing; a new one is refused.
    assert_eq!(change_dates(&one, &rules(day), now)?, one);
    let refused = change_dates(&one, &rules(day_of_month(16)?), now);
    assert!(matches!(refused, Err(DatesError::Rule(RuleError::AnchorDay { .. }))), "{refused:?}");
    one = change_dates(&one, &frequency("monthly")?, now)?;
    assert_eq!(one.next(), slot(1, "2027-02-28T10:00:00Z")?);
    assert_eq!(following(&one)?, slot(2, "2027-03-15T10:00:00Z")?);
    Ok(())
}

#[test]
fn what_nobody_asks_to_change_stays() -> TestResult {
    let now = at("2027-05-01T00:00:00Z")?;
    for frequency in FREQUENCIES {
        let before = begun(frequency, "2027-01-31T10:00:00Z", "UTC", now)?;
        let same = DatesChange {
            term: Some(before.term()),
            time_zone: Some(before.time_zone),
            frequency: Some(before.frequency.clone()),
            rules: Some(before.rules.clone()),
            next_run: None,
        };
        assert_eq!(change_dates(&before, &same, now)?, before, "{frequency}");
    }
    Ok(())
}

#[test]
fn a_rule_that_leaves_the_periods_alone_keeps_their_numbers() -> TestResult {
    // 31 October 2027 is a Sunday. Its run is made; then Sundays become days off.
    let now = at("2027-10-31T12:00:00Z")?;
    let before = begun("monthly", "2027-01-31T10:00:00Z", "Europe/London", now)?;
    assert_eq!(before.next(), slot(10, "2027-11-30T10:00:00Z")?);
    let days = WorkingDays::with_holidays(WorkingDayRule::Next, [])?;
    let working = ScheduleRules { working_days: Some(days), ..ScheduleRules::default() };
    let after = change_dates(&before, &rules(working), now)?;
    assert_eq!(after.next(), before.next(), "October is not run again on 1 November");
    // The same for month ends: 30 July is run; then month ends become sticky.
    let now = at("2027-07-30T12:00:00Z")?;
    let before = begun("monthly", "2027-06-30T09:00:00Z", "Europe/London", now)?;
    let sticky = ScheduleRules { month_end: MonthEnd::Sticky, ..ScheduleRules::default() };
    let after = change_dates(&before, &rules(sticky), now)?;
    assert_eq!(after.next(), slot(2, "2027-08-31T09:00:00Z")?, "not 31 July, for number 1 again");
    Ok(())
}

#[test]
fn a_zone_change_keeps_number_and_wall_clock() -> TestResult {
    let now = at("2027-03-02T00:00:00Z")?;
    let zone = |text: &str| -> Result<DatesChange, Box<dyn std::error::Error>> {
        Ok(DatesChange { time_zone: Some(text.parse()?), ..DatesChange::default() })
    };
    let before = begun("monthly", "2027-01-31T10:00:00Z", "UTC", now)?;
    let after = change_dates(&before, &zone("Asia/Tokyo")?, now)?;
    assert_eq!(after.next(), slot(2, "2027-03-31T01:00:00Z")?);
    let back = change_dates(&after, &zone("UTC")?, now)?;
    assert_eq!((back.next(), back.anchor), (before.next(), before.anchor));
    // A cron expression needs no anchor; it is kept for the frequency that comes after.
    let mut cron = change_dates(&before, &frequency("0 9 * * 1")?, now)?;
    cron = change_dates(&cron, &zone("Asia/Tokyo")?, now)?;
    assert_eq!(cron.next(), slot(2, "2027-03-08T00:00:00Z")?, "9 o'clock in Tokyo");
    let monthly = change_dates(&cron, &frequency("monthly")?, now)?;
    assert_eq!(monthly.next(), slot(2, "2027-03-31T01:00:00Z")?);
    Ok(())
}

#[test]
fn a_skipped_date_does_not_come_back_with_another_frequency() -> TestResult {
    for (from, to) in [("monthly", "two-month"), ("monthly", "weekly"), ("0 9 28 * *", "monthly")] {
        let now = at("2027-02-10T00:00:00Z")?;
        let before = begun(from, "2027-01-31T10:00:00Z", "UTC", now)?;
        let skipped = before.next().ok_or("it goes on")?;
        let (without, _) = skip_next_run(&before, now)?;
        let after = change_dates(&without, &frequency(to)?, now)?;
        let next = after.next().ok_or("it goes on")?;
        assert!(next.at > skipped.at && next.number > skipped.number, "{from} to {to}: {next:?}");
    }
    Ok(())
}

#[test]
fn the_next_run_can_be_put_on_another_date() -> TestResult {
    let now = at("2027-02-10T00:00:00Z")?;
    let before = begun("monthly", "2027-01-31T10:00:00Z", "UTC", now)?;
    let on = |text: &str, anchor| -> Result<DatesChange, Box<dyn std::error::Error>> {
        Ok(DatesChange { next_run: Some((at(text)?, anchor)), ..DatesChange::default() })
    };
    let kept = change_dates(&before, &on("2027-03-05T08:00:00Z", AnchorChange::Keep)?, now)?;
    let next = slot(1, "2027-03-05T08:00:00Z")?;
    assert_eq!(kept.next(), next);
    let following = kept.schedule().following(next.ok_or("it is set")?)?;
    assert_eq!(Some(following.slot()), slot(2, "2027-03-31T10:00:00Z")?);

    let moved = change_dates(&before, &on("2027-03-05T08:00:00Z", AnchorChange::Move)?, now)?;
    assert_eq!((moved.next(), moved.anchor), (next, at("2027-03-05T08:00:00Z")?));
    let following = moved.schedule().following(next.ok_or("it is set")?)?;
    assert_eq!(Some(following.slot()), slot(2, "2027-04-05T08:00:00Z")?);

    let past = change_dates(&before, &on("2027-02-10T00:00:00Z", AnchorChange::Keep)?, now);
    assert!(matches!(past, Err(DatesError::NextRun(RescheduleError::NotInFuture { .. }))));
    let over = change_dates(&before, &on("2027-04-01T00:00:00Z", AnchorChange::Keep)?, now);
    assert!(matches!(over, Err(DatesError::NextRun(RescheduleError::NotBeforeFollowing { .. }))));
    let mut ends = before;
    ends.expires_at = Some(at("2027-03-02T00:00:00Z")?);
    let after_end = change_dates(&ends, &on("2027-03-05T00:00:00Z", AnchorChange::Keep)?, now);
    assert!(matches!(after_end, Err(DatesError::NotBeforeExpiry { .. })));
    Ok(())
}

#[test]
fn the_next_run_tells_why_it_is_then() -> TestResult {
    let now = at("2027-02-10T00:00:00Z")?;
    let before = begun("monthly", "2027-01-31T10:00:00Z", "UTC", now)?;
    let why = |one: &Subscription| one.coming_explained().map(|next| next.reason.to_string());
    let told = why(&before);
    assert_eq!(told.as_deref(), Some("anchor plus 1 interval, clamped from 31"));
    for anchor in [AnchorChange::Keep, AnchorChange::Move] {
        let put = DatesChange {
            next_run: Some((at("2027-03-05T08:00:00Z")?, anchor)),
            ..DatesChange::default()
        };
        let put = change_dates(&before, &put, now)?;
        assert_eq!(why(&put).as_deref(), Some("rescheduled by request"), "{anchor:?}");
        let tokyo =
            DatesChange { time_zone: Some("Asia/Tokyo".parse()?), ..DatesChange::default() };
        let tokyo = change_dates(&put, &tokyo, now)?;
        assert_eq!(why(&tokyo).as_deref(), Some("rescheduled by request"), "{anchor:?}");
        let weekly = change_dates(&put, &frequency("weekly")?, now)?;
        // Where the anchor was moved there, the next run is still the one that was put there.
        let stays = weekly.expected() == put.expected();
        assert_eq!(stays, anchor == AnchorChange::Move);
        let says_so = why(&weekly).as_deref() == Some("rescheduled by request");
        assert_eq!(says_so, stays, "{:?}", why(&weekly));
        let (skipped, _) = skip_next_run(&put, now)?;
        let told = why(&skipped);
        assert!(told.is_some_and(|told| told.starts_with("anchor plus")), "{anchor:?}");
    }
    let mut ended = before;
    ended.expires_at = Some(now);
    assert_eq!(why(&ended), None);
    Ok(())
}

#[test]
fn a_longer_term_takes_up_the_date_at_which_the_shorter_one_ended() -> TestResult {
    let now = at("2027-02-10T00:00:00Z")?;
    let before = begun("monthly", "2027-01-31T10:00:00Z", "UTC", now)?;
    let ends = |max_occurrences: Option<u32>,
                expires_at: Option<&str>|
     -> Result<DatesChange, Box<dyn std::error::Error>> {
        let term = Term {
            max_occurrences: max_occurrences.and_then(std::num::NonZeroU32::new),
            expires_at: expires_at.map(at).transpose()?,
        };
        Ok(DatesChange { term: Some(term), ..DatesChange::default() })
    };
    for shorter in [ends(Some(1), None)?, ends(None, Some("2027-02-20T00:00:00Z"))?] {
        let ended = change_dates(&before, &shorter, now)?;
        assert_eq!(ended.next(), None);
        let longer = change_dates(&ended, &ends(Some(2), None)?, now)?;
        assert_eq!(longer.next(), before.next());
    }
    let late = at("2027-06-10T00:00:00Z")?;
    let fifth = begun("monthly", "2027-01-31T10:00:00Z", "UTC", late)?;
    let refused = change_dates(&fifth, &ends(Some(4), None)?, late).map_err(|e| e.to_string());
    let text = "max_occurrences must be at least 5, as many as there have been, the source order \
                counted, not 4";
    assert_eq!(refused.err().as_deref(), Some(text), "the source order and four runs");
    let refused = change_dates(&fifth, &ends(None, Some("2027-06-10T00:00:00Z"))?, late);
    assert!(matches!(refused, Err(DatesError::ExpiryPassed { .. })));
    Ok(())
}

#[test]
fn numbers_that_a_frequency_jumps_over_do_not_count_towards_the_maximum() -> TestResult {
    let now = at("2027-04-10T00:00:00Z")?;
    let mut one = begun("monthly", "2027-01-31T10:00:00Z", "UTC", now)?;
    one.max_occurrences = std::num::NonZeroU32::new(5);
    // The source order and the runs of February and March: two more are left.
    let weekly = change_dates(&one, &frequency("weekly")?, now)?;
    let first = weekly.next().ok_or("the fourth")?;
    assert_eq!(
        first,
        Slot { number: n(10), at: at("2027-04-11T10:00:00Z")? },
        "weeks since January"
    );
    let second = weekly.schedule().following(first)?.slot();
    assert_eq!(weekly.end_at(second), None);
    let third = weekly.schedule().following(second)?.slot();
    assert_eq!(weekly.end_at(third), Some(crate::time::TermEnd::MaximumReached));
    Ok(())
}

#[test]
fn a_run_that_a_day_off_has_moved_says_so_after_its_anchor_day_was_changed() -> TestResult {
    // 28 February 2027 is a Sunday; the working day before it is Friday, the 26th.
    let now = at("2027-02-10T00:00:00Z")?;
    let before = begun("monthly", "2027-01-31T10:00:00Z", "UTC", now)?;
    let days = WorkingDays::with_holidays(WorkingDayRule::Previous, [])?;
    let working = ScheduleRules { working_days: Some(days), ..ScheduleRules::default() };
    let working = change_dates(&before, &rules(working), now)?;
    let reason = |of: &Subscription| of.coming_explained().map(|next| next.reason.to_string());
    let moved = "anchor plus 1 interval, clamped from 31, weekend moved from 2027-02-28";
    assert_eq!(reason(&working).as_deref(), Some(moved));
    let fifth = ScheduleRules { anchor_day: Some(AnchorDay::new(5)?), ..working.rules.clone() };
    let changed = change_dates(&working, &rules(fifth), now)?;
    assert_eq!(changed.next(), slot(1, "2027-02-26T10:00:00Z")?);
    assert_eq!(reason(&changed).as_deref(), Some("anchor, weekend moved from 2027-02-28"));
    // What is not the date of any rule is as recorded, still.
    let mut odd = changed.clone();
    odd.set_next(slot(1, "2027-02-25T10:00:00Z")?);
    assert_eq!(reason(&odd).as_deref(), Some("as recorded"));
    Ok(())
}
