#![expect(clippy::indexing_slicing, reason = "a panic is a failed test")]

use std::error::Error;

use super::*;
use crate::{
    checks::{CheckOutcome, Severity},
    order::Rejection,
    order_fixture::{at, draft_order},
};

type TestResult<T = ()> = Result<T, Box<dyn Error>>;

const NOW: &str = "2027-02-01T09:00:00Z";

/// An order whose checks ended so.
fn order(status: OrderStatus, checks: &[(CheckName, Verdict)]) -> TestResult<Order> {
    let outcome = |(check, verdict): &(CheckName, Verdict)| CheckOutcome {
        check: *check,
        severity: Severity::Review,
        verdict: *verdict,
        findings: vec![Rejection {
            code: format!("{}_found", check.as_str()),
            detail: "found".to_owned(),
            pointer: String::new(),
        }],
        numbers: serde_json::Map::new(),
    };
    let checks = checks.iter().map(outcome).collect();
    Ok(Order { status, checks, placements: 1, ..draft_order()? })
}

#[test]
fn what_held_an_order_is_overturned_and_the_order_goes_on() -> TestResult {
    let held = [(CheckName::Term, Verdict::Held), (CheckName::CreditHold, Verdict::Passed)];
    let before = order(OrderStatus::Held, &held)?;
    let (after, changes) = overturn(&before, ("operator:ada", "they called"), at(NOW)?)?;
    assert_eq!((after.status, after.placements), (OrderStatus::Placing, 2));
    assert_eq!(after.checks, [], "they are made anew");
    let overturned = after.overturn.ok_or("kept")?;
    assert_eq!((&*overturned.by, &*overturned.reason), ("operator:ada", "they called"));
    assert_eq!(overturned.checks, [CheckName::Term]);
    let events: Vec<&str> = changes.iter().map(|change| change.event).collect();
    assert_eq!(events, ["orders.overturn", "orders.placing"]);
    Ok(())
}

#[test]
fn what_had_an_order_rejected_is_overturned_too_with_what_was_overturned_before() -> TestResult {
    let mut before = order(OrderStatus::Draft, &[(CheckName::CreditLimit, Verdict::Rejected)])?;
    let (by, reason) = ("operator:eve".to_owned(), "earlier".to_owned());
    let checks = vec![CheckName::Term];
    before.overturn = Some(Overturn { by, reason, at: at(NOW)?, checks });
    let (after, _) = overturn(&before, ("operator:ada", "paid"), at(NOW)?)?;
    let overturned = after.overturn.ok_or("kept")?;
    assert_eq!(overturned.checks, [CheckName::CreditLimit, CheckName::Term]);
    assert_eq!(overturned.reason, "paid");
    Ok(())
}

#[test]
fn only_what_is_stopped_by_checks_that_can_be_relaxed_is_overturned() -> TestResult {
    let stopped = [(CheckName::Term, Verdict::Rejected)];
    let fixed = [(CheckName::Term, Verdict::Rejected), (CheckName::Stock, Verdict::Rejected)];
    for (status, checks, expected) in [
        (OrderStatus::Draft, &[][..], "is draft and no check holds it"),
        (OrderStatus::Held, &[(CheckName::Term, Verdict::Warned)], "is held and no check"),
        (OrderStatus::Placing, &stopped, "is placing and no check"),
        (OrderStatus::Placed, &stopped, "is placed and no check"),
        (OrderStatus::Cancelled, &stopped, "is cancelled and no check"),
        (OrderStatus::Draft, &fixed, "can't be placed as it is, whoever allows it: stock"),
    ] {
        let refused = overturn(&order(status, checks)?, ("operator:ada", "why"), at(NOW)?);
        let Err(error) = refused else { return Err(format!("{status:?} {checks:?}").into()) };
        assert!(error.to_string().contains(expected), "{error}");
    }
    Ok(())
}

#[test]
fn only_a_held_order_is_upheld_and_goes_back_with_its_reasons() -> TestResult {
    let checks = [(CheckName::Term, Verdict::Held), (CheckName::Frequency, Verdict::Warned)];
    let (after, change) = uphold(&order(OrderStatus::Held, &checks)?, "no", at(NOW)?)?;
    assert_eq!(after.status, OrderStatus::Draft);
    let codes: Vec<&str> = after.rejections.iter().map(|one| one.code.as_str()).collect();
    assert_eq!(codes, ["term_found"]);
    assert_eq!(change.after["reason"], "no");
    for status in [OrderStatus::Draft, OrderStatus::Placing, OrderStatus::Placed] {
        assert!(uphold(&order(status, &checks)?, "no", at(NOW)?).is_err(), "{status:?}");
    }
    Ok(())
}
