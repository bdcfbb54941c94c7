use proptest::prelude::*;

use super::*;
use crate::{
    ids::PaymentSourceId,
    order_fixture::{
        PLACED, TestResult, at, draft_order, market, model, placed_order, repeating, skus,
    },
    plan::{activate, cancel, plan_run, reactivate},
    pricing::PriceSource,
    run::Skipped,
    time::iana,
};

const NOW: &str = "2027-02-10T12:00:00Z";

fn terms(frequency: &str) -> TestResult<ManualTerms> {
    Ok(ManualTerms {
        frequency: frequency.parse()?,
        rules: ScheduleRules::default(),
        time_zone: iana("Europe/London"),
        activate_by_source_order: true,
        starts_at: None,
        expires_at: None,
        max_occurrences: None,
        place_target_order: true,
    })
}

/// Begins at an instant of its own.
fn starting(frequency: &str, starts_at: &str) -> TestResult<ManualTerms> {
    Ok(ManualTerms {
        activate_by_source_order: false,
        starts_at: Some(at(starts_at)?),
        ..terms(frequency)?
    })
}

type Made = Result<(Subscription, Change), Vec<Rejection>>;

fn make(
    order: &Order,
    with_model: Option<&SubscriptionModel>,
    terms: &ManualTerms,
    now: &str,
) -> TestResult<Made> {
    let (market, skus) = (market()?, skus()?);
    let source = Source { order, market: &market, model: with_model, skus: &skus };
    Ok(create_manual(SubscriptionId::derived(&["manual"]), source, terms, at(now)?))
}

fn made(order: &Order, terms: &ManualTerms, now: &str) -> TestResult<(Subscription, Change)> {
    make(order, None, terms, now)?.map_err(|rejections| format!("{rejections:?}").into())
}

fn slot(number: u32, text: &str) -> TestResult<Option<Slot>> {
    Ok(Some(Slot { number: OccurrenceNumber::new(number), at: at(text)? }))
}

/// Code and pointer of each refusal.
fn refused(made: Made) -> Vec<(String, String)> {
    let rejections = made.err().unwrap_or_default();
    rejections.into_iter().map(|one| (one.code, one.pointer)).collect()
}

#[test]
fn a_placed_source_order_is_number_0_and_what_fell_due_since_is_not_made_up_for() -> TestResult {
    // Placed on 31 January at ten in London; clocks go forward on 28 March.
    for (frequency, now, next, passed) in [
        ("monthly", PLACED, slot(1, "2027-02-28T10:00:00Z")?, None),
        ("monthly", NOW, slot(1, "2027-02-28T10:00:00Z")?, None),
        ("monthly", "2027-02-28T10:00:00Z", slot(1, "2027-02-28T10:00:00Z")?, None),
        ("monthly", "2027-02-28T10:00:01Z", slot(2, "2027-03-31T09:00:00Z")?, Some((1, 1))),
        ("weekly", NOW, slot(2, "2027-02-14T10:00:00Z")?, Some((1, 1))),
        ("30 9 * * 1", NOW, slot(3, "2027-02-15T09:30:00Z")?, Some((1, 2))),
    ] {
        let (one, change) = made(&placed_order()?, &terms(frequency)?, now)?;
        assert_eq!(
            (one.status, one.next()),
            (SubscriptionStatus::Active, next),
            "{frequency} {now}"
        );
        assert_eq!((one.anchor, one.last_run_at), (at(PLACED)?, Some(at(PLACED)?)));
        let told = passed.map(
            |(first, last)| json!({"first": first, "last": last, "reason": "before it was made"}),
        );
        assert_eq!(change.after.get("skipped"), told.as_ref(), "{frequency} {now}");
        assert_eq!(change.event, "order_subscriptions.create");
    }
    Ok(())
}

