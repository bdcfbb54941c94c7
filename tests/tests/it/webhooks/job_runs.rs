//! What is told of a job run: that it began and that it is over, once each, whoever works for it,
//! however often, and whatever becomes of its runs.

use std::collections::{BTreeMap, BTreeSet};

use futures::future::try_join_all;
use perennial_store::JobKind;
use perennial_tests::{
    Plan, Shop, TestResult, documents,
    documents::line,
    fault::Fault,
    gate::{Gate, Mode},
    receiver::{Receiver, Reply, Request},
    shop::BEANS,
};
use serde_json::{Value, json};

use super::{OPENED, listening};
use crate::kill::kill_at;

/// Subscriptions that are due at the same time, in several parts of the due index.
const MANY: usize = 12;

const BEGAN: [&str; 2] = ["job_runs.create", "job_runs.start"];

/// The topics that were told of each job run, in order of their names.
pub(super) fn told(heard: &[Request]) -> BTreeMap<String, Vec<String>> {
    let mut told: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for request in heard {
        let id = request.at("/data/id").as_str().unwrap_or_default().to_owned();
        assert_eq!(request.at("/data/type"), "job_runs");
        told.entry(id).or_default().push(request.topic().to_owned());
    }
    told.values_mut().for_each(|topics| topics.sort());
    told
}

/// What is told of a job run that is over.
pub(super) fn over(errors: bool) -> Vec<String> {
    let mut topics = vec!["job_runs.complete"];
    topics.extend(errors.then_some("job_runs.complete_with_errors"));
    topics.extend(BEGAN);
    topics.into_iter().map(str::to_owned).collect()
}

/// The message of a topic.
fn of<'a>(heard: &'a [Request], topic: &str) -> TestResult<&'a Request> {
    let found = heard.iter().find(|request| request.topic() == topic);
    found.ok_or_else(|| format!("{topic} was not told").into())
}

/// A shop with many monthly subscriptions, whose job runs a receiver is told of.
async fn shop_with_many(plan: Plan, receiver: &Receiver) -> TestResult<Shop> {
    let shop = plan.model(json!({"strategy": "by_line_items"})).open().await?;
    shop.order(&vec![line(BEANS, 1, "monthly"); MANY]).await?;
    listening(&shop, "job_runs.*", receiver).await?;
    Ok(shop)
}

