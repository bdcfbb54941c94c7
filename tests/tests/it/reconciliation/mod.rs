//! Reconciliation over HTTP: books that agree have no discrepancy, and a fault of each kind that is
//! put into storage or into the provider's ledger is found, by its code and subject.
//!
//! The other tests hold the books against an oracle of their own, `tests/src/audit.rs`, which shares
//! no code with the product's reconciliation on purpose.

mod records;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use aws_sdk_dynamodb::types::AttributeValue;
use chrono::TimeDelta;
use perennial_domain::{ids::SubscriptionId, run::Run};
use perennial_local::identity::Role;
use perennial_payments::{
    ChargeKey, ChargeRequest, PaymentProvider, PaymentToken, RefundKey, RefundRequest,
};
use perennial_tests::{
    Answer, Plan, Shop, TestResult,
    documents::{self, line},
    shop::BEANS,
};
use serde_json::{Value, json};

const START: &str = "2027-01-31T10:00:00Z";

/// Reconciles from the start until now; answers the report.
async fn reconcile(shop: &Shop) -> TestResult<Answer> {
    let span = documents::create("reconciliations", json!({"from": "2027-01-01T00:00:00Z"}), &[]);
    let api = shop.api_as(Role::Operator)?;
    let begun = api.create("reconciliations", &span).await?;
    assert_eq!(begun.attribute("status"), "running");
    shop.settle().await?;
    api.get(&format!("reconciliations/{}", begun.id()?)).await
}

/// The codes that a report names, and what each is about.
fn found(report: &Answer) -> BTreeSet<(String, String)> {
    let discrepancies = report.attribute("discrepancies").as_array().into_iter().flatten();
    let text = |one: &Value, name: &str| one[name].as_str().unwrap_or_default().to_owned();
    discrepancies.map(|one| (text(one, "code"), text(one, "subject"))).collect()
}

/// A quarter of a shop: paid, declined and retried, given up, skipped, paused, cancelled.
async fn quarter() -> TestResult<(Shop, Vec<SubscriptionId>)> {
    let plan = Plan::at(START)?.model(json!({
        "strategy": "by_line_items",
        "retry_policy": {"delays_in_minutes": [60], "maximum": 1, "on_exhausted": "keep_active"},
    }));
    let shop = plan.open().await?;
    let order = shop.order(&vec![line(BEANS, 1, "monthly"); 7]).await?;
    let subscriptions = shop.subscriptions_of(&order).await?;
    for (subscription, token) in subscriptions.iter().zip([
        "tok_paid",
        "tok_declines_1",
        "tok_hard_decline",
        "tok_declines_9",
        "tok_timeout_after_charge",
    ]) {
        shop.pay_by(subscription, &shop.new_source(token).await?).await?;
    }
    let act = async |index: usize, trigger: &str| {
        let id = subscriptions[index].as_str();
        let change = documents::update("order_subscriptions", id, &json!({trigger: true}));
        shop.api.patch(&format!("order_subscriptions/{id}"), &change).send().await
    };
    act(0, "_skip_next_run").await?;
    act(5, "_deactivate").await?.with_status(200)?;
    shop.advance_to("2027-03-10T00:00:00Z").await?;
    act(5, "_activate").await?.with_status(200)?;
    act(6, "_cancel").await?.with_status(200)?;
    shop.advance_to("2027-05-15T00:00:00Z").await?;
    Ok((shop, subscriptions))
}

#[tokio::test]
async fn a_quarter_with_everything_in_it_agrees_and_is_counted() -> TestResult {
    let (shop, subscriptions) = quarter().await?;
    shop.prove_books().await?;
    let report = reconcile(&shop).await?;
    assert_eq!(report.attribute("status"), "completed", "{:#}", report.body);
    assert_eq!(found(&report), BTreeSet::new());
    let mut runs = 0;
    for subscription in &subscriptions {
        runs += shop.runs(subscription).await?.len();
    }
    let counts: BTreeMap<&str, u64> = [
        ("subscriptions_count", u64::try_from(subscriptions.len())?),
        ("runs_count", u64::try_from(runs)?),
        ("charges_count", u64::try_from(shop.charges().await?.len())?),
        ("discrepancies_count", 0),
        ("busy_count", 0),
    ]
    .into();
    for (name, expected) in counts {
        assert_eq!(report.attribute(name), expected, "{name}");
    }
    let number = |name: &str| report.attribute(name).as_u64().unwrap_or_default();
    let (due, paid) = (number("renewals_due_count"), number("renewals_paid_count"));
    let given_up = number("renewals_hard_declined_count") + number("renewals_failed_count");
    assert_eq!(due, paid + given_up);
    assert!(paid > 0 && number("renewals_hard_declined_count") > 0);
    assert!(number("renewals_failed_count") > 0);
    assert_eq!(number("prorations_checked_count"), paid);
    assert_eq!(number("prorations_passed_count"), paid);

    let job = shop.api.get(&format!("job_runs/{}", report.id()?)).await?;
    assert_eq!(job.attribute("kind"), "reconciliation", "it stands in the job log, too");
    assert_eq!(job.attribute("status"), "completed");
    Ok(())
}

