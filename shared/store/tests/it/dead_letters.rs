//! Dead letters: kept once, changed by version, never lost.

use perennial_domain::{ids::DeadLetterId, money::MinorUnits};
use perennial_store::{DeadLetter, DeadLetterStatus, Part, StoreError};

use crate::{
    TestResult,
    embedded::store,
    fixtures::{ANCHOR, acme, at},
};

fn letter(message: &str) -> Result<DeadLetter, Box<dyn std::error::Error>> {
    Ok(DeadLetter {
        id: DeadLetterId::derived(&["OrderCopyQueue", message]),
        status: DeadLetterStatus::Open,
        source: "OrderCopyQueue".to_owned(),
        message_id: message.to_owned(),
        body: "{\"odd\": \"żółw\"}".to_owned(),
        error: Some("it can't be read".to_owned()),
        attempts: 5,
        subject: None,
        value_at_risk: Some(MinorUnits::new(1_990)),
        currency: Some("EUR".parse()?),
        redrives: 0,
        discard_reason: None,
        handled_by: None,
        created_at: at(ANCHOR)?,
        updated_at: at(ANCHOR)?,
        version: 1,
    })
}

#[tokio::test]
async fn a_dead_letter_received_twice_is_kept_once_and_as_it_stands() -> TestResult {
    let (store, acme) = (store().await?, acme()?);
    let mut kept = letter("m1")?;
    assert_eq!(store.keep_dead_letter(&acme, &kept).await?, None);
    kept.status = DeadLetterStatus::Discarded;
    kept.discard_reason = Some("test data".to_owned());
    kept.version = 2;
    store.update_dead_letter(&acme, &kept, 1).await?;
    assert_eq!(store.keep_dead_letter(&acme, &letter("m1")?).await?, Some(kept.clone()));
    assert_eq!(store.dead_letter(&acme, &kept.id).await?, Some(kept.clone()));
    assert_eq!(store.dead_letter(&"other".parse()?, &kept.id).await?, None);
    Ok(())
}

#[test]
fn messages_that_fail_for_the_same_work_are_one_letter_that_waits_again() -> TestResult {
    let (day, later) = (at(ANCHOR)?, at(ANCHOR)? + chrono::TimeDelta::hours(1));
    let another = |error: &str| -> Result<DeadLetter, Box<dyn std::error::Error>> {
        let error = Some(error.to_owned());
        let (created_at, updated_at) = (later, later);
        Ok(DeadLetter { error, attempts: 2, created_at, updated_at, ..letter("m2")? })
    };
    let last = another("and again")?;
    // Where it stands, and then: attempts of both, since when it waits, how often it was replayed.
    for (status, redrives, since) in [
        (DeadLetterStatus::Open, 0, day),
        (DeadLetterStatus::Redriven, 1, later),
        (DeadLetterStatus::Discarded, 1, later),
        (DeadLetterStatus::Resolved, 0, later),
    ] {
        let kept = DeadLetter { status, redrives, version: 4, ..letter("m1")? };
        let again = kept.failed_again(&last).ok_or("it is another message")?;
        let expected = DeadLetter {
            attempts: 7,
            redrives,
            created_at: since,
            version: 5,
            ..another("and again")?
        };
        assert_eq!(again, expected, "{status:?}");
        assert_eq!(again.failed_again(&last), None, "the same message came twice");
    }
    Ok(())
}

#[tokio::test]
async fn only_a_letter_that_waits_is_resolved() -> TestResult {
    let (store, acme, later) = (store().await?, acme()?, at("2027-03-01T10:00:00Z")?);
    let kept = letter("m1")?;
    assert!(!store.resolve_dead_letter(&acme, &kept.id, later).await?, "there is none");
    assert_eq!(store.dead_letter(&acme, &kept.id).await?, None, "and none is made");
    store.keep_dead_letter(&acme, &kept).await?;
    assert!(store.resolve_dead_letter(&acme, &kept.id, later).await?);
    let resolved = DeadLetter {
        status: DeadLetterStatus::Resolved,
        updated_at: later,
        version: 2,
        ..kept.clone()
    };
    assert_eq!(store.dead_letter(&acme, &kept.id).await?, Some(resolved.clone()));
    assert!(!store.resolve_dead_letter(&acme, &kept.id, later).await?);
    let discarded =
        DeadLetter { status: DeadLetterStatus::Discarded, version: 3, ..resolved.clone() };
    store.update_dead_letter(&acme, &discarded, 2).await?;
    assert!(!store.resolve_dead_letter(&acme, &kept.id, later).await?);
    assert_eq!(store.dead_letter(&acme, &kept.id).await?, Some(discarded));
    Ok(())
}

#[tokio::test]
async fn of_two_who_handle_a_dead_letter_one_succeeds() -> TestResult {
    let (store, acme) = (store().await?, acme()?);
    store.keep_dead_letter(&acme, &letter("m1")?).await?;
    let redriven = DeadLetter { redrives: 1, version: 2, ..letter("m1")? };
    store.update_dead_letter(&acme, &redriven, 1).await?;
    let second = store.update_dead_letter(&acme, &redriven, 1).await;
    assert!(matches!(second, Err(StoreError::Conflict(Part::DeadLetter))), "{second:?}");
    Ok(())
}

#[tokio::test]
async fn dead_letters_are_listed() -> TestResult {
    let (store, acme) = (store().await?, acme()?);
    for message in ["m1", "m2", "m3"] {
        store.keep_dead_letter(&acme, &letter(message)?).await?;
    }
    assert_eq!(store.list::<DeadLetter>(&acme, 10, true, None).await??.items.len(), 3);
    assert!(store.list::<DeadLetter>(&"other".parse()?, 10, true, None).await??.items.is_empty());
    Ok(())
}
