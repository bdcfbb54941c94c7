//! A message that nobody can handle harms no other: it becomes a dead letter with its story, its
//! siblings in the batch commit, and once the fault is repaired it can be redriven.

use perennial_domain::{money::MinorUnits, run::RunStatus};
use perennial_store::DeadLetterStatus;
use perennial_tests::{
    Plan, Shop, TestResult, documents,
    documents::line,
    gate::{Gate, Mode},
    shop::BEANS,
};
use serde_json::json;

/// Real messages in the batch with the poison.
const SIBLINGS: usize = 7;

/// A shop whose renewals of 28 February were sent to order copy and caught on the way.
async fn shop_with_caught_messages(gate: &Gate) -> TestResult<(Shop, Vec<String>)> {
    let plan = Plan { functions: gate.functions(), ..Plan::at("2027-01-31T10:00:00Z")? };
    let shop = plan.model(json!({"strategy": "by_line_items"})).open().await?;
    shop.order(&vec![line(BEANS, 1, "monthly"); SIBLINGS]).await?;
    gate.set(Mode::Losing);
    shop.advance_to("2027-02-28T10:02:00Z").await?;
    let bodies = gate.bodies();
    assert_eq!(bodies.len(), SIBLINGS);
    gate.forget();
    gate.set(Mode::Open);
    Ok((shop, bodies))
}

#[tokio::test]
async fn a_poison_message_becomes_a_dead_letter_while_its_siblings_commit() -> TestResult {
    let gate = Gate::before("order-copy");
    let (shop, mut batch) = shop_with_caught_messages(&gate).await?;
    batch.insert(3, "{\"organization\": \"acme\", this is no JSON".to_owned());
    batch.insert(5, json!({"organization": "acme", "subscription_id": "ord_1"}).to_string());
    // They all become visible at the same instant, so one invocation gets them all.
    shop.send("ORDER_COPY", &batch, 60).await?;
    shop.advance("PT2M").await?;
    assert_eq!(gate.batches(), [SIBLINGS + 2]);

    for subscription in shop.subscriptions().await? {
        let runs = shop.runs(&subscription.id).await?;
        let [run] = &runs[..] else { panic!("{}: {} runs", subscription.id, runs.len()) };
        assert_eq!(run.status, RunStatus::Successful);
    }
    let letters = shop.dead_letters().await?;
    assert_eq!(letters.len(), 2, "{letters:?}");
    for letter in &letters {
        assert_eq!(letter.status, DeadLetterStatus::Open);
        assert_eq!(letter.source, "order-copy");
        assert_eq!(letter.attempts, 1, "what can't succeed burns no retries");
        assert!(batch.contains(&letter.body), "the body is kept as it was");
        assert!(letter.error.is_some(), "and why it could not be handled");
    }
    shop.prove_events().await
}

#[tokio::test]
async fn poison_that_is_redriven_unrepaired_comes_back_and_is_never_lost() -> TestResult {
    let shop = Shop::open_at("2027-01-31T10:00:00Z").await?;
    for queue in ["VALIDATION", "ORDER_COPY", "PAYMENT_RETRY"] {
        shop.send(queue, &["poison".to_owned()], 0).await?;
    }
    shop.settle().await?;
    let letters = shop.dead_letters().await?;
    let mut sources: Vec<&str> = letters.iter().map(|letter| letter.source.as_str()).collect();
    sources.sort_unstable();
    assert_eq!(sources, ["order-copy", "payment-retry", "validation"]);
    for letter in &letters {
        let path = format!("dead_letters/{}", letter.id);
        let redrive =
            documents::update("dead_letters", letter.id.as_str(), &json!({"_redrive": true}));
        shop.api.patch(&path, &redrive).send().await?.with_status(200)?;
    }
    shop.settle().await?;
    let letters = shop.dead_letters().await?;
    let open = letters.iter().filter(|letter| letter.status == DeadLetterStatus::Open);
    assert_eq!(open.count(), 3, "{letters:?}");
    for letter in letters.iter().filter(|letter| letter.status == DeadLetterStatus::Open) {
        let path = format!("dead_letters/{}", letter.id);
        let discard = json!({"_discard": true, "discard_reason": "it was a test"});
        let discard = documents::update("dead_letters", letter.id.as_str(), &discard);
        shop.api.patch(&path, &discard).send().await?.with_status(200)?;
        let kept = shop.api.get(&path).await?;
        assert_eq!(kept.attribute("status"), "discarded");
        assert_eq!(kept.attribute("discard_reason"), "it was a test");
    }
    Ok(())
}

#[tokio::test]
async fn a_provider_that_stays_away_uses_up_every_receive_and_a_redrive_pays_later() -> TestResult {
    let shop = Shop::open_at("2027-01-31T10:00:00Z").await?;
    let subscription = shop.subscribe("monthly").await?;
    shop.pay_by(&subscription, &shop.new_source("tok_unavailable_50").await?).await?;
    shop.advance_to("2027-02-28T20:00:00Z").await?;
    let letters = shop.dead_letters().await?;
    let [letter] = &letters[..] else { panic!("{letters:?}") };
    assert_eq!(letter.attempts, 5, "as often as the queue allows");
    assert_eq!(letter.subject.as_deref(), Some(subscription.as_str()));
    assert_eq!(letter.value_at_risk.map(MinorUnits::get), Some(1250));

    shop.pay_by(&subscription, &shop.goods.source).await?;
    let redrive = documents::update("dead_letters", letter.id.as_str(), &json!({"_redrive": true}));
    let path = format!("dead_letters/{}", letter.id);
    shop.api.patch(&path, &redrive).send().await?.with_status(200)?;
    shop.settle().await?;
    let runs = shop.runs(&subscription).await?;
    let [run] = &runs[..] else { panic!("{runs:?}") };
    assert_eq!(run.status, RunStatus::Successful);
    assert_eq!(shop.charges_of(run).await?, 1);
    shop.prove_events().await
}
