//! Whatever happens and whenever the tick comes: no occurrence is settled twice, and each one that
//! elapsed is run, skipped, or passed while the subscription rested.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use proptest::prelude::*;

use super::claimed;
use crate::{
    dunning::*, lifecycle::*, plan::*, run::*, subscription::tests::subscription, subscription::*,
    time::*,
};

type Checked = Result<(), TestCaseError>;

/// How one tick and what follows from it goes.
#[derive(Debug, Clone)]
struct Step {
    /// Hours since the step before.
    hours: i64,
    /// Outcomes of payments, in turn.
    outcomes: Vec<u8>,
    /// Whether the first claim's message is lost.
    lost: bool,
    /// Whether a subscription that rests is activated again first.
    activate: bool,
    /// For how many hours an active one is paused first.
    pause: Option<i64>,
}

struct World {
    subscription: Subscription,
    runs: BTreeMap<OccurrenceNumber, Run>,
    skipped: BTreeSet<OccurrenceNumber>,
    rested: BTreeSet<OccurrenceNumber>,
    alerted: BTreeSet<OccurrenceNumber>,
}

fn fails(error: impl std::fmt::Display) -> TestCaseError {
    TestCaseError::fail(error.to_string())
}

fn outcome(choice: u8) -> Outcome {
    let declined = |kind| Outcome::Declined {
        kind,
        code: "no".into(),
        message: "no".into(),
        resource: None,
        token: None,
    };
    match choice % 7 {
        6 => Outcome::NeedsAction { by_customer: true, url: None, message: "confirm it".into() },
        0..=1 => Outcome::Paid { charge_id: "ch".into() },
        2..=3 => declined(DeclineKind::Soft),
        4 => declined(DeclineKind::Hard),
        _ => {
            Outcome::Refused { code: "out_of_stock".into(), message: "none".into(), resource: None }
        }
    }
}

fn between(first: u32, end: u32) -> impl Iterator<Item = OccurrenceNumber> {
    (first..end).map(OccurrenceNumber::new)
}

impl World {
    fn skip(&mut self, skipped: Skipped) -> Checked {
        for number in between(skipped.first.get(), skipped.last.get() + 1) {
            prop_assert!(self.skipped.insert(number), "{number} was skipped twice");
        }
        Ok(())
    }

    fn rest(&mut self, skipped: Skipped) -> Checked {
        for number in between(skipped.first.get(), skipped.last.get() + 1) {
            prop_assert!(self.rested.insert(number), "{number} was rested through twice");
        }
        Ok(())
    }

    fn run(&mut self, held: &Subscription, outcome: &Outcome, now: DateTime<Utc>) -> Checked {
        let planned = plan_run(held).map_err(fails)?.ok_or_else(|| fails("no run"))?;
        prop_assert!(planned.due_at <= now);
        let slot = Slot { number: planned.number, at: planned.due_at };
        prop_assert_eq!(held.end_at(slot), None);
        let settled = settle_run(held, &planned, outcome, now).map_err(fails)?;
        if let Some(skipped) = planned.skipped {
            self.skip(skipped)?;
        }
        let before = self.runs.insert(planned.number, settled.run);
        prop_assert!(before.is_none(), "{} was run twice", planned.number);
        self.subscription = settled.subscription;
        Ok(())
    }

    fn retry(&mut self, due: &[Unsettled], outcome: &Outcome, now: DateTime<Utc>) -> Checked {
        for unsettled in due {
            let run = self.runs.get(&unsettled.number).ok_or_else(|| fails("no such run"))?;
            prop_assert_eq!(run.status, RunStatus::Open, "what is settled is not tried again");
            prop_assert_eq!(run.attempts, unsettled.attempts);
            let outcome = match self.subscription.status {
                SubscriptionStatus::Active | SubscriptionStatus::Running => outcome,
                SubscriptionStatus::Cancelled => &Outcome::Cancelled,
                SubscriptionStatus::Draft | SubscriptionStatus::Inactive => continue,
            };
            let settled =
                settle_retry(&self.subscription, run, None, outcome, now).map_err(fails)?;
            self.runs.insert(unsettled.number, settled.run);
            self.subscription = settled.subscription;
        }
        Ok(())
    }

