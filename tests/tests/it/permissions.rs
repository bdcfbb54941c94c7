//! Every call that a function makes is one that its role in the template allows, and no role
//! allows a call on a table that nobody makes. The local stack does not check permissions; without
//! this, a missing one would first be seen on AWS.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
};

use aws_smithy_runtime_api::{
    box_error::BoxError,
    client::{
        interceptors::{Intercept, context::BeforeTransmitInterceptorContextRef},
        runtime_components::RuntimeComponents,
    },
};
use aws_smithy_types::config_bag::ConfigBag;
use perennial_domain::ids::SubscriptionId;
use perennial_functions::Aws;
use perennial_local::invoke::FunctionFactory;
use perennial_tests::{
    Plan, Shop, TestResult, documents,
    documents::line,
    receiver::{Receiver, Reply},
    shop::BEANS,
    taxes::Rate,
};
use serde_json::{Value, json};

use crate::template::granted::{Access, granted};

/// The calls that functions have made.
#[derive(Debug, Clone, Default)]
struct Calls(Arc<Mutex<BTreeSet<Access>>>);

impl Calls {
    /// Perennial's functions, with their calls noted.
    fn functions(&self) -> FunctionFactory {
        let calls = self.clone();
        Arc::new(move |binary, environment, aws, clock| {
            perennial_functions::build::named(
                binary,
                environment,
                &calls.between(binary, aws),
                clock,
            )
        })
    }

    fn between(&self, function: &str, aws: &Aws) -> Aws {
        aws.watched(Notes { function: function.to_owned(), calls: self.clone() })
    }

    fn made(&self) -> BTreeSet<Access> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Notes the calls of one function.
#[derive(Debug)]
struct Notes {
    function: String,
    calls: Calls,
}

impl Intercept for Notes {
    fn name(&self) -> &'static str {
        "Notes"
    }

    fn read_before_transmit(
        &self,
        context: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let request = context.request();
        let target = request.headers().get("x-amz-target").unwrap_or_default();
        let body = serde_json::from_slice(request.body().bytes().unwrap_or_default())?;
        let mut calls = self.calls.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (action, resource) in permissions(target, &body) {
            calls.insert(Access { function: self.function.clone(), action, resource });
        }
        Ok(())
    }
}

