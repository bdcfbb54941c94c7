//! The tables of the catalogue agree with each other.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::{CATALOG, Catalog, Identity, member};
use crate::{
    api::RESOURCE_TYPES,
    http::{
        attributes::{Access, Attributes, Mode},
        error::Problems,
        object::Given,
        operation::Action,
    },
};

fn members(catalog: &Catalog) -> BTreeSet<String> {
    let attributes = catalog.kind.attributes.iter().map(|attribute| attribute.name.to_owned());
    attributes.chain(catalog.kind.relationships.iter().map(member)).collect()
}

#[test]
fn letters_and_prefixes_are_given_once() {
    let letters: BTreeSet<&str> = CATALOG.iter().map(|catalog| catalog.stored.letter).collect();
    let prefixes: BTreeSet<&str> = CATALOG.iter().map(|catalog| catalog.prefix).collect();
    assert_eq!((letters.len(), prefixes.len()), (CATALOG.len(), CATALOG.len()));
    // Of orders, subscriptions, notes of stock, idempotency keys, job runs and dead letters.
    assert!(["O", "S", "T", "I", "J", "L"].iter().all(|letter| !letters.contains(letter)));
}

#[test]
fn every_resource_carries_what_clients_keep_and_when_it_was_made() {
    // What is only computed is neither kept nor made.
    let answered = [
        "_previews",
        "_imports",
        "_redrives",
        "_discards",
        "_replays",
        "_overturns",
        "_statistics",
        "_healths",
        "_payloads",
    ];
    let answered_only = |name: &str| answered.iter().any(|end| name.ends_with(end));
    for kind in RESOURCE_TYPES.iter().filter(|kind| !answered_only(kind.name)) {
        for name in ["reference", "reference_origin", "metadata", "created_at", "updated_at"] {
            let found = kind.attributes.iter().any(|attribute| attribute.name == name);
            assert!(found, "{} has no {name}", kind.name);
        }
    }
}

#[test]
fn what_is_required_or_has_a_default_is_an_attribute_that_clients_give() {
    for catalog in CATALOG {
        let of = catalog.kind.name;
        let given = |name: &str| {
            let attribute = catalog.kind.attributes.iter().find(|found| found.name == name);
            attribute.filter(|found| matches!(found.access, Access::Create | Access::Write))
        };
        let defaults = (catalog.defaults)();
        for name in catalog.required {
            assert!(given(name).is_some(), "{of} {name}");
            assert!(defaults.get(name).is_none(), "{of} {name} is required and has a default");
        }
        let Value::Object(defaults) = defaults else { unreachable!("{of}: {defaults}") };
        for (name, value) in defaults {
            if given(&name).is_none() {
                let known = catalog.kind.attributes.iter().any(|found| found.name == name);
                assert!(known, "{of} {name} is no attribute");
                continue;
            }
            let mut problems = Problems::default();
            let one = Map::from_iter([(name.clone(), value)]);
            let table = catalog.kind.attributes;
            let mut read = Attributes::new(table, Mode::Create, one, "", &mut problems);
            let _: crate::http::attributes::Given<Value> = read.optional(&name, &mut problems);
            assert!(problems.check().is_ok(), "{of} {name}");
        }
    }
}

#[test]
fn ids_derive_from_what_is_given_once_and_for_all() {
    for catalog in CATALOG {
        let members = catalog.identity.members();
        for name in members {
            let attribute = catalog.kind.attributes.iter().find(|found| found.name == *name);
            let relationship = catalog.kind.relationships.iter().find(|one| member(one) == *name);
            let settled = match (attribute, relationship) {
                (Some(attribute), _) => attribute.access == Access::Create,
                (None, Some(one)) => one.on_create != Given::Never && !one.on_update,
                (None, None) => false,
            };
            assert!(settled, "{} {name} may change", catalog.kind.name);
        }
        if let Identity::Of { filters: [filter], .. } = catalog.identity {
            let [name] = members else { unreachable!("{members:?}") };
            assert_eq!(*filter, format!("{name}_eq"), "{}", catalog.kind.name);
        }
    }
}

#[test]
fn needs_and_relationships_name_what_there_is() {
    for catalog in CATALOG {
        for need in catalog.needed_by {
            let kind = RESOURCE_TYPES.iter().find(|kind| kind.name == need.kind);
            assert!(kind.is_some(), "{} is needed by {}", catalog.kind.name, need.kind);
            let Some(other) = CATALOG.iter().find(|other| other.kind.name == need.kind) else {
                continue;
            };
            assert_eq!(other.stored.letter, need.letter, "{}", need.kind);
            let known = members(other);
            assert!(known.contains(need.member), "{} has no {}", need.kind, need.member);
        }
        for relationship in catalog.kind.relationships {
            let written = catalog.actions.contains(&Action::Create);
            let settable =
                written && (relationship.on_create != Given::Never || relationship.on_update);
            let target = CATALOG.iter().any(|other| other.kind.name == relationship.to);
            assert!(!settable || target, "{} {}", catalog.kind.name, relationship.name);
        }
    }
}
