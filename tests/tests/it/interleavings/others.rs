//! A worker waits at each of its await points while somebody else acts fully, and then goes on.

use perennial_domain::{ids::SubscriptionId, lifecycle::SubscriptionStatus, run::RunStatus};
use perennial_local::interrupt::Work;
use perennial_store::DeadLetter;
use perennial_tests::{TestResult, documents};
use serde_json::{Value, json};

use super::stage::{Collected, Moment, Stage};

/// Who acts meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Other {
    /// The customer cancels.
    Cancel,
    /// The customer cancels, and a tick has the open run closed.
    CancelAndClose,
    /// The same, and then the subscription is deleted.
    Delete,
    /// The customer pauses.
    Pause,
    /// The customer pauses and takes it up again at once.
    PauseAndResume,
    /// The customer wants to pay by another card.
    NewSource,
    /// An operator has the run tried again.
    RetryByHand,
    /// The queue delivers the message a second time.
    SecondDelivery,
    /// The lease ends, and a tick hands the work to another worker.
    Tick,
}

impl Other {
    /// Whether the subscription must not be charged any more.
    fn ends_it(self) -> bool {
        match self {
            Self::Cancel | Self::CancelAndClose | Self::Delete | Self::Pause => true,
            Self::PauseAndResume
            | Self::NewSource
            | Self::RetryByHand
            | Self::SecondDelivery
            | Self::Tick => false,
        }
    }
}

/// A worker that waits at one of its points.
struct UnderWay {
    point: usize,
    subscription: SubscriptionId,
    message: Value,
    work: Work,
}

/// What was seen at one point.
#[derive(Debug)]
struct Seen {
    point: usize,
    subscription: SubscriptionId,
    charged_before: usize,
    /// Whether the subscription must not be charged any more.
    ended_it: bool,
}

impl Stage {
    /// Has a subscription changed; answers `false` when that is refused, because its payment is
    /// being collected.
    async fn trigger(&self, subscription: &SubscriptionId, trigger: &str) -> TestResult<bool> {
        let change = documents::update(
            "order_subscriptions",
            subscription.as_str(),
            &json!({trigger: true}),
        );
        let path = format!("order_subscriptions/{subscription}");
        let answer = self.shop.api.patch(&path, &change).send().await?;
        if answer.status == 409 && answer.text("/errors/0/code")? == "invalid_status" {
            return Ok(false);
        }
        answer.with_status(200)?;
        Ok(true)
    }

    async fn do_what_came(&mut self, under_way: &[UnderWay]) -> TestResult {
        self.listen().await?;
        for UnderWay { subscription, .. } in under_way {
            if let Some(message) = self.take_message(subscription) {
                self.worker.deliver(&[message]).await?;
            }
        }
        Ok(())
    }

    /// Lets the other act on one subscription; answers `false` when it is refused.
    async fn act(&self, other: Other, work: &UnderWay) -> TestResult<bool> {
        let subscription = &work.subscription;
        Ok(match other {
            Other::Cancel | Other::CancelAndClose | Other::Delete => {
                self.trigger(subscription, "_cancel").await?
            }
            Other::Pause => self.trigger(subscription, "_deactivate").await?,
            Other::PauseAndResume => {
                self.trigger(subscription, "_deactivate").await?
                    && self.trigger(subscription, "_activate").await?
            }
            Other::NewSource => {
                // Refused while a run is under way.
                self.shop.pay_by(subscription, &self.other_source).await.is_ok()
            }
            Other::RetryByHand => {
                self.retry_by_hand(subscription).await?;
                true
            }
            Other::SecondDelivery => {
                self.worker.deliver(std::slice::from_ref(&work.message)).await?;
                true
            }
            Other::Tick => true,
        })
    }

    /// Lets the other act fully on everything that is under way; answers where it was not refused.
    async fn act_on_all(&mut self, other: Other, under_way: &[UnderWay]) -> TestResult<Vec<bool>> {
        let mut acted = Vec::with_capacity(under_way.len());
        for work in under_way {
            self.take_message(&work.subscription);
            acted.push(self.act(other, work).await?);
        }
        if matches!(other, Other::CancelAndClose | Other::Delete | Other::Tick) {
            // The lease ends, and whoever is called then does all of its work.
            self.shop.advance("PT25M").await?;
        }
        self.do_what_came(under_way).await?;
        if other == Other::Delete {
            for (work, _) in under_way.iter().zip(&acted).filter(|(_, acted)| **acted) {
                let path = format!("order_subscriptions/{}", work.subscription);
                let answer = self.shop.api.request(reqwest::Method::DELETE, &path).send().await?;
                assert!(matches!(answer.status, 204 | 409 | 422), "{:#}", answer.body);
            }
        }
        Ok(acted)
    }
}

