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

/// Dollars for a million renewals, by what they are paid for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(super) struct Bill {
    pub(super) dynamodb_writes: MicroDollars,
    pub(super) dynamodb_reads: MicroDollars,
    pub(super) sqs_requests: MicroDollars,
    pub(super) lambda_requests: MicroDollars,
    pub(super) lambda_duration: MicroDollars,
    /// All of the above.
    pub(super) total_without_events: MicroDollars,
    pub(super) eventbridge_events: MicroDollars,
    pub(super) total: MicroDollars,
}

impl Bill {
    /// The bill for a million renewals, when `renewals` of them consumed this.
    pub(super) fn per_million(consumption: &Consumption, renewals: u64) -> Self {
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
        let mut bill = Self {
            dynamodb_writes: share(u128::from(consumption.write_half_units()) * HALF_WRITE_UNIT),
            dynamodb_reads: share(u128::from(consumption.read_half_units()) * HALF_READ_UNIT),
            sqs_requests: share(u128::from(consumption.queue_requests()) * QUEUE_REQUEST),
            lambda_requests: share(u128::from(consumption.invocations()) * INVOCATION),
            lambda_duration: share(mb_ms * GB_SECOND / MB_MS_PER_GB_SECOND),
            eventbridge_events: share(u128::from(consumption.events) * EVENT),
            ..Self::default()
        };
        bill.total_without_events = MicroDollars(
            bill.dynamodb_writes.0
                + bill.dynamodb_reads.0
                + bill.sqs_requests.0
                + bill.lambda_requests.0
                + bill.lambda_duration.0,
        );
        bill.total = MicroDollars(bill.total_without_events.0 + bill.eventbridge_events.0);
        bill
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::consumption::{FunctionUse, QueueUse, TableUse};

    #[test]
    fn a_known_consumption_costs_what_the_price_list_says() {
        let consumption = Consumption {
            tables: vec![TableUse {
                table: "Book".to_owned(),
                action: "TransactWriteItems",
                calls: 10,
                read_half_units: 30,
                write_half_units: 80,
            }],
            queues: vec![QueueUse {
                action: "SendMessageBatch",
                billed_requests: 3,
                messages: 10,
                bytes: 1_000,
            }],
            events: 10,
            functions: vec![FunctionUse {
                function: "OrderCopy".to_owned(),
                invocations: 1,
                billed_ms: 100,
                memory_mb: 512,
            }],
            ..Consumption::default()
        };
        let bill = Bill::per_million(&consumption, 10);
        // 4 write units, 1.5 read units, 0.3 requests, 0.1 invocations, 10 ms at half a GB.
        assert_eq!(bill.dynamodb_writes, MicroDollars(2_500_000));
        assert_eq!(bill.dynamodb_reads, MicroDollars(187_500));
        assert_eq!(bill.sqs_requests, MicroDollars(120_000));
        assert_eq!(bill.lambda_requests, MicroDollars(20_000));
        assert_eq!(bill.lambda_duration, MicroDollars(66_667));
        assert_eq!(bill.eventbridge_events, MicroDollars(1_000_000));
        assert_eq!(bill.total, MicroDollars(3_894_167));
    }
}
