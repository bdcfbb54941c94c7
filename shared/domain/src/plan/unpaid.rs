//! What becomes of a run and its subscription after an attempt at its payment: paid, tried again by
//! policy, or given up.

use chrono::{DateTime, Utc};

use super::{PlanError, prices::is_unpriced};
use crate::{
    dunning::{DeclineKind, FinalAction, GiveUpReason, RetryDecision},
    ids::PaymentSourceId,
    lifecycle::{SubscriptionStatus, Trigger},
    order_copy::Culprit,
    run::{CustomerAction, Run, RunError, RunStatus},
    subscription::{AskedRetry, AwaitsMethod, Subscription, Unsettled},
};

/// The code of a run whose payment waits for its customer.
const ACTION_REQUIRED: &str = "customer_action_required";
/// The code of a run whose payment the provider, or a bank, is still about.
const PROCESSING: &str = "payment_processing";
/// The code of a run that can't be paid because its subscription has no payment source.
pub const NO_PAYMENT_SOURCE: &str = "payment_source_missing";

/// What a run waits for that only its customer can give.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanting {
    /// Nothing.
    Nothing,
    /// Another payment method: with this one it can't be paid.
    Method,
    /// That they confirm the payment.
    Action,
}

/// An attempt at the payment of a run.
pub(super) struct Attempt {
    now: DateTime<Utc>,
    /// Whether somebody has asked for it, or a new payment method has set it off.
    asked: Option<AskedRetry>,
    /// Whether it is at the last run that was made. What becomes of older ones tells nothing of it.
    newest: bool,
    /// Whether the run was given up before, with all that this entails.
    given_up_before: bool,
}

impl Attempt {
    pub(super) fn at(
        before: &Subscription,
        after: &Subscription,
        run: &Run,
        now: DateTime<Utc>,
    ) -> Self {
        let unsettled = before.unsettled.iter().find(|unsettled| unsettled.number == run.number);
        Self {
            now,
            asked: unsettled.and_then(|unsettled| unsettled.asked),
            newest: after.last_run_at == Some(run.started_at),
            given_up_before: run.status == RunStatus::Failed,
        }
    }

    /// It was paid, or there was nothing to pay.
    pub(super) fn paid(&self, after: &mut Subscription, run: &mut Run) {
        run.status = RunStatus::Successful;
        run.completed_at = Some(self.now);
        run.failed_at = None;
        run.action = None;
        run.access_until = None;
        after.occurrencies = after.occurrencies.saturating_add(1);
        if self.newest {
            after.succeeded_on_last_run = Some(true);
            after.access_until = None;
        }
    }

    /// The provider declined it, or it had no price.
    pub(super) fn declined(
        &self,
        after: &mut Subscription,
        run: &mut Run,
        kind: DeclineKind,
        (code, message): (&str, &str),
        culprit: Option<Culprit>,
    ) -> Result<Wanting, PlanError> {
        run.attempts += 1;
        run.action = None;
        if self.uncounted(after).is_some() {
            run.uncounted_attempts += 1;
        }
        self.fail(after, run, code, message, culprit.clone());
        let given_up = self.go_on(after, run, kind, culprit)?;
        if !is_unpriced(code) && given_up.is_some_and(|(_, action)| action != FinalAction::Skip) {
            self.await_method(after, run);
        }
        let hard = given_up.is_some_and(|(reason, _)| reason == GiveUpReason::HardDecline);
        let asks = hard && after.status != SubscriptionStatus::Cancelled;
        Ok(if asks { Wanting::Method } else { Wanting::Nothing })
    }

    /// The provider declined for good, and another payment source is charged next. That is no retry
    /// of the policy: it counts as little as one that somebody asks for.
    pub(super) fn falls_back(
        &self,
        after: &mut Subscription,
        run: &mut Run,
        (code, message): (&str, &str),
        declined: Option<&PaymentSourceId>,
    ) -> Result<Wanting, PlanError> {
        let culprit = declined.map(Culprit::payment_source);
        if !after.status.repeats() {
            // What has ended or rests is not charged again behind its owner's back.
            return self.declined(after, run, DeclineKind::Hard, (code, message), culprit);
        }
        run.attempts += 1;
        run.action = None;
        if self.uncounted(after).is_some() {
            run.uncounted_attempts += 1;
        }
        self.fail(after, run, code, message, culprit);
        run.declined_sources.extend(declined.cloned());
        keep_open(after, run, self.now);
        if let Some(unsettled) = after.unsettled.last_mut() {
            let policy_at = self.asked.and_then(|asked| asked.policy_at);
            unsettled.asked = Some(AskedRetry { policy_at });
        }
        Ok(Wanting::Nothing)
    }

    /// A rule of ours refused before any payment was tried.
    pub(super) fn refused(
        &self,
        after: &mut Subscription,
        run: &mut Run,
        (code, message): (&str, &str),
        culprit: Option<Culprit>,
    ) -> Wanting {
        self.fail(after, run, code, message, culprit);
        let planned = self.uncounted(after).and_then(|asked| asked.policy_at);
        if let Some(at) = planned.filter(|_| after.status.repeats()) {
            keep_open(after, run, at);
            return Wanting::Nothing;
        }
        give_up(run, self.now);
        if code != NO_PAYMENT_SOURCE {
            return Wanting::Nothing;
        }
        self.await_method(after, run);
        Wanting::Method
    }

