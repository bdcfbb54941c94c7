//! A shop on a running stack: an organization with a market, a model, goods, and a customer who
//! can pay. Everything in it was made over HTTP, as clients make it.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Arc, LazyLock},
    time::Duration,
};

use chrono::{DateTime, Utc};
use perennial_domain::{
    ids::{OrganizationId, SubscriptionId},
    subscription::Subscription,
};
use perennial_local::{
    clock::{Summary, Target},
    identity::{Role, SigningKey},
    invoke::FunctionFactory,
    stack::{Stack, StackOptions},
};
use perennial_payments::test_provider::TestProvider;
use perennial_store::Store;
use serde_json::{Value, json};

use crate::{Api, Failure, TestResult, described, documents};

/// The shop's organization.
pub const ORGANIZATION: &str = "acme";
/// Code of the product that every shop has: 12.50 EUR, any frequency, stock not tracked.
pub const BEANS: &str = "BEANS";
/// How long a stack may take to come to rest, in real time.
const PATIENCE: Duration = Duration::from_secs(120);

/// The key of all shops in memory: to make one is a good part of what a short test costs.
static KEY: LazyLock<Option<Arc<SigningKey>>> =
    LazyLock::new(|| SigningKey::generate().ok().map(Arc::new));

/// What a shop begins with.
#[derive(Clone)]
pub struct Plan {
    /// Where the clock is moved to first; `None` leaves it with the machine's.
    pub starts_at: Option<DateTime<Utc>>,
    /// Attributes of the subscription model.
    pub model: Value,
    /// The customer's token with the test payment provider.
    pub token: String,
    /// The data directory; `None` for memory.
    pub data: Option<PathBuf>,
    /// How functions are built.
    pub functions: FunctionFactory,
    /// Values for the template's parameters.
    pub parameters: BTreeMap<String, String>,
    /// What signs tokens; `None` for a key of its own.
    pub signing_key: Option<Arc<SigningKey>>,
}

impl Plan {
    /// A shop in memory at an instant, with the default model and a customer who always pays.
    ///
    /// # Errors
    /// When the instant can't be read.
    pub fn at(instant: &str) -> TestResult<Self> {
        Ok(Self { starts_at: Some(instant.parse()?), ..Self::now() })
    }

    /// A shop in memory at the machine's time.
    #[must_use]
    pub fn now() -> Self {
        Self {
            starts_at: None,
            model: documents::model(),
            token: "tok_paid".to_owned(),
            data: None,
            functions: Arc::new(perennial_functions::build::named),
            parameters: BTreeMap::new(),
            signing_key: KEY.clone(),
        }
    }

    /// The same, with a signing key of its own.
    #[must_use]
    pub fn signing_by_itself(self) -> Self {
        Self { signing_key: None, ..self }
    }

    /// The same, with changes to the model's attributes.
    #[must_use]
    pub fn model(self, changes: Value) -> Self {
        Self { model: documents::with(self.model, changes), ..self }
    }

    /// The same, with another token of the test payment provider.
    #[must_use]
    pub fn paying_with(self, token: &str) -> Self {
        Self { token: token.to_owned(), ..self }
    }

    /// The same, kept in a directory.
    #[must_use]
    pub fn kept_in(self, data: impl Into<PathBuf>) -> Self {
        Self { data: Some(data.into()), ..self }.signing_by_itself()
    }

    /// Starts the stack and makes the shop.
    ///
    /// # Errors
    /// When the stack doesn't start, or the API refuses something.
    pub async fn open(self) -> TestResult<Shop> {
        described::prepare();
        let options = StackOptions {
            data: self.data.clone(),
            functions: Arc::clone(&self.functions),
            parameters: self.parameters.clone(),
            signing_key: self.signing_key.clone(),
            ..StackOptions::in_memory()
        };
        let stack = Stack::start(options).await?;
        if let Some(instant) = self.starts_at {
            stack.move_clock(&Target::Instant(instant)).await?;
        }
        let api = Api::new(stack.url(), stack.token(ORGANIZATION, Role::Integration)?);
        let goods = Goods::make(&api, &self).await?;
        Shop::on(stack, goods)
    }
}

