//! Numbers by which people tell orders and subscriptions.

use crate::http::{
    attributes::{Attribute, Kind},
    context::digest,
};

pub(super) const NUMBER: Attribute =
    Attribute::read("number", Kind::Text(20), "A number for people to tell it by; final.");

/// A number of 16 digits that derives from an id. Unlike the id it is not for looking up: two may have
/// the same, once in some twenty thousand organizations of a million subscriptions.
pub(super) fn number_of(id: &str) -> String {
    let bytes = digest(&["number", id]);
    let head = bytes.iter().take(8).fold(0_u64, |head, byte| head << 8 | u64::from(*byte));
    format!("{:016}", head % 10_u64.pow(16))
}
