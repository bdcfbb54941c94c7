use crate::time::iana;
use chrono::{NaiveDate, TimeDelta};
use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::{
    ids::{CustomerId, PaymentSourceId},
    lifecycle::SubscriptionStatus,
    money::MinorUnits,
    plan::{
        DatesChange, Outcome, activate, change_dates, pause, plan_run, settle_run, skip_next_run,
        tests::{TestResult, at, claimed, monthly, n},
    },
    renewal_alert::RenewalAlertPeriod,
    subscription::tests::subscription,
    time::{AnchorChange, Pause},
};

/// Monthly, its first run due on 28 February 2027 at 10 o'clock, announced so many hours before.
fn announced(hours: u16) -> Result<Subscription, Box<dyn std::error::Error>> {
    let renewal_alert_period = Some(RenewalAlertPeriod::try_from(hours)?);
    Ok(Subscription { renewal_alert_period, ..monthly()? })
}

fn source(expires_on: Option<NaiveDate>) -> PaymentSource {
    PaymentSource {
        id: PaymentSourceId::derived(&["source"]),
        customer_id: CustomerId::derived(&["customer"]),
        token: "tok_paid".to_owned(),
        name: None,
        expires_on,
        version: 1,
        created_at: DateTime::UNIX_EPOCH,
        updated_at: DateTime::UNIX_EPOCH,
    }
}

fn told(plan: AlertPlan) -> Option<PlannedRun> {
    match plan {
        AlertPlan::Tell(planned) => Some(planned),
        AlertPlan::Claim | AlertPlan::Nothing => None,
    }
}

fn state_told(change: &Change) -> Option<&Value> {
    change.after.pointer("/payment_source/state")
}

#[test]
fn an_alert_is_due_its_period_before_the_run() -> TestResult {
    for (hours, expected) in [
        (1, "2027-02-28T09:00:00Z"),
        (24, "2027-02-27T10:00:00Z"),
        // Longer than since the order was placed, which is when it is due then.
        (720, "2027-01-31T10:00:00Z"),
    ] {
        let one = announced(hours)?;
        assert_eq!(one.wake(), Some((at(expected)?, WakeKind::Alert)), "{hours} hours");
    }
    Ok(())
}

#[test]
fn a_subscription_without_a_period_is_not_announced() -> TestResult {
    assert_eq!(monthly()?.alert_at(), None);
    Ok(())
}

#[test]
fn a_late_tick_tells_until_the_run_is_due_and_claims_it_then() -> TestResult {
    let one = announced(24)?;
    for (now, expected) in [
        ("2027-02-27T09:59:59Z", (false, false)),
        ("2027-02-27T10:00:00Z", (true, false)),
        ("2027-02-28T09:59:59Z", (true, false)),
        ("2027-02-28T10:00:00Z", (false, true)),
        ("2027-06-01T00:00:00Z", (false, true)),
    ] {
        let plan = plan_alert(&one, at(now)?)?;
        let found = (matches!(plan, AlertPlan::Tell(_)), plan == AlertPlan::Claim);
        assert_eq!(found, expected, "{now}");
    }
    Ok(())
}

#[test]
fn a_second_tick_tells_nothing_and_the_run_is_made_on_its_date() -> TestResult {
    let (one, now) = (announced(24)?, at("2027-02-27T10:00:30Z")?);
    let planned = told(plan_alert(&one, now)?).ok_or("it is time to tell")?;
    let (after, _) = alert(&one, &planned, TaxTold::None, None, now);
    assert_eq!(plan_alert(&after, now)?, AlertPlan::Nothing);
    assert_eq!(after.wake(), Some((at("2027-02-28T10:00:00Z")?, WakeKind::Run)));
    Ok(())
}

#[test]
fn an_alert_tells_what_the_run_will_cost_and_whether_it_can_be_paid() -> TestResult {
    let (one, now) = (announced(24)?, at("2027-02-27T10:00:00Z")?);
    let planned = told(plan_alert(&one, now)?).ok_or("it is time to tell")?;
    let day = |day| NaiveDate::from_ymd_opt(2027, 2, day);
    for (source, state) in [
        (Some(source(None)), "valid"),
        (Some(source(day(28))), "valid"),
        (Some(source(day(27))), "expires_before_run"),
        (None, "missing"),
    ] {
        let (_, change) = alert(&one, &planned, TaxTold::None, source.as_ref(), now);
        assert_eq!(change.event, "order_subscriptions.renewal");
        let expected = json!({
            "status": "active",
            "run": 1,
            "due_at": "2027-02-28T10:00:00Z",
            "total": 3_000,
            "currency": "EUR",
            "payment_source": {
                "id": source.as_ref().map(|source| &source.id),
                "state": state,
                "expires_on": source.as_ref().and_then(|source| source.expires_on),
            },
        });
        assert_eq!(change.after, expected);
    }
    let free = PlannedRun { total: MinorUnits::ZERO, ..planned };
    let (_, change) = alert(&one, &free, TaxTold::None, None, now);
    assert_eq!(state_told(&change), Some(&json!("not_needed")));
    Ok(())
}

