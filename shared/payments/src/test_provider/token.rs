//! The magic tokens and what they stand for.

use std::time::Duration;

use crate::{DECLINES, DeclineKind, PaymentError, PaymentToken, WaitsFor};

/// The longest that `tok_slow_<ms>` waits.
const SLOWEST: Duration = Duration::from_secs(10);
/// The most that `<n>` in a token may be.
const MOST_TIMES: u32 = 1_000;

/// What a token tells the test provider to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Behaviour {
    Paid,
    DeclinedSoft {
        times: u32,
    },
    Declined {
        kind: DeclineKind,
        code: &'static str,
    },
    NeedsAction {
        of: WaitsFor,
        calls: Option<u32>,
    },
    TimeoutAfterCharge,
    TimeoutBeforeCharge,
    Unavailable {
        times: u32,
    },
    /// Paid now; what comes later is told apart.
    Later(Later),
}

/// What a token tells the test provider to do with a payment that it has granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Later {
    /// Capture finds that the authorization ran out.
    Expired,
    RefundPending,
    RefundFailed,
    RefundTimeoutAfter,
    RefundTimeoutBefore,
    RefundUnavailable {
        times: u32,
    },
}

impl Later {
    pub(super) fn of(name: &str) -> Option<Self> {
        match name {
            "tok_authorization_expires" => Some(Self::Expired),
            "tok_refund_pending" => Some(Self::RefundPending),
            "tok_refund_fails" => Some(Self::RefundFailed),
            "tok_timeout_after_refund" => Some(Self::RefundTimeoutAfter),
            "tok_timeout_before_refund" => Some(Self::RefundTimeoutBefore),
            _ => {
                let times = parse_times(name.strip_prefix("tok_refund_unavailable_")?)?;
                Some(Self::RefundUnavailable { times })
            }
        }
    }
}

impl Behaviour {
    /// Whether the token says what happens after the charge.
    pub(super) fn is_for_later(token: &PaymentToken) -> bool {
        Later::of(token.as_str()).is_some()
    }

    /// Reads a token: how long the answer takes, and what it is. Any that is not documented is
    /// refused by name.
    pub(super) fn of(token: &PaymentToken) -> Result<(Duration, Self), PaymentError> {
        let name = token.as_str();
        let read = match slow(name) {
            Some((pause, rest)) => Self::named(&rest).map(|behaviour| (pause, behaviour)),
            None => Self::named(name).map(|behaviour| (Duration::ZERO, behaviour)),
        };
        read.ok_or_else(|| {
            PaymentError::refused(format!("the test provider has no token {name:?}"))
        })
    }

    fn named(name: &str) -> Option<Self> {
        match name {
            "tok_paid" => Some(Self::Paid),
            "tok_hard_decline" => Self::declined("stolen_card"),
            "tok_needs_action" => Some(Self::NeedsAction { of: WaitsFor::Customer, calls: None }),
            "tok_processing" => Some(Self::NeedsAction { of: WaitsFor::Provider, calls: None }),
            "tok_timeout_after_charge" => Some(Self::TimeoutAfterCharge),
            "tok_timeout_before_charge" => Some(Self::TimeoutBeforeCharge),
            _ => Later::of(name).map(Self::Later).or_else(|| Self::with_parameter(name)),
        }
    }

    fn declined(code: &str) -> Option<Self> {
        let (code, kind, _) = DECLINES.iter().find(|(known, ..)| *known == code)?;
        Some(Self::Declined { kind: *kind, code })
    }

    fn with_parameter(name: &str) -> Option<Self> {
        if let Some(code) = name.strip_prefix("tok_decline_") {
            return Self::declined(code);
        }
        if let Some(calls) = name.strip_prefix("tok_needs_action_") {
            let calls = Some(parse_times(calls)?);
            return Some(Self::NeedsAction { of: WaitsFor::Customer, calls });
        }
        if let Some(times) = name.strip_prefix("tok_declines_") {
            return parse_times(times).map(|times| Self::DeclinedSoft { times });
        }
        parse_times(name.strip_prefix("tok_unavailable_")?).map(|times| Self::Unavailable { times })
    }
}

