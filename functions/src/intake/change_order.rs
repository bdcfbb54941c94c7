//! Changing, placing and cancelling orders.

use chrono::{DateTime, SubsecRound, Utc};
use perennial_domain::{
    ids::{CustomerId, OrderId, PaymentSourceId},
    journal::Change,
    order::{Order, OrderStatus},
    placement::begin_placing,
};
use perennial_store::Expect;
use serde_json::{Value, json};

use super::{
    decide_order::{Decision, decide},
    orders::{changed, client_order, require, require_draft, store_changed},
    place::{admit, hand_to_validation},
    referred::{Referred, check_expiry, check_people},
    update_taxes::{UPDATE_TAXES, update_taxes},
};
use crate::{
    api::{
        addresses::AddressChange,
        annotations::AnnotationChange,
        answer,
        change_subscription::differing,
        orders::{KIND, object},
        tags::TagChange,
    },
    follow_up::{FollowUp, FollowUpError},
    http::{
        attributes::{Attributes, Given},
        context::Context,
        document::{Document, Related},
        error::{ApiError, Code, Outcome, Problem, Problems},
        event::Answer,
    },
    refusals::refused,
    subscribe::{SubscribeError, create_for_order},
};

/// Where the trigger stands in a body.
const CREATE_SUBSCRIPTIONS: &str = "/data/attributes/_create_subscriptions";

/// What a client wants changed.
struct Wanted {
    annotations: AnnotationChange,
    tags: TagChange,
    addresses: AddressChange,
    expiry: Given<DateTime<Utc>>,
    customer: Related<CustomerId>,
    payment_source: Related<PaymentSourceId>,
    place: bool,
    /// False takes back what was asked for before.
    create_subscriptions: Option<bool>,
    cancel: bool,
    update_taxes: bool,
}

impl Wanted {
    /// Whether it asks for subscriptions.
    fn subscribes(&self) -> bool {
        self.create_subscriptions == Some(true)
    }

    /// Whether it changes what the client keeps with the order, which no rule reads.
    fn annotates(&self) -> bool {
        self.annotations.is_given() || self.tags.is_given()
    }

    /// Whether it changes the order itself.
    fn edits(&self) -> bool {
        self.expiry.is_given()
            || self.addresses.is_given()
            || self.customer != Related::Absent
            || self.payment_source != Related::Absent
    }
}

pub(super) async fn update(context: &Context<'_>) -> Outcome<Answer> {
    let id: OrderId = context.path_id(KIND.singular)?;
    let before = client_order(context, &id).await?;
    let mut document = Document::update(context.request, &KIND, context.id)?;
    context.check_version(before.version)?;
    let mut problems = Problems::default();
    let mut attributes = document.attributes(&mut problems);
    let wanted = Wanted {
        annotations: AnnotationChange::read(&mut attributes, &mut problems),
        tags: TagChange::read(&mut attributes, &document, &mut problems),
        addresses: AddressChange::read(&document, &mut problems),
        expiry: attributes.optional("subscriptions_expire_at", &mut problems),
        place: attributes.trigger("_place", &mut problems),
        create_subscriptions: attributes.value("_create_subscriptions", &mut problems),
        cancel: attributes.trigger("_cancel", &mut problems),
        update_taxes: attributes.trigger(UPDATE_TAXES, &mut problems),
        customer: document.related("customer", &mut problems),
        payment_source: payment_source(&document, &mut attributes, &mut problems),
    };
    if wanted.cancel && (wanted.place || wanted.subscribes()) {
        problems.add(
            Problem::new(Code::InvalidValue, "an order can't be cancelled and placed at once")
                .at("/data/attributes/_cancel")
                .with("value", true),
        );
    }
    let decision = Decision::read(context, &mut attributes, &mut problems);
    if let Some(decision) = &decision
        && (wanted.place
            || wanted.cancel
            || wanted.create_subscriptions.is_some()
            || wanted.update_taxes
            || wanted.edits()
            || wanted.annotates())
    {
        let name = decision.name();
        let detail =
            format!("{name} is a request of its own: make other changes before or after it");
        problems.add(Problem::new(Code::InvalidValue, detail).at(attributes.pointer(name)));
    }
    let edited = edit(context, &before, &wanted, &mut problems).await?;
    problems.check()?;
    if let Some(decision) = &decision {
        let order = decide(context, before, decision).await?;
        return answer::one(context, 200, &object(&order)).await;
    }
    let order = carry_out(context, before, edited, &wanted).await?;
    answer::one(context, 200, &object(&order)).await
}

