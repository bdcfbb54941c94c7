//! Adding, changing and removing what a subscription orders each time, or next time only.

use perennial_domain::{
    ids::{SubscriptionId, SubscriptionItemId},
    journal::Change,
    money::MinorUnits,
    order::Annotations,
    plan::{ItemsChange, ItemsError, change_items},
    subscription::{Subscription, SubscriptionItem},
};

use super::{
    annotations::AnnotationChange,
    answer, change_subscription,
    editable::{self, Touches, invalid_status},
    order_subscription_items::{KIND, object},
    order_subscriptions,
    sold::{self, Form, Offer},
};
use crate::{
    goods::{Wanted, WantedId},
    http::{
        attributes::Given,
        context::Context,
        document::{Document, Related, no_such},
        error::{ApiError, Code, Outcome, Problem, Problems},
        event::Answer,
    },
    intake::line::{check_sign, related_items, too_large, wanted},
};

const ITEMS: Touches = Touches {
    dates: false,
    term: false,
    items: true,
    addresses: false,
    source: false,
    placing: false,
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
    let mut annotations = Annotations { created_at: Some(context.now), ..Annotations::default() };
    annotate(&AnnotationChange::read(&mut attributes, &mut problems), &mut annotations);
    let related = related_items(&document, &mut problems);
    let wanted = wanted(&mut attributes, related, &mut problems);
    let subscription: Related<SubscriptionId> =
        document.related("order_subscription", &mut problems);
    let given = given.value();
    check_price(given, wanted.as_ref().map(|wanted| &wanted.id), &mut problems);
    let read = quantity.zip(wanted).zip(subscription.id());
    let ((quantity, wanted), id) = problems.finish(read)?;
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
    let form = Form { id: item_id, quantity, given, one_off, annotations };
    let item = offered(context, &before, wanted, form).await?;
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
    let annotated = AnnotationChange::read(&mut attributes, &mut problems);
    let own = sold::again(&item);
    let other = sold::by_code(&mut attributes, &mut problems).filter(|other| other.id != own.id);
    let swaps = other.is_some();
    let requantified = quantity.is_some_and(|quantity| quantity != item.quantity);
    let wanted = other.unwrap_or(own);
    check_price(given.clone().value(), Some(&wanted.id), &mut problems);
    problems.check()?;
    let mut after = item.clone();
    after.quantity = quantity.unwrap_or(item.quantity);
    annotate(&annotated, &mut after.annotations);
    if swaps || given == Given::Null {
        let (id, one_off) = (item.id.clone(), item.one_off);
        let (quantity, given, annotations) = (after.quantity, given.value(), after.annotations);
        let form = Form { id, quantity, given, one_off, annotations };
        after = offered(context, &before, wanted, form).await?;
    } else if let Given::Value(amount) = given {
        after.unit_amount = amount;
        after.price_override = true;
    } else if requantified && item.follows_list() {
        // A price that does not depend on how many there are stays what it was.
        let offer = Offer::find(context, &before, wanted).await?;
        if offer.is_tiered() {
            let (id, one_off) = (item.id.clone(), item.one_off);
            let (quantity, annotations) = (after.quantity, after.annotations);
            let form = Form { id, quantity, given: None, one_off, annotations };
            let mut problems = Problems::default();
            let offered = offer.item(context, &before, form, &mut problems).await?;
            after = problems.finish(offered)?;
        }
    }
    if after == item {
        return answer::one(context, 200, &object(&before, &item)).await;
    }
    let kept = SubscriptionItem { annotations: item.annotations.clone(), ..after.clone() };
    let touches = Touches { items: kept != item, own_data: true, ..ITEMS };
    editable::check(&before, touches, None, context.now)?;
    after.annotations.updated_at = Some(context.now);
    let wanted = if swaps { ItemsChange::Swap } else { ItemsChange::Update };
    let changed = change(context, &before, &wanted(after.clone())).await?;
    answer::one(context, 200, &object(&changed, &after)).await
}

fn annotate(given: &AnnotationChange, kept: &mut Annotations) {
    let Annotations { reference, reference_origin, metadata, .. } = kept;
    given.apply(reference, reference_origin, metadata);
}

/// Only an adjustment may cost less than nothing.
fn check_price(given: Option<MinorUnits>, wanted: Option<&WantedId>, problems: &mut Problems) {
    if let Some(amount) = given {
        let adjusts = matches!(wanted, Some(WantedId::Adjustment(_)));
        check_sign(amount, adjusts, "/data/attributes/unit_amount_cents", problems);
    }
}

/// The item that is wanted, as it is sold now.
async fn offered(
    context: &Context<'_>,
    before: &Subscription,
    wanted: Wanted,
    form: Form,
) -> Outcome<SubscriptionItem> {
    let offer = Offer::find(context, before, wanted).await?;
    let mut problems = Problems::default();
    let item = offer.item(context, before, form, &mut problems).await?;
    problems.finish(item)
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
    let decided = change_items(before, wanted, context.now).map_err(|error| match error {
        ItemsError::TooMany | ItemsError::TooManySkus(_) | ItemsError::Last => {
            invalid_status(error.to_string()).into()
        }
        ItemsError::Missing(id) => ApiError::not_found(KIND.singular, id.as_str()),
        ItemsError::Money(error) => {
            Problem::new(Code::OutOfRange, error.to_string()).at("/data/attributes/quantity").into()
        }
    })?;
    match too_large(&decided.0).filter(|_| !matches!(wanted, ItemsChange::Remove(_))) {
        Some(problem) => Err(problem.at("/data").into()),
        None => Ok(decided),
    }
}
