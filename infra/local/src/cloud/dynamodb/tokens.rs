//! Client tokens of transactions: the same token again within ten minutes gives the same answer,
//! and does nothing.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use dynoxide::DynoxideError;
use serde_json::Value;

use super::DynamoError;

const REMEMBERED_FOR: Duration = Duration::from_secs(600);
/// So that a benchmark doesn't fill the memory. A client that tries again does so at once.
const REMEMBERED_AT_MOST: usize = 10_000;

#[derive(Debug, Default)]
pub(super) struct TransactionTokens(Mutex<Tokens>);

#[derive(Debug, Default)]
struct Tokens {
    outcomes: HashMap<String, Outcome>,
    order: VecDeque<(Instant, String)>,
}

#[derive(Debug)]
enum Outcome {
    Running,
    Done { request: Vec<u8>, answer: Vec<u8> },
}

impl TransactionTokens {
    /// Runs the transaction, unless one with this token has succeeded. One that fails is
    /// forgotten, and may be tried again.
    pub(super) fn once(
        &self,
        token: Option<String>,
        request: &[u8],
        run: impl FnOnce() -> Result<Vec<u8>, DynamoError>,
    ) -> Result<Vec<u8>, DynamoError> {
        let Some(token) = token else { return run() };
        if token.is_empty() || token.len() > 36 {
            return Err(DynoxideError::ValidationException(format!(
                "1 validation error detected: Value '{token}' at 'clientRequestToken' failed to \
                 satisfy constraint: Member must have length between 1 and 36"
            ))
            .into());
        }
        if let Some(answer) = self.claim(&token, request)? {
            return Ok(answer);
        }
        let outcome = run();
        let mut tokens = self.lock();
        match &outcome {
            Ok(answer) => {
                let done = Outcome::Done { request: request.to_vec(), answer: answer.clone() };
                tokens.outcomes.insert(token.clone(), done);
                tokens.order.push_back((Instant::now(), token));
            }
            Err(_) => {
                tokens.outcomes.remove(&token);
            }
        }
        outcome
    }

    /// The answer of an earlier transaction with this token, or `None`: the token is now taken.
    fn claim(&self, token: &str, request: &[u8]) -> Result<Option<Vec<u8>>, DynamoError> {
        let mut tokens = self.lock();
        tokens.forget_old();
        match tokens.outcomes.get(token) {
            None => {
                tokens.outcomes.insert(token.to_owned(), Outcome::Running);
                Ok(None)
            }
            Some(Outcome::Running) => Err(DynamoError::TransactionInProgress),
            Some(Outcome::Done { request: earlier, answer }) if is_same(earlier, request) => {
                Ok(Some(answer.clone()))
            }
            Some(Outcome::Done { .. }) => Err(DynoxideError::IdempotentParameterMismatchException(
                "The request uses the same client token as a previous, but non-identical \
                     request. Do not reuse a client token with different requests, unless the \
                     requests are identical"
                    .to_owned(),
            )
            .into()),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Tokens> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tokens {
    fn forget_old(&mut self) {
        while let Some((since, token)) = self.order.front() {
            if self.order.len() <= REMEMBERED_AT_MOST && since.elapsed() < REMEMBERED_FOR {
                break;
            }
            self.outcomes.remove(token);
            self.order.pop_front();
        }
    }
}

/// Whether two requests write the same items. Members may be in another order.
fn is_same(one: &[u8], other: &[u8]) -> bool {
    let items = |body: &[u8]| {
        serde_json::from_slice::<Value>(body).ok()?.get_mut("TransactItems").map(Value::take)
    };
    one == other || items(one) == items(other)
}
