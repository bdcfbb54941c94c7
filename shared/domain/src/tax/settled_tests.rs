use std::error::Error;

use super::*;
use crate::order_fixture::{at, draft_order, market};

type TestResult = Result<(), Box<dyn Error>>;

const GIVEN: &str = "2027-03-01T10:00:00Z";

/// By hand: a market that got its calculator at 10:00:00 settles renewals due from 10:01:00 on.
#[test]
fn renewals_settle_taxes_a_minute_after_their_market_was_given_a_calculator() -> TestResult {
    let from = Market::settled_from(at(GIVEN)?, false);
    let taxed = Market { taxes_settled_from: Some(from), ..market()? };
    for (due_at, settles) in [
        ("2027-02-28T10:00:00Z", false),
        ("2027-03-01T10:00:00Z", false),
        ("2027-03-01T10:00:59Z", false),
        ("2027-03-01T10:01:00Z", true),
        ("2028-03-01T10:01:00Z", true),
    ] {
        assert_eq!(taxed.settles_renewal(at(due_at)?), settles, "{due_at}");
        assert!(!market()?.settles_renewal(at(due_at)?), "it never had one");
    }
    Ok(())
}

#[test]
fn orders_settle_taxes_at_once_and_ask_first_whether_they_were_charged() -> TestResult {
    let taxed_from = |from| -> Result<Market, Box<dyn Error>> {
        Ok(Market { taxes_settled_from: from, ..market()? })
    };
    let given_later = taxed_from(Some(Market::settled_from(at(GIVEN)?, false)))?;
    let given_first = taxed_from(Some(Market::settled_from(at(GIVEN)?, true)))?;
    let never = taxed_from(None)?;
    for (placing_at, of_given_later, of_given_first) in [
        ("2027-03-01T09:59:59Z", Settles::Never, Settles::UnlessCharged),
        ("2027-03-01T10:00:00Z", Settles::UnlessCharged, Settles::First),
        ("2027-03-01T10:00:59Z", Settles::UnlessCharged, Settles::First),
        ("2027-03-01T10:01:00Z", Settles::First, Settles::First),
    ] {
        let order = Order { placing_at: Some(at(placing_at)?), ..draft_order()? };
        assert_eq!(given_later.settles_order(&order), of_given_later, "{placing_at}");
        assert_eq!(given_first.settles_order(&order), of_given_first, "{placing_at}");
        assert_eq!(never.settles_order(&order), Settles::Never, "{placing_at}");
    }
    Ok(())
}
