//! A worker dies at each of its await points, and is started again.

use perennial_domain::run::RunStatus;
use perennial_tests::TestResult;

use super::stage::{Moment, Stage};

/// What brings the work back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Restart {
    /// The queue delivers the message again.
    Message,
    /// The queue delivers it again, and the worker dies a second time, at the same point.
    SecondDeath,
    /// The message is lost too; a later tick takes the work up when the lease has ended.
    Lease,
}

/// Lets the worker die at point 1 of the first subscription, point 2 of the second, and so on, until
/// it has no such point. Answers how many there are.
async fn die_everywhere(
    moment: Moment,
    token: &str,
    restart: Restart,
    ends: RunStatus,
) -> TestResult<usize> {
    let stage = Stage::at(moment, token).await?;
    let mut points = None;
    for (point, subscription) in (1..).zip(&stage.subscriptions) {
        let message = [stage.message(subscription)?];
        let mut work = stage.worker.begin(&message);
        if !work.reach(point).await? {
            points = Some(point - 1);
            break;
        }
        drop(work);
        if moment.is_taxed() {
            stage.change_rates().await?;
        }
        if restart == Restart::SecondDeath {
            stage.worker.begin(&message).reach(point).await?;
        }
        if restart != Restart::Lease {
            stage.worker.deliver(&message).await?;
        }
    }
    let points = points.ok_or("the worker has more await points than there are subscriptions")?;
    stage.let_go().await?;
    let collected = stage.collected().await?;
    for (point, subscription) in (1..).zip(&stage.subscriptions) {
        let context = format!("{moment:?} by {token}, died at point {point}, then {restart:?}");
        let (run, charges) =
            stage.run(subscription, &collected).await?.ok_or_else(|| context.clone())?;
        assert_eq!(run.status, ends, "{context}: {run:?}");
        assert_eq!(charges, usize::from(ends == RunStatus::Successful), "{context}");
        stage.shop.prove_occurrences(subscription).await?;
    }
    stage.prove_stock().await?;
    stage.prove_taxes(moment).await?;
    stage.shop.prove_books().await?;
    stage.shop.prove_job_log().await?;
    assert!(stage.shop.dead_letters().await?.is_empty());
    Ok(points)
}

/// What the first way to pay goes through; for the others, the message comes again: what brings the
/// work back does the same whoever pays.
const ONCE: &[Restart] = &[Restart::Message, Restart::Lease];
/// The same, and a second death: what it leaves behind is what one has left, so once for each worker
/// is enough.
const TWICE: &[Restart] = &[Restart::Message, Restart::Lease, Restart::SecondDeath];

async fn survive(moment: Moment, restarts: &[Restart], tokens: &[(&str, RunStatus)]) -> TestResult {
    let mut all = 0;
    for (index, (token, ends)) in tokens.iter().enumerate() {
        for restart in restarts.iter().copied().take(if index == 0 { restarts.len() } else { 1 }) {
            let points = die_everywhere(moment, token, restart, *ends).await?;
            assert!(points >= 8, "{moment:?} by {token} has only {points} await points");
            println!("{moment:?} by {token}, {restart:?}: died at each of {points} await points");
            all += points;
        }
    }
    println!("{moment:?}: {all} deaths survived");
    Ok(())
}

#[tokio::test]
async fn order_copy_dies_at_every_await_point() -> TestResult {
    survive(
        Moment::Run,
        TWICE,
        &[
            ("tok_paid", RunStatus::Successful),
            ("tok_declines_1", RunStatus::Successful),
            ("tok_hard_decline", RunStatus::Failed),
        ],
    )
    .await
}

#[tokio::test]
async fn order_copy_dies_at_every_await_point_while_the_provider_is_slow() -> TestResult {
    survive(
        Moment::Run,
        ONCE,
        &[
            ("tok_timeout_after_charge", RunStatus::Successful),
            ("tok_timeout_before_charge", RunStatus::Successful),
        ],
    )
    .await
}

#[tokio::test]
async fn order_copy_dies_at_every_await_point_while_prices_follow_a_list() -> TestResult {
    survive(Moment::PricedRun, ONCE, &[("tok_paid", RunStatus::Successful)]).await
}

#[tokio::test]
async fn payment_retry_dies_at_every_await_point() -> TestResult {
    survive(
        Moment::Retry,
        TWICE,
        &[
            ("tok_declines_1", RunStatus::Successful),
            ("tok_declines_2", RunStatus::Successful),
            ("tok_hard_decline", RunStatus::Failed),
        ],
    )
    .await
}

#[tokio::test]
async fn payment_retry_dies_at_every_await_point_while_the_provider_is_slow() -> TestResult {
    survive(
        Moment::Retry,
        ONCE,
        &[
            ("tok_timeout_after_charge", RunStatus::Successful),
            ("tok_timeout_before_charge", RunStatus::Successful),
        ],
    )
    .await
}

#[tokio::test]
async fn a_retry_by_hand_dies_at_every_await_point() -> TestResult {
    survive(
        Moment::RetryByHand,
        ONCE,
        &[("tok_declines_1", RunStatus::Successful), ("tok_hard_decline", RunStatus::Failed)],
    )
    .await
}

#[tokio::test]
async fn order_copy_dies_at_every_await_point_while_taxes_change() -> TestResult {
    survive(
        Moment::TaxedRun,
        TWICE,
        &[
            ("tok_paid", RunStatus::Successful),
            ("tok_timeout_after_charge", RunStatus::Successful),
            ("tok_declines_1", RunStatus::Successful),
        ],
    )
    .await
}

#[tokio::test]
async fn order_copy_dies_at_every_await_point_while_its_market_begins_to_compute_taxes()
-> TestResult {
    survive(Moment::UntaxedRun, ONCE, &[("tok_paid", RunStatus::Successful)]).await
}

#[tokio::test]
async fn payment_retry_dies_at_every_await_point_while_taxes_change() -> TestResult {
    survive(
        Moment::TaxedRetry,
        ONCE,
        &[("tok_declines_1", RunStatus::Successful), ("tok_declines_2", RunStatus::Successful)],
    )
    .await
}

#[tokio::test]
async fn payment_retry_dies_at_every_await_point_while_a_tax_is_told_late() -> TestResult {
    survive(Moment::UntoldTax, ONCE, &[("tok_paid", RunStatus::Successful)]).await
}
