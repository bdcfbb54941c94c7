//! Perennial on one laptop: the whole template in one process.

mod activity;
pub mod api_docs;
pub mod clock;
pub mod cloud;
mod durable;
pub mod gateway;
pub mod identity;
pub mod import;
pub mod interrupt;
pub mod invoke;
pub mod server;
pub mod simulate;
pub mod sources;
pub mod stack;
pub mod template;

pub use activity::{Activity, Busy};
