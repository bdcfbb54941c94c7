//! What was collected for an order, be it a client's or a run's.

use super::Reversals;
use crate::{
    ids::{CustomerId, MarketId, OrderId, SubscriptionId},
    money::{Currency, MinorUnits, MoneyError},
    order::{Order, PaymentStatus},
    run::Run,
};

/// What was collected for an order, and how much of it went back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Collected {
    /// The order.
    pub order_id: OrderId,
    /// The subscription whose run has made it, if one has.
    pub order_subscription_id: Option<SubscriptionId>,
    /// Where it was taken.
    pub market_id: MarketId,
    /// Whose it is.
    pub customer_id: Option<CustomerId>,
    /// Currency of every amount.
    pub currency: Currency,
    /// What was taken, in minor units; zero where nothing was.
    pub captured: MinorUnits,
    /// The provider's charge; `None` where there is none.
    pub charge_id: Option<String>,
    /// Where the payment stood before anything went back.
    pub collected_status: PaymentStatus,
    /// What went back.
    pub reversals: Reversals,
}

impl Collected {
    /// For the order of a client.
    ///
    /// # Errors
    /// When a sum is out of range.
    pub fn of_order(order: &Order) -> Result<Self, MoneyError> {
        let captured = order.charge_id.as_ref().map(|_| order.total()).transpose()?;
        Ok(Self {
            order_id: order.id.clone(),
            order_subscription_id: order.order_subscription_id.clone(),
            market_id: order.market_id.clone(),
            customer_id: order.customer_id.clone(),
            currency: order.currency,
            captured: captured.unwrap_or(MinorUnits::ZERO),
            charge_id: order.charge_id.clone(),
            collected_status: order.payment_status,
            reversals: order.reversals.clone().unwrap_or_default(),
        })
    }

    /// For the order that a run has made.
    #[must_use]
    pub fn of_run(run: &Run) -> Self {
        let captured = run.charge_id.as_ref().map_or(MinorUnits::ZERO, |_| run.total);
        Self {
            order_id: run.order_id(),
            order_subscription_id: Some(run.subscription_id.clone()),
            market_id: run.market_id.clone(),
            customer_id: run.customer_id.clone(),
            currency: run.currency,
            captured,
            charge_id: run.charge_id.clone(),
            collected_status: run.collected_status(),
            reversals: run.reversals.clone().unwrap_or_default(),
        }
    }

    /// Where the payment stands.
    #[must_use]
    pub fn status(&self) -> PaymentStatus {
        self.reversals.status(self.collected_status, self.captured)
    }
}
