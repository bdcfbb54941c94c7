use std::error::Error;

use proptest::prelude::*;

use super::*;
use crate::{order::PaymentStatus, order_fixture::placed_order};

type TestResult = Result<(), Box<dyn Error>>;

const NOW: DateTime<Utc> = DateTime::UNIX_EPOCH;

/// A paid order of 33.00 EUR.
fn collected() -> Result<Collected, Box<dyn Error>> {
    Ok(Collected::of_order(&placed_order()?)?)
}

fn asked(amount: Option<i64>) -> NewRefund {
    NewRefund {
        amount: amount.map(MinorUnits::new),
        reason: Some("broken".to_owned()),
        requested_by: "operator:jane".to_owned(),
        reference: None,
        reference_origin: None,
        metadata: Value::Null,
        request: None,
    }
}

fn succeeded() -> RefundOutcome {
    RefundOutcome::Succeeded { gateway_transaction_id: "re_1".to_owned() }
}

#[test]
fn an_amount_is_reserved_before_anybody_is_asked_and_counts_once_it_went_back() -> TestResult {
    let mut of = collected()?;
    let (refund, reserved, change) = begin_refund(&of, asked(Some(1_000)), NOW)?;
    assert_eq!((refund.status, refund.amount.get()), (RefundStatus::Pending, 1_000));
    assert_eq!(refund.wakes_at, Some(NOW + SETTLED_WITHIN));
    assert_eq!((reserved.refunding.get(), reserved.refunded.get()), (1_000, 0));
    assert_eq!(change.event, "refunds.create");
    of.reversals = reserved;
    assert_eq!(of.status(), PaymentStatus::Paid, "nothing went back yet");

    let (refund, settled, change) = settle_refund(&refund, &of, &succeeded(), NOW)?;
    assert_eq!((refund.status, refund.wakes_at), (RefundStatus::Succeeded, None));
    assert_eq!((settled.refunding.get(), settled.refunded.get()), (0, 1_000));
    assert_eq!(change.event, "refunds.succeed");
    assert_eq!(change.after.get("payment_status"), Some(&json!("partially_refunded")));
    assert_eq!(change.after.get("refunded_amount_cents"), Some(&json!(1_000)));
    of.reversals = settled;

    // 33.00 less 10.00 is 23.00.
    let (rest, reserved, _) = begin_refund(&of, asked(None), NOW)?;
    assert_eq!(rest.amount.get(), 2_300);
    of.reversals = reserved;
    let (_, settled, change) = settle_refund(&rest, &of, &succeeded(), NOW)?;
    assert_eq!(settled.refunded.get(), 3_300);
    assert_eq!(change.after.get("payment_status"), Some(&json!("refunded")));
    Ok(())
}

#[test]
fn what_the_provider_refuses_can_be_asked_for_again() -> TestResult {
    let mut of = collected()?;
    let (refund, reserved, _) = begin_refund(&of, asked(None), NOW)?;
    of.reversals = reserved;
    let refused = begin_refund(&of, asked(Some(1)), NOW).map(drop);
    assert_eq!(
        refused,
        Err(NotRefundable::NothingLeft {
            captured: 3_300,
            refunded: 0,
            refunding: 3_300,
            disputed: 0
        })
    );
    let outcome = RefundOutcome::Failed { code: "expired".into(), message: "too late".into() };
    let (refund, settled, change) = settle_refund(&refund, &of, &outcome, NOW)?;
    assert_eq!(refund.status, RefundStatus::Failed);
    assert_eq!(refund.error_code.as_deref(), Some("expired"));
    assert_eq!(change.event, "refunds.fail");
    of.reversals = settled;
    assert_eq!(of.reversals.refundable(of.captured)?.get(), 3_300);
    Ok(())
}

#[test]
fn no_more_goes_back_than_was_collected() -> TestResult {
    let mut of = collected()?;
    let refused = begin_refund(&of, asked(Some(3_301)), NOW).map(drop);
    let text = "amount_cents must be at most 3300, which is left to refund of 3300; it is 3301";
    assert_eq!(refused.map_err(|error| error.to_string()), Err(text.to_owned()));

    of.reversals.disputed = MinorUnits::new(3_300);
    let refused = begin_refund(&of, asked(None), NOW).map(drop);
    assert!(matches!(refused, Err(NotRefundable::NothingLeft { disputed: 3_300, .. })));

    of.charge_id = None;
    let refused = begin_refund(&of, asked(None), NOW).map(drop);
    assert!(matches!(refused, Err(NotRefundable::NothingCollected(_))));
    Ok(())
}

#[test]
fn an_order_has_so_many_refunds_and_no_more() -> TestResult {
    let mut of = collected()?;
    of.reversals.refunds = MAX_REFUNDS - 1;
    of.reversals = begin_refund(&of, asked(Some(1)), NOW)?.1;
    let refused = begin_refund(&of, asked(Some(1)), NOW).map(drop);
    assert_eq!(refused, Err(NotRefundable::TooMany(MAX_REFUNDS)));
    Ok(())
}

proptest! {
    /// Whatever is asked for, in whatever order outcomes come: what went back and what is reserved
    /// is never more than what was collected, and what is left is what nobody has.
    #[test]
    fn refunds_never_exceed_what_was_collected(
        steps in proptest::collection::vec((1_i64..2_000, any::<bool>(), any::<bool>()), 1..40),
    ) {
        let mut of = collected().map_err(|error| TestCaseError::fail(error.to_string()))?;
        let mut pending: Vec<Refund> = Vec::new();
        let mut paid_back = 0;
        for (amount, settles, succeeds) in steps {
            if let Ok((refund, reserved, _)) = begin_refund(&of, asked(Some(amount)), NOW) {
                of.reversals = reserved;
                pending.push(refund);
            }
            if settles && let Some(refund) = pending.pop() {
                let outcome = if succeeds {
                    succeeded()
                } else {
                    RefundOutcome::Failed { code: "no".into(), message: "no".into() }
                };
                let settled = settle_refund(&refund, &of, &outcome, NOW);
                let (refund, reversals, _) =
                    settled.map_err(|error| TestCaseError::fail(error.to_string()))?;
                of.reversals = reversals;
                if refund.status == RefundStatus::Succeeded {
                    paid_back += refund.amount.get();
                }
            }
            let waiting: i64 = pending.iter().map(|refund| refund.amount.get()).sum();
            prop_assert_eq!(of.reversals.refunded.get(), paid_back);
            prop_assert_eq!(of.reversals.refunding.get(), waiting);
            prop_assert!(paid_back + waiting <= 3_300);
        }
    }
}
