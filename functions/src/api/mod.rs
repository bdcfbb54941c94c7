//! The API: one module per resource, each with its attributes, its operations and what they do.

pub(crate) mod addresses;
mod adjustments;
pub(crate) mod annotations;
pub(crate) mod answer;
mod asked_before;
mod bundles;
pub(crate) mod catalog;
mod change_items;
pub(crate) mod change_subscription;
pub(crate) mod channel_mappings;
pub(crate) mod channel_webhooks;
pub(crate) mod channels;
pub(crate) mod check_policies;
mod check_records;
mod create_subscription;
mod customer_email;
pub(crate) mod customer_payment_sources;
pub(crate) mod customers;
pub(crate) mod dead_letters;
pub(crate) mod disputes;
mod editable;
mod event_callbacks;
mod events;
pub(crate) mod failures;
mod include;
mod instalment;
mod inverse;
mod job_runs;
mod journal_entries;
mod journals;
pub(crate) mod line_items;
pub(crate) mod listing;
pub(crate) mod markets;
mod number;
mod once_shown;
pub(crate) mod open;
mod order_copies;
pub(crate) mod order_factories;
mod order_subscription_items;
pub(crate) mod order_subscriptions;
pub(crate) mod orders;
mod organizations;
pub(crate) mod previews;
mod price_lists;
mod price_volume_tiers;
mod prices;
mod receivers;
pub(crate) mod reconciliations;
mod recurring_order_copies;
pub(crate) mod refunds;
pub(crate) mod related;
mod run_copy;
mod schedule_rules;
pub(crate) mod settled_json;
mod sku_list_items;
mod sku_lists;
mod skus;
pub(crate) mod snapshot;
mod sold;
mod stock_items;
mod stock_locations;
mod subscription_edit;
pub(crate) mod subscription_imports;
mod subscription_models;
mod swap;
pub(crate) mod tags;
mod tax_calculators;
mod tax_rules;
mod taxed;
mod versions;
mod wake;
mod webhooks;

use std::sync::{Arc, LazyLock};

use perennial_domain::ids::SkuId;
use perennial_runtime::{Clock, Environment, SettingError};

use crate::{
    Aws,
    http::{
        attributes::{Attribute, Kind},
        context::{Context, Services},
        dispatch::HttpFunction,
        object::ResourceType,
        operation::{Operation, Surface, described},
    },
    intake, settings,
    work_queues::WorkQueue,
};

/// Largest price of one unit, in minor units: the most units of the most lines stay countable.
pub(crate) const MAX_AMOUNT: i64 = 100_000_000_000;

/// When it was made.
pub(crate) const CREATED_AT: Attribute =
    Attribute::read("created_at", Kind::Instant, "When it was made.");
/// When it last changed.
pub(crate) const UPDATED_AT: Attribute =
    Attribute::read("updated_at", Kind::Instant, "When it last changed.");

/// Every type of resource.
pub(crate) static RESOURCE_TYPES: &[&ResourceType] = &[
    &organizations::KIND,
    &markets::KIND,
    &subscription_models::KIND,
    &skus::KIND,
    &price_lists::KIND,
    &prices::KIND,
    &price_volume_tiers::KIND,
    &bundles::KIND,
    &adjustments::KIND,
    &sku_lists::KIND,
    &sku_list_items::KIND,
    &stock_items::KIND,
    &stock_locations::KIND,
    &customers::KIND,
    &customer_payment_sources::KIND,
    &addresses::KIND,
    &tags::KIND,
    &orders::KIND,
    &refunds::KIND,
    &disputes::KIND,
    &line_items::KIND,
    &order_subscriptions::KIND,
    &order_subscription_items::KIND,
    &order_factories::KIND,
    &order_copies::KIND,
    &recurring_order_copies::KIND,
    &job_runs::KIND,
    &reconciliations::KIND,
    &dead_letters::KIND,
    &failures::KIND,
    &failures::redrives::REDRIVES,
    &failures::redrives::DISCARDS,
    &failures::overturns::KIND,
    &journal_entries::KIND,
    &events::KIND,
    &versions::KIND,
    &webhooks::KIND,
    &event_callbacks::KIND,
    &subscription_imports::KIND,
    &channels::KIND,
    &channel_mappings::KIND,
    &check_policies::KIND,
    &check_records::KIND,
    &tax_calculators::MANUAL_KIND,
    &tax_calculators::EXTERNAL_KIND,
    &tax_rules::KIND,
    &previews::tax_previews::KIND,
    &crate::checks::STATISTICS_KIND,
    &crate::checks::PREVIEW_KIND,
    &crate::channels::HEALTH_KIND,
    &crate::channels::PREVIEW_KIND,
    &crate::channels::REPLAY_KIND,
    &crate::channels::SOURCE_PAYLOAD_KIND,
    &previews::schedule_previews::KIND,
    &previews::proration_previews::KIND,
    &previews::billing_period_previews::KIND,
    &previews::invoice_previews::KIND,
];

