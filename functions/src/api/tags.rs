//! Tags: words by which a client sorts what it has. What carries tags names them by its relationship
//! `tags`, or adds and removes some by name.

use perennial_domain::ids::TagId;
use perennial_store::Part;

use super::{
    CREATED_AT, UPDATED_AT,
    catalog::{
        self, Catalog, Change, METADATA, Need, REFERENCE, REFERENCE_ORIGIN, done, load_related,
    },
};
use crate::http::{
    attributes::{Access, Attribute, Attributes, Kind},
    context::Context,
    document::Document,
    error::{Code, Outcome, Problem, Problems},
    object::{Linkage, Ref, Relationship, ResourceType},
};

/// Most tags of one resource.
pub(crate) const MAX_TAGS: usize = 10;
/// Longest name, in characters.
pub(crate) const MAX_NAME: usize = 25;

pub(crate) static KIND: ResourceType = ResourceType {
    name: "tags",
    singular: "tag",
    about: "A word by which a client sorts its orders, subscriptions, customers, skus, bundles and \
            addresses.",
    attributes: &[
        Attribute::create(
            "name",
            Kind::Text(MAX_NAME),
            "Letters, digits, `_` and `-`; unique and final.",
        ),
        REFERENCE,
        REFERENCE_ORIGIN,
        METADATA,
        CREATED_AT,
        UPDATED_AT,
    ],
    relationships: &[],
};

pub(super) static CATALOG: Catalog = Catalog {
    identity: catalog::Identity::Of { members: &["name"], filters: &["name_eq"] },
    required: &["name"],
    settle: |_, change| {
        check_name(change);
        done()
    },
    needed_by: &[
        Need::of("orders", "O", "tags"),
        Need::of("order_subscriptions", "S", "tags"),
        Need::of("customers", "C", "tags"),
        Need::of("skus", "K", "tags"),
        Need::of("bundles", "B", "tags"),
        Need::of("addresses", "A", "tags"),
    ],
    ..Catalog::new(&KIND, "G", Part::Record("tag"), "tag_")
};

/// The tags of what carries some.
pub(crate) const TAGS: Relationship = Relationship::several("tags", KIND.name);
/// Adds tags.
pub(crate) const ADD_TAGS: Attribute = Attribute::of(
    "_add_tags",
    NAMES,
    Access::UpdateTrigger,
    "Adds the tags with these names, separated by commas.",
);
/// Removes tags.
pub(crate) const REMOVE_TAGS: Attribute = Attribute::of(
    "_remove_tags",
    NAMES,
    Access::UpdateTrigger,
    "Removes the tags with these names, separated by commas.",
);

const NAMES: Kind = Kind::Text(1_000);

fn check_name(change: &mut Change) {
    let name = change.text("name").unwrap_or_default();
    if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte)) {
        let detail = format!("name must be of letters, digits, _ and -, not {name:?}");
        change.refuse("name", Code::InvalidValue, detail);
    }
}

/// The id of the tag with a name.
pub(crate) fn tag_id(name: &str) -> String {
    CATALOG.derived_id(&[name])
}

fn ids_of(names: &[String]) -> Vec<String> {
    names.iter().map(|name| tag_id(name)).collect()
}

/// The tags of an order or subscription.
pub(crate) fn linkage(tags: &[TagId]) -> Linkage {
    Linkage::Many(tags.iter().map(|tag| Ref::new(KIND.name, tag)).collect())
}

/// What a client says of the tags of a resource.
#[derive(Debug, Default)]
pub(crate) struct TagChange {
    /// All that it shall have, by id.
    given: Option<Vec<String>>,
    /// Names of those that it shall have, too.
    add: Vec<String>,
    /// Names of those that it shall not have.
    remove: Vec<String>,
}

impl TagChange {
    /// Reads it from a document.
    pub(crate) fn read(
        attributes: &mut Attributes,
        document: &Document,
        problems: &mut Problems,
    ) -> Self {
        let mut names = |attribute: &Attribute| -> Vec<String> {
            let text: Option<String> = attributes.optional(attribute.name, problems).value();
            let names = text.as_deref().unwrap_or_default().split(',').map(str::trim);
            names.filter(|name| !name.is_empty()).map(str::to_owned).collect()
        };
        let (add, remove) = (names(&ADD_TAGS), names(&REMOVE_TAGS));
        Self { given: document.related_list(TAGS.name, problems), add, remove }
    }

    /// Whether it says anything.
    pub(crate) fn is_given(&self) -> bool {
        self.given.is_some() || !self.add.is_empty() || !self.remove.is_empty()
    }

    /// The tags that an order or subscription shall have, where it has `before`.
    pub(crate) async fn of_typed(
        &self,
        context: &Context<'_>,
        before: &[TagId],
        problems: &mut Problems,
    ) -> Outcome<Vec<TagId>> {
        if !self.is_given() {
            return Ok(before.to_vec());
        }
        let before: Vec<String> = before.iter().map(ToString::to_string).collect();
        let tags = self.of(context, &before, problems).await?;
        Ok(tags.iter().filter_map(|tag| tag.parse().ok()).collect())
    }

    /// The ids of the tags that the resource shall have, where it has `before`. Those that it did
    /// not have must exist.
    pub(crate) async fn of(
        &self,
        context: &Context<'_>,
        before: &[String],
        problems: &mut Problems,
    ) -> Outcome<Vec<String>> {
        if let Some(given) = &self.given {
            load_related(context, &TAGS, given, problems).await?;
        }
        let (added, removed) = (ids_of(&self.add), ids_of(&self.remove));
        let organization = &context.caller.organization;
        let found = match added.is_empty() {
            true => Vec::new(),
            false => context.store().records(organization, CATALOG.stored, &added, true).await?,
        };
        for (name, id) in self.add.iter().zip(&added) {
            if found.iter().all(|tag| catalog::text(tag, "id") != Some(id)) {
                let detail = format!("there is no tag with the name {name:?}");
                let problem = Problem::new(Code::RelatedNotFound, detail);
                let at = format!("/data/attributes/{}", ADD_TAGS.name);
                problems.add(problem.at(at).with("value", name.clone()));
            }
        }
        let mut tags: Vec<String> = Vec::new();
        for id in self.given.as_deref().unwrap_or(before).iter().chain(&added) {
            if !removed.contains(id) && !tags.contains(id) {
                tags.push(id.clone());
            }
        }
        if tags.len() > MAX_TAGS {
            let detail = format!("tags: at most {MAX_TAGS} can be carried, not {}", tags.len());
            let problem = Problem::new(Code::OutOfRange, detail).with("value", tags.len());
            problems.add(problem.at("/data/relationships/tags"));
        }
        Ok(tags)
    }
}