/// What the shop made when it opened, by id.
#[derive(Debug, Clone)]
pub struct Goods {
    /// The subscription model.
    pub model: String,
    /// The market.
    pub market: String,
    /// The customer.
    pub customer: String,
    /// The customer's payment source.
    pub source: String,
}

impl Goods {
    async fn make(api: &Api, plan: &Plan) -> TestResult<Self> {
        let model = documents::create("subscription_models", plan.model.clone(), &[]);
        let model = api.create("subscription_models", &model).await?.id()?;
        let market = documents::create(
            "markets",
            documents::market(),
            &[("subscription_model", "subscription_models", &model)],
        );
        let market = api.create("markets", &market).await?.id()?;
        api.create("skus", &documents::create("skus", documents::sku(BEANS), &[])).await?;
        let customer = json!({"email": "ada@example.com", "name": "Ada"});
        let customer = documents::create("customers", customer, &[]);
        let customer = api.create("customers", &customer).await?.id()?;
        let source = source_of(api, &customer, &plan.token).await?;
        Ok(Self { model, market, customer, source })
    }
}

async fn source_of(api: &Api, customer: &str, token: &str) -> TestResult<String> {
    let attributes = json!({"payment_source_token": token, "name": "Visa"});
    let related = [("customer", "customers", customer)];
    let source = documents::create("customer_payment_sources", attributes, &related);
    api.create("customer_payment_sources", &source).await?.id()
}

/// A shop on a running stack.
#[derive(Debug)]
pub struct Shop {
    /// The stack.
    pub stack: Stack,
    /// What the shop made when it opened.
    pub goods: Goods,
    /// The API, as an integration of the organization.
    pub api: Api,
    /// The organization.
    pub organization: OrganizationId,
    /// The order book and job log, read beside the API.
    pub store: Store,
    /// The payment provider, whose ledger nobody else writes.
    pub provider: TestProvider,
}

impl Shop {
    /// A shop with the default plan at an instant.
    ///
    /// # Errors
    /// When the stack doesn't start, or the API refuses something.
    pub async fn open_at(instant: &str) -> TestResult<Self> {
        Plan::at(instant)?.open().await
    }

    /// A shop that was made before, on a stack with its data.
    ///
    /// # Errors
    /// When the template doesn't name the tables.
    pub fn on(stack: Stack, goods: Goods) -> TestResult<Self> {
        let setting = |name: &str| {
            let functions = &stack.template().functions;
            let found = functions.iter().find_map(|function| function.environment.get(name));
            found.cloned().ok_or_else(|| format!("no function has the setting {name}"))
        };
        let client = stack.aws().dynamodb.clone();
        let shards = setting("DUE_SHARDS")?.parse()?;
        let store = Store::new(
            client.clone(),
            setting("BOOK_TABLE")?,
            setting("OPERATIONS_TABLE")?,
            shards,
        );
        let provider = TestProvider::new(client, setting("TEST_PAYMENTS_TABLE")?);
        let api = Api::new(stack.url(), stack.token(ORGANIZATION, Role::Integration)?);
        Ok(Self { goods, api, organization: ORGANIZATION.parse()?, store, provider, stack })
    }

    /// The API with another role's token for this organization.
    ///
    /// # Errors
    /// When the token can't be signed.
    pub fn api_as(&self, role: Role) -> TestResult<Api> {
        Ok(self.api.with_token(Some(self.stack.token(ORGANIZATION, role)?)))
    }

    /// The document of an order for the shop's customer.
    #[must_use]
    pub fn order_document(&self, attributes: Value) -> Value {
        let Goods { model: _, market, customer, source } = &self.goods;
        let related = [
            ("market", "markets", market.as_str()),
            ("customer", "customers", customer),
            ("customer_payment_source", "customer_payment_sources", source),
        ];
        documents::create("orders", attributes, &related)
    }

    /// The document of an order that is placed at once and makes subscriptions.
    #[must_use]
    pub fn subscribing(&self, lines: &[Value]) -> Value {
        self.order_document(json!({
            "line_items": lines,
            "_place": true,
            "_create_subscriptions": true,
        }))
    }

    /// Sends an order and waits until validation has decided; answers its id.
    ///
    /// # Errors
    /// When the order is refused, or the stack doesn't come to rest.
    pub async fn order(&self, lines: &[Value]) -> TestResult<String> {
        let order = self.api.create("orders", &self.subscribing(lines)).await?.id()?;
        self.settle().await?;
        Ok(order)
    }