#[test]
fn it_copies_lines_that_do_not_repeat_customer_source_and_addresses() -> TestResult {
    let mut order = placed_order()?;
    order.line_items.push(repeating(order.line_items.first().ok_or("a line")?, "weekly")?);
    order.addresses.shipping = Some("adr_home".parse()?);
    order.line_items.get_mut(1).ok_or("a mug")?.price_source = PriceSource::Given;
    let (one, _) = made(&order, &terms("monthly")?, NOW)?;
    let items: Vec<_> = one
        .items
        .iter()
        .map(|item| (item.item.code(), item.quantity, item.unit_amount.get()))
        .collect();
    assert_eq!(items, [("BEANS", 2, 1_250), ("MUG", 1, 800)]);
    let set_by_client: Vec<_> = one.items.iter().map(|item| item.price_override).collect();
    assert_eq!(set_by_client, [false, true]);
    assert_eq!(
        (one.customer_id, one.payment_source_id),
        (order.customer_id, order.payment_source_id)
    );
    assert_eq!(one.addresses, order.addresses);
    Ok(())
}

#[test]
fn without_a_model_its_runs_copy_the_order_and_with_one_its_items() -> TestResult {
    let order = placed_order()?;
    let (one, _) = made(&order, &terms("monthly")?, NOW)?;
    assert_eq!((one.factory, one.model_id), (Factory::OrderCopies, None));
    let model = model(&[])?;
    let (one, _) =
        make(&order, Some(&model), &terms("monthly")?, NOW)?.map_err(|e| format!("{e:?}"))?;
    assert_eq!((one.factory, one.model_id), (Factory::RecurringOrderCopies, Some(model.id)));
    assert_eq!(one.renewal_alert_period, model.renewal_alert_period);
    Ok(())
}

#[test]
fn a_draft_waits_for_its_source_order_and_takes_over_what_that_holds_when_placed() -> TestResult {
    let mut order = draft_order()?;
    let (waiting, _) = made(&order, &terms("monthly")?, NOW)?;
    assert_eq!(
        (waiting.status, waiting.wake(), waiting.coming()),
        (SubscriptionStatus::Draft, None, None)
    );
    let early = activate(&waiting, at(NOW)?).map_err(|error| error.to_string());
    assert!(
        early.is_err_and(|text| text.contains(order.id.as_str())),
        "only its order activates it"
    );

    order.line_items.truncate(1);
    order.customer_id = None;
    order.payment_source_id = Some(PaymentSourceId::derived(&["other"]));
    order.placed_at = Some(at("2027-03-05T08:00:00.5Z")?);
    let (active, change) = activate_by_source(&waiting, &order, at("2027-03-05T08:00:01Z")?)?;
    assert_eq!(
        (active.status, active.anchor),
        (SubscriptionStatus::Active, at("2027-03-05T08:00:00Z")?)
    );
    assert_eq!(active.next(), slot(1, "2027-04-05T07:00:00Z")?, "eight in the morning, London");
    assert_eq!((active.items.len(), &active.customer_id), (1, &None));
    assert_eq!(active.payment_source_id, waiting.payment_source_id, "what it was given, it keeps");
    assert_eq!(
        (change.event, active.version),
        ("order_subscriptions.activate", waiting.version + 1)
    );
    assert!(activate_by_source(&active, &order, at(NOW)?).is_err(), "once");
    let (cancelled, _) = cancel(&waiting, at(NOW)?)?;
    assert!(activate_by_source(&cancelled, &order, at(NOW)?).is_err());
    let taken_up = reactivate(&cancelled, 30, at(NOW)?);
    assert!(matches!(taken_up, Err(PlanError::WaitsForSource(_))), "it has never begun");
    Ok(())
}

#[test]
fn one_with_a_start_of_its_own_begins_there_as_number_1_if_it_is_activated_in_time() -> TestResult {
    let start = "2027-03-31T09:00:00Z";
    let (draft, _) = made(&placed_order()?, &starting("monthly", start)?, NOW)?;
    assert_eq!((draft.status, draft.wake()), (SubscriptionStatus::Draft, None));
    assert_eq!((draft.expected(), draft.last_run_at), (slot(1, start)?, None));
    for (now, next, passed) in [
        (NOW, slot(1, start)?, None),
        (start, slot(1, start)?, None),
        ("2027-03-31T09:00:01Z", slot(2, "2027-04-30T09:00:00Z")?, Some((1, 1))),
        ("2027-06-15T00:00:00Z", slot(4, "2027-06-30T09:00:00Z")?, Some((1, 3))),
    ] {
        let (active, change) = activate(&draft, at(now)?)?;
        assert_eq!((active.status, active.next()), (SubscriptionStatus::Active, next), "{now}");
        let told = passed.map(|(first, last)| {
            json!({"first": first, "last": last, "reason": "not activated in time"})
        });
        assert_eq!(change.after.get("skipped"), told.as_ref(), "{now}");
    }
    Ok(())
}

