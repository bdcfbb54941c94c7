//! The state machine of subscriptions: one table, and nothing outside it is allowed.

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Where a subscription stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SubscriptionStatus {
    /// Made, never active.
    Draft,
    /// Paused, or ended by its expiry; makes no runs.
    Inactive,
    /// Repeats on schedule.
    Active,
    /// A run is under way.
    Running,
    /// Ended for good.
    Cancelled,
}

/// What moves a subscription from one status to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Trigger {
    /// A person or client activates it.
    Activate,
    /// A person or client pauses it, or a dunning policy does.
    Deactivate,
    /// A person or client ends it, or a dunning policy does.
    Cancel,
    /// The tick claims its next run.
    StartRun,
    /// The run was committed, whatever its outcome.
    EndRun,
    /// Its expiry or its last occurrence was reached.
    Expire,
    /// A person or client leaves its next run out.
    SkipNext,
    /// A person or client wants its next run made at once.
    RunNow,
    /// A person or client takes it up again after it was cancelled.
    Reactivate,
    /// The order that it repeats was placed.
    PlaceSource,
    /// A person or client lets it repeat what its items say, and no longer its source order.
    Convert,
}

use SubscriptionStatus::{Active, Cancelled, Draft, Inactive, Running};
use Trigger::{
    Activate, Cancel, Convert, Deactivate, EndRun, Expire, PlaceSource, Reactivate, RunNow,
    SkipNext, StartRun,
};

/// Every legal transition: from, trigger, to. A run under way is finished whatever happens to its
/// subscription meanwhile, hence ends of runs in `Inactive` and `Cancelled`.
pub const TRANSITIONS: &[(SubscriptionStatus, Trigger, SubscriptionStatus)] = &[
    (Draft, Activate, Active),
    (Draft, Cancel, Cancelled),
    (Draft, PlaceSource, Active),
    (Draft, Convert, Draft),
    (Inactive, Activate, Active),
    (Inactive, Cancel, Cancelled),
    (Inactive, EndRun, Inactive),
    (Inactive, Convert, Inactive),
    (Active, Deactivate, Inactive),
    (Active, Cancel, Cancelled),
    (Active, StartRun, Running),
    (Active, EndRun, Active),
    (Active, Expire, Inactive),
    (Active, SkipNext, Active),
    (Active, Convert, Active),
    (Active, RunNow, Active),
    (Running, Deactivate, Inactive),
    (Running, Cancel, Cancelled),
    (Running, EndRun, Active),
    (Cancelled, EndRun, Cancelled),
    (Cancelled, Reactivate, Active),
];

/// A transition that the table does not hold.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
#[error("a subscription that is {} cannot {}; it can: {}", name(*from), verb(*trigger), allowed(*from))]
pub struct IllegalTransition {
    /// The status it is in.
    pub from: SubscriptionStatus,
    /// What was asked of it.
    pub trigger: Trigger,
}

impl Trigger {
    /// Whether a person or client sets it off.
    #[must_use]
    pub fn is_asked(self) -> bool {
        match self {
            Activate | Deactivate | Cancel | SkipNext | RunNow | Reactivate => true,
            // A conversion asks for the kind of copies too, which the status does not tell.
            StartRun | EndRun | Expire | PlaceSource | Convert => false,
        }
    }
}

impl SubscriptionStatus {
    /// The status after `trigger`.
    ///
    /// # Errors
    /// When [`TRANSITIONS`] does not allow it; the message names what is allowed.
    pub fn after(self, trigger: Trigger) -> Result<Self, IllegalTransition> {
        TRANSITIONS
            .iter()
            .find(|(from, by, _)| *from == self && *by == trigger)
            .map(|(_, _, to)| *to)
            .ok_or(IllegalTransition { from: self, trigger })
    }

    /// What a person or client can do to it, in words: "be deactivated, be cancelled".
    #[must_use]
    pub fn possible(self) -> String {
        allowed(self)
    }

    /// Whether its schedule makes runs.
    #[must_use]
    pub fn repeats(self) -> bool {
        match self {
            Active | Running => true,
            Draft | Inactive | Cancelled => false,
        }
    }
}

