//! HTTP/1.1 over TLS, as clients of ours speak it: [pooled connections](pool()), and on them one
//! [exchange](Exchange) at a time within bounds of time and size.

mod exchange;
mod pool;
pub mod tls;

pub use exchange::{Answer, Exchange, ExchangeError, Limits};
pub use pool::{Pool, pool};