#[tokio::test]
async fn the_same_request_under_its_key_makes_one_report_even_when_nothing_is_known_of_it()
-> TestResult {
    let shop = Shop::open_at(START).await?;
    let span = documents::create("reconciliations", json!({"from": "2027-01-01T00:00:00Z"}), &[]);
    let api = shop.api_as(Role::Operator)?;
    let begin = |key: &'static str| api.post("reconciliations", &span).key(key).send();
    let first = begin("books").await?.with_status(201)?;
    shop.settle().await?;
    // By now the key is free again, as it is after a crash: the request is carried out once more.
    shop.advance("PT25H").await?;
    let again = begin("books").await?.with_status(201)?;
    assert_eq!((again.id()?, again.attribute("to")), (first.id()?, first.attribute("to")));
    let other = begin("other-books").await?.with_status(201)?;
    shop.settle().await?;
    let jobs = shop.api.all("job_runs").await?;
    let reconciliations: Vec<&str> = jobs
        .iter()
        .filter(|job| job["attributes"]["kind"] == "reconciliation")
        .filter_map(|job| job["attributes"]["started_by"].as_str().zip(job["id"].as_str()))
        .filter_map(|(actor, id)| (!actor.starts_with("system")).then_some(id))
        .collect();
    // The newest first, though their ids know no time.
    assert_eq!(reconciliations, [other.id()?, first.id()?]);
    let report = api.get(&format!("reconciliations/{}", other.id()?)).await?;
    assert_eq!(report.attribute("status"), "completed");
    Ok(())
}

/// What is wrong in storage or at the provider, and what is to be found.
struct Seeded {
    name: &'static str,
    found: &'static [(&'static str, Subject)],
}

#[derive(Clone, Copy)]
enum Subject {
    Subscription,
    Order,
    Reference(&'static str),
}

use Subject::{Order, Reference, Subscription};

const FAULTS: &[Seeded] = &[
    Seeded {
        name: "a run is lost",
        found: &[
            ("occurrence_without_run", Subscription),
            ("journal_broken", Subscription),
            ("charge_without_order", Order),
        ],
    },
    Seeded { name: "the schedule is set back", found: &[("occurrence_too_early", Subscription)] },
    Seeded { name: "the schedule stands still", found: &[("overdue", Subscription)] },
    Seeded { name: "the schedule jumps", found: &[("occurrence_without_run", Subscription)] },
    Seeded { name: "an entry is altered", found: &[("journal_broken", Subscription)] },
    Seeded { name: "the last entry is forgotten", found: &[("journal_cut", Subscription)] },
    Seeded {
        name: "a retry is forgotten",
        found: &[("open_run_forgotten", Subscription), ("charge_not_settled", Order)],
    },
    Seeded { name: "an order is charged twice", found: &[("charged_twice", Order)] },
    Seeded {
        name: "something is charged that is no order",
        found: &[("charge_without_order", Reference("ord_nobody"))],
    },
    Seeded { name: "another amount is owed", found: &[("amount_differs", Order)] },
    Seeded { name: "the provider has lost a charge", found: &[("charge_missing", Order)] },
    Seeded {
        name: "a refund is not in our books",
        found: &[("refund_without_record", Reference(""))],
    },
];

fn s(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}

fn n(number: i64) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

/// Writes into storage past all rules.
struct Vandal<'a> {
    shop: &'a Shop,
    book: String,
    payments: String,
}

impl<'a> Vandal<'a> {
    fn of(shop: &'a Shop) -> TestResult<Self> {
        let setting = |name: &str| {
            let mut functions = shop.stack.template().functions.iter();
            let found = functions.find_map(|function| function.environment.get(name).cloned());
            found.ok_or_else(|| format!("no function has {name}"))
        };
        Ok(Self { shop, book: setting("BOOK_TABLE")?, payments: setting("TEST_PAYMENTS_TABLE")? })
    }

    fn key(&self, subscription: &SubscriptionId, sk: &str) -> HashMap<String, AttributeValue> {
        self.key_of("S", subscription.as_str(), sk)
    }

