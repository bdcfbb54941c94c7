//! Means of payment as Stripe names them.

use crate::{PaymentError, PaymentToken};

/// What a token names: `cus_...|pm_...`, or `pm_...` alone, whose customer Stripe is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) customer: Option<String>,
    pub(super) payment_method: String,
}

impl Named {
    /// Reads a token.
    pub(super) fn read(token: &PaymentToken) -> Result<Self, PaymentError> {
        let text = token.as_str();
        let (customer, method) = match text.split_once('|') {
            Some((customer, method)) => (Some(customer), method),
            None => (None, text),
        };
        let is_customer = customer.is_none_or(|customer| is_id(customer, &["cus_"]));
        // Cards and sources from before payment methods are taken wherever those are.
        if !is_customer || !is_id(method, &["pm_", "card_", "src_", "ba_"]) {
            return Err(PaymentError::refused(
                "a token of Stripe must be \"cus_...|pm_...\", or the id of a payment method \
                 (\"pm_...\") that is attached to a customer",
            ));
        }
        Ok(Self { customer: customer.map(str::to_owned), payment_method: method.to_owned() })
    }
}

/// Whether the text is an id with one of the prefixes. Ids stand in paths, so nothing else may.
pub(super) fn is_id(text: &str, prefixes: &[&str]) -> bool {
    let body = prefixes.iter().find_map(|prefix| text.strip_prefix(prefix));
    body.is_some_and(|body| {
        (1..=200).contains(&body.len())
            && body.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_names_a_payment_method_and_perhaps_its_customer() {
        let named = |customer: Option<&str>, method: &str| {
            Ok(Named { customer: customer.map(str::to_owned), payment_method: method.to_owned() })
        };
        for (token, expected) in [
            ("cus_1|pm_2", named(Some("cus_1"), "pm_2")),
            ("pm_card_visa", named(None, "pm_card_visa")),
            ("cus_Ab9|card_1", named(Some("cus_Ab9"), "card_1")),
        ] {
            assert_eq!(Named::read(&PaymentToken::new(token)), expected, "{token}");
        }
    }

    #[test]
    fn anything_else_is_refused_and_not_told() {
        for token in [
            "",
            "4242424242424242",
            "tok_paid",
            "pm_",
            "pm_1/../customers",
            "pm_1?x=1",
            "cus_1|",
            "|pm_1",
            "pm_1|cus_1",
            "cus_1|pm_2|pm_3",
        ] {
            let answer = Named::read(&PaymentToken::new(token));
            assert!(
                matches!(&answer, Err(PaymentError::Refused { reason })
                    if token.len() < 8 || !reason.contains(token)),
                "{token:?}: {answer:?}"
            );
        }
    }
}
