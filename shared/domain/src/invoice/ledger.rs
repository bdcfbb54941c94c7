//! The ledger of a change within a period, as adjustments of the next invoice.

use crate::time::Zone;
use chrono::{DateTime, NaiveTime, Utc};

use super::{Adjustment, ServicePeriod, TaxRate};
use crate::{
    proration::{Ledger, Moment},
    time,
};

/// The lines of a ledger, each with its reason, its time and its fraction of the period's price.
/// They go on the invoice that [`Behavior`](crate::proration::Behavior) puts them on; prices and
/// adjustments must be net or gross alike.
#[must_use]
pub fn adjustments(
    ledger: &Ledger,
    description: &str,
    tax_rate: Option<TaxRate>,
) -> Vec<Adjustment> {
    let policy = &ledger.policy;
    let instant = |moment| start_of(moment, policy.time_zone);
    ledger
        .lines
        .iter()
        .map(|line| Adjustment {
            description: description.to_owned(),
            reason: format!("{}, {} of {}", line.reason(policy), line.fraction, line.basis),
            period: instant(line.from)
                .zip(instant(line.to))
                .map(|(start, end)| ServicePeriod { start, end }),
            amount: line.amount,
            tax_rate,
        })
        .collect()
}

/// When a local day or an instant begins; `None` at the end of the calendar.
fn start_of(moment: Moment, zone: Zone) -> Option<DateTime<Utc>> {
    match moment {
        Moment::Instant(at) => Some(at),
        Moment::Date(date) => {
            time::first_instant(zone, date.and_time(NaiveTime::MIN)).map(|(at, _)| at)
        }
    }
}

#[cfg(test)]
#[path = "ledger_tests.rs"]
mod tests;
