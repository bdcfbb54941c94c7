//! Values as the functions make them, and the steps of a renewal as they take them.

use std::error::Error;

use chrono::{DateTime, TimeDelta, Utc};
use perennial_domain::{
    catalog::Sku,
    ids::{
        CustomerId, JobRunId, MarketId, ModelId, OrderId, OrganizationId, PaymentSourceId, SkuId,
        SubscriptionId, SubscriptionItemId,
    },
    journal::{Cause, Entry, Head, append},
    lifecycle::SubscriptionStatus,
    money::MinorUnits,
    order::{Addresses, Annotations, LineItem, Order, OrderStatus, PaymentStatus},
    order_copy::Factory,
    plan::{Outcome, Settled, plan_run, settle_run},
    pricing::{OrderedItem, PriceSource},
    subscription::{Subscription, SubscriptionItem},
    time::{CutOff, OccurrenceNumber, Slot},
};
use perennial_store::{Claim, DueEntry, Expect, Store};
use serde_json::{Value, json};

type Made<T> = Result<T, Box<dyn Error>>;

/// Occurrence 0 of every subscription here; the first run is due a month later.
pub(crate) const ANCHOR: &str = "2027-01-31T10:00:00Z";
/// When the first run is due.
pub(crate) const DUE: &str = "2027-02-28T10:00:00Z";

pub(crate) fn at(text: &str) -> Made<DateTime<Utc>> {
    Ok(text.parse()?)
}

pub(crate) fn acme() -> Made<OrganizationId> {
    Ok("acme".parse()?)
}

pub(crate) fn job(name: &str) -> JobRunId {
    JobRunId::derived(&[name])
}

fn item(subscription: &SubscriptionId, line: usize) -> SubscriptionItem {
    SubscriptionItem {
        id: SubscriptionItemId::of(subscription, &line.to_string()),
        item: OrderedItem::sku(format!("BEANS-100{line}")),
        name: format!("House blend {line}, 1 kg"),
        quantity: 2,
        unit_amount: MinorUnits::new(1_990),
        price_override: false,
        one_off: false,
        annotations: Annotations::default(),
    }
}

/// An active monthly subscription of some items, its first run due at [`DUE`].
pub(crate) fn subscription(name: &str, items: usize) -> Made<Subscription> {
    let id = SubscriptionId::derived(&[name]);
    let anchor = at(ANCHOR)?;
    let mut subscription = Subscription {
        status: SubscriptionStatus::Active,
        market_id: MarketId::derived(&["eu"]),
        model_id: Some(ModelId::derived(&["model"])),
        source_order_id: Some(OrderId::derived(&[name])),
        customer_id: Some(CustomerId::derived(&[name])),
        payment_source_id: Some(PaymentSourceId::derived(&[name])),
        addresses: Addresses::default(),
        tags: Vec::new(),
        currency: "EUR".parse()?,
        items: (1..=items).map(|line| item(&id, line)).collect(),
        price_list_id: None,
        frequency: "monthly".parse()?,
        anchor,
        time_zone: "Europe/Rome".parse()?,
        rules: Default::default(),
        next_number: None,
        next_run_at: None,
        expires_at: None,
        max_occurrences: None,
        jumped_numbers: 0,
        rescheduled: None,
        stands_for: None,
        cut_off: CutOff::default(),
        resumes_at: None,
        cancelled_at: None,
        renewal_alert_period: None,
        alerted: None,
        last_run_at: Some(anchor),
        last_ordered_at: None,
        factory: Factory::default(),
        activate_by_source_order: true,
        place_target_order: true,
        occurrencies: 0,
        errors_count: 0,
        succeeded_on_last_run: None,
        unsettled: Vec::new(),
        awaits_method: None,
        access_until: None,
        catch_up: Default::default(),
        retry: Default::default(),
        reference: None,
        reference_origin: None,
        metadata: Value::Null,
        created_at: anchor,
        updated_at: anchor,
        version: 1,
        journal: Head::default(),
        run_number: None,
        lease_until: None,
        lease_claims: None,
        job_run_id: None,
        prices_fixed: false,
        tax: None,
        blocked_by: None,
        held_by: None,
        id,
    };
    let source = Slot { number: OccurrenceNumber::ANCHOR, at: anchor };
    subscription.set_next(Some(subscription.schedule().following(source)?.slot()));
    Ok(subscription)
}