#[tokio::test]
async fn a_tick_that_finds_work_begins_and_is_over_once_however_often_it_comes() -> TestResult {
    for binary in ["renewal-tick", "order-copy", "event-relay"] {
        let receiver = Receiver::start(Reply::Status(200)).await?;
        let gate = Gate::before(binary);
        gate.set(Mode::Twice);
        let plan = Plan { functions: gate.functions(), ..Plan::at("2027-01-31T10:00:20Z")? };
        let shop = shop_with_many(plan, &receiver).await?;
        // Between two minutes, so that no tick comes on the way.
        shop.advance_to("2027-02-28T10:00:45Z").await?;
        try_join_all((0..3).map(|_| shop.tick())).await?;
        shop.settle().await?;
        let [(job, _)] = &shop.job_runs().await?[..] else { panic!("{binary}: one job run") };
        let began = receiver.heard();
        assert_eq!(
            told(&began),
            BTreeMap::from([(job.id.to_string(), BEGAN.map(str::to_owned).to_vec())])
        );
        assert_eq!(of(&began, "job_runs.start")?.at("/data/attributes/kind"), "scheduled");

        shop.advance("PT1H").await?;
        let heard = receiver.heard();
        assert_eq!(told(&heard), BTreeMap::from([(job.id.to_string(), over(false))]), "{binary}");
        let end = of(&heard, "job_runs.complete")?;
        assert_eq!(end.at("/data/attributes/status"), "completed");
        assert_eq!(end.at("/data/attributes/placed_count"), MANY);
        assert_eq!(end.at("/meta/event/after/placed_count"), MANY);
        assert_eq!(end.at("/meta/event/sequence"), 2);
        if binary == "event-relay" {
            // Then the bus has everything twice.
            shop.prove_books().await?;
        } else {
            shop.prove_events().await?;
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_job_run_whose_messages_were_lost_is_over_when_its_runs_are() -> TestResult {
    let receiver = Receiver::start(Reply::Status(200)).await?;
    let gate = Gate::before("order-copy");
    let plan = Plan { functions: gate.functions(), ..Plan::at(OPENED)? };
    let shop = shop_with_many(plan, &receiver).await?;
    gate.set(Mode::Losing);
    shop.advance_to("2027-02-28T10:15:00Z").await?;
    let [(first, _)] = &shop.job_runs().await?[..] else { panic!("one job run") };
    let pending = BTreeMap::from([(first.id.to_string(), BEGAN.map(str::to_owned).to_vec())]);
    assert_eq!(told(&receiver.heard()), pending, "its runs have no result");

    // The leases end, and another job run takes them up.
    gate.set(Mode::Open);
    shop.advance("PT3H").await?;
    let jobs = shop.job_runs().await?;
    assert_eq!(jobs.len(), 2);
    let both: BTreeMap<_, _> =
        jobs.iter().map(|(job, _)| (job.id.to_string(), over(false))).collect();
    assert_eq!(told(&receiver.heard()), both);
    shop.prove_events().await
}

#[tokio::test]
async fn a_dead_letter_is_a_result_and_what_becomes_of_it_is_told_by_its_run() -> TestResult {
    let receiver = Receiver::start(Reply::Status(200)).await?;
    let shop = Plan::at(OPENED)?.open().await?;
    let subscription = shop.subscribe("monthly").await?;
    shop.pay_by(&subscription, &shop.new_source("tok_unavailable_50").await?).await?;
    listening(&shop, "job_runs.*", &receiver).await?;
    shop.advance_to("2027-02-28T20:00:00Z").await?;
    let heard = receiver.heard();
    let [(job, _)] = &shop.job_runs().await?[..] else { panic!("one job run") };
    let expected = BTreeMap::from([(job.id.to_string(), over(true))]);
    assert_eq!(told(&heard), expected);
    let end = of(&heard, "job_runs.complete_with_errors")?;
    assert_eq!(end.at("/data/attributes/dead_lettered_count"), 1);
    assert_eq!(end.at("/meta/event/after/dead_lettered_count"), 1);

    shop.pay_by(&subscription, &shop.goods.source).await?;
    let [letter] = &shop.dead_letters().await?[..] else { panic!("one letter") };
    let redrive = documents::update("dead_letters", letter.id.as_str(), &json!({"_redrive": true}));
    let path = format!("dead_letters/{}", letter.id);
    shop.api.patch(&path, &redrive).send().await?.with_status(200)?;
    shop.settle().await?;
    shop.advance("PT2H").await?;
    assert_eq!(told(&receiver.heard()), expected, "it is over once");
    let now = shop.api.get(&format!("job_runs/{}", job.id)).await?;
    assert_eq!(now.attribute("status"), "completed", "the log knows what became of it");
    shop.prove_events().await
}

#[tokio::test]
async fn what_people_start_is_told_as_well_and_nothing_is_told_of_ticks_that_find_nothing()
-> TestResult {
    let receiver = Receiver::start(Reply::Status(200)).await?;
    let shop = Plan::at(OPENED)?.open().await?;
    let subscription = shop.subscribe("monthly").await?;
    shop.pay_by(&subscription, &shop.new_source("tok_hard_decline").await?).await?;
    listening(&shop, "job_runs.*", &receiver).await?;
    shop.tick().await?;
    shop.advance("P1D").await?;
    assert!(receiver.heard().is_empty(), "nothing was due");

    // By hand: everything that is due, which is nothing.
    let asked = documents::create("job_runs", json!({}), &[]);
    let manual = shop.api.create("job_runs", &asked).await?.id()?;
    shop.advance("PT3M").await?;
    assert_eq!(told(&receiver.take()), BTreeMap::from([(manual.clone(), over(false))]));
    for (path, count) in [
        (format!("job_runs/{manual}/events"), 3),
        (format!("events?filter[q][resource_id_eq]={manual}"), 3),
        (format!("journal_entries?filter[q][subject_eq]={manual}"), 2),
    ] {
        assert_eq!(shop.api.get(&path).await?.list()?.len(), count, "{path}");
    }
    let complete = format!("events/evt_{manual}_2_102");
    assert_eq!(shop.api.get(&complete).await?.attribute("name"), "job_runs.complete");
    let again =
        documents::update("events", &format!("evt_{manual}_2_102"), &json!({"_trigger": true}));
    shop.api.patch(&complete, &again).send().await?.with_status(200)?;
    shop.settle().await?;
    assert_eq!(told(&receiver.take()).get(&manual).map(Vec::len), Some(1), "sent again");

    // One that declines, and what has failed in it once more.
    shop.advance_to("2027-03-01T00:00:00Z").await?;
    let failed = shop.job_runs().await?.pop().ok_or("it was logged")?.0;
    assert_eq!(told(&receiver.take()).get(failed.id.as_str()), Some(&over(true)));
    shop.pay_by(&subscription, &shop.goods.source).await?;
    shop.advance("PT1H").await?;
    drop(receiver.take());
    let asked =
        documents::create("job_runs", json!({}), &[("retry_of", "job_runs", failed.id.as_str())]);
    let retried = shop.api.create("job_runs", &asked).await?.id()?;
    shop.advance("PT3M").await?;
    let heard = receiver.take();
    assert_eq!(told(&heard), BTreeMap::from([(retried, over(false))]));
    assert_eq!(of(&heard, "job_runs.create")?.at("/data/attributes/kind"), "retry_failed");

    // The next run at once.
    let now =
        documents::update("order_subscriptions", subscription.as_str(), &json!({"_run_now": true}));
    let path = format!("order_subscriptions/{subscription}");
    shop.api.patch(&path, &now).send().await?.with_status(200)?;
    shop.advance("PT3M").await?;
    let heard = receiver.take();
    let started_by = of(&heard, "job_runs.complete")?.at("/data/attributes/started_by");
    assert_ne!(started_by, "system:renewal-tick");
    assert_eq!(told(&heard).into_values().collect::<Vec<_>>(), [over(false)]);

    // A proof of the books.
    let asked = documents::create("reconciliations", json!({"from": OPENED}), &[]);
    let proof = shop.api.create("reconciliations", &asked).await?.id()?;
    shop.settle().await?;
    let heard = receiver.take();
    assert_eq!(told(&heard), BTreeMap::from([(proof, over(false))]));
    let end = of(&heard, "job_runs.complete")?;
    assert_eq!(end.at("/data/attributes/kind"), "reconciliation");
    assert_eq!(end.at("/meta/event/after/discrepancies_count"), 0);
    shop.prove_events().await
}

#[tokio::test]
async fn what_comes_after_the_end_of_a_job_run_belongs_to_another() -> TestResult {
    let receiver = Receiver::start(Reply::Status(200)).await?;
    let gate = Gate::before("renewal-tick");
    let plan = Plan { functions: gate.functions(), ..Plan::at("2027-01-31T10:00:20Z")? };
    let shop = plan.open().await?;
    shop.subscribe("monthly").await?;
    listening(&shop, "job_runs.*", &receiver).await?;
    shop.advance_to("2027-02-28T10:00:45Z").await?;
    gate.forget();
    shop.tick().await?;
    shop.settle().await?;
    let parts: Vec<String> = gate.bodies();
    shop.advance("PT1H").await?;
    let [(first, _)] = &shop.job_runs().await?[..] else { panic!("one job run") };
    assert_eq!(told(&receiver.take()), BTreeMap::from([(first.id.to_string(), over(false))]));

    // The messages of that tick come again when something else is due.
    shop.advance_to("2027-03-31T10:00:45Z").await?;
    let others = shop.job_runs().await?.len();
    shop.send("RENEWAL_TICK", &parts, 0).await?;
    shop.settle().await?;
    shop.advance("PT1H").await?;
    let jobs = shop.job_runs().await?;
    assert_eq!(jobs.len(), others + 1, "not the old one");
    assert!(jobs.iter().all(|(job, _)| job.kind == JobKind::Scheduled));
    let told = told(&receiver.take());
    assert!(!told.contains_key(first.id.as_str()), "{told:?}");
    assert_eq!(told.into_values().collect::<Vec<_>>(), [over(false)]);
    let runs: Value =
        shop.api.get(&format!("job_runs/{}", first.id)).await?.attribute("runs_total").clone();
    assert_eq!(runs, 1, "what was over stays as it was");
    shop.prove_events().await
}

#[tokio::test]
async fn a_retry_that_comes_after_the_end_of_its_job_run_belongs_to_another() -> TestResult {
    let receiver = Receiver::start(Reply::Status(200)).await?;
    let gate = Gate::before("renewal-tick");
    let plan = Plan { functions: gate.functions(), ..Plan::at("2027-01-31T10:00:20Z")? };
    let shop = plan.open().await?;
    let subscription = shop.subscribe("monthly").await?;
    shop.pay_by(&subscription, &shop.new_source("tok_hard_decline").await?).await?;
    shop.advance_to("2027-02-28T12:00:45Z").await?;
    let [(failed, _)] = &shop.job_runs().await?[..] else { panic!("one job run") };
    listening(&shop, "job_runs.*", &receiver).await?;

    // Its message is lost, as far as anybody can tell within the hour.
    gate.forget();
    gate.set(Mode::Losing);
    let asked =
        documents::create("job_runs", json!({}), &[("retry_of", "job_runs", failed.id.as_str())]);
    let retry = shop.api.create("job_runs", &asked).await?.id()?;
    shop.settle().await?;
    let bodies = gate.bodies();
    gate.set(Mode::Open);
    shop.advance("PT3H").await?;
    assert_eq!(told(&receiver.take()), BTreeMap::from([(retry.clone(), over(false))]));

    // It comes all the same.
    let before = shop.job_runs().await?.len();
    shop.send("RENEWAL_TICK", &bodies, 0).await?;
    shop.settle().await?;
    shop.advance("PT1H").await?;
    let ended = shop.api.get(&format!("job_runs/{retry}")).await?;
    assert_eq!(ended.attribute("runs_total"), 0, "what was over stays as it was");
    let jobs = shop.job_runs().await?;
    assert_eq!(jobs.len(), before + 1);
    let of_retries = jobs.iter().filter(|(job, _)| job.retry_of.as_ref() == Some(&failed.id));
    let another = of_retries.map(|(job, _)| job.id.to_string()).find(|id| *id != retry);
    let another = another.ok_or("a job run of its own")?;
    assert_eq!(told(&receiver.take()), BTreeMap::from([(another, over(true))]));
    shop.prove_events().await
}

/// A delivery may come twice, with the same id: what is told is counted by that.
#[tokio::test]
async fn killed_where_job_runs_begin_and_end_each_is_told_once() -> TestResult {
    const TICK: &str = "renewal-tick";
    const PUT: &str = "DynamoDB_20120810.PutItem";
    const COMMIT: &str = "DynamoDB_20120810.TransactWriteItems";
    let receiver = Receiver::start(Reply::Status(200)).await?;
    let data = tempfile::tempdir()?;
    let shop = Plan::at(OPENED)?
        .model(json!({"strategy": "by_line_items"}))
        .kept_in(data.path())
        .open()
        .await?;
    shop.order(&vec![line(BEANS, 1, "daily"); MANY]).await?;
    listening(&shop, "job_runs.*", &receiver).await?;
    let goods = shop.close().await;
    for point in [
        // It has begun and does not stand in the log; it does and nothing was sent for it.
        (TICK, PUT, 1, Fault::StopBefore),
        (TICK, "AmazonSQS.SendMessageBatch", 1, Fault::StopBefore),
        // A tick is about to write that it is over, and then has.
        (TICK, COMMIT, 1, Fault::StopBefore),
        (TICK, COMMIT, 1, Fault::StopAfter),
        // That is on the bus and still to be relayed, then on its way, and then sent.
        ("event-relay", "AWSEvents.PutEvents", 1, Fault::StopAfter),
        ("webhooks", PUT, 1, Fault::StopAfter),
        ("webhooks", PUT, 2, Fault::StopBefore),
    ] {
        kill_at(data.path(), point, "P1D").await?;
    }
    let shop = Shop::reopen(data.path(), goods).await?;
    shop.advance_to("2027-02-10T18:00:00Z").await?;
    let mut ids = BTreeSet::new();
    let mut heard = receiver.heard();
    heard.retain(|request| ids.insert(request.header("webhook-id").to_owned()));
    let jobs = shop.job_runs().await?;
    let expected: BTreeMap<_, _> =
        jobs.iter().map(|(job, _)| (job.id.to_string(), over(false))).collect();
    assert_eq!(told(&heard), expected);
    assert!(jobs.len() >= 10, "one a day: {}", jobs.len());
    shop.prove_books().await?;
    shop.prove_job_log().await
}
