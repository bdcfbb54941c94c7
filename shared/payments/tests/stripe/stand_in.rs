//! The stand-in for Stripe that `.ci/try-stripe` starts, and customers and cards on it.

use std::{
    error::Error,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use chrono::{TimeDelta, Utc};
use http::Request;
use perennial_https::{Exchange, Limits};
use perennial_payments::{
    ChargeKey, ChargeRequest, PaymentToken, Secret, SecretError, SecretSource,
    stripe::StripeProvider,
};
use serde_json::Value;
use uuid::Uuid;

pub(crate) const ORGANIZATION: &str = "org_stripe";

/// A secret that was changed: the first one is refused.
#[derive(Debug)]
pub(crate) struct Changed {
    pub(crate) known: Mutex<&'static str>,
    pub(crate) reads: AtomicU32,
}

impl Changed {
    pub(crate) fn from(first: &'static str) -> Arc<Self> {
        Arc::new(Self { known: Mutex::new(first), reads: AtomicU32::new(0) })
    }
}

#[async_trait]
impl SecretSource for Changed {
    async fn secret(&self) -> Result<Secret, SecretError> {
        Ok(Secret::new(*self.known.lock().unwrap_or_else(PoisonError::into_inner)))
    }

    async fn after(&self, _: &Secret) -> Result<Secret, SecretError> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = "sk_test_12345";
        self.secret().await
    }
}

/// A provider on the stand-in, and calls of the stand-in's own.
pub(crate) struct StandIn {
    pub(crate) provider: StripeProvider,
    base: String,
    exchange: Exchange,
}

impl StandIn {
    pub(crate) fn open() -> Result<Self, Box<dyn Error>> {
        Self::with(Changed::from("sk_test_12345"))
    }

    pub(crate) fn with(secret: Arc<dyn SecretSource>) -> Result<Self, Box<dyn Error>> {
        let base = std::env::var("STRIPE_STAND_IN")
            .map_err(|_| "STRIPE_STAND_IN is not set: .ci/try-stripe does it")?;
        let limits = Limits {
            connect: Duration::from_secs(2),
            total: Duration::from_secs(5),
            answer: 1024 * 1024,
        };
        let provider = StripeProvider::new(&base, secret);
        Ok(Self { provider, base, exchange: Exchange::new(limits) })
    }

    /// Posts a form to the stand-in.
    pub(crate) async fn post(&self, path: &str, form: &str) -> Result<Value, Box<dyn Error>> {
        let request = Request::post(format!("{}{path}", self.base))
            .header("authorization", "Bearer sk_test_12345")
            .header("content-type", "application/x-www-form-urlencoded")
            .body(Bytes::from(form.to_owned()))?;
        let answer = self.exchange.send(request).await?;
        if answer.status != 200 {
            return Err(format!("{path}: {} {:?}", answer.status, answer.body).into());
        }
        Ok(serde_json::from_slice(&answer.body)?)
    }

    /// Reads from the stand-in.
    pub(crate) async fn get(&self, path: &str) -> Result<Value, Box<dyn Error>> {
        let request = Request::get(format!("{}{path}", self.base))
            .header("authorization", "Bearer sk_test_12345")
            .body(Bytes::new())?;
        Ok(serde_json::from_slice(&self.exchange.send(request).await?.body)?)
    }

    /// The token of a new customer with a card of this number.
    pub(crate) async fn token(&self, number: &str) -> Result<String, Box<dyn Error>> {
        let card = format!(
            "type=card&card[number]={number}&card[exp_month]=12&card[exp_year]=2035&card[cvc]=123"
        );
        self.token_of(&card).await
    }

    /// The token of a new customer with a payment method that this form makes.
    pub(crate) async fn token_of(&self, form: &str) -> Result<String, Box<dyn Error>> {
        let customer = id(&self.post("/v1/customers", "email=ada%40example.com").await?)?;
        let method = id(&self.post("/v1/payment_methods", form).await?)?;
        let attach = format!("/v1/payment_methods/{method}/attach");
        self.post(&attach, &format!("customer={customer}")).await?;
        Ok(format!("{customer}|{method}"))
    }

    /// How many intents the customer of a token has.
    pub(crate) async fn intents(&self, token: &str) -> Result<Vec<Value>, Box<dyn Error>> {
        let (customer, _) = token.split_once('|').ok_or("a customer")?;
        let list = self.get(&format!("/v1/payment_intents?customer={customer}&limit=100")).await?;
        Ok(list.get("data").and_then(Value::as_array).cloned().unwrap_or_default())
    }

    /// What becomes of the next calls that write.
    pub(crate) async fn fault(&self, mode: &str, times: u32) -> Result<(), Box<dyn Error>> {
        self.post("/_config/fault", &format!("mode={mode}&times={times}")).await.map(drop)
    }
}

fn id(object: &Value) -> Result<String, Box<dyn Error>> {
    Ok(object.get("id").and_then(Value::as_str).ok_or("an id")?.to_owned())
}

/// A charge of 19.99 EUR under a key of its own.
pub(crate) fn charge(token: &str) -> ChargeRequest {
    let order = format!("ord_{}", Uuid::new_v4().simple());
    ChargeRequest {
        key: ChargeKey::for_attempt(&order, 1),
        organization: ORGANIZATION.to_owned(),
        amount_minor: 1_999,
        currency: "EUR".to_owned(),
        token: PaymentToken::new(token),
        reference: order,
        attempt: 1,
        requested_at: Utc::now(),
        key_since: Utc::now() - TimeDelta::minutes(1),
    }
}
