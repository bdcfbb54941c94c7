//! The HTTP functions, driven by the events that API Gateway sends, on an embedded DynamoDB. The
//! queues are out of reach, so that what is promised without them is seen to hold.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failed unwrap or index is a failed test"
)]

mod bounds;
mod catalog;
mod cursors;
mod documents;
mod embedded;
mod includes;
mod journal;
mod list_properties;
mod lists;
mod openapi;
mod operations;
mod orders;
mod relationships;
mod shop;
mod subscriptions;