    fn key_of(&self, kind: &str, id: &str, sk: &str) -> HashMap<String, AttributeValue> {
        let pk = format!("{}#{kind}#{id}", self.shop.organization);
        HashMap::from([("pk".to_owned(), s(&pk)), ("sk".to_owned(), s(sk))])
    }

    async fn remove(&self, key: HashMap<String, AttributeValue>, name: &str) -> TestResult {
        let update = self.shop.stack.aws().dynamodb.update_item().table_name(&self.book);
        let update = update.set_key(Some(key)).update_expression("REMOVE #name");
        update.expression_attribute_names("#name", name).send().await?;
        Ok(())
    }

    async fn set(
        &self,
        key: HashMap<String, AttributeValue>,
        path: &[&str],
        value: AttributeValue,
    ) -> TestResult {
        let names: Vec<String> = (0..path.len()).map(|index| format!("#n{index}")).collect();
        let mut update = self.shop.stack.aws().dynamodb.update_item().table_name(&self.book);
        for (name, of) in names.iter().zip(path) {
            update = update.expression_attribute_names(name, *of);
        }
        let expression = format!("SET {} = :value", names.join("."));
        let update = update.set_key(Some(key)).update_expression(expression);
        update.expression_attribute_values(":value", value).send().await?;
        Ok(())
    }

    async fn delete(&self, table: &str, key: HashMap<String, AttributeValue>) -> TestResult {
        let client = &self.shop.stack.aws().dynamodb;
        client.delete_item().table_name(table).set_key(Some(key)).send().await?;
        Ok(())
    }

    async fn charge(&self, key: &str, reference: &str) -> TestResult<String> {
        let long_ago = self.shop.stack.clock().now() - TimeDelta::days(1);
        let request = ChargeRequest {
            key: ChargeKey::new(key),
            organization: self.shop.organization.to_string(),
            amount_minor: 1_250,
            currency: "EUR".to_owned(),
            token: PaymentToken::new("tok_paid"),
            reference: reference.to_owned(),
            attempt: 1,
            requested_at: long_ago,
            key_since: long_ago,
        };
        let outcome = self.shop.provider.charge(&request).await?;
        let told = serde_json::to_value(outcome)?;
        Ok(told["charge_id"].as_str().unwrap_or_default().to_owned())
    }

    async fn seed(&self, name: &str, id: &SubscriptionId, run: &Run) -> TestResult {
        let item = self.key(id, "#");
        let of_run = self.key(id, &format!("R#{:010}", run.number.get()));
        let next = self.shop.subscription(id).await?.next_number.ok_or("a next number")?;
        let next = i64::from(next.get());
        match name {
            "a run is lost" => self.delete(&self.book, of_run).await,
            "the schedule is set back" => self.set(item, &["next_number"], n(next - 1)).await,
            "the schedule stands still" => {
                self.set(item, &["next_run_at"], s("2027-05-10T10:00:00Z")).await
            }
            "the schedule jumps" => self.set(item, &["next_number"], n(next + 1)).await,
            "an entry is altered" => self.set(of_run, &["entry", "by"], s("nobody")).await,
            "the last entry is forgotten" => self.set(item, &["journal", "sequence"], n(1)).await,
            "a retry is forgotten" => {
                self.set(of_run.clone(), &["status"], s("open")).await?;
                self.remove(of_run, "charge_id").await
            }
            "an order is charged twice" => {
                self.charge("another key", run.order_id().as_str()).await.map(drop)
            }
            "something is charged that is no order" => {
                self.charge("another key", "ord_nobody").await.map(drop)
            }
            "another amount is owed" => self.set(of_run, &["total"], n(1_251)).await,
            "the provider has lost a charge" => {
                // The ledger finds a payment by the first digits of its id.
                let id = run.charge_id.as_deref().and_then(|id| id.get("ch_".len()..27));
                let name = id.ok_or("a charge")?;
                let pk = format!("CHARGE#{}#{name}", self.shop.organization);
                let key =
                    HashMap::from([("pk".to_owned(), s(&pk)), ("sk".to_owned(), s("OUTCOME"))]);
                self.delete(&self.payments, key).await
            }
            "a refund is not in our books" => {
                let at = run.started_at;
                let request = RefundRequest {
                    key: RefundKey::new("past us"),
                    organization: self.shop.organization.to_string(),
                    charge_id: run.charge_id.clone().ok_or("a charge")?,
                    amount_minor: 100,
                    currency: "EUR".to_owned(),
                    reference: "made past us".to_owned(),
                    requested_at: at,
                    key_since: at,
                };
                self.shop.provider.refund(&request).await?;
                Ok(())
            }
            other => Err(format!("no fault is called {other:?}").into()),
        }
    }
}