#[test]
fn a_maximum_counts_the_source_order_only_where_that_is_an_occurrence() -> TestResult {
    let three = NonZeroU32::new(3);
    let runs = |terms: ManualTerms| -> TestResult<u32> {
        let terms = ManualTerms { max_occurrences: three, ..terms };
        let (mut one, _) = made(&placed_order()?, &terms, NOW)?;
        let mut runs = 0;
        while let Some(next) = one.next() {
            runs += 1;
            one.set_next(one.schedule().following(next).ok().map(crate::time::Occurrence::slot));
        }
        Ok(runs)
    };
    assert_eq!(runs(terms("monthly")?)?, 2, "and the source order");
    assert_eq!(runs(starting("monthly", "2027-03-01T00:00:00Z")?)?, 3);
    Ok(())
}

#[test]
fn what_is_wrong_is_told_all_at_once_and_names_every_line() -> TestResult {
    let mut order = placed_order()?;
    let end = Some(at("2027-02-01T00:00:00Z")?);
    let terms = ManualTerms { starts_at: end, expires_at: end, ..terms("weekly")? };
    let mut known = skus()?;
    for sku in known.values_mut() {
        sku.frequencies = vec!["monthly".parse()?];
    }
    let (market, model) = (market()?, model(&["monthly", "yearly"])?);
    let source = Source { order: &order, market: &market, model: Some(&model), skus: &known };
    let id = SubscriptionId::derived(&["manual"]);
    let Err(rejections) = create_manual(id.clone(), source, &terms, at(NOW)?) else {
        return Err("it was made".into());
    };
    let details: Vec<_> = rejections.iter().map(|one| one.detail.as_str()).collect();
    for line in ["line item lin_shop_1", "line item lin_shop_2", "subscription model"] {
        assert!(details.iter().any(|detail| detail.contains(line)), "{line}: {details:?}");
    }
    let pointers: Vec<_> = refused(Err(rejections.clone())).into_iter().map(|(_, at)| at).collect();
    assert!(pointers.contains(&"/data/attributes/starts_at".to_owned()), "{pointers:?}");
    assert!(pointers.contains(&"/data/attributes/expires_at".to_owned()), "{pointers:?}");
    order.status = OrderStatus::Cancelled;
    order.manual_subscription_ids = vec![id; MAX_MANUAL_SUBSCRIPTIONS];
    order.line_items.clear();
    let found = refused(make(&order, None, &self::terms("monthly")?, NOW)?);
    let codes: Vec<_> = found.iter().map(|(code, _)| code.as_str()).collect();
    assert_eq!(codes, ["invalid_status", "out_of_range"]);
    Ok(())
}

