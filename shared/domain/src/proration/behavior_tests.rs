use std::error::Error;

use super::*;
use crate::{
    money::Currency,
    proration::{Policy, Request, prorate},
    time::iana,
};

#[test]
fn a_ledger_is_settled_now_or_later_or_not_at_all() -> Result<(), Box<dyn Error>> {
    let settled = |old, new, behavior| -> Result<LedgerSettlement, Box<dyn Error>> {
        let ledger = prorate(&Request {
            currency: Currency::EUR,
            period_start: "2027-01-01".parse()?,
            period_end: "2027-02-01".parse()?,
            change_at: "2027-01-18".parse()?,
            old_amount: Some(MinorUnits::new(old)),
            new_amount: Some(MinorUnits::new(new)),
            charged_amount: None,
            already_credited: MinorUnits::ZERO,
            policy: Policy::defaults_in(iana("Europe/Berlin")),
        })?;
        Ok(ledger.settle(behavior)?)
    };
    let amount = MinorUnits::new(1400);
    for (old, new, behavior, expected) in [
        (3100, 6200, Behavior::None, LedgerSettlement::Nothing),
        (3100, 6200, Behavior::NextInvoice, LedgerSettlement::NextInvoice { net: amount }),
        (3100, 6200, Behavior::Immediate, LedgerSettlement::Invoice { amount }),
        (
            6200,
            3100,
            Behavior::NextInvoice,
            LedgerSettlement::NextInvoice { net: MinorUnits::new(-1400) },
        ),
        (6200, 3100, Behavior::Immediate, LedgerSettlement::CreditNote { amount }),
        (3100, 3100, Behavior::NextInvoice, LedgerSettlement::Nothing),
        (3100, 3100, Behavior::Immediate, LedgerSettlement::Nothing),
    ] {
        assert_eq!(settled(old, new, behavior)?, expected, "{old} {new} {behavior:?}");
    }
    assert_eq!(Behavior::default(), Behavior::NextInvoice);
    Ok(())
}
