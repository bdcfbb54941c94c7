//! An embedded DynamoDB with the provider's table, and requests to send.

use std::error::Error;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection,
    ProjectionType, ScalarAttributeType,
};
use chrono::{DateTime, Utc};
use perennial_payments::test_provider::TestProvider;
use perennial_payments::{ChargeKey, ChargeLookup, ChargeRequest, PaymentToken};

pub(crate) const ORGANIZATION: &str = "org_1";
pub(crate) const TABLE: &str = "test-payments";

/// A client for whatever listens on the port, or doesn't.
pub(crate) fn client(port: u16) -> Client {
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("test", "test", None, None, "test"))
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .endpoint_url(format!("http://127.0.0.1:{port}"))
        .retry_config(RetryConfig::disabled())
        .build();
    Client::from_conf(config)
}

/// A provider on a fresh database in memory; the server stops with the runtime of the test.
pub(crate) async fn provider() -> Result<TestProvider, Box<dyn Error>> {
    Ok(provider_and_client().await?.0)
}

/// The same, with a client that can damage the table.
pub(crate) async fn provider_and_client() -> Result<(TestProvider, Client), Box<dyn Error>> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let client = client(listener.local_addr()?.port());
    let database = dynoxide::Database::memory()?;
    tokio::spawn(dynoxide::server::serve_on(listener, database));
    create_table(&client).await?;
    Ok((TestProvider::new(client.clone(), TABLE), client))
}

/// A provider whose database answers, but lacks the table.
pub(crate) async fn provider_without_table() -> Result<TestProvider, Box<dyn Error>> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let client = client(listener.local_addr()?.port());
    tokio::spawn(dynoxide::server::serve_on(listener, dynoxide::Database::memory()?));
    Ok(TestProvider::new(client, TABLE))
}

async fn create_table(client: &Client) -> Result<(), Box<dyn Error>> {
    let key =
        |(name, role)| KeySchemaElement::builder().attribute_name(name).key_type(role).build();
    let mut create = client.create_table().table_name(TABLE);
    for name in ["pk", "sk", "organization", "requested_at"] {
        let text = AttributeDefinition::builder().attribute_type(ScalarAttributeType::S);
        create = create.attribute_definitions(text.attribute_name(name).build()?);
    }
    let keys = [("organization", KeyType::Hash), ("requested_at", KeyType::Range)];
    let history = GlobalSecondaryIndex::builder()
        .index_name("history")
        .set_key_schema(Some(keys.map(key).into_iter().collect::<Result<_, _>>()?))
        .projection(Projection::builder().projection_type(ProjectionType::KeysOnly).build())
        .build()?;
    create
        .billing_mode(BillingMode::PayPerRequest)
        .key_schema(key(("pk", KeyType::Hash))?)
        .key_schema(key(("sk", KeyType::Range))?)
        .global_secondary_indexes(history)
        .send()
        .await?;
    Ok(())
}

/// A charge of 19.99 EUR for order `ord_1`.
pub(crate) fn request(key: &str, token: &str) -> ChargeRequest {
    ChargeRequest {
        key: ChargeKey::new(key),
        organization: ORGANIZATION.to_owned(),
        amount_minor: 1_999,
        currency: "EUR".to_owned(),
        token: PaymentToken::new(token),
        reference: "ord_1".to_owned(),
        attempt: 1,
        requested_at: DateTime::<Utc>::UNIX_EPOCH,
        key_since: DateTime::<Utc>::UNIX_EPOCH,
    }
}

/// The same, as attempt n of run `run_1`.
pub(crate) fn attempt(attempt: u32, token: &str) -> ChargeRequest {
    ChargeRequest {
        key: ChargeKey::for_attempt("run_1", attempt),
        attempt,
        ..request("unused", token)
    }
}

/// The question what became of a key.
pub(crate) fn asked(key: &ChargeKey) -> ChargeLookup {
    ChargeLookup::new(ORGANIZATION, key.clone())
}
