//! Work handed from one function to another. Every message can be handled twice, late, or out of
//! order: the table decides what is still to be done.

use chrono::{DateTime, NaiveDate, Utc};
use perennial_domain::{
    ids::{
        DeadLetterId, DisputeId, JobRunId, OrderId, OrganizationId, PaymentSourceId, RefundId,
        SubscriptionId,
    },
    payment::DisputeTold,
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
    /// The dead letter that was discarded: the order is not to be placed, but goes back to its
    /// client, unless it turns out to be paid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub give_up: Option<DeadLetterId>,
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

/// What waits about a customer's money.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PaymentSubject {
    /// A refund whose outcome is not known.
    Refund(RefundId),
    /// A payment source that is new, was changed, or is about to expire.
    PaymentSource(PaymentSourceId),
    /// A dispute whose subscriptions are to be held.
    Dispute(DisputeId),
    /// Something that the provider has told about the payment of an order.
    News {
        /// The order.
        order_id: OrderId,
        /// What was told.
        news: PaymentNews,
    },
}

/// What a provider tells of a payment after it was answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PaymentNews {
    /// A payment that waited for its customer or its bank has come to its end.
    Settled {
        /// Which attempt at the payment of its order it is, as that was counted.
        attempt: u32,
    },
    /// The customer's bank asks for the money back, or has decided about that.
    Disputed(DisputeTold),
    /// A bank has sent a new card for a means of payment.
    SourceRenewed {
        /// The provider's id of the means of payment, which stays as it is.
        payment_method: String,
        /// The new card's last day.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        expires_on: Option<NaiveDate>,
    },
}

/// Something about a customer's money is to be seen to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PaymentDue {
    /// Whose money.
    pub organization: OrganizationId,
    /// What it is about.
    pub subject: PaymentSubject,
}

/// A proof of the books to be gone on with, or begun.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "work")]
pub enum ReconciliationWork {
    /// Goes on with a reconciliation from its last committed step.
    GoOn {
        /// Whose books.
        organization: OrganizationId,
        /// Which reconciliation.
        id: JobRunId,
    },
    /// Begins one for each organization that has something in a part of the due index.
    StartDaily {
        /// The instant of the schedule.
        at: DateTime<Utc>,
        /// Where organizations are looked for.
        part: TickPart,
    },
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
