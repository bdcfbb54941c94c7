//! A shop with subscriptions that all fall due at one instant. They are written through the rules
//! and the store, as validation writes them, and not over HTTP: it is their renewal that is
//! measured.

use chrono::{DateTime, SubsecRound, Utc};
use futures::{StreamExt, TryStreamExt, stream};
use perennial_domain::{
    catalog::{
        Customer, DEFAULT_REACTIVATION_DAYS, Market, PaymentSource, PricePolicy, Sku, Strategy,
        SubscriptionModel,
    },
    dunning::RetryPolicy,
    ids::{
        CustomerId, LineItemId, MarketId, ModelId, OrderId, OrganizationId, PaymentSourceId, SkuId,
        SubscriptionId,
    },
    impact::CustomerTier,
    journal::{Cause, Head, append},
    money::{Currency, MinorUnits},
    order::{Addresses, Annotations, LineItem, Order, OrderStatus, PaymentStatus},
    placement::{Collected, create_subscriptions, place},
    pricing::{OrderedItem, PriceSource},
    time::{CatchUp, CutOff, Frequency, NamedFrequency, ScheduleRules},
};
use perennial_local::stack::Stack;
use perennial_store::{Expect, Store};
use uuid::Uuid;

use super::Failure;

/// The organization that everything belongs to.
pub(super) const ORGANIZATION: &str = "bench";
/// The code of the one thing that is sold.
pub(super) const SKU: &str = "coffee";
/// Writes in flight while seeding.
const CONCURRENCY: usize = 16;

/// A shop: what orders refer to.
pub(super) struct Shop {
    pub(super) organization: OrganizationId,
    pub(super) store: Store,
    pub(super) market: Market,
    model: SubscriptionModel,
    sku: Sku,
}

/// Who orders, and how it is paid.
#[derive(Debug, Clone)]
pub(super) struct Buyer {
    pub(super) customer: CustomerId,
    pub(super) source: PaymentSourceId,
}

/// The value of a setting that some function of the template has.
pub(super) fn setting(stack: &Stack, name: &str) -> Result<String, Failure> {
    let functions = &stack.template().functions;
    functions
        .iter()
        .find_map(|function| function.environment.get(name).cloned())
        .ok_or_else(|| format!("no function of the template has the setting {name}").into())
}

impl Shop {
    /// Makes the market, its model, and something to sell.
    pub(super) async fn open(stack: &Stack, now: DateTime<Utc>) -> Result<Self, Failure> {
        let store = Store::new(
            stack.aws().dynamodb.clone(),
            setting(stack, "BOOK_TABLE")?,
            setting(stack, "OPERATIONS_TABLE")?,
            setting(stack, "DUE_SHARDS")?.parse()?,
        );
        let organization: OrganizationId = ORGANIZATION.parse()?;
        let currency: Currency = "EUR".parse()?;
        let model = SubscriptionModel {
            id: ModelId::from_uuid(Uuid::now_v7()),
            name: "Repeat orders".to_owned(),
            strategy: Strategy::ByFrequency,
            frequencies: Vec::new(),
            auto_activate: true,
            auto_cancel: false,
            rules: ScheduleRules::default(),
            max_occurrences: None,
            renewal_alert_period: None,
            cut_off: CutOff::default(),
            reactivation_days: DEFAULT_REACTIVATION_DAYS,
            price_policy: PricePolicy::default(),
            catch_up: CatchUp::default(),
            retry: RetryPolicy::default(),
            payment_fallback: Default::default(),
            on_dispute: Default::default(),
            version: 1,
            created_at: now,
            updated_at: now,
        };
        let market = Market {
            id: MarketId::from_uuid(Uuid::now_v7()),
            name: "Europe".to_owned(),
            currency,
            time_zone: "Europe/Berlin".parse()?,
            price_list_id: None,
            model_id: Some(model.id.clone()),
            retry: None,
            tax_calculator_id: None,
            tax_included: false,
            taxes_settled_from: None,
            version: 1,
            created_at: now,
            updated_at: now,
        };
        let sku = Sku {
            id: SkuId::of_code(SKU),
            code: SKU.to_owned(),
            name: "Coffee, 1 kg".to_owned(),
            unit_amount: MinorUnits::new(1_890),
            currency,
            frequencies: Vec::new(),
            tax_category: None,
            stock: None,
            replenishments: Vec::new(),
            version: 1,
            created_at: now,
            updated_at: now,
        };
        store.create(&organization, &model).await?;
        store.create(&organization, &market).await?;
        store.create(&organization, &sku).await?;
        Ok(Self { organization, store, market, model, sku })
    }