/// What a request needs to be allowed: action and resource.
fn permissions(target: &str, body: &Value) -> Vec<(String, String)> {
    let text = |value: &Value, name: &str| {
        value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    let members = |name: &str| body.get(name).and_then(Value::as_object).into_iter().flatten();
    let list = |name: &str| body.get(name).and_then(Value::as_array).into_iter().flatten();
    let (service, operation) = target.split_once('.').unwrap_or((target, ""));
    match (service, operation) {
        ("DynamoDB_20120810", "TransactWriteItems") => list("TransactItems")
            .flat_map(|item| item.as_object().into_iter().flatten())
            .map(|(kind, of)| {
                let action = match kind.as_str() {
                    "ConditionCheck" => "ConditionCheckItem".to_owned(),
                    kind => format!("{kind}Item"),
                };
                (format!("dynamodb:{action}"), text(of, "TableName"))
            })
            .collect(),
        ("DynamoDB_20120810", "BatchGetItem") => members("RequestItems")
            .map(|(table, _)| ("dynamodb:BatchGetItem".to_owned(), table.clone()))
            .collect(),
        ("DynamoDB_20120810", operation) => {
            let table = text(body, "TableName");
            let index = body.get("IndexName").and_then(Value::as_str);
            let resource = index.map_or(table.clone(), |index| format!("{table}/index/{index}"));
            vec![(format!("dynamodb:{operation}"), resource)]
        }
        ("AmazonSQS", operation) => {
            let queue = text(body, "QueueUrl").rsplit('/').next().unwrap_or_default().to_owned();
            vec![(format!("sqs:{}", operation.trim_end_matches("Batch")), queue)]
        }
        // The one bus of the stack goes by the stack's name.
        ("AWSEvents", operation) => vec![(format!("events:{operation}"), "EventBus".to_owned())],
        (service, operation) => vec![(format!("{service}:{operation}"), String::new())],
    }
}

/// Places, renews, declines, retries, gives up, redrives, lists and removes: what the functions can
/// do with their tables and queues.
async fn live(shop: &Shop) -> TestResult {
    let tracked = documents::with(documents::sku("TRACKED"), json!({"stock": 100}));
    shop.api.create("skus", &documents::create("skus", tracked, &[])).await?.with_status(201)?;
    let sku = shop.api.get("skus").await?.text("/data/0/id")?;
    let renamed = documents::update("skus", &sku, &json!({"name": "Other beans"}));
    shop.api.patch(&format!("skus/{sku}"), &renamed).send().await?;

    // Somebody is told of all that follows, once in a while.
    let receiver = Receiver::start(Reply::Status(200)).await?;
    receiver.first(&[Reply::Status(500)]);
    let webhook = documents::create(
        "webhooks",
        json!({
            "topic": "*",
            "callback_url": receiver.url(),
            "include_resources": ["market", "recurring_order_copies", "job_run"],
        }),
        &[],
    );
    shop.api.create("webhooks", &webhook).await?;

    // A draft comes and goes, with its lines; a reference to nobody is refused.
    let draft = shop.order_document(json!({}));
    let draft = shop.api.create("orders", &draft).await?.with_status(201)?.id()?;
    let order = [("order", "orders", draft.as_str())];
    let bean = documents::create("line_items", line(BEANS, 1, "monthly"), &order);
    let bean = shop.api.create("line_items", &bean).await?.id()?;
    let more = documents::update("line_items", &bean, &json!({"quantity": 2}));
    let path = format!("line_items/{bean}");
    shop.api.patch(&path, &more).send().await?.with_status(200)?;
    shop.api.request(reqwest::Method::DELETE, &path).send().await?;
    let path = format!("orders/{draft}");
    shop.api.request(reqwest::Method::DELETE, &path).send().await?;
    let twice = shop.order_document(json!({}));
    for _ in 0..2 {
        shop.api.post("orders", &twice).key("same").send().await?;
    }
    let customer = documents::create("customers", json!({"email": "ada@example.com"}), &[]);
    shop.api.post("customers", &customer).key("new").send().await?.with_status(201)?;
    for kind in ["orders", "customers"] {
        let wrong = documents::create(kind, json!({"unknown": 1}), &[]);
        shop.api.post(kind, &wrong).key("wrong").send().await?;
    }

    // One pays; the others, orders and renewals, meet all that can happen to a payment.
    shop.order(&[line("TRACKED", 1, "monthly")]).await?;
    for token in [
        "tok_declines_1",
        "tok_declines_50",
        "tok_hard_decline",
        "tok_timeout_after_charge",
        "tok_timeout_before_charge",
    ] {
        let source = shop.new_source(token).await?;
        let order = shop.order(&[line("TRACKED", 1, "monthly")]).await?;
        for subscription in shop.subscriptions_of(&order).await? {
            shop.pay_by(&subscription, &source).await?;
        }
        let mut document = shop.subscribing(&[line("TRACKED", 1, "monthly")]);
        let by = "/data/relationships/customer_payment_source/data/id";
        if let Some(id) = document.pointer_mut(by) {
            *id = json!(source);
        }
        shop.api.post("orders", &document).send().await?;
        shop.settle().await?;
    }
    // One that is never validated.
    let mut document = shop.subscribing(&[line(BEANS, 1, "monthly")]);
    if let Some(id) = document.pointer_mut("/data/relationships/customer_payment_source/data/id") {
        *id = json!(shop.new_source("tok_unavailable_50").await?);
    }
    shop.api.post("orders", &document).send().await?;
    // One ends by itself.
    let ends = json!({
        "line_items": [line("TRACKED", 1, "monthly")],
        "subscriptions_expire_at": "2027-02-10T00:00:00Z",
        "_place": true,
        "_create_subscriptions": true,
    });
    shop.api.create("orders", &shop.order_document(ends)).await?;
    shop.settle().await?;
    shop.advance("P2M").await?;
    let renewed = shop.subscribe("monthly").await?;
    shop.advance("P1M").await?;
    // Declined, and the answer of the retry gets lost on its way.
    let retried = shop.subscribe("weekly").await?;
    shop.pay_by(&retried, &shop.new_source("tok_declines_1").await?).await?;
    shop.advance("P7DT1H").await?;
    shop.pay_by(&retried, &shop.new_source("tok_timeout_after_charge").await?).await?;
    shop.advance("P1D").await?;
    follow_prices(shop).await?;
    tax(shop).await?;
    // A message that comes twice.
    let again = json!({
        "organization": shop.organization,
        "subscription_id": renewed,
        "number": 1,
        "job": {"job_run_id": "job_0", "batch": "0"},
    });
    shop.send("ORDER_COPY", &[again.to_string()], 0).await?;
    shop.settle().await?;

    // Poison in every queue, handled again and put aside again.
    for queue in
        ["VALIDATION", "RENEWAL_TICK", "ORDER_COPY", "PAYMENT_RETRY", "WEBHOOK", "PAYMENTS"]
    {
        shop.send(queue, &["poison".to_owned()], 0).await?;
    }
    let away = shop.subscribe("monthly").await?;
    shop.pay_by(&away, &shop.new_source("tok_unavailable_50").await?).await?;
    shop.advance("P32D").await?;
    for letter in shop.dead_letters().await? {
        let redrive = json!({"_redrive": true});
        let redrive = documents::update("dead_letters", letter.id.as_str(), &redrive);
        shop.api.patch(&format!("dead_letters/{}", letter.id), &redrive).send().await?;
    }
    shop.settle().await?;

    // Run now, and a second try of what has failed.
    let now = documents::create("job_runs", json!({"kind": "renewals"}), &[]);
    shop.api.post("job_runs", &now).send().await?;
    shop.settle().await?;
    for job in shop.api.all("job_runs").await? {
        let id = job.get("id").and_then(Value::as_str).unwrap_or_default();
        let again = documents::create("job_runs", json!({}), &[("retry_of", "job_runs", id)]);
        shop.api.post("job_runs", &again).send().await?;
    }
    shop.settle().await?;

    check(shop).await?;
    import(shop).await?;
    take_in(shop).await?;
    rank(shop).await?;
    give_back(shop, &renewed).await?;
    preview(shop, away.as_str()).await?;
    for path in [
        "orders",
        "order_subscriptions?include=order_subscription_items",
        "customers",
        &format!("customers/{}/orders", shop.goods.customer),
        "customer_payment_sources",
        "markets",
        "subscription_models",
        "dead_letters",
        "job_runs?include=retry_of",
        "health",
    ] {
        shop.api.get(path).await?;
    }
    let journal = format!("journal_entries?filter[q][subject_eq]={away}");
    shop.api.get(&journal).await?;
    let copies = format!(
        "recurring_order_copies?filter[q][order_subscription_id_eq]={away}&include=target_order"
    );
    shop.api.get(&copies).await?;
    Ok(())
}

/// A channel sends what is taken, known, refused and taken again; somebody looks how it does.
async fn take_in(shop: &Shop) -> TestResult {
    let market = [("market", "markets", shop.goods.market.as_str())];
    let channel = json!({"code": "web", "name": "Web"});
    let channel = documents::create("channels", channel, &market);
    let channel = shop.api.create("channels", &channel).await?.id()?;
    let program = "{external_id: .id, customer: {reference: \"c\", email: \"c@example.com\"}, \
        payment_source: {payment_source_token: \"tok_paid\"}, order: {_place: true, line_items: \
        [{sku_code: \"BEANS\", quantity: 1}]}}";
    let of = [("channel", "channels", channel.as_str())];
    let mapping = json!({"program": program, "_activate": true});
    let mapping = documents::create("channel_mappings", mapping, &of);
    shop.api.create("channel_mappings", &mapping).await?;
    let tried = json!({"program": program, "sample": "{\"id\": \"1\"}"});
    let tried = documents::create("channel_mapping_previews", tried, &of);
    shop.api.post("channel_mapping_previews", &tried).send().await?.with_status(200)?;
    let send = |payload: &'static str| {
        let request = shop.api.request(reqwest::Method::POST, "channels/web/orders");
        request.body("application/json", payload).send()
    };
    let order = send("{\"id\": \"1\"}").await?.with_status(201)?.id()?;
    send("{\"id\": \"1\"}").await?.with_status(200)?;
    let refused = send("{}").await?.with_status(422)?;
    let letter = refused.text("/errors/0/meta/dead_letter_id")?;
    let replay = json!({"dead_letter_ids": [letter]});
    let replay = documents::create("channel_replays", replay, &[]);
    shop.api.post("channel_replays", &replay).send().await?.with_status(200)?;
    for path in [
        &format!("orders/{order}/source_payload"),
        "channels/web/health",
        "channel_mappings",
        "health/details",
    ] {
        shop.api.get(path).await?;
    }
    Ok(())
}

