//! A sound book with a fault of one kind put in at random: that fault is found, and nothing else.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests fail by panicking")]

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use proptest::prelude::*;

use super::{fixture, *};
use crate::{
    money::MinorUnits,
    run::{Run, RunStatus, Skipped},
    time::{OccurrenceNumber, Zone},
};

/// How each number of a subscription was accounted for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Account {
    Paid,
    Failed,
    Aborted,
    /// Told by the journal.
    PassedOver,
    /// Told by the run after it.
    CaughtUp,
}

fn accounts() -> impl Strategy<Value = Vec<Account>> {
    let account = prop_oneof![
        6 => Just(Account::Paid),
        1 => Just(Account::Failed),
        1 => Just(Account::Aborted),
        1 => Just(Account::PassedOver),
        1 => Just(Account::CaughtUp),
    ];
    // The last one is a run: what was caught up on needs one after it.
    prop::collection::vec(account, 0..60).prop_map(|mut accounts| {
        accounts.push(Account::Paid);
        accounts
    })
}

fn run() -> Run {
    fixture::run().unwrap()
}

fn number(number: usize) -> OccurrenceNumber {
    OccurrenceNumber::new(u32::try_from(number).unwrap())
}

/// The runs, and what the journal tells, of numbers that were accounted for so.
fn book(accounts: &[Account]) -> (Vec<Run>, Vec<Skipped>) {
    let (mut runs, mut skipped) = (Vec::new(), Vec::new());
    let mut caught_up: Option<usize> = None;
    for (index, account) in accounts.iter().enumerate() {
        let of = index + 1;
        let status = match account {
            Account::CaughtUp => {
                caught_up.get_or_insert(of);
                continue;
            }
            Account::PassedOver => {
                let first = caught_up.take().unwrap_or(of);
                skipped.push(Skipped { first: number(first), last: number(of) });
                continue;
            }
            Account::Aborted => {
                let first = caught_up.take().unwrap_or(of);
                skipped.push(Skipped { first: number(first), last: number(of) });
                RunStatus::Aborted
            }
            Account::Paid => RunStatus::Successful,
            Account::Failed => RunStatus::Failed,
        };
        let before = caught_up.take().filter(|_| status != RunStatus::Aborted);
        let before = before.map(|first| Skipped { first: number(first), last: number(of - 1) });
        runs.push(Run { number: number(of), status, skipped: before, ..run() });
    }
    (runs, skipped)
}

fn standing(next: usize) -> Standing {
    Standing {
        subscription: "sub_1".to_owned(),
        first: 1,
        next: u32::try_from(next).ok(),
        jumped: 0,
        unsettled: Vec::new(),
        wake: None,
    }
}

fn found(runs: &[Run], skipped: &[Skipped], next: usize) -> BTreeSet<Code> {
    let mut occurrences = Occurrences::default();
    runs.iter().for_each(|run| occurrences.run(run));
    skipped.iter().for_each(|skipped| occurrences.skipped(*skipped));
    let patience: DateTime<Utc> = "2027-06-01T00:00:00Z".parse().unwrap();
    occurrences.check(&standing(next), patience).into_iter().map(|found| found.code).collect()
}

proptest! {
    #[test]
    fn a_sound_book_has_no_discrepancy_in_whatever_order_it_is_read(
        accounts in accounts(),
        reversed: bool,
    ) {
        let (mut runs, skipped) = book(&accounts);
        if reversed {
            runs.reverse();
        }
        prop_assert_eq!(found(&runs, &skipped, accounts.len() + 1), BTreeSet::new());
    }

    #[test]
    fn a_lost_run_is_found(accounts in accounts(), which: prop::sample::Index) {
        let (mut runs, skipped) = book(&accounts);
        let real: Vec<usize> = (0..runs.len())
            .filter(|index| runs[*index].status != RunStatus::Aborted)
            .collect();
        runs.remove(real[which.index(real.len())]);
        let expected = BTreeSet::from([Code::OccurrenceWithoutRun]);
        prop_assert_eq!(found(&runs, &skipped, accounts.len() + 1), expected);
    }

    #[test]
    fn an_occurrence_that_is_run_and_passed_over_is_found(
        accounts in accounts(),
        which: prop::sample::Index,
    ) {
        let (runs, mut skipped) = book(&accounts);
        let twice = number(which.index(accounts.len()) + 1);
        skipped.push(Skipped { first: twice, last: twice });
        let expected = BTreeSet::from([Code::OccurrenceTwice]);
        prop_assert_eq!(found(&runs, &skipped, accounts.len() + 1), expected);
    }

    #[test]
    fn a_schedule_that_was_set_back_is_found(accounts in accounts()) {
        let (runs, skipped) = book(&accounts);
        let expected = BTreeSet::from([Code::OccurrenceTooEarly]);
        prop_assert_eq!(found(&runs, &skipped, accounts.len()), expected);
    }

    #[test]
    fn a_set_of_numbers_is_what_a_set_would_be(
        ranges in prop::collection::vec((0_u32..60, 0_u32..10), 0..20),
        (from, length) in (0_u32..60, 0_u32..30),
    ) {
        let (mut numbers, mut model) = (NumberSet::default(), BTreeSet::new());
        for (first, length) in ranges {
            let range: BTreeSet<u32> = (first..=first + length).collect();
            let before = numbers.insert(first, first + length);
            prop_assert_eq!(flat(&before), &range & &model);
            model.extend(range);
        }
        prop_assert_eq!(flat(&numbers), model.clone());
        prop_assert_eq!(numbers.count(), u64::try_from(model.len()).unwrap());
        let missing: BTreeSet<u32> =
            (from..=from + length).filter(|number| !model.contains(number)).collect();
        prop_assert_eq!(flat(&numbers.missing(from, from + length)), missing);
    }

    #[test]
    fn what_any_run_has_charged_can_be_given_back_in_parts(
        total in 1_i64..10_000_000,
        days in 1_i64..400,
        hours in 0_i64..24,
        part in 0_i64..=1_000,
    ) {
        let run = Run { total: MinorUnits::new(total), ..run() };
        let length = TimeDelta::days(days) + TimeDelta::hours(hours);
        let next = run.due_at + length;
        let cut = run.due_at + TimeDelta::seconds(length.num_seconds() * part / 1_000);
        let zone: Zone = "Europe/Berlin".parse().unwrap();
        prop_assert_eq!(check_proration(&run, next, cut, zone), None);
    }
}

fn flat(numbers: &NumberSet) -> BTreeSet<u32> {
    numbers.ranges().flat_map(|(first, last)| first..=last).collect()
}
