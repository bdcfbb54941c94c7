//! A paid run, for tests.

use std::error::Error;

use crate::{
    lifecycle::SubscriptionStatus,
    plan::{Outcome, plan_run, settle_run},
    run::Run,
    subscription::tests::subscription,
};

/// The first run of a monthly subscription, paid.
pub(super) fn run() -> Result<Run, Box<dyn Error>> {
    let mut claimed = subscription("monthly", "2027-01-31T10:00:00Z")?;
    claimed.status = SubscriptionStatus::Running;
    claimed.run_number = claimed.next_number;
    let planned = plan_run(&claimed)?.ok_or("nothing is due")?;
    let outcome = Outcome::Paid { charge_id: "ch_1".to_owned() };
    Ok(settle_run(&claimed, &planned, &outcome, planned.due_at)?.run)
}
