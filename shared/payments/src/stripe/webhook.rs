//! Notices that Stripe posts to us. A notice is a hint that something has changed: what it is about
//! is read from Stripe before anything is decided.
//!
//! Its header is `Stripe-Signature: t=<unix seconds>,v1=<hex HMAC-SHA256>[,v1=...]`, the signed text
//! is `<t>.<body>`, the key is the endpoint's secret (`whsec_...`) as it is written.
//! <https://docs.stripe.com/webhooks#verify-manually>

use chrono::{DateTime, TimeDelta, Utc};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::Deserialize;
use sha2::Sha256;
use thiserror::Error;

use super::{Subject, objects::Metadata};
use crate::Secret;

/// How old a notice may be, and how far ahead of our clock: Stripe's own recommendation. A copy that
/// somebody took on the way is of no use after that.
pub const TOLERANCE: TimeDelta = TimeDelta::minutes(5);

/// Most signatures that are looked at: one for each of the endpoint's secrets, of which Stripe keeps
/// two while they are changed.
const MOST_SIGNATURES: usize = 8;

/// Why a notice is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Untrusted {
    /// The header is missing or does not have its form.
    #[error("the header stripe-signature must be t=<seconds>,v1=<hexadecimal digits>")]
    Malformed,
    /// It is too old, or from the future.
    #[error("the signature was made more than five minutes from now")]
    NotNow,
    /// Nobody who knows the secret has signed it.
    #[error("no signature is that of this body")]
    Forged,
}

/// Checks that a notice comes from Stripe, and is fresh.
///
/// # Errors
/// [`Untrusted`].
pub fn verify(
    header: &str,
    body: &[u8],
    secret: &Secret,
    now: DateTime<Utc>,
) -> Result<(), Untrusted> {
    let mut signed_at = None;
    let mut signatures = Vec::new();
    for part in header.split(',') {
        let Some((name, value)) = part.trim().split_once('=') else {
            return Err(Untrusted::Malformed);
        };
        match name {
            "t" if signed_at.is_none() => signed_at = Some(value),
            "t" => return Err(Untrusted::Malformed),
            "v1" => signatures.push(hexadecimal(value).ok_or(Untrusted::Malformed)?),
            // Schemes that are not ours, such as the `v0` of test events.
            _ => {}
        }
    }
    let signed_at = signed_at.ok_or(Untrusted::Malformed)?;
    if signatures.is_empty() || signatures.len() > MOST_SIGNATURES {
        return Err(Untrusted::Malformed);
    }
    let digits = signed_at.bytes().all(|byte| byte.is_ascii_digit());
    let seconds = signed_at.parse().ok().filter(|_| digits).ok_or(Untrusted::Malformed)?;
    let at = DateTime::from_timestamp(seconds, 0).ok_or(Untrusted::Malformed)?;
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.reveal().as_bytes())
        .map_err(|_| Untrusted::Forged)?;
    mac.update(signed_at.as_bytes());
    mac.update(b".");
    mac.update(body);
    // In constant time each.
    if !signatures.iter().any(|signature| mac.clone().verify_slice(signature).is_ok()) {
        return Err(Untrusted::Forged);
    }
    // Only then: who can't sign learns nothing of our clock.
    if (now - at).abs() > TOLERANCE { Err(Untrusted::NotNow) } else { Ok(()) }
}

fn hexadecimal(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    for (index, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * index..2 * index + 2)?, 16).ok()?;
    }
    Some(bytes)
}

/// What a notice is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// A payment was paid, declined or canceled after its charge was answered, or a moment before.
    Payment {
        /// What the intent was made for; `None` when it is not ours.
        subject: Option<Subject>,
        /// How long after the intent was made the event came about.
        after: TimeDelta,
    },
    /// A refund succeeded or failed after it was answered.
    Refund {
        /// The organization, as we wrote it into the refund's metadata.
        organization: Option<String>,
        /// What it is for: the `reference` of its request.
        reference: Option<String>,
    },
    /// A customer's bank asks for a payment back, or has decided about it.
    Dispute(DisputeNotice),
    /// A bank has sent a new card, and the payment method has its number and date now.
    MethodUpdated {
        /// The payment method.
        payment_method: String,
        /// Its customer.
        customer: Option<String>,
        /// The card's last month, 1 to 12, and its year.
        expires: Option<(u32, i32)>,
    },
    /// Nothing that concerns us.
    Ignored,
}

