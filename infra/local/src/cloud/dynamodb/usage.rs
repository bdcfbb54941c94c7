//! Capacity that actions consumed, by table and action.

use std::collections::BTreeMap;

use dynoxide::types::ConsumedCapacity;

/// What was consumed since the tally was last reset. Actions that failed are not in it: their
/// answers don't say what they consumed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Usage {
    /// By table and action. Writes of indexes are included in their table's; a query of an index
    /// stands under `table/index`.
    pub by_action: BTreeMap<(String, &'static str), CapacityUsage>,
}

/// Capacity in half units, because an eventually consistent read costs half a unit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CapacityUsage {
    /// Calls that touched the table.
    pub calls: u64,
    /// Half read units.
    pub read_half_units: u64,
    /// Half write units.
    pub write_half_units: u64,
}

impl Usage {
    /// The sum over all tables and actions.
    #[must_use]
    pub fn total(&self) -> CapacityUsage {
        self.by_action.values().fold(CapacityUsage::default(), |sum, usage| CapacityUsage {
            calls: sum.calls + usage.calls,
            read_half_units: sum.read_half_units + usage.read_half_units,
            write_half_units: sum.write_half_units + usage.write_half_units,
        })
    }

    pub(super) fn count(
        &mut self,
        action: &'static str,
        index: Option<&str>,
        kind: Kind,
        consumed: &ConsumedCapacity,
    ) {
        let name = match index {
            Some(index) => format!("{}/{index}", consumed.table_name),
            None => consumed.table_name.clone(),
        };
        let table = self.by_action.entry((name, action)).or_default();
        table.calls += 1;
        let halves = half_units(consumed.capacity_units);
        match kind {
            Kind::Read => table.read_half_units += halves,
            Kind::Write => table.write_half_units += halves,
        }
    }
}

/// Whether an action consumes read or write units.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    Read,
    Write,
}

#[expect(
    clippy::float_arithmetic,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the engine states capacity as a small positive multiple of 0.5"
)]
fn half_units(units: f64) -> u64 {
    (units * 2.0).round() as u64
}

/// What an answer says was consumed: nothing, by one table, or by several.
pub(super) trait Consumed {
    fn tables(&self) -> &[ConsumedCapacity];
}

impl Consumed for Option<ConsumedCapacity> {
    fn tables(&self) -> &[ConsumedCapacity] {
        self.as_slice()
    }
}

impl Consumed for Option<Vec<ConsumedCapacity>> {
    fn tables(&self) -> &[ConsumedCapacity] {
        self.as_deref().unwrap_or_default()
    }
}
