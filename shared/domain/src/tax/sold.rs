//! What orders, subscriptions and runs sell, as tax sees it.

use super::SoldLine;
use crate::money::MinorUnits;
use crate::{order::Order, pricing::OrderedItem, run::Run, subscription::Subscription};

impl Order {
    /// Its lines, by their ids.
    #[must_use]
    pub fn sold(&self) -> Vec<SoldLine<'_>> {
        let lines = self.line_items.iter();
        let sold = lines.map(|line| SoldLine {
            id: line.id.to_string(),
            item: &line.item,
            unit_amount: line.unit_amount,
            quantity: line.quantity,
        });
        sold.collect()
    }
}

impl Subscription {
    /// What each of its runs sells, by their places from 1: the same as [`Run::sold`] of its run.
    #[must_use]
    pub fn sold(&self) -> Vec<SoldLine<'_>> {
        by_place(self.items.iter().map(|item| (&item.item, item.unit_amount, item.quantity)))
    }
}

impl Run {
    /// Its lines, by their places from 1, which is what tells them apart.
    #[must_use]
    pub fn sold(&self) -> Vec<SoldLine<'_>> {
        by_place(self.lines.iter().map(|line| (&line.item, line.unit_amount, line.quantity)))
    }
}

fn by_place<'a>(
    lines: impl Iterator<Item = (&'a OrderedItem, MinorUnits, u32)>,
) -> Vec<SoldLine<'a>> {
    let sold = (1_usize..).zip(lines).map(|(place, (item, unit_amount, quantity))| SoldLine {
        id: place.to_string(),
        item,
        unit_amount,
        quantity,
    });
    sold.collect()
}
