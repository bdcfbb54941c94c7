//! Many subscriptions that are due at once, and the messages to their worker, which a test delivers
//! itself.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::atomic::{AtomicUsize, Ordering},
};

use perennial_domain::{
    ids::{OrderId, SubscriptionId},
    run::{Run, RunStatus},
    time::OccurrenceNumber,
};
use perennial_tests::{
    Plan, Shop, TestResult, documents,
    gate::{Gate, Mode},
    taxes::Rate,
    worker::Worker,
};
use serde_json::{Value, json};

/// The product, whose stock is tracked.
const SKU: &str = "SCARCE";
const STOCK: u64 = 10_000;
/// Most lines of one order, each of which becomes a subscription.
const LINES: usize = 40;

/// Which worker is in the hands of the test, and when its messages are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Moment {
    /// Order copy, when the run is due.
    Run,
    /// Order copy, when a run is due whose prices follow a list.
    PricedRun,
    /// Order copy, when a run is due in a market that computes taxes.
    TaxedRun,
    /// Order copy, when a run is due whose market is given its first calculator from now on.
    UntaxedRun,
    /// Payment retry, at the retry that follows a decline.
    Retry,
    /// The same in a market that computes taxes.
    TaxedRetry,
    /// Payment retry, when a run is tried again that had no tax because its calculator was gone.
    UntoldTax,
    /// Payment retry, when a run that was given up is tried again by hand.
    RetryByHand,
}

impl Moment {
    pub(super) fn binary(self) -> &'static str {
        match self {
            Self::Run | Self::PricedRun | Self::TaxedRun | Self::UntaxedRun => "order-copy",
            Self::Retry | Self::TaxedRetry | Self::UntoldTax | Self::RetryByHand => "payment-retry",
        }
    }

    /// As many subscriptions as its worker has await points by a token, and some more. Those that are
    /// not needed cost time; where there are too few, the test says so.
    fn subscriptions(self, token: &str) -> usize {
        match (self, token) {
            (Self::Run, "tok_paid" | "tok_timeout_before_charge") => 24,
            (Self::Run, _) | (Self::RetryByHand, "tok_hard_decline") => 42,
            (Self::UntaxedRun, _) => 28,
            (Self::PricedRun, _) => 36,
            (Self::TaxedRun, _) => 44,
            (Self::Retry | Self::TaxedRetry, "tok_declines_1") => 26,
            (Self::Retry | Self::TaxedRetry, _) => 40,
            (Self::UntoldTax, _) => 54,
            (Self::RetryByHand, _) => 54,
        }
    }
}

impl Moment {
    /// Whether what is charged bears tax, or is about to.
    pub(super) fn is_taxed(self) -> bool {
        match self {
            Self::TaxedRun | Self::UntaxedRun | Self::TaxedRetry | Self::UntoldTax => true,
            Self::Run | Self::PricedRun | Self::Retry | Self::RetryByHand => false,
        }
    }
}

/// How often the provider has collected, by order.
pub(super) type Collected = BTreeMap<String, usize>;

/// A shop whose worker gets no message but by the test.
pub(super) struct Stage {
    pub(super) shop: Shop,
    pub(super) worker: Worker,
    pub(super) subscriptions: Vec<SubscriptionId>,
    /// A payment source that pays, and that no subscription has.
    pub(super) other_source: String,
    sku: String,
    /// Tables with other rates, by which the market goes in turn.
    tables: Vec<String>,
    turn: AtomicUsize,
    gate: Gate,
    messages: BTreeMap<SubscriptionId, Value>,
}

