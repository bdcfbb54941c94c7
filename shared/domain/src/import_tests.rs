use proptest::prelude::*;

use super::*;
use crate::{
    ids::SubscriptionItemId,
    order::Annotations,
    order_fixture::{TestResult, at, market, model, skus},
    plan::{activate, reactivate},
    pricing::OrderedItem,
    time::{Source, iana},
};

/// A Wednesday.
const NOW: &str = "2027-02-10T12:00:00Z";

fn terms(frequency: &str, starts_at: &str) -> TestResult<ImportedTerms> {
    Ok(ImportedTerms {
        standing: Standing::Active,
        frequency: frequency.parse()?,
        rules: ScheduleRules::default(),
        time_zone: iana("Etc/UTC"),
        starts_at: at(starts_at)?,
        reached: None,
        next_run_at: None,
        expires_at: None,
        max_occurrences: None,
        occurrencies: None,
        errors_count: 0,
        last_run_at: None,
        renewal_alert_period: None,
        cut_off: CutOff::default(),
        place_target_order: true,
    })
}

fn item() -> SubscriptionItem {
    let id = SubscriptionItemId::of(&SubscriptionId::derived(&["imported"]), "0");
    SubscriptionItem {
        id,
        item: OrderedItem::sku("BEANS"),
        name: "Beans".to_owned(),
        quantity: 2,
        unit_amount: crate::money::MinorUnits::new(1_250),
        price_override: false,
        one_off: false,
        annotations: Annotations::default(),
    }
}

const FROM: Provenance<'static> =
    Provenance { source: "legacy", external_id: "S-1", content: "abc" };

type Made = Result<(Subscription, Change), Vec<Rejection>>;

fn import_with(terms: &ImportedTerms, items: Vec<SubscriptionItem>) -> TestResult<Made> {
    let (market, model, skus) = (market()?, model(&[])?, skus()?);
    let parts = ImportedParts {
        market: &market,
        model: Some(&model),
        customer_id: Some(CustomerId::derived(&["customer"])),
        payment_source_id: None,
        addresses: Addresses::default(),
        items,
        skus: skus.values().collect(),
    };
    Ok(import_subscription(FROM.subscription("acme"), parts, terms, FROM, at(NOW)?))
}

fn imported(terms: &ImportedTerms) -> TestResult<Subscription> {
    let made = import_with(terms, vec![item()])?;
    made.map(|(made, _)| made).map_err(|refused| format!("{refused:?}").into())
}

/// Code and field of each refusal.
fn refused(terms: &ImportedTerms) -> TestResult<Vec<(String, String)>> {
    let refused = import_with(terms, vec![item()])?.err().unwrap_or_default();
    Ok(refused.into_iter().map(|one| (one.code, one.pointer)).collect())
}

#[test]
fn it_goes_on_with_the_number_after_the_last_that_was_on_the_first_date_still_to_come() -> TestResult
{
    let august = "2026-08-31T10:00:00Z";
    let (daily, february) = ("0 9 * * *", "2027-02-01T09:00:00Z");
    // Monthly from 31 August: 30 September is number 1, 31 January number 5, 28 February number 6.
    // Every day at nine from 1 February: 10 February is number 9.
    for (frequency, starts_at, reached, to, number, next, jumped) in [
        ("monthly", august, None, None, 6, "2027-02-28T10:00:00Z", 0),
        ("monthly", august, Some(5), None, 6, "2027-02-28T10:00:00Z", 0),
        // The other book counted six more, as after a change of frequency.
        ("monthly", august, Some(11), None, 12, "2027-02-28T10:00:00Z", 0),
        // The other book passed two over: numbers 4 and 5 are nobody's.
        ("monthly", august, Some(3), None, 6, "2027-02-28T10:00:00Z", 2),
        // Put off, brought forward, and put off beyond the one after it.
        ("monthly", august, Some(5), Some("2027-03-05T10:00:00Z"), 6, "2027-03-05T10:00:00Z", 0),
        ("monthly", august, Some(5), Some("2027-02-20T10:00:00Z"), 6, "2027-02-20T10:00:00Z", 0),
        ("monthly", august, Some(5), Some("2027-04-10T10:00:00Z"), 7, "2027-04-10T10:00:00Z", 1),
        ("monthly", august, Some(5), Some("2027-02-28T10:00:00Z"), 6, "2027-02-28T10:00:00Z", 0),
        // Still to begin.
        ("weekly", "2027-02-20T10:00:00Z", None, None, 1, "2027-02-20T10:00:00Z", 1),
        ("weekly", "2027-02-20T10:00:00Z", Some(4), None, 5, "2027-02-20T10:00:00Z", 0),
        (daily, february, None, None, 10, "2027-02-11T09:00:00Z", 0),
        (daily, february, Some(40), None, 41, "2027-02-11T09:00:00Z", 0),
        (daily, february, Some(40), Some("2027-02-13T12:00:00Z"), 41, "2027-02-13T12:00:00Z", 0),
        (daily, "2027-02-20T09:00:00Z", None, None, 1, "2027-02-20T09:00:00Z", 1),
    ] {
        let mut terms = terms(frequency, starts_at)?;
        terms.reached = reached.map(OccurrenceNumber::new);
        terms.next_run_at = to.map(at).transpose()?;
        let one = imported(&terms)?;
        let expected = Slot { number: OccurrenceNumber::new(number), at: at(next)? };
        let case = format!("{frequency} {starts_at} {reached:?} {to:?}");
        assert_eq!((one.next(), one.jumped_numbers), (Some(expected), jumped), "{case}");
        assert_eq!(one.anchor, at(starts_at)?, "{case}");
        assert!(one.unsettled.is_empty() && one.run_number.is_none(), "{case}");
    }
    Ok(())
}