    /// One alert, if it is not too late for it; answers whether the run is to be claimed instead.
    fn alert(&mut self, now: DateTime<Utc>) -> Result<bool, TestCaseError> {
        match plan_alert(&self.subscription, now).map_err(fails)? {
            AlertPlan::Claim => Ok(true),
            AlertPlan::Nothing => Err(fails("it was woken for nothing")),
            AlertPlan::Tell(planned) => {
                prop_assert!(planned.due_at > now, "what is due is not announced");
                let first = self.alerted.insert(planned.number);
                prop_assert!(first, "{} was announced twice", planned.number);
                self.subscription = alert(&self.subscription, &planned, TaxTold::None, None, now).0;
                Ok(false)
            }
        }
    }

    /// One claim, as the tick and the functions behind it carry it out.
    fn wake(
        &mut self,
        kind: WakeKind,
        outcome: &Outcome,
        lost: bool,
        now: DateTime<Utc>,
    ) -> Checked {
        if kind == WakeKind::Alert && !self.alert(now)? {
            return Ok(());
        }
        let mut held = match kind {
            WakeKind::Run | WakeKind::Finish | WakeKind::Alert => claimed(&self.subscription),
            WakeKind::Retry | WakeKind::Expire | WakeKind::Resume => self.subscription.clone(),
        };
        match plan_claim(&held, now).map_err(fails)? {
            ClaimPlan::Run(number) => prop_assert_eq!(held.run_number, Some(number)),
            ClaimPlan::CatchUp(number) => held.run_number = Some(number),
            ClaimPlan::Skip { skipped, next } => {
                self.skip(skipped)?;
                let (after, _) = skip_missed(&held, skipped, next, now).map_err(fails)?;
                self.subscription = after;
                return Ok(());
            }
            ClaimPlan::Retry(due) => return self.retry(&due, outcome, now),
            ClaimPlan::Expire => {
                self.subscription = expire(&held, now).map_err(fails)?.0;
                return Ok(());
            }
            ClaimPlan::Resume => {
                let (after, _, skipped) = end_pause(&held, now).map_err(fails)?;
                self.subscription = after;
                return skipped.map_or(Ok(()), |skipped| self.rest(skipped));
            }
            ClaimPlan::Nothing => return Err(fails("it was woken for nothing")),
        }
        if lost {
            self.subscription = held;
            return Ok(());
        }
        self.run(&held, outcome, now)
    }

    fn step(&mut self, step: &Step, now: DateTime<Utc>) -> Checked {
        if step.activate && self.subscription.status == SubscriptionStatus::Inactive {
            match activate(&self.subscription, now) {
                Ok((after, change)) => {
                    self.subscription = after;
                    if let Some(skipped) = change.after.get("skipped") {
                        self.rest(serde_json::from_value(skipped.clone()).map_err(fails)?)?;
                    }
                }
                // Its term has ended while it rested.
                Err(PlanError::Ended { .. }) => {}
                Err(error) => return Err(fails(error)),
            }
        }
        let resumes_at = step.pause.map(|hours| now + TimeDelta::hours(hours));
        let expires_at = self.subscription.expires_at;
        if resumes_at.is_some_and(|at| expires_at.is_none_or(|end| at < end))
            && self.subscription.status == SubscriptionStatus::Active
        {
            let rest = Pause { resumes_at };
            self.subscription = pause(&self.subscription, rest, now).map_err(fails)?.0;
        }
        let mut lost = step.lost;
        let mut outcomes = step.outcomes.iter().cycle();
        while let Some((_, kind)) = self.subscription.wake().filter(|(at, _)| *at <= now) {
            let choice = outcomes.next().copied().unwrap_or_default();
            self.wake(kind, &outcome(choice), std::mem::take(&mut lost), now)?;
        }
        Ok(())
    }

