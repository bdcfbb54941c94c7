//! What a handler is given: the request, who asks, and what the function can reach.

use chrono::{DateTime, Utc};
use perennial_domain::journal::Cause;
use perennial_messages::{Outgoing, Queue};
use perennial_store::Store;
use uuid::Uuid;

use super::{
    caller::Caller,
    conditional::check_if_match,
    error::{ApiError, Code, Outcome, Problem},
    event::Request,
    idempotency::Once,
    query::Query,
};
use crate::{
    intake::backlog::Backlog, payments::Provider, tallies::Tallies, taxes::TaxEngine,
    work_queues::WorkQueue,
};

/// What an HTTP function can reach.
#[derive(Debug)]
pub(crate) struct Services {
    pub(crate) store: Store,
    pub(crate) queues: Vec<(WorkQueue, Queue)>,
    /// What lets orders in to be placed; `None` where nobody is kept waiting at the door.
    pub(crate) backlog: Option<Backlog>,
    /// Counts what comes from where; `None` where nothing comes.
    pub(crate) tallies: Option<Tallies>,
    /// Who moves the money; `None` where no function may.
    pub(crate) provider: Option<Provider>,
    /// What computes taxes; `None` where none are.
    pub(crate) taxes: Option<TaxEngine>,
    /// Whether webhooks may have private addresses; see [`crate::settings::private_webhooks`].
    pub(crate) private_webhooks: bool,
}

impl Services {
    /// The store, and nothing else.
    pub(crate) fn over(store: Store) -> Self {
        Self {
            store,
            queues: Vec::new(),
            backlog: None,
            tallies: None,
            provider: None,
            taxes: None,
            private_webhooks: false,
        }
    }

    /// Sends messages to a queue that this function may send to.
    pub(crate) async fn send(&self, queue: WorkQueue, messages: Vec<Outgoing>) -> Outcome<()> {
        let Some((_, open)) = self.queues.iter().find(|(name, _)| *name == queue) else {
            return Err(ApiError::internal(format!("this function has no queue {}", queue.name())));
        };
        open.send(messages).await.map_err(|error| ApiError::unavailable(error.to_string()))
    }
}

/// One request.
#[derive(Debug)]
pub(crate) struct Context<'a> {
    pub(crate) services: &'a Services,
    pub(crate) caller: &'a Caller,
    pub(crate) request: &'a Request,
    pub(crate) query: &'a Query,
    /// The id in the path; empty where there is none.
    pub(crate) id: &'a str,
    /// The request's id, for journal and logs.
    pub(crate) request_id: &'a str,
    /// Under what key the request is made once only; `None` without one.
    pub(crate) once: Option<Once<'a>>,
    pub(crate) now: DateTime<Utc>,
}

impl Context<'_> {
    pub(crate) fn store(&self) -> &Store {
        &self.services.store
    }

    /// Why something changes, for the journal.
    pub(crate) fn cause(&self) -> Cause {
        self.caller.cause(self.request_id)
    }

    /// The UUID of a resource that this request makes: the same whenever the request is made again
    /// under its idempotency key, so that even a crash after the commit can't make two. Another
    /// request under that key, once it is free again, makes another resource.
    pub(crate) fn new_uuid(&self, kind: &str) -> Uuid {
        match &self.once {
            Some(Once { key, fingerprint }) => {
                let organization = self.caller.organization.as_str();
                let bytes = digest(&[organization, kind, key, fingerprint]);
                uuid::Builder::from_custom_bytes(bytes).into_uuid()
            }
            None => Uuid::now_v7(),
        }
    }

    /// Refuses a change to another version than the client has seen.
    pub(crate) fn check_version(&self, version: u64) -> Outcome<()> {
        check_if_match(self.request.header("if-match"), version)
    }

    /// What is told when somebody else's write got ahead of this one: with `If-Match`, that the
    /// version is stale.
    pub(crate) fn overtaken(&self, error: ApiError) -> ApiError {
        let conflict = error.problems.iter().any(|problem| problem.code == Code::Conflict);
        if conflict && self.request.header("if-match").is_some() {
            return Problem::new(
                Code::PreconditionFailed,
                "the resource changed since the version in If-Match: read it again, then decide",
            )
            .in_header("If-Match")
            .into();
        }
        error
    }

    /// The id in the path as an id of its kind; anything else names nothing.
    pub(crate) fn path_id<T: std::str::FromStr>(&self, what: &str) -> Outcome<T> {
        self.id.parse().map_err(|_| ApiError::not_found(what, self.id))
    }
}

/// The first 16 bytes of a hash over length-prefixed parts.
pub(crate) fn digest(parts: &[&str]) -> [u8; 16] {
    use sha2::{Digest, Sha256};
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    let mut bytes = [0; 16];
    for (byte, hashed) in bytes.iter_mut().zip(hash.finalize()) {
        *byte = hashed;
    }
    bytes
}
