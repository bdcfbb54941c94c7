//! Tables by hand: every way in which an order and a charge can differ.

use super::*;

fn account(due: Option<(&str, i64, &str)>, given_back_minor: i64) -> OrderAccount {
    let due = due.map(|(charge_id, amount_minor, currency)| Due {
        charge_id: charge_id.to_owned(),
        amount_minor,
        currency: currency.to_owned(),
    });
    OrderAccount { order: "ord_1".to_owned(), due, given_back_minor }
}

fn charge(
    charge_id: &str,
    amount_minor: i64,
    currency: &str,
    given_back_minor: i64,
) -> TakenCharge {
    TakenCharge {
        charge_id: charge_id.to_owned(),
        reference: "ord_1".to_owned(),
        amount_minor,
        currency: currency.to_owned(),
        taken_at: DateTime::UNIX_EPOCH,
        given_back_minor,
    }
}

#[test]
fn a_charge_belongs_to_one_order_or_went_back() {
    let paid = account(Some(("ch_1", 1_250, "EUR")), 0);
    let unpaid = account(None, 0);
    for (order, taken, expected) in [
        (Some(&paid), charge("ch_1", 1_250, "EUR", 0), None),
        (Some(&paid), charge("ch_1", 1_250, "EUR", 1_250), None),
        (Some(&paid), charge("ch_1", 1_250, "EUR", 1_251), Some(Code::RefundedTooMuch)),
        (Some(&paid), charge("ch_1", 1_249, "EUR", 0), Some(Code::AmountDiffers)),
        (Some(&paid), charge("ch_1", 1_250, "USD", 0), Some(Code::CurrencyDiffers)),
        (Some(&paid), charge("ch_2", 1_250, "EUR", 0), Some(Code::ChargedTwice)),
        (Some(&paid), charge("ch_2", 1_250, "EUR", 1_250), None),
        (Some(&unpaid), charge("ch_1", 1_250, "EUR", 0), Some(Code::ChargeNotSettled)),
        (Some(&unpaid), charge("ch_1", 1_250, "EUR", 1_000), Some(Code::ChargeNotSettled)),
        (Some(&unpaid), charge("ch_1", 1_250, "EUR", 1_250), None),
        (None, charge("ch_1", 1_250, "EUR", 0), Some(Code::ChargeWithoutOrder)),
        (None, charge("ch_1", 1_250, "EUR", 1_250), None),
    ] {
        let found = check_charge(order, &taken).map(|found| found.code);
        assert_eq!(found, expected, "{order:?} and {taken:?}");
    }
}

#[test]
fn a_paid_order_has_its_charge_at_the_provider() {
    let paid = account(Some(("ch_1", 1_250, "EUR")), 0);
    let unpaid = account(None, 0);
    for (order, charge_id, expected) in [
        (&paid, Some("ch_1"), None),
        (&paid, None, Some(Code::ChargeMissing)),
        (&paid, Some("ch_2"), Some(Code::ChargedTwice)),
        (&unpaid, None, None),
        (&unpaid, Some("ch_1"), None),
    ] {
        let found = check_order(order, charge_id).map(|found| found.code);
        assert_eq!(found, expected, "{order:?} and {charge_id:?}");
    }
}

#[test]
fn what_went_back_stands_in_our_books() {
    let refund =
        |amount_minor, ours| TakenRefund { charge_id: "ch_1".to_owned(), amount_minor, ours };
    let account = |given_back| account(Some(("ch_1", 1_250, "EUR")), given_back);
    for (order, refund, expected) in [
        (Some(account(500)), refund(500, true), None),
        // Part of what our books have may have gone back before the span, or be on its way.
        (Some(account(500)), refund(300, true), None),
        (Some(account(300)), refund(500, true), Some(Code::RefundWithoutRecord)),
        (Some(account(0)), refund(500, false), Some(Code::RefundWithoutRecord)),
        (None, refund(500, false), Some(Code::RefundWithoutRecord)),
    ] {
        let found = check_refund(order.as_ref(), &refund).map(|found| found.code);
        assert_eq!(found, expected, "{order:?} and {refund:?}");
    }
}