/// The next invoice of a subscription, and one of a sku.
async fn preview(shop: &Shop, subscription: &str) -> TestResult {
    for asked in [
        json!({"order_subscription_id": subscription}),
        json!({
            "currency": "EUR",
            "items": [{"sku_code": BEANS, "quantity": 1}],
            "frequency": "monthly",
            "starts_at": "2027-01-31T00:00:00Z",
        }),
    ] {
        let asked = documents::create("invoice_previews", asked, &[]);
        shop.api.post("invoice_previews", &asked).send().await?;
    }
    Ok(())
}

/// The books are proved, on request and each day; a request that makes no sense is refused.
async fn reconcile(shop: &Shop) -> TestResult {
    for (key, attributes, status) in
        [("refused", json!({}), 422), ("begun", json!({"from": "2027-01-01T00:00:00Z"}), 201)]
    {
        let span = documents::create("reconciliations", attributes, &[]);
        shop.api.post("reconciliations", &span).key(key).send().await?.with_status(status)?;
    }
    shop.settle().await?;
    let listed = shop.api.get("job_runs?filter[q][kind_eq]=reconciliation").await?;
    let report = listed.text("/data/0/id")?;
    shop.api.get(&format!("reconciliations/{report}")).await?;
    Ok(())
}

/// A run and an order are refunded, and a payment source goes that nobody needs.
async fn give_back(shop: &Shop, renewed: &SubscriptionId) -> TestResult {
    let client = shop.order(&[line(BEANS, 1, "monthly")]).await?;
    let runs = shop.runs(renewed).await?;
    let run = runs.first().map(|run| run.order_id().to_string()).unwrap_or_default();
    for order in [client, run] {
        let refund = json!({"amount_cents": 100});
        let refund = documents::create("refunds", refund, &[("order", "orders", &order)]);
        shop.api.post("refunds", &refund).key(&order).send().await?.with_status(201)?;
    }
    let spare = shop.new_source("tok_paid").await?;
    let path = format!("customer_payment_sources/{spare}");
    let gone = shop.api.request(reqwest::Method::DELETE, &path).send().await?;
    gone.with_status(204).map(drop)
}

