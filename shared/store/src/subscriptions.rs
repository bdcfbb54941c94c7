//! Subscriptions and their runs.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use perennial_domain::{
    ids::{OrganizationId, SubscriptionId, SubscriptionItemId},
    run::Run,
    subscription::Subscription,
    time::OccurrenceNumber,
};
use serde_json::Value;

use crate::{
    Direction, Listed, Page, Store, StoreError,
    attribute::from_attribute,
    item::{Item, from_item, key_of, n, s, text},
    keys::{Key, RUN, partition},
    members::Members,
    page::{Cursor, CursorError},
};

/// Takes out of the item of a subscription or run what its key says already: a claimed subscription
/// and a run that carries its entry are to fit one write unit each.
pub(crate) fn leave_to_key(item: &mut Item) {
    if let Some(own) = text(item, "id").and_then(|id| own_ids(&id)) {
        rename_items(item, |id| id.strip_prefix(&own).map(str::to_owned));
    }
    for annotations in annotations_of(item) {
        metadata_as_text(annotations);
    }
    for name in ["id", "subscription_id", "number"] {
        item.remove(name);
    }
    metadata_as_text(item);
}

/// What the ids of a subscription's items begin with.
fn own_ids(subscription: &str) -> Option<String> {
    let body = subscription.strip_prefix(SubscriptionId::PREFIX)?;
    Some(format!("{}{body}_", SubscriptionItemId::PREFIX))
}

/// The items of a subscription.
fn items_of(item: &mut Item) -> impl Iterator<Item = &mut Item> {
    let items = match item.get_mut("items") {
        Some(AttributeValue::L(items)) => items.as_mut_slice(),
        _ => &mut [],
    };
    items.iter_mut().filter_map(|item| match item {
        AttributeValue::M(members) => Some(members),
        _ => None,
    })
}

/// What clients keep with the items of a subscription.
fn annotations_of(item: &mut Item) -> impl Iterator<Item = &mut Item> {
    items_of(item).filter_map(|item| match item.get_mut("annotations") {
        Some(AttributeValue::M(annotations)) => Some(annotations),
        _ => None,
    })
}

/// Gives the items of a subscription other ids, where there is another.
fn rename_items(item: &mut Item, other: impl Fn(&str) -> Option<String>) {
    for id in items_of(item).filter_map(|item| item.get_mut("id")) {
        if let Some(other) = id.as_s().ok().and_then(|id| other(id)) {
            *id = s(other);
        }
    }
}

/// Clients' own data is stored as JSON text: DynamoDB takes no name that is empty and no number as
/// large as JSON does.
fn metadata_as_text(item: &mut Item) {
    if let Some(metadata) = item.get("metadata").filter(|metadata| metadata.is_m())
        && let Ok(value) = from_attribute::<Value>(metadata.clone())
    {
        item.insert("metadata".to_owned(), s(value.to_string()));
    }
}

fn metadata_from_text(item: &mut Item) -> Result<(), StoreError> {
    let Some(text) = text(item, "metadata") else { return Ok(()) };
    let corrupt = |reason: String| StoreError::Corrupt { key: "metadata".to_owned(), reason };
    let value: Value = serde_json::from_str(&text).map_err(|error| corrupt(error.to_string()))?;
    let value = serde_dynamo::to_attribute_value(value)
        .map_err(|error: serde_dynamo::Error| corrupt(error.to_string()))?;
    item.insert("metadata".to_owned(), value);
    Ok(())
}

/// The subscription in an item.
pub(crate) fn subscription_of(mut item: Item) -> Result<Subscription, StoreError> {
    if let Some(key) = key_of(&item)
        && let Some((_, id)) = key.pk.rsplit_once('#')
    {
        let id = id.to_owned();
        if let Some(own) = own_ids(&id) {
            let short = |id: &str| !id.starts_with(SubscriptionItemId::PREFIX);
            rename_items(&mut item, |id| short(id).then(|| format!("{own}{id}")));
        }
        item.insert("id".to_owned(), s(id));
    }
    for annotations in annotations_of(&mut item) {
        metadata_from_text(annotations)?;
    }
    metadata_from_text(&mut item)?;
    from_item(item)
}