/// The operations that stand in tables, of the API and of intake.
static OPERATIONS: &[&[Operation]] = &[
    organizations::OPERATIONS,
    orders::OPERATIONS,
    line_items::OPERATIONS,
    sku_list_items::OPERATIONS,
    price_volume_tiers::OPERATIONS,
    stock_items::OPERATIONS,
    stock_locations::OPERATIONS,
    order_subscriptions::OPERATIONS,
    order_subscription_items::OPERATIONS,
    order_factories::OPERATIONS,
    order_copies::OPERATIONS,
    recurring_order_copies::OPERATIONS,
    job_runs::OPERATIONS,
    reconciliations::DESCRIBED,
    dead_letters::OPERATIONS,
    failures::DESCRIBED,
    failures::redrives::DESCRIBED,
    failures::overturns::DESCRIBED,
    journal_entries::OPERATIONS,
    events::OPERATIONS,
    versions::OPERATIONS,
    event_callbacks::OPERATIONS,
    subscription_imports::DESCRIBED,
    customer_payment_sources::DESCRIBED,
    refunds::DESCRIBED,
    &crate::channels::DESCRIBED,
    &crate::checks::DESCRIBED,
    described!(previews::schedule_previews::OPERATIONS),
    described!(previews::proration_previews::OPERATIONS),
    described!(previews::billing_period_previews::OPERATIONS),
    described!(previews::invoice_previews::OPERATIONS),
    described!(previews::tax_previews::OPERATIONS),
    described!(intake::orders::OPERATIONS),
    described!(intake::line_items::OPERATIONS),
];

/// Every operation, those that follow relationships last: what is made from tables never stands
/// before what was written for its path.
static SERVED: LazyLock<Vec<&[Operation]>> = LazyLock::new(|| {
    let made = [catalog::OPERATIONS.as_slice(), related::OPERATIONS.as_slice()];
    OPERATIONS.iter().copied().chain(made).collect()
});

/// The sku with this code. Ids stand under their organization, as codes do.
pub(crate) fn skus_id_of(_: &Context<'_>, code: &str) -> SkuId {
    SkuId::of_code(code)
}

/// Every operation, of the API and of intake.
pub(crate) fn operations() -> impl Iterator<Item = &'static Operation> {
    SERVED.iter().flat_map(|operations| operations.iter())
}

/// The type of resource with this name.
pub(crate) fn resource_type(name: &str) -> Option<&'static ResourceType> {
    RESOURCE_TYPES.iter().find(|kind| kind.name == name).copied()
}

/// The function that reads and manages everything but what intake takes.
pub(crate) fn build(
    environment: &Environment,
    aws: &Aws,
    clock: &Arc<dyn Clock>,
) -> Result<HttpFunction, SettingError> {
    let queues = WorkQueue::ALL
        .into_iter()
        .map(|queue| Ok((queue, queue.open(environment, aws)?)))
        .collect::<Result<_, SettingError>>()?;
    Ok(HttpFunction {
        surface: Surface::Api,
        operations: &SERVED,
        open: Some(|asked| Box::pin(std::future::ready(open::answer(asked.request)))),
        services: Services {
            queues,
            private_webhooks: settings::private_webhooks(environment)?,
            ..Services::over(settings::store(environment, aws)?)
        },
        clock: Arc::clone(clock),
        sam_local: environment.get("AWS_SAM_LOCAL") == Some("true"),
    })
}