/// What is to be seen to is ranked, read, replayed and given up.
async fn rank(shop: &Shop) -> TestResult {
    let blocked = shop.subscribe("weekly").await?;
    shop.pay_by(&blocked, &shop.new_source("tok_of_another_provider").await?).await?;
    shop.advance("P8D").await?;
    let failures = shop.api.get("failures?include=dead_letter,customer,order").await?;
    for one in failures.list()?.iter().take(3) {
        let id = one.get("id").and_then(Value::as_str).unwrap_or_default();
        shop.api.get(&format!("failures/{id}")).await?;
    }
    for queue in ["ORDER_COPY", "PAYMENT_RETRY", "VALIDATION"] {
        shop.send(queue, &["poison".to_owned()], 0).await?;
    }
    shop.settle().await?;
    for (kind, attributes) in [
        ("dead_letter_redrives", json!({"error_contains": "tok_of_another_provider"})),
        ("dead_letter_redrives", json!({"source": "order-copy"})),
        ("dead_letter_redrives", json!({"source": "renewal-tick"})),
        ("dead_letter_discards", json!({"source": "order-copy", "discard_reason": "poison"})),
    ] {
        let document = documents::create(kind, attributes, &[]);
        shop.api.post(kind, &document).send().await?;
    }
    overturn(shop).await
}

