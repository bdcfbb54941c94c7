//! Refunds, disputes, copies, payment sources and what was deleted: sound ones agree, and a fault of
//! each kind is found, and nothing else.

use std::collections::{BTreeSet, HashMap};

use aws_sdk_dynamodb::types::AttributeValue;
use perennial_tests::{
    Plan, Shop, TestResult,
    documents::{self, line},
    shop::BEANS,
};
use reqwest::Method;
use serde_json::{Value, json};

use super::{START, Vandal, found, n, reconcile, s};

type Item = HashMap<String, AttributeValue>;

/// A shop with one of each.
struct Books {
    shop: Shop,
    /// Two bags, of which 5.00 of 25.00 went back.
    order: String,
    refund: String,
    /// Whose payment is disputed.
    dispute: String,
    disputed: String,
    held: String,
    /// Copied and placed.
    source: String,
    copy: String,
    target: String,
    /// Deleted.
    subscription: String,
    payment_source: String,
}

impl Books {
    async fn open() -> TestResult<Self> {
        let shop = Shop::open_at(START).await?;
        let order = shop.order(&[line(BEANS, 2, "monthly")]).await?;
        let asked = json!({"amount_cents": 500, "reason": "broken"});
        let asked = documents::create("refunds", asked, &[("order", "orders", &order)]);
        let refund = shop.api.create("refunds", &asked).await?.id()?;

        let disputed = shop.order(&[line(BEANS, 1, "weekly")]).await?;
        let told = json!({
            "organization": shop.organization, "order_id": disputed, "status": "open",
            "amount_cents": 1_250,
        });
        shop.api.dispute(&told).await?.with_status(202)?;
        shop.settle().await?;
        let dispute = shop.api.get("disputes").await?.text("/data/0/id")?;
        let held = shop.subscriptions_of(&disputed).await?;
        let held = held.first().ok_or("a subscription")?.to_string();

        let beans = json!([{"sku_code": BEANS, "quantity": 1}]);
        let document = shop.order_document(json!({"line_items": beans, "_place": true}));
        let source = shop.api.create("orders", &document).await?.id()?;
        shop.settle().await?;
        let options = json!({"place_target_order": true, "reuse_wallet": true});
        let asked =
            documents::create("order_copies", options, &[("source_order", "orders", &source)]);
        let copy = shop.api.create("order_copies", &asked).await?.id()?;
        shop.settle().await?;
        let copied = shop.api.get(&format!("order_copies/{copy}")).await?;
        assert_eq!(copied.attribute("status"), "completed", "{:#}", copied.body);
        let target = copied.text("/data/relationships/target_order/data/id")?;

        let subscription = shop.subscribe("monthly").await?.to_string();
        let path = format!("order_subscriptions/{subscription}");
        let cancel =
            documents::update("order_subscriptions", &subscription, &json!({"_cancel": true}));
        shop.api.patch(&path, &cancel).send().await?.with_status(200)?;
        shop.settle().await?;
        shop.api.request(Method::DELETE, &path).send().await?.with_status(204)?;
        let payment_source = shop.new_source("tok_paid").await?;
        let path = format!("customer_payment_sources/{payment_source}");
        shop.api.request(Method::DELETE, &path).send().await?.with_status(204)?;
        let draft = shop.api.create("orders", &shop.order_document(json!({}))).await?.id()?;
        let path = format!("orders/{draft}");
        shop.api.request(Method::DELETE, &path).send().await?.with_status(204)?;
        // Nothing is under way any more.
        shop.advance("P2D").await?;
        Ok(Self {
            shop,
            order,
            refund,
            dispute,
            disputed,
            held,
            source,
            copy,
            target,
            subscription,
            payment_source,
        })
    }

    /// What the fault with this name is about, by a word.
    fn subject(&self, word: &str) -> String {
        match word {
            "order" => self.order.clone(),
            "refund" => self.refund.clone(),
            "dispute" => self.dispute.clone(),
            "disputed" => self.disputed.clone(),
            "held" => self.held.clone(),
            "copy" => self.copy.clone(),
            "target" => self.target.clone(),
            "subscription" => self.subscription.clone(),
            "payment_source" => self.payment_source.clone(),
            "default_source" => self.shop.goods.source.clone(),
            other => other.to_owned(),
        }
    }
}

