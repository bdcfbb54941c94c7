//! The functions on an embedded DynamoDB, and requests to send them.

use std::{
    collections::BTreeMap,
    sync::{Arc, LazyLock, Mutex},
    time::{Duration, Instant},
};

use aws_sdk_dynamodb::{
    Client,
    config::{BehaviorVersion, Credentials, Region, retry::RetryConfig},
    types::{
        AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType,
        Projection, ProjectionType, ScalarAttributeType,
    },
};
use chrono::{DateTime, TimeDelta, Utc};
use perennial_functions::{Aws, build};
use perennial_runtime::{Clock, Environment, Function, Invocation};
use serde_json::{Value, json};

pub(crate) const JSON_API: &str = "application/vnd.api+json";

/// A clock that the test moves.
#[derive(Debug)]
pub(crate) struct TestClock(Mutex<DateTime<Utc>>);

impl Clock for TestClock {
    fn now(&self) -> DateTime<Utc> {
        *self.0.lock().unwrap()
    }
}

impl TestClock {
    pub(crate) fn advance(&self, by: TimeDelta) {
        *self.0.lock().unwrap() += by;
    }
}

/// An answer.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u64,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Value,
}

impl Answer {
    /// A member of the body by its JSON pointer.
    pub(crate) fn at(&self, pointer: &str) -> &Value {
        self.body.pointer(pointer).unwrap_or(&Value::Null)
    }

    pub(crate) fn id(&self) -> String {
        self.at("/data/id").as_str().unwrap().to_owned()
    }

    pub(crate) fn attribute(&self, name: &str) -> &Value {
        self.at(&format!("/data/attributes/{name}"))
    }

    /// Status, code and place of each error.
    pub(crate) fn errors(&self) -> Vec<(String, String)> {
        let errors = self.at("/errors").as_array().cloned().unwrap_or_default();
        errors
            .iter()
            .map(|error| {
                let text = |value: Option<&Value>| {
                    value.and_then(Value::as_str).unwrap_or_default().to_owned()
                };
                let source = error.get("source").and_then(Value::as_object);
                let place = source.and_then(|source| source.values().next());
                (text(error.get("code")), text(place))
            })
            .collect()
    }

    pub(crate) fn expect(self, status: u64) -> Self {
        assert_eq!(self.status, status, "{:#}", self.body);
        self
    }
}

/// A request.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    method: &'static str,
    path: String,
    query: String,
    headers: BTreeMap<String, String>,
    body: Option<String>,
    base64: bool,
    claims: Option<Value>,
}

pub(crate) fn call(method: &'static str, path: &str) -> Call {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    Call {
        method,
        path: path.to_owned(),
        query: query.to_owned(),
        headers: BTreeMap::from([("accept".to_owned(), "*/*".to_owned())]),
        body: None,
        base64: false,
        claims: Some(claims("acme", "integration")),
    }
}

pub(crate) fn claims(organization: &str, role: &str) -> Value {
    json!({"organization": organization, "role": role, "sub": "tester", "scope": "perennial"})
}

impl Call {
    pub(crate) fn json(mut self, body: &Value) -> Self {
        self.body = Some(body.to_string());
        self.header("content-type", JSON_API)
    }

    pub(crate) fn text(mut self, body: &str) -> Self {
        self.body = Some(body.to_owned());
        self.header("content-type", JSON_API)
    }

    pub(crate) fn base64(mut self) -> Self {
        self.base64 = true;
        self
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.insert(name.to_owned(), value.to_owned());
        self
    }

    pub(crate) fn key(self, key: &str) -> Self {
        self.header("idempotency-key", key)
    }

    pub(crate) fn claims(mut self, claims: Option<Value>) -> Self {
        self.claims = claims;
        self
    }

    fn event(&self) -> Value {
        let mut context = json!({
            "accountId": "000000000000",
            "requestId": "req-1",
            "stage": "$default",
            "http": {"method": self.method, "path": self.path, "protocol": "HTTP/1.1"},
        });
        if let Some(claims) = &self.claims {
            context["authorizer"] = json!({"jwt": {"claims": claims, "scopes": ["perennial"]}});
        }
        let mut event = json!({
            "version": "2.0",
            "routeKey": "ANY /api/{proxy+}",
            "rawPath": self.path,
            "rawQueryString": self.query,
            "headers": self.headers,
            "requestContext": context,
            "isBase64Encoded": self.base64,
        });
        if let Some(body) = &self.body {
            event["body"] = json!(body);
        }
        event
    }