fn name(status: SubscriptionStatus) -> &'static str {
    match status {
        Draft => "draft",
        Inactive => "inactive",
        Active => "active",
        Running => "running",
        Cancelled => "cancelled",
    }
}

fn verb(trigger: Trigger) -> &'static str {
    match trigger {
        Activate => "be activated",
        Deactivate => "be deactivated",
        Cancel => "be cancelled",
        StartRun => "start a run",
        EndRun => "end a run",
        Expire => "expire",
        SkipNext => "skip its next run",
        PlaceSource => "be activated by its source order",
        Convert => "be converted",
        RunNow => "run now",
        Reactivate => "be reactivated",
    }
}

fn allowed(from: SubscriptionStatus) -> String {
    let verbs: Vec<_> = TRANSITIONS
        .iter()
        .filter(|(status, trigger, _)| *status == from && trigger.is_asked())
        .map(|(_, trigger, _)| verb(*trigger))
        .collect();
    verbs.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATUSES: [SubscriptionStatus; 5] = [Draft, Inactive, Active, Running, Cancelled];
    const TRIGGERS: [Trigger; 11] = [
        Activate,
        Deactivate,
        Cancel,
        StartRun,
        EndRun,
        Expire,
        SkipNext,
        RunNow,
        Reactivate,
        PlaceSource,
        Convert,
    ];

    #[test]
    fn what_the_table_does_not_hold_is_refused() {
        let mut legal = 0;
        for from in STATUSES {
            for trigger in TRIGGERS {
                if from.after(trigger).is_ok() {
                    legal += 1;
                }
            }
        }
        assert_eq!(legal, TRANSITIONS.len(), "a pair stands in the table twice");
    }

    #[test]
    fn only_a_reactivation_leads_out_of_cancelled_and_only_there() {
        for trigger in TRIGGERS {
            let leads_out = !matches!(Cancelled.after(trigger), Err(_) | Ok(Cancelled));
            assert_eq!(leads_out, trigger == Reactivate, "{trigger:?}");
        }
        for status in STATUSES {
            assert_eq!(status.after(Reactivate).is_ok(), status == Cancelled, "{status:?}");
        }
    }

    #[test]
    fn only_an_active_subscription_starts_a_run() {
        let starts: Vec<_> =
            STATUSES.into_iter().filter(|status| status.after(StartRun).is_ok()).collect();
        assert_eq!(starts, [Active]);
    }

    #[test]
    fn only_an_active_subscription_skips_its_next_run_or_makes_it_now() {
        for trigger in [SkipNext, RunNow] {
            let may: Vec<_> =
                STATUSES.into_iter().filter(|status| status.after(trigger).is_ok()).collect();
            assert_eq!(may, [Active], "{trigger:?}");
        }
    }

    #[test]
    fn a_source_order_activates_only_what_still_waits_for_it() {
        let waiting: Vec<_> =
            STATUSES.into_iter().filter(|status| status.after(PlaceSource).is_ok()).collect();
        assert_eq!(waiting, [Draft]);
    }

    #[test]
    fn a_conversion_leaves_the_status_and_waits_for_a_run_under_way() {
        for status in [Draft, Inactive, Active] {
            assert_eq!(status.after(Convert), Ok(status));
        }
        for status in [Running, Cancelled] {
            assert!(status.after(Convert).is_err(), "{status:?}");
        }
    }

    #[test]
    fn what_can_be_done_is_told_in_words_and_only_what_somebody_can_ask_for() {
        let active = "be deactivated, be cancelled, skip its next run, run now";
        assert_eq!(Active.possible(), active);
        assert_eq!(Running.possible(), "be deactivated, be cancelled");
    }

    #[test]
    fn a_refusal_names_the_state_and_what_is_allowed() {
        let refused = Cancelled.after(Activate).map_err(|e| e.to_string());
        let message =
            "a subscription that is cancelled cannot be activated; it can: be reactivated";
        assert_eq!(refused, Err(message.to_owned()));
        let refused = Draft.after(Deactivate).map_err(|e| e.to_string());
        let message = "a subscription that is draft cannot be deactivated; it can: be activated, be cancelled";
        assert_eq!(refused, Err(message.to_owned()));
    }
}
