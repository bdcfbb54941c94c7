//! The rules of Perennial, pure: values in, decisions out. No I/O, no clock, no randomness.
//!
//! - [`time`]: when an order repeats
//! - [`money`]: what it costs, in integer minor units
//! - [`pricing`]: prices, bundles, discounts and fees, and what lines cost together
//! - [`billing_period`], [`invoice`]: what is billed for which time, and what is given back
//! - [`lifecycle`], [`subscription`], [`run`], [`plan`]: what a subscription may do, and what is to
//!   be done when it is due
//! - [`proration`]: what part of it is due when terms change within a period
//! - [`reconciliation`]: the proof that nothing was lost, repeated, or taken without an order
//! - [`renewal_alert`]: when a run is announced, and whether it can be paid
//! - [`tax`]: what orders bear of it, by rule, category, date and destination
//! - [`dunning`]: what follows a declined payment
//! - [`payment`]: refunds, disputes, and the order of a customer's payment sources
//! - [`checks`]: whether an order may be placed, and [`placement`] what becomes of it
//! - [`manual_subscription`], [`copy_order`], [`order_copy`]: subscriptions and copies made by hand
//! - [`impact`]: how much a failure matters
//! - [`import`]: subscriptions that come from another book
//! - [`organization`]: what an organization has decided about itself
//! - [`journal`]: how every change is recorded, and [`event_topics`] what that means to subscribers
//! - [`webhook`]: who is told of it, and what is done when a message does not arrive

pub mod billing_period;
pub mod catalog;
pub mod checks;
pub mod copy_order;
pub mod country;
pub mod dunning;
pub mod event_topics;
pub mod ids;
pub mod impact;
pub mod import;
pub mod invoice;
pub mod journal;
pub mod lifecycle;
pub mod manual_subscription;
pub mod money;
mod new_subscription;
pub mod order;
pub mod order_copy;
#[cfg(test)]
mod order_fixture;
pub mod organization;
pub mod payment;
pub mod placement;
pub mod plan;
pub mod pricing;
pub mod proration;
pub mod reconciliation;
pub mod renewal_alert;
pub mod run;
pub mod subscription;
pub mod tax;
pub mod time;
pub mod webhook;
