//! The HTTP side of Perennial: JSON:API 1.1 over API Gateway's payload format 2.0.
//!
//! A request passes, in this order: [`event`] (what API Gateway sent), [`operation`] (which route),
//! [`caller`] (who, and may they), [`media_type`], [`query`], [`idempotency`], and only then the
//! operation's own handler, which reads a [`document`] and answers an [`object`].

pub(crate) mod attributes;
pub(crate) mod caller;
pub(crate) mod conditional;
pub(crate) mod context;
pub(crate) mod dispatch;
pub(crate) mod document;
pub(crate) mod error;
pub(crate) mod event;
pub(crate) mod idempotency;
pub(crate) mod json_object;
pub(crate) mod kind;
pub(crate) mod media_type;
mod members;
pub(crate) mod object;
pub(crate) mod openapi;
pub(crate) mod operation;
pub(crate) mod page;
pub(crate) mod query;
mod tolerated;
