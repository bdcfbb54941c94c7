//! A small template and functions that record what they get and answer what a test says.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Arc, LazyLock, Mutex, PoisonError},
};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use perennial_functions::build::BuildError;
use perennial_local::{
    identity::SigningKey,
    invoke::FunctionFactory,
    stack::{Stack, StackOptions, StartError},
};
use perennial_runtime::{Clock, Function, FunctionError, Invocation};
use serde_json::{Value, json};

/// The template that the tests serve.
pub(crate) const TEMPLATE: &str = include_str!("template.yaml");

/// The key of all stacks in memory: to make one is a good part of what a short test costs.
static KEY: LazyLock<Option<Arc<SigningKey>>> =
    LazyLock::new(|| SigningKey::generate().ok().map(Arc::new));

/// What a function answers to an event.
pub(crate) type Answer = dyn Fn(&Value) -> Result<Value, FunctionError> + Send + Sync;

/// The functions of one stack, by binary.
#[derive(Clone, Default)]
pub(crate) struct Fakes(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    answers: BTreeMap<String, Arc<Answer>>,
    events: BTreeMap<String, Vec<(DateTime<Utc>, Value)>>,
}

impl Fakes {
    fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Sets what a function answers from now on; until then it answers null.
    pub(crate) fn answer(
        &self,
        binary: &str,
        answer: impl Fn(&Value) -> Result<Value, FunctionError> + Send + Sync + 'static,
    ) {
        self.with(|state| state.answers.insert(binary.to_owned(), Arc::new(answer)));
    }

    /// The events that a function got, with the stack's time at which it got them.
    pub(crate) fn events(&self, binary: &str) -> Vec<(DateTime<Utc>, Value)> {
        self.with(|state| state.events.get(binary).cloned().unwrap_or_default())
    }

    /// The bodies of all queue messages that a function got, in order.
    pub(crate) fn bodies(&self, binary: &str) -> Vec<String> {
        self.events(binary).iter().flat_map(|(_, event)| bodies(event)).collect()
    }

    /// Starts a stack with these functions, in a directory or in memory.
    pub(crate) async fn start(&self, data: Option<&Path>) -> Result<Stack, StartError> {
        self.start_at(0, data, TEMPLATE).await
    }

    /// Starts a stack on a port, with another template.
    pub(crate) async fn start_at(
        &self,
        port: u16,
        data: Option<&Path>,
        template: &str,
    ) -> Result<Stack, StartError> {
        Stack::start(StackOptions {
            port,
            data: data.map(Into::into),
            template: template.to_owned(),
            functions: self.factory(),
            // What is kept in a directory brings its key.
            signing_key: if data.is_none() { KEY.clone() } else { None },
            ..StackOptions::in_memory()
        })
        .await
    }

    /// Builds these functions, and none that is called "missing".
    pub(crate) fn factory(&self) -> FunctionFactory {
        let fakes = self.clone();
        Arc::new(move |binary, _, _, clock| {
            if binary == "missing" {
                return Err(BuildError::Unknown(binary.to_owned()));
            }
            Ok(Arc::new(Fake {
                binary: binary.to_owned(),
                fakes: fakes.clone(),
                clock: Arc::clone(clock),
            }))
        })
    }
}

struct Fake {
    binary: String,
    fakes: Fakes,
    clock: Arc<dyn Clock>,
}

#[async_trait]
impl Function for Fake {
    async fn invoke(&self, event: Value, _: Invocation) -> Result<Value, FunctionError> {
        let now = self.clock.now();
        let answer = self.fakes.with(|state| {
            state.events.entry(self.binary.clone()).or_default().push((now, event.clone()));
            state.answers.get(&self.binary).cloned()
        });
        answer.map_or(Ok(Value::Null), |answer| answer(&event))
    }
}

/// The bodies of the messages in a queue event.
pub(crate) fn bodies(event: &Value) -> Vec<String> {
    records(event).filter_map(|record| Some(record.get("body")?.as_str()?.to_owned())).collect()
}

/// The records of an event.
pub(crate) fn records(event: &Value) -> impl Iterator<Item = &Value> {
    event.get("Records").and_then(Value::as_array).into_iter().flatten()
}

/// An answer that fails the messages with this body.
pub(crate) fn fail_body(event: &Value, poison: &str) -> Value {
    let failures: Vec<Value> = records(event)
        .filter(|record| record.get("body").and_then(Value::as_str) == Some(poison))
        .map(|record| json!({ "itemIdentifier": record.get("messageId") }))
        .collect();
    json!({ "batchItemFailures": failures })
}
