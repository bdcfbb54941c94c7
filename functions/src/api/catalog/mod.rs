//! The catalogue: resources that stand alone, each a table of what it is and, where it has rules that
//! no table tells, a function or two. One piece of code lists, reads, makes, changes and deletes them
//! all: it works on JSON, so that a further resource costs its table and no more.

mod change;
mod need;
mod read;
mod write;

use std::sync::LazyLock;

use futures::future::BoxFuture;
use perennial_domain::ids::{derived_id, id_within};
use perennial_store::{Part, Record, RecordKind};
use serde_json::{Map, Value, json};

pub(crate) use self::{
    change::{Change, load_related},
    need::Need,
    read::{IndexedRecords, load, revealed, seen},
    write::{changed_record, new_record, removable_record},
};
use super::{
    addresses, adjustments, bundles, channel_mappings, channels, check_policies, check_records,
    customer_payment_sources, customers, disputes, markets, price_lists, prices, refunds,
    sku_lists, skus, subscription_models, tags, tax_calculators, tax_rules, webhooks,
};
use crate::http::{
    attributes::{Attribute, Kind},
    context::Context,
    error::{ApiError, Outcome, Problem},
    object::{Object, Relationship, ResourceType},
    operation::{Action, Operation, Surface, handler},
    query::Accepts,
};

/// Every resource of the catalogue.
static CATALOG: &[&Catalog] = &[
    &markets::CATALOG,
    &subscription_models::CATALOG,
    &skus::CATALOG,
    &price_lists::CATALOG,
    &prices::CATALOG,
    &bundles::CATALOG,
    &adjustments::CATALOG,
    &sku_lists::CATALOG,
    &customers::CATALOG,
    &customer_payment_sources::CATALOG,
    &refunds::CATALOG,
    &disputes::CATALOG,
    &webhooks::CATALOG,
    &addresses::CATALOG,
    &tags::CATALOG,
    &channels::CATALOG,
    &channel_mappings::CATALOG,
    &check_policies::CATALOG,
    &check_records::CATALOG,
    &tax_calculators::MANUAL,
    &tax_calculators::EXTERNAL,
    &tax_rules::CATALOG,
];

/// What a resource may carry of the client's own.
pub(crate) const REFERENCE: Attribute =
    Attribute::write("reference", Kind::Text(200), "The client's own id for it.");
/// Whose id that is.
pub(crate) const REFERENCE_ORIGIN: Attribute =
    Attribute::write("reference_origin", Kind::Text(200), "Where the reference comes from.");
/// Whatever else the client keeps with it.
pub(crate) const METADATA: Attribute =
    Attribute::write("metadata", Kind::Anything(16_384), "The client's own data.");

/// One resource of the catalogue. Records hold attributes under their own names, the id of what a
/// relationship leads to under `<relationship>_id`, and several ids under the relationship's name.
#[derive(Debug)]
pub(crate) struct Catalog {
    pub(crate) kind: &'static ResourceType,
    pub(crate) stored: RecordKind,
    /// What its ids begin with.
    pub(crate) prefix: &'static str,
    pub(crate) identity: Identity,
    /// What can be done to it over HTTP.
    pub(crate) actions: &'static [Action],
    /// Attributes that must be given, and keep a value.
    pub(crate) required: &'static [&'static str],
    /// The values of attributes that are not given, or given as null; others are null then.
    pub(crate) defaults: fn() -> Value,
    /// The member that holds the id of the market it belongs to: only who sees that sees it.
    pub(crate) market: Option<&'static str>,
    /// Reads what is not stored as it is given: triggers, and attributes with rules of their own.
    pub(crate) take: fn(&Context<'_>, &mut Change),
    /// Checks what was read as a whole, and fills in what follows from it.
    pub(crate) settle: Settle,
    /// Changes attributes that are not shown as they are stored.
    pub(crate) show: fn(&Record, &mut Map<String, Value>),
    /// Adds what only answers about one record hold, given the record before a change of it.
    pub(crate) reveal: Reveal,
    /// Members that each request makes anew where it makes a secret: the same request sent again
    /// differs in them alone.
    pub(crate) anew: &'static [&'static str],
    /// Why this caller can't delete a record, whatever needs it.
    pub(crate) refuse_deletion: fn(&Context<'_>, &Record) -> Option<Problem>,
    /// What must not refer to it when it is deleted.
    pub(crate) needed_by: &'static [Need],
    /// What else there is to know about changing it.
    pub(crate) on_update: &'static str,
}

/// Checks a change that needs more than the change to tell.
pub(crate) type Settle = for<'a> fn(&'a Context<'_>, &'a mut Change) -> BoxFuture<'a, Outcome<()>>;

/// Adds to an answer about one record: before the change, where it is one, and as it is now.
pub(crate) type Reveal = fn(&Context<'_>, Option<&Record>, &Record, &mut Object);

/// Nothing more to settle.
pub(crate) fn done() -> BoxFuture<'static, Outcome<()>> {
    Box::pin(std::future::ready(Ok(())))
}

/// Where ids come from.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Identity {
    /// Each is new.
    New,
    /// They derive from these members, which are unique together and final.
    Of {
        members: &'static [&'static str],
        /// The filter that leads straight to the one with a value of the only member.
        filters: &'static [&'static str],
    },
    /// They name the record that a member leads to, in whose collection they stand, and derive from
    /// these members, which are unique together within it and final.
    Within { parent: &'static str, members: &'static [&'static str] },
}

impl Identity {
    /// The members that are unique together; none where each record is new.
    pub(crate) fn members(self) -> &'static [&'static str] {
        match self {
            Self::New => &[],
            Self::Of { members, .. } | Self::Within { members, .. } => members,
        }
    }
}

