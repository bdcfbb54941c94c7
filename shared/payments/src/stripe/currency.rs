//! Amounts as Stripe writes them. They are in minor units like ours, save for a few currencies whose
//! minor unit Stripe takes to be another one than ISO 4217 does.
//! <https://docs.stripe.com/currencies#zero-decimal>, `#three-decimal` and `#special-cases`.

use crate::PaymentError;

/// How Stripe writes the amounts of a currency.
enum Rule {
    /// In the minor units of ISO 4217.
    Same,
    /// In hundredths, though ISO 4217 and the currency itself have none any more.
    Hundredths,
    /// In whole units, though ISO 4217 counts hundredths.
    Whole,
    /// In the thousandths of ISO 4217, of which the last digit must be zero.
    Tens,
}

fn rule(currency: &str) -> Rule {
    match currency {
        // Once had hundredths; Stripe kept writing them.
        "ISK" | "UGX" => Rule::Hundredths,
        // One ariary is five iraimbilanja; ISO 4217 counts two decimals, Stripe none.
        "MGA" => Rule::Whole,
        "BHD" | "JOD" | "KWD" | "OMR" | "TND" => Rule::Tens,
        _ => Rule::Same,
    }
}

/// The amount in Stripe's units.
///
/// # Errors
/// [`PaymentError::Refused`] when Stripe can't express it.
pub(super) fn to_stripe(amount_minor: i64, currency: &str) -> Result<i64, PaymentError> {
    let refused = |rule: &str| {
        PaymentError::refused(format!(
            "amount_minor of Stripe payments in {currency} must {rule}, it is {amount_minor}"
        ))
    };
    match rule(currency) {
        Rule::Same => Ok(amount_minor),
        Rule::Hundredths => {
            amount_minor.checked_mul(100).ok_or_else(|| refused("be less than 2^63 / 100"))
        }
        Rule::Whole if amount_minor % 100 == 0 => Ok(amount_minor / 100),
        Rule::Whole => Err(refused("be a multiple of 100")),
        Rule::Tens if amount_minor % 10 == 0 => Ok(amount_minor),
        Rule::Tens => Err(refused("be a multiple of 10")),
    }
}

/// Our amount of what Stripe writes. Never wrong by more than what Stripe itself can't express.
pub(super) fn from_stripe(amount: i64, currency: &str) -> i64 {
    match rule(currency) {
        Rule::Same | Rule::Tens => amount,
        Rule::Hundredths => amount / 100,
        Rule::Whole => amount.saturating_mul(100),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Stripe's own examples, and the ones that ISO 4217 makes of them.
    #[test]
    fn amounts_are_written_as_stripe_documents_them() {
        for (currency, ours, theirs) in [
            ("USD", 1_000, 1_000),
            ("EUR", 1_999, 1_999),
            ("JPY", 500, 500),
            ("KRW", 500, 500),
            ("CLP", 500, 500),
            ("XPF", 500, 500),
            ("HUF", 1_045, 1_045),
            ("TWD", 80_000, 80_000),
            ("ISK", 5, 500),
            ("UGX", 5, 500),
            ("MGA", 500, 5),
            ("KWD", 5_120, 5_120),
            ("BHD", 10, 10),
        ] {
            assert_eq!(to_stripe(ours, currency), Ok(theirs), "{currency}");
            assert_eq!(from_stripe(theirs, currency), ours, "{currency}");
        }
    }

    #[test]
    fn amounts_that_stripe_can_not_express_are_refused() {
        for (currency, amount) in
            [("KWD", 5_124), ("TND", 1), ("MGA", 501), ("ISK", i64::MAX), ("UGX", i64::MAX / 99)]
        {
            let answer = to_stripe(amount, currency);
            assert!(matches!(answer, Err(PaymentError::Refused { .. })), "{currency}: {answer:?}");
        }
    }
}
