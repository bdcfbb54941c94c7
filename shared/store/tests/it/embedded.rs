//! An embedded DynamoDB with both tables, and a store over them.

use std::error::Error;

use aws_sdk_dynamodb::{
    Client,
    config::{BehaviorVersion, Credentials, Region, retry::RetryConfig},
    types::{
        AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType,
        Projection, ProjectionType, ScalarAttributeType,
    },
};
use perennial_store::Store;

use crate::meter::Meter;

pub(crate) const BOOK: &str = "book";
pub(crate) const OPERATIONS: &str = "operations";
/// One shard, so that a test sees all that is due at once.
pub(crate) const SHARDS: u16 = 1;

/// A store on fresh tables, with what watches it.
pub(crate) struct Embedded {
    pub(crate) store: Store,
    /// Reads and damages what the store has no call for.
    pub(crate) client: Client,
    /// What the store's calls consumed.
    pub(crate) meter: Meter,
}

/// A store on fresh tables in memory; the server stops with the runtime of the test.
pub(crate) async fn embedded() -> Result<Embedded, Box<dyn Error>> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let port = listener.local_addr()?.port();
    tokio::spawn(dynoxide::server::serve_on(listener, dynoxide::Database::memory()?));
    let meter = Meter::default();
    let client = client(port, None);
    create_table(&client, BOOK, &["due", "list", "customer"]).await?;
    create_table(&client, OPERATIONS, &["list"]).await?;
    let watched = self::client(port, Some(meter.clone()));
    let store = Store::new(watched, BOOK.to_owned(), OPERATIONS.to_owned(), SHARDS);
    Ok(Embedded { store, client, meter })
}

/// A store on fresh tables.
pub(crate) async fn store() -> Result<Store, Box<dyn Error>> {
    Ok(embedded().await?.store)
}

fn client(port: u16, meter: Option<Meter>) -> Client {
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("test", "test", None, None, "test"))
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .endpoint_url(format!("http://127.0.0.1:{port}"))
        .retry_config(RetryConfig::disabled());
    let config = match meter {
        Some(meter) => config.interceptor(meter),
        None => config,
    };
    Client::from_conf(config.build())
}

/// A table as template.yaml declares it: pk and sk, and KEYS_ONLY indexes of two attributes each.
async fn create_table(client: &Client, name: &str, indexes: &[&str]) -> Result<(), Box<dyn Error>> {
    let mut create = client
        .create_table()
        .table_name(name)
        .billing_mode(BillingMode::PayPerRequest)
        .set_key_schema(Some(key_schema("pk", "sk")?));
    let mut attributes = vec!["pk".to_owned(), "sk".to_owned()];
    for index in indexes {
        let (pk, sk) = match *index {
            "customer" => ("customer_id".to_owned(), "created_at".to_owned()),
            _ => (format!("{index}_pk"), format!("{index}_sk")),
        };
        create = create.global_secondary_indexes(
            GlobalSecondaryIndex::builder()
                .index_name(*index)
                .set_key_schema(Some(key_schema(&pk, &sk)?))
                .projection(Projection::builder().projection_type(ProjectionType::KeysOnly).build())
                .build()?,
        );
        attributes.extend([pk, sk]);
    }
    for attribute in attributes {
        create = create.attribute_definitions(
            AttributeDefinition::builder()
                .attribute_name(attribute)
                .attribute_type(ScalarAttributeType::S)
                .build()?,
        );
    }
    create.send().await?;
    Ok(())
}

fn key_schema(pk: &str, sk: &str) -> Result<Vec<KeySchemaElement>, Box<dyn Error>> {
    [(pk, KeyType::Hash), (sk, KeyType::Range)]
        .into_iter()
        .map(|(name, role)| {
            Ok(KeySchemaElement::builder().attribute_name(name).key_type(role).build()?)
        })
        .collect()
}
