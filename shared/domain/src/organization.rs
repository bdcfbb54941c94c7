//! What an organization has decided about itself.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{ids::OrganizationId, impact::ImpactWeights};

/// An organization's settings. One that has set nothing has none; [`Organization::unset`] is what
/// holds then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Organization {
    /// Identifier: what tokens name it.
    pub id: OrganizationId,
    /// Whether subscriptions are made and run. Off, nothing new comes about: no subscription is
    /// made or taken up again, and what falls due waits until it is on, to be caught up by its own
    /// policy.
    #[serde(default = "yes", skip_serializing_if = "Clone::clone")]
    pub subscriptions_enabled: bool,
    /// What its failures are weighed by.
    #[serde(default, skip_serializing_if = "ImpactWeights::is_default")]
    pub impact_weights: ImpactWeights,
    /// When it first set something.
    pub created_at: DateTime<Utc>,
    /// When it last did.
    pub updated_at: DateTime<Utc>,
    /// Counts changes.
    pub version: u64,
}

const fn yes() -> bool {
    true
}

impl Organization {
    /// One that has set nothing.
    #[must_use]
    pub fn unset(id: OrganizationId, now: DateTime<Utc>) -> Self {
        Self {
            id,
            subscriptions_enabled: true,
            impact_weights: ImpactWeights::default(),
            created_at: now,
            updated_at: now,
            version: 0,
        }
    }
}