/// What pays, as the relationship or the trigger of the same meaning says.
fn payment_source(
    document: &Document,
    attributes: &mut Attributes,
    problems: &mut Problems,
) -> Related<PaymentSourceId> {
    const TRIGGER: &str = "_customer_payment_source_id";
    let related = document.related("customer_payment_source", problems);
    let Some(id) = attributes.value::<String>(TRIGGER, problems) else { return related };
    if related != Related::Absent {
        let detail = format!("{TRIGGER} can't be given together with customer_payment_source");
        let problem = Problem::new(Code::InvalidValue, detail).at(attributes.pointer(TRIGGER));
        problems.add(problem.with("value", id));
        return related;
    }
    match id.parse() {
        Ok(id) => Related::To(id),
        Err(_) => {
            problems.add(
                Problem::new(
                    Code::RelatedNotFound,
                    format!("there is no customer_payment_sources {id:?}"),
                )
                .at(attributes.pointer(TRIGGER))
                .with("value", id),
            );
            Related::Absent
        }
    }
}

/// The order as the client wants it, its status left alone.
async fn edit(
    context: &Context<'_>,
    before: &Order,
    wanted: &Wanted,
    problems: &mut Problems,
) -> Outcome<Order> {
    let mut after = before.clone();
    if wanted.annotates() {
        // Validation has the order in hand then, and would have to begin anew.
        if before.status == OrderStatus::Placing {
            require_draft(before, "be changed", "/data/attributes")?;
        }
        let Order { reference, reference_origin, metadata, .. } = &mut after;
        wanted.annotations.apply(reference, reference_origin, metadata);
        after.tags = wanted.tags.of_typed(context, &before.tags, problems).await?;
    }
    if !wanted.edits() {
        return Ok(after);
    }
    require_draft(before, "be changed", "/data/attributes")?;
    after.forget_tax();
    after.addresses = wanted.addresses.of(context, &before.addresses, problems).await?;
    let expiry = match &wanted.expiry {
        Given::Value(end) => Given::Value(end.trunc_subsecs(0)),
        other => other.clone(),
    };
    expiry.clone().apply(&mut after.subscriptions_expire_at);
    check_expiry(expiry.value().as_ref(), context.now, problems);
    match &wanted.customer {
        Related::Absent => {}
        Related::Nothing => after.customer_id = None,
        Related::To(id) => after.customer_id = Some(id.clone()),
    }
    match &wanted.payment_source {
        Related::Absent => {}
        Related::Nothing => after.payment_source_id = None,
        Related::To(id) => after.payment_source_id = Some(id.clone()),
    }
    if wanted.customer != Related::Absent || wanted.payment_source != Related::Absent {
        let (customer, source) = (after.customer_id.as_ref(), after.payment_source_id.as_ref());
        let referred = Referred::load(context, None, customer, source, &[]).await?;
        check_people(
            customer,
            referred.customer.as_ref(),
            source,
            referred.payment_source.as_ref(),
            problems,
        );
    }
    Ok(after)
}

/// What the journal tells of the attributes that clients edit.
fn told(order: &Order) -> Value {
    json!({
        "reference": order.reference,
        "reference_origin": order.reference_origin,
        "metadata": order.metadata,
        "tags": order.tags,
        "shipping_address_id": order.addresses.shipping,
        "billing_address_id": order.addresses.billing,
        "subscriptions_expire_at": order.subscriptions_expire_at,
        "customer_id": order.customer_id,
        "customer_payment_source_id": order.payment_source_id,
        "create_subscriptions": order.create_subscriptions,
    })
}

