//! One binary for all tests of the whole system, so that it is linked once.
#![expect(clippy::panic, clippy::indexing_slicing, reason = "a test stops at the first surprise")]

mod api_docs;
mod automatic_subscriptions;
mod bad_input;
mod between_runs;
mod bundles;
mod client_library;
mod clock;
mod downtime;
mod duplicates;
mod events;
mod faults;
mod idempotency;
mod import;
mod json_api;
mod kill;
mod main_job;
mod manual_subscriptions;
mod order_copies;
mod overload;
mod permissions;
mod poison;
mod previews;
mod prices;
mod renewal_alerts;
mod resources;
mod restart;
mod schedule_rules;
mod states;
mod stock;
mod subscription_items;
mod switched_off;
mod template;
mod tenancy;
mod webhook_api;
mod webhooks;
