//! A payment provider for tests, demonstrations and laptops: the token says what happens.
//!
//! | token | what happens |
//! |---|---|
//! | `tok_paid` | paid |
//! | `tok_declines_<n>` | the first n keys under a reference are declined softly (`insufficient_funds`), every later one is paid; n from 1 to 1000 |
//! | `tok_hard_decline` | declined hard (`stolen_card`) |
//! | `tok_slow_<ms>` | waits that many milliseconds, ten seconds at most, then paid |
//! | `tok_timeout_after_charge` | paid, but the call that makes the charge answers [`PaymentError::Unknown`]; a lookup or the same key again answers paid |
//! | `tok_timeout_before_charge` | the first call under a key answers [`PaymentError::Unknown`] and charges nothing; a second call under the same key is paid |
//! | `tok_unavailable_<n>` | the first n calls under a key answer [`PaymentError::Unavailable`], every later one is paid; n from 1 to 1000 |
//! | anything else | [`PaymentError::Refused`], naming the token |
//!
//! Whatever the token, a key that has an outcome answers that outcome, as Stripe does; with another
//! amount, currency or reference it is refused.
//!
//! The ledger is a table of its own, written by nobody else, so a test can count what was charged
//! without trusting the order book. A charge costs one conditional put (one write unit); the tokens
//! that count cost one update more. It needs `PutItem`, `GetItem` and `UpdateItem` on the table;
//! [`TestProvider::ledger`] and [`TestProvider::ledger_of_organization`] scan, and belong in tests.

mod ledger;
mod token;

use async_trait::async_trait;
use aws_sdk_dynamodb::Client;
use uuid::Uuid;

pub use ledger::LedgerEntry;
use ledger::{Ledger, Recorded};
use token::Behaviour;

use crate::{
    ChargeKey, ChargeOutcome, ChargeRequest, DeclineKind, PaymentError, PaymentProvider,
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

    async fn pay(&self, request: &ChargeRequest) -> Result<Recorded, PaymentError> {
        // A fresh id each time: an answer with the id of another call proves that it was kept.
        let charge_id = format!("ch_{}", Uuid::now_v7().simple());
        self.ledger.record(request, ChargeOutcome::Paid { charge_id }).await
    }

    async fn decline(
        &self,
        request: &ChargeRequest,
        kind: DeclineKind,
        code: &str,
        message: &str,
    ) -> Result<Recorded, PaymentError> {
        let outcome =
            ChargeOutcome::Declined { kind, code: code.to_owned(), message: message.to_owned() };
        self.ledger.record(request, outcome).await
    }
}

#[async_trait]
impl PaymentProvider for TestProvider {
    async fn charge(&self, request: &ChargeRequest) -> Result<ChargeOutcome, PaymentError> {
        request.validate()?;
        let recorded = match Behaviour::of(&request.token)? {
            Behaviour::Paid => self.pay(request).await?,
            Behaviour::DeclinedSoft { times } => {
                if self.ledger.is_among_declines(request, times).await? {
                    self.decline(
                        request,
                        DeclineKind::Soft,
                        decline_code::INSUFFICIENT_FUNDS,
                        "The card has insufficient funds.",
                    )
                    .await?
                } else {
                    self.pay(request).await?
                }
            }
            Behaviour::DeclinedHard => {
                self.decline(
                    request,
                    DeclineKind::Hard,
                    decline_code::STOLEN_CARD,
                    "The card was reported stolen.",
                )
                .await?
            }
            Behaviour::Slow(duration) => {
                tokio::time::sleep(duration).await;
                self.pay(request).await?
            }
            Behaviour::TimeoutAfterCharge => match self.pay(request).await? {
                Recorded::Now(_) => {
                    return Err(PaymentError::unknown("timed out after the charge, as asked"));
                }
                before @ Recorded::Before(_) => before,
            },
            Behaviour::TimeoutBeforeCharge => {
                if self.ledger.count_call(request).await? == 1 {
                    return Err(PaymentError::unknown("timed out before the charge, as asked"));
                }
                self.pay(request).await?
            }
            Behaviour::Unavailable { times } => {
                if self.ledger.count_call(request).await? <= times {
                    return Err(PaymentError::unavailable("not available, as asked"));
                }
                self.pay(request).await?
            }
        };
        Ok(recorded.outcome())
    }

    async fn lookup(
        &self,
        organization: &str,
        key: &ChargeKey,
    ) -> Result<Option<ChargeOutcome>, PaymentError> {
        let entry = self.ledger.find(organization, key).await?;
        Ok(entry.map(|entry| entry.outcome))
    }
}
