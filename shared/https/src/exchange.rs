//! One request and its answer, within bounds of time and size.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Request};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use thiserror::Error;
use tokio::time::timeout;

use crate::pool::{Pool, pool};

/// How long an exchange may take, and how much of an answer is taken.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Longest wait for a connection.
    pub connect: Duration,
    /// Longest time from the first step to the last byte of the answer.
    pub total: Duration,
    /// Most bytes of an answer's body.
    pub answer: usize,
}

/// An answer, read to its end.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

/// Why there is no answer, told apart by what may have happened.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ExchangeError {
    /// The request did not leave: nobody has acted on it.
    #[error("the request was not sent: {0}")]
    NotSent(String),
    /// It may have arrived, and the answer did not come or could not be read.
    #[error("the answer got lost: {0}")]
    Lost(String),
}

/// A client for exchanges with one service. All that are cloned from one share its connections.
#[derive(Debug, Clone)]
pub struct Exchange(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    limits: Limits,
    /// Made when the first request goes out.
    pool: OnceLock<Result<Pool<Full<Bytes>>, String>>,
}

impl Exchange {
    /// A client within these limits.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self(Arc::new(Shared { limits, pool: OnceLock::new() }))
    }

    /// Sends a request and reads its answer, whatever its status. It follows no redirect.
    ///
    /// # Errors
    /// [`ExchangeError`].
    pub async fn send(&self, request: Request<Bytes>) -> Result<Answer, ExchangeError> {
        let Limits { connect, total, .. } = self.0.limits;
        let pool = self.0.pool.get_or_init(|| pool(connect));
        let pool = pool.as_ref().map_err(|reason| ExchangeError::NotSent(reason.clone()))?;
        match timeout(total, self.exchange(pool, request.map(Full::new))).await {
            Ok(answer) => answer,
            Err(_) => {
                Err(ExchangeError::Lost(format!("no answer within {} ms", total.as_millis())))
            }
        }
    }

    async fn exchange(
        &self,
        pool: &Pool<Full<Bytes>>,
        request: Request<Full<Bytes>>,
    ) -> Result<Answer, ExchangeError> {
        let response = pool.request(request).await.map_err(|error| {
            let reason = told(&error);
            if error.is_connect() {
                ExchangeError::NotSent(reason)
            } else {
                ExchangeError::Lost(reason)
            }
        })?;
        let (head, body) = response.into_parts();
        let body = self.read(body).await?;
        Ok(Answer { status: head.status.as_u16(), headers: head.headers, body })
    }

    async fn read(&self, mut body: Incoming) -> Result<Bytes, ExchangeError> {
        let most = self.0.limits.answer;
        let mut read = BytesMut::new();
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| ExchangeError::Lost(told(&error)))?;
            let Some(data) = frame.data_ref() else { continue };
            if read.len() + data.len() > most {
                return Err(ExchangeError::Lost(format!("the answer has more than {most} bytes")));
            }
            read.extend_from_slice(data);
        }
        Ok(read.freeze())
    }
}

/// An error with all its causes.
fn told(error: &dyn std::error::Error) -> String {
    let mut told = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        told.push_str(": ");
        told.push_str(&error.to_string());
        cause = error.source();
    }
    told
}

#[cfg(test)]
#[path = "exchange_tests.rs"]
mod tests;
