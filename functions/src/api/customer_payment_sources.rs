//! Customers' saved payment methods.

use perennial_domain::{
    catalog::{Customer, PaymentSource},
    ids::{CustomerId, PaymentSourceId},
};
use serde_json::json;

use super::{CREATED_AT, UPDATED_AT, answer, create_once, listing};
use crate::http::{
    attributes::{Attribute, Kind},
    context::Context,
    document::{Document, Related, no_such},
    error::{ApiError, Outcome, Problems},
    event::Answer,
    object::{Linkage, Object, Relationship, ResourceType},
    operation::{Action, Operation, Surface, handler},
    query::Accepts,
};

pub(crate) static KIND: ResourceType = ResourceType {
    name: "customer_payment_sources",
    singular: "customer payment source",
    about: "A saved payment method of a customer: a payment provider's token, never card data.",
    attributes: &[
        Attribute::write("name", Kind::Text(200), "Name for people (\"Visa ending 4242\")."),
        Attribute::write(
            "payment_source_token",
            Kind::Text(500),
            "The payment provider's token. Answered masked.",
        ),
        Attribute::write(
            "expires_on",
            Kind::Date,
            "The last day on which it can be charged: of a card, the last of its month of expiry. \
             Null when not known.",
        ),
        CREATED_AT,
        UPDATED_AT,
    ],
    relationships: &[Relationship::required("customer", "customers")],
};

pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        action: Action::List,
        path: "/api/customer_payment_sources",
        kind: &KIND,
        surface: Surface::Api,
        accepts: Accepts::INDEXED,
        about: "Lists payment sources.",
        handler: handler!(list),
    },
    Operation {
        action: Action::Create,
        path: "/api/customer_payment_sources",
        kind: &KIND,
        surface: Surface::Api,
        accepts: Accepts::SINGLE,
        about: "Saves a payment source of a customer.",
        handler: handler!(create),
    },
    Operation {
        action: Action::Read,
        path: "/api/customer_payment_sources/{id}",
        kind: &KIND,
        surface: Surface::Api,
        accepts: Accepts::SINGLE,
        about: "Reads a payment source.",
        handler: handler!(read),
    },
    Operation {
        action: Action::Update,
        path: "/api/customer_payment_sources/{id}",
        kind: &KIND,
        surface: Surface::Api,
        accepts: Accepts::SINGLE,
        about: "Changes a payment source: subscriptions that use it pay with the new token.",
        handler: handler!(update),
    },
];

/// A token as answers show it: enough to tell two apart, too little to pay with.
fn masked(token: &str) -> String {
    let length = token.chars().count();
    let tail = if length > 8 { 4 } else { 0 };
    "****".chars().chain(token.chars().skip(length.saturating_sub(tail))).collect()
}

pub(super) fn object(source: &PaymentSource) -> Object {
    let PaymentSource { id, customer_id, token, name, expires_on, version, created_at, updated_at } =
        source;
    Object {
        kind: &KIND,
        id: id.to_string(),
        version: Some(*version),
        attributes: json!({
            "name": name,
            "payment_source_token": masked(token),
            "expires_on": expires_on,
            "created_at": created_at,
            "updated_at": updated_at,
        }),
        relationships: vec![("customer", Linkage::one("customers", Some(customer_id)))],
        meta: None,
        brings: Vec::new(),
    }
}

async fn list(context: &Context<'_>) -> Outcome<Answer> {
    listing::answer(context, &KIND, object, |_, _: &PaymentSource| true).await
}

async fn find(context: &Context<'_>) -> Outcome<PaymentSource> {
    let id: PaymentSourceId = context.path_id(KIND.singular)?;
    let found = context.store().get(&context.caller.organization, id.as_str()).await?;
    found.ok_or_else(|| ApiError::not_found(KIND.singular, context.id))
}

async fn read(context: &Context<'_>) -> Outcome<Answer> {
    answer::one(context, 200, &object(&find(context).await?)).await
}

async fn create(context: &Context<'_>) -> Outcome<Answer> {
    let mut document = Document::create(context.request, &KIND)?;
    let mut problems = Problems::default();
    let mut attributes = document.attributes(&mut problems);
    let token: Option<String> = attributes.required("payment_source_token", &mut problems);
    let name = attributes.optional("name", &mut problems).value();
    let expires_on = attributes.optional("expires_on", &mut problems).value();
    let customer: Related<CustomerId> = document.related("customer", &mut problems);
    let customer_id = customer.id();
    if let Some(id) = &customer_id {
        let found: Option<Customer> =
            context.store().get(&context.caller.organization, id.as_str()).await?;
        if found.is_none() {
            problems.add(no_such("customers", id.as_str(), "/data/relationships/customer"));
        }
    }
    let (token, customer_id) = problems.finish(token.zip(customer_id))?;
    let source = PaymentSource {
        id: PaymentSourceId::from_uuid(context.new_uuid(KIND.name)),
        customer_id,
        token,
        name,
        expires_on,
        version: 1,
        created_at: context.now,
        updated_at: context.now,
    };
    let source = create_once::create(context, source).await?;
    answer::one(context, 201, &object(&source)).await
}

async fn update(context: &Context<'_>) -> Outcome<Answer> {
    let mut source = find(context).await?;
    let mut document = Document::update(context.request, &KIND, context.id)?;
    context.check_version(source.version)?;
    let mut problems = Problems::default();
    let mut attributes = document.attributes(&mut problems);
    let seen = source.version;
    if let Some(token) = attributes.value("payment_source_token", &mut problems) {
        source.token = token;
    }
    attributes.optional("name", &mut problems).apply(&mut source.name);
    attributes.optional("expires_on", &mut problems).apply(&mut source.expires_on);
    problems.check()?;
    source.version += 1;
    source.updated_at = context.now;
    context.store().update(&context.caller.organization, &source, seen).await?;
    answer::one(context, 200, &object(&source)).await
}
