//! Perennial on one laptop: the whole template in one process.

mod activity;
pub mod clock;
pub mod cloud;
mod durable;
pub mod gateway;
pub mod identity;
pub mod invoke;
pub mod sources;
pub mod template;
