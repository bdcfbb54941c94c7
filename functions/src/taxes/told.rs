//! Taxes for somebody who waits for them: what a service that fails is to callers of the API.

use std::fmt;

use chrono::{DateTime, Utc};
use perennial_domain::tax::Sale;
use serde_json::json;

use super::{Explained, NoTaxes, ServiceFailure, TaxEngine, TaxRefusal};
use crate::http::{
    caller::{Caller, Verb},
    error::{ApiError, Code, Outcome, Problem},
};

/// The type of what is asked over HTTP.
const SERVICES: &str = "external_tax_calculators";
/// When to ask again, in seconds.
const RETRY_AFTER: &str = "5";

impl TaxEngine {
    /// The taxes of a sale with how they came about, for a caller of the API; `None` in a market
    /// without a calculator.
    pub(crate) async fn explain(
        &self,
        sale: &Sale<'_>,
        caller: &Caller,
        now: DateTime<Utc>,
    ) -> Outcome<Result<Option<Explained>, TaxRefusal>> {
        match self.found(sale, now).await {
            Ok(explained) => Ok(Ok(explained)),
            Err(NoTaxes::Refused(refusal)) => Ok(Err(refusal)),
            Err(NoTaxes::Service(failure)) => Err(failure.told_to(caller)),
            Err(NoTaxes::Failed(error)) => Err(error.into()),
        }
    }
}

impl fmt::Display for ServiceFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "tax calculator {}: {}", self.calculator, self.error)
    }
}

impl ServiceFailure {
    /// The answer to a request that needs the service. What was seen, such as the address that its
    /// name leads to, is for callers who may read the calculator.
    fn told_to(self, caller: &Caller) -> ApiError {
        let Self { calculator, error } = &self;
        let detail = match caller.check(Verb::Read, SERVICES) {
            Ok(()) => self.to_string(),
            Err(_) => format!("tax calculator {calculator}: {}", error.plain()),
        };
        let passes = error.may_pass();
        let code = if passes { Code::Unavailable } else { Code::TaxCalculatorFailed };
        let named = json!({"type": SERVICES, "id": calculator});
        let mut answer = ApiError::from(Problem::new(code, detail).with("tax_calculator", named));
        if passes {
            answer.headers.push(("retry-after", RETRY_AFTER.to_owned()));
        }
        answer.inside = Some(self.to_string());
        answer
    }
}
