//! A payment provider for tests, demonstrations and laptops: the token says what happens.
//!
//! | token | what happens |
//! |---|---|
//! | `tok_paid` | paid |
//! | `tok_declines_<n>` | the first n keys under a reference are declined softly (`insufficient_funds`), every later one is paid; n from 1 to 1000 |
//! | `tok_hard_decline` | declined hard (`stolen_card`) |
//! | `tok_decline_<code>` | declined with a code of [`DECLINES`], soft or hard as it says there |
//! | `tok_needs_action` | [needs action](ChargeOutcome::NeedsAction) until [`TestProvider::act`] says what the customer did |
//! | `tok_needs_action_<n>` | the same, until the customer has confirmed between call n and the next one under the key, which is paid |
//! | `tok_processing` | the same as `tok_needs_action`, but it waits for the provider, not for the customer |
//! | `tok_slow_<ms>` | waits that many milliseconds, ten seconds at most, then paid |
//! | `tok_slow_<ms>_<rest>` | waits, then does what `tok_<rest>` does: `tok_slow_200_declines_1` |
//! | `tok_timeout_after_charge` | paid, but the call that makes the charge answers [`PaymentError::Unknown`]; a lookup or the same key again answers paid |
//! | `tok_timeout_before_charge` | the first call under a key answers [`PaymentError::Unknown`] and charges nothing; a second call under the same key is paid |
//! | `tok_unavailable_<n>` | the first n calls under a key answer [`PaymentError::Unavailable`], every later one is paid; n from 1 to 1000 |
//! | `tok_random_<seed>` | drawn from seed and key: most keys are paid, some declined softly, few hard, some time out before or after the charge, some are unavailable once |
//! | `tok_authorization_expires` | paid or authorized; a capture finds that the authorization ran out |
//! | `tok_refund_pending` | paid; its refunds are pending until [`TestProvider::settle_refund`] |
//! | `tok_refund_fails` | paid; its refunds fail |
//! | `tok_timeout_after_refund` | paid; a refund is made, but the call that makes it answers [`PaymentError::Unknown`] |
//! | `tok_timeout_before_refund` | paid; the first call under a refund's key answers [`PaymentError::Unknown`] and gives nothing back |
//! | `tok_refund_unavailable_<n>` | paid; the first n calls under a refund's key answer [`PaymentError::Unavailable`] |
//! | anything else | [`PaymentError::Refused`], naming the token |
//!
//! Each of them also authorizes instead of charging, when that is what is asked for. Whatever the
//! token, a key that has an outcome answers that outcome, as Stripe does; with another amount,
//! currency or reference it is refused.
//!
//! The ledger is a table of its own, written by nobody else, so a test can count what was charged
//! without trusting the order book. A charge costs one conditional put (one write unit); the tokens
//! that count cost one update more. It needs `PutItem`, `GetItem` and `UpdateItem` on the table.
//! Lists scan, page by page, and need `Scan`; [`TestProvider::ledger`] and
//! [`TestProvider::ledger_of_organization`] scan the whole table, and belong in tests.

mod history;
mod ledger;
mod random;
mod refunds;
mod token;

use async_trait::async_trait;
use aws_sdk_dynamodb::Client;

pub use ledger::LedgerEntry;
use ledger::{Ledger, Recorded};
use token::{Behaviour, Later};

use crate::{
    Action, CaptureRequest, ChargeKey, ChargeLookup, ChargeOutcome, ChargeRecord, ChargeRequest,
    Cursor, DeclineKind, Page, PaymentError, PaymentProvider, PaymentState, RefundKey,
    RefundOutcome, RefundRecord, RefundRequest, Span, TokenDigest, VoidOutcome, WaitsFor,
    decline_code,
};

/// A provider whose magic tokens decide what happens: see the [module](self).
#[derive(Debug, Clone)]
pub struct TestProvider {
    ledger: Ledger,
}

