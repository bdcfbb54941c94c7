//! What AWS asks for what was consumed: on-demand prices of us-east-1, November 2026, in integers.
//!
//! Left out: what does not grow with renewals (alarms, empty receives of idle pollers), storage,
//! logs and traces, API calls of clients, the payment provider, and free tiers.

use serde::Serialize;

use super::{consumption::Consumption, figures::MicroDollars};

/// Picodollars of half a `DynamoDB` write unit: $0.625 per million units.
const HALF_WRITE_UNIT: u128 = 312_500;
/// Picodollars of half a `DynamoDB` read unit: $0.125 per million units.
const HALF_READ_UNIT: u128 = 62_500;
/// Picodollars of an SQS request: $0.40 per million.
const QUEUE_REQUEST: u128 = 400_000;
/// Picodollars of a Lambda request: $0.20 per million.
const INVOCATION: u128 = 200_000;
/// Picodollars of a GB-second of Lambda on arm64: $13.3334 per million.
const GB_SECOND: u128 = 13_333_400;
/// A GB-second in the unit that functions are metered in: megabytes times milliseconds.
const MB_MS_PER_GB_SECOND: u128 = 1_024 * 1_000;
/// Picodollars of an `EventBridge` event: $1 per million.
const EVENT: u128 = 1_000_000;

/// Dollars for a million renewals: for renewing, and for telling of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(super) struct Bill {
    /// From the claim to the journal's stream, the relay included.
    pub(super) renewing: Charges,
    /// The events of the bus, and the look-up of webhooks for each. One pays for having them.
    pub(super) telling: Charges,
    pub(super) total: MicroDollars,
}

/// Dollars by what they are paid for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(super) struct Charges {
    pub(super) dynamodb_writes: MicroDollars,
    pub(super) dynamodb_reads: MicroDollars,
    pub(super) sqs_requests: MicroDollars,
    pub(super) lambda_requests: MicroDollars,
    pub(super) lambda_duration: MicroDollars,
    pub(super) eventbridge_events: MicroDollars,
    /// All of the above.
    pub(super) total: MicroDollars,
}

impl Bill {
    /// The bill for a million renewals, when `renewals` of them consumed this.
    pub(super) fn per_million(consumption: Consumption, renewals: u64) -> Self {
        let (renewing, telling) = consumption.split();
        let renewing = Charges::per_million(&renewing, renewals);
        let telling = Charges::per_million(&telling, renewals);
        let total = MicroDollars(renewing.total.0 + telling.total.0);
        Self { renewing, telling, total }
    }
}

impl Charges {
    fn per_million(consumption: &Consumption, renewals: u64) -> Self {
        // Picodollars for one renewal are microdollars for a million of them.
        let share = |picodollars: u128| {
            let each = picodollars / u128::from(renewals.max(1));
            MicroDollars(u64::try_from(each).unwrap_or(u64::MAX))
        };
        let mb_ms: u128 = consumption
            .functions
            .iter()
            .map(|usage| u128::from(usage.billed_ms) * u128::from(usage.memory_mb))
            .sum();
        let mut charges = Self {
            dynamodb_writes: share(u128::from(consumption.write_half_units()) * HALF_WRITE_UNIT),
            dynamodb_reads: share(u128::from(consumption.read_half_units()) * HALF_READ_UNIT),
            sqs_requests: share(u128::from(consumption.queue_requests()) * QUEUE_REQUEST),
            lambda_requests: share(u128::from(consumption.invocations()) * INVOCATION),
            lambda_duration: share(mb_ms * GB_SECOND / MB_MS_PER_GB_SECOND),
            eventbridge_events: share(u128::from(consumption.events) * EVENT),
            total: MicroDollars::default(),
        };
        charges.total = MicroDollars(charges.lines().iter().map(|(_, dollars)| dollars.0).sum());
        charges
    }

    /// What there is to pay for, by name.
    pub(super) fn lines(&self) -> [(&'static str, MicroDollars); 6] {
        [
            ("DynamoDB writes", self.dynamodb_writes),
            ("DynamoDB reads", self.dynamodb_reads),
            ("SQS requests", self.sqs_requests),
            ("Lambda requests", self.lambda_requests),
            ("Lambda duration (as measured on this machine)", self.lambda_duration),
            ("EventBridge events", self.eventbridge_events),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::consumption::{FunctionUse, QueueUse, TableUse};

    fn table(name: &str, read_half_units: u64, write_half_units: u64) -> TableUse {
        let table = name.to_owned();
        TableUse { table, action: "Query", calls: 10, read_half_units, write_half_units }
    }

    fn queue(name: &str, billed_requests: u64) -> QueueUse {
        let queue = name.to_owned();
        QueueUse { queue, action: "SendMessage", billed_requests, messages: 10, bytes: 1_000 }
    }

    fn function(name: &str, billed_ms: u64, memory_mb: u32) -> FunctionUse {
        FunctionUse { function: name.to_owned(), invocations: 1, billed_ms, memory_mb }
    }

    #[test]
    fn a_known_consumption_costs_what_the_price_list_says() {
        let consumption = Consumption {
            tables: vec![table("BookTable", 30, 80), table("BookTable/list", 10, 0)],
            queues: vec![queue("OrderCopyQueue", 3), queue("WebhookQueue", 10)],
            events: 10,
            functions: vec![
                function("OrderCopyFunction", 100, 512),
                function("WebhooksFunction", 50, 256),
            ],
            ..Consumption::default()
        };
        let bill = Bill::per_million(consumption, 10);
        // 4 write units, 1.5 read units, 0.3 requests, 0.1 invocations, 10 ms at half a GB.
        let renewing = Charges {
            dynamodb_writes: MicroDollars(2_500_000),
            dynamodb_reads: MicroDollars(187_500),
            sqs_requests: MicroDollars(120_000),
            lambda_requests: MicroDollars(20_000),
            lambda_duration: MicroDollars(66_667),
            eventbridge_events: MicroDollars(0),
            total: MicroDollars(2_894_167),
        };
        assert_eq!(bill.renewing, renewing);
        // Half a read unit, a request, 0.1 invocations, 5 ms at a quarter of a GB, an event.
        let telling = Charges {
            dynamodb_writes: MicroDollars(0),
            dynamodb_reads: MicroDollars(62_500),
            sqs_requests: MicroDollars(400_000),
            lambda_requests: MicroDollars(20_000),
            lambda_duration: MicroDollars(16_666),
            eventbridge_events: MicroDollars(1_000_000),
            total: MicroDollars(1_499_166),
        };
        assert_eq!(bill.telling, telling);
        assert_eq!(bill.total, MicroDollars(4_393_333));
    }
}