#[test]
fn the_day_of_a_run_is_that_of_its_own_zone() -> TestResult {
    let mut one = announced(24)?;
    // 10 o'clock in London is 23 o'clock in Auckland, and an hour and a half later the next day.
    one.time_zone = iana("Pacific/Auckland");
    let source = source(NaiveDate::from_ymd_opt(2027, 2, 28));
    for (due_at, state) in
        [("2027-02-28T10:00:00Z", "valid"), ("2027-02-28T11:30:00Z", "expires_before_run")]
    {
        one.next_run_at = Some(at(due_at)?);
        let now = at("2027-02-27T12:00:00Z")?;
        let planned = told(plan_alert(&one, now)?).ok_or("it is time to tell")?;
        let (_, change) = alert(&one, &planned, TaxTold::None, Some(&source), now);
        assert_eq!(state_told(&change), Some(&json!(state)), "{due_at}");
    }
    Ok(())
}

#[test]
fn what_is_told_is_what_is_charged() -> TestResult {
    let (one, now) = (announced(48)?, at("2027-02-27T00:00:00Z")?);
    let planned = told(plan_alert(&one, now)?).ok_or("it is time to tell")?;
    let (after, _) = alert(&one, &planned, TaxTold::None, None, now);
    assert_eq!(plan_run(&claimed(&after))?, Some(planned));
    Ok(())
}

#[test]
fn nothing_is_announced_that_will_not_run() -> TestResult {
    let (one, now) = (announced(24)?, at("2027-02-27T12:00:00Z")?);
    let (paused, _) = pause(&one, Pause { resumes_at: None }, at("2027-02-01T00:00:00Z")?)?;
    let expiring = Subscription { expires_at: Some(at("2027-02-28T10:00:00Z")?), ..one.clone() };
    let blocked = Subscription { blocked_by: Some("dlt_1".to_owned()), ..one };
    for one in [paused, expiring, blocked] {
        assert_eq!(plan_alert(&one, now)?, AlertPlan::Nothing, "{:?}", one.status);
    }
    Ok(())
}

#[test]
fn a_lost_claim_of_a_run_that_was_not_announced_is_taken_over() -> TestResult {
    let held = claimed(&announced(24)?);
    assert_eq!(held.status, SubscriptionStatus::Running);
    assert_eq!(plan_alert(&held, at("2027-02-28T10:30:00Z")?)?, AlertPlan::Claim);
    Ok(())
}

#[test]
fn a_period_has_1_to_720_hours() {
    for (hours, good) in [(0, false), (1, true), (720, true), (721, false)] {
        assert_eq!(RenewalAlertPeriod::try_from(hours).is_ok(), good, "{hours}");
        assert_eq!(serde_json::from_value::<RenewalAlertPeriod>(json!(hours)).is_ok(), good);
    }
}

/// What a client or the time does to a subscription.
#[derive(Debug, Clone)]
enum Step {
    /// So many hours pass, then a tick comes.
    Tick(i64),
    /// The next run is left out.
    Skip,
    /// The next run is put so many hours into the future, with the ones after it or without.
    Reschedule(i64, bool),
    /// Other hours, or none.
    Period(Option<u16>),
    /// A rest that ends at the next tick.
    Rest,
    /// Something that concerns no date.
    Edit,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0_i64..200).prop_map(Step::Tick),
        1 => Just(Step::Skip),
        2 => (1_i64..400, any::<bool>()).prop_map(|(hours, moves)| Step::Reschedule(hours, moves)),
        1 => proptest::option::of(1_u16..=720).prop_map(Step::Period),
        1 => Just(Step::Rest),
        1 => Just(Step::Edit),
    ]
}

fn fails(error: impl std::fmt::Display) -> TestCaseError {
    TestCaseError::fail(error.to_string())
}

/// Applies what a client does; nothing where it is refused.
fn applied(
    one: &Subscription,
    step: &Step,
    now: DateTime<Utc>,
) -> Result<Subscription, TestCaseError> {
    let due = one.next().is_some_and(|next| next.at <= now);
    let mut after = match step {
        // Its dates are not changed while a run is due.
        Step::Skip | Step::Reschedule(..) if due => one.clone(),
        Step::Skip => skip_next_run(one, now).map_or_else(|_| one.clone(), |(after, _)| after),
        Step::Reschedule(hours, moves) => {
            let anchor = if *moves { AnchorChange::Move } else { AnchorChange::Keep };
            let next_run = Some((now + TimeDelta::hours(*hours), anchor));
            let change = DatesChange { next_run, ..DatesChange::default() };
            change_dates(one, &change, now).unwrap_or_else(|_| one.clone())
        }
        Step::Period(hours) => {
            let period = hours.map(TryInto::try_into).transpose().map_err(fails)?;
            Subscription { renewal_alert_period: period, ..one.clone() }
        }
        Step::Rest => pause(one, Pause { resumes_at: None }, now).map_err(fails)?.0,
        Step::Tick(_) | Step::Edit => one.clone(),
    };
    after.updated_at = now;
    Ok(after)
}

