//! Channel mappings: programs in jq that make an order of what a channel sends. Each version is made
//! once and never changed; another function compiles and stores them, see [`crate::channels`].

use perennial_store::Part;
use serde_json::json;

use super::{
    CREATED_AT, UPDATED_AT,
    catalog::{Catalog, Identity, METADATA, REFERENCE, REFERENCE_ORIGIN},
};
use crate::http::{
    attributes::{Access, Attribute, Kind},
    object::{Relationship, ResourceType},
    operation::Action,
};

/// Longest program, in bytes: as many can be run.
const MAX_PROGRAM: usize = 16 * 1024;

/// How payloads are written.
pub(crate) const FORMAT: Attribute = Attribute::create(
    "format",
    Kind::Choice(&["json", "csv", "xml"]),
    "How payloads are written; json unless given.",
);
/// What rows of CSV are grouped by.
pub(crate) const GROUP_BY: Attribute = Attribute::create(
    "group_by",
    Kind::Text(100),
    "Of CSV: the column in which rows of one order are alike. Null makes an order of each row.",
);
/// The program.
pub(crate) const PROGRAM: Attribute = Attribute::create(
    "program",
    Kind::Lines(MAX_PROGRAM),
    "The program in jq: from a payload to one document; docs/channels.md tells what it holds.",
);

pub(crate) static KIND: ResourceType = ResourceType {
    name: "channel_mappings",
    singular: "channel mapping",
    about: "A version of the program that makes orders of what a channel sends. Never changed: \
            another version is another mapping.",
    attributes: &[
        Attribute::read("number", Kind::Integer(1, u32::MAX as i64), "Its version, from 1."),
        FORMAT,
        GROUP_BY,
        PROGRAM,
        Attribute::create("notes", Kind::Lines(2_000), "What is new about it, for people."),
        Attribute::of(
            "_activate",
            Kind::Boolean,
            Access::CreateOnly,
            "Whether the channel reads by it from now on.",
        ),
        REFERENCE,
        REFERENCE_ORIGIN,
        METADATA,
        CREATED_AT,
        UPDATED_AT,
    ],
    relationships: &[Relationship::required("channel", "channels")],
};

pub(crate) static CATALOG: Catalog = Catalog {
    identity: Identity::New,
    actions: &[Action::List, Action::Read],
    required: &["program"],
    defaults: || json!({"format": "json"}),
    market: Some("market_id"),
    ..Catalog::new(&KIND, "Z", Part::Record("channel mapping"), "map_")
};