/// A dispute as Stripe tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DisputeNotice {
    /// The dispute (`dp_...`, `du_...`).
    pub dispute_id: String,
    /// The intent whose payment is disputed.
    pub payment_id: String,
    /// The disputed amount, in minor units of `currency`.
    pub amount_minor: i64,
    /// ISO 4217 code.
    pub currency: String,
    /// Why, in Stripe's words: `fraudulent`, `product_not_received`.
    pub reason: String,
    /// Where it stands, in Stripe's words: `needs_response`, `won`, `lost`.
    pub status: String,
    /// When the event was made, by Stripe's clock: notices come in any order.
    pub at: DateTime<Utc>,
}

#[derive(Deserialize)]
struct Event {
    #[serde(rename = "type")]
    kind: String,
    created: i64,
    data: Data,
}

#[derive(Deserialize)]
struct Data {
    object: Object,
}

/// What the objects of the events that we know have, taken together.
#[derive(Deserialize)]
struct Object {
    id: Option<String>,
    created: Option<i64>,
    #[serde(default)]
    metadata: Option<Metadata>,
    payment_intent: Option<String>,
    amount: Option<i64>,
    currency: Option<String>,
    reason: Option<String>,
    status: Option<String>,
    customer: Option<String>,
    card: Option<Card>,
}

#[derive(Deserialize)]
struct Card {
    exp_month: Option<u32>,
    exp_year: Option<i32>,
}

/// Only the type, for events whose objects have members of other types than ours.
#[derive(Deserialize)]
struct Kind {
    #[serde(rename = "type")]
    kind: String,
}

/// Reads a notice that was [verified](verify). Events of types that we don't know are ignored,
/// whatever they hold.
///
/// # Errors
/// When it is not an event of Stripe's.
pub fn read(body: &[u8]) -> Result<Notice, serde_json::Error> {
    let Kind { kind } = serde_json::from_slice(body)?;
    let family =
        ["payment_intent.", "charge.dispute.", "refund.", "charge.refund.", "payment_method."];
    if !family.iter().any(|prefix| kind.starts_with(prefix)) {
        return Ok(Notice::Ignored);
    }
    let Event { kind, created, data: Data { object } } = serde_json::from_slice(body)?;
    Ok(match kind.as_str() {
        "payment_intent.succeeded"
        | "payment_intent.payment_failed"
        | "payment_intent.canceled" => {
            let made = object.created.unwrap_or(created);
            let after = created.saturating_sub(made).clamp(0, i64::from(u32::MAX));
            Notice::Payment {
                subject: Subject::of(&object.metadata.unwrap_or_default()),
                after: TimeDelta::seconds(after),
            }
        }
        "charge.refund.updated" | "refund.updated" | "refund.failed" => {
            let mut metadata = object.metadata.unwrap_or_default();
            Notice::Refund {
                organization: metadata.remove(super::metadata::ORGANIZATION),
                reference: metadata.remove(super::metadata::REFERENCE),
            }
        }
        "payment_method.automatically_updated" => match object.id {
            Some(payment_method) => Notice::MethodUpdated {
                payment_method,
                customer: object.customer,
                expires: object.card.and_then(|card| Some((card.exp_month?, card.exp_year?))),
            },
            None => Notice::Ignored,
        },
        dispute if dispute.starts_with("charge.dispute.") => {
            dispute_notice(object, created).map_or(Notice::Ignored, Notice::Dispute)
        }
        _ => Notice::Ignored,
    })
}

fn dispute_notice(object: Object, created: i64) -> Option<DisputeNotice> {
    let currency = object.currency?.to_ascii_uppercase();
    Some(DisputeNotice {
        dispute_id: object.id?,
        payment_id: object.payment_intent?,
        amount_minor: super::from_stripe(object.amount?, &currency),
        currency,
        reason: object.reason.unwrap_or_default(),
        status: object.status?,
        at: super::objects::instant(created),
    })
}

#[cfg(test)]
#[path = "webhook_tests.rs"]
mod tests;
