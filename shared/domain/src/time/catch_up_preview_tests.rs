use crate::time::Zone;

use super::{
    super::{
        CatchUpPolicy, OccurrenceNumber, ScheduleRules, Term,
        fixtures::{TestResult, at, schedule},
    },
    *,
};

/// Daily at 06:00; the service was down from number 2 on and is back on 6 January at 11:00.
fn preview(catch_up: CatchUp, limit: usize) -> Result<CatchUpPreview, Box<dyn std::error::Error>> {
    let daily = schedule("daily", "2027-01-01T06:00:00", Zone::utc(), ScheduleRules::default())?;
    let next = daily.occurrence(OccurrenceNumber::new(2))?.slot();
    Ok(preview_catch_up(
        &daily,
        next,
        at("2027-01-06T11:00:00Z")?,
        catch_up,
        NumberedTerm::default(),
        limit,
    )?)
}

#[test]
fn a_restart_tells_what_becomes_of_each_elapsed_occurrence() -> TestResult {
    use CatchUpOutcome::{Run, SkippedForLater, SkippedTooLate};
    use CatchUpPolicy::{Each, Latest, Skip};
    for (policy, maximum, grace, expected) in [
        (Latest, None, None, [SkippedForLater, SkippedForLater, SkippedForLater, Run]),
        (Latest, Some(30), None, [SkippedTooLate, SkippedTooLate, SkippedForLater, Run]),
        (Latest, Some(4), None, [SkippedTooLate; 4]),
        (Each, None, None, [Run; 4]),
        (Each, Some(30), None, [SkippedTooLate, SkippedTooLate, Run, Run]),
        // Number 5 is five hours late.
        (Skip, None, None, [SkippedTooLate; 4]),
        (Skip, None, Some(299), [SkippedTooLate; 4]),
        (Skip, None, Some(300), [SkippedTooLate, SkippedTooLate, SkippedTooLate, Run]),
        (Skip, Some(4), Some(300), [SkippedTooLate; 4]),
        (Skip, Some(5), None, [SkippedTooLate, SkippedTooLate, SkippedTooLate, Run]),
    ] {
        let catch_up = CatchUp { policy, maximum_lateness_hours: maximum, grace_minutes: grace };
        let found = preview(catch_up, 100)?;
        let outcomes: Vec<CatchUpOutcome> =
            found.elapsed.iter().map(|entry| entry.outcome).collect();
        assert_eq!(outcomes, expected, "{catch_up:?}");
        let numbers: Vec<u32> =
            found.elapsed.iter().map(|entry| entry.occurrence.number.get()).collect();
        assert_eq!(numbers, [2, 3, 4, 5]);
        assert!(found.complete);
        assert_eq!(found.next.map(|next| next.number.get()), Some(6));
    }
    Ok(())
}

/// Daily at 06:00 from 1 January; the service is down from the 2nd to the 6th.
#[test]
fn what_is_after_the_end_is_not_caught_up_on() -> TestResult {
    use CatchUpOutcome::{Run, SkippedForLater, SkippedTooLate};
    use CatchUpPolicy::{Each, Latest, Skip};
    let daily = schedule("daily", "2027-01-01T06:00:00", Zone::utc(), ScheduleRules::default())?;
    let next = daily.occurrence(OccurrenceNumber::new(1))?.slot();
    let expires = |text: &str| -> Result<Term, Box<dyn std::error::Error>> {
        Ok(Term { expires_at: Some(at(text)?), ..Term::default() })
    };
    let maximum =
        |count| Term { max_occurrences: std::num::NonZeroU32::new(count), ..Term::default() };
    for (term, policy, lateness, expected) in [
        // At the expiry there is no occurrence any more, so the 2nd is the last.
        (expires("2027-01-03T06:00:00Z")?, Latest, None, vec![(1, Run)]),
        (expires("2027-01-03T06:00:01Z")?, Latest, None, vec![(1, SkippedForLater), (2, Run)]),
        (expires("2027-01-03T06:00:00Z")?, Skip, None, vec![(1, SkippedTooLate)]),
        (expires("2027-01-04T00:00:00Z")?, Each, None, vec![(1, Run), (2, Run)]),
        (expires("2027-01-04T00:00:00Z")?, Each, Some(80), vec![(1, SkippedTooLate), (2, Run)]),
        (
            expires("2027-01-04T00:00:00Z")?,
            Each,
            Some(70),
            vec![(1, SkippedTooLate), (2, SkippedTooLate)],
        ),
        // The start is the first of three.
        (maximum(3), Latest, None, vec![(1, SkippedForLater), (2, Run)]),
        (maximum(3), Each, None, vec![(1, Run), (2, Run)]),
        (maximum(1), Latest, None, vec![]),
        (expires("2027-01-02T06:00:00Z")?, Each, None, vec![]),
    ] {
        let catch_up = CatchUp { policy, maximum_lateness_hours: lateness, grace_minutes: None };
        let now = at("2027-01-06T11:00:00Z")?;
        let found = preview_catch_up(&daily, next, now, catch_up, term.into(), 100)?;
        let outcomes: Vec<(u32, CatchUpOutcome)> = found
            .elapsed
            .iter()
            .map(|entry| (entry.occurrence.number.get(), entry.outcome))
            .collect();
        assert_eq!(outcomes, expected, "{term:?} {policy:?} {lateness:?}");
        assert!(found.complete);
        assert_eq!(found.next, None);
    }
    Ok(())
}

#[test]
fn a_preview_is_cut_at_its_limit_and_says_so() -> TestResult {
    for policy in [CatchUpPolicy::Each, CatchUpPolicy::Latest] {
        let catch_up = CatchUp { policy, ..CatchUp::default() };
        let found = preview(catch_up, 3)?;
        assert_eq!((found.elapsed.len(), found.complete), (3, false));
        assert_eq!(found.next.map(|next| next.number.get()), Some(5));
    }
    Ok(())
}

#[test]
fn outcomes_are_told_in_words() {
    let words =
        [CatchUpOutcome::Run, CatchUpOutcome::SkippedForLater, CatchUpOutcome::SkippedTooLate]
            .map(|outcome| outcome.to_string());
    assert_eq!(
        words,
        ["run", "skipped: only the latest runs", "skipped: later than the policy allows"]
    );
}
