//! Stock held by orders. It is taken before a payment is tried, in a transaction of its own that
//! leaves a note of it under the order, so that taking it twice takes it once, and just that is put
//! back, whatever is tracked by then.

use std::collections::BTreeMap;

use perennial_domain::ids::{OrderId, OrganizationId};
use serde::{Deserialize, Serialize};

use crate::{Commit, Part, Store, StoreError, item::from_item, keys::Key};

/// What an order holds of stock.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct StockNote {
    /// The units, by the code of their sku.
    held: BTreeMap<String, i64>,
}

impl StockNote {
    /// The units of each sku: a transaction may name an item only once.
    pub(crate) fn of(wanted: &[(&str, u32)]) -> Self {
        let mut held = BTreeMap::new();
        for (code, units) in wanted {
            *held.entry((*code).to_owned()).or_default() += i64::from(*units);
        }
        Self { held }
    }

    pub(crate) fn key(organization: &OrganizationId, order: &OrderId) -> Key {
        Key::of(organization, "T", order.as_str())
    }
}

impl Store {
    /// Takes the units that an order needs out of stock, all or none; what is not tracked any more
    /// gives freely. Taking them again for the same order changes nothing. Two write units for each
    /// sku and two for the note.
    ///
    /// # Errors
    /// [`StoreError::OutOfStock`] names the first sku that has too few.
    pub async fn hold_stock(
        &self,
        organization: &OrganizationId,
        order: &OrderId,
        wanted: &[(&str, u32)],
    ) -> Result<(), StoreError> {
        let mut note = StockNote::of(wanted);
        while !note.held.is_empty() {
            let commit = self.commit(organization).stock_note(order, Some(&note));
            let held = note.held.iter();
            let commit = held.fold(commit, |commit, (code, units)| commit.take_stock(code, *units));
            match commit.run().await {
                Err(StoreError::Conflict(Part::Stock)) => return Ok(()),
                Err(StoreError::NotTracked { sku }) if note.held.remove(&sku).is_some() => {}
                sent => return sent,
            }
        }
        Ok(())
    }

    /// The units that an order holds, by the code of their sku. One read unit.
    ///
    /// # Errors
    /// When storage does not answer.
    pub async fn held_stock(
        &self,
        organization: &OrganizationId,
        order: &OrderId,
    ) -> Result<BTreeMap<String, i64>, StoreError> {
        let note = self.get_item(&self.book, &StockNote::key(organization, order), true).await?;
        let note = note.map(from_item::<StockNote>).transpose()?;
        Ok(note.map(|note| note.held).unwrap_or_default())
    }

    /// Puts back what [`Store::hold_stock`] took, if it took anything. Where stock is not tracked
    /// any more, or the sku is gone, there is nothing to put back to. One read unit where nothing
    /// is held.
    ///
    /// # Errors
    /// When storage does not answer.
    pub async fn release_stock(
        &self,
        organization: &OrganizationId,
        order: &OrderId,
    ) -> Result<(), StoreError> {
        self.commit(organization).run_releasing(order).await
    }
}

impl Commit<'_> {
    /// Writes it all and, in the same transaction, makes sure that an order holds its units: where it
    /// holds none any more, they are taken again. What is not tracked gives freely. One read unit;
    /// two write units for the note, and two for each sku that is taken from.
    ///
    /// # Errors
    /// As [`Commit::run`]; [`StoreError::OutOfStock`] names the first sku that has too few.
    pub async fn run_holding(
        self,
        order: &OrderId,
        wanted: &[(&str, u32)],
    ) -> Result<(), StoreError> {
        let key = StockNote::key(self.organization(), order);
        let mut wanted = StockNote::of(wanted);
        loop {
            let note = self.store().get_item(&self.store().book, &key, true).await?;
            let commit = match note.map(from_item::<StockNote>).transpose()? {
                Some(note) => self.clone().stock_note_stands(order, &note),
                None if wanted.held.is_empty() => self.clone(),
                None => {
                    let commit = self.clone().stock_note(order, Some(&wanted));
                    let wanted = wanted.held.iter();
                    wanted.fold(commit, |commit, (code, units)| commit.take_stock(code, *units))
                }
            };
            match commit.run().await {
                // Somebody else has taken them, or put them back, in between.
                Err(StoreError::Conflict(Part::Stock)) => {}
                Err(StoreError::NotTracked { sku }) if wanted.held.remove(&sku).is_some() => {}
                sent => return sent,
            }
        }
    }

    /// The same as [`Commit::run_releasing`] where an order holds something of stock, and nothing at
    /// all where it does not: then it is one read unit.
    ///
    /// # Errors
    /// As [`Commit::run`].
    pub async fn run_if_held(self, order: &OrderId) -> Result<(), StoreError> {
        let key = StockNote::key(self.organization(), order);
        match self.store().get_item(&self.store().book, &key, true).await? {
            Some(_) => self.run_releasing(order).await,
            None => Ok(()),
        }
    }

    /// Writes it all and, in the same transaction, puts back what an order holds of stock: whoever
    /// dies before it leaves both undone, and whoever dies after it has nothing left to do.
    ///
    /// # Errors
    /// As [`Commit::run`].
    pub async fn run_releasing(self, order: &OrderId) -> Result<(), StoreError> {
        let key = StockNote::key(self.organization(), order);
        let note = self.store().get_item(&self.store().book, &key, true).await?;
        let mut note: Option<StockNote> = note.map(from_item).transpose()?;
        loop {
            let commit = match &note {
                Some(StockNote { held }) => held
                    .iter()
                    .fold(self.clone().stock_note(order, None), |commit, (code, units)| {
                        commit.take_stock(code, -*units)
                    }),
                None => self.clone(),
            };
            match (commit.run().await, &mut note) {
                // There is always room to put something back: the sku is gone.
                (
                    Err(StoreError::OutOfStock { sku } | StoreError::NotTracked { sku }),
                    Some(note),
                ) if note.held.contains_key(&sku) => {
                    note.held.remove(&sku);
                }
                // Somebody else has put it back by now.
                (Err(StoreError::Conflict(Part::Stock)), Some(_)) => note = None,
                (sent, _) => return sent,
            }
        }
    }
}
