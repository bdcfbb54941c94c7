//! A tax service, asked over HTTP.

use std::{fmt, time::Duration};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use perennial_domain::{
    tax::{ExternalTaxCalculator, LineTax, TaxCalculatorId, TaxQuestion},
    webhook::{body_signature, signatures},
};
use perennial_https::{Limits, NoReply, NoReplyKind, Outbound};

use super::{Reason, TaxError, TaxProvider, answer, question::Body};

/// Most bytes of an answer: several times what the most lines and parts come to.
const MAX_ANSWER: usize = 128 * 1024;

/// A tax service: one question is one request, signed as webhooks are.
pub struct HttpTaxProvider<'a> {
    calculator: &'a ExternalTaxCalculator,
    client: &'a Outbound,
    /// When it is asked, for the signature.
    now: DateTime<Utc>,
}

impl fmt::Debug for HttpTaxProvider<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HttpTaxProvider({})", self.calculator.id)
    }
}

impl<'a> HttpTaxProvider<'a> {
    /// The service of a calculator. Where it leads is looked at by the client.
    #[must_use]
    pub const fn new(
        calculator: &'a ExternalTaxCalculator,
        client: &'a Outbound,
        now: DateTime<Utc>,
    ) -> Self {
        Self { calculator, client, now }
    }

    /// The headers of a question: those of Standard Webhooks, and the signature that services of the
    /// public Commerce Layer API know.
    fn headers(&self, id: &str, body: &str) -> Vec<(&'static str, String)> {
        let (secrets, timestamp) = (&self.calculator.secrets, self.now.timestamp());
        let signed = signatures(secrets.valid_at(self.now), id, timestamp, body.as_bytes());
        vec![
            ("content-type", "application/json".to_owned()),
            ("accept", "application/json".to_owned()),
            ("user-agent", concat!("perennial/", env!("CARGO_PKG_VERSION")).to_owned()),
            ("webhook-id", id.to_owned()),
            ("webhook-timestamp", timestamp.to_string()),
            ("webhook-signature", signed),
            ("x-commercelayer-signature", body_signature(&secrets.current, body.as_bytes())),
        ]
    }
}

#[async_trait]
impl TaxProvider for HttpTaxProvider<'_> {
    fn calculator_id(&self) -> TaxCalculatorId {
        TaxCalculatorId::External(self.calculator.id.clone())
    }

    async fn taxes(&self, question: &TaxQuestion) -> Result<Vec<LineTax>, TaxError> {
        let body = serde_json::to_string(&Body::from(question))
            .map_err(|error| TaxError::Invalid(Reason::open(error.to_string())))?;
        let headers = self.headers(question.order_id.as_str(), &body);
        let patience = Duration::from_millis(u64::from(self.calculator.timeout_ms));
        let limits = Limits { connect: patience, total: patience, answer: MAX_ANSWER };
        let reply = self
            .client
            .post(&self.calculator.tax_calculator_url, &headers, body, limits)
            .await
            .map_err(unanswered)?;
        match reply.status {
            200 if reply.complete => answer::read(&reply.body, question),
            200 if reply.body.len() >= MAX_ANSWER => {
                Err(invalid(format!("it has more than {MAX_ANSWER} bytes")))
            }
            200 => Err(unavailable("the answer broke off".to_owned())),
            status @ (408 | 425 | 429 | 500..=599) => {
                Err(unavailable(format!("it answered with status {status}")))
            }
            status => Err(invalid(format!("it has the status {status}, not 200"))),
        }
    }
}

fn unavailable(reason: String) -> TaxError {
    TaxError::Unavailable(Reason::open(reason))
}

fn invalid(reason: String) -> TaxError {
    TaxError::Invalid(Reason::open(reason))
}

/// Nothing came back. Where the host leads is for those who keep the calculator.
fn unanswered(NoReply { kind, reason: seen }: NoReply) -> TaxError {
    match kind {
        NoReplyKind::Late => unavailable(seen),
        NoReplyKind::Lost => {
            TaxError::Unavailable(Reason { plain: "it can't be reached".into(), seen })
        }
        NoReplyKind::Refused => {
            let plain = "its URL leads to where nothing is sent".into();
            TaxError::Refused(Reason { plain, seen })
        }
    }
}