    /// The customer has to confirm it first, or the provider is still about it.
    pub(super) fn needs_action(
        &self,
        after: &mut Subscription,
        run: &mut Run,
        by_customer: bool,
        action: CustomerAction,
        message: &str,
    ) -> Result<Wanting, PlanError> {
        let culprit = run.payment_source_id.as_ref().map(Culprit::payment_source);
        if run.action.is_none() {
            let code = if by_customer { ACTION_REQUIRED } else { PROCESSING };
            self.fail(after, run, code, message, culprit.clone());
        }
        run.action = Some(action);
        if self.uncounted(after).is_none() {
            run.waits += 1;
        }
        let given_up = self.go_on(after, run, DeclineKind::Soft, culprit)?;
        let asks = by_customer && given_up.is_none();
        Ok(if asks { Wanting::Action } else { Wanting::Nothing })
    }

    /// Tries it again by policy, or gives it up, with the policy's last step. Answers why, and which
    /// step that is.
    fn go_on(
        &self,
        after: &mut Subscription,
        run: &mut Run,
        kind: DeclineKind,
        culprit: Option<Culprit>,
    ) -> Result<Option<(GiveUpReason, FinalAction)>, PlanError> {
        let planned = self.uncounted(after).and_then(|asked| asked.policy_at);
        let retries = run.tries().saturating_sub(1);
        let at = match (planned, after.retry.decide(retries, kind, self.now, after.time_zone)) {
            (_, RetryDecision::GiveUp { reason: reason @ GiveUpReason::HardDecline, action })
            | (None, RetryDecision::GiveUp { reason, action }) => {
                give_up(run, self.now);
                log(run, give_up_code(reason), give_up_message(reason), culprit, self.now);
                // Whoever let the subscription go on after it was given up has decided already.
                if !self.given_up_before {
                    finally(after, action, self.now)?;
                }
                return Ok(Some((reason, action)));
            }
            (Some(at), _) | (None, RetryDecision::RetryAt { at, .. }) => at,
        };
        if after.status.repeats() {
            keep_open(after, run, at);
        } else {
            // What has ended or rests is not charged again behind its owner's back.
            give_up(run, self.now);
        }
        Ok(None)
    }

    /// Whether the policy leaves it out of its count.
    fn uncounted(&self, after: &Subscription) -> Option<AskedRetry> {
        self.asked.filter(|_| !after.retry.manual_retries_count())
    }

    fn fail(
        &self,
        after: &mut Subscription,
        run: &mut Run,
        code: &str,
        message: &str,
        culprit: Option<Culprit>,
    ) {
        after.errors_count = after.errors_count.saturating_add(1);
        log(run, code, message, culprit, self.now);
        let until = after.retry.grace().after(run.due_at);
        let until = *run.access_until.get_or_insert(until);
        if self.newest {
            after.succeeded_on_last_run = Some(false);
            after.access_until = Some(after.access_until.map_or(until, |was| was.max(until)));
        }
    }

    /// Lets a new payment method try it again.
    fn await_method(&self, after: &mut Subscription, run: &Run) {
        if self.newest && after.status != SubscriptionStatus::Cancelled {
            after.awaits_method = Some(AwaitsMethod { number: run.number, attempts: run.attempts });
        }
    }
}

fn keep_open(after: &mut Subscription, run: &mut Run, at: DateTime<Utc>) {
    run.status = RunStatus::Open;
    run.failed_at = None;
    run.retry_at = Some(at);
    after.unsettled.push(Unsettled {
        number: run.number,
        attempts: run.attempts,
        retry_at: at,
        asked: None,
    });
}

fn log(run: &mut Run, code: &str, message: &str, resource: Option<Culprit>, at: DateTime<Utc>) {
    run.note_error(RunError { at, code: code.to_owned(), message: message.to_owned(), resource });
}

fn give_up(run: &mut Run, now: DateTime<Utc>) {
    run.status = RunStatus::Failed;
    run.failed_at = Some(now);
}

fn give_up_code(reason: GiveUpReason) -> &'static str {
    match reason {
        GiveUpReason::HardDecline => "hard_decline",
        GiveUpReason::RetriesExhausted => "retries_exhausted",
    }
}

fn give_up_message(reason: GiveUpReason) -> &'static str {
    match reason {
        GiveUpReason::HardDecline => "the decline is final: a new payment source is needed",
        GiveUpReason::RetriesExhausted => "every retry that the policy allows has been made",
    }
}

fn finally(
    after: &mut Subscription,
    action: FinalAction,
    now: DateTime<Utc>,
) -> Result<(), PlanError> {
    let trigger = match action {
        FinalAction::KeepActive | FinalAction::Skip => return Ok(()),
        FinalAction::Pause => Trigger::Deactivate,
        FinalAction::Cancel => Trigger::Cancel,
    };
    if after.status.repeats() {
        after.status = after.status.after(trigger)?;
    }
    if after.status == SubscriptionStatus::Cancelled {
        after.cancelled_at.get_or_insert(now);
        after.awaits_method = None;
    }
    if trigger == Trigger::Cancel {
        after.close_open_runs(now);
    }
    Ok(())
}
