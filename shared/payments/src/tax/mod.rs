//! Tax providers: what tells the tax of each line of an order.
//!
//! - [`TaxTable`](perennial_domain::tax::TaxTable): the rules of an organization, pure;
//! - [`HttpTaxProvider`]: a service, asked over HTTP within bounds of time and size. Its answer is
//!   held against the question before it counts;
//! - [`Breakers`]: so that a service which is down costs one timeout, and not one for each order.

mod answer;
mod breaker;
mod http;
mod question;

use async_trait::async_trait;
use perennial_domain::{
    money::MoneyError,
    tax::{LineTax, TaxQuestion, TaxTable},
};
use thiserror::Error;

pub use self::{
    breaker::{Breakers, Pass},
    http::HttpTaxProvider,
};

/// Tells the tax of each line of an order.
#[async_trait]
pub trait TaxProvider: Send + Sync {
    /// What each line bears, in the order of the question.
    ///
    /// # Errors
    /// [`TaxError`].
    async fn taxes(&self, question: &TaxQuestion) -> Result<Vec<LineTax>, TaxError>;
}

/// Why there is no answer that counts.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TaxError {
    /// None came in time, or the service says that it can't answer now (429, 5xx). Asked again it
    /// may.
    #[error("the tax service did not answer: {0}")]
    Unavailable(String),
    /// What came can't be: it breaks the protocol, or a rule of arithmetic.
    #[error("the tax service gave an answer that can't be: {0}")]
    Invalid(String),
    /// An amount is out of range.
    #[error(transparent)]
    Money(#[from] MoneyError),
}

#[async_trait]
impl TaxProvider for TaxTable {
    async fn taxes(&self, question: &TaxQuestion) -> Result<Vec<LineTax>, TaxError> {
        Ok(Self::taxes(self, question)?)
    }
}

#[cfg(test)]
mod fixtures;