/// Of `tok_slow_<ms>` the wait and `tok_paid`, of `tok_slow_<ms>_<rest>` the wait and `tok_<rest>`.
fn slow(name: &str) -> Option<(Duration, String)> {
    let told = name.strip_prefix("tok_slow_")?;
    let (milliseconds, rest) = told.split_once('_').unwrap_or((told, "paid"));
    let pause = Duration::from_millis(parse_digits(milliseconds)?.into()).min(SLOWEST);
    Some((pause, format!("tok_{rest}")))
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

    fn read(token: &str) -> Result<(Duration, Behaviour), PaymentError> {
        Behaviour::of(&PaymentToken::new(token))
    }

    #[test]
    fn every_documented_token_is_known() {
        for (token, behaviour) in [
            ("tok_paid", Behaviour::Paid),
            ("tok_declines_3", Behaviour::DeclinedSoft { times: 3 }),
            (
                "tok_hard_decline",
                Behaviour::Declined { kind: DeclineKind::Hard, code: "stolen_card" },
            ),
            (
                "tok_decline_do_not_honor",
                Behaviour::Declined { kind: DeclineKind::Soft, code: "do_not_honor" },
            ),
            ("tok_needs_action", Behaviour::NeedsAction { of: WaitsFor::Customer, calls: None }),
            (
                "tok_needs_action_2",
                Behaviour::NeedsAction { of: WaitsFor::Customer, calls: Some(2) },
            ),
            ("tok_processing", Behaviour::NeedsAction { of: WaitsFor::Provider, calls: None }),
            ("tok_authorization_expires", Behaviour::Later(Later::Expired)),
            ("tok_refund_pending", Behaviour::Later(Later::RefundPending)),
            ("tok_refund_fails", Behaviour::Later(Later::RefundFailed)),
            ("tok_timeout_after_refund", Behaviour::Later(Later::RefundTimeoutAfter)),
            ("tok_timeout_before_refund", Behaviour::Later(Later::RefundTimeoutBefore)),
            ("tok_refund_unavailable_3", Behaviour::Later(Later::RefundUnavailable { times: 3 })),
            ("tok_timeout_after_charge", Behaviour::TimeoutAfterCharge),
            ("tok_timeout_before_charge", Behaviour::TimeoutBeforeCharge),
            ("tok_unavailable_2", Behaviour::Unavailable { times: 2 }),
        ] {
            assert_eq!(read(token), Ok((Duration::ZERO, behaviour)), "{token}");
        }
    }

    #[test]
    fn a_slow_token_waits_ten_seconds_at_most_and_does_what_another_does() {
        for (token, milliseconds, behaviour) in [
            ("tok_slow_250", 250, Behaviour::Paid),
            ("tok_slow_4000000000", 10_000, Behaviour::Paid),
            ("tok_slow_200_declines_1", 200, Behaviour::DeclinedSoft { times: 1 }),
            ("tok_slow_5_timeout_after_charge", 5, Behaviour::TimeoutAfterCharge),
        ] {
            let pause = Duration::from_millis(milliseconds);
            assert_eq!(read(token), Ok((pause, behaviour)), "{token}");
        }
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
            "tok_decline_",
            "tok_decline_unheard_of",
            "tok_needs_action_0",
            "tok_refund_unavailable_",
            "tok_slow_",
            "tok_slow_99999999999",
            "tok_slow_200_",
            "tok_slow_200_slow_200",
            "tok_visa",
        ] {
            let refused = PaymentError::Refused {
                reason: format!("the test provider has no token {token:?}"),
            };
            assert_eq!(read(token), Err(refused), "{token}");
        }
    }
}
