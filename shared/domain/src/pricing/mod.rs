//! What things cost: price lists, bundles, discounts and fees, and what lines cost together.

mod adjustment;
mod bundle;
mod current;
mod ordered_item;
mod price;
mod totals;

pub use adjustment::Adjustment;
pub use bundle::{Bundle, Component, MAX_COMPONENT_QUANTITY, MAX_COMPONENTS, sum_of_parts};
pub use current::{CurrentPrices, NoPrice, PRICE_MISSING, Wanted};
pub use ordered_item::OrderedItem;
pub use price::{MAX_TIERS, Price, PriceList, PriceSource, UnitPrice, VolumeTier};
pub use totals::Totals;
