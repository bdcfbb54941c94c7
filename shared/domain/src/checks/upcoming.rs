//! The coming runs of subscriptions, as far as is looked ahead.

use chrono::{DateTime, Utc};

use crate::{subscription::Subscription, time::Slot};

/// Most runs that are counted for one order, over all subscriptions: some hundredths of a second.
const BUDGET: usize = 20_000;

/// Looks ahead up to an instant, or for so many runs, and not for ever.
#[derive(Debug)]
pub(super) struct Lookahead {
    until: DateTime<Utc>,
    left: usize,
}

impl Lookahead {
    /// Up to an instant, included.
    pub(super) fn until(until: DateTime<Utc>) -> Self {
        Self { until, left: BUDGET }
    }

    /// How many runs a subscription makes from `first` on.
    pub(super) fn runs_of(&mut self, subscription: &Subscription, first: Option<Slot>) -> usize {
        let runs = runs(subscription, first, self.left.saturating_add(1))
            .take_while(|slot| slot.at <= self.until)
            .count();
        self.left = self.left.saturating_sub(runs);
        runs
    }

    /// Whether there may be more runs than were counted.
    pub(super) fn is_exhausted(&self) -> bool {
        self.left == 0
    }
}

/// The runs of a subscription from `first` on, within its term; `most` at most.
pub(super) fn runs(
    subscription: &Subscription,
    first: Option<Slot>,
    most: usize,
) -> impl Iterator<Item = Slot> {
    let schedule = subscription.schedule();
    let mut next = first;
    std::iter::from_fn(move || {
        let slot = next?;
        next = schedule.following(slot).ok().map(crate::time::Occurrence::slot);
        Some(slot)
    })
    .take(most)
    .take_while(|slot| subscription.end_at(*slot).is_none())
}
