//! The occurrences of one subscription: each that has elapsed has exactly one account.

use chrono::{DateTime, Utc};
use serde_json::json;

use super::{Code, Discrepancy, NumberSet};
use crate::{
    run::{Run, RunStatus, Skipped},
    subscription::{Subscription, Unsettled, WakeKind},
    time::OccurrenceNumber,
};

/// Where a subscription stands, as far as it tells what must have happened by then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// Its id.
    pub subscription: String,
    /// The first number that has to have an account: 1, or where an imported one went on.
    pub first: u32,
    /// The number of its next occurrence; `None` when its calendar has come to its end.
    pub next: Option<u32>,
    /// How many numbers changes of frequency jumped over. They have no account.
    pub jumped: u32,
    /// The runs that it waits for.
    pub unsettled: Vec<Unsettled>,
    /// When it was to wake, and what for; `None` when it sleeps for good or is blocked by a dead
    /// letter, which is reported as that.
    pub wake: Option<(DateTime<Utc>, WakeKind)>,
}

impl Standing {
    /// Where a subscription stands whose accounts begin with number `first`.
    #[must_use]
    pub fn of(subscription: &Subscription, first: u32) -> Self {
        Self {
            subscription: subscription.id.to_string(),
            first,
            next: subscription.next_number.map(OccurrenceNumber::get),
            jumped: subscription.jumped_numbers,
            unsettled: subscription.unsettled.clone(),
            wake: subscription.wake(),
        }
    }
}

/// The accounts of one subscription's occurrences, gathered in any order.
#[derive(Debug, Clone, Default)]
pub struct Occurrences {
    accounted: NumberSet,
    /// Runs that ended without an order: those that were passed over are told by the journal, too.
    aborted: NumberSet,
    open: NumberSet,
    /// Runs that were given up. Somebody may have asked for another attempt since.
    given_up: NumberSet,
    twice: NumberSet,
}

impl Occurrences {
    /// Takes a run, with those that it passed over.
    pub fn run(&mut self, run: &Run) {
        let number = run.number.get();
        match run.status {
            RunStatus::Aborted => {
                self.aborted.insert(number, number);
                return;
            }
            RunStatus::Open => {
                self.open.insert(number, number);
            }
            RunStatus::Failed => {
                self.given_up.insert(number, number);
            }
            RunStatus::Successful => {}
        }
        self.account(number, number);
        if let Some(skipped) = run.skipped {
            self.skipped(skipped);
        }
    }

    /// Takes occurrences that were passed over on record.
    pub fn skipped(&mut self, skipped: Skipped) {
        self.account(skipped.first.get(), skipped.last.get());
    }

    fn account(&mut self, first: u32, last: u32) {
        for (first, last) in self.accounted.insert(first, last).ranges() {
            self.twice.insert(first, last);
        }
    }

    /// The numbers that have elapsed and have no account, those that changes of frequency jumped over
    /// included.
    #[must_use]
    pub fn missing(&self, standing: &Standing) -> NumberSet {
        let mut accounted = self.accounted.clone();
        // An aborted run is an account of its own where the journal has not told it as passed over.
        for (first, last) in self.aborted.ranges() {
            accounted.insert(first, last);
        }
        let end = standing.next.or_else(|| accounted.last().map(|last| last.saturating_add(1)));
        let end = end.unwrap_or(standing.first);
        end.checked_sub(1).map(|last| accounted.missing(standing.first, last)).unwrap_or_default()
    }

    /// Everything that does not agree. What was due before `patience` and still waits is overdue.
    #[must_use]
    pub fn check(&self, standing: &Standing, patience: DateTime<Utc>) -> Vec<Discrepancy> {
        let Standing { subscription, first: _, next, jumped, unsettled, wake } = standing;
        let missing = self.missing(standing);
        let mut found = Vec::new();
        let mut tell = |code, detail: String, numbers| {
            found.push(Discrepancy::new(code, subscription.as_str(), detail, numbers));
        };
        if !self.twice.is_empty() {
            let told = self.twice.told();
            tell(
                Code::OccurrenceTwice,
                format!("occurrences {told} were run or passed over more than once"),
                json!({"occurrences": told}),
            );
        }
        if missing.count() != u64::from(*jumped) {
            let told = missing.told();
            tell(
                Code::OccurrenceWithoutRun,
                format!(
                    "occurrences {told} have neither a run nor a record that they were passed \
                     over; changes of frequency have jumped over {jumped} numbers"
                ),
                json!({"occurrences": told, "count": missing.count(), "jumped": jumped}),
            );
        }
        if let Some(next) = next {
            let mut early = self.accounted.within(*next, u32::MAX);
            for (first, last) in self.aborted.within(*next, u32::MAX).ranges() {
                early.insert(first, last);
            }
            if !early.is_empty() {
                let told = early.told();
                tell(
                    Code::OccurrenceTooEarly,
                    format!("occurrences {told} have an account, and the next one is {next}"),
                    json!({"occurrences": told, "next": next}),
                );
            }
        }
        for (code, numbers, detail) in self.retries(unsettled) {
            let told = numbers.told();
            tell(code, format!("occurrences {told} {detail}"), json!({"occurrences": told}));
        }
        if let Some((at, kind)) = wake.filter(|(at, _)| *at < patience) {
            let kind = kind.as_str();
            tell(
                Code::Overdue,
                format!("its {kind} has been due since {at} and was not done by {patience}"),
                json!({"due_at": at, "kind": kind}),
            );
        }
        found
    }

    /// Runs that wait and subscriptions that wait for them must be the same. Where somebody has asked
    /// for it, a run is waited for that its policy has given up.
    fn retries(
        &self,
        unsettled: &[Unsettled],
    ) -> impl Iterator<Item = (Code, NumberSet, &'static str)> {
        let (mut awaited, mut asked) = (NumberSet::default(), NumberSet::default());
        for one in unsettled {
            let number = one.number.get();
            awaited.insert(number, number);
            if one.asked.is_some_and(|asked| asked.policy_at.is_none()) {
                asked.insert(number, number);
            }
        }
        let not_open = without(&awaited, &self.open);
        let not_asked = without(&not_open, &asked);
        let mut nothing_to_try = without(&not_open, &self.given_up);
        for (first, last) in not_asked.ranges() {
            nothing_to_try.insert(first, last);
        }
        let found = [
            (
                Code::OpenRunForgotten,
                without(&self.open, &awaited),
                "wait for a payment that nobody will try",
            ),
            (Code::RetryWithoutRun, nothing_to_try, "are waited for, and their runs are not open"),
        ];
        found.into_iter().filter(|(_, numbers, _)| !numbers.is_empty())
    }
}

/// The numbers of one set that are not in another.
fn without(of: &NumberSet, other: &NumberSet) -> NumberSet {
    let mut rest = NumberSet::default();
    for (first, last) in of.ranges() {
        for (first, last) in other.missing(first, last).ranges() {
            rest.insert(first, last);
        }
    }
    rest
}

#[cfg(test)]
#[path = "occurrences_tests.rs"]
mod tests;