/// Lets somebody act at point 1 of the first subscription, point 2 of the second, and so on. Answers
/// how many points there are, and at how many of them the worker charged what was ended by then.
async fn meet_everywhere(moment: Moment, token: &str, other: Other) -> TestResult<(usize, usize)> {
    let mut stage = Stage::at(moment, token).await?;
    let (mut under_way, mut ended) = (Vec::new(), false);
    for (point, subscription) in (1..).zip(stage.subscriptions.clone()) {
        let message = stage.message(&subscription)?;
        let mut work = stage.worker.begin(std::slice::from_ref(&message));
        if !work.reach(point).await? {
            ended = true;
            break;
        }
        under_way.push(UnderWay { point, subscription, message, work });
    }
    assert!(ended, "the worker has more await points than there are subscriptions");
    let acted = stage.act_on_all(other, &under_way).await?;
    let refused = acted.iter().filter(|acted| !**acted).count();
    let collected = stage.collected().await?;
    let mut met = Vec::new();
    for (UnderWay { point, subscription, message, work }, acted) in under_way.into_iter().zip(acted)
    {
        let before = stage.run(&subscription, &collected).await?;
        let charged_before = before.map_or(0, |(_, charges)| charges);
        let answer = work.finish().await?;
        if answer.pointer("/batchItemFailures/0").is_some() {
            stage.worker.deliver(&[message]).await?;
        }
        let ended_it = acted && other.ends_it();
        met.push(Seen { point, subscription, charged_before, ended_it });
    }
    stage.let_go().await?;
    let collected = stage.collected().await?;
    let letters = stage.shop.dead_letters().await?;
    let mut late = 0;
    for seen in &met {
        let charged_late =
            judge(&stage, other, seen, (&collected, &letters)).await.map_err(|error| {
                format!("{moment:?} by {token}, {other:?} at point {}: {error}", seen.point)
            })?;
        late += usize::from(charged_late);
    }
    if other != Other::Delete {
        stage.prove_stock().await?;
        stage.shop.prove_books().await?;
    }
    stage.shop.prove_job_log().await?;
    println!(
        "{moment:?} by {token}: {other:?} at each of {} await points, refused at {refused} of them, \
         charged afterwards and settled at {late}",
        met.len()
    );
    Ok((met.len(), late))
}

/// Holds what became of one subscription against what may. Answers whether it was charged after it
/// had ended.
async fn judge(
    stage: &Stage,
    other: Other,
    seen: &Seen,
    (collected, letters): (&Collected, &[DeadLetter]),
) -> TestResult<bool> {
    let Some((run, charges)) = stage.run(&seen.subscription, collected).await? else {
        return if seen.ended_it { Ok(false) } else { Err("it has no run".into()) };
    };
    let placed = run.status == RunStatus::Successful;
    let told = format!("{} was deleted while its run", seen.subscription);
    let tells = |letter: &DeadLetter| letter.error.as_ref().is_some_and(|e| e.contains(&told));
    if other == Other::Delete && letters.iter().any(tells) {
        // Nobody is left to make an order for: a person gives it back.
        assert!(charges == 1 && !placed, "charged {charges} times, and {:?}", run.status);
        return Ok(true);
    }
    if placed != (charges == 1) {
        return Err(format!("charged {charges} times, and {:?}", run.status).into());
    }
    if !seen.ended_it {
        return if placed { Ok(false) } else { Err(format!("it is {:?}", run.status).into()) };
    }
    let subscription = stage.shop.store.subscription(&stage.shop.organization, &seen.subscription);
    let status = subscription.await?.map(|subscription| subscription.status);
    let expected = match other {
        Other::Pause => SubscriptionStatus::Inactive,
        _ => SubscriptionStatus::Cancelled,
    };
    if status.is_some_and(|status| status != expected) {
        return Err(format!("the subscription is {status:?}").into());
    }
    if run.status == RunStatus::Open && other != Other::Pause {
        return Err("its run is still open".into());
    }
    Ok(charges > seen.charged_before)
}

