//! EventBridge: buses, rules with event patterns, and targets that the owner of the stack gives.
//!
//! An event is delivered before `PutEvents` answers. The last ten thousand are kept in memory for
//! tests and for people to read; the journal in the table is what outlives the process.

mod event;
mod pattern;
#[cfg(test)]
mod tests;
mod usage;
pub(super) mod wire;

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock},
};

use async_trait::async_trait;
use perennial_runtime::{Clock, FunctionError};
use serde_json::Value;
use thiserror::Error;
use tokio::sync::broadcast;
use uuid::Uuid;

pub use event::{Entry, EntryError, Event};
pub use pattern::{Pattern, PatternError};
pub use usage::Usage;

use super::{ACCOUNT, REGION};

/// How many events are kept for reading.
pub const KEPT_EVENTS: usize = 10_000;

/// The bus that every account has.
pub const DEFAULT_BUS: &str = "default";

/// Where a rule sends the events that match it: a queue, a function, a log.
#[async_trait]
pub trait Target: Send + Sync {
    /// Delivers one event. `PutEvents` waits for it.
    ///
    /// # Errors
    /// When the event could not be delivered. It is logged and counted; nothing tries again.
    async fn deliver(&self, event: &Event) -> Result<(), FunctionError>;
}

/// What can't be done to a bus or a rule.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum BusError {
    /// No bus has this name.
    #[error("Event bus {0} does not exist.")]
    UnknownBus(String),
    /// The bus has no rule of this name.
    #[error("Rule {rule} does not exist on EventBus {bus}.")]
    UnknownRule {
        /// The bus.
        bus: String,
        /// The rule.
        rule: String,
    },
    /// The rule's event pattern is not one.
    #[error("Event pattern is not valid. Reason: {0}")]
    Pattern(#[from] PatternError),
}

/// A rule as it can be read back.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// The rule's name, unique on its bus.
    pub name: String,
    /// The pattern, as it was given.
    pub pattern: Value,
    /// Whether the rule is switched on.
    pub enabled: bool,
}

struct RuleEntry {
    rule: Rule,
    compiled: Pattern,
    targets: BTreeMap<String, Arc<dyn Target>>,
}

type Rules = BTreeMap<String, RuleEntry>;

/// All event buses of the stack.
pub struct Buses {
    buses: RwLock<BTreeMap<String, Rules>>,
    kept: Mutex<VecDeque<Arc<Event>>>,
    usage: Mutex<Usage>,
    live: broadcast::Sender<Arc<Event>>,
    clock: Arc<dyn Clock>,
}

impl std::fmt::Debug for Buses {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Buses").finish_non_exhaustive()
    }
}

