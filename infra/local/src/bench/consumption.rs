//! What a stretch of work consumed of the services that AWS bills: capacity, requests, events,
//! and the time of functions.

use std::collections::{BTreeMap, BTreeSet};

use perennial_local::{invoke::FunctionStats, stack::Stack};
use serde::Serialize;

/// The action under which SQS counts receives that found nothing. How many there are depends on
/// how long nothing happens, and not on the work.
const EMPTY_RECEIVE: &str = "ReceiveMessage (empty)";

/// What tells webhooks of events: the queue, the function, and the index in which it looks for them,
/// which nothing else reads in a renewal.
const WEBHOOK_QUEUE: &str = "WebhookQueue";
const WEBHOOK_FUNCTION: &str = "WebhooksFunction";
const WEBHOOK_INDEX: &str = "BookTable/list";

/// Begins to count.
pub(super) struct Meter {
    functions: BTreeMap<String, FunctionStats>,
}

/// What was consumed between the start of a [`Meter`] and its end.
#[derive(Debug, Clone, Default, Serialize)]
pub(super) struct Consumption {
    /// Capacity of the tables, those left out which only a test needs.
    pub(super) tables: Vec<TableUse>,
    /// Capacity of the test payment provider's own table, which is not billed to a renewal: in its
    /// place stands a real provider.
    pub(super) test_provider: Vec<TableUse>,
    /// Calls of SQS by queue and action.
    pub(super) queues: Vec<QueueUse>,
    /// Events on the bus, as billed.
    pub(super) events: u64,
    /// Bytes of these.
    pub(super) event_bytes: u64,
    /// Functions that were invoked.
    pub(super) functions: Vec<FunctionUse>,
}

/// Capacity that one action consumed of one table, its indexes included.
#[derive(Debug, Clone, Serialize)]
pub(super) struct TableUse {
    pub(super) table: String,
    pub(super) action: &'static str,
    pub(super) calls: u64,
    /// An eventually consistent read of 4 KB is half a unit.
    pub(super) read_half_units: u64,
    pub(super) write_half_units: u64,
}

/// Calls of one action on one queue.
#[derive(Debug, Clone, Serialize)]
pub(super) struct QueueUse {
    pub(super) queue: String,
    pub(super) action: &'static str,
    pub(super) billed_requests: u64,
    pub(super) messages: u64,
    pub(super) bytes: u64,
}

/// Invocations of one function.
#[derive(Debug, Clone, Serialize)]
pub(super) struct FunctionUse {
    pub(super) function: String,
    pub(super) invocations: u64,
    /// The time of each invocation, rounded up to a millisecond.
    pub(super) billed_ms: u64,
    pub(super) memory_mb: u32,
}

impl Meter {
    /// Counts from now on.
    pub(super) fn start(stack: &Stack) -> Self {
        let cloud = stack.cloud();
        drop(cloud.dynamodb.take_usage());
        drop(cloud.queues.take_usage());
        drop(cloud.buses.take_usage());
        Self { functions: stack.host().stats() }
    }

    /// What was consumed until now.
    pub(super) fn stop(self, stack: &Stack) -> Consumption {
        let cloud = stack.cloud();
        let unbilled = test_tables(stack);
        let (test_provider, tables) = cloud
            .dynamodb
            .take_usage()
            .by_action
            .into_iter()
            .map(|((table, action), usage)| TableUse {
                table,
                action,
                calls: usage.calls,
                read_half_units: usage.read_half_units,
                write_half_units: usage.write_half_units,
            })
            .partition(|usage| unbilled.contains(&usage.table));
        let queues = cloud
            .queues
            .take_usage()
            .by_action
            .into_iter()
            .filter(|((_, action), _)| *action != EMPTY_RECEIVE)
            .map(|((queue, action), usage)| QueueUse {
                queue,
                action,
                billed_requests: usage.billed_requests,
                messages: usage.messages,
                bytes: usage.bytes,
            })
            .collect();
        let bus = cloud.buses.take_usage();
        let functions = stack
            .host()
            .stats()
            .into_iter()
            .map(|(function, after)| {
                let before = self.functions.get(&function).copied().unwrap_or_default();
                FunctionUse {
                    function,
                    invocations: after.invocations.saturating_sub(before.invocations),
                    billed_ms: after.billed_ms.saturating_sub(before.billed_ms),
                    memory_mb: after.memory_mb,
                }
            })
            .filter(|usage| usage.invocations > 0)
            .collect();
        Consumption {
            tables,
            test_provider,
            queues,
            events: bus.billed_events,
            event_bytes: bus.bytes,
            functions,
        }
    }
}

/// The tables that only the test payment provider uses.
fn test_tables(stack: &Stack) -> BTreeSet<String> {
    let functions = &stack.template().functions;
    functions
        .iter()
        .filter_map(|function| function.environment.get("TEST_PAYMENTS_TABLE").cloned())
        .collect()
}

impl Consumption {
    /// What the renewals themselves consumed, and what went into telling of them: the events, and
    /// looking for webhooks that want them.
    pub(super) fn split(self) -> (Self, Self) {
        let (telling_tables, tables) =
            self.tables.into_iter().partition(|usage| usage.table == WEBHOOK_INDEX);
        let (telling_queues, queues) =
            self.queues.into_iter().partition(|usage| usage.queue == WEBHOOK_QUEUE);
        let (telling_functions, functions) =
            self.functions.into_iter().partition(|usage| usage.function == WEBHOOK_FUNCTION);
        let renewing = Self {
            tables,
            test_provider: self.test_provider,
            queues,
            functions,
            ..Self::default()
        };
        let telling = Self {
            tables: telling_tables,
            test_provider: Vec::new(),
            queues: telling_queues,
            events: self.events,
            event_bytes: self.event_bytes,
            functions: telling_functions,
        };
        (renewing, telling)
    }

    /// Half read units of all tables that are billed.
    pub(super) fn read_half_units(&self) -> u64 {
        self.tables.iter().map(|usage| usage.read_half_units).sum()
    }

    /// Half write units of all tables that are billed.
    pub(super) fn write_half_units(&self) -> u64 {
        self.tables.iter().map(|usage| usage.write_half_units).sum()
    }

    /// Requests of SQS, as billed.
    pub(super) fn queue_requests(&self) -> u64 {
        self.queues.iter().map(|usage| usage.billed_requests).sum()
    }

    /// Bytes of messages, sent and received.
    pub(super) fn queue_bytes(&self) -> u64 {
        self.queues.iter().map(|usage| usage.bytes).sum()
    }

    /// Invocations of functions.
    pub(super) fn invocations(&self) -> u64 {
        self.functions.iter().map(|usage| usage.invocations).sum()
    }

    /// Milliseconds of functions, as billed.
    pub(super) fn billed_ms(&self) -> u64 {
        self.functions.iter().map(|usage| usage.billed_ms).sum()
    }
}
