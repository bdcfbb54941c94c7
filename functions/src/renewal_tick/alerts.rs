//! Announcing runs. An alert is one commit, of the mark that it was told and of the journal entry
//! that tells it, so it needs no claim: of two ticks at once one commits, and no lease stands in
//! the way of the run if this process ends.

use chrono::{DateTime, Utc};
use perennial_domain::{
    catalog::PaymentSource,
    ids::{OrganizationId, SubscriptionId},
    plan::{AlertPlan, PlanError, PlannedRun, TaxTold, alert, plan_alert},
    subscription::Subscription,
};
use perennial_store::{Claim, DueEntry, StoreError};

use super::RenewalTick;
use crate::{
    pricing,
    sqs_batch::HandleError,
    taxes::{self, Foreseen},
};

/// What has become of an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Alerted {
    /// It was told, here or elsewhere, or is not to be told any more.
    Done,
    /// The run itself is due: it is to be claimed by the entry of its alert.
    RunIsDue,
}

impl RenewalTick {
    /// Announces the next run of a subscription, if it is still to come.
    pub(super) async fn alert(
        &self,
        entry: &DueEntry,
        id: &SubscriptionId,
        claim: &Claim,
    ) -> Result<Alerted, HandleError> {
        let organization = &entry.organization;
        let Some(subscription) = self.store.subscription(organization, id).await? else {
            return Ok(Alerted::Done);
        };
        let priced = self.priced(organization, &subscription).await?;
        let (planned, tax) = match plan_alert(&priced, claim.now)? {
            AlertPlan::Tell(planned) => {
                self.taxed(organization, &priced, planned, claim.now).await?
            }
            AlertPlan::Claim => return Ok(Alerted::RunIsDue),
            AlertPlan::Nothing => return Ok(Alerted::Done),
        };
        let source: Option<PaymentSource> = match &subscription.payment_source_id {
            Some(source) => self.store.get(organization, source.as_str()).await?,
            None => None,
        };
        let (after, change) = alert(&subscription, &planned, tax, source.as_ref(), claim.now);
        match self.commit(organization, &subscription, after, change, claim).await {
            // Another tick was first, or somebody has just changed it: the next one looks again.
            Err(StoreError::Conflict(_)) => Ok(Alerted::Done),
            committed => Ok(committed.map(|()| Alerted::Done)?),
        }
    }

    /// The subscription with the prices that its run would have by now; where the list has none,
    /// with those that it had last.
    async fn priced(
        &self,
        organization: &OrganizationId,
        subscription: &Subscription,
    ) -> Result<Subscription, HandleError> {
        let Some(next) = subscription.expected().filter(|_| subscription.price_list_id.is_some())
        else {
            return Ok(subscription.clone());
        };
        let wanted = subscription.wanted_prices();
        let current = pricing::current(&self.store, organization, wanted).await?;
        Ok(subscription.at_current_prices(&current, next.at).unwrap_or_else(|missing| {
            tracing::warn!(%organization, id = %subscription.id, %missing, "announced at old prices");
            subscription.clone()
        }))
    }

    /// The run with the taxes that it would bear by now; and whether more may come on top that only a
    /// service tells, when the run is made.
    async fn taxed(
        &self,
        organization: &OrganizationId,
        priced: &Subscription,
        planned: PlannedRun,
        now: DateTime<Utc>,
    ) -> Result<(PlannedRun, TaxTold), HandleError> {
        let (store, market, due_at) = (&self.store, &priced.market_id, planned.due_at);
        let places = priced.place_target_order;
        let market = self.markets.settling(store, organization, market, due_at, now).await?;
        let Some(market) = market.filter(|_| places) else { return Ok((planned, TaxTold::None)) };
        let sale = taxes::of_renewal(organization, &market, priced, &planned);
        Ok(match self.taxes.foreseen(&sale).await? {
            Foreseen::Taxes(None) => (planned, TaxTold::None),
            Foreseen::Taxes(Some(taxes)) => {
                (planned.with_tax(taxes).map_err(PlanError::from)?, TaxTold::Within)
            }
            Foreseen::Unknown if market.tax_included => (planned, TaxTold::Within),
            Foreseen::Unknown => (planned, TaxTold::OnTop),
        })
    }
}