#[test]
fn starts_and_ends_are_in_the_future_and_in_this_order() -> TestResult {
    let order = placed_order()?;
    let no_start = ManualTerms { activate_by_source_order: false, ..terms("monthly")? };
    let ends = |starts_at: &str, ends: &str| -> TestResult<ManualTerms> {
        Ok(ManualTerms { expires_at: Some(at(ends)?), ..starting("monthly", starts_at)? })
    };
    let weekday = ScheduleRules { anchor_day: Some(15.try_into()?), ..ScheduleRules::default() };
    for (terms, code, attribute) in [
        (no_start, "required", "starts_at"),
        (starting("monthly", NOW)?, "out_of_range", "starts_at"),
        (starting("monthly", "2027-01-01T00:00:00Z")?, "out_of_range", "starts_at"),
        (ends("2027-03-01T00:00:00Z", "2027-03-01T00:00:00Z")?, "out_of_range", "expires_at"),
        (ManualTerms { rules: weekday, ..terms("weekly")? }, "invalid_value", "anchor_day"),
        // Nothing else is said about a start that does not count, though no month follows it.
        (
            ManualTerms { starts_at: Some(at("9999-12-31T00:00:00Z")?), ..terms("monthly")? },
            "invalid_value",
            "starts_at",
        ),
    ] {
        let expected = (code.to_owned(), format!("/data/attributes/{attribute}"));
        assert_eq!(refused(make(&order, None, &terms, NOW)?), [expected]);
    }
    assert!(
        make(&order, None, &ends("2027-03-01T00:00:00Z", "2027-03-01T00:00:01Z")?, NOW)?.is_ok()
    );
    let mut empty = placed_order()?;
    empty.line_items.clear();
    let found = refused(make(&empty, None, &terms("monthly")?, NOW)?);
    assert_eq!(found, [("invalid_value".into(), "/data/relationships/source_order".into())]);
    Ok(())
}

#[test]
fn a_start_or_an_end_that_comes_too_early_is_told_with_what_it_must_come_after() -> TestResult {
    let start = "2027-03-01T00:00:00Z";
    let ends = ManualTerms { expires_at: Some(at(start)?), ..starting("monthly", start)? };
    for (terms, detail) in [
        (
            starting("monthly", "2027-02-10T11:59:59.5Z")?,
            "starts_at must be in the future: 2027-02-10T11:59:59.500Z is not after \
             2027-02-10T12:00:00Z",
        ),
        (
            ends,
            "expires_at must be after starts_at and now (2027-03-01T00:00:00Z), not \
             2027-03-01T00:00:00Z",
        ),
    ] {
        let rejections = make(&placed_order()?, None, &terms, NOW)?.err().ok_or("it was made")?;
        let details: Vec<_> = rejections.iter().map(|one| one.detail.as_str()).collect();
        assert_eq!(details, [detail]);
    }
    Ok(())
}

proptest! {
    /// Whenever it is made or activated, no run is due before that, no number is skipped without
    /// being told, and numbers begin with 1.
    #[test]
    fn nothing_is_run_that_fell_due_before_it_was_active(
        frequency in prop::sample::select(&["daily", "weekly", "monthly", "0 9 * * 1-5", "hourly"][..]),
        placed in 0_i64..86_400 * 40,
        later in 0_i64..86_400 * 60,
        own_start in any::<bool>(),
    ) {
        let base = at(PLACED).map_err(|e| TestCaseError::fail(e.to_string()))?;
        let placed = base + chrono::TimeDelta::seconds(placed);
        let now = placed + chrono::TimeDelta::seconds(later);
        let check = || -> TestResult<(Subscription, Option<Skipped>)> {
            let mut order = placed_order()?;
            order.placed_at = Some(placed);
            let text = |at: DateTime<Utc>| at.to_rfc3339();
            let (one, change) = if own_start {
                let start = placed + chrono::TimeDelta::seconds(1);
                let (draft, _) = made(&order, &starting(frequency, &text(start))?, &text(placed))?;
                activate(&draft, now)?
            } else {
                made(&order, &terms(frequency)?, &text(now))?
            };
            let skipped = change.after.get("skipped").cloned().map(|mut told| {
                if let Value::Object(members) = &mut told {
                    members.remove("reason");
                }
                serde_json::from_value(told)
            });
            Ok((one, skipped.transpose()?))
        };
        let (one, skipped) = check().map_err(|e| TestCaseError::fail(e.to_string()))?;
        let next = one.next().ok_or_else(|| TestCaseError::fail("it goes on"))?;
        prop_assert!(next.at >= now.max(one.anchor), "{next:?} before {now}");
        let first_left = skipped.map_or(1, |skipped| skipped.last.get() + 1);
        prop_assert_eq!(next.number.get(), first_left);
        prop_assert!(skipped.is_none_or(|skipped| skipped.first.get() == 1));
        prop_assert_eq!(plan_run(&one).map_err(|e| TestCaseError::fail(e.to_string()))?, None);
    }
}
