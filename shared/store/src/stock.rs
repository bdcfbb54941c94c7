//! Stock held by orders. It is taken before a payment is tried, in a transaction of its own that
//! leaves a note under the order, so that taking it twice takes it once.

use perennial_domain::ids::{OrderId, OrganizationId};

use crate::{Part, Store, StoreError};

impl Store {
    /// Takes the units that an order needs out of stock, all or none. Taking them again for the
    /// same order changes nothing. Two write units for each sku and two for the note.
    ///
    /// # Errors
    /// [`StoreError::OutOfStock`] names the first sku that has too few.
    pub async fn hold_stock(
        &self,
        organization: &OrganizationId,
        order: &OrderId,
        wanted: &[(&str, u32)],
    ) -> Result<(), StoreError> {
        let commit = self.commit(organization).stock_note(order, true);
        let commit = totals(wanted)
            .into_iter()
            .fold(commit, |commit, (code, units)| commit.take_stock(code, units));
        match commit.run().await {
            Err(StoreError::Conflict(Part::Stock)) => Ok(()),
            sent => sent,
        }
    }

    /// Puts back what [`Store::hold_stock`] took, if it took anything. Where stock is not tracked
    /// any more, or the sku is gone, there is nothing to put back to.
    ///
    /// # Errors
    /// When storage does not answer.
    pub async fn release_stock(
        &self,
        organization: &OrganizationId,
        order: &OrderId,
        wanted: &[(&str, u32)],
    ) -> Result<(), StoreError> {
        let mut held = totals(wanted);
        loop {
            let commit = self.commit(organization).stock_note(order, false);
            let commit =
                held.iter().fold(commit, |commit, (code, units)| commit.take_stock(code, -units));
            match commit.run().await {
                // There is always room to put something back: the sku is gone.
                Err(StoreError::OutOfStock { sku }) if held.remove(sku.as_str()).is_some() => {}
                Err(StoreError::Conflict(Part::Stock)) => return Ok(()),
                sent => return sent,
            }
        }
    }
}

/// The units of each sku: a transaction may name an item only once.
fn totals<'a>(wanted: &[(&'a str, u32)]) -> std::collections::BTreeMap<&'a str, i64> {
    let mut totals = std::collections::BTreeMap::new();
    for (code, units) in wanted {
        *totals.entry(*code).or_default() += i64::from(*units);
    }
    totals
}