impl TestProvider {
    /// A provider that keeps its ledger in `table` (string keys `pk` and `sk`).
    pub fn new(client: Client, table: impl Into<String>) -> Self {
        Self { ledger: Ledger { client, table: table.into() } }
    }

    /// Every outcome made for an order, whatever its key, oldest first. Scans the table.
    ///
    /// # Errors
    /// [`PaymentError::Unknown`] when the table can't be read.
    pub async fn ledger(
        &self,
        organization: &str,
        reference: &str,
    ) -> Result<Vec<LedgerEntry>, PaymentError> {
        self.ledger.scan(organization, Some(reference)).await
    }

    /// Every outcome made for an organization, oldest first: to count the charges of many orders with
    /// one scan.
    ///
    /// # Errors
    /// [`PaymentError::Unknown`] when the table can't be read.
    pub async fn ledger_of_organization(
        &self,
        organization: &str,
    ) -> Result<Vec<LedgerEntry>, PaymentError> {
        self.ledger.scan(organization, None).await
    }

    /// Plays the customer (or the bank, for `tok_processing`) of a payment that needs action: it is
    /// paid if that is approved, and declined (`authentication_failed`) if not. Answers where the
    /// payment stands after that; `None` when there is no payment under the key.
    ///
    /// # Errors
    /// [`PaymentError::Unknown`] when the table can't be read or written.
    pub async fn act(
        &self,
        organization: &str,
        key: &ChargeKey,
        approved: bool,
    ) -> Result<Option<PaymentState>, PaymentError> {
        self.step(organization, key, |entry| {
            if !matches!(entry.outcome, PaymentState::NeedsAction(_)) {
                return None;
            }
            Some(if approved {
                let outcome = entry.granted();
                LedgerEntry {
                    refundable_minor: outcome.is_paid().then_some(entry.amount_minor),
                    outcome,
                    ..entry.clone()
                }
            } else {
                let outcome = declined(
                    DeclineKind::Soft,
                    decline_code::AUTHENTICATION_FAILED,
                    "The customer did not confirm.",
                );
                LedgerEntry { outcome, ..entry.clone() }
            })
        })
        .await
    }

    /// Settles a refund that is pending. Answers what it was before, `None` when there is none.
    ///
    /// # Errors
    /// [`PaymentError::Unknown`] when the table can't be read or written.
    pub async fn settle_refund(
        &self,
        organization: &str,
        key: &RefundKey,
        succeeded: bool,
    ) -> Result<Option<RefundOutcome>, PaymentError> {
        self.ledger.settle_refund(organization, key, succeeded).await
    }

    /// Takes a payment on by a step that depends on its state, until nobody gets in between.
    /// Answers the state after it; a step that answers `None` leaves the payment as it is.
    async fn step(
        &self,
        organization: &str,
        key: &ChargeKey,
        step: impl Fn(&LedgerEntry) -> Option<LedgerEntry> + Send + Sync,
    ) -> Result<Option<PaymentState>, PaymentError> {
        loop {
            let Some(before) = self.ledger.find(organization, key).await? else {
                return Ok(None);
            };
            let Some(after) = step(&before) else {
                return Ok(Some(before.outcome));
            };
            if self.ledger.change(&before, &after).await? {
                return Ok(Some(after.outcome));
            }
        }
    }