impl Stage {
    /// Monthly subscriptions at the moment at which a message to their worker is sent. `token` pays
    /// what that worker collects.
    pub(super) async fn at(moment: Moment, token: &str) -> TestResult<Self> {
        let gate = Gate::before(moment.binary());
        let plan = Plan { functions: gate.functions(), ..Plan::at("2027-01-31T10:00:00Z")? };
        let plan = plan.model(json!({
            "strategy": "by_line_items",
            "price_policy": if moment == Moment::PricedRun { "follow_list" } else { "pinned" },
            "retry_policy": {
                "delays_in_minutes": [60],
                "maximum": if moment == Moment::RetryByHand { 0 } else { 3 },
                "on_exhausted": "keep_active",
            },
        }));
        let shop = plan.open().await?;
        let scarce = documents::with(documents::sku(SKU), json!({"stock": STOCK}));
        let sku = shop.api.create("skus", &documents::create("skus", scarce, &[])).await?.id()?;
        if moment == Moment::PricedRun {
            sell_by_list(&shop).await?;
        }
        let (mut tables, mut lost_table) = (Vec::new(), None);
        if moment.is_taxed() {
            for rate in [0.19, 0.07] {
                tables.push(shop.tax_table(&rate.to_string(), &[Rate::of(rate)]).await?);
            }
        }
        match moment {
            Moment::TaxedRun | Moment::TaxedRetry => {
                shop.tax_by(tables.first().map(String::as_str)).await?;
            }
            Moment::UntoldTax => {
                let lost = shop.tax_table("lost", &[Rate::of(0.5)]).await?;
                shop.tax_by(Some(&lost)).await?;
                lost_table = Some(lost);
            }
            Moment::Run
            | Moment::PricedRun
            | Moment::UntaxedRun
            | Moment::Retry
            | Moment::RetryByHand => {}
        }
        let mut subscriptions = Vec::new();
        while subscriptions.len() < moment.subscriptions(token) {
            let lines = LINES.min(moment.subscriptions(token) - subscriptions.len());
            let order = shop.order(&vec![documents::line(SKU, 1, "monthly"); lines]).await?;
            subscriptions.extend(shop.subscriptions_of(&order).await?);
        }
        let worker = Worker::of(&shop, moment.binary())?;
        let other_source = shop.new_source("tok_paid").await?;
        let messages = BTreeMap::new();
        let turn = AtomicUsize::new(0);
        let mut stage =
            Self { shop, worker, subscriptions, other_source, sku, tables, turn, gate, messages };
        if let Some(table) = lost_table {
            stage.shop.lose_tax_table(&table).await?;
        }
        stage.bring_to(moment, token).await?;
        assert_eq!(stage.messages.len(), stage.subscriptions.len(), "each has a message");
        Ok(stage)
    }

    async fn bring_to(&mut self, moment: Moment, token: &str) -> TestResult {
        self.gate.set(Mode::Losing);
        // A new payment method sets off retries, so both are there before anything is declined.
        let source = self.shop.new_source(token).await?;
        let is_run = moment.binary() == "order-copy";
        // One source pays for all: they need not be changed one by one.
        self.change_token(if is_run { token } else { "tok_declines_1" }).await?;
        self.shop.advance_to("2027-02-28T10:01:00Z").await?;
        if is_run {
            return self.listen().await;
        }
        if moment == Moment::UntoldTax {
            self.change_rates().await?;
        }
        if token != "tok_declines_1" {
            self.pay_all_by(&source).await?;
        }
        if matches!(moment, Moment::Retry | Moment::TaxedRetry | Moment::UntoldTax) {
            self.shop.advance_to("2027-02-28T11:11:00Z").await?;
        }
        self.listen().await?;
        for subscription in self.subscriptions.clone() {
            // Where another payment method was chosen, it is tried already.
            if !self.messages.contains_key(&subscription) {
                self.retry_by_hand(&subscription).await?;
            }
        }
        self.listen().await
    }

