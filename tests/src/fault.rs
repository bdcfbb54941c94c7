//! Faults between the functions and AWS: at any one call, the call never arrives, is refused, or
//! takes effect and its answer is lost.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use aws_smithy_runtime_api::{
    box_error::BoxError,
    client::{
        interceptors::{
            Intercept,
            context::{
                BeforeDeserializationInterceptorContextMut, BeforeTransmitInterceptorContextMut,
            },
        },
        orchestrator::HttpResponse,
        runtime_components::RuntimeComponents,
    },
    http::StatusCode,
};
use aws_smithy_types::{
    body::SdkBody,
    config_bag::{ConfigBag, Storable, StoreReplace},
};
use perennial_functions::Aws;
use perennial_local::invoke::FunctionFactory;
use serde_json::json;

/// The header that names service and action.
const TARGET: &str = "x-amz-target";

/// What befalls a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It never arrives.
    Unreachable,
    /// It is refused for want of capacity.
    Throttled,
    /// It is refused because a transaction of somebody else is under way.
    Conflicting,
    /// It takes effect, and the answer is lost.
    AnswerLost,
    /// The whole process stops dead before the call; it says `stopped` and waits to be killed.
    StopBefore,
    /// The same once the call took effect.
    StopAfter,
}

impl Fault {
    /// Whether a call can meet it.
    #[must_use]
    pub fn can_befall(self, call: &Call) -> bool {
        match self {
            Self::Unreachable
            | Self::Throttled
            | Self::AnswerLost
            | Self::StopBefore
            | Self::StopAfter => true,
            Self::Conflicting => call.target.ends_with("Item") || call.target.ends_with("Items"),
        }
    }
}

/// One call of a function: the nth of its kind since recording began, from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// The function's binary.
    pub function: String,
    /// Service and action, such as `DynamoDB_20120810.PutItem`.
    pub target: String,
    /// Which one.
    pub nth: u32,
}

impl fmt::Display for Call {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "call {} of {} by {}", self.nth, self.target, self.function)
    }
}

#[derive(Debug, Default)]
struct State {
    counts: BTreeMap<(String, String), u32>,
    armed: Option<(Call, Fault)>,
    met: bool,
}

/// Watches the calls of functions, and lets one of them meet a fault.
#[derive(Debug, Clone, Default)]
pub struct Faults(Arc<Mutex<State>>);

impl Faults {
    /// Perennial's functions, with these faults between them and AWS.
    #[must_use]
    pub fn functions(&self) -> FunctionFactory {
        let faults = self.clone();
        Arc::new(move |binary, environment, aws, clock| {
            perennial_functions::build::named(
                binary,
                environment,
                &faults.between(binary, aws),
                clock,
            )
        })
    }

    fn between(&self, function: &str, aws: &Aws) -> Aws {
        aws.watched(Way { function: function.to_owned(), faults: self.clone() })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins to count calls anew, with no fault ahead.
    pub fn record(&self) {
        *self.state() = State::default();
    }

    /// Begins to count calls anew, with a fault ahead for one of them.
    pub fn arm(&self, call: Call, fault: Fault) {
        *self.state() = State { armed: Some((call, fault)), ..State::default() };
    }

    /// Whether the call that a fault waited for was made.
    #[must_use]
    pub fn met(&self) -> bool {
        self.state().met
    }

    /// The calls counted so far: of each kind the first `most`.
    #[must_use]
    pub fn calls(&self, most: u32) -> Vec<Call> {
        let state = self.state();
        let kinds = state.counts.iter();
        kinds
            .flat_map(|((function, target), count)| {
                (1..=most.min(*count)).map(|nth| Call {
                    function: function.clone(),
                    target: target.clone(),
                    nth,
                })
            })
            .collect()
    }

    /// Counts a call; answers the fault that it meets.
    fn pass(&self, function: &str, target: &str) -> Option<Fault> {
        let mut state = self.state();
        let count = state.counts.entry((function.to_owned(), target.to_owned())).or_default();
        *count += 1;
        let call = Call { function: function.to_owned(), target: target.to_owned(), nth: *count };
        let fault = state.armed.as_ref().filter(|(armed, _)| *armed == call)?.1;
        state.met = true;
        Some(fault)
    }
}

/// Holds the thread for good: a runtime of one thread does nothing more.
fn stop() -> ! {
    println!("\nstopped");
    loop {
        std::thread::park();
    }
}

/// Tells the way back what befell the way out.
#[derive(Debug, Clone, Copy)]
struct Met {
    fault: Fault,
    is_transaction: bool,
}

impl Storable for Met {
    type Storer = StoreReplace<Self>;
}

/// The way of one function's requests.
#[derive(Debug)]
struct Way {
    function: String,
    faults: Faults,
}

impl Intercept for Way {
    fn name(&self) -> &'static str {
        "Fault"
    }

    fn modify_before_transmit(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        bag: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let headers = context.request_mut().headers_mut();
        let target = headers.get(TARGET).unwrap_or_default().to_owned();
        let Some(fault) = self.faults.pass(&self.function, &target) else { return Ok(()) };
        match fault {
            Fault::Unreachable => return Err("the connection was refused, as asked".into()),
            // An action that nobody knows has no effect; its answer is replaced on the way back.
            Fault::Throttled | Fault::Conflicting => {
                headers.insert(TARGET, format!("{target}Refused"));
            }
            Fault::StopBefore => stop(),
            Fault::AnswerLost | Fault::StopAfter => {}
        }
        let is_transaction = target.ends_with("TransactWriteItems");
        bag.interceptor_state().store_put(Met { fault, is_transaction });
        Ok(())
    }

    fn modify_before_deserialization(
        &self,
        context: &mut BeforeDeserializationInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        bag: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let Some(Met { fault, is_transaction }) = bag.load::<Met>().copied() else {
            return Ok(());
        };
        let answer = match fault {
            Fault::Throttled => json!({
                "__type": "ThrottlingException",
                "message": "Rate exceeded",
            }),
            Fault::Conflicting if is_transaction => json!({
                "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
                "Message": "Transaction cancelled, please refer cancellation reasons for specific \
                    reasons [TransactionConflict]",
                "CancellationReasons": [
                    {"Code": "TransactionConflict", "Message": "Transaction is ongoing"},
                ],
            }),
            Fault::Conflicting => json!({
                "__type": "com.amazonaws.dynamodb.v20120810#TransactionConflictException",
                "message": "Transaction is ongoing for the item",
            }),
            Fault::AnswerLost => {
                return Err("the connection ended before the answer, as asked".into());
            }
            Fault::StopAfter => stop(),
            Fault::Unreachable | Fault::StopBefore => return Ok(()),
        };
        let status = StatusCode::try_from(400)?;
        *context.response_mut() = HttpResponse::new(status, SdkBody::from(answer.to_string()));
        Ok(())
    }
}
