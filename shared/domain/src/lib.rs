//! The rules of Perennial, pure: values in, decisions out. No I/O, no clock, no randomness.
//!
//! - [`time`]: when an order repeats
//! - [`money`]: what it costs, in integer minor units
//! - [`billing_period`], [`invoice`]: what is billed for which time, and what is given back
//! - [`lifecycle`], [`subscription`], [`run`], [`plan`]: what a subscription may do, and what is to
//!   be done when it is due
//! - [`proration`]: what part of it is due when terms change within a period
//! - [`renewal_alert`]: when a run is announced, and whether it can be paid
//! - [`dunning`]: what follows a declined payment
//! - [`placement`]: whether an order may be placed
//! - [`journal`]: how every change is recorded, and [`event_topics`] what that means to subscribers

pub mod billing_period;
pub mod catalog;
pub mod dunning;
pub mod event_topics;
pub mod ids;
pub mod invoice;
pub mod journal;
pub mod lifecycle;
pub mod money;
pub mod order;
pub mod placement;
pub mod plan;
pub mod proration;
pub mod renewal_alert;
pub mod run;
pub mod subscription;
pub mod time;
pub mod webhook;
