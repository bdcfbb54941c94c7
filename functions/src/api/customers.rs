//! Customers.

use perennial_domain::{catalog::Customer, ids::CustomerId};
use serde_json::json;

use super::{CREATED_AT, MAX_AMOUNT, UPDATED_AT, answer, create_once, listing};
use crate::http::{
    attributes::{Attribute, Attributes, Given, Kind},
    caller::Role,
    context::Context,
    document::Document,
    error::{ApiError, Code, Outcome, Problem, Problems},
    event::Answer,
    object::{Object, ResourceType},
    operation::{Action, Operation, Surface, handler},
    query::Accepts,
};

pub(crate) static KIND: ResourceType = ResourceType {
    name: "customers",
    singular: "customer",
    about: "A customer.",
    attributes: &[
        Attribute::write("email", Kind::Text(254), "E-mail address."),
        Attribute::write("name", Kind::Text(200), "Name for people."),
        Attribute::write(
            "credit_limit_cents",
            Kind::Integer(0, MAX_AMOUNT),
            "Most that one order may cost, in minor units; null is no limit. Not for sales channels.",
        ),
        Attribute::write(
            "on_hold",
            Kind::Boolean,
            "True while no order of theirs may be placed. Not for sales channels.",
        ),
        CREATED_AT,
        UPDATED_AT,
    ],
    relationships: &[],
};

pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        action: Action::List,
        path: "/api/customers",
        kind: &KIND,
        surface: Surface::Api,
        accepts: Accepts::INDEXED,
        about: "Lists customers.",
        handler: handler!(list),
    },
    Operation {
        action: Action::Create,
        path: "/api/customers",
        kind: &KIND,
        surface: Surface::Api,
        accepts: Accepts::SINGLE,
        about: "Makes a customer.",
        handler: handler!(create),
    },
    Operation {
        action: Action::Read,
        path: "/api/customers/{id}",
        kind: &KIND,
        surface: Surface::Api,
        accepts: Accepts::SINGLE,
        about: "Reads a customer.",
        handler: handler!(read),
    },
    Operation {
        action: Action::Update,
        path: "/api/customers/{id}",
        kind: &KIND,
        surface: Surface::Api,
        accepts: Accepts::SINGLE,
        about: "Changes a customer.",
        handler: handler!(update),
    },
];

pub(super) fn object(customer: &Customer) -> Object {
    let Customer { id, email, name, credit_limit, on_hold, version, created_at, updated_at } =
        customer;
    Object {
        kind: &KIND,
        id: id.to_string(),
        version: Some(*version),
        attributes: json!({
            "email": email,
            "name": name,
            "credit_limit_cents": credit_limit,
            "on_hold": on_hold,
            "created_at": created_at,
            "updated_at": updated_at,
        }),
        relationships: Vec::new(),
        meta: None,
        brings: Vec::new(),
    }
}

async fn list(context: &Context<'_>) -> Outcome<Answer> {
    listing::answer(context, &KIND, object, |_, _: &Customer| true).await
}

async fn find(context: &Context<'_>) -> Outcome<Customer> {
    let id: CustomerId = context.path_id(KIND.singular)?;
    let found = context.store().get(&context.caller.organization, id.as_str()).await?;
    found.ok_or_else(|| ApiError::not_found(KIND.singular, context.id))
}

async fn read(context: &Context<'_>) -> Outcome<Answer> {
    answer::one(context, 200, &object(&find(context).await?)).await
}

/// Limit and hold as given. A shop must not lift the limits that are set against it.
fn credit(
    context: &Context<'_>,
    attributes: &mut Attributes,
    problems: &mut Problems,
) -> Outcome<(Given<perennial_domain::money::MinorUnits>, Option<bool>)> {
    let limit = attributes.optional("credit_limit_cents", problems);
    let hold: Option<bool> = attributes.value("on_hold", problems);
    if context.caller.role == Role::SalesChannel && (limit.is_given() || hold.is_some()) {
        let name = if limit.is_given() { "credit_limit_cents" } else { "on_hold" };
        return Err(Problem::new(
            Code::Forbidden,
            format!("the role sales_channel may not set {name}"),
        )
        .at(attributes.pointer(name))
        .into());
    }
    Ok((limit, hold))
}

fn check_email(email: Option<&String>, problems: &mut Problems) {
    let Some(email) = email else { return };
    let parts = email.split_once('@');
    let sound = parts.is_some_and(|(local, domain)| {
        !local.is_empty() && !domain.is_empty() && !domain.contains('@')
    });
    if !sound || email.chars().any(char::is_whitespace) {
        problems.add(
            Problem::new(
                Code::InvalidValue,
                format!("email must be an address such as \"ada@example.com\", not {email:?}"),
            )
            .at("/data/attributes/email")
            .with("value", email.clone()),
        );
    }
}

async fn create(context: &Context<'_>) -> Outcome<Answer> {
    let mut document = Document::create(context.request, &KIND)?;
    let mut problems = Problems::default();
    let mut attributes = document.attributes(&mut problems);
    let email: Option<String> = attributes.required("email", &mut problems);
    check_email(email.as_ref(), &mut problems);
    let name = attributes.optional("name", &mut problems).value();
    let (limit, hold) = credit(context, &mut attributes, &mut problems)?;
    let email = problems.finish(email)?;
    let customer = Customer {
        id: CustomerId::from_uuid(context.new_uuid(KIND.name)),
        email,
        name,
        credit_limit: limit.value(),
        on_hold: hold.unwrap_or(false),
        version: 1,
        created_at: context.now,
        updated_at: context.now,
    };
    let customer = create_once::create(context, customer).await?;
    answer::one(context, 201, &object(&customer)).await
}

async fn update(context: &Context<'_>) -> Outcome<Answer> {
    let mut customer = find(context).await?;
    let mut document = Document::update(context.request, &KIND, context.id)?;
    context.check_version(customer.version)?;
    let mut problems = Problems::default();
    let mut attributes = document.attributes(&mut problems);
    let seen = customer.version;
    let email: Option<String> = attributes.value("email", &mut problems);
    check_email(email.as_ref(), &mut problems);
    if let Some(email) = email {
        customer.email = email;
    }
    attributes.optional("name", &mut problems).apply(&mut customer.name);
    let (limit, hold) = credit(context, &mut attributes, &mut problems)?;
    limit.apply(&mut customer.credit_limit);
    customer.on_hold = hold.unwrap_or(customer.on_hold);
    problems.check()?;
    customer.version += 1;
    customer.updated_at = context.now;
    context.store().update(&context.caller.organization, &customer, seen).await?;
    answer::one(context, 200, &object(&customer)).await
}
