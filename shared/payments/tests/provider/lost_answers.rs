//! `charge_safely` finds out what became of a charge whose answer got lost.

use async_trait::async_trait;
use perennial_payments::test_provider::TestProvider;
use perennial_payments::{
    CaptureRequest, ChargeLookup, ChargeOutcome, ChargeRecord, ChargeRequest, Cursor, Page,
    PaymentError, PaymentProvider, PaymentState, RefundOutcome, RefundRecord, RefundRequest, Span,
    VoidOutcome, charge_safely,
};

use crate::TestResult;
use crate::embedded::{ORGANIZATION, client, provider, provider_without_table, request};

#[tokio::test]
async fn a_charge_whose_answer_got_lost_is_found_again() -> TestResult {
    let provider = provider().await?;
    let request = request("k", "tok_timeout_after_charge");
    let outcome = charge_safely(&provider, &request).await?;
    assert!(outcome.is_paid());
    assert_eq!(charge_safely(&provider, &request).await?, outcome);
    assert_eq!(provider.ledger(ORGANIZATION, "ord_1").await?.len(), 1);
    Ok(())
}

#[tokio::test]
async fn a_charge_that_never_arrived_may_be_tried_again_under_its_key() -> TestResult {
    let provider = provider().await?;
    let request = request("k", "tok_timeout_before_charge");
    let answer = charge_safely(&provider, &request).await;
    let Err(error @ PaymentError::Unavailable { .. }) = answer else {
        return Err(format!("unavailable expected: {answer:?}").into());
    };
    assert!(error.is_transient());
    assert!(charge_safely(&provider, &request).await?.is_paid());
    assert_eq!(provider.ledger(ORGANIZATION, "ord_1").await?.len(), 1);
    Ok(())
}

#[tokio::test]
async fn a_decline_and_a_refusal_pass_through() -> TestResult {
    let provider = provider().await?;
    assert!(!charge_safely(&provider, &request("k1", "tok_hard_decline")).await?.is_paid());
    let answer = charge_safely(&provider, &request("k2", "tok_visa")).await;
    assert!(matches!(answer, Err(PaymentError::Refused { .. })), "{answer:?}");
    Ok(())
}

/// Loses every answer, and can't be asked either.
struct Unreachable;

fn timed_out<T>() -> Result<T, PaymentError> {
    Err(PaymentError::Unknown { reason: "read timed out".to_owned() })
}

fn refused_to_connect<T>() -> Result<T, PaymentError> {
    Err(PaymentError::Unknown { reason: "connection refused".to_owned() })
}

#[async_trait]
impl PaymentProvider for Unreachable {
    async fn charge(&self, _: &ChargeRequest) -> Result<ChargeOutcome, PaymentError> {
        timed_out()
    }

    async fn authorize(&self, _: &ChargeRequest) -> Result<PaymentState, PaymentError> {
        timed_out()
    }

    async fn capture(&self, _: &CaptureRequest) -> Result<ChargeOutcome, PaymentError> {
        timed_out()
    }

    async fn void(&self, _: &ChargeLookup) -> Result<VoidOutcome, PaymentError> {
        timed_out()
    }

    async fn lookup_payment(&self, _: &ChargeLookup) -> Result<Option<PaymentState>, PaymentError> {
        refused_to_connect()
    }

    async fn find_charge(&self, _: &ChargeLookup) -> Result<Option<ChargeRecord>, PaymentError> {
        refused_to_connect()
    }

    async fn refund(&self, _: &RefundRequest) -> Result<RefundOutcome, PaymentError> {
        timed_out()
    }

    async fn lookup_refund(
        &self,
        _: &RefundRequest,
    ) -> Result<Option<RefundOutcome>, PaymentError> {
        refused_to_connect()
    }

    async fn list_charges(
        &self,
        _: &str,
        _: Span,
        _: Option<&Cursor>,
    ) -> Result<Page<ChargeRecord>, PaymentError> {
        refused_to_connect()
    }

    async fn list_refunds(
        &self,
        _: &str,
        _: Span,
        _: Option<&Cursor>,
    ) -> Result<Page<RefundRecord>, PaymentError> {
        refused_to_connect()
    }
}

#[tokio::test]
async fn an_outcome_that_can_not_be_looked_up_stays_unknown() -> TestResult {
    let answer = charge_safely(&Unreachable, &request("k", "tok_paid")).await;
    let Err(error @ PaymentError::Unknown { .. }) = answer else {
        return Err(format!("unknown expected: {answer:?}").into());
    };
    let shown = error.to_string();
    assert!(shown.contains("read timed out") && shown.contains("connection refused"), "{shown}");
    assert!(error.is_transient());
    Ok(())
}

#[tokio::test]
async fn a_ledger_that_can_not_be_reached_leaves_the_outcome_unknown() -> TestResult {
    // Bound and dropped: nobody listens there.
    let port = tokio::net::TcpListener::bind("127.0.0.1:0").await?.local_addr()?.port();
    let provider = TestProvider::new(client(port), "test-payments");
    let request = request("k", "tok_paid");
    for answer in [provider.charge(&request).await, charge_safely(&provider, &request).await] {
        assert!(matches!(answer, Err(PaymentError::Unknown { .. })), "{answer:?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_ledger_that_fails_before_the_charge_has_surely_not_charged() -> TestResult {
    let provider = provider_without_table().await?;
    for token in ["tok_declines_1", "tok_unavailable_1", "tok_timeout_before_charge"] {
        let answer = provider.charge(&request("k", token)).await;
        assert!(matches!(answer, Err(PaymentError::Unavailable { .. })), "{token}: {answer:?}");
    }
    // The write of the charge itself may have happened at an earlier try of the SDK's own.
    let answer = provider.charge(&request("k", "tok_paid")).await;
    assert!(matches!(answer, Err(PaymentError::Unknown { .. })), "{answer:?}");
    Ok(())
}
