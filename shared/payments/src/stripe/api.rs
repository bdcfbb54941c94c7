//! Calls of Stripe's API: authenticated, of one version, tried again where that can't hurt, and
//! their failures told apart by what may have happened.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, header};
use perennial_https::{Answer, Exchange, ExchangeError};
use serde::de::DeserializeOwned;

use super::{
    form::Form,
    objects::{Error, Refusal},
};
use crate::{PaymentError, SecretSource};

/// The version of the API whose objects we read; an account's own default changes with its owner.
const VERSION: &str = "2024-06-20";
/// The code of errors about what does not exist.
pub(super) const NOT_THERE: &str = "resource_missing";
/// Waits before a call is made again, one after the other.
const PAUSES: [Duration; 2] = [Duration::from_millis(300), Duration::from_millis(900)];

/// A client of the API.
#[derive(Debug, Clone)]
pub(super) struct Api {
    pub(super) exchange: Exchange,
    /// Without a slash at its end.
    pub(super) base: String,
    pub(super) secret: Arc<dyn SecretSource>,
}

/// An answer.
#[derive(Debug)]
pub(super) struct Reply<T> {
    pub(super) body: T,
    /// Whether it is the answer to an earlier call under the same idempotency key: as things stood
    /// then, not as they stand.
    pub(super) replayed: bool,
}

/// Why a call has no answer that its caller wants.
#[derive(Debug)]
pub(super) enum Failure {
    /// 402: the means of payment was declined.
    Declined { error: Box<Error>, replayed: bool },
    /// The idempotency key was used before with another request.
    KeyReused(Box<Error>),
    /// The request is wrong, or does not fit the state of the object.
    Refused(Box<Error>),
    /// Anything else.
    Payment(PaymentError),
}

impl From<PaymentError> for Failure {
    fn from(error: PaymentError) -> Self {
        Self::Payment(error)
    }
}

impl From<Failure> for PaymentError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Payment(error) => error,
            Failure::Declined { error, .. }
            | Failure::KeyReused(error)
            | Failure::Refused(error) => Self::refused(error.told()),
        }
    }
}

impl Api {
    /// Reads. Whatever goes wrong, nothing was learned.
    pub(super) async fn get<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &Form,
    ) -> Result<Option<T>, PaymentError> {
        let query = query.as_str();
        let path = if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") };
        match self.call(Method::GET, &path, None, None).await {
            Ok(reply) => Ok(Some(reply.body)),
            Err(Failure::Refused(error)) if error.code.as_deref() == Some(NOT_THERE) => Ok(None),
            Err(failure) => Err(match PaymentError::from(failure) {
                PaymentError::Unavailable { reason } | PaymentError::Refused { reason } => {
                    PaymentError::unknown(reason)
                }
                unknown @ PaymentError::Unknown { .. } => unknown,
            }),
        }
    }

    /// Writes, at most once for each idempotency key.
    pub(super) async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &Form,
        key: &str,
    ) -> Result<Reply<T>, Failure> {
        self.call(Method::POST, path, Some(body), Some(key)).await
    }

    async fn call<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<&Form>,
        key: Option<&str>,
    ) -> Result<Reply<T>, Failure> {
        let unavailable =
            |error: &dyn std::fmt::Display| PaymentError::unavailable(error.to_string());
        let mut secret = self.secret.secret().await.map_err(|error| unavailable(&error))?;
        let (mut pauses, mut renewed) = (PAUSES.iter(), false);
        loop {
            let mut request = Request::builder()
                .method(method.clone())
                .uri(format!("{}{path}", self.base))
                .header(header::AUTHORIZATION, format!("Bearer {}", secret.reveal()))
                .header("stripe-version", VERSION);
            if let Some(key) = key {
                request = request.header("idempotency-key", key);
            }
            if body.is_some() {
                request = request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
            }
            let bytes = body.map(|form| Bytes::from(form.as_str().to_owned())).unwrap_or_default();
            let request = request
                .body(bytes)
                .map_err(|error| PaymentError::unavailable(format!("no request: {error}")))?;
            let outcome = self.exchange.send(request).await;
            match &outcome {
                Ok(answer) if answer.status == 401 && !renewed => {
                    renewed = true;
                    let newer = self.secret.after(&secret).await;
                    let newer = newer.map_err(|error| unavailable(&error))?;
                    if newer != secret {
                        secret = newer;
                        continue;
                    }
                }
                // What got lost is looked up, not sent again.
                Ok(answer) if !worth_another_try(answer) => {}
                Err(ExchangeError::Lost(_)) => {}
                Ok(_) | Err(ExchangeError::NotSent(_)) => {
                    if let Some(pause) = pauses.next() {
                        tokio::time::sleep(*pause).await;
                        continue;
                    }
                }
            }
            return read(outcome);
        }
    }
}

/// Whether Stripe lets the same call be made again: it says so by a header, and else by the status.
fn worth_another_try(answer: &Answer) -> bool {
    match answer.headers.get("stripe-should-retry").map(http::HeaderValue::as_bytes) {
        Some(b"true") => true,
        Some(b"false") => false,
        _ => matches!(answer.status, 409 | 429 | 500..),
    }
}

fn read<T: DeserializeOwned>(outcome: Result<Answer, ExchangeError>) -> Result<Reply<T>, Failure> {
    let answer = match outcome {
        Ok(answer) => answer,
        Err(error @ ExchangeError::NotSent(_)) => {
            return Err(PaymentError::unavailable(error.to_string()).into());
        }
        Err(error @ ExchangeError::Lost(_)) => {
            return Err(PaymentError::unknown(error.to_string()).into());
        }
    };
    let replayed = is_replayed(&answer.headers);
    let status = answer.status;
    if (200..300).contains(&status) {
        return match serde_json::from_slice(&answer.body) {
            Ok(body) => Ok(Reply { body, replayed }),
            Err(error) => {
                Err(PaymentError::unknown(format!("Stripe's answer can't be read: {error}")).into())
            }
        };
    }
    let refusal: Refusal = serde_json::from_slice(&answer.body).unwrap_or_default();
    let mut error = Box::new(refusal.error);
    if status == 404 {
        error.code.get_or_insert_with(|| NOT_THERE.to_owned());
    }
    let told = || format!("Stripe answered {status}: {}", error.told());
    Err(match status {
        402 => Failure::Declined { error, replayed },
        400 if error.kind.as_deref() == Some("idempotency_error") => Failure::KeyReused(error),
        // The key or its permissions are wrong, which an operator sets right; or too many calls.
        401 | 403 | 429 => PaymentError::unavailable(told()).into(),
        // Another call under the same key is under way.
        409 => PaymentError::unknown(told()).into(),
        400..=499 => Failure::Refused(error),
        _ => PaymentError::unknown(told()).into(),
    })
}

fn is_replayed(headers: &HeaderMap) -> bool {
    headers.get("idempotent-replayed").is_some_and(|replayed| replayed.as_bytes() == b"true")
}