/// What is wrong, and what is to be found: codes, and what each is about.
const FAULTS: &[(&str, &[(&str, &str)])] = &[
    ("a refund has another amount", &[("refund_differs", "refund"), ("reversals_differ", "order")]),
    ("a refund never went back", &[("refund_missing", "refund")]),
    (
        "a refund failed by our books",
        &[("refund_not_settled", "refund"), ("reversals_differ", "order")],
    ),
    ("a refund is forgotten", &[("refund_not_settled", "refund"), ("reversals_differ", "order")]),
    ("a refund is lost", &[("reversals_differ", "order")]),
    ("a refund is about no order", &[("reversal_without_order", "refund")]),
    (
        "an order forgets part of what went back",
        &[("reversals_differ", "order"), ("refund_without_record", "order")],
    ),
    (
        "an order forgets that anything went back",
        &[("reversals_differ", "order"), ("refund_without_record", "order")],
    ),
    ("an entry of a refund is altered", &[("journal_broken", "refund")]),
    ("an order forgets its dispute", &[("reversals_differ", "disputed")]),
    ("a dispute is lost", &[("reversals_differ", "disputed"), ("hold_without_dispute", "held")]),
    ("a hold is forgotten", &[("hold_lost", "held")]),
    ("a dispute is not seen to", &[("overdue", "dispute")]),
    ("the last entry of a dispute is lost", &[("journal_cut", "dispute")]),
    ("a copy names no order", &[("copy_without_order", "copy")]),
    ("a copy was not placed", &[("copy_not_placed", "copy")]),
    ("a copied order is charged twice", &[("charged_twice", "target")]),
    ("an entry of a copy is altered", &[("journal_broken", "copy")]),
    ("an entry of a deleted subscription is lost", &[("journal_broken", "subscription")]),
    ("an entry of a deleted payment source is altered", &[("journal_broken", "payment_source")]),
    ("the last entry of a payment source is forgotten", &[("journal_cut", "default_source")]),
];

impl Vandal<'_> {
    async fn seed_record(&self, name: &str, books: &Books) -> TestResult {
        let of = |kind: &str, id: &str| self.key_of(kind, id, "#");
        let entry =
            |kind: &str, id: &str, number: u32| self.key_of(kind, id, &format!("J#{number:010}"));
        let (refund, order) = (of("F", &books.refund), of("O", &books.order));
        let dispute = of("Q", &books.dispute);
        match name {
            "a refund has another amount" => self.set(refund, &["amount_cents"], n(499)).await,
            "a refund never went back" => {
                let client = &self.shop.stack.aws().dynamodb;
                let ledger = client.scan().table_name(&self.payments).send().await?;
                let is_refund = |item: &&Item| item.get("sk") == Some(&s("REFUND"));
                let made = ledger.items().iter().find(is_refund).ok_or("a refund")?.clone();
                let place =
                    made.into_iter().filter(|(name, _)| matches!(name.as_str(), "pk" | "sk"));
                self.delete(&self.payments, place.collect()).await
            }
            "a refund failed by our books" => self.set(refund, &["status"], s("failed")).await,
            "a refund is forgotten" => self.set(refund, &["status"], s("pending")).await,
            "a refund is lost" => self.delete(&self.book, refund).await,
            "a refund is about no order" => self.set(refund, &["order_id"], s("ord_nobody")).await,
            "an order forgets part of what went back" => {
                self.set(order, &["reversals", "refunded"], n(400)).await
            }
            "an order forgets that anything went back" => self.remove(order, "reversals").await,
            "an entry of a refund is altered" => {
                self.set(entry("F", &books.refund, 1), &["entry", "by"], s("nobody")).await
            }
            "an order forgets its dispute" => {
                self.remove(of("O", &books.disputed), "reversals").await
            }
            "a dispute is lost" => self.delete(&self.book, dispute).await,
            "a hold is forgotten" => self.remove(of("S", &books.held), "held_by").await,
            "a dispute is not seen to" => {
                self.set(dispute, &["wakes_at"], s("2027-01-31T10:02:00Z")).await
            }
            "the last entry of a dispute is lost" => {
                self.delete(&self.book, entry("Q", &books.dispute, 1)).await
            }
            "a copy names no order" => {
                self.set(self.copy(books)?, &["target_order_id"], s("ord_nobody")).await
            }
            "a copy was not placed" => {
                self.set(of("O", &books.target), &["status"], s("draft")).await
            }
            "a copied order is charged twice" => {
                self.charge("another key", &books.target).await.map(drop)
            }
            "an entry of a copy is altered" => {
                self.set(entry("Y", &books.copy, 1), &["entry", "by"], s("nobody")).await
            }
            "an entry of a deleted subscription is lost" => {
                self.delete(&self.book, entry("S", &books.subscription, 1)).await
            }
            "an entry of a deleted payment source is altered" => {
                let first = entry("P", &books.payment_source, 1);
                self.set(first, &["entry", "by"], s("nobody")).await
            }
            "the last entry of a payment source is forgotten" => {
                let source = of("P", &self.shop.goods.source);
                self.set(source, &["journal", "sequence"], n(9)).await
            }
            other => Err(format!("no fault is called {other:?}").into()),
        }
    }

    /// The key of the copy, which stands in the collection of its source order.
    fn copy(
        &self,
        books: &Books,
    ) -> TestResult<std::collections::HashMap<String, aws_sdk_dynamodb::types::AttributeValue>>
    {
        let tail = books.copy.rsplit_once('_').ok_or("an id of a copy")?.1;
        Ok(self.key_of("O", &books.source, &format!("C#{tail}")))
    }
}

