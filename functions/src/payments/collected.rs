//! What was collected for an order, and writing down what went back of it.

use perennial_domain::{
    ids::OrderId,
    payment::{Collected, Reversals},
};
use perennial_store::{Commit, Expect, StoredOrder};

use super::Work;
use crate::sqs_batch::HandleError;

/// An order with what was collected for it.
pub(crate) struct Paid {
    pub(crate) order: StoredOrder,
    pub(crate) collected: Collected,
}

impl Work<'_> {
    /// The order, if there is one.
    pub(crate) async fn paid(&self, id: &OrderId) -> Result<Option<Paid>, HandleError> {
        let Some(order) = self.services.store.order(self.organization, id).await? else {
            return Ok(None);
        };
        paid(order).map(Some)
    }
}

/// What was collected for an order.
pub(crate) fn paid(order: StoredOrder) -> Result<Paid, HandleError> {
    let collected = match &order {
        StoredOrder::Client(order) => Collected::of_order(order)
            .map_err(|error| HandleError::Permanent(format!("order {}: {error}", order.id)))?,
        StoredOrder::Run(run) => Collected::of_run(run),
    };
    Ok(Paid { order, collected })
}

impl Paid {
    /// Writes what went back of it, on condition that nobody has changed it meanwhile.
    pub(crate) fn write<'a>(
        &self,
        commit: Commit<'a>,
        reversals: Reversals,
        now: chrono::DateTime<chrono::Utc>,
    ) -> Commit<'a> {
        match &self.order {
            StoredOrder::Client(before) => {
                let mut order = before.clone();
                order.reversals = Some(reversals);
                order.version += 1;
                order.updated_at = now;
                commit.order(&order, Expect::Version(before.version))
            }
            StoredOrder::Run(before) => {
                let mut run = before.clone();
                run.reversals = Some(reversals);
                run.version += 1;
                commit.changed_run(&run, before.version)
            }
        }
    }
}