/// The run in an item.
pub(crate) fn run_of(mut item: Item) -> Result<Run, StoreError> {
    if let Some(key) = key_of(&item) {
        if let Some((_, subscription)) = key.pk.rsplit_once('#') {
            item.insert("subscription_id".to_owned(), s(subscription));
        }
        let number = key.sk.strip_prefix(RUN).map(str::parse::<u32>);
        if let Some(Ok(number)) = number {
            item.insert("number".to_owned(), n(number));
        }
    }
    if let Some(at) = next_run_of(&item) {
        item.insert("next_run_at".to_owned(), s(at));
    }
    from_item(item)
}

/// What the journal entry within a run tells of the occurrence after it.
fn next_run_of(item: &Item) -> Option<String> {
    let after = item.get("entry")?.as_m().ok()?.get("after")?.as_m().ok()?;
    after.get("next_run_at")?.as_s().ok().cloned()
}

impl Listed for Subscription {
    const LETTER: &'static str = "S";

    fn from_item(item: Item) -> Result<Self, StoreError> {
        subscription_of(item)
    }
}

impl Store {
    /// A subscription, read consistently. One read unit per 4 KB.
    ///
    /// # Errors
    /// When storage does not answer or holds something unreadable.
    pub async fn subscription(
        &self,
        organization: &OrganizationId,
        id: &SubscriptionId,
    ) -> Result<Option<Subscription>, StoreError> {
        let key = Key::of(organization, "S", id.as_str());
        self.get_item(&self.book, &key, true).await?.map(subscription_of).transpose()
    }

    /// Those of the subscriptions that exist, read consistently in as few calls as possible.
    ///
    /// # Errors
    /// When storage does not answer or holds something unreadable.
    pub async fn subscriptions(
        &self,
        wanted: impl IntoIterator<Item = (OrganizationId, SubscriptionId)>,
    ) -> Result<HashMap<(OrganizationId, SubscriptionId), Subscription>, StoreError> {
        let keys: HashMap<Key, (OrganizationId, SubscriptionId)> = wanted
            .into_iter()
            .map(|(organization, id)| {
                (Key::of(&organization, "S", id.as_str()), (organization, id))
            })
            .collect();
        let items = self.get_items(&self.book, keys.keys().cloned(), true).await?;
        items
            .into_iter()
            .filter_map(|(key, item)| Some((keys.get(&key)?.clone(), item)))
            .map(|(wanted, item)| Ok((wanted, subscription_of(item)?)))
            .collect()
    }

    /// A run, read consistently.
    ///
    /// # Errors
    /// When storage does not answer or holds something unreadable.
    pub async fn run(
        &self,
        organization: &OrganizationId,
        subscription: &SubscriptionId,
        number: OccurrenceNumber,
    ) -> Result<Option<Run>, StoreError> {
        let key = Key::of_run(organization, subscription, number);
        self.get_item(&self.book, &key, true).await?.map(run_of).transpose()
    }

    /// Those of the runs that exist, read eventually consistently, at half a read unit each.
    ///
    /// # Errors
    /// When storage does not answer or holds something unreadable.
    pub async fn runs_among(
        &self,
        organization: &OrganizationId,
        wanted: impl IntoIterator<Item = (SubscriptionId, OccurrenceNumber)>,
    ) -> Result<HashMap<(SubscriptionId, OccurrenceNumber), Run>, StoreError> {
        let keys = wanted.into_iter().map(|(id, number)| Key::of_run(organization, &id, number));
        let items = self.get_items(&self.book, keys, false).await?;
        items
            .into_values()
            .map(|item| {
                let run = run_of(item)?;
                Ok(((run.subscription_id.clone(), run.number), run))
            })
            .collect()
    }

    /// The runs of a subscription by their number, newest first.
    ///
    /// # Errors
    /// The inner error when the cursor belongs to another query.
    pub async fn runs(
        &self,
        organization: &OrganizationId,
        subscription: &SubscriptionId,
        limit: u16,
        after: Option<&Cursor>,
    ) -> Result<Result<Page<Run>, CursorError>, StoreError> {
        let pk = partition(organization, "S", subscription.as_str());
        let members =
            Members { name: "runs", prefix: RUN, direction: Direction::Backward, consistent: true };
        self.members(&pk, &members, limit, after, run_of).await
    }
}