    /// The binary of the function that the template leads it to.
    fn function(&self) -> &'static str {
        let leads = |(_, method, path): &&(&str, &str, &str)| {
            *method == self.method
                && path.split('/').count() == self.path.split('/').count()
                && path.split('/').zip(self.path.split('/')).all(|(a, b)| a == "{id}" || a == b)
        };
        ROUTES.iter().find(leads).map_or("api", |(binary, ..)| binary)
    }
}

/// The binary, method and path of each route of the template.
static ROUTES: LazyLock<Vec<(&'static str, &'static str, &'static str)>> = LazyLock::new(|| {
    let (mut routes, mut binary, mut method) = (Vec::new(), "", "");
    for line in include_str!("../../../template.yaml").lines().map(str::trim) {
        if let Some((_, name)) = line.split_once("{ Binary: ") {
            binary = name.trim_end_matches(" }");
        } else if let Some(found) = line.strip_prefix("Method: ") {
            method = found;
        } else if let Some(path) = line.strip_prefix("Path: ") {
            routes.push((binary, method, path));
        }
    }
    routes
});

/// The functions and what they work on.
pub(crate) struct Stack {
    /// Those that answer requests, by their binaries.
    served: BTreeMap<&'static str, Arc<dyn Function>>,
    validation: Arc<dyn Function>,
    payment_retry: Arc<dyn Function>,
    pub(crate) clock: Arc<TestClock>,
    pub(crate) store: perennial_store::Store,
    pub(crate) client: Client,
}

fn configuration(port: u16) -> aws_sdk_dynamodb::Config {
    aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("test", "test", None, None, "test"))
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .endpoint_url(format!("http://127.0.0.1:{port}"))
        .retry_config(RetryConfig::disabled())
        .build()
}

/// Clients whose endpoint nobody listens on.
fn nowhere() -> Aws {
    let http = aws_smithy_http_client::Builder::new().build_http();
    Aws::over(http, "us-east-1", "http://127.0.0.1:1")
}

