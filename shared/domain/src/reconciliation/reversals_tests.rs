//! Tables by hand: every way in which our refunds and the provider's, or an order and what went back of
//! it, can differ.

use std::error::Error;

use super::*;
use crate::{
    ids::{DisputeId, OrderId, RefundId},
    journal::Head,
    money::MinorUnits,
    order_fixture::placed_order,
    payment::{NewRefund, Reversals, begin_refund},
};

type TestResult<T = ()> = Result<T, Box<dyn Error>>;

/// A paid order of 33.00 EUR.
fn collected() -> TestResult<Collected> {
    Ok(Collected::of_order(&placed_order()?)?)
}

/// A refund of 10.00, asked for at the epoch and to be looked up two minutes later.
fn refund(status: RefundStatus) -> TestResult<Refund> {
    let asked = NewRefund {
        amount: Some(MinorUnits::new(1_000)),
        reason: None,
        requested_by: "operator:jane".to_owned(),
        reference: None,
        reference_origin: None,
        metadata: serde_json::Value::Null,
        request: None,
    };
    let (refund, ..) = begin_refund(&collected()?, asked, DateTime::UNIX_EPOCH)?;
    let wakes_at = refund.wakes_at.filter(|_| status == RefundStatus::Pending);
    Ok(Refund { status, wakes_at, ..refund })
}

fn dispute(number: &str, status: DisputeStatus, amount: i64) -> TestResult<Dispute> {
    let of = collected()?;
    Ok(Dispute {
        id: DisputeId::derived(&[number]),
        status,
        amount: MinorUnits::new(amount),
        currency: of.currency,
        reason: None,
        gateway_dispute_id: number.to_owned(),
        order_id: of.order_id,
        market_id: of.market_id,
        customer_id: None,
        charge_id: None,
        held: Vec::new(),
        closed_at: None,
        wakes_at: None,
        created_at: DateTime::UNIX_EPOCH,
        updated_at: DateTime::UNIX_EPOCH,
        version: 1,
        journal: Head::default(),
    })
}

#[test]
fn a_refund_is_what_the_provider_has_under_its_key() -> TestResult {
    use RefundStatus::{Failed, Pending, Succeeded};
    let given = |charge_id: &str, amount_minor, currency: &str, done| {
        let (charge_id, currency) = (charge_id.to_owned(), currency.to_owned());
        Some(GivenBack { charge_id, amount_minor, currency, done })
    };
    let soon: DateTime<Utc> = "1970-01-01T00:01:00Z".parse()?;
    let later: DateTime<Utc> = "1970-01-01T00:03:00Z".parse()?;
    for (status, theirs, patience, expected) in [
        (Succeeded, given("ch_1", 1_000, "EUR", true), later, None),
        (Succeeded, None, later, Some(Code::RefundMissing)),
        // On its way is not back.
        (Succeeded, given("ch_1", 1_000, "EUR", false), later, Some(Code::RefundMissing)),
        (Succeeded, given("ch_1", 999, "EUR", true), later, Some(Code::RefundDiffers)),
        (Succeeded, given("ch_1", 1_000, "USD", true), later, Some(Code::RefundDiffers)),
        (Succeeded, given("ch_2", 1_000, "EUR", true), later, Some(Code::RefundDiffers)),
        (Failed, None, later, None),
        (Failed, given("ch_1", 1_000, "EUR", false), later, None),
        (Failed, given("ch_1", 1_000, "EUR", true), later, Some(Code::RefundNotSettled)),
        (Pending, None, soon, None),
        (Pending, given("ch_1", 1_000, "EUR", true), soon, None),
        (Pending, None, later, Some(Code::Overdue)),
        (Pending, given("ch_1", 1_000, "EUR", true), later, Some(Code::RefundNotSettled)),
    ] {
        let found = check_our_refund(&refund(status)?, theirs.as_ref(), patience);
        assert_eq!(found.map(|found| found.code), expected, "{status:?} and {theirs:?}");
    }
    Ok(())
}

#[test]
fn an_order_says_of_what_went_back_what_its_records_come_to() -> TestResult {
    use DisputeStatus::{Lost, Open, Won};
    let refunds = [
        refund(RefundStatus::Succeeded)?,
        refund(RefundStatus::Pending)?,
        refund(RefundStatus::Failed)?,
    ];
    let disputes = [dispute("1", Open, 300)?, dispute("2", Lost, 200)?, dispute("3", Won, 100)?];
    let said = Reversals {
        refunded: MinorUnits::new(1_000),
        refunding: MinorUnits::new(1_000),
        disputed: MinorUnits::new(300),
        charged_back: MinorUnits::new(200),
        refunds: 3,
        disputes: disputes.iter().map(|dispute| dispute.id.clone()).collect(),
    };
    let check = |reversals: Reversals, refunds: &[Refund], disputes: &[Dispute]| {
        let of = Collected { reversals, ..collected()? };
        let found = check_reversals(&of, refunds, disputes);
        Ok::<_, Box<dyn Error>>(found.map(|found| (found.code, found.detail)))
    };
    assert_eq!(check(said.clone(), &refunds, &disputes)?, None);
    let amount = |amount| MinorUnits::new(amount);
    for (said, detail) in [
        (
            Reversals { refunded: amount(999), ..said.clone() },
            "the order says refunded 999 where its records come to 1000",
        ),
        (
            Reversals { refunding: amount(0), refunds: 2, ..said.clone() },
            "the order says being refunded 0 where its records come to 1000, refunds 2 where its \
             records come to 3",
        ),
        (
            Reversals { disputed: amount(0), ..said.clone() },
            "the order says disputed 0 where its records come to 300",
        ),
        (
            Reversals { charged_back: amount(300), ..said.clone() },
            "the order says charged back 300 where its records come to 200",
        ),
    ] {
        let expected = Some((Code::ReversalsDiffer, detail.to_owned()));
        assert_eq!(check(said, &refunds, &disputes)?, expected);
    }
    let [_, rest @ ..] = &disputes;
    let lost = check(said, &refunds, rest)?.map(|(code, _)| code);
    assert_eq!(lost, Some(Code::ReversalsDiffer), "a dispute is not there");
    // 34 refunds of 1.00 of 33.00.
    let one = Refund { amount: amount(100), ..refund(RefundStatus::Succeeded)? };
    let many = vec![one; 34];
    let said = Reversals { refunded: amount(3_400), refunds: 34, ..Reversals::default() };
    let found = check(said, &many, &[])?.map(|(code, _)| code);
    assert_eq!(found, Some(Code::RefundedTooMuch));
    Ok(())
}

#[test]
fn a_dispute_is_seen_to_in_time_and_is_about_an_order() -> TestResult {
    let at = |text: &str| text.parse::<DateTime<Utc>>();
    let waits = Dispute {
        wakes_at: Some(at("2027-03-01T10:02:00Z")?),
        ..dispute("1", DisputeStatus::Open, 300)?
    };
    assert_eq!(check_dispute(&waits, at("2027-03-01T10:01:00Z")?), None);
    let found = check_dispute(&waits, at("2027-03-01T10:03:00Z")?).map(|found| found.code);
    assert_eq!(found, Some(Code::Overdue));
    let settled = Dispute { wakes_at: None, ..waits };
    assert_eq!(check_dispute(&settled, at("2027-03-01T10:03:00Z")?), None);
    let refund = RefundId::of(&OrderId::derived(&["gone"]), 1);
    let found = without_order(refund.as_str(), "ord_gone");
    assert_eq!((found.code, found.subject), (Code::ReversalWithoutOrder, refund.to_string()));
    Ok(())
}