    /// Lets the market go by its other table from now on.
    pub(super) async fn change_rates(&self) -> TestResult {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed) + 1;
        match self.tables.get(turn % self.tables.len().max(1)) {
            Some(table) => self.shop.tax_by(Some(table)).await,
            None => Ok(()),
        }
    }

    async fn change_token(&self, token: &str) -> TestResult {
        let (kind, id) = ("customer_payment_sources", &self.shop.goods.source);
        let change = documents::update(kind, id, &json!({"payment_source_token": token}));
        self.shop.api.patch(&format!("{kind}/{id}"), &change).send().await?.with_status(200)?;
        Ok(())
    }

    async fn pay_all_by(&self, source: &str) -> TestResult {
        for subscription in &self.subscriptions {
            self.shop.pay_by(subscription, source).await?;
        }
        Ok(())
    }

    pub(super) async fn retry_by_hand(&self, subscription: &SubscriptionId) -> TestResult {
        let order = OrderId::of_run(subscription, OccurrenceNumber::new(1)).to_string();
        let id = &order.replacen(OrderId::PREFIX, "roc_", 1);
        let again = documents::update("recurring_order_copies", id, &json!({"_retry": true}));
        self.shop.api.patch(&format!("recurring_order_copies/{id}"), &again).send().await?;
        Ok(())
    }

    /// Takes the messages that were sent to the worker meanwhile; answers whose they are.
    pub(super) async fn listen(&mut self) -> TestResult {
        self.shop.settle().await?;
        for record in self.gate.take_records() {
            let body: Value = serde_json::from_str(
                record.get("body").and_then(Value::as_str).unwrap_or_default(),
            )?;
            let id = body.get("subscription_id").and_then(Value::as_str).unwrap_or_default();
            self.messages.insert(id.parse()?, record);
        }
        Ok(())
    }

    /// The last message about a subscription.
    pub(super) fn message(&self, subscription: &SubscriptionId) -> TestResult<Value> {
        let found = self.messages.get(subscription).cloned();
        found.ok_or_else(|| format!("no message about {subscription}").into())
    }

    /// Forgets the messages about a subscription, so that those still to come stand out.
    pub(super) fn take_message(&mut self, subscription: &SubscriptionId) -> Option<Value> {
        self.messages.remove(subscription)
    }

    /// Lets the stack deliver messages again, and waits until leases have ended and everything that
    /// is owed was tried.
    pub(super) async fn let_go(&self) -> TestResult {
        self.gate.set(Mode::Open);
        self.shop.advance("P2D").await?;
        Ok(())
    }

    /// What the provider has collected, by order.
    pub(super) async fn collected(&self) -> TestResult<Collected> {
        let mut collected = Collected::new();
        for charge in self.shop.charges().await? {
            *collected.entry(charge.reference).or_default() += 1;
        }
        Ok(collected)
    }

    /// The one run of a subscription, and how often the provider has collected for it.
    pub(super) async fn run(
        &self,
        subscription: &SubscriptionId,
        collected: &Collected,
    ) -> TestResult<Option<(Run, usize)>> {
        let runs = self.shop.runs(subscription).await?;
        assert!(runs.len() <= 1, "{subscription} has {} runs", runs.len());
        let Some(run) = runs.into_iter().next() else { return Ok(None) };
        let charges = collected.get(run.order_id().as_str()).copied().unwrap_or_default();
        assert!(charges <= 1, "{subscription} was charged {charges} times for one number");
        Ok(Some((run, charges)))
    }

    /// Proves that nothing is missing from stock but what was ordered.
    pub(super) async fn prove_stock(&self) -> TestResult {
        let mut ordered = self.subscriptions.len();
        for subscription in &self.subscriptions {
            let run = self.run(subscription, &Collected::new()).await?;
            // What waits for its payment holds its units.
            let holds = |run: &Run| matches!(run.status, RunStatus::Successful | RunStatus::Open);
            ordered += usize::from(run.is_some_and(|(run, _)| holds(&run)));
        }
        assert_eq!(self.left().await?, STOCK - u64::try_from(ordered)?, "stock");
        Ok(())
    }

    /// Proves that each run bears one of the rates that its market had, and that it was charged with
    /// that: 12.50, 13.38 (with 7 %) or 14.88 (with 19 %).
    pub(super) async fn prove_taxes(&self, moment: Moment) -> TestResult {
        let expected: &[i64] = match moment {
            Moment::TaxedRun | Moment::UntoldTax => &[1_488, 1_338],
            Moment::TaxedRetry => &[1_488],
            Moment::UntaxedRun => &[1_250],
            Moment::Run | Moment::PricedRun | Moment::Retry | Moment::RetryByHand => return Ok(()),
        };
        let mut seen = BTreeSet::new();
        for subscription in &self.subscriptions {
            for run in self.shop.runs(subscription).await? {
                assert_eq!(run.tax.is_some(), moment != Moment::UntaxedRun, "{run:?}");
                assert!(expected.contains(&run.total.get()), "{run:?}");
                seen.insert(run.total.get());
            }
        }
        assert_eq!(seen.len(), expected.len(), "each amount was charged: {seen:?}");
        Ok(())
    }

    /// How many units are in stock.
    pub(super) async fn left(&self) -> TestResult<u64> {
        let sku = self.shop.api.get(&format!("skus/{}", self.sku)).await?;
        Ok(sku.attribute("stock").as_u64().unwrap_or_default())
    }

    /// Has others buy all that is in stock.
    pub(super) async fn sell_out(&self) -> TestResult {
        let sold = documents::update("skus", &self.sku, &json!({"stock": 0}));
        let path = format!("skus/{}", self.sku);
        self.shop.api.patch(&path, &sold).send().await?.with_status(200)?;
        Ok(())
    }
}

/// Lets the shop's market sell by a price list.
async fn sell_by_list(shop: &Shop) -> TestResult {
    let list = json!({"name": "2027", "currency_code": "EUR"});
    let list = documents::create("price_lists", list, &[]);
    let list = shop.api.create("price_lists", &list).await?.id()?;
    let price = json!({"sku_code": SKU, "amount_cents": 1_100});
    let price = documents::create("prices", price, &[("price_list", "price_lists", &list)]);
    shop.api.create("prices", &price).await?;
    let market = &shop.goods.market;
    let document = json!({"data": {
        "type": "markets", "id": market, "attributes": {},
        "relationships": {"price_list": {"data": {"type": "price_lists", "id": list}}},
    }});
    shop.api.patch(&format!("markets/{market}"), &document).send().await?.with_status(200)?;
    Ok(())
}