pub(crate) fn order(name: &str) -> Made<Order> {
    let created_at = at(ANCHOR)?;
    Ok(Order {
        id: OrderId::derived(&[name]),
        status: OrderStatus::Draft,
        payment_status: PaymentStatus::Unpaid,
        market_id: MarketId::derived(&["eu"]),
        customer_id: Some(CustomerId::derived(&[name])),
        payment_source_id: Some(PaymentSourceId::derived(&[name])),
        currency: "EUR".parse()?,
        line_items: vec![LineItem {
            id: perennial_domain::ids::LineItemId::derived(&[name]),
            item: OrderedItem::sku("BEANS"),
            name: "House blend, 1 kg".to_owned(),
            quantity: 2,
            unit_amount: MinorUnits::new(1_990),
            price_source: PriceSource::Own,
            compare_at_amount: None,
            frequency: Some("monthly".parse()?),
            annotations: Annotations::default(),
        }],
        create_subscriptions: false,
        subscriptions_created: false,
        subscription_created_at: None,
        manual_subscription_ids: Vec::new(),
        order_subscription_id: None,
        order_copy_id: None,
        subscriptions_expire_at: None,
        channel: None,
        rejections: Vec::new(),
        checks: Vec::new(),
        overturn: None,
        tax: None,
        tax_fixed: false,
        placements: 0,
        charge_id: None,
        reversals: None,
        reference: None,
        reference_origin: None,
        metadata: Value::Null,
        addresses: Addresses::default(),
        tags: Vec::new(),
        placing_at: None,
        placed_at: None,
        cancelled_at: None,
        created_at,
        updated_at: created_at,
        version: 1,
        journal: Head::default(),
    })
}

pub(crate) fn sku(code: &str, stock: Option<u32>) -> Made<Sku> {
    let created_at = at(ANCHOR)?;
    Ok(Sku {
        id: SkuId::of_code(code),
        code: code.to_owned(),
        name: "House blend, 1 kg".to_owned(),
        unit_amount: MinorUnits::new(1_990),
        currency: "EUR".parse()?,
        frequencies: Vec::new(),
        tax_category: None,
        stock,
        replenishments: Vec::new(),
        version: 1,
        created_at,
        updated_at: created_at,
    })
}

pub(crate) fn cause() -> Cause {
    Cause { actor: "system:order-copy".to_owned(), reason: job("tick").to_string() }
}

/// The next entry of a subscription's journal.
pub(crate) fn told(
    organization: &OrganizationId,
    subscription: &mut Subscription,
    event: &'static str,
    now: DateTime<Utc>,
) -> Entry {
    let change = perennial_domain::journal::Change {
        event,
        before: Value::Null,
        after: json!({"status": subscription.status, "next_run_at": null, "nested": {"b": [1, 2.5], "a": ""}}),
    };
    let subject = subscription.id.to_string();
    append(&mut subscription.journal, organization, &subject, now, cause(), change)
}

/// Stores a new subscription with the first entry of its journal.
pub(crate) async fn keep(
    store: &Store,
    organization: &OrganizationId,
    subscription: &Subscription,
) -> Made<Subscription> {
    let mut kept = subscription.clone();
    let created_at = kept.created_at;
    let entry = told(organization, &mut kept, "order_subscriptions.create", created_at);
    store.commit(organization).subscription(&kept, Expect::New).entry("S", &entry).run().await?;
    Ok(kept)
}

/// The only entry that is due.
pub(crate) async fn only_due(store: &Store, now: DateTime<Utc>) -> Made<DueEntry> {
    let page = store.due(0, now, 10, None).await?;
    match page.items.as_slice() {
        [entry] => Ok(entry.clone()),
        others => Err(format!("not one entry is due but {others:?}").into()),
    }
}

/// A claim for a quarter of an hour.
pub(crate) fn claim(name: &str, now: DateTime<Utc>) -> Claim {
    Claim { job_run_id: job(name), now, lease: TimeDelta::minutes(15) }
}

/// Claims the only subscription that is due.
pub(crate) async fn claimed(store: &Store, now: DateTime<Utc>) -> Made<Subscription> {
    let entry = only_due(store, now).await?;
    let claimed = store.claim(&entry, &claim("tick", now)).await?;
    claimed.ok_or_else(|| "the claim was refused".into())
}

/// The claimed run as settled, with the entry that tells of it; nothing is written.
pub(crate) fn settled(
    organization: &OrganizationId,
    before: &Subscription,
    outcome: &Outcome,
    now: DateTime<Utc>,
) -> Made<(Settled, Entry)> {
    let planned = plan_run(before)?.ok_or("no run is under way")?;
    let mut settled = settle_run(before, &planned, outcome, now)?;
    let subject = before.id.to_string();
    let entry = append(
        &mut settled.subscription.journal,
        organization,
        &subject,
        now,
        cause(),
        settled.change.clone(),
    );
    Ok((settled, entry))
}

pub(crate) fn paid() -> Outcome {
    Outcome::Paid { charge_id: "ch_0192f0a1b2c3d4e5f60718293a4b5c6d".to_owned() }
}

pub(crate) fn declined() -> Outcome {
    Outcome::Declined {
        kind: perennial_domain::dunning::DeclineKind::Soft,
        code: "insufficient_funds".to_owned(),
        message: "the card was declined: insufficient funds".to_owned(),
        resource: None,
        token: None,
    }
}

/// Claims and commits the only run that is due; answers the subscription and its run.
pub(crate) async fn renewed(
    store: &Store,
    organization: &OrganizationId,
    outcome: &Outcome,
    now: DateTime<Utc>,
) -> Made<Settled> {
    let before = claimed(store, now).await?;
    let (settled, entry) = settled(organization, &before, outcome, now)?;
    store
        .commit(organization)
        .new_run(&settled.run, &entry)
        .subscription(&settled.subscription, Expect::Version(before.version))
        .run()
        .await?;
    Ok(settled)
}