    /// Places an order of beans at one frequency; answers the subscription that it became.
    ///
    /// # Errors
    /// When it became none, or several.
    pub async fn subscribe(&self, frequency: &str) -> TestResult<SubscriptionId> {
        let order = self.order(&[documents::line(BEANS, 1, frequency)]).await?;
        let mut made = self.subscriptions_of(&order).await?;
        match (made.pop(), made.pop()) {
            (Some(one), None) => Ok(one),
            _ => {
                let order = self.api.get(&format!("orders/{order}")).await?.body;
                Err(format!("the order did not become one subscription: {order:#}").into())
            }
        }
    }

    /// The subscriptions that an order became, as the API tells.
    ///
    /// # Errors
    /// When the API does not answer so.
    pub async fn subscriptions_of(&self, order: &str) -> TestResult<Vec<SubscriptionId>> {
        let order = self.api.get(&format!("orders/{order}?include=order_subscriptions")).await?;
        let related = order.at("/data/relationships/order_subscriptions/data").as_array();
        related
            .into_iter()
            .flatten()
            .map(|one| one.get("id").and_then(Value::as_str).unwrap_or_default())
            .map(|id| id.parse().map_err(Failure::from))
            .collect()
    }

    /// A subscription as it is stored.
    ///
    /// # Errors
    /// When there is none.
    pub async fn subscription(&self, id: &SubscriptionId) -> TestResult<Subscription> {
        let found = self.store.subscription(&self.organization, id).await?;
        found.ok_or_else(|| format!("there is no subscription {id}").into())
    }

    /// A new payment source of the shop's customer.
    ///
    /// # Errors
    /// When the API refuses it.
    pub async fn new_source(&self, token: &str) -> TestResult<String> {
        source_of(&self.api, &self.goods.customer, token).await
    }

    /// Lets a subscription be paid by another source.
    ///
    /// # Errors
    /// When the API refuses it.
    pub async fn pay_by(&self, subscription: &SubscriptionId, source: &str) -> TestResult {
        let document = json!({"data": {
            "type": "order_subscriptions",
            "id": subscription,
            "attributes": {},
            "relationships": {"customer_payment_source": {
                "data": {"type": "customer_payment_sources", "id": source},
            }},
        }});
        let path = format!("order_subscriptions/{subscription}");
        self.api.patch(&path, &document).send().await?.with_status(200)?;
        Ok(())
    }

    /// Ends the stack in good order; what it kept in a directory can be started again.
    pub async fn close(self) -> Goods {
        let Self { stack, goods, .. } = self;
        stack.shutdown().await;
        goods
    }

    /// A stack on the data directory of a shop that was closed, or whose process ended.
    ///
    /// # Errors
    /// When the stack doesn't start.
    pub async fn reopen(data: impl Into<PathBuf>, goods: Goods) -> TestResult<Self> {
        let options = StackOptions { data: Some(data.into()), ..StackOptions::in_memory() };
        Self::on(Stack::start(options).await?, goods)
    }

    /// Moves the clock by an ISO 8601 duration.
    ///
    /// # Errors
    /// When the clock doesn't arrive.
    pub async fn advance(&self, duration: &str) -> TestResult<Summary> {
        Ok(self.stack.move_clock(&Target::Duration(duration.to_owned())).await?)
    }

    /// Moves the clock to an instant.
    ///
    /// # Errors
    /// When the clock doesn't arrive.
    pub async fn advance_to(&self, instant: &str) -> TestResult<Summary> {
        Ok(self.stack.move_clock(&Target::Instant(instant.parse()?)).await?)
    }

    /// Waits until nothing is under way.
    ///
    /// # Errors
    /// When that takes longer than two minutes.
    pub async fn settle(&self) -> TestResult {
        if self.stack.settle(PATIENCE).await {
            Ok(())
        } else {
            Err("the stack did not come to rest".into())
        }
    }

    /// Where an order of the API's stands.
    ///
    /// # Errors
    /// When the API does not know it.
    pub async fn order_status(&self, order: impl AsRef<str>) -> TestResult<String> {
        let order = self.api.get(&format!("orders/{}", order.as_ref())).await?;
        order.text("/data/attributes/status")
    }
}
