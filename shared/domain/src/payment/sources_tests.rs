use std::error::Error;

use super::*;
use crate::{ids::CustomerId, subscription::tests::subscription};

type TestResult = Result<(), Box<dyn Error>>;

fn id(name: &str) -> PaymentSourceId {
    PaymentSourceId::derived(&[name])
}

fn source(name: &str, expires_on: Option<&str>) -> Result<PaymentSource, Box<dyn Error>> {
    Ok(PaymentSource {
        id: id(name),
        customer_id: CustomerId::derived(&["customer"]),
        token: format!("tok_{name}"),
        name: None,
        expires_on: expires_on.map(str::parse).transpose()?,
        version: 1,
        created_at: DateTime::UNIX_EPOCH,
        updated_at: DateTime::UNIX_EPOCH,
    })
}

#[test]
fn the_first_source_is_the_default_until_another_is_made_it_or_it_goes() {
    let (a, b, c) = (id("a"), id("b"), id("c"));
    let one = with_default(&[], &a, false);
    let two = with_default(&one, &b, false);
    assert_eq!(two, [a.clone(), b.clone()], "a new one comes last");
    let three = with_default(&two, &c, true);
    assert_eq!(three, [c.clone(), a.clone(), b.clone()]);
    assert_eq!(with_default(&three, &a, false), three, "known, and in its place");
    assert_eq!(with_default(&three, &b, true), [b.clone(), c.clone(), a.clone()]);
    assert_eq!(without(&three, &c), [a, b], "the next one moves up");
}

#[test]
fn the_next_source_is_the_first_that_is_valid_and_was_not_declined() -> TestResult {
    let sources = [
        source("expired", Some("2027-02-27"))?,
        source("declined", None)?,
        source("last_day", Some("2027-02-28"))?,
        source("spare", None)?,
    ];
    let on = "2027-02-28".parse()?;
    let next = |declined: &[PaymentSourceId]| {
        next_source(&sources, declined, on).map(|source| source.id.clone())
    };
    assert_eq!(next(&[]), Some(id("declined")));
    assert_eq!(next(&[id("declined")]), Some(id("last_day")));
    assert_eq!(next(&[id("declined"), id("last_day")]), Some(id("spare")));
    assert_eq!(next(&[id("declined"), id("last_day"), id("spare")]), None);
    Ok(())
}

#[test]
fn a_source_is_watched_for_thirty_days_and_told_of_once_for_each_date() -> TestResult {
    use ExpiryWatch::{At, Nothing, Now};
    let expires: NaiveDate = "2027-03-31".parse()?;
    for (told_for, now, expected) in [
        // 31 March less 30 days is 1 March.
        (None, "2027-02-28T23:59:59Z", At("2027-03-01T00:00:00Z".parse()?)),
        (None, "2027-03-01T00:00:00Z", Now { again_at: Some("2027-03-08T00:00:00Z".parse()?) }),
        (None, "2027-03-25T00:00:00Z", Now { again_at: None }),
        (None, "2027-03-31T23:59:59Z", Now { again_at: None }),
        (None, "2027-04-01T00:00:00Z", Nothing),
        (Some("2027-03-31"), "2027-03-05T00:00:00Z", Nothing),
        (Some("2026-03-31"), "2027-02-01T00:00:00Z", At("2027-03-01T00:00:00Z".parse()?)),
    ] {
        let told_for = told_for.map(str::parse).transpose()?;
        assert_eq!(watch_expiry(Some(expires), told_for, now.parse()?), expected, "{now}");
    }
    assert_eq!(watch_expiry(None, None, DateTime::UNIX_EPOCH), Nothing);
    Ok(())
}

#[test]
fn the_run_that_misses_its_source_is_the_first_after_its_last_day() -> TestResult {
    // London keeps UTC in winter and is an hour ahead in summer: the runs are at ten by its clock.
    let mut monthly = subscription("monthly", "2027-01-31T10:00:00Z")?;
    monthly.set_next(Some(monthly.schedule().next_after(monthly.anchor).ok_or("next")?.slot()));
    for (expires_on, number, due_at) in [
        ("2027-02-27", 1, "2027-02-28T10:00:00Z"),
        ("2027-02-28", 2, "2027-03-31T09:00:00Z"),
        ("2027-03-30", 2, "2027-03-31T09:00:00Z"),
        ("2027-03-31", 3, "2027-04-30T09:00:00Z"),
        ("2026-12-31", 1, "2027-02-28T10:00:00Z"),
    ] {
        let missed = missed_run(&monthly, expires_on.parse()?)?.ok_or("a run comes")?;
        let due_at: DateTime<Utc> = due_at.parse()?;
        assert_eq!((missed.number.get(), missed.due_at), (number, due_at), "{expires_on}");
    }
    monthly.expires_at = Some("2027-04-01T00:00:00Z".parse()?);
    assert_eq!(missed_run(&monthly, "2027-03-31".parse()?)?, None, "it ends before");
    monthly.next_number = None;
    assert_eq!(missed_run(&monthly, "2027-01-01".parse()?)?, None);
    Ok(())
}
