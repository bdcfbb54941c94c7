//! Tables by hand: numbers, and what is to be found about them.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use serde_json::json;

use super::{super::fixture, *};
use crate::time::OccurrenceNumber;

const NOW: &str = "2027-06-01T00:00:00Z";

fn number(number: u32) -> OccurrenceNumber {
    OccurrenceNumber::new(number)
}

fn made(of: u32, status: RunStatus) -> Run {
    Run { number: number(of), status, skipped: None, ..fixture::run().unwrap() }
}

fn standing(next: u32) -> Standing {
    Standing {
        subscription: "sub_1".to_owned(),
        first: 1,
        next: Some(next),
        jumped: 0,
        unsettled: Vec::new(),
        wake: None,
    }
}

fn unsettled(of: u32) -> Unsettled {
    serde_json::from_value(json!({"number": of, "attempts": 1, "retry_at": NOW})).unwrap()
}

/// Codes and ranges that are found, in order.
fn found(
    runs: &[(u32, RunStatus)],
    skipped: &[(u32, u32)],
    standing: &Standing,
) -> Vec<(Code, String)> {
    let mut occurrences = Occurrences::default();
    for (number, status) in runs {
        occurrences.run(&made(*number, *status));
    }
    for (first, last) in skipped {
        occurrences.skipped(Skipped { first: number(*first), last: number(*last) });
    }
    occurrences
        .check(standing, NOW.parse().unwrap())
        .into_iter()
        .map(|found| {
            let told = found.numbers.get("occurrences").and_then(|told| told.as_str());
            (found.code, told.unwrap_or_default().to_owned())
        })
        .collect()
}

use RunStatus::{Aborted, Failed, Open, Successful};

#[test]
fn each_number_before_the_next_one_has_one_account() {
    for (runs, skipped, next, expected) in [
        (vec![], vec![], 1, vec![]),
        (vec![(1, Successful), (2, Failed)], vec![], 3, vec![]),
        (vec![(1, Successful), (4, Successful)], vec![(2, 3)], 5, vec![]),
        // What was passed over on record, and left an aborted run too, is one account.
        (vec![(1, Successful), (2, Aborted)], vec![(2, 2)], 3, vec![]),
        (vec![(1, Successful), (2, Aborted)], vec![], 3, vec![]),
        (
            vec![(1, Successful), (3, Successful)],
            vec![],
            4,
            vec![(Code::OccurrenceWithoutRun, "2")],
        ),
        (vec![(1, Successful)], vec![], 4, vec![(Code::OccurrenceWithoutRun, "2-3")]),
        (
            vec![(1, Successful), (2, Successful)],
            vec![(2, 2)],
            3,
            vec![(Code::OccurrenceTwice, "2")],
        ),
        (vec![(1, Successful)], vec![(2, 3), (3, 4)], 5, vec![(Code::OccurrenceTwice, "3")]),
        (vec![(1, Successful), (2, Successful)], vec![], 2, vec![(Code::OccurrenceTooEarly, "2")]),
    ] {
        let expected: Vec<_> =
            expected.into_iter().map(|(code, told)| (code, told.to_owned())).collect();
        assert_eq!(
            found(&runs, &skipped, &standing(next)),
            expected,
            "{runs:?} {skipped:?} {next}"
        );
    }
}

#[test]
fn numbers_that_a_change_of_frequency_jumped_over_have_no_account() {
    let runs = [(1, Successful), (5, Successful)];
    let jumped = Standing { jumped: 3, ..standing(6) };
    assert_eq!(found(&runs, &[], &jumped), []);
    let fewer = Standing { jumped: 2, ..standing(6) };
    assert_eq!(found(&runs, &[], &fewer), [(Code::OccurrenceWithoutRun, "2-4".to_owned())]);
}

#[test]
fn an_imported_subscription_answers_for_what_came_after_its_import() {
    let imported = Standing { first: 14, ..standing(16) };
    assert_eq!(found(&[(14, Successful), (15, Successful)], &[], &imported), []);
    let lost = [(Code::OccurrenceWithoutRun, "14".to_owned())];
    assert_eq!(found(&[(15, Successful)], &[], &imported), lost);
}

#[test]
fn at_the_end_of_the_calendar_nothing_is_missing_after_the_last_run() {
    let ended = Standing { next: None, ..standing(1) };
    assert_eq!(found(&[(1, Successful), (2, Failed)], &[], &ended), []);
    let gap = [(Code::OccurrenceWithoutRun, "2".to_owned())];
    assert_eq!(found(&[(1, Successful), (3, Failed)], &[], &ended), gap);
}

#[test]
fn open_runs_and_those_waited_for_are_the_same() {
    let waiting = Standing { unsettled: vec![unsettled(2)], ..standing(3) };
    assert_eq!(found(&[(1, Successful), (2, Open)], &[], &waiting), []);
    let forgotten = [(Code::OpenRunForgotten, "1".to_owned())];
    assert_eq!(found(&[(1, Open), (2, Open)], &[], &waiting), forgotten);
    let settled = [(Code::RetryWithoutRun, "2".to_owned())];
    assert_eq!(found(&[(1, Successful), (2, Failed)], &[], &waiting), settled);
}

#[test]
fn a_run_that_was_given_up_may_be_waited_for_where_somebody_has_asked() {
    let asked = |of: u32, policy_at: Option<&str>| -> Unsettled {
        serde_json::from_value(json!({
            "number": of, "attempts": 1, "retry_at": NOW, "asked": {"policy_at": policy_at},
        }))
        .unwrap()
    };
    let waiting = |one: Unsettled| Standing { unsettled: vec![one], ..standing(3) };
    let nothing_to_try = [(Code::RetryWithoutRun, "2".to_owned())];
    for (run, one, expected) in [
        (Failed, asked(2, None), &[][..]),
        // Its policy was still to try it: it can't have been given up.
        (Failed, asked(2, Some(NOW)), &nothing_to_try),
        (Successful, asked(2, None), &nothing_to_try),
        (Aborted, asked(2, None), &nothing_to_try),
        (Open, asked(2, None), &[]),
    ] {
        let found = found(&[(1, Successful), (2, run)], &[], &waiting(one));
        assert_eq!(found, expected, "{run:?}");
    }
}

#[test]
fn what_should_have_been_done_for_long_is_overdue() {
    let wake = |at: &str| Some((at.parse().unwrap(), WakeKind::Run));
    let late = Standing { wake: wake("2027-05-31T23:59:59Z"), ..standing(1) };
    assert_eq!(found(&[], &[], &late), [(Code::Overdue, String::new())]);
    let in_time = Standing { wake: wake(NOW), ..standing(1) };
    assert_eq!(found(&[], &[], &in_time), []);
}
