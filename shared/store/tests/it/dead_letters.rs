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