    /// Each occurrence before the next one has one place; none after it has any.
    fn check(&self, now: DateTime<Utc>) -> Checked {
        let subscription = &self.subscription;
        prop_assert!(subscription.run_number.is_none());
        prop_assert!(
            subscription.next().is_none_or(|next| next.at > now) || !subscription.status.repeats()
        );
        let mut all = BTreeSet::new();
        let runs = self.runs.keys();
        for number in runs.chain(&self.skipped).chain(&self.rested) {
            prop_assert!(all.insert(*number), "{number} has two places");
        }
        let last = all.last().map_or(0, |last| last.get());
        prop_assert!(between(1, last + 1).eq(all.iter().copied()), "one is missing: {all:?}");
        let expected = subscription.expected().ok_or_else(|| fails("the calendar goes on"))?;
        prop_assert_eq!(last + 1, expected.number.get());
        if subscription.status.repeats() && subscription.next().is_none() {
            prop_assert!(subscription.end_at(expected).is_some());
        }
        if let Some((period, next)) = subscription.renewal_alert_period.zip(subscription.next()) {
            let told = self.alerted.contains(&next.number);
            let time_for_it = subscription.status.repeats() && period.before(next.at) <= now;
            prop_assert!(told || !time_for_it, "{} was not announced", next.number);
        }
        let paid = self.runs.values().filter(|run| run.status == RunStatus::Successful).count();
        prop_assert_eq!(paid, subscription.occurrencies as usize);
        for run in self.runs.values() {
            let waits = subscription.unsettled.iter().find(|other| other.number == run.number);
            prop_assert_eq!(waits.map(|waits| waits.retry_at), run.retry_at);
            prop_assert_eq!(run.retry_at.is_some(), run.status == RunStatus::Open);
        }
        Ok(())
    }
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let hours = prop_oneof![0_i64..3, 0_i64..100, 0_i64..3_000];
    let outcomes = proptest::collection::vec(any::<u8>(), 1..5);
    let pause = prop_oneof![3 => Just(None), 1 => (1_i64..3_000).prop_map(Some)];
    let step = (hours, outcomes, any::<bool>(), any::<bool>(), pause);
    let step = step.prop_map(|(hours, outcomes, lost, activate, pause)| Step {
        hours,
        outcomes,
        lost,
        activate,
        pause,
    });
    proptest::collection::vec(step, 1..15)
}

fn catch_up() -> impl Strategy<Value = CatchUp> {
    use CatchUpPolicy::{Each, Latest, Skip};
    let policy = prop_oneof![Just(Latest), Just(Each), Just(Skip)];
    (policy, proptest::option::of(0_u32..2_000)).prop_map(|(policy, maximum_lateness_hours)| {
        CatchUp { policy, maximum_lateness_hours, grace_minutes: None }
    })
}

fn retry() -> impl Strategy<Value = RetryPolicy> {
    use FinalAction::{KeepActive, Pause, Skip};
    let action = prop_oneof![Just(KeepActive), Just(Pause), Just(Skip), Just(FinalAction::Cancel)];
    let delays = proptest::collection::vec((1_u32..2_000).prop_map(RetryDelay::from_minutes), 1..4);
    (delays, 0_u32..5, action).prop_filter_map("a policy", |(delays, maximum, action)| {
        RetryPolicy::new(delays, maximum, action).ok()
    })
}

proptest! {
    #[test]
    fn each_elapsed_occurrence_has_exactly_one_place(
        frequency in prop_oneof![
            Just("daily"), Just("weekly"), Just("monthly"), Just("every 36 hours"), Just("0 9 * * 1,4"),
        ],
        catch_up in catch_up(),
        retry in retry(),
        expires_after in proptest::option::of(1_i64..10_000),
        maximum in proptest::option::of(1_u32..200),
        alert_period in proptest::option::of(1_u16..=720),
        steps in steps(),
    ) {
        let mut subscription =
            subscription(frequency, "2027-01-31T01:30:00Z").map_err(fails)?;
        let mut now = subscription.anchor;
        subscription.catch_up = catch_up;
        subscription.retry = retry;
        subscription.max_occurrences = maximum.and_then(std::num::NonZeroU32::new);
        subscription.expires_at = expires_after.map(|hours| now + TimeDelta::hours(hours));
        subscription.renewal_alert_period =
            alert_period.map(TryInto::try_into).transpose().map_err(fails)?;
        let (runs, skipped, rested, alerted) = Default::default();
        let mut world = World { subscription, runs, skipped, rested, alerted };
        for step in &steps {
            now += TimeDelta::hours(step.hours);
            world.step(step, now)?;
            world.check(now)?;
        }
    }
}
