//! HTTP/1.1 over TLS, as clients of ours speak it: [pooled connections](pool()), and on them one
//! [exchange](Exchange) at a time within bounds of time and size; and for URLs that somebody else has
//! written down, [requests](Outbound) that never lead inside.

mod exchange;
mod outbound;
mod pool;
mod resolve;
pub mod tls;

pub use exchange::{Answer, Exchange, ExchangeError, Limits};
pub use outbound::{NoReply, NoReplyKind, Outbound, Reply};
pub use pool::{Pool, pool};
