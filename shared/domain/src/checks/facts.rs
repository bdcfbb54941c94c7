//! All that the checks of an order look at, as loaded.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Utc};

use super::{CheckName, Settings};
use crate::{
    ids::{AddressId, SkuId},
    order::{Order, Rejection},
    placement::OrderContext,
    pricing::CurrentPrices,
    subscription::Subscription,
};

/// All that an order's checks look at.
#[derive(Debug, Clone)]
pub struct Facts<'a> {
    /// The order and what it refers to.
    pub context: OrderContext<'a>,
    /// The country of each of its addresses, as far as they exist.
    pub countries: &'a HashMap<AddressId, String>,
    /// The subscriptions that it would become.
    pub becoming: &'a [Subscription],
    /// What its customer has; `None` where no check asks, or there is no customer.
    pub holdings: Option<&'a Holdings>,
    /// What the market's price list says, as far as a check asks.
    pub prices: &'a CurrentPrices,
    /// The subscriptions that take from the stock of its skus, as far as a check asks.
    pub reserving: &'a HashMap<SkuId, Reserving>,
    /// What else makes the order impossible.
    pub impossible: &'a [Rejection],
    /// What its own units lack in stock.
    pub short: &'a [Rejection],
    /// The units by the code of their sku that it has taken from stock already, as far as a check asks:
    /// its message comes again.
    pub held: &'a BTreeMap<String, i64>,
    /// The instant as of which it is checked.
    pub now: DateTime<Utc>,
}

/// What a customer has besides the order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Holdings {
    /// Their subscriptions.
    pub subscriptions: Vec<Subscription>,
    /// Their orders, without those that runs have made; the newest first.
    pub orders: Vec<Order>,
    /// Whether there are more subscriptions than these.
    pub more: bool,
}

/// The subscriptions that take from the stock of a sku.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reserving {
    /// They, as far as they were read.
    pub subscriptions: Vec<Subscription>,
    /// Whether there are more than these.
    pub more: bool,
}

/// What must be read for the checks that are made, beyond what every order refers to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a read of its own")]
pub struct Needs {
    /// What the customer has.
    pub holdings: bool,
    /// What the price list says.
    pub prices: bool,
    /// Who takes from the stock of the order's skus.
    pub reserving: bool,
    /// What the order itself has taken from it.
    pub held: bool,
}

impl Needs {
    /// What must be read for either.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            holdings: self.holdings || other.holdings,
            prices: self.prices || other.prices,
            reserving: self.reserving || other.reserving,
            held: self.held || other.held,
        }
    }
}

impl Settings {
    /// What must be read for them.
    #[must_use]
    pub fn needs(&self) -> Needs {
        let terms = self.of(CheckName::PaymentTerms);
        let charges = terms.max_open_charges.is_some() || terms.max_overdue_days.is_some();
        let availability = self.of(CheckName::RecurringAvailability);
        Needs {
            holdings: self.is_on(CheckName::DuplicateSubscription)
                || self.is_on(CheckName::DuplicateOrder)
                || (self.is_on(CheckName::PaymentTerms) && charges)
                || (self.is_on(CheckName::CreditLimit)
                    && self.of(CheckName::CreditLimit).exposure_days.is_some()),
            prices: self.is_on(CheckName::PriceTolerance),
            reserving: self.is_on(CheckName::RecurringAvailability)
                && availability.reserve == Some(true),
            held: self.is_on(CheckName::RecurringAvailability),
        }
    }
}
