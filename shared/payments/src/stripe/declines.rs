//! Stripe's decline codes in our words. <https://docs.stripe.com/declines/codes>

use crate::decline_code as code;

/// Our word for each decline code that Stripe documents.
#[rustfmt::skip]
const CODES: &[(&str, &str)] = &[
    ("approve_with_id", code::CARD_DECLINED),
    ("authentication_required", code::AUTHENTICATION_REQUIRED),
    ("authentication_not_handled", code::AUTHENTICATION_REQUIRED),
    ("call_issuer", code::CALL_ISSUER),
    ("card_not_supported", code::CARD_NOT_SUPPORTED),
    ("card_velocity_exceeded", code::LIMIT_EXCEEDED),
    ("currency_not_supported", code::CURRENCY_NOT_SUPPORTED),
    ("do_not_honor", code::DO_NOT_HONOR),
    ("do_not_try_again", code::DO_NOT_TRY_AGAIN),
    ("duplicate_transaction", code::DUPLICATE_TRANSACTION),
    ("expired_card", code::EXPIRED_CARD),
    ("fraudulent", code::FRAUDULENT),
    ("generic_decline", code::CARD_DECLINED),
    ("incorrect_address", code::INCORRECT_CARD_DATA),
    ("incorrect_cvc", code::INCORRECT_CARD_DATA),
    ("incorrect_number", code::INCORRECT_CARD_DATA),
    ("incorrect_pin", code::INCORRECT_CARD_DATA),
    ("incorrect_zip", code::INCORRECT_CARD_DATA),
    ("insufficient_funds", code::INSUFFICIENT_FUNDS),
    ("invalid_account", code::INVALID_ACCOUNT),
    ("invalid_amount", code::INVALID_AMOUNT),
    ("invalid_cvc", code::INCORRECT_CARD_DATA),
    ("invalid_expiry_month", code::INCORRECT_CARD_DATA),
    ("invalid_expiry_year", code::INCORRECT_CARD_DATA),
    ("invalid_number", code::INCORRECT_CARD_DATA),
    ("invalid_pin", code::INCORRECT_CARD_DATA),
    ("issuer_not_available", code::ISSUER_NOT_AVAILABLE),
    ("lost_card", code::LOST_CARD),
    ("merchant_blacklist", code::FRAUDULENT),
    ("mobile_device_authentication_required", code::AUTHENTICATION_REQUIRED),
    ("new_account_information_available", code::INVALID_ACCOUNT),
    ("no_action_taken", code::CARD_DECLINED),
    ("not_permitted", code::TRANSACTION_NOT_ALLOWED),
    ("offline_pin_required", code::AUTHENTICATION_FAILED),
    ("online_or_offline_pin_required", code::AUTHENTICATION_FAILED),
    ("pickup_card", code::PICKUP_CARD),
    ("pin_try_exceeded", code::RESTRICTED_CARD),
    ("processing_error", code::PROCESSING_ERROR),
    ("reenter_transaction", code::PROCESSING_ERROR),
    ("restricted_card", code::RESTRICTED_CARD),
    ("revocation_of_all_authorizations", code::AUTHORIZATION_REVOKED),
    ("revocation_of_authorization", code::AUTHORIZATION_REVOKED),
    ("security_violation", code::FRAUDULENT),
    ("service_not_allowed", code::TRANSACTION_NOT_ALLOWED),
    ("stolen_card", code::STOLEN_CARD),
    ("stop_payment_order", code::AUTHORIZATION_REVOKED),
    ("testmode_decline", code::TEST_CARD),
    ("transaction_not_allowed", code::TRANSACTION_NOT_ALLOWED),
    ("try_again_later", code::PROCESSING_ERROR),
    ("withdrawal_count_limit_exceeded", code::LIMIT_EXCEEDED),
    // Codes of errors, for those that come without a decline code.
    ("card_declined", code::CARD_DECLINED),
    ("payment_intent_authentication_failure", code::AUTHENTICATION_FAILED),
    ("payment_method_customer_decline", code::AUTHENTICATION_FAILED),
    ("payment_method_provider_decline", code::CARD_DECLINED),
    ("payment_method_provider_timeout", code::ISSUER_NOT_AVAILABLE),
    ("payment_method_not_available", code::ISSUER_NOT_AVAILABLE),
    ("payment_intent_payment_attempt_expired", code::VOIDED),
    ("payment_intent_payment_attempt_failed", code::CARD_DECLINED),
    ("bank_account_unusable", code::INVALID_ACCOUNT),
    ("debit_not_authorized", code::AUTHORIZATION_REVOKED),
];

/// Our word for a code of Stripe's; the bank's plain no for one that nobody knows.
pub(super) fn normalised(stripe: &str) -> &'static str {
    let known = CODES.iter().find(|(theirs, _)| *theirs == stripe);
    known.map_or(code::CARD_DECLINED, |(_, ours)| ours)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{DECLINES, DeclineKind, decline_kind};

    #[test]
    fn every_code_has_a_word_whose_kind_is_known() {
        for (theirs, ours) in CODES {
            assert!(DECLINES.iter().any(|(known, ..)| known == ours), "{theirs}: {ours}");
            assert_eq!(CODES.iter().filter(|(other, _)| other == theirs).count(), 1, "{theirs}");
        }
    }

    /// What Stripe's table tells to do next: another card, or another time.
    #[test]
    fn codes_are_hard_where_stripe_asks_for_another_card() {
        for theirs in [
            "expired_card",
            "lost_card",
            "stolen_card",
            "pickup_card",
            "restricted_card",
            "invalid_account",
            "card_not_supported",
            "currency_not_supported",
            "do_not_try_again",
            "revocation_of_authorization",
            "fraudulent",
            "incorrect_number",
        ] {
            assert_eq!(decline_kind(normalised(theirs)), DeclineKind::Hard, "{theirs}");
        }
        for theirs in [
            "insufficient_funds",
            "do_not_honor",
            "generic_decline",
            "processing_error",
            "issuer_not_available",
            "try_again_later",
            "card_velocity_exceeded",
            "reenter_transaction",
            "a_code_of_tomorrow",
        ] {
            assert_eq!(decline_kind(normalised(theirs)), DeclineKind::Soft, "{theirs}");
        }
    }
}
