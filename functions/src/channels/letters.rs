//! Payloads that no order could be made of: kept as dead letters of the channel, until the mapping or
//! what it refers to is mended and they are taken again.

use perennial_domain::ids::DeadLetterId;
use perennial_store::{DeadLetter, DeadLetterStatus};

use super::digests::hex;
use crate::{
    api::dead_letters::OF_CHANNELS,
    http::{
        context::Context,
        error::{ApiError, Code},
    },
};

/// By what name errors name a letter.
const LETTER: &str = "dead_letter_id";

/// The source of the letters of a channel.
pub(super) fn source(code: &str) -> String {
    format!("{OF_CHANNELS}{code}")
}

/// The channel whose letters have this source.
pub(super) fn channel_of(source: &str) -> Option<&str> {
    source.strip_prefix(OF_CHANNELS)
}

/// Whether the payload, or what it meets, is to blame: what passes by itself is not kept.
fn is_lasting(error: &ApiError) -> bool {
    let passing = error.problems.iter().any(|problem| problem.code == Code::Conflict);
    let status = error.status();
    (400..500).contains(&status) && status != 429 && !passing
}

/// The reason of an error in words, of all its problems.
pub(super) fn reason(error: &ApiError) -> String {
    let told = |problem: &crate::http::error::Problem| match &problem.source {
        Some(crate::http::error::Source::Pointer(at)) if !at.is_empty() => {
            format!("{at}: {}", problem.detail)
        }
        _ => problem.detail.clone(),
    };
    let all: Vec<String> = error.problems.iter().map(told).collect();
    all.join("; ").chars().take(2_000).collect()
}

/// The letter that an error names: what was refused is kept in it.
pub(super) fn of(error: &ApiError) -> Option<&str> {
    error.problems.first()?.meta.get(LETTER)?.as_str()
}

/// Keeps a payload that was refused; the error then names the letter. The same payload is one letter,
/// however often it comes.
pub(super) async fn kept(
    context: &Context<'_>,
    code: &str,
    payload: &str,
    subject: Option<String>,
    error: ApiError,
) -> ApiError {
    if !is_lasting(&error) {
        return error;
    }
    let message_id = hex(&[payload]);
    let source = source(code);
    let letter = DeadLetter {
        id: DeadLetterId::derived(&[&source, &message_id]),
        status: DeadLetterStatus::Open,
        source,
        message_id,
        body: payload.to_owned(),
        error: Some(reason(&error)),
        attempts: 1,
        subject: subject.map(|subject| subject.chars().take(80).collect()),
        value_at_risk: None,
        currency: None,
        redrives: 0,
        discard_reason: None,
        handled_by: None,
        created_at: context.now,
        updated_at: context.now,
        version: 1,
    };
    match keep(context, &letter).await {
        Ok(()) => named(error, &letter.id),
        // The sender has the answer, and may send it again: nothing is lost but the note.
        Err(failed) => {
            tracing::error!(error = %failed, "a payload that was refused could not be kept");
            error
        }
    }
}

async fn keep(
    context: &Context<'_>,
    letter: &DeadLetter,
) -> Result<(), perennial_store::StoreError> {
    let organization = &context.caller.organization;
    let before = context.store().keep_dead_letter(organization, letter).await?;
    // One that was taken again and is refused anew waits for somebody again.
    if let Some(before) = before.filter(|before| before.status == DeadLetterStatus::Redriven) {
        let again = DeadLetter {
            status: DeadLetterStatus::Open,
            error: letter.error.clone(),
            attempts: before.attempts.saturating_add(1),
            updated_at: context.now,
            version: before.version + 1,
            ..before.clone()
        };
        context.store().update_dead_letter(organization, &again, before.version).await?;
    }
    Ok(())
}

fn named(mut error: ApiError, id: &DeadLetterId) -> ApiError {
    for problem in &mut error.problems {
        problem.meta.insert(LETTER.to_owned(), id.to_string().into());
    }
    error
}