async fn carry_out(
    context: &Context<'_>,
    before: Order,
    edited: Order,
    wanted: &Wanted,
) -> Outcome<Order> {
    if wanted.subscribes() && before.status == OrderStatus::Placed {
        if told(&before) != told(&edited) {
            // Two commits: one might be refused when the other is done.
            let detail = "of a placed order, _create_subscriptions is a request of its own: make other \
                          changes before or after it";
            return Err(Problem::new(Code::InvalidStatus, detail.to_owned())
                .at(CREATE_SUBSCRIPTIONS)
                .into());
        }
        return subscribe(context, &before).await;
    }
    if wanted.place && before.status == OrderStatus::Placing {
        // Asked twice: the first time counts, and telling validation again does no harm.
        hand_to_validation(context, &before).await;
        return Ok(before);
    }
    if wanted.place && before.status == OrderStatus::Placed && context.once.is_some() {
        // The same request, which died after it was carried out.
        return Ok(before);
    }
    let seen = before.version;
    let mut after = edited;
    let mut changes = Vec::new();
    if wanted.subscribes() && !wanted.place {
        require_open(&before)?;
    }
    let takes_back = wanted.create_subscriptions == Some(false)
        && before.create_subscriptions
        && !before.subscriptions_created;
    if takes_back {
        require_draft(&before, "do without subscriptions", CREATE_SUBSCRIPTIONS)?;
    }
    after.create_subscriptions = !takes_back && (after.create_subscriptions || wanted.subscribes());
    let (was, is) = differing(&told(&before), &told(&after));
    if was != is {
        changes.push(Change { event: "orders.update", before: was, after: is });
    }
    if wanted.update_taxes && !wanted.place && !wanted.cancel {
        require_draft(&before, "have its taxes computed", "/data/attributes/_update_taxes")?;
        changes.extend(update_taxes(context, &mut after).await?);
    }
    if wanted.place {
        require_draft(&before, "be placed", "/data/attributes/_place")?;
        admit(context).await?;
        let (placing, change) = begin_placing(&after, wanted.subscribes(), context.now);
        after = placing;
        changes.push(change);
    }
    if wanted.cancel {
        let cancellable = [OrderStatus::Draft, OrderStatus::Placed];
        require(&before, &cancellable, "be cancelled", "/data/attributes/_cancel")?;
        after.status = OrderStatus::Cancelled;
        after.cancelled_at = Some(context.now);
        changes.push(Change {
            event: "orders.cancel",
            before: json!({"status": before.status}),
            after: json!({"status": after.status}),
        });
        return cancel(context, &before, after, changes).await;
    }
    if changes.is_empty() {
        return Ok(before);
    }
    let order = store_changed(context, after, seen, changes).await?;
    if wanted.place {
        hand_to_validation(context, &order).await;
    }
    Ok(order)
}

/// Cancels an order with the subscriptions that go with it: all of them or none. Then puts back what
/// it has taken from stock.
async fn cancel(
    context: &Context<'_>,
    before: &Order,
    after: Order,
    changes: Vec<Change>,
) -> Outcome<Order> {
    let organization = &context.caller.organization;
    let (order, entries) = changed(context, after, before.version, changes);
    let mut commit =
        context.store().commit(organization).order(&order, Expect::Version(before.version));
    for entry in &entries {
        commit = commit.entry("O", entry);
    }
    let cause = context.cause();
    let follow_up =
        FollowUp { store: context.store(), organization, cause: &cause, now: context.now };
    let commit = follow_up.cancelled(commit, &order).await.map_err(|error| match error {
        FollowUpError::Store(error) => error.into(),
        refused @ (FollowUpError::Busy(_) | FollowUpError::TooMany(_) | FollowUpError::Plan(_)) => {
            ApiError::from(
                Problem::new(Code::InvalidStatus, refused.to_string())
                    .at("/data/attributes/_cancel"),
            )
        }
    })?;
    commit.run().await?;
    follow_up.put_back(&order).await;
    Ok(order)
}

/// An order that is still to be placed can take note that it shall become subscriptions.
fn require_open(order: &Order) -> Outcome<()> {
    let open = [OrderStatus::Draft, OrderStatus::Placing, OrderStatus::Held];
    require(order, &open, "be marked to become subscriptions", CREATE_SUBSCRIPTIONS)
}

async fn subscribe(context: &Context<'_>, order: &Order) -> Outcome<Order> {
    let organization = &context.caller.organization;
    create_for_order(context.store(), organization, order, context.cause(), context.now)
        .await
        .map_err(|error| {
            let code = match error {
                SubscribeError::Store(error) => return error.into(),
                SubscribeError::Refused { rejections, .. } => return refused(&rejections),
                SubscribeError::NotPlaced(_) => Code::InvalidStatus,
                SubscribeError::NoModel(_)
                | SubscribeError::NothingRecurs(_)
                | SubscribeError::Plan(_) => Code::InvalidValue,
            };
            Problem::new(code, error.to_string()).at(CREATE_SUBSCRIPTIONS).into()
        })
}
