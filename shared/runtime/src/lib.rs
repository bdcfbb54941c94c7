//! What every Lambda function of Perennial needs: settings, clock, telemetry, and the one shape in
//! which a function meets its host, be that AWS Lambda or the local stack.

mod clock;
mod environment;
mod function;
mod lambda;
pub mod telemetry;

pub use clock::{Clock, SystemClock};
pub use environment::{Environment, SettingError};
pub use function::{Function, FunctionError, Invocation};
pub use lambda::serve;