/// An order that a check holds is overturned with all others like it.
async fn overturn(shop: &Shop) -> TestResult {
    let term = json!({"term": {"severity": "review", "max_days": 365}});
    let market = [("market", "markets", shop.goods.market.as_str())];
    let policy = documents::create("check_policies", json!({"checks": term}), &market);
    let policy = shop.api.create("check_policies", &policy).await?.id()?;
    let held = shop.order(&[line(BEANS, 1, "monthly")]).await?;
    let known = json!({"check": "term", "reason": "known"});
    let known = documents::create("order_overturns", known, &[]);
    let operator = shop.api_as(perennial_local::identity::Role::Operator)?;
    operator.post("order_overturns", &known).send().await?.with_status(200)?;
    shop.settle().await?;
    assert_eq!(shop.order_status(&held).await?, "placed");
    let off = json!({"checks": {"term": {"severity": "off"}}});
    let off = documents::update("check_policies", &policy, &off);
    let path = format!("check_policies/{policy}");
    shop.api.patch(&path, &off).send().await?.with_status(200).map(drop)
}

/// A row comes in, comes again, and is refused.
async fn import(shop: &Shop) -> TestResult {
    for quantity in [1, 1, 2] {
        let rows = json!([{
            "external_id": "S-1",
            "market_id": shop.goods.market,
            "frequency": "monthly",
            "starts_at": "2027-01-31T00:00:00Z",
            "customer_email": "grace@example.com",
            "payment_source_token": "tok_paid",
            "items": [{"sku_code": BEANS, "quantity": quantity}],
        }]);
        let attributes = json!({"source": "legacy", "rows": rows});
        let document = documents::create("subscription_imports", attributes, &[]);
        shop.api.post("subscription_imports", &document).send().await?.with_status(200)?;
    }
    Ok(())
}

/// An order whose checks look at what its customer has and at what is reserved, and what is counted and
/// tried of them.
async fn check(shop: &Shop) -> TestResult {
    let checks = json!({
        "duplicate_order": {"severity": "warn"},
        "recurring_availability": {"severity": "warn", "reserve": true},
    });
    let policy = documents::create("check_policies", json!({"checks": checks}), &[]);
    shop.api.create("check_policies", &policy).await?;
    shop.order(&[line("TRACKED", 1, "monthly")]).await?;
    shop.api.get("check_statistics").await?;
    let preview = documents::create("check_previews", json!({"checks": checks}), &[]);
    shop.api.post("check_previews", &preview).send().await?.with_status(200)?;
    Ok(())
}

/// A market that computes taxes, and for a while can't: its table is gone.
async fn tax(shop: &Shop) -> TestResult {
    let table = shop.tax_table("Germany", &[Rate::of(0.19)]).await?;
    shop.tax_by(Some(&table)).await?;
    // Renewals bear none within a minute of that.
    shop.advance("PT2M").await?;
    let draft = shop.order_document(json!({"line_items": [{"sku_code": BEANS, "quantity": 1}]}));
    let draft = shop.api.create("orders", &draft).await?.with_status(201)?.id()?;
    let update = documents::update("orders", &draft, &json!({"_update_taxes": true}));
    shop.api.patch(&format!("orders/{draft}"), &update).send().await?.with_status(200)?;
    let preview = documents::create("tax_previews", json!({"order_id": draft}), &[]);
    shop.api.post("tax_previews", &preview).send().await?.with_status(200)?;
    shop.subscribe("weekly").await?;
    shop.advance("P8D").await?;
    let lost = shop.tax_table("Lost", &[]).await?;
    shop.tax_by(Some(&lost)).await?;
    shop.lose_tax_table(&lost).await?;
    shop.advance("P7D").await?;
    shop.tax_by(Some(&table)).await?;
    shop.advance("P3D").await?;
    Ok(())
}

