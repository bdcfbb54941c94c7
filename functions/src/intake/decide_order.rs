//! What operators decide about orders that checks hold, or have refused.

use perennial_domain::{
    checks::{CheckRecord, OperatorError, Overturn, Resolution, overturn, resolved, uphold},
    order::{Order, OrderStatus},
};
use perennial_store::Expect;

use super::{orders::changed, place::hand_to_validation};
use crate::{
    follow_up::{FollowUp, FollowUpError},
    http::{
        attributes::Attributes,
        caller::Role,
        context::Context,
        error::{ApiError, Code, Outcome, Problem, Problems},
    },
};

const OVERTURN: &str = "_overturn";
const REJECT: &str = "_reject";

/// A decision with its reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Decision {
    /// The findings of the checks do not count.
    Overturn(String),
    /// They do.
    Reject(String),
}

impl Decision {
    /// The decision that a document holds.
    pub(super) fn read(
        context: &Context<'_>,
        attributes: &mut Attributes,
        problems: &mut Problems,
    ) -> Option<Self> {
        let overturned: Option<String> = attributes.value(OVERTURN, problems);
        let rejected: Option<String> = attributes.value(REJECT, problems);
        let (name, decision) = match (overturned, rejected) {
            (None, None) => return None,
            (Some(reason), None) => (OVERTURN, Self::Overturn(reason)),
            (None, Some(reason)) => (REJECT, Self::Reject(reason)),
            (Some(_), Some(_)) => {
                let detail = "an order can't be overturned and rejected at once";
                let at = attributes.pointer(REJECT);
                problems.add(Problem::new(Code::InvalidValue, detail).at(at));
                return None;
            }
        };
        let at = attributes.pointer(name);
        if context.caller.role != Role::Operator {
            let detail = format!("{name} is for the role operator");
            problems.add(Problem::new(Code::Forbidden, detail).at(at));
        }
        Some(decision)
    }

    /// The attribute that asks for it.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Overturn(_) => OVERTURN,
            Self::Reject(_) => REJECT,
        }
    }

    fn reason(&self) -> &str {
        match self {
            Self::Overturn(reason) | Self::Reject(reason) => reason,
        }
    }

    fn refuse(&self, error: &OperatorError) -> ApiError {
        let at = format!("/data/attributes/{}", self.name());
        Problem::new(Code::InvalidStatus, error.to_string()).at(at).into()
    }
}

/// Carries a decision out, and keeps it with what is kept of the order's checks.
pub(crate) async fn decide(
    context: &Context<'_>,
    before: Order,
    decision: &Decision,
) -> Outcome<Order> {
    let (by, reason) = (context.caller.actor(), decision.reason());
    if let (Some(done), Decision::Overturn(_)) = (&before.overturn, decision)
        && before.status == OrderStatus::Placing
        && (done.by.as_str(), done.reason.as_str()) == (by.as_str(), reason)
    {
        // Asked twice: the first time counts, and telling validation again does no harm.
        hand_to_validation(context, &before).await;
        return Ok(before);
    }
    let (after, changes, resolution) = match decision {
        Decision::Overturn(_) => {
            let decided = overturn(&before, (&by, reason), context.now);
            let (after, changes) = decided.map_err(|error| decision.refuse(&error))?;
            (after, changes, Resolution::Overturned)
        }
        Decision::Reject(_) => {
            let decided = uphold(&before, reason, context.now);
            let (after, change) = decided.map_err(|error| decision.refuse(&error))?;
            (after, vec![change], Resolution::Upheld)
        }
    };
    let organization = &context.caller.organization;
    let (order, entries) = changed(context, after, before.version, changes);
    let mut commit =
        context.store().commit(organization).order(&order, Expect::Version(before.version));
    for entry in &entries {
        commit = commit.entry("O", entry);
    }
    let id = CheckRecord::id_of(&before.id, before.placements);
    if let Some(kept) = context.store().check_record(organization, &id).await? {
        let (by, reason) = (by, reason.to_owned());
        let told = Overturn { by, reason, at: context.now, checks: Vec::new() };
        let record = resolved(&kept, resolution, &told);
        commit = commit.check_record(&record, Expect::Version(kept.version));
    }
    if resolution == Resolution::Upheld {
        let cause = context.cause();
        let follow_up =
            FollowUp { store: context.store(), organization, cause: &cause, now: context.now };
        let followed = follow_up.rejected(commit, &order, &order.rejections).await;
        commit = followed.map_err(|error| match error {
            FollowUpError::Store(error) => error.into(),
            other => ApiError::from(Problem::new(Code::InvalidStatus, other.to_string())),
        })?;
        commit.run().await?;
    } else {
        commit.run().await?;
        hand_to_validation(context, &order).await;
    }
    Ok(order)
}
