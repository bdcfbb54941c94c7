//! From when on markets have the taxes of renewals settled, kept in memory: a renewal of a market
//! without taxes is to cost no read for that.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use chrono::{DateTime, TimeDelta, Utc};
use perennial_domain::{
    catalog::Market,
    ids::{MarketId, OrganizationId},
};
use perennial_store::{Store, StoreError};

/// How long a market is taken to have no taxes after it was read. Less than
/// [`NOTICE`](perennial_domain::tax::NOTICE), within which renewals bear none anyway, so nobody acts
/// on what has changed: what is left of that is for clocks that differ.
const KEPT: TimeDelta = TimeDelta::seconds(30);
/// Most markets that are remembered.
const MOST: usize = 10_000;

/// What was read of markets.
#[derive(Debug, Default)]
pub(crate) struct Markets {
    known: Mutex<HashMap<(OrganizationId, MarketId), Known>>,
}

#[derive(Debug, Clone, Copy)]
struct Known {
    settled_from: Option<DateTime<Utc>>,
    read_at: DateTime<Utc>,
}

impl Known {
    /// What a market settles from once, it settles from for ever.
    fn holds(self, now: DateTime<Utc>) -> bool {
        self.settled_from.is_some() || (self.read_at <= now && now - self.read_at < KEPT)
    }
}

impl Markets {
    /// The market, where a renewal that is due then has its taxes settled before it is charged.
    pub(crate) async fn settling(
        &self,
        store: &Store,
        organization: &OrganizationId,
        id: &MarketId,
        due_at: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Result<Option<Market>, StoreError> {
        let key = (organization.clone(), id.clone());
        if let Some(known) = self.known().get(&key).copied().filter(|known| known.holds(now))
            && known.settled_from.is_none_or(|from| due_at < from)
        {
            return Ok(None);
        }
        let market: Option<Market> = store.get(organization, id.as_str()).await?;
        let settled_from = market.as_ref().and_then(|market| market.taxes_settled_from);
        let mut known = self.known();
        if known.len() >= MOST {
            known.clear();
        }
        known.insert(key, Known { settled_from, read_at: now });
        Ok(market.filter(|market| market.settles_renewal(due_at)))
    }

    fn known(&self) -> std::sync::MutexGuard<'_, HashMap<(OrganizationId, MarketId), Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