async fn survive(moment: Moment, token: &str, others: &[Other]) -> TestResult {
    let mut all = 0;
    for other in others {
        let (points, late) = meet_everywhere(moment, token, *other).await?;
        assert!(points >= 8, "{moment:?} by {token} has only {points} await points");
        // A run that was begun is completed when it was paid. A retry looks again before it charges,
        // and holds a claim meanwhile that nobody else gets past.
        let is_retry = matches!(moment, Moment::Retry | Moment::RetryByHand);
        assert!(
            !is_retry || late == 0,
            "{moment:?} by {token}, {other:?}: {late} charges too late"
        );
        all += points;
    }
    println!("{moment:?} by {token}: {all} interleavings");
    Ok(())
}

const ENDINGS: &[Other] = &[Other::Cancel, Other::CancelAndClose, Other::Delete, Other::Pause];
const COMPANY: &[Other] = &[
    Other::PauseAndResume,
    Other::NewSource,
    Other::RetryByHand,
    Other::SecondDelivery,
    Other::Tick,
];

#[tokio::test]
async fn a_retry_under_way_never_charges_what_was_cancelled_or_paused_in_silence() -> TestResult {
    survive(Moment::Retry, "tok_declines_1", ENDINGS).await
}

#[tokio::test]
async fn a_retry_whose_answer_is_late_never_charges_what_was_ended_in_silence() -> TestResult {
    survive(Moment::Retry, "tok_timeout_after_charge", ENDINGS).await
}

#[tokio::test]
async fn a_retry_by_hand_never_charges_what_was_cancelled_or_paused_in_silence() -> TestResult {
    survive(Moment::RetryByHand, "tok_declines_1", ENDINGS).await
}

#[tokio::test]
async fn a_retry_shares_its_run_with_whoever_comes_meanwhile() -> TestResult {
    survive(Moment::Retry, "tok_declines_1", COMPANY).await
}

#[tokio::test]
async fn a_retry_by_hand_shares_its_run_with_whoever_comes_meanwhile() -> TestResult {
    survive(Moment::RetryByHand, "tok_declines_1", COMPANY).await
}

#[tokio::test]
async fn a_run_under_way_shares_its_number_with_whoever_comes_meanwhile() -> TestResult {
    let company = &[Other::PauseAndResume, Other::NewSource, Other::SecondDelivery, Other::Tick];
    survive(Moment::Run, "tok_paid", company).await
}

#[tokio::test]
async fn a_run_under_way_never_charges_what_was_cancelled_or_paused_in_silence() -> TestResult {
    survive(Moment::Run, "tok_paid", ENDINGS).await
}

#[tokio::test]
async fn a_run_that_is_paid_when_its_units_are_sold_is_placed_and_says_so() -> TestResult {
    let mut stage = Stage::at(Moment::Run, "tok_paid").await?;
    let subscription = stage.subscriptions.first().cloned().ok_or("no subscription")?;
    let message = stage.message(&subscription)?;
    let mut work = stage.worker.begin(std::slice::from_ref(&message));
    let before = stage.left().await?;
    while stage.left().await? == before {
        assert!(work.step().await.is_none(), "it ended without taking anything from stock");
    }
    let mut under_way = vec![UnderWay { point: 0, subscription, message, work }];
    stage.act_on_all(Other::CancelAndClose, &under_way).await?;
    assert_eq!(stage.left().await?, before, "what is given up is put back");
    stage.sell_out().await?;
    let UnderWay { subscription, work, .. } = under_way.pop().ok_or("no work")?;
    work.finish().await?;
    let collected = stage.collected().await?;
    let (run, charges) = stage.run(&subscription, &collected).await?.ok_or("no run")?;
    assert_eq!((run.status, charges), (RunStatus::Successful, 1));
    let last = run.errors_log.last().ok_or("nothing was noted")?;
    assert_eq!(last.code, "oversold");
    assert_eq!(last.resource.as_ref().and_then(|sku| sku.code.as_deref()), Some("SCARCE"));
    assert_eq!(stage.left().await?, 0);
    Ok(())
}
