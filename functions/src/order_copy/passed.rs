//! Runs that were passed over and are paid all the same: what their orders cost is what was paid.

use perennial_domain::{
    ids::OrganizationId,
    money::MinorUnits,
    plan::{Outcome, PlanError, PlannedRun, Settled, settle_passed},
    subscription::Subscription,
};
use perennial_payments::ChargeLookup;

use super::{OrderCopy, key};
use crate::{charging, sqs_batch::HandleError, taxes};

impl OrderCopy {
    /// Settles a run that has no item, whose money was found. The prices and taxes that it was charged
    /// with went when it was passed over, so it is planned and taxed by its day as any run, and booked
    /// at what the provider has taken for it. Nothing is charged any more.
    pub(super) async fn settle_found(
        &self,
        organization: &OrganizationId,
        subscription: &Subscription,
        planned: PlannedRun,
        paid: &Outcome,
    ) -> Result<Settled, HandleError> {
        let taken = self.taken(organization, subscription, &planned).await?;
        let mut planned = planned;
        if let Some(market) = self.settling_tax(organization, subscription, &planned).await? {
            let sale = taxes::of_renewal(organization, &market, subscription, &planned);
            // Where nobody tells it any more, it has none.
            if let Ok(Some(tax)) = self.taxes.taxes_for(&sale, self.clock.now()).await? {
                planned = planned.with_tax(tax).map_err(PlanError::from)?;
            }
        }
        let now = self.clock.now();
        let mut settled = settle_passed(subscription, subscription, &planned, paid, now)?;
        settled.book_at(taken, now).map_err(PlanError::from)?;
        Ok(settled)
    }

    /// What the provider has taken for a run.
    async fn taken(
        &self,
        organization: &OrganizationId,
        subscription: &Subscription,
        planned: &PlannedRun,
    ) -> Result<MinorUnits, HandleError> {
        let key = key(organization, subscription, planned);
        let lookup = ChargeLookup::new(organization.as_str(), key).since(planned.due_at);
        let found = self.provider.find_charge(&lookup).await;
        let found = found.map_err(|error| charging::failure(&error))?;
        let charge = found.filter(|charge| charge.state.is_paid()).ok_or_else(|| {
            HandleError::Transient(format!("the charge of {} is not found", planned.order_id))
        })?;
        if charge.currency != subscription.currency.to_string() {
            return Err(HandleError::Permanent(format!(
                "{} {} was paid for {}, whose subscription is in {}",
                charge.amount_minor, charge.currency, planned.order_id, subscription.currency
            )));
        }
        Ok(MinorUnits::new(charge.amount_minor))
    }
}
