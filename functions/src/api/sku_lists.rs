//! Sku lists: skus with units, of which bundles can be made.

use perennial_domain::ids::SkuId;
use perennial_store::{Part, Record};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    CREATED_AT, UPDATED_AT,
    catalog::{Catalog, METADATA, Need, REFERENCE, REFERENCE_ORIGIN, text},
};
use crate::http::{
    attributes::{Attribute, Kind},
    object::{Relationship, ResourceType},
};

pub(crate) static KIND: ResourceType = ResourceType {
    name: "sku_lists",
    singular: "sku list",
    about: "Skus with units, of which a bundle can be made. The bundle copies what the list holds then.",
    attributes: &[
        Attribute::write("name", Kind::Text(200), "Name for people."),
        Attribute::write("description", Kind::Text(2_000), "More about it, for people."),
        Attribute::write("image_url", Kind::Text(2_000), "Where an image of it is."),
        REFERENCE,
        REFERENCE_ORIGIN,
        METADATA,
        CREATED_AT,
        UPDATED_AT,
    ],
    relationships: &[
        Relationship::listed("sku_list_items", "sku_list_items"),
        Relationship::listed("skus", "skus"),
    ],
};

pub(super) static CATALOG: Catalog = Catalog {
    required: &["name"],
    needed_by: &[Need::of("bundles", "B", "sku_list_id")],
    ..Catalog::new(&KIND, "U", Part::Record("sku list"), "skl_")
};

/// A sku on a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Entry {
    pub(super) sku_code: String,
    pub(super) quantity: u32,
    /// Entries are shown in the order of their positions.
    pub(super) position: u32,
}

/// The member of a list's record that holds its entries.
const ENTRIES: &str = "entries";

/// What stands on a list, in its order.
pub(super) fn entries(list: &Record) -> Vec<Entry> {
    let held = list.get(ENTRIES).cloned().unwrap_or_default();
    let mut entries: Vec<Entry> = serde_json::from_value(held).unwrap_or_default();
    entries.sort_by_key(|entry| entry.position);
    entries
}

/// The list with these entries, and the ids that it shows of them.
pub(super) fn set_entries(list: &mut Record, entries: &[Entry]) {
    let id = text(list, "id").unwrap_or_default().to_owned();
    let skus = entries.iter().map(|entry| Value::from(SkuId::of_code(&entry.sku_code).to_string()));
    let items = entries.iter().map(|entry| Value::from(item_id(&id, &entry.sku_code)));
    let (skus, items) = (skus.collect::<Vec<_>>(), items.collect::<Vec<_>>());
    list.insert("skus".to_owned(), skus.into());
    list.insert("sku_list_items".to_owned(), items.into());
    list.insert(ENTRIES.to_owned(), serde_json::json!(entries));
}

/// What ids of items begin with.
pub(super) const ITEM_PREFIX: &str = "sli_";

/// The id of a sku's entry on a list.
pub(super) fn item_id(list: &str, sku_code: &str) -> String {
    let list = list.strip_prefix(CATALOG.prefix).unwrap_or_default();
    let sku = SkuId::of_code(sku_code);
    let sku = sku.as_str().strip_prefix(SkuId::PREFIX).unwrap_or_default();
    format!("{ITEM_PREFIX}{list}_{sku}")
}

/// The list that an item stands on.
pub(super) fn list_of(item: &str) -> Option<String> {
    let (list, _) = item.strip_prefix(ITEM_PREFIX)?.rsplit_once('_')?;
    Some(format!("{}{list}", CATALOG.prefix))
}
