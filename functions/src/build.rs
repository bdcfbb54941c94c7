//! How each function is built from its environment. A binary names its own here, so that the linker
//! leaves the others out of it.

use std::sync::Arc;

use perennial_runtime::{Clock, Environment, Function, SettingError};
use thiserror::Error;

use crate::{
    Aws, api, api::previews as rule_previews, channels as channel_intake, checks as order_checks,
    dead_letter, event_relay, failures as ranked, health as health_checks, import as imports,
    intake, order_copy, payment_events as events_of_payments, payment_retry, payments,
    reconciliation, renewal_tick, validation, webhooks,
};

/// Builds one function.
pub type Build = fn(&Environment, &Aws, &Arc<dyn Clock>) -> Built;

/// A function, or what is wrong with its settings.
pub type Built = Result<Arc<dyn Function>, BuildError>;

/// Why a function could not be built.
#[derive(Debug, Error)]
pub enum BuildError {
    /// A setting is missing or wrong.
    #[error(transparent)]
    Setting(#[from] SettingError),
    /// No function has this name.
    #[error("there is no function named {0:?}")]
    Unknown(String),
}

macro_rules! functions {
    ($($(#[doc = $about:literal])* $name:ident, $binary:literal => $build:path;)*) => {
        $(
            $(#[doc = $about])*
            ///
            /// # Errors
            /// When one of its settings is missing or wrong.
            pub fn $name(environment: &Environment, aws: &Aws, clock: &Arc<dyn Clock>) -> Built {
                Ok(Arc::new($build(environment, aws, clock)?))
            }
        )*

        /// Builds the function whose binary has the given name (`intake`, `renewal-tick`, ...).
        ///
        /// # Errors
        /// When the name is unknown or one of the function's settings is missing or wrong.
        pub fn named(
            binary: &str,
            environment: &Environment,
            aws: &Aws,
            clock: &Arc<dyn Clock>,
        ) -> Built {
            let build: Build = match binary {
                $($binary => $name,)*
                other => return Err(BuildError::Unknown(other.to_owned())),
            };
            build(environment, aws, clock)
        }
    };
}

functions! {
    /// Takes orders from API clients and channels.
    intake, "intake" => intake::build;
    /// Tells whether the service does what it is for.
    health, "health" => health_checks::Health::build;
    /// Takes what channels send, each in a form of its own.
    channels, "channels" => channel_intake::build;
    /// Counts what checks hold and refuse, and tries changed policies on the last orders.
    checks, "checks" => order_checks::build;
    /// Brings in subscriptions from other books.
    import, "import" => imports::build;
    /// Says what the rules of time and money make of given values.
    previews, "previews" => rule_previews::build;
    /// Reads and manages everything else over HTTP.
    api, "api" => api::build;
    /// Checks an order that is being placed, collects its payment and makes its subscriptions.
    validation, "validation" => validation::Validation::build;
    /// Wakes what is due.
    renewal_tick, "renewal-tick" => renewal_tick::RenewalTick::build;
    /// Makes one target order from one due run.
    order_copy, "order-copy" => order_copy::OrderCopy::build;
    /// Collects what failed before.
    payment_retry, "payment-retry" => payment_retry::PaymentRetry::build;
    /// Keeps what no function could handle.
    dead_letter, "dead-letter" => dead_letter::DeadLetters::build;
    /// Ranks what somebody has to see to.
    failures, "failures" => ranked::build;
    /// Publishes the journal on the bus.
    event_relay, "event-relay" => event_relay::EventRelay::build;
    /// Takes what payment providers tell.
    payment_events, "payment-events" => events_of_payments::PaymentEvents::build;
    /// Gives money back, and keeps payment sources.
    payments, "payments" => payments::Payments::build;
    /// Proves the books.
    reconciliation, "reconciliation" => reconciliation::Reconciler::build;
    /// Tells webhooks of events.
    webhooks, "webhooks" => webhooks::Webhooks::build;
}
