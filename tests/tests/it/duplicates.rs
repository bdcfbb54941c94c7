//! However often a message comes, in whatever order, and however many ticks run at once: one
//! occurrence makes one order and one charge.

use futures::future::try_join_all;
use perennial_domain::run::RunStatus;
use perennial_store::{JobCounts, JobKind};
use perennial_tests::{
    Plan, Shop, TestResult, documents,
    documents::line,
    gate::{Gate, Mode},
    shop::BEANS,
};
use serde_json::json;

/// Subscriptions that are due at the same time.
const MANY: usize = 12;

/// A shop with many monthly subscriptions, made at ten in the morning of 31 January.
async fn shop_with_many(plan: Plan) -> TestResult<Shop> {
    let shop = plan.model(json!({"strategy": "by_line_items"})).open().await?;
    let lines = vec![line(BEANS, 1, "monthly"); MANY];
    let order = shop.order(&lines).await?;
    assert_eq!(shop.subscriptions_of(&order).await?.len(), MANY);
    Ok(shop)
}

/// Each subscription has made exactly one run, which is paid, by one charge.
async fn prove_one_each(shop: &Shop) -> TestResult {
    for subscription in shop.subscriptions().await? {
        let runs = shop.runs(&subscription.id).await?;
        let [run] = &runs[..] else { panic!("{}: {} runs", subscription.id, runs.len()) };
        assert_eq!((run.number.get(), run.status), (1, RunStatus::Successful));
    }
    assert_eq!(shop.charges().await?.len(), MANY + 1, "and one for the order itself");
    shop.prove_events().await
}

#[tokio::test]
async fn every_message_delivered_twice_at_once_and_backwards_changes_nothing() -> TestResult {
    for binary in ["validation", "renewal-tick", "order-copy"] {
        let gate = Gate::before(binary);
        gate.set(Mode::Twice);
        let plan = Plan { functions: gate.functions(), ..Plan::at("2027-01-31T10:00:00Z")? };
        let shop = shop_with_many(plan).await?;
        shop.advance_to("2027-03-01T00:00:00Z").await?;
        assert!(!gate.bodies().is_empty(), "{binary}");
        prove_one_each(&shop).await?;
    }
    Ok(())
}

#[tokio::test]
async fn retries_delivered_twice_at_once_charge_once() -> TestResult {
    let gate = Gate::before("payment-retry");
    gate.set(Mode::Twice);
    let plan = Plan { functions: gate.functions(), ..Plan::at("2027-01-31T10:00:00Z")? };
    let shop = plan.open().await?;
    let subscription = shop.subscribe("monthly").await?;
    shop.pay_by(&subscription, &shop.new_source("tok_declines_2").await?).await?;
    shop.advance_to("2027-03-05T00:00:00Z").await?;
    let runs = shop.runs(&subscription).await?;
    let [run] = &runs[..] else { panic!("{runs:?}") };
    assert_eq!((run.status, run.attempts), (RunStatus::Successful, 3));
    assert_eq!(gate.bodies().len(), 2, "one message for each retry");
    shop.prove_events().await
}

#[tokio::test]
async fn messages_sent_again_long_after_and_in_reverse_find_their_work_done() -> TestResult {
    let gate = Gate::before("order-copy");
    let plan = Plan { functions: gate.functions(), ..Plan::at("2027-01-31T10:00:00Z")? };
    let shop = shop_with_many(plan).await?;
    shop.advance_to("2027-03-01T00:00:00Z").await?;
    let mut bodies = gate.bodies();
    assert_eq!(bodies.len(), MANY);
    bodies.reverse();
    bodies.extend(bodies.clone());
    shop.send("ORDER_COPY", &bodies, 0).await?;
    shop.settle().await?;
    assert_eq!(gate.bodies().len(), 3 * MANY, "they were all delivered");
    prove_one_each(&shop).await?;
    let [(_, batches)] = &shop.job_runs().await?[..] else { panic!("one job run") };
    let placed = u64::try_from(MANY)?;
    let expected = JobCounts { claimed: placed, placed, ..JobCounts::default() };
    assert_eq!(JobCounts::of(batches), expected, "the job log counts each once");
    Ok(())
}

#[tokio::test]
async fn messages_that_were_lost_are_made_up_for_when_their_lease_ends() -> TestResult {
    let gate = Gate::before("order-copy");
    let plan = Plan { functions: gate.functions(), ..Plan::at("2027-01-31T10:00:00Z")? };
    let shop = shop_with_many(plan).await?;
    gate.set(Mode::Losing);
    shop.advance_to("2027-02-28T10:05:00Z").await?;
    assert_eq!(gate.bodies().len(), MANY, "all were sent, and lost");
    gate.set(Mode::Open);
    shop.advance("PT5M").await?;
    assert_eq!(gate.bodies().len(), MANY, "while the lease holds, nobody sends them again");
    shop.advance("PT15M").await?;
    prove_one_each(&shop).await
}

#[tokio::test]
async fn ticks_at_the_same_moment_share_the_work_and_never_repeat_it() -> TestResult {
    let shop = shop_with_many(Plan::at("2027-01-31T10:00:20Z")?).await?;
    // Between two minutes, so that no tick comes on the way.
    shop.advance_to("2027-02-28T10:00:45Z").await?;
    assert_eq!(shop.charges().await?.len(), 1, "nothing has run yet");
    try_join_all((0..5).map(|_| shop.tick())).await?;
    shop.settle().await?;
    prove_one_each(&shop).await
}

#[tokio::test]
async fn a_manual_run_beside_the_schedule_shares_the_work_and_never_repeats_it() -> TestResult {
    let shop = shop_with_many(Plan::at("2027-01-31T10:00:20Z")?).await?;
    shop.advance_to("2027-02-28T10:00:45Z").await?;
    let now = documents::create("job_runs", json!({}), &[]);
    let run_now = async || {
        shop.api.create("job_runs", &now).await?;
        TestResult::Ok(())
    };
    futures::try_join!(shop.tick(), run_now(), shop.tick(), run_now())?;
    shop.settle().await?;
    prove_one_each(&shop).await?;

    let jobs = shop.job_runs().await?;
    let manual = jobs.iter().filter(|(job, _)| job.kind == JobKind::Manual).count();
    assert_eq!(manual, 2, "each manual run is logged, whether or not it found work");
    let placed: u64 = jobs.iter().map(|(_, batches)| JobCounts::of(batches).placed).sum();
    assert_eq!(placed, u64::try_from(MANY)?);
    Ok(())
}

#[tokio::test]
async fn a_failed_run_tried_again_by_hand_pays_once() -> TestResult {
    let shop = Shop::open_at("2027-01-31T10:00:00Z").await?;
    let subscription = shop.subscribe("monthly").await?;
    shop.pay_by(&subscription, &shop.new_source("tok_hard_decline").await?).await?;
    shop.advance_to("2027-03-01T00:00:00Z").await?;
    shop.pay_by(&subscription, &shop.goods.source).await?;
    let job = shop.api.get("job_runs").await?.text("/data/0/id")?;
    let again = documents::create("job_runs", json!({}), &[("retry_of", "job_runs", &job)]);
    for _ in 0..2 {
        shop.api.create("job_runs", &again).await?;
        shop.settle().await?;
    }
    let runs = shop.runs(&subscription).await?;
    let [run] = &runs[..] else { panic!("{runs:?}") };
    assert_eq!(run.status, RunStatus::Successful);
    assert_eq!(shop.charges_of(run).await?, 1);
    shop.prove_events().await
}
