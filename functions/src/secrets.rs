//! Secrets by name: from SSM Parameter Store, or from a file where there is none.
//!
//! A name is that of a parameter (`/perennial/stripe-key`, of type `SecureString`), or `file:<path>`
//! for the local stack. One signed call, by the signer that the AWS clients bring with
//! them: the client of a whole service would weigh half a megabyte in every binary.

use std::{
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use async_trait::async_trait;
use aws_sdk_dynamodb::config::Credentials;
use aws_sigv4::{
    http_request::{SignableBody, SignableRequest, SigningSettings, sign},
    sign::v4,
};
use bytes::Bytes;
use http::Request;
use perennial_https::{Exchange, Limits};
use perennial_payments::{Secret, SecretError, SecretSource};
use perennial_runtime::{Environment, SettingError};
use serde_json::{Value, json};
use tokio::sync::Mutex;

/// How long a secret is used before it is read anew.
const KEPT: Duration = Duration::from_secs(300);
/// How long a secret that was refused is used before it is read anew: a wrong one must not cost a
/// call for each payment.
const REFUSED: Duration = Duration::from_secs(10);
/// Waits and sizes of the call.
const LIMITS: Limits =
    Limits { connect: Duration::from_secs(2), total: Duration::from_secs(5), answer: 64 * 1024 };

/// The secret that a setting names.
///
/// # Errors
/// When the setting is missing, or what reading it takes.
pub(crate) fn named(
    environment: &Environment,
    setting: &str,
) -> Result<Arc<dyn SecretSource>, SettingError> {
    let name = environment.require(setting)?;
    let place = match name.strip_prefix("file:") {
        Some(path) => Place::File(path.to_owned()),
        None => Place::Parameter(Box::new(ParameterStore::from_environment(environment)?)),
    };
    Ok(Arc::new(Named { name, place, kept: Mutex::default() }))
}

#[derive(Debug)]
struct Named {
    name: String,
    place: Place,
    kept: Mutex<Option<Kept>>,
}

#[derive(Debug)]
enum Place {
    Parameter(Box<ParameterStore>),
    File(String),
}

#[derive(Debug, Clone)]
struct Kept {
    secret: Secret,
    read_at: Instant,
}

impl Named {
    async fn read(&self) -> Result<Secret, SecretError> {
        let read = match &self.place {
            Place::Parameter(store) => store.read(&self.name).await,
            Place::File(path) => std::fs::read_to_string(path).map_err(|error| error.to_string()),
        };
        let text = read.map_err(|reason| self.error(&reason))?;
        // An editor ends a file with a line's end.
        let text = text.trim();
        if text.is_empty() {
            return Err(self.error("it is empty"));
        }
        Ok(Secret::new(text))
    }

    fn error(&self, reason: &str) -> SecretError {
        SecretError { name: self.name.clone(), reason: reason.to_owned() }
    }

    /// The secret, read anew if it is older than this. While it can't be read the one that is known
    /// goes on.
    async fn not_older_than(&self, age: Duration) -> Result<Secret, SecretError> {
        // Held while it is read: callers that come at once cost one call.
        let mut kept = self.kept.lock().await;
        if let Some(known) = kept.as_ref().filter(|known| known.read_at.elapsed() < age) {
            return Ok(known.secret.clone());
        }
        let secret = match (self.read().await, kept.as_ref()) {
            (Ok(secret), _) => secret,
            (Err(error), Some(known)) => {
                tracing::warn!(%error, "the secret that is known goes on");
                known.secret.clone()
            }
            (Err(error), None) => return Err(error),
        };
        *kept = Some(Kept { secret: secret.clone(), read_at: Instant::now() });
        Ok(secret)
    }
}

#[async_trait]
impl SecretSource for Named {
    async fn secret(&self) -> Result<Secret, SecretError> {
        self.not_older_than(KEPT).await
    }

    async fn after(&self, refused: &Secret) -> Result<Secret, SecretError> {
        let known = self.not_older_than(KEPT).await?;
        if known == *refused { self.not_older_than(REFUSED).await } else { Ok(known) }
    }
}

/// SSM Parameter Store, by the credentials that Lambda puts into the environment.
#[derive(Debug)]
struct ParameterStore {
    endpoint: String,
    region: String,
    credentials: Credentials,
    exchange: Exchange,
}

impl ParameterStore {
    fn from_environment(environment: &Environment) -> Result<Self, SettingError> {
        let region = environment.require("AWS_REGION")?;
        let suffix = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
        let endpoint = environment
            .get("AWS_ENDPOINT_URL")
            .map_or_else(|| format!("https://ssm.{region}.{suffix}/"), str::to_owned);
        let credentials = Credentials::new(
            environment.require("AWS_ACCESS_KEY_ID")?,
            environment.require("AWS_SECRET_ACCESS_KEY")?,
            environment.get("AWS_SESSION_TOKEN").map(str::to_owned),
            None,
            "environment",
        );
        Ok(Self { endpoint, region, credentials, exchange: Exchange::new(LIMITS) })
    }

    async fn read(&self, name: &str) -> Result<String, String> {
        let request = self.request(name, SystemTime::now())?;
        let answer = self.exchange.send(request).await.map_err(|error| error.to_string())?;
        let body: Value = serde_json::from_slice(&answer.body)
            .map_err(|_| format!("Parameter Store answered {} without JSON", answer.status))?;
        let text = |pointer: &str| body.pointer(pointer).and_then(Value::as_str);
        match text("/Parameter/Value") {
            Some(value) if answer.status == 200 => Ok(value.to_owned()),
            _ => {
                // The error's type and message; never a value.
                let kind = text("/__type").unwrap_or("no reason");
                let message = text("/message").or_else(|| text("/Message")).unwrap_or_default();
                Err(format!("Parameter Store answered {}: {kind} {message}", answer.status))
            }
        }
    }

    /// The signed request for a parameter.
    fn request(&self, name: &str, now: SystemTime) -> Result<Request<Bytes>, String> {
        let body = json!({"Name": name, "WithDecryption": true}).to_string();
        let headers = [
            ("content-type", "application/x-amz-json-1.1"),
            ("x-amz-target", "AmazonSSM.GetParameter"),
        ];
        let identity = self.credentials.clone().into();
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name("ssm")
            .time(now)
            .settings(SigningSettings::default())
            .build()
            .map_err(|error| error.to_string())?
            .into();
        let signable = SignableRequest::new(
            "POST",
            self.endpoint.as_str(),
            headers.into_iter(),
            SignableBody::Bytes(body.as_bytes()),
        )
        .map_err(|error| error.to_string())?;
        let (instructions, _) =
            sign(signable, &parameters).map_err(|error| error.to_string())?.into_parts();
        let mut request = Request::post(&self.endpoint);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let mut request = request.body(Bytes::from(body)).map_err(|error| error.to_string())?;
        instructions.apply_to_request_http1x(&mut request);
        Ok(request)
    }
}

#[cfg(test)]
#[path = "secrets_tests.rs"]
mod tests;