proptest! {
    #[test]
    fn each_occurrence_is_announced_once_for_each_date_it_is_given(
        frequency in prop_oneof![Just("daily"), Just("weekly"), Just("every 36 hours")],
        steps in proptest::collection::vec(step(), 1..40),
    ) {
        let mut one = subscription(frequency, "2027-01-31T01:30:00Z").map_err(fails)?;
        one.renewal_alert_period = Some(RenewalAlertPeriod::try_from(48).map_err(fails)?);
        let mut now = one.anchor;
        let mut last_told = None;
        for step in &steps {
            if one.status == SubscriptionStatus::Inactive {
                one = activate(&one, now).map_err(fails)?.0;
            }
            let Step::Tick(hours) = step else {
                one = applied(&one, step, now)?;
                continue;
            };
            now += TimeDelta::hours(*hours);
            // A tick, or two: what was told is not told again.
            for _ in 0..200 {
                match one.wake().filter(|(at, _)| *at <= now) {
                    Some((_, WakeKind::Alert)) => match plan_alert(&one, now).map_err(fails)? {
                        AlertPlan::Tell(planned) => {
                            let slot = Slot { number: planned.number, at: planned.due_at };
                            prop_assert_eq!(Some(slot), one.next());
                            prop_assert!(now < slot.at && last_told != Some(slot));
                            last_told = Some(slot);
                            one = alert(&one, &planned, TaxTold::None, None, now).0;
                            continue;
                        }
                        AlertPlan::Claim => {}
                        AlertPlan::Nothing => return Err(fails("it was woken for nothing")),
                    },
                    Some((_, WakeKind::Run)) => {}
                    Some(other) => return Err(fails(format!("{other:?}"))),
                    None => break,
                }
                let held = claimed(&one);
                let planned = plan_run(&held).map_err(fails)?.ok_or_else(|| fails("no run"))?;
                prop_assert!(planned.due_at <= now);
                one = settle_run(&held, &planned, &Outcome::Free, now).map_err(fails)?.subscription;
            }
            let next = one.next().ok_or_else(|| fails("it goes on"))?;
            prop_assert!(next.at > now);
            let period = one.renewal_alert_period;
            if period.is_some_and(|period| period.before(next.at) <= now) {
                prop_assert_eq!(last_told, Some(next), "its customer knows of the next run");
            }
        }
    }
}

#[test]
fn a_skip_makes_another_run_the_one_to_announce() -> TestResult {
    let (one, now) = (announced(24)?, at("2027-02-27T10:00:00Z")?);
    let planned = told(plan_alert(&one, now)?).ok_or("it is time to tell")?;
    let (after, _) = alert(&one, &planned, TaxTold::None, None, now);
    let (skipped, _) = skip_next_run(&after, now + TimeDelta::hours(1))?;
    // 31 March is summer time in London.
    let (due, kind) = skipped.wake().ok_or("it goes on")?;
    assert_eq!((due, kind), (at("2027-03-30T09:00:00Z")?, WakeKind::Alert));
    let planned = told(plan_alert(&skipped, due)?).ok_or("it is time to tell")?;
    assert_eq!(planned.number, n(2));
    Ok(())
}

#[test]
fn a_change_at_the_very_time_of_the_run_announces_nothing() -> TestResult {
    let mut one = announced(24)?;
    let next = one.next().ok_or("it goes on")?;
    one.updated_at = next.at - TimeDelta::seconds(1);
    assert_eq!(one.alert_at(), Some(one.updated_at));
    one.updated_at = next.at;
    assert_eq!(one.alert_at(), None);
    Ok(())
}

#[test]
fn a_period_is_stored_as_its_hours() -> TestResult {
    let day = RenewalAlertPeriod::try_from(24)?;
    assert_eq!(serde_json::to_string(&day)?, "24");
    assert_eq!(serde_json::from_str::<RenewalAlertPeriod>("24")?, day);
    Ok(())
}

#[test]
fn an_alert_tells_the_tax_within_its_total_or_that_it_comes_on_top() -> TestResult {
    let (one, now) = (announced(24)?, at("2027-02-27T10:00:00Z")?);
    let planned = told(plan_alert(&one, now)?).ok_or("it is time to tell")?;
    // 19 % of 30.00.
    let tax = serde_json::from_value(json!({
        "behavior": "exclusive", "source": "table", "calculator_id": "mtc_de",
        "lines": [{"id": "1", "rate": "19", "net": 3_000, "tax": 570}],
    }))?;
    let taxed = planned.clone().with_tax(tax)?;
    for (planned, tax, expected) in [
        (&taxed, TaxTold::Within, [json!(3_570), json!(570), json!(false)]),
        (&planned, TaxTold::Within, [json!(3_000), Value::Null, json!(false)]),
        (&planned, TaxTold::OnTop, [json!(3_000), Value::Null, json!(true)]),
    ] {
        let (_, change) = alert(&one, planned, tax, None, now);
        let told = ["total", "tax", "tax_on_top"].map(|name| change.after.get(name).cloned());
        assert_eq!(told, expected.map(Some), "{tax:?}");
    }
    Ok(())
}