#[tokio::test]
async fn a_fault_in_what_went_back_was_copied_or_deleted_is_found_and_nothing_else() -> TestResult {
    for (name, expected) in FAULTS {
        let books = Books::open().await?;
        let shop = &books.shop;
        let before = reconcile(shop).await?;
        assert_eq!(found(&before), BTreeSet::new(), "before {name}: {:#}", before.body);
        // A refund, a dispute, a copy, two payment sources of which one is gone, and three of them
        // deleted with a subscription and an order.
        assert_eq!(before.attribute("records_count"), 7, "{:#}", before.body);
        Vandal::of(shop)?.seed_record(name, &books).await?;
        let expected: BTreeSet<(String, String)> =
            expected.iter().map(|(code, word)| ((*code).to_owned(), books.subject(word))).collect();
        let report = reconcile(shop).await?;
        assert_eq!(found(&report), expected, "{name}: {:#}", report.attribute("discrepancies"));
        let count = report.attribute("discrepancies_count").as_u64();
        assert_eq!(count, u64::try_from(expected.len()).ok(), "{name}: each is told once");
    }
    Ok(())
}

#[tokio::test]
async fn a_hold_that_somebody_has_lifted_is_no_discrepancy() -> TestResult {
    let books = Books::open().await?;
    let activate =
        documents::update("order_subscriptions", &books.held, &json!({"_activate": true}));
    let path = format!("order_subscriptions/{}", books.held);
    books.shop.api.patch(&path, &activate).send().await?.with_status(200)?;
    books.shop.advance("P14D").await?;
    let report = reconcile(&books.shop).await?;
    assert_eq!(report.attribute("discrepancies"), &Value::Array(Vec::new()), "{:#}", report.body);
    Ok(())
}

#[tokio::test]
async fn refunds_that_went_back_long_after_they_were_made_agree() -> TestResult {
    let shop = Plan::at(START)?.paying_with("tok_refund_unavailable_3").open().await?;
    for _ in 0..3 {
        let order = shop.order(&[line(BEANS, 2, "monthly")]).await?;
        let asked = documents::create(
            "refunds",
            json!({"amount_cents": 500, "reason": "broken"}),
            &[("order", "orders", &order)],
        );
        shop.api.create("refunds", &asked).await?;
    }
    let waiting = shop.api.all("refunds").await?;
    assert!(
        waiting.iter().all(|refund| refund["attributes"]["status"] == "pending"),
        "{waiting:?}"
    );
    shop.advance("P1D").await?;
    let settled = shop.api.all("refunds").await?;
    assert!(settled.iter().all(|one| one["attributes"]["status"] == "succeeded"), "{settled:?}");
    let report = reconcile(&shop).await?;
    assert_eq!(found(&report), BTreeSet::new(), "{:#}", report.body);
    assert_eq!(report.attribute("refunds_count"), 3, "{:#}", report.body);
    Ok(())
}

#[tokio::test]
async fn a_run_that_was_given_up_and_is_asked_for_while_its_subscription_rests_agrees() -> TestResult
{
    let shop = Plan::at(START)?
        .model(json!({"retry_policy": {"maximum": 0, "on_exhausted": "pause"}}))
        .open()
        .await?;
    let subscription = shop.subscribe("monthly").await?;
    shop.pay_by(&subscription, &shop.new_source("tok_hard_decline").await?).await?;
    shop.advance("P29D").await?;
    // What the customer was asked for: it is tried once somebody lets the subscription go on.
    shop.new_source("tok_paid").await?;
    shop.settle().await?;
    let path = format!("order_subscriptions/{subscription}");
    let rests = shop.api.get(&path).await?;
    assert_eq!(rests.attribute("status"), "inactive", "{:#}", rests.body);
    assert_eq!(rests.attribute("unsettled")[0]["number"], 1, "{:#}", rests.body);
    let report = reconcile(&shop).await?;
    assert_eq!(found(&report), BTreeSet::new(), "{:#}", report.body);

    let activate = documents::update(
        "order_subscriptions",
        subscription.as_str(),
        &json!({"_activate": true}),
    );
    shop.api.patch(&path, &activate).send().await?.with_status(200)?;
    shop.advance("PT1H").await?;
    let runs = shop.api.all(&format!("{path}/recurring_order_copies")).await?;
    assert_eq!(runs[0]["attributes"]["status"], "completed", "{runs:?}");
    let report = reconcile(&shop).await?;
    assert_eq!(found(&report), BTreeSet::new(), "{:#}", report.body);
    Ok(())
}

#[tokio::test]
async fn runs_from_before_a_change_of_frequency_are_prorated_over_the_periods_they_had()
-> TestResult {
    let shop = Shop::open_at(START).await?;
    let subscription = shop.subscribe("weekly").await?;
    shop.advance("P3W2D").await?;
    let change = documents::update(
        "order_subscriptions",
        subscription.as_str(),
        &json!({"frequency": "monthly"}),
    );
    let path = format!("order_subscriptions/{subscription}");
    shop.api.patch(&path, &change).send().await?.with_status(200)?;
    shop.advance("P2M").await?;
    let report = reconcile(&shop).await?;
    assert_eq!(found(&report), BTreeSet::new(), "{:#}", report.body);
    let runs = json!(shop.runs(&subscription).await?.len());
    assert!(runs.as_u64() > Some(3), "three weeks and the months after them");
    assert_eq!(report.attribute("prorations_checked_count"), &runs);
    Ok(())
}