#[test]
fn later_runs_keep_the_day_of_the_anchor_and_go_on_counting() -> TestResult {
    let mut terms = terms("monthly", "2026-08-31T10:00:00Z")?;
    terms.reached = Some(OccurrenceNumber::new(11));
    let one = imported(&terms)?;
    let next = one.next().ok_or("no next run")?;
    let after = one.schedule().following(next)?;
    assert_eq!((after.number.get(), after.at), (13, at("2027-03-31T10:00:00Z")?));
    Ok(())
}

#[test]
fn counters_come_from_the_other_book_or_follow_from_the_number_reached() -> TestResult {
    let mut terms = terms("monthly", "2026-08-31T10:00:00Z")?;
    terms.reached = Some(OccurrenceNumber::new(5));
    assert_eq!(imported(&terms)?.occurrencies, 5);
    terms.occurrencies = Some(3);
    terms.errors_count = 7;
    terms.last_run_at = Some(at("2027-01-31T10:00:02Z")?);
    let one = imported(&terms)?;
    assert_eq!((one.occurrencies, one.errors_count), (3, 7));
    assert_eq!(one.last_ordered(), terms.last_run_at);
    assert_eq!(one.source_order_id, None);
    Ok(())
}

#[test]
fn what_rests_or_has_ended_can_go_on_as_if_it_had_always_been_here() -> TestResult {
    let mut terms = terms("monthly", "2026-08-31T10:00:00Z")?;
    let now = at(NOW)?;
    let resumes_at = at("2027-05-01T00:00:00Z")?;
    terms.standing = Standing::Paused(Some(resumes_at));
    let paused = imported(&terms)?;
    assert_eq!(paused.status, SubscriptionStatus::Inactive);
    assert_eq!(paused.wake().map(|(at, _)| at), Some(resumes_at));
    assert_eq!(paused.coming().map(|next| next.number.get()), Some(9), "31 May");
    let (active, _) = activate(&paused, now)?;
    assert_eq!(active.next().map(|next| next.number.get()), Some(6));

    terms.standing = Standing::Cancelled(at("2027-02-01T00:00:00Z")?);
    let cancelled = imported(&terms)?;
    assert_eq!((cancelled.status, cancelled.wake()), (SubscriptionStatus::Cancelled, None));
    let (again, _) = reactivate(&cancelled, 30, now)?;
    assert_eq!(again.next().map(|next| next.at), Some(at("2027-02-28T10:00:00Z")?));
    assert!(reactivate(&cancelled, 5, now).is_err(), "cancelled nine days ago");
    Ok(())
}

