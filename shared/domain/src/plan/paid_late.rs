//! What is noted of a run whose money was found after it was given up or passed over.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::Settled;
use crate::{
    ids::{AdjustmentId, SkuId},
    money::{MinorUnits, MoneyError},
    order_copy::Culprit,
    pricing::OrderedItem,
    run::{RunError, RunLine},
    tax::{Taxes, with_tax},
};

/// Why the order of a paid run can't be delivered from stock.
const OVERSOLD: &str = "oversold";
/// Why the order of a paid run has a line that nobody has ordered.
const AMOUNT_DIFFERS: &str = "amount_differs";
/// The name of that line.
const DIFFERENCE: &str = "Difference to what was paid";

impl Settled {
    /// Notes that there are too few units of a sku for a run that is paid: they were put back when it
    /// was given up, and are sold by now. Its order stands; whoever fulfils it has to know.
    pub fn note_oversold(&mut self, sku: &str, now: DateTime<Utc>) {
        self.run.note_error(RunError {
            at: now,
            code: OVERSOLD.to_owned(),
            message: format!(
                "the run was given up, and paid after all: by then there was not enough of sku \
                 {sku:?} in stock"
            ),
            resource: Some(Culprit::sku(&SkuId::of_code(sku), sku)),
        });
        if let Value::Object(told) = &mut self.change.after {
            let skus = told.entry(OVERSOLD).or_insert_with(|| json!([]));
            if let Value::Array(skus) = skus {
                skus.push(json!(sku));
            }
        }
    }

    /// Has the order of a run cost what was paid for it. Where its lines and taxes do not come to that,
    /// the difference is a line of its own, and noted; it bears no tax. A tax that is more than was
    /// paid was not collected, and is left out.
    ///
    /// # Errors
    /// When a sum is out of range.
    pub fn book_at(&mut self, paid: MinorUnits, now: DateTime<Utc>) -> Result<(), MoneyError> {
        let known = self.run.total;
        if known == paid {
            return Ok(());
        }
        let run = &mut self.run;
        let mut added = with_tax(MinorUnits::ZERO, run.tax.as_ref())?;
        let tax = run.tax.as_ref().map(Taxes::total).transpose()?.unwrap_or_default();
        if tax > paid {
            (run.tax, added) = (None, MinorUnits::ZERO);
        }
        let costs = run.lines.iter().map(|line| line.unit_amount.checked_mul(line.quantity));
        let costs = MinorUnits::checked_total(costs.collect::<Result<Vec<_>, _>>()?)?;
        let difference = paid.checked_sub(added)?.checked_sub(costs)?;
        let adjustment_id = AdjustmentId::derived(&[AMOUNT_DIFFERS]);
        run.lines.push(RunLine {
            item: OrderedItem::Adjustment { adjustment_id },
            name: DIFFERENCE.to_owned(),
            quantity: 1,
            unit_amount: difference,
            price_override: true,
        });
        run.total = paid;
        run.note_error(RunError {
            at: now,
            code: AMOUNT_DIFFERS.to_owned(),
            message: format!(
                "the run was passed over, and {paid} was paid for it after all; by what is known now \
                 it costs {known}"
            ),
            resource: None,
        });
        if let Value::Object(told) = &mut self.change.after {
            let differs = json!({"paid": paid, "known": known, "difference": difference});
            told.insert(AMOUNT_DIFFERS.to_owned(), differs);
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "paid_late_tests.rs"]
mod tests;
