//! Any interleaving of calls and repeats leaves one outcome, and at most one charge, per key.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};

use perennial_payments::test_provider::TestProvider;
use perennial_payments::{
    ChargeKey, ChargeLookup, ChargeOutcome, ChargeRequest, PaymentProvider as _, charge_safely,
};
use proptest::prelude::{Just, Strategy, any, prop_oneof};
use proptest::test_runner::{Config, TestCaseError, TestRunner};

use crate::TestResult;
use crate::embedded::{provider, request};

/// One call: which key carries it, which token, and whether lost answers are looked up.
#[derive(Debug, Clone)]
struct Call {
    key: u8,
    token: &'static str,
    safely: bool,
}

fn call() -> impl Strategy<Value = Call> {
    let token = prop_oneof![
        Just("tok_paid"),
        Just("tok_declines_1"),
        Just("tok_declines_2"),
        Just("tok_hard_decline"),
        Just("tok_slow_1"),
        Just("tok_timeout_after_charge"),
        Just("tok_timeout_before_charge"),
        Just("tok_unavailable_1"),
    ];
    (0_u8..3, token, any::<bool>()).prop_map(|(key, token, safely)| Call { key, token, safely })
}

/// Calls in one inner list are in flight at once; the lists follow each other.
fn rounds() -> impl Strategy<Value = Vec<Vec<Call>>> {
    proptest::collection::vec(proptest::collection::vec(call(), 1..5), 1..5)
}

fn failed(error: impl std::fmt::Display) -> TestCaseError {
    TestCaseError::fail(error.to_string())
}

async fn play(
    provider: &TestProvider,
    organization: &str,
    rounds: Vec<Vec<Call>>,
) -> Result<(), TestCaseError> {
    let mut outcomes: HashMap<ChargeKey, ChargeOutcome> = HashMap::new();
    for round in rounds {
        let calls = round.iter().map(|call| async {
            let charge = ChargeRequest {
                organization: organization.to_owned(),
                ..request(&format!("k{}", call.key), call.token)
            };
            let answer = if call.safely {
                charge_safely(provider, &charge).await
            } else {
                provider.charge(&charge).await
            };
            (charge.key, answer)
        });
        for (key, answer) in futures::future::join_all(calls).await {
            match answer {
                Ok(outcome) => {
                    let first = outcomes.entry(key.clone()).or_insert_with(|| outcome.clone());
                    proptest::prop_assert_eq!(&*first, &outcome, "{} answered two outcomes", key);
                }
                Err(error) => proptest::prop_assert!(error.is_transient(), "{}", error),
            }
        }
    }
    let ledger = provider.ledger_of_organization(organization).await.map_err(failed)?;
    let mut paid: HashMap<&ChargeKey, u32> = HashMap::new();
    for entry in &ledger {
        *paid.entry(&entry.key).or_default() += u32::from(entry.outcome.is_paid());
        let found = provider
            .lookup_payment(&ChargeLookup::new(organization, entry.key.clone()))
            .await
            .map_err(failed)?;
        proptest::prop_assert_eq!(found.as_ref(), Some(&entry.outcome));
    }
    proptest::prop_assert!(paid.values().all(|count| *count <= 1), "{:?}", ledger);
    for (key, outcome) in &outcomes {
        let kept = ledger.iter().find(|entry| entry.key == *key).map(|entry| entry.outcome.clone());
        proptest::prop_assert_eq!(
            kept,
            Some(outcome.clone().into()),
            "{} was answered, not kept",
            key
        );
    }
    Ok(())
}

#[test]
fn any_interleaving_leaves_one_outcome_and_at_most_one_charge_per_key() -> TestResult {
    let runtime = tokio::runtime::Runtime::new()?;
    let provider = runtime.block_on(provider())?;
    // An organization per case keeps the cases apart on one database.
    let cases = AtomicU32::new(0);
    let mut runner =
        TestRunner::new(Config { cases: 64, failure_persistence: None, ..Config::default() });
    runner.run(&rounds(), |rounds| {
        let organization = format!("org_{}", cases.fetch_add(1, Ordering::Relaxed));
        runtime.block_on(play(&provider, &organization, rounds))
    })?;
    Ok(())
}
