//! The previews, asked as clients ask: an event goes to their function, its answer is checked.

mod answered;

use std::{
    collections::BTreeMap,
    error::Error,
    sync::{Arc, LazyLock},
    time::{Duration, Instant},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use chrono::{DateTime, Utc};
use perennial_functions::build;
use perennial_runtime::{Clock, Environment, Function, Invocation};
use serde_json::{Map, Value, json};
use tokio::runtime::Runtime;

use crate::empty_cloud;

const JSON_API: &str = "application/vnd.api+json";

/// What can be previewed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preview {
    /// When something repeats.
    Schedule,
    /// What a change within a period costs.
    Proration,
    /// Which periods are billed.
    BillingPeriod,
    /// What an invoice says.
    Invoice,
}

impl Preview {
    /// The type of its resource.
    #[must_use]
    pub const fn kind(self) -> &'static str {
        match self {
            Self::Schedule => "schedule_previews",
            Self::Proration => "proration_previews",
            Self::BillingPeriod => "billing_period_previews",
            Self::Invoice => "invoice_previews",
        }
    }
}

/// Asks for a preview with these attributes: bytes that stand in the document where a JSON object
/// should. A refusal says so with its status; an answer is true to itself, and whoever sends the
/// attributes of an answer back gets the same answer again.
pub fn preview(what: Preview, attributes: &[u8]) {
    let first = ask(what, attributes);
    assert!(matches!(first.status, 200 | 400 | 403 | 404 | 409 | 422), "{what:?}: {first:?}");
    if first.status != 200 {
        let refused = first.body.pointer("/errors/0/code").is_some_and(Value::is_string);
        return assert!(refused, "{what:?}: {first:?}");
    }
    let Some(Value::Object(answered)) = first.body.pointer("/data/attributes") else {
        unreachable!("{what:?}: {first:?}")
    };
    answered::check(what, answered);
    let given: Map<String, Value> = answered
        .iter()
        .filter(|(name, _)| is_given(what, name))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    let again = ask(what, Value::Object(given).to_string().as_bytes());
    assert_eq!(again, first, "{what:?}: the answer's attributes were answered otherwise");
}

#[derive(Debug, PartialEq)]
struct Answer {
    status: u64,
    body: Value,
}

/// Everything that is set up once for each process.
struct Api {
    function: Arc<dyn Function>,
    runtime: Runtime,
    description: Value,
}

static API: LazyLock<Result<Api, String>> =
    LazyLock::new(|| Api::build().map_err(|error| error.to_string()));

impl Api {
    fn build() -> Result<Self, Box<dyn Error>> {
        let table = ("BOOK_TABLE".to_owned(), "book".to_owned());
        let environment = Environment::from_map(BTreeMap::from([table]));
        let clock: Arc<dyn Clock> = Arc::new(Stopped);
        Ok(Self {
            function: build::previews(&environment, &empty_cloud::clients(), &clock)?,
            runtime: tokio::runtime::Builder::new_current_thread().enable_all().build()?,
            description: perennial_functions::openapi(),
        })
    }
}

fn api() -> &'static Api {
    match &*API {
        Ok(api) => api,
        Err(error) => unreachable!("the API's function is not to be built: {error}"),
    }
}

/// A clock that stands still, so that the same question has the same answer.
#[derive(Debug)]
struct Stopped;

impl Clock for Stopped {
    fn now(&self) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH
    }
}

fn ask(what: Preview, attributes: &[u8]) -> Answer {
    let kind = what.kind();
    let front = format!(r#"{{"data": {{"type": "{kind}", "attributes": "#);
    let body = [front.as_bytes(), attributes, b"}}"].concat();
    let event = json!({
        "rawPath": format!("/api/{kind}"),
        "headers": {"accept": JSON_API, "content-type": JSON_API},
        // As API Gateway hands on what may not be text.
        "body": STANDARD.encode(body),
        "isBase64Encoded": true,
        "requestContext": {
            "http": {"method": "POST"},
            "authorizer": {"jwt": {"claims": {"organization": "acme", "role": "approver"}}},
        },
    });
    let deadline = Instant::now() + Duration::from_secs(30);
    let invocation = Invocation { request_id: "request".to_owned(), deadline };
    let api = api();
    match api.runtime.block_on(api.function.invoke(event, invocation)) {
        Ok(answer) => Answer {
            status: answer.get("statusCode").and_then(Value::as_u64).unwrap_or_default(),
            body: answer
                .get("body")
                .and_then(Value::as_str)
                .and_then(|body| serde_json::from_str(body).ok())
                .unwrap_or_default(),
        },
        Err(error) => unreachable!("{what:?}: the event was not read: {error}"),
    }
}

/// Whether the API's own description says that clients may give an attribute.
fn is_given(what: Preview, name: &str) -> bool {
    let schema = format!(
        "/components/schemas/{}_create/properties/data/properties/attributes/properties/{name}",
        what.kind()
    );
    api().description.pointer(&schema).is_some()
}
