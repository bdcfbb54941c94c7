//! What relationships lead to: `GET /api/<type>/<id>/<relationship>`, made from the tables of
//! relationships.

use std::sync::LazyLock;

use perennial_domain::event_topics::Concerned;

use super::{
    RESOURCE_TYPES, answer, event_callbacks, events, include, inverse,
    journals::{self, Journal},
    listing,
    order_factories::OfSubscription,
    recurring_order_copies, resource_type, versions,
};
use crate::http::{
    caller::Verb,
    context::Context,
    error::{ApiError, Outcome},
    event::Answer,
    object::{Linkage, Object, Relationship, ResourceType},
    operation::{Action, Operation, Surface, handler},
    query::Accepts,
};

/// One operation for each relationship that resources link to. Made once, and kept as long as the
/// process lives, as the tables are.
pub(super) static OPERATIONS: LazyLock<Vec<Operation>> = LazyLock::new(|| {
    RESOURCE_TYPES
        .iter()
        .flat_map(|of| of.relationships.iter().map(move |relationship| (*of, relationship)))
        .filter(|(_, relationship)| relationship.linked)
        .filter_map(|(of, relationship)| operation(of, relationship))
        .collect()
});

fn operation(of: &'static ResourceType, relationship: &'static Relationship) -> Option<Operation> {
    let kind = resource_type(relationship.to)?;
    let path = format!("/api/{}/{{id}}/{}", of.name, relationship.name);
    let (about, accepts) = if relationship.many {
        let accepts = match relationship.name {
            _ if is_copies(of, relationship) => {
                Accepts { list: Some(recurring_order_copies::LIST) }
            }
            "events" => Accepts { list: Some(events::LIST) },
            "versions" => Accepts { list: Some(versions::LIST) },
            name if inverse::back(of.name, name).is_some() => Accepts::INDEXED,
            _ => Accepts::WHOLE,
        };
        (format!("Lists the {} of a {}.", spoken(relationship.name), of.singular), accepts)
    } else {
        let about = format!("Reads the {} of a {}.", spoken(relationship.name), of.singular);
        (about, Accepts::SINGLE)
    };
    Some(Operation {
        action: if relationship.many { Action::List } else { Action::Read },
        path: path.leak(),
        kind,
        surface: Surface::Api,
        accepts,
        about: about.leak(),
        handler: handler!(follow),
    })
}

fn spoken(name: &str) -> String {
    name.replace('_', " ")
}

/// The type and relationship that a path names.
pub(crate) fn named(path: &str) -> Option<(&'static ResourceType, &'static Relationship)> {
    let mut segments = path.strip_prefix("/api/")?.split('/');
    let (of, _, name) = (segments.next()?, segments.next()?, segments.next()?);
    let of = resource_type(of)?;
    Some((of, of.relationship(name)?))
}

async fn follow(context: &Context<'_>) -> Outcome<Answer> {
    let Some((of, relationship)) = named(&context.request.path) else {
        return Err(ApiError::not_found("resource at path", &context.request.path));
    };
    context.caller.check(Verb::Read, of.name)?;
    let name = relationship.name;
    let owner = include::load_kind(context, of.name, vec![context.id.to_owned()]).await?;
    let owner: Option<Object> = owner.into_iter().find(|owner| owner.id == context.id);
    let owner = owner.ok_or_else(|| ApiError::not_found(of.singular, context.id))?;
    if !relationship.many {
        let objects = include::follow(context, &owner, name).await?;
        return answer::related(context, objects.first()).await;
    }
    let page = match (owner.linkage(name), owner.id.parse()) {
        (Some(Linkage::Unknown), Ok(subscription)) if is_copies(of, relationship) => {
            listing::select(context, &OfSubscription { subscription, kind: name }).await?
        }
        (Some(Linkage::Unknown), _) if journals::tells(name) => {
            // Of the type as which it is answered: a factory is a copy of one kind or the other.
            let resource = Concerned { kind: owner.kind.name, id: owner.id };
            match Journal::of_resource(context, resource).await? {
                Some(journal) => journal.told(name).page(context).await?,
                None => listing::of_all(context, Vec::new())?,
            }
        }
        (Some(Linkage::Unknown), _) if of.name == "webhooks" => match owner.id.parse() {
            Ok(id) => listing::select(context, &event_callbacks::OfWebhook(id)).await?,
            Err(_) => listing::of_all(context, Vec::new())?,
        },
        (Some(Linkage::Unknown), _) if let Some(by) = inverse::back(of.name, name) => {
            inverse::page(context, &owner, relationship, by).await?
        }
        _ => listing::of_all(context, include::follow(context, &owner, name).await?)?,
    };
    answer::page(context, &page, &[]).await
}

/// Whether a relationship leads to the copies that the runs of a subscription are.
fn is_copies(of: &ResourceType, relationship: &Relationship) -> bool {
    let copies = ["order_factories", "order_copies", "recurring_order_copies"];
    of.name == "order_subscriptions" && copies.contains(&relationship.name)
}
