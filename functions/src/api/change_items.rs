//! Adding, changing and removing what a subscription orders each time, or next time only.

use perennial_domain::{
    ids::{SubscriptionId, SubscriptionItemId},
    journal::Change,
    money::MinorUnits,
    plan::{ItemsChange, ItemsError, change_items},
    subscription::{Subscription, SubscriptionItem},
};

use super::{
    answer, change_subscription,
    editable::{self, Touches, invalid_status},
    order_subscription_items::{KIND, object},
    order_subscriptions,
    sold::{Sold, Wanted},
};
use crate::http::{
    attributes::Given,
    context::Context,
    document::{Document, Related, no_such},
    error::{ApiError, Code, Outcome, Problem, Problems},
    event::Answer,
};

const ITEMS: Touches = Touches {
    dates: false,
    term: false,
    items: true,
    addresses: false,
    source: false,
    rules: false,
    own_data: false,
};

pub(super) async fn create(context: &Context<'_>) -> Outcome<Answer> {
    let mut document = Document::create(context.request, &KIND)?;
    let mut problems = Problems::default();
    let mut attributes = document.attributes(&mut problems);
    let quantity: Option<u32> = attributes.required("quantity", &mut problems);
    let given: Given<MinorUnits> = attributes.optional("unit_amount_cents", &mut problems);
    let one_off = attributes.value("one_off", &mut problems).unwrap_or(false);
    let wanted = Wanted::read(&mut attributes, &mut document, &mut problems);
    let subscription: Related<SubscriptionId> =
        document.related("order_subscription", &mut problems);
    let (quantity, id) = problems.finish(quantity.zip(subscription.id()))?;
    let at = "/data/relationships/order_subscription";
    let before = order_subscriptions::find(context, &id).await?;
    let before = before.ok_or_else(|| no_such("order_subscriptions", id.as_str(), at))?;
    let item_id = SubscriptionItemId::of(&before.id, &context.new_uuid(KIND.name).to_string());
    if context.once.is_some()
        && let Some(item) = before.items.iter().find(|item| item.id == item_id)
    {
        // Added by this very request, which then died before it could answer.
        return answer::one(context, 201, &object(&before, item)).await;
    }
    editable::check(&before, ITEMS, None, context.now)?;
    let mut problems = Problems::default();
    let sold = Sold::find(context, &before, wanted, &mut problems).await?;
    let sold = problems.finish(sold)?;
    if !one_off {
        let mut problems = Problems::default();
        sold.check_frequency(&before.frequency, &mut problems);
        problems.check()?;
    }
    let item = sold.item(item_id, quantity, given.value(), one_off);
    let after = change(context, &before, &ItemsChange::Add(item.clone())).await?;
    answer::one(context, 201, &object(&after, &item)).await
}

pub(super) async fn update(context: &Context<'_>) -> Outcome<Answer> {
    let (before, item) = in_path(context).await?;
    let mut document = Document::update(context.request, &KIND, context.id)?;
    context.check_version(before.version)?;
    let mut problems = Problems::default();
    let mut attributes = document.attributes(&mut problems);
    let quantity: Option<u32> = attributes.value("quantity", &mut problems);
    let given: Given<MinorUnits> = attributes.optional("unit_amount_cents", &mut problems);
    let wanted = Wanted::read(&mut attributes, &mut document, &mut problems);
    problems.check()?;
    let swaps = wanted.is_other_than(&item);
    let mut after = item.clone();
    after.quantity = quantity.unwrap_or(item.quantity);
    if swaps || given == Given::Null {
        let mut problems = Problems::default();
        let wanted = if swaps { wanted } else { Wanted::again(&item) };
        let sold = Sold::find(context, &before, wanted, &mut problems).await?;
        let sold = problems.finish(sold)?;
        if swaps && !item.one_off {
            let mut problems = Problems::default();
            sold.check_frequency(&before.frequency, &mut problems);
            problems.check()?;
        }
        after = sold.item(item.id.clone(), after.quantity, given.value(), item.one_off);
    } else if let Given::Value(amount) = given {
        after.unit_amount = amount;
        after.price_override = true;
    }
    if after == item {
        return answer::one(context, 200, &object(&before, &item)).await;
    }
    editable::check(&before, ITEMS, None, context.now)?;
    let wanted = if swaps { ItemsChange::Swap } else { ItemsChange::Update };
    let changed = change(context, &before, &wanted(after.clone())).await?;
    answer::one(context, 200, &object(&changed, &after)).await
}

pub(super) async fn delete(context: &Context<'_>) -> Outcome<Answer> {
    let (before, item) = in_path(context).await?;
    context.check_version(before.version)?;
    editable::check(&before, ITEMS, None, context.now)?;
    change(context, &before, &ItemsChange::Remove(item.id)).await?;
    Ok(Answer::empty(204))
}

/// The item that the path names, with its subscription.
pub(super) async fn in_path(context: &Context<'_>) -> Outcome<(Subscription, SubscriptionItem)> {
    let missing = || ApiError::not_found(KIND.singular, context.id);
    let id: SubscriptionItemId = context.path_id(KIND.singular)?;
    let subscription = id.subscription().ok_or_else(missing)?;
    let found = order_subscriptions::find(context, &subscription).await?.ok_or_else(missing)?;
    let item = found.items.iter().find(|item| item.id == id).cloned();
    item.map(|item| (found, item)).ok_or_else(missing)
}

async fn change(
    context: &Context<'_>,
    before: &Subscription,
    wanted: &ItemsChange,
) -> Outcome<Subscription> {
    let (after, change) = decided(before, wanted, context)?;
    change_subscription::commit(context, before, after, vec![change]).await
}

/// The subscription with other items, or what is wrong with them.
pub(super) fn decided(
    before: &Subscription,
    wanted: &ItemsChange,
    context: &Context<'_>,
) -> Outcome<(Subscription, Change)> {
    change_items(before, wanted, context.now).map_err(|error| match error {
        ItemsError::TooMany | ItemsError::Last => invalid_status(error.to_string()).into(),
        ItemsError::Missing(id) => ApiError::not_found(KIND.singular, id.as_str()),
        ItemsError::Money(error) => {
            Problem::new(Code::OutOfRange, error.to_string()).at("/data/attributes/quantity").into()
        }
    })
}
