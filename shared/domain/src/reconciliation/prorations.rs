//! Whether what a run has charged can be given back in parts to the cent: the sums that a customer
//! meets who ends or changes in the middle of a period.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Code, Discrepancy};
use crate::{
    money::MinorUnits,
    proration::{
        Ledger, LedgerLineKind, Moment, Period, Policy, ProrationError, Request, Unit, prorate,
    },
    run::Run,
    time::Zone,
};

/// Checks of proration, counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prorations {
    /// Periods that were checked.
    pub checked: u64,
    /// Of these: with nothing to find fault with.
    pub passed: u64,
}

impl Prorations {
    /// Both together.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self { checked: self.checked + other.checked, passed: self.passed + other.passed }
    }
}

/// Prorates the period that a run has charged for, from its date to the next, as if it was ended and
/// as if it was exchanged for itself at `cut`. Both ledgers must satisfy the checker, which computes
/// them again from their lines; what is given back and what is charged for the rest must be the same,
/// and no more than was charged. `None` when they do.
#[must_use]
pub fn check_proration(
    run: &Run,
    next: DateTime<Utc>,
    cut: DateTime<Utc>,
    zone: Zone,
) -> Option<Discrepancy> {
    let wrong = |detail: String, numbers| {
        Some(Discrepancy::new(Code::ProrationWrong, run.order_id().to_string(), detail, numbers))
    };
    let ended = ledger(run, next, cut, zone, None);
    let exchanged = ledger(run, next, cut, zone, Some(run.total));
    let (ended, exchanged) = match (ended, exchanged) {
        (Ok(ended), Ok(exchanged)) => (ended, exchanged),
        (Err(error), _) | (_, Err(error)) => return wrong(error.to_string(), json!({})),
    };
    let found: Vec<String> = ended
        .verify()
        .into_iter()
        .chain(exchanged.verify())
        .map(|discrepancy| discrepancy.to_string())
        .collect();
    let sum = |ledger: &Ledger, kind| {
        let lines = ledger.lines.iter().filter(|line| line.kind == kind);
        lines.fold(0_i64, |sum, line| sum.saturating_add(line.amount.get()))
    };
    let given_back = sum(&ended, LedgerLineKind::Credit).saturating_neg();
    let credited = sum(&exchanged, LedgerLineKind::Credit).saturating_neg();
    let charged = sum(&exchanged, LedgerLineKind::Charge);
    let numbers = json!({
        "total_cents": run.total,
        "cut_at": cut,
        "given_back_cents": given_back,
        "credited_cents": credited,
        "charged_cents": charged,
    });
    if let Some(first) = found.first() {
        return wrong(first.clone(), numbers);
    }
    if credited != charged || given_back != credited || given_back > run.total.get() {
        return wrong(
            format!("{credited} is credited and {charged} charged for the same part of a period"),
            numbers,
        );
    }
    None
}

fn ledger(
    run: &Run,
    next: DateTime<Utc>,
    cut: DateTime<Utc>,
    zone: Zone,
    new_amount: Option<MinorUnits>,
) -> Result<Ledger, ProrationError> {
    let (start, end) = (Moment::Instant(run.due_at), Moment::Instant(next));
    let days = Policy::defaults_in(zone);
    // Runs that are less than a day apart are counted in seconds.
    let is_counted = |policy| Period::new(start, end, policy).is_ok();
    let policy = if is_counted(days) { days } else { Policy { unit: Unit::Second, ..days } };
    prorate(&Request {
        currency: run.currency,
        period_start: start,
        period_end: end,
        change_at: Moment::Instant(cut),
        old_amount: Some(run.total),
        new_amount,
        charged_amount: None,
        already_credited: MinorUnits::ZERO,
        policy,
    })
}
