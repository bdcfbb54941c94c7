//! When a subscription may be changed: never under a run that is being made or whose payment is tried
//! again, not what its next run is about past the cut-off, and only what makes sense in its status.
//! Each refusal names the state and what is possible instead.

use chrono::{DateTime, SecondsFormat, Utc};
use perennial_domain::{
    lifecycle::SubscriptionStatus,
    order_copy::Factory,
    plan::{ClosedForChanges, closed_for_changes},
    subscription::Subscription,
};

use super::subscription_edit::Asked;
use crate::http::error::{ApiError, Code, Outcome, Problem};

/// What a change is about.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "any of them may come with any other")]
pub(super) struct Touches {
    /// On which dates it runs.
    pub(super) dates: bool,
    /// When it ends.
    pub(super) term: bool,
    /// What its runs order.
    pub(super) items: bool,
    /// Where its runs deliver to, or who is billed.
    pub(super) addresses: bool,
    /// How its runs are paid.
    pub(super) source: bool,
    /// Whether its runs place and charge the orders that they make.
    pub(super) placing: bool,
    /// Whatever else it does by itself.
    pub(super) rules: bool,
    /// The client's own data, which it does nothing with.
    pub(super) own_data: bool,
}

impl Touches {
    /// Whether the change is about anything that makes a difference to runs.
    const fn terms(self) -> bool {
        let Self { dates, term, items, addresses, source, placing, rules, own_data: _ } = self;
        dates || term || items || addresses || source || placing || rules
    }

    /// Whether it is about anything.
    pub(super) const fn anything(self) -> bool {
        self.terms() || self.own_data
    }

    /// Whether it is about what one run is: when, what, and where to.
    const fn run(self) -> bool {
        self.dates || self.items || self.addresses
    }
}

pub(super) fn invalid_status(detail: String) -> Problem {
    Problem::new(Code::InvalidStatus, detail)
}

fn busy(detail: String) -> ApiError {
    let mut error = ApiError::from(invalid_status(detail));
    error.headers.push(("retry-after", "5".to_owned()));
    error
}

/// Refuses a change that can't be made now.
pub(super) fn check(
    before: &Subscription,
    touches: Touches,
    asked: Option<Asked>,
    now: DateTime<Utc>,
) -> Outcome<()> {
    while_busy(before, touches, asked)?;
    while_due(before, touches, asked, now)?;
    past_cut_off(before, touches, asked, now)?;
    by_status(before, touches)
}

/// A payment that is under way settles the subscription as it was claimed: what it is paid for must
/// not change under it.
fn while_busy(before: &Subscription, touches: Touches, asked: Option<Asked>) -> Outcome<()> {
    let id = &before.id;
    let running = before.status == SubscriptionStatus::Running || before.run_number.is_some();
    // What the run under way is, and what it costs, stands fast: it may have been charged.
    let disturbs_run = matches!(asked, Some(Asked::SkipNext | Asked::Reactivate | Asked::Convert));
    if let Some(letter) = before.blocked_by.as_ref().filter(|_| running) {
        // Nothing is under way: another payment source may be just what it needs. Its dates and what
        // it orders wait for the run that the letter holds.
        if touches.run() || touches.term || touches.placing || disturbs_run {
            return Err(busy(format!(
                "order subscription {id} is blocked by dead letter {letter}: redrive or discard that \
                 before its dates or what it orders are changed"
            )));
        }
    } else if (touches.anything() || disturbs_run) && running {
        let possible = before.status.possible();
        return Err(busy(format!(
            "order subscription {id} has a run under way: edit it when that has ended; while it is \
             running, it can: {possible}"
        )));
    }
    // What is cancelled or rests is not charged: not by a payment that is under way, either.
    let disturbs = matches!(asked, Some(Asked::Cancel | Asked::Deactivate | Asked::RunNow));
    if before.is_retrying() && (touches.anything() || disturbs) {
        return Err(busy(format!(
            "a payment of order subscription {id} is being tried again right now: ask again when \
             that has ended"
        )));
    }
    if asked == Some(Asked::Reactivate) && !before.unsettled.is_empty() {
        return Err(busy(format!(
            "the open runs of order subscription {id} are being closed, because it was cancelled: \
             ask again when that has been done"
        )));
    }
    Ok(())
}

/// An occurrence that is due is run before the dates change, which would pass it over, and orders what
/// it was to order when it fell due.
fn while_due(
    before: &Subscription,
    touches: Touches,
    asked: Option<Asked>,
    now: DateTime<Utc>,
) -> Outcome<()> {
    let due = before.status.repeats() && before.next().is_some_and(|next| next.at <= now);
    if due && (touches.run() || asked == Some(Asked::SkipNext)) {
        return Err(busy(format!(
            "order subscription {} has a run due: ask again when that has been made",
            before.id
        )));
    }
    Ok(())
}

/// What the next run orders, and when, stands fast from its cut-off on. It may always be given up, and
/// a payment that has failed may always get another source.
fn past_cut_off(
    before: &Subscription,
    touches: Touches,
    asked: Option<Asked>,
    now: DateTime<Utc>,
) -> Outcome<()> {
    let moves = matches!(asked, Some(Asked::SkipNext | Asked::RunNow));
    let changes_source = touches.source && before.unsettled.is_empty();
    if !touches.run() && !moves && !changes_source {
        return Ok(());
    }
    let Some(closed) = closed_for_changes(before, now) else { return Ok(()) };
    let ClosedForChanges { run_at, closed_at, reopens_at } = closed;
    let [run_at, closed_at] = [run_at, closed_at].map(instant);
    let possible = reopens_at.map_or_else(
        || "runs are closer together than that: give fewer cut_off_hours first".to_owned(),
        |at| format!("it is possible again from {}", instant(at)),
    );
    let detail = format!(
        "order subscription {} closes cut_off_hours ({}) before each run: for the run at {run_at} \
         it closed at {closed_at}; {possible}",
        before.id, before.cut_off.hours
    );
    Err(invalid_status(detail).into())
}

fn instant(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

/// What makes no sense in the status that the subscription is in.
fn by_status(before: &Subscription, touches: Touches) -> Outcome<()> {
    let id = &before.id;
    if touches.terms() && before.status == SubscriptionStatus::Cancelled {
        let possible = before.status.possible();
        let detail = format!(
            "order subscription {id} is cancelled and can't be edited, but for reference, \
             reference_origin, metadata and tags; it can: {possible}"
        );
        return Err(invalid_status(detail).into());
    }
    if touches.items && before.factory == Factory::OrderCopies {
        let detail = format!(
            "order subscription {id} copies its source order each time: its items can be edited \
             after _convert"
        );
        return Err(invalid_status(detail).into());
    }
    Ok(())
}