#[test]
fn every_rule_that_a_row_breaks_is_told_with_its_field() -> TestResult {
    let good = terms("monthly", "2026-08-31T10:00:00Z")?;
    assert_eq!(refused(&good)?, []);
    let past = Some(at("2027-02-10T11:59:59Z")?);
    let future = Some(at("2027-02-10T12:00:01Z")?);
    let one = |code: &str, field: &str| vec![(code.to_owned(), field.to_owned())];
    let cases = [
        (ImportedTerms { next_run_at: past, ..good.clone() }, one("out_of_range", "next_run_at")),
        (ImportedTerms { expires_at: past, ..good.clone() }, one("out_of_range", "expires_at")),
        (
            ImportedTerms {
                expires_at: Some(at("2027-03-01T00:00:00Z")?),
                next_run_at: Some(at("2027-03-02T00:00:00Z")?),
                ..good.clone()
            },
            one("out_of_range", "next_run_at"),
        ),
        (ImportedTerms { last_run_at: future, ..good.clone() }, one("out_of_range", "last_run_at")),
        (
            ImportedTerms {
                standing: Standing::Cancelled(at("2027-02-10T12:00:01Z")?),
                ..good.clone()
            },
            one("out_of_range", "cancelled_at"),
        ),
        (
            ImportedTerms { standing: Standing::Paused(past), ..good.clone() },
            one("out_of_range", "resumes_at"),
        ),
        (
            ImportedTerms {
                standing: Standing::Cancelled(at("2027-02-01T00:00:00Z")?),
                next_run_at: future,
                ..good.clone()
            },
            one("invalid_value", "next_run_at"),
        ),
        // Numbers 0 to 5 have been.
        (
            ImportedTerms { max_occurrences: NonZeroU32::new(6), ..good.clone() },
            one("out_of_range", "max_occurrences"),
        ),
        (
            ImportedTerms {
                rules: serde_json::from_value(json!({"anchor_weekday": "monday"}))?,
                ..good.clone()
            },
            one("invalid_value", "anchor_weekday"),
        ),
        // 324,000 hours since 1990 are more than are counted through.
        (terms("0 * * * *", "1990-01-01T00:00:00Z")?, one("required", "current_recurrence")),
        // An expression is never brought forward: it would fire again on its own date.
        (
            ImportedTerms {
                next_run_at: Some(at("2027-02-10T18:00:00Z")?),
                ..terms("0 9 * * *", "2027-02-01T09:00:00Z")?
            },
            one("invalid_value", "next_run_at"),
        ),
    ];
    for (terms, expected) in cases {
        assert_eq!(refused(&terms)?, expected, "{terms:?}");
    }
    assert_eq!(
        imported(&ImportedTerms { max_occurrences: NonZeroU32::new(7), ..good.clone() })?
            .next()
            .map(|next| next.number.get()),
        Some(6),
        "the last one"
    );
    let nothing = import_with(&good, Vec::new())?.err().unwrap_or_default();
    assert_eq!(nothing.first().map(|one| one.pointer.as_str()), Some("items"));
    Ok(())
}

#[test]
fn the_journal_begins_with_where_it_came_from_and_tells_one_event() -> TestResult {
    let terms = terms("monthly", "2026-08-31T10:00:00Z")?;
    let (mut made, change) =
        import_with(&terms, vec![item()])?.map_err(|refused| format!("{refused:?}"))?;
    assert_eq!(imported_content(&change.after), Some("abc"));
    let organization = "acme".parse()?;
    let id = made.id.to_string();
    let cause = crate::journal::Cause { actor: "a".to_owned(), reason: "b".to_owned() };
    let entry =
        crate::journal::append(&mut made.journal, &organization, &id, at(NOW)?, cause, change);
    let topics: Vec<String> =
        crate::event_topics::events(&entry).into_iter().map(|event| event.topic).collect();
    assert_eq!(topics, [IMPORTED]);
    Ok(())
}

proptest! {
    #[test]
    fn numbers_go_on_and_dates_are_the_schedules_own(
        frequency in prop::sample::select(vec!["hourly", "daily", "weekly", "monthly", "yearly"]),
        days in 0_i64..3_000,
        reached in prop::option::of(0_u32..2_000),
    ) {
        let now = at(NOW).map_err(|error| TestCaseError::fail(error.to_string()))?;
        let starts_at = now - chrono::TimeDelta::days(days);
        let mut terms = terms(frequency, NOW).map_err(|error| TestCaseError::fail(error.to_string()))?;
        terms.starts_at = starts_at;
        terms.reached = reached.map(OccurrenceNumber::new);
        let one = imported(&terms).map_err(|error| TestCaseError::fail(error.to_string()))?;
        let next = one.next().ok_or_else(|| TestCaseError::fail("no next run"))?;
        prop_assert!(next.at > now);
        prop_assert!(reached.is_none_or(|reached| next.number.get() > reached));
        let been = reached.map_or(next.number.get(), |reached| reached + 1);
        prop_assert_eq!(one.occurrences_before(next.number), been);
        let reason = one.schedule().explained(next).map(|found| found.reason.source);
        prop_assert_ne!(reason.ok(), Some(Source::Recorded));
        // No date of the schedule lies between now and the next run.
        let plain = Schedule::new(terms.frequency.clone(), starts_at, terms.time_zone);
        prop_assert_eq!(plain.next_after(now).map(|first| first.at), Some(next.at));
    }
}
