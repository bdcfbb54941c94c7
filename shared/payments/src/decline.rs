//! Why payments are declined: one set of words for all providers.

use crate::DeclineKind::{self, Hard, Soft};

/// The words that [`ChargeOutcome::Declined`](crate::ChargeOutcome::Declined) uses for its reason,
/// whatever the provider calls it. [`decline_kind`] says which are hard, and why.
pub mod decline_code {
    /// The account has too little money.
    pub const INSUFFICIENT_FUNDS: &str = "insufficient_funds";
    /// The bank said no and gave no reason.
    pub const CARD_DECLINED: &str = "card_declined";
    /// The bank said no and won't say why: its most common answer.
    pub const DO_NOT_HONOR: &str = "do_not_honor";
    /// The bank wants its customer to call.
    pub const CALL_ISSUER: &str = "call_issuer";
    /// Something broke between the provider and the bank.
    pub const PROCESSING_ERROR: &str = "processing_error";
    /// The bank could not be reached.
    pub const ISSUER_NOT_AVAILABLE: &str = "issuer_not_available";
    /// A limit on amounts or numbers of payments was reached.
    pub const LIMIT_EXCEEDED: &str = "limit_exceeded";
    /// The same amount was taken a moment ago.
    pub const DUPLICATE_TRANSACTION: &str = "duplicate_transaction";
    /// The bank wants its customer to confirm, and nobody is there to do it. Providers answer
    /// [`NeedsAction`](crate::ChargeOutcome::NeedsAction) where the payment can go on.
    pub const AUTHENTICATION_REQUIRED: &str = "authentication_required";
    /// The customer tried to confirm and failed.
    pub const AUTHENTICATION_FAILED: &str = "authentication_failed";
    /// The payment was voided before anything was taken, or its authorization ran out.
    pub const VOIDED: &str = "voided";
    /// The card is past its date.
    pub const EXPIRED_CARD: &str = "expired_card";
    /// The card was reported stolen.
    pub const STOLEN_CARD: &str = "stolen_card";
    /// The card was reported lost.
    pub const LOST_CARD: &str = "lost_card";
    /// The bank wants the card back.
    pub const PICKUP_CARD: &str = "pickup_card";
    /// The card may not be used, say, because of misuse.
    pub const RESTRICTED_CARD: &str = "restricted_card";
    /// The card, or the account behind it, is not valid or is closed.
    pub const INVALID_ACCOUNT: &str = "invalid_account";
    /// The provider has no such means of payment of that customer any more, say, because they have
    /// removed it.
    pub const PAYMENT_METHOD_REMOVED: &str = "payment_method_removed";
    /// The number, the date or the security code is wrong.
    pub const INCORRECT_CARD_DATA: &str = "incorrect_card_data";
    /// The card does not do this kind of payment.
    pub const CARD_NOT_SUPPORTED: &str = "card_not_supported";
    /// The card does not pay in this currency.
    pub const CURRENCY_NOT_SUPPORTED: &str = "currency_not_supported";
    /// The bank doesn't allow this payment to this card.
    pub const TRANSACTION_NOT_ALLOWED: &str = "transaction_not_allowed";
    /// The customer told the bank to stop these payments.
    pub const AUTHORIZATION_REVOKED: &str = "authorization_revoked";
    /// The bank, or the card's network, forbids another try.
    pub const DO_NOT_TRY_AGAIN: &str = "do_not_try_again";
    /// Taken for fraud by the bank or the provider.
    pub const FRAUDULENT: &str = "fraudulent";
    /// The amount is not one that the bank allows.
    pub const INVALID_AMOUNT: &str = "invalid_amount";
    /// A card for tests met real money, or the other way round.
    pub const TEST_CARD: &str = "test_card";
}

use decline_code as code;

/// Every code, whether it is worth another attempt, and why it is thought so.
#[rustfmt::skip]
pub const DECLINES: &[(&str, DeclineKind, &str)] = &[
    (code::INSUFFICIENT_FUNDS, Soft, "the account may be filled by then"),
    (code::CARD_DECLINED, Soft, "no reason was given, and most such payments succeed later"),
    (code::DO_NOT_HONOR, Soft, "no reason was given, and most such payments succeed later"),
    (code::CALL_ISSUER, Soft, "a call to the bank sets it right"),
    (code::PROCESSING_ERROR, Soft, "the fault was not the card's"),
    (code::ISSUER_NOT_AVAILABLE, Soft, "the bank will be back"),
    (code::LIMIT_EXCEEDED, Soft, "limits are counted by day, week or month"),
    (code::DUPLICATE_TRANSACTION, Soft, "it is not one any more after a while"),
    (code::AUTHENTICATION_REQUIRED, Soft, "the customer may confirm the next one"),
    (code::AUTHENTICATION_FAILED, Soft, "the customer may do better next time"),
    (code::VOIDED, Soft, "we gave it up, not the bank"),
    (code::EXPIRED_CARD, Hard, "the date stays in the past"),
    (code::STOLEN_CARD, Hard, "the card is dead; further tries look like fraud"),
    (code::LOST_CARD, Hard, "the card is dead; further tries look like fraud"),
    (code::PICKUP_CARD, Hard, "the card is dead; further tries look like fraud"),
    (code::RESTRICTED_CARD, Hard, "the card stays as it is until the bank sends another"),
    (code::INVALID_ACCOUNT, Hard, "a closed account stays closed"),
    (code::PAYMENT_METHOD_REMOVED, Hard, "what was removed does not come back"),
    (code::INCORRECT_CARD_DATA, Hard, "what is stored stays wrong"),
    (code::CARD_NOT_SUPPORTED, Hard, "the card stays what it is"),
    (code::CURRENCY_NOT_SUPPORTED, Hard, "the card stays what it is"),
    (code::TRANSACTION_NOT_ALLOWED, Hard, "the card stays what it is"),
    (code::AUTHORIZATION_REVOKED, Hard, "the customer has forbidden it"),
    (code::DO_NOT_TRY_AGAIN, Hard, "the bank has forbidden it, and networks fine for more tries"),
    (code::FRAUDULENT, Hard, "further tries make it worse"),
    (code::INVALID_AMOUNT, Hard, "the next attempt asks for the same amount"),
    (code::TEST_CARD, Hard, "a card for tests stays one"),
];

/// Whether a payment that was declined with the code is worth another attempt. A code that nobody
/// knows is soft: the policy bounds what is tried.
#[must_use]
pub fn decline_kind(code: &str) -> DeclineKind {
    let known = DECLINES.iter().find(|(known, ..)| *known == code);
    known.map_or(Soft, |(_, kind, _)| *kind)
}
