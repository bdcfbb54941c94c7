//! Work handed from one function to another. Every message can be handled twice, late, or out of
//! order: the table decides what is still to be done.

use chrono::{DateTime, Utc};
use perennial_domain::{
    ids::{DeadLetterId, JobRunId, OrderId, OrganizationId, SubscriptionId},
    time::OccurrenceNumber,
};
use serde::{Deserialize, Serialize};

/// An order waits for validation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ValidateOrder {
    /// Whose order.
    pub organization: OrganizationId,
    /// Which order.
    pub order_id: OrderId,
}

/// The batch of a job run in which a result is recorded.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JobRef {
    /// The job run.
    pub job_run_id: JobRunId,
    /// Its batch.
    pub batch: String,
}

/// A subscription's run was claimed and is to be made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunDue {
    /// Whose subscription.
    pub organization: OrganizationId,
    /// Which subscription.
    pub subscription_id: SubscriptionId,
    /// The occurrence that the claim has fixed.
    pub number: OccurrenceNumber,
    /// Where its result is recorded.
    pub job: JobRef,
    /// The dead letter that was discarded: the run is not to be made, but passed over, unless it
    /// turns out to be paid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub give_up: Option<DeadLetterId>,
}

/// The payment of a run that was made before is to be tried again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RetryDue {
    /// Whose subscription.
    pub organization: OrganizationId,
    /// Which subscription.
    pub subscription_id: SubscriptionId,
    /// Which run.
    pub number: OccurrenceNumber,
    /// Payment attempts that had been made when this was sent: a message that comes late, or
    /// twice, finds more and does nothing.
    pub attempts: u32,
    /// Where its result is recorded.
    pub job: JobRef,
}

/// What part of the due index a tick is to go through.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TickPart {
    /// The shard.
    pub shard: u16,
    /// Where to go on in it; `None` from its beginning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// A part of one tick: some shards of the due index.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TickShards {
    /// The instant of the tick. Everything due up to now is taken, so a late tick loses nothing;
    /// the instant names the job run.
    pub tick_at: DateTime<Utc>,
    /// What to go through.
    pub parts: Vec<TickPart>,
    /// Only this organization's; `None` takes everyone's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organization: Option<OrganizationId>,
    /// The job run that a person has opened; `None` lets the tick open one for each organization
    /// that has work.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job_run_id: Option<JobRunId>,
    /// The job run whose failed and open runs are to be tried again, instead of what is due.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_of: Option<JobRunId>,
}
