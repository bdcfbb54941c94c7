//! The magic tokens and what they stand for.

use std::time::Duration;

use crate::{PaymentError, PaymentToken};

/// The longest that `tok_slow_<ms>` waits.
const SLOWEST: Duration = Duration::from_secs(10);
/// The most that `tok_declines_<n>` and `tok_unavailable_<n>` take.
const MOST_TIMES: u32 = 1_000;

/// What a token tells the test provider to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Behaviour {
    Paid,
    DeclinedSoft { times: u32 },
    DeclinedHard,
    Slow(Duration),
    TimeoutAfterCharge,
    TimeoutBeforeCharge,
    Unavailable { times: u32 },
}

impl Behaviour {
    /// Reads a token; any that is not documented is refused by name.
    pub(super) fn of(token: &PaymentToken) -> Result<Self, PaymentError> {
        let name = token.as_str();
        let behaviour = match name {
            "tok_paid" => Some(Self::Paid),
            "tok_hard_decline" => Some(Self::DeclinedHard),
            "tok_timeout_after_charge" => Some(Self::TimeoutAfterCharge),
            "tok_timeout_before_charge" => Some(Self::TimeoutBeforeCharge),
            _ => Self::with_number(name),
        };
        behaviour.ok_or_else(|| {
            PaymentError::refused(format!("the test provider has no token {name:?}"))
        })
    }

    fn with_number(name: &str) -> Option<Self> {
        if let Some(times) = name.strip_prefix("tok_declines_") {
            return parse_times(times).map(|times| Self::DeclinedSoft { times });
        }
        if let Some(times) = name.strip_prefix("tok_unavailable_") {
            return parse_times(times).map(|times| Self::Unavailable { times });
        }
        let milliseconds = parse_digits(name.strip_prefix("tok_slow_")?)?;
        Some(Self::Slow(Duration::from_millis(milliseconds.into()).min(SLOWEST)))
    }
}

fn parse_times(text: &str) -> Option<u32> {
    parse_digits(text).filter(|times| (1..=MOST_TIMES).contains(times))
}

/// Digits only: `u32::from_str` would also take a sign.
fn parse_digits(text: &str) -> Option<u32> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(token: &str) -> Result<Behaviour, PaymentError> {
        Behaviour::of(&PaymentToken::new(token))
    }

    #[test]
    fn every_documented_token_is_known() {
        for (token, behaviour) in [
            ("tok_paid", Behaviour::Paid),
            ("tok_declines_3", Behaviour::DeclinedSoft { times: 3 }),
            ("tok_hard_decline", Behaviour::DeclinedHard),
            ("tok_slow_250", Behaviour::Slow(Duration::from_millis(250))),
            ("tok_timeout_after_charge", Behaviour::TimeoutAfterCharge),
            ("tok_timeout_before_charge", Behaviour::TimeoutBeforeCharge),
            ("tok_unavailable_2", Behaviour::Unavailable { times: 2 }),
        ] {
            assert_eq!(read(token), Ok(behaviour), "{token}");
        }
    }

    #[test]
    fn a_slow_token_waits_ten_seconds_at_most() {
        assert_eq!(read("tok_slow_4000000000"), Ok(Behaviour::Slow(Duration::from_secs(10))));
    }

    #[test]
    fn any_other_token_is_refused_by_name() {
        for token in [
            "",
            "tok_",
            "tok_Paid",
            "tok_paid ",
            "tok_declines_",
            "tok_declines_0",
            "tok_declines_-1",
            "tok_declines_+1",
            "tok_declines_1001",
            "tok_unavailable_x",
            "tok_slow_",
            "tok_slow_99999999999",
            "tok_visa",
        ] {
            let refused = PaymentError::Refused {
                reason: format!("the test provider has no token {token:?}"),
            };
            assert_eq!(read(token), Err(refused), "{token}");
        }
    }
}