impl Catalog {
    /// A resource with new ids, all actions, and no rules but its table's.
    pub(crate) const fn new(
        kind: &'static ResourceType,
        letter: &'static str,
        part: Part,
        prefix: &'static str,
    ) -> Self {
        Self {
            kind,
            stored: RecordKind { letter, part },
            prefix,
            identity: Identity::New,
            actions: &[Action::List, Action::Create, Action::Read, Action::Update, Action::Delete],
            required: &[],
            defaults: || json!({}),
            market: None,
            take: |_, _| {},
            settle: |_, _| done(),
            show: |_, _| {},
            reveal: |_, _, _, _| {},
            anew: &[],
            refuse_deletion: |_, _| None,
            needed_by: &[],
            on_update: "",
        }
    }

    /// Whether the caller sees a record.
    pub(crate) fn visible(&self, context: &Context<'_>, record: &Record) -> bool {
        let market = self.market.and_then(|member| text(record, member));
        market.is_none_or(|id| id.parse().is_ok_and(|id| context.caller.sees(&id)))
    }

    /// Whether a text has the form of its ids: what hasn't is not looked for.
    pub(crate) fn is_id(&self, text: &str) -> bool {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        text.len() <= 100
            && text.strip_prefix(self.prefix).is_some_and(|body| !body.is_empty())
            && text.bytes().all(plain)
    }

    /// The id of a new record that derives from its members; `None` where it is to be made up.
    fn id_of(&self, record: &Record) -> Option<String> {
        match self.identity {
            Identity::New => None,
            Identity::Of { members, .. } => {
                let values: Vec<&str> =
                    members.iter().filter_map(|name| text(record, name)).collect();
                Some(self.derived_id(&values))
            }
            // What is not given counts as such: no two scopes run together.
            Identity::Within { parent, members } => {
                let values: Vec<Option<&str>> =
                    members.iter().map(|name| text(record, name)).collect();
                let parent = text(record, parent).unwrap_or_default();
                Some(id_within(self.prefix, parent, &json!(values).to_string()))
            }
        }
    }

    /// The id that derives from these values of the members that it derives from.
    pub(crate) fn derived_id(&self, values: &[&str]) -> String {
        derived_id(self.prefix, values)
    }
}

/// The member of a record in which a relationship stands.
pub(crate) fn member(relationship: &Relationship) -> String {
    if relationship.many {
        relationship.name.to_owned()
    } else {
        format!("{}_id", relationship.name)
    }
}

/// A text in a record.
pub(crate) fn text<'a>(record: &'a Record, member: &str) -> Option<&'a str> {
    record.get(member).and_then(Value::as_str)
}

/// How often a record was written.
fn version(record: &Record) -> u64 {
    record.get("version").and_then(Value::as_u64).unwrap_or_default()
}

/// The kind of resource that has a journal and to which this id belongs.
pub(crate) fn journaled(id: &str) -> Option<&'static Catalog> {
    let tells = |catalog: &&&Catalog| catalog.kind.relationship("events").is_some();
    CATALOG.iter().filter(tells).find(|catalog| catalog.is_id(id)).copied()
}

/// The resource of this name, where it is one of the catalogue.
pub(crate) fn named(name: &str) -> Option<&'static Catalog> {
    CATALOG.iter().find(|catalog| catalog.kind.name == name).copied()
}

/// The resource that the path of a request names.
fn in_path(context: &Context<'_>) -> Outcome<&'static Catalog> {
    let path = &context.request.path;
    let name = path.strip_prefix("/api/").and_then(|rest| rest.split('/').next());
    name.and_then(named).ok_or_else(|| ApiError::not_found("resource at path", path))
}

/// The operations on all of them. Made once, and kept as long as the process lives, as the tables are.
pub(super) static OPERATIONS: LazyLock<Vec<Operation>> = LazyLock::new(|| {
    let each = |catalog: &'static Catalog| {
        catalog.actions.iter().map(move |action| operation(catalog, *action))
    };
    CATALOG.iter().copied().flat_map(each).collect()
});

fn operation(catalog: &'static Catalog, action: Action) -> Operation {
    let kind = catalog.kind;
    let (plural, one) = (kind.name.replace('_', " "), kind.singular);
    let article = if one.starts_with(['a', 'e', 'i', 'o']) { "an" } else { "a" };
    let (collection, single) =
        (format!("/api/{}", kind.name), format!("/api/{}/{{id}}", kind.name));
    let (path, accepts, about) = match action {
        Action::List => {
            let accepts = match catalog.identity {
                Identity::New | Identity::Within { .. } => Accepts::INDEXED,
                Identity::Of { filters, .. } => Accepts::INDEXED.filtered(filters),
            };
            (collection, accepts, format!("Lists {plural}."))
        }
        Action::Create => (collection, Accepts::SINGLE, format!("Makes {article} {one}.")),
        Action::Read | Action::Preview | Action::Receive => {
            (single, Accepts::SINGLE, format!("Reads {article} {one}."))
        }
        Action::Update => {
            let about = format!("Changes {article} {one}. {}", catalog.on_update);
            (single, Accepts::SINGLE, about.trim_end().to_owned())
        }
        Action::Delete => (
            single,
            Accepts::SINGLE,
            format!("Deletes {article} {one} that nothing needs any more."),
        ),
    };
    Operation {
        action,
        path: path.leak(),
        kind,
        surface: Surface::Api,
        accepts,
        about: about.leak(),
        handler: match action {
            Action::List => handler!(read::list),
            Action::Read | Action::Preview | Action::Receive => handler!(read::read),
            Action::Create => handler!(write::create),
            Action::Update => handler!(write::update),
            Action::Delete => handler!(write::delete),
        },
    }
}

#[cfg(test)]
#[path = "tables_tests.rs"]
mod tests;