    /// Makes a payment or authorization, as its token says.
    async fn make(
        &self,
        request: &ChargeRequest,
        authorize: bool,
    ) -> Result<PaymentState, PaymentError> {
        request.validate()?;
        let record = async |outcome: Option<PaymentState>| {
            let waits = PaymentState::NeedsAction(waiting(request, WaitsFor::Provider));
            let entry = LedgerEntry::new(request, waits);
            let entry = if authorize { entry.authorizing() } else { entry };
            let outcome = outcome.unwrap_or_else(|| entry.granted());
            let outcome = outcome.declined_with(Some(TokenDigest::of(&request.token)));
            let refundable_minor = outcome.is_paid().then_some(request.amount_minor);
            self.ledger.record(request, LedgerEntry { outcome, refundable_minor, ..entry }).await
        };
        let drawn = random::drawn(&request.token, &request.key);
        let (pause, behaviour) = Behaviour::of(drawn.as_ref().unwrap_or(&request.token))?;
        tokio::time::sleep(pause).await;
        let recorded = match behaviour {
            Behaviour::Paid | Behaviour::Later(_) => record(None).await?,
            Behaviour::DeclinedSoft { times } => {
                let outcome = self.ledger.is_among_declines(request, times).await?.then(|| {
                    declined(
                        DeclineKind::Soft,
                        decline_code::INSUFFICIENT_FUNDS,
                        "The card has insufficient funds.",
                    )
                });
                record(outcome).await?
            }
            Behaviour::Declined { kind, code } => {
                let message = format!("The card was declined: {code}.");
                record(Some(declined(kind, code, &message))).await?
            }
            Behaviour::NeedsAction { of, calls } => {
                let waits = Some(PaymentState::NeedsAction(waiting(request, of)));
                let recorded = record(waits).await?;
                let confirmed = match calls {
                    Some(calls) => self.ledger.count_call(request).await? > calls,
                    None => false,
                };
                if confirmed {
                    let state = self.act(&request.organization, &request.key, true).await?;
                    Recorded::Before(state.unwrap_or_else(|| recorded.outcome()))
                } else {
                    recorded
                }
            }
            Behaviour::TimeoutAfterCharge => match record(None).await? {
                Recorded::Now(_) => {
                    return Err(PaymentError::unknown("timed out after the charge, as asked"));
                }
                before @ Recorded::Before(_) => before,
            },
            Behaviour::TimeoutBeforeCharge => {
                if self.ledger.count_call(request).await? == 1 {
                    return Err(PaymentError::unknown("timed out before the charge, as asked"));
                }
                record(None).await?
            }
            Behaviour::Unavailable { times } => {
                if self.ledger.count_call(request).await? <= times {
                    return Err(PaymentError::unavailable("not available, as asked"));
                }
                record(None).await?
            }
        };
        Ok(recorded.outcome())
    }
}

fn declined(kind: DeclineKind, code: &str, message: &str) -> PaymentState {
    PaymentState::Declined { kind, code: code.to_owned(), message: message.to_owned(), token: None }
}

fn voided(message: &str) -> PaymentState {
    declined(DeclineKind::Soft, decline_code::VOIDED, message)
}

fn waiting(request: &ChargeRequest, waits_for: WaitsFor) -> Action {
    let payment_id = ledger::fresh_id(&request.key);
    match waits_for {
        WaitsFor::Customer => Action {
            url: Some(format!("https://payments.example/confirm/{payment_id}")),
            message: "The bank asks the customer to confirm.".to_owned(),
            payment_id,
            waits_for,
        },
        WaitsFor::Provider => Action {
            url: None,
            message: "The payment is being processed.".to_owned(),
            payment_id,
            waits_for,
        },
    }
}

/// What a capture makes of a payment; `None` leaves it as it is.
fn captured(entry: &LedgerEntry, amount_minor: i64) -> Option<LedgerEntry> {
    if !matches!(entry.outcome, PaymentState::Authorized { .. }) {
        return None;
    }
    if entry.later.as_deref().and_then(Later::of) == Some(Later::Expired) {
        let outcome = voided("The authorization ran out before it was captured.");
        return Some(LedgerEntry { outcome, ..entry.clone() });
    }
    let PaymentState::Authorized { payment_id } = &entry.outcome else { return None };
    Some(LedgerEntry {
        outcome: PaymentState::Paid { charge_id: payment_id.clone() },
        amount_minor,
        refundable_minor: Some(amount_minor),
        ..entry.clone()
    })
}