#[tokio::test]
async fn a_fault_of_each_kind_is_found_and_nothing_else() -> TestResult {
    for Seeded { name, found: expected } in FAULTS {
        let shop = Shop::open_at(START).await?;
        let subscription = shop.subscribe("monthly").await?;
        let other = shop.subscribe("weekly").await?;
        shop.advance_to("2027-05-15T00:00:00Z").await?;
        assert_eq!(found(&reconcile(&shop).await?), BTreeSet::new(), "before {name}");
        assert!(!shop.runs(&other).await?.is_empty());
        let runs = shop.runs(&subscription).await?;
        let run = runs.get(1).ok_or("two runs")?;
        Vandal::of(&shop)?.seed(name, &subscription, run).await?;
        let charge = run.charge_id.clone().unwrap_or_default();
        let expected: BTreeSet<(String, String)> = expected
            .iter()
            .map(|(code, subject)| {
                let subject = match subject {
                    Subscription => subscription.to_string(),
                    Order => run.order_id().to_string(),
                    Reference("") => charge.clone(),
                    Reference(reference) => (*reference).to_owned(),
                };
                ((*code).to_owned(), subject)
            })
            .collect();
        let report = reconcile(&shop).await?;
        assert_eq!(found(&report), expected, "{name}: {:#}", report.attribute("discrepancies"));
        assert_eq!(report.attribute("status"), "completed_with_errors", "{name}");
    }
    Ok(())
}

#[tokio::test]
async fn spans_are_checked_and_reports_belong_to_their_organization() -> TestResult {
    let shop = Shop::open_at(START).await?;
    let post = async |api: &perennial_tests::Api, attributes: Value| {
        let document = documents::create("reconciliations", attributes, &[]);
        api.post("reconciliations", &document).send().await
    };
    for (attributes, pointer) in [
        (json!({}), "/data/attributes/from"),
        (json!({"from": "2027-02-01T00:00:00Z"}), "/data/attributes/to"),
        (
            json!({"from": "2027-01-01T00:00:00Z", "to": "2028-01-01T00:00:00Z"}),
            "/data/attributes/to",
        ),
        (json!({"from": "2010-01-01T00:00:00Z"}), "/data/attributes/to"),
    ] {
        let refused = post(&shop.api, attributes.clone()).await?.with_status(422)?;
        assert_eq!(refused.text("/errors/0/source/pointer")?, pointer, "{attributes}");
    }
    let span = json!({"from": "2027-01-01T00:00:00Z"});
    post(&shop.api_as(Role::Approver)?, span.clone()).await?.with_status(403)?;
    post(&shop.api_as(Role::SalesChannel)?, span.clone()).await?.with_status(403)?;
    let report = post(&shop.api, span).await?.with_status(201)?.id()?;
    shop.settle().await?;
    shop.api_as(Role::Approver)?.get(&format!("reconciliations/{report}")).await?;
    let stranger = shop.stack.token("globex", Role::Operator)?;
    let path = format!("reconciliations/{report}");
    let unseen = shop.api.with_token(Some(stranger)).request(reqwest::Method::GET, &path);
    unseen.send().await?.with_status(404)?;
    Ok(())
}

#[tokio::test]
async fn each_day_every_organization_with_something_to_come_is_reconciled_once() -> TestResult {
    let parameters = BTreeMap::from([("DailyReconciliation".to_owned(), "ENABLED".to_owned())]);
    let plan = Plan { parameters, ..Plan::at(START)? };
    let shop = plan.open().await?;
    shop.subscribe("weekly").await?;
    shop.advance("P3D").await?;
    let jobs = shop.api.all("job_runs").await?;
    let reconciliations: Vec<&Value> = jobs
        .iter()
        .filter(|job| job.pointer("/attributes/kind") == Some(&json!("reconciliation")))
        .collect();
    assert_eq!(reconciliations.len(), 3, "{jobs:#?}");
    for job in reconciliations {
        assert_eq!(job.pointer("/attributes/status"), Some(&json!("completed")), "{job:#}");
    }
    Ok(())
}

#[tokio::test]
async fn a_simulated_quarter_with_dying_workers_leaves_books_that_agree() -> TestResult {
    let options = perennial_local::simulate::Options {
        subscriptions: 200,
        months: 2,
        seed: 42,
        deaths: 40,
        duplicates: 40,
    };
    let report = perennial_local::simulate::run(&options, |_| {}).await?;
    println!("{report}");
    assert!(report.passed(), "{report}");
    assert_eq!(report.count("subscriptions"), 200);
    assert!(report.weather.died > 0 && report.weather.twice > 0, "{report}");
    Ok(())
}
