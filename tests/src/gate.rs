//! A gate before one function: it remembers every event that was delivered, and can let events
//! through, lose them, or deliver each one twice.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use perennial_local::invoke::FunctionFactory;
use perennial_runtime::{Function, FunctionError, Invocation};
use serde_json::{Value, json};

/// What a gate does with events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// Lets them through.
    #[default]
    Open,
    /// Answers that all went well, and loses them.
    Losing,
    /// Delivers each twice at once, the second time with its records backwards.
    Twice,
}

#[derive(Debug, Default)]
struct State {
    mode: Mode,
    delivered: Vec<Value>,
}

/// A gate before the function of one binary.
#[derive(Debug, Clone)]
pub struct Gate {
    binary: &'static str,
    state: Arc<Mutex<State>>,
}

impl Gate {
    /// An open gate before a function.
    #[must_use]
    pub fn before(binary: &'static str) -> Self {
        Self { binary, state: Arc::default() }
    }

    /// Perennial's functions, with this gate before one of them.
    #[must_use]
    pub fn functions(&self) -> FunctionFactory {
        let gate = self.clone();
        Arc::new(move |binary, environment, aws, clock| {
            let function = perennial_functions::build::named(binary, environment, aws, clock)?;
            if binary != gate.binary {
                return Ok(function);
            }
            let state = Arc::clone(&gate.state);
            Ok(Arc::new(Gated { function, state }))
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes what it does with the events to come.
    pub fn set(&self, mode: Mode) {
        self.state().mode = mode;
    }

    /// How many records each event had that was delivered, in order.
    #[must_use]
    pub fn batches(&self) -> Vec<usize> {
        self.state().delivered.iter().map(|event| records(event).len()).collect()
    }

    /// The bodies of all messages that were delivered, in order.
    #[must_use]
    pub fn bodies(&self) -> Vec<String> {
        let state = self.state();
        let bodies = state.delivered.iter().flat_map(records);
        bodies
            .filter_map(|record| record.get("body").and_then(Value::as_str))
            .map(str::to_owned)
            .collect()
    }

    /// Forgets what was delivered.
    pub fn forget(&self) {
        self.state().delivered.clear();
    }
}

fn records(event: &Value) -> &[Value] {
    event.get("Records").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

struct Gated {
    function: Arc<dyn Function>,
    state: Arc<Mutex<State>>,
}

#[async_trait]
impl Function for Gated {
    async fn invoke(&self, event: Value, invocation: Invocation) -> Result<Value, FunctionError> {
        let mode = {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            state.delivered.push(event.clone());
            state.mode
        };
        match mode {
            Mode::Open => self.function.invoke(event, invocation).await,
            Mode::Losing => Ok(json!({"batchItemFailures": []})),
            Mode::Twice => {
                let backwards: Vec<Value> = records(&event).iter().rev().cloned().collect();
                let again = Invocation {
                    request_id: format!("{}-again", invocation.request_id),
                    deadline: invocation.deadline,
                };
                let (first, second) = tokio::join!(
                    self.function.invoke(event, invocation),
                    self.function.invoke(json!({ "Records": backwards }), again),
                );
                second?;
                first
            }
        }
    }
}
