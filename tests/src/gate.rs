//! A gate before one function: it remembers every event that was delivered, and can let events
//! through, hold them, lose them, die over them, or deliver each one twice.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use perennial_local::invoke::FunctionFactory;
use perennial_runtime::{Function, FunctionError, Invocation};
use serde_json::{Value, json};
use tokio::sync::Notify;

/// What a gate does with events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// Lets them through.
    #[default]
    Open,
    /// Lets nobody through until it is set to something else.
    Holding,
    /// Answers that all went well, and loses them.
    Losing,
    /// Answers as a function that was killed or ran out of time: its messages stay on their queue.
    Dying,
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
    changed: Arc<Notify>,
}

impl Gate {
    /// An open gate before a function.
    #[must_use]
    pub fn before(binary: &'static str) -> Self {
        Self { binary, state: Arc::default(), changed: Arc::default() }
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
            Ok(Arc::new(Gated { function, gate: gate.clone() }))
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes what it does with the events to come.
    pub fn set(&self, mode: Mode) {
        self.state().mode = mode;
        self.changed.notify_waiters();
    }

    /// What it does, once it holds nobody any more.
    async fn passed(&self) -> Mode {
        loop {
            let changed = self.changed.notified();
            let mode = self.state().mode;
            if mode != Mode::Holding {
                return mode;
            }
            changed.await;
        }
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

    /// All messages that were delivered, in order, as the queue gave them; it forgets them.
    #[must_use]
    pub fn take_records(&self) -> Vec<Value> {
        let delivered = std::mem::take(&mut self.state().delivered);
        delivered.iter().flat_map(records).cloned().collect()
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
    gate: Gate,
}

#[async_trait]
impl Function for Gated {
    async fn invoke(&self, event: Value, invocation: Invocation) -> Result<Value, FunctionError> {
        self.gate.state().delivered.push(event.clone());
        match self.gate.passed().await {
            Mode::Open | Mode::Holding => self.function.invoke(event, invocation).await,
            Mode::Losing => Ok(json!({"batchItemFailures": []})),
            Mode::Dying => Err("the function was killed, as asked".into()),
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
