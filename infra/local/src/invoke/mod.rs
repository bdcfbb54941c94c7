//! Runs the functions of the template in this process, as Lambda would: each event by itself, with
//! a timeout, a limit on concurrency, and a panic that costs one invocation and not the process.

mod host;
mod stats;

pub use host::{FunctionFactory, FunctionFault, Host, HostError};
pub use stats::FunctionStats;