impl Buses {
    /// Buses of an account that has only the default one.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            buses: RwLock::new(BTreeMap::from([(DEFAULT_BUS.to_owned(), Rules::new())])),
            kept: Mutex::default(),
            usage: Mutex::default(),
            live: broadcast::channel(1024).0,
            clock,
        }
    }

    /// Makes a bus, unless it exists.
    pub fn create_bus(&self, name: impl Into<String>) {
        let mut buses = self.buses.write().unwrap_or_else(PoisonError::into_inner);
        buses.entry(name.into()).or_default();
    }

    /// Makes a rule on a bus, or gives an existing one this pattern and keeps its targets.
    ///
    /// # Errors
    /// When the bus doesn't exist, or the pattern is wrong or uses an operator that is not
    /// emulated, which the error names.
    pub fn put_rule(&self, bus: &str, rule: Rule) -> Result<(), BusError> {
        let compiled = Pattern::parse(&rule.pattern)?;
        self.with_rules(bus, |rules| {
            let targets = rules.remove(&rule.name).map(|entry| entry.targets).unwrap_or_default();
            rules.insert(rule.name.clone(), RuleEntry { rule, compiled, targets });
        })
    }

    /// Adds a target to a rule, or replaces the one of this id.
    ///
    /// # Errors
    /// When the bus or the rule doesn't exist.
    pub fn put_target(
        &self,
        bus: &str,
        rule: &str,
        id: impl Into<String>,
        target: Arc<dyn Target>,
    ) -> Result<(), BusError> {
        self.with_rules(bus, |rules| match rules.get_mut(rule) {
            Some(entry) => {
                entry.targets.insert(id.into(), target);
                Ok(())
            }
            None => Err(BusError::UnknownRule { bus: bus.to_owned(), rule: rule.to_owned() }),
        })?
    }

    fn with_rules<T>(&self, bus: &str, act: impl FnOnce(&mut Rules) -> T) -> Result<T, BusError> {
        let mut buses = self.buses.write().unwrap_or_else(PoisonError::into_inner);
        buses.get_mut(bus).map(act).ok_or_else(|| BusError::UnknownBus(bus.to_owned()))
    }

    /// The names of all buses, in order.
    #[must_use]
    pub fn list_buses(&self) -> Vec<String> {
        self.buses.read().unwrap_or_else(PoisonError::into_inner).keys().cloned().collect()
    }

    /// The rules of a bus, by name.
    ///
    /// # Errors
    /// When the bus doesn't exist.
    pub fn list_rules(&self, bus: &str) -> Result<Vec<Rule>, BusError> {
        let buses = self.buses.read().unwrap_or_else(PoisonError::into_inner);
        buses
            .get(bus)
            .map(|rules| rules.values().map(|entry| entry.rule.clone()).collect())
            .ok_or_else(|| BusError::UnknownBus(bus.to_owned()))
    }

    /// Puts events on their buses and waits until the targets of all matching rules have them.
    /// Answers one id or error per entry, in order.
    pub async fn put_events(&self, entries: Vec<Entry>) -> Vec<Result<String, EntryError>> {
        let now = self.clock.now();
        let mut outcomes = Vec::with_capacity(entries.len());
        self.usage_mut().calls += 1;
        for entry in entries {
            let bytes = entry.bytes();
            let accepted = entry.accept(Uuid::now_v7().to_string(), now);
            let outcome = match accepted {
                Ok(event) => self.publish(event, bytes).await,
                Err(error) => Err(error),
            };
            if outcome.is_err() {
                self.usage_mut().refused += 1;
            }
            outcomes.push(outcome);
        }
        outcomes
    }

    async fn publish(&self, event: Event, bytes: usize) -> Result<String, EntryError> {
        let envelope = event.envelope();
        let targets = self.matching(&event.bus, &envelope).ok_or_else(|| EntryError {
            code: "ResourceNotFoundException",
            message: BusError::UnknownBus(event.bus.clone()).to_string(),
        })?;
        let event = Arc::new(event);
        {
            let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
            if kept.len() == KEPT_EVENTS {
                kept.pop_front();
            }
            kept.push_back(Arc::clone(&event));
        }
        self.usage_mut().count(bytes);
        // Nobody listening is no error.
        let _ = self.live.send(Arc::clone(&event));
        for (rule, target) in targets {
            let delivered = target.deliver(&event).await;
            let mut usage = self.usage_mut();
            match delivered {
                Ok(()) => usage.delivered += 1,
                Err(error) => {
                    usage.undelivered += 1;
                    tracing::warn!(%error, rule, event = event.id, "an event was not delivered");
                }
            }
        }
        Ok(event.id.clone())
    }

    fn matching(&self, bus: &str, envelope: &Value) -> Option<Vec<(String, Arc<dyn Target>)>> {
        let buses = self.buses.read().unwrap_or_else(PoisonError::into_inner);
        let targets = buses
            .get(bus)?
            .values()
            .filter(|entry| entry.rule.enabled && entry.compiled.matches(envelope))
            .flat_map(|entry| {
                entry.targets.values().map(|target| (entry.rule.name.clone(), Arc::clone(target)))
            })
            .collect();
        Some(targets)
    }

    /// The latest events on all buses, oldest first, at most [`KEPT_EVENTS`].
    #[must_use]
    pub fn recent(&self) -> Vec<Arc<Event>> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.iter().cloned().collect()
    }

    /// Every event from now on. A reader that falls more than a thousand behind loses some.
    #[must_use]
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<Event>> {
        self.live.subscribe()
    }

    /// What was put on the buses since the last reset.
    #[must_use]
    pub fn usage(&self) -> Usage {
        self.usage_mut().clone()
    }

    /// What was put on the buses since the last reset; counting begins anew.
    #[must_use]
    pub fn take_usage(&self) -> Usage {
        std::mem::take(&mut *self.usage_mut())
    }

    fn usage_mut(&self) -> MutexGuard<'_, Usage> {
        self.usage.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The ARN of a bus in the local stack.
#[must_use]
pub fn bus_arn(name: &str) -> String {
    format!("arn:aws:events:{REGION}:{ACCOUNT}:event-bus/{name}")
}

/// The bus's name in a name or an ARN.
#[must_use]
pub fn bus_name(name_or_arn: &str) -> &str {
    name_or_arn.rsplit('/').next().unwrap_or(name_or_arn)
}