    /// Makes so many buyers, each with the card that `token` has for its number.
    pub(super) async fn buyers(
        &self,
        count: u32,
        now: DateTime<Utc>,
        token: impl Fn(u32) -> String,
    ) -> Result<Vec<Buyer>, Failure> {
        stream::iter(0..count)
            .map(|number| self.buyer(number, token(number), now))
            .buffer_unordered(CONCURRENCY)
            .try_collect()
            .await
    }

    async fn buyer(
        &self,
        number: u32,
        token: String,
        now: DateTime<Utc>,
    ) -> Result<Buyer, Failure> {
        let customer = Customer {
            id: CustomerId::from_uuid(Uuid::now_v7()),
            email: format!("buyer-{number}@example.com"),
            name: Some(format!("Buyer {number}")),
            payment_source_ids: Vec::new(),
            credit_limit: None,
            on_hold: false,
            tier: CustomerTier::default(),
            version: 1,
            created_at: now,
            updated_at: now,
        };
        let source = PaymentSource {
            id: PaymentSourceId::from_uuid(Uuid::now_v7()),
            customer_id: customer.id.clone(),
            token,
            name: Some("Visa ending 4242".to_owned()),
            expires_on: None,
            version: 1,
            created_at: now,
            updated_at: now,
        };
        self.store.create(&self.organization, &customer).await?;
        self.store.create(&self.organization, &source).await?;
        Ok(Buyer { customer: customer.id, source: source.id })
    }

    /// Gives each buyer a monthly subscription anchored at `placed_at`, calling `made` after each.
    pub(super) async fn subscribe(
        &self,
        buyers: &[Buyer],
        placed_at: DateTime<Utc>,
        made: impl Fn() + Sync,
    ) -> Result<Vec<SubscriptionId>, Failure> {
        let (shop, made) = (self, &made);
        stream::iter(buyers)
            .map(|buyer| async move {
                let subscription = shop.subscription(buyer, placed_at).await;
                made();
                subscription
            })
            .buffer_unordered(CONCURRENCY)
            .try_collect()
            .await
    }

    async fn subscription(
        &self,
        buyer: &Buyer,
        placed_at: DateTime<Utc>,
    ) -> Result<SubscriptionId, Failure> {
        let Self { organization, store, market, model, .. } = self;
        let draft = self.draft(buyer, placed_at);
        let collected = Collected::Paid("ch_seeded".to_owned());
        let (mut order, change) = place(&draft, collected, placed_at);
        order.subscriptions_created = true;
        let cause = || Cause { actor: "system:bench".to_owned(), reason: "seeding".to_owned() };
        let id = order.id.to_string();
        let entry = append(&mut order.journal, organization, &id, placed_at, cause(), change);
        let made = create_subscriptions(organization, &order, market, model, placed_at)?;
        let (mut subscription, change) =
            made.into_iter().next().ok_or("the order made no subscription")?;
        let id = subscription.id.to_string();
        let first =
            append(&mut subscription.journal, organization, &id, placed_at, cause(), change);
        store
            .commit(organization)
            .order(&order, Expect::New)
            .entry("O", &entry)
            .subscription(&subscription, Expect::New)
            .entry("S", &first)
            .run()
            .await?;
        Ok(subscription.id)
    }

    fn draft(&self, buyer: &Buyer, at: DateTime<Utc>) -> Order {
        let line = LineItem {
            id: LineItemId::from_uuid(Uuid::now_v7()),
            item: OrderedItem::sku(self.sku.code.clone()),
            name: self.sku.name.clone(),
            quantity: 2,
            unit_amount: self.sku.unit_amount,
            price_source: PriceSource::default(),
            compare_at_amount: None,
            frequency: Some(Frequency::Named(NamedFrequency::Monthly)),
            annotations: Annotations::default(),
        };
        Order {
            id: OrderId::from_uuid(Uuid::now_v7()),
            status: OrderStatus::Placing,
            payment_status: PaymentStatus::Unpaid,
            market_id: self.market.id.clone(),
            customer_id: Some(buyer.customer.clone()),
            payment_source_id: Some(buyer.source.clone()),
            currency: self.market.currency,
            line_items: vec![line],
            create_subscriptions: true,
            subscriptions_created: false,
            subscription_created_at: None,
            manual_subscription_ids: Vec::new(),
            order_subscription_id: None,
            order_copy_id: None,
            subscriptions_expire_at: None,
            channel: None,
            rejections: Vec::new(),
            checks: Vec::new(),
            overturn: None,
            tax: None,
            tax_fixed: false,
            placements: 1,
            charge_id: None,
            reversals: None,
            reference: None,
            reference_origin: None,
            metadata: serde_json::Value::Null,
            addresses: Addresses::default(),
            tags: Vec::new(),
            placing_at: Some(at.trunc_subsecs(0)),
            placed_at: None,
            cancelled_at: None,
            created_at: at,
            updated_at: at,
            version: 1,
            journal: Head::default(),
        }
    }
}
