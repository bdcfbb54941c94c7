use crate::time::Zone;
use std::error::Error;

use super::*;
use crate::{
    invoice::{draw_up, draw_up::tests::january},
    money::{Currency, MinorUnits},
    proration::{Policy, Request, prorate},
};

/// On 18 January, 14 of 31 days are left: of 10.00 these are 451.61 cents, of 20.00 903.23. With
/// 19 % of each line, -0.86 and 1.72, the change costs 5.37.
#[test]
fn a_change_within_the_period_lands_on_the_next_invoice() -> Result<(), Box<dyn Error>> {
    let request = Request {
        currency: Currency::EUR,
        period_start: "2027-01-01".parse()?,
        period_end: "2027-02-01".parse()?,
        change_at: "2027-01-18".parse()?,
        old_amount: Some(MinorUnits::new(1_000)),
        new_amount: Some(MinorUnits::new(2_000)),
        charged_amount: None,
        already_credited: MinorUnits::ZERO,
        policy: Policy::defaults_in(Zone::utc()),
    };
    let ledger = prorate(&request)?;
    let mut input = january()?;
    input.adjustments = adjustments(&ledger, "Coffee", "19".parse().ok());
    let invoice = draw_up(&input)?;
    let told: Vec<_> =
        invoice.lines.iter().map(|line| (line.reason.as_str(), line.gross.get())).collect();
    assert_eq!(
        told,
        [
            ("rest of the old terms, 14/31 of 1000", -538),
            ("new terms from the change on, 14/31 of 2000", 1_075),
        ]
    );
    assert_eq!(invoice.settlement.amount_due, MinorUnits::new(537));
    let span = ServicePeriod {
        start: "2027-01-18T00:00:00Z".parse()?,
        end: "2027-02-01T00:00:00Z".parse()?,
    };
    assert!(invoice.lines.iter().all(|line| line.period == Some(span)));
    Ok(())
}
