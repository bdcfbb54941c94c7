//! JSON objects, made of their members.

use serde_json::{Map, Value};

/// An object of these members. Of several of one name, the last stays.
///
/// `collect` says the same, but sorts first, by code that the compiler makes again for every
/// iterator: four kilobytes for each place where an object is made.
pub(crate) fn json_object<N: Into<String>>(
    members: impl IntoIterator<Item = (N, Value)>,
) -> Map<String, Value> {
    let mut object = Map::new();
    for (name, value) in members {
        object.insert(name.into(), value);
    }
    object
}