/// A subscription that is announced and follows a price list, which has no price for a while.
async fn follow_prices(shop: &Shop) -> TestResult {
    let list = json!({"name": "2027", "currency_code": "EUR"});
    let list = documents::create("price_lists", list, &[]);
    let list = shop.api.create("price_lists", &list).await?.id()?;
    let price = json!({"sku_code": BEANS, "amount_cents": 1_100});
    let price = documents::create("prices", price, &[("price_list", "price_lists", &list)]);
    let first = shop.api.create("prices", &price).await?.id()?;
    let market = json!({"data": {
        "type": "markets", "id": shop.goods.market, "attributes": {},
        "relationships": {"price_list": {"data": {"type": "price_lists", "id": list}}},
    }});
    let path = format!("markets/{}", shop.goods.market);
    shop.api.patch(&path, &market).send().await?.with_status(200)?;
    let model = json!({"price_policy": "follow_list", "renewal_alert_period": 24});
    let model = documents::update("subscription_models", &shop.goods.model, &model);
    let path = format!("subscription_models/{}", shop.goods.model);
    shop.api.patch(&path, &model).send().await?.with_status(200)?;
    shop.subscribe("weekly").await?;
    let path = format!("prices/{first}");
    shop.api.request(reqwest::Method::DELETE, &path).send().await?.with_status(204)?;
    shop.advance("P8D").await?;
    shop.api.create("prices", &price).await?;
    shop.advance("P2D").await?;
    Ok(())
}

fn access(function: &str, action: &str, resource: &str) -> Access {
    Access {
        function: function.to_owned(),
        action: action.to_owned(),
        resource: resource.to_owned(),
    }
}

/// What was done and is not allowed.
fn denied(made: &BTreeSet<Access>, granted: &BTreeSet<Access>) -> BTreeSet<Access> {
    made.difference(granted).cloned().collect()
}

/// What is allowed on tables and was not done. What Lambda does in a function's name, such as
/// reading its queue or stream, no function does.
fn unused(made: &BTreeSet<Access>, granted: &BTreeSet<Access>) -> BTreeSet<Access> {
    let stream = ["DescribeStream", "GetRecords", "GetShardIterator", "ListStreams"];
    let is_ours = |access: &&Access| {
        access.action.strip_prefix("dynamodb:").is_some_and(|action| !stream.contains(&action))
    };
    granted.difference(made).filter(is_ours).cloned().collect()
}

#[tokio::test]
async fn no_function_makes_a_call_that_its_role_does_not_allow_and_no_role_allows_more()
-> TestResult {
    let calls = Calls::default();
    let mut plan = Plan { functions: calls.functions(), ..Plan::at("2027-01-31T10:00:00Z")? };
    plan.parameters.insert("DailyReconciliation".to_owned(), "ENABLED".to_owned());
    let shop = plan.open().await?;
    live(&shop).await?;
    reconcile(&shop).await?;

    let (made, granted) = (calls.made(), granted());
    let none: BTreeSet<Access> = BTreeSet::new();
    assert_eq!(denied(&made, &granted), none, "AWS would refuse these");
    assert_eq!(unused(&made, &granted), none, "nobody needs these");

    // The same with a fault seeded: one permission too few, one too many.
    let mut seeded = granted;
    let claim = access("renewal-tick", "dynamodb:UpdateItem", "BookTable");
    let snoop = access("event-relay", "dynamodb:GetItem", "BookTable");
    assert!(seeded.remove(&claim) && seeded.insert(snoop.clone()));
    assert_eq!(denied(&made, &seeded), BTreeSet::from([claim]));
    assert_eq!(unused(&made, &seeded), BTreeSet::from([snoop]));
    Ok(())
}

#[test]
fn a_transaction_needs_the_permission_of_each_of_its_writes() {
    let body = json!({"TransactItems": [
        {"Put": {"TableName": "A"}}, {"ConditionCheck": {"TableName": "B"}},
    ]});
    let needed = permissions("DynamoDB_20120810.TransactWriteItems", &body);
    let wanted = [("dynamodb:PutItem", "A"), ("dynamodb:ConditionCheckItem", "B")];
    assert_eq!(needed, wanted.map(|(action, table)| (action.to_owned(), table.to_owned())));
}