#[async_trait]
impl PaymentProvider for TestProvider {
    async fn charge(&self, request: &ChargeRequest) -> Result<ChargeOutcome, PaymentError> {
        self.make(request, false).await?.settled().ok_or_else(|| {
            PaymentError::refused(format!("key {} was used for an authorization", request.key))
        })
    }

    async fn authorize(&self, request: &ChargeRequest) -> Result<PaymentState, PaymentError> {
        self.make(request, true).await
    }

    async fn capture(&self, request: &CaptureRequest) -> Result<ChargeOutcome, PaymentError> {
        request.validate()?;
        let CaptureRequest { authorization, amount_minor, currency } = request;
        let ChargeLookup { organization, key, .. } = authorization;
        let found = self.ledger.find(organization, key).await?;
        let nothing = || PaymentError::refused(format!("nothing was authorized under {key}"));
        let before = found.ok_or_else(nothing)?;
        let most = before.authorized_minor.ok_or_else(nothing)?;
        let taken_otherwise = before.outcome.is_paid() && before.amount_minor != *amount_minor;
        if *amount_minor > most || before.currency != *currency || taken_otherwise {
            return Err(PaymentError::refused(format!(
                "{amount_minor} {currency} can't be captured of {most} {} under {key}, of which \
                 {} is taken",
                before.currency,
                if before.outcome.is_paid() { before.amount_minor } else { 0 },
            )));
        }
        let state = self.step(organization, key, |entry| captured(entry, *amount_minor)).await?;
        state.and_then(PaymentState::settled).ok_or_else(nothing)
    }

    async fn void(&self, payment: &ChargeLookup) -> Result<VoidOutcome, PaymentError> {
        let ChargeLookup { organization, key, .. } = payment;
        let state = self.step(organization, key, |entry| match entry.outcome {
            PaymentState::Authorized { .. } | PaymentState::NeedsAction(_) => Some(LedgerEntry {
                outcome: voided("The payment was voided before anything was taken."),
                ..entry.clone()
            }),
            PaymentState::Paid { .. } | PaymentState::Declined { .. } => None,
        });
        Ok(match state.await? {
            Some(PaymentState::Paid { charge_id }) => VoidOutcome::Paid { charge_id },
            Some(_) => VoidOutcome::Voided,
            None => VoidOutcome::NotFound,
        })
    }

    async fn lookup_payment(
        &self,
        lookup: &ChargeLookup,
    ) -> Result<Option<PaymentState>, PaymentError> {
        let entry = self.ledger.find(&lookup.organization, &lookup.key).await?;
        Ok(entry.map(|entry| entry.outcome))
    }

    async fn find_charge(
        &self,
        lookup: &ChargeLookup,
    ) -> Result<Option<ChargeRecord>, PaymentError> {
        let entry = self.ledger.find(&lookup.organization, &lookup.key).await?;
        Ok(entry.map(history::charge_record))
    }

    async fn refund(&self, request: &RefundRequest) -> Result<RefundOutcome, PaymentError> {
        request.validate()?;
        self.ledger.refund(request).await
    }

    async fn lookup_refund(
        &self,
        request: &RefundRequest,
    ) -> Result<Option<RefundOutcome>, PaymentError> {
        let found = self.ledger.find_refund(&request.organization, &request.key).await?;
        Ok(found.map(|refund| refund.outcome))
    }

    async fn list_charges(
        &self,
        organization: &str,
        span: Span,
        after: Option<&Cursor>,
    ) -> Result<Page<ChargeRecord>, PaymentError> {
        self.ledger.list_charges(organization, span, after).await
    }

    async fn list_refunds(
        &self,
        organization: &str,
        span: Span,
        after: Option<&Cursor>,
    ) -> Result<Page<RefundRecord>, PaymentError> {
        self.ledger.list_refunds(organization, span, after).await
    }
}
