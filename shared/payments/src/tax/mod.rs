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
mod reason;

use async_trait::async_trait;
use perennial_domain::tax::{LineTax, TaxCalculatorId, TaxQuestion, TaxTable};

pub use self::{
    breaker::{Breakers, Pass},
    http::HttpTaxProvider,
    reason::{Reason, TaxError},
};

/// Tells the tax of each line of an order.
#[async_trait]
pub trait TaxProvider: Send + Sync {
    /// The calculator that it answers for.
    fn calculator_id(&self) -> TaxCalculatorId;

    /// What each line bears, in the order of the question.
    ///
    /// # Errors
    /// [`TaxError`].
    async fn taxes(&self, question: &TaxQuestion) -> Result<Vec<LineTax>, TaxError>;
}

#[async_trait]
impl TaxProvider for TaxTable {
    fn calculator_id(&self) -> TaxCalculatorId {
        TaxCalculatorId::Manual(self.calculator_id.clone())
    }

    async fn taxes(&self, question: &TaxQuestion) -> Result<Vec<LineTax>, TaxError> {
        Ok(Self::taxes(self, question)?)
    }
}

#[cfg(test)]
mod fixtures;