impl Stack {
    pub(crate) async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let client = Client::from_conf(configuration(port));
        tokio::spawn(dynoxide::server::serve_on(listener, dynoxide::Database::memory().unwrap()));
        for table in ["book", "operations", "payments"] {
            create_table(&client, table).await;
        }
        let mut aws = nowhere();
        aws.dynamodb = client.clone();
        let queue = |name: &str| format!("http://127.0.0.1:1/000000000000/{name}");
        let environment = Environment::from_map(
            [
                ("BOOK_TABLE", "book".to_owned()),
                ("OPERATIONS_TABLE", "operations".to_owned()),
                ("TEST_PAYMENTS_TABLE", "payments".to_owned()),
                ("PAYMENT_PROVIDER", "test".to_owned()),
                ("VALIDATION_QUEUE_URL", queue("validation")),
                ("RENEWAL_TICK_QUEUE_URL", queue("renewal-tick")),
                ("ORDER_COPY_QUEUE_URL", queue("order-copy")),
                ("PAYMENT_RETRY_QUEUE_URL", queue("payment-retry")),
                ("WEBHOOK_QUEUE_URL", queue("webhook")),
                ("PAYMENTS_QUEUE_URL", queue("payments")),
                ("RECONCILIATION_QUEUE_URL", queue("reconciliation")),
                ("DEAD_LETTER_QUEUE_URL", queue("validation-dlq")),
                ("MAX_RECEIVE_COUNT", "5".to_owned()),
                ("DUE_SHARDS", "4".to_owned()),
            ]
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect(),
        );
        let clock = Arc::new(TestClock(Mutex::new("2027-01-31T10:00:00Z".parse().unwrap())));
        let dynamic: Arc<dyn Clock> = Arc::clone(&clock) as Arc<dyn Clock>;
        let function = |name: &str| build::named(name, &environment, &aws, &dynamic).unwrap();
        Self {
            served: ["intake", "api", "previews", "payments", "failures"]
                .map(|name| (name, function(name)))
                .into(),
            validation: function("validation"),
            payment_retry: function("payment-retry"),
            clock,
            store: perennial_store::Store::new(
                client.clone(),
                "book".into(),
                "operations".into(),
                4,
            ),
            client,
        }
    }

    /// Sends a request to the function that the template leads it to.
    pub(crate) async fn send(&self, call: Call) -> Answer {
        let function = self.served.get(call.function()).unwrap_or(&self.served["api"]);
        let answer = function.invoke(call.event(), invocation()).await.unwrap();
        let body = answer["body"].as_str().map_or(Value::Null, |body| {
            serde_json::from_str(body).unwrap_or_else(|_| Value::String(body.to_owned()))
        });
        Answer {
            status: answer["statusCode"].as_u64().unwrap(),
            headers: serde_json::from_value(answer["headers"].clone()).unwrap(),
            body,
        }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(call("GET", path)).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(call("POST", path).json(body)).await
    }

    pub(crate) async fn patch(&self, path: &str, body: &Value) -> Answer {
        self.send(call("PATCH", path).json(body)).await
    }

    /// Lets validation handle an order, as if its message had come.
    pub(crate) async fn validate(&self, order: &str) {
        let message = json!({"organization": "acme", "order_id": order});
        handle(&self.validation, "validation", &message).await;
    }

    /// Lets payment retry handle a run that was tried once, as if its message had come.
    pub(crate) async fn retry(&self, subscription: &str, number: u32) {
        let message = json!({
            "organization": "acme",
            "subscription_id": subscription,
            "number": number,
            "attempts": 1,
            "job": {"job_run_id": "job_1", "batch": "0"},
        });
        handle(&self.payment_retry, "payment-retry", &message).await;
    }
}

/// Gives a message of a queue to its function, which must not fail it.
async fn handle(function: &Arc<dyn Function>, queue: &str, message: &Value) {
    let event = json!({"Records": [{
        "messageId": "m-1",
        "receiptHandle": "r",
        "body": message.to_string(),
        "attributes": {"ApproximateReceiveCount": "1"},
        "messageAttributes": {},
        "eventSource": "aws:sqs",
        "eventSourceARN": format!("arn:aws:sqs:us-east-1:000000000000:{queue}"),
        "awsRegion": "us-east-1",
    }]});
    let answer = function.invoke(event, invocation()).await.unwrap();
    assert_eq!(answer["batchItemFailures"], json!([]));
}

fn invocation() -> Invocation {
    Invocation {
        request_id: "invocation".to_owned(),
        deadline: Instant::now() + Duration::from_secs(30),
    }
}

async fn create_table(client: &Client, name: &str) {
    let mut create =
        client.create_table().table_name(name).billing_mode(BillingMode::PayPerRequest);
    let indexes = [
        ("due", "due_pk", "due_sk"),
        ("list", "list_pk", "list_sk"),
        ("customer", "customer_id", "created_at"),
    ];
    let keys = indexes.iter().flat_map(|(_, hash, range)| [*hash, *range]);
    for attribute in ["pk", "sk"].into_iter().chain(keys) {
        create = create.attribute_definitions(
            AttributeDefinition::builder()
                .attribute_name(attribute)
                .attribute_type(ScalarAttributeType::S)
                .build()
                .unwrap(),
        );
    }
    let key = |name: &str, kind: KeyType| {
        KeySchemaElement::builder().attribute_name(name).key_type(kind).build().unwrap()
    };
    create = create.key_schema(key("pk", KeyType::Hash)).key_schema(key("sk", KeyType::Range));
    for (index, hash, range) in indexes {
        create = create.global_secondary_indexes(
            GlobalSecondaryIndex::builder()
                .index_name(index)
                .key_schema(key(hash, KeyType::Hash))
                .key_schema(key(range, KeyType::Range))
                .projection(Projection::builder().projection_type(ProjectionType::KeysOnly).build())
                .build()
                .unwrap(),
        );
    }
    create.send().await.unwrap();
}
