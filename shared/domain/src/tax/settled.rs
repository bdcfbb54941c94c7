//! Which sales have their taxes settled, in a write of their own, before they are charged.
//!
//! Whoever repeats an attempt that was cut short must ask for the same amount under the same key, so
//! everybody who is at a sale must agree on whether its taxes are settled first. They do, because
//! that follows from two instants that are stored and never move back: when the sale is made, and
//! when its market was given its first calculator. A market that never had one costs no write; one
//! that has lost its calculator still settles, namely that there is no tax.

use chrono::{DateTime, TimeDelta, Utc};

use crate::{catalog::Market, order::Order};

/// How long others may take to hear that a market computes taxes: renewals due within it of that are
/// charged without.
pub const NOTICE: TimeDelta = TimeDelta::minutes(1);

/// Whether the taxes of an order are settled before it is charged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settles {
    /// There are none to settle.
    Never,
    /// Before it is charged.
    First,
    /// Before it is charged, unless that was done already by somebody who had not heard of taxes.
    UnlessCharged,
}

impl Market {
    /// Since when renewals have their taxes settled where the market is given a calculator at `now`;
    /// a market that begins with one settles them from the beginning.
    #[must_use]
    pub fn settled_from(now: DateTime<Utc>, is_new: bool) -> DateTime<Utc> {
        if is_new { now } else { now + NOTICE }
    }

    /// Whether a renewal that is due then has its taxes settled before it is charged.
    #[must_use]
    pub fn settles_renewal(&self, due_at: DateTime<Utc>) -> bool {
        self.taxes_settled_from.is_some_and(|from| from <= due_at)
    }

    /// The same for an order of a client. Markets of orders are read as they are at the moment, so
    /// orders need no notice.
    #[must_use]
    pub fn settles_order(&self, order: &Order) -> Settles {
        let placing_at = order.placing_at.unwrap_or(order.created_at);
        match self.taxes_settled_from {
            Some(from) if from <= placing_at => Settles::First,
            Some(from) if from - NOTICE <= placing_at => Settles::UnlessCharged,
            Some(_) | None => Settles::Never,
        }
    }
}

#[cfg(test)]
#[path = "settled_tests.rs"]
mod tests;
