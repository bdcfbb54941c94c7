//! What a channel's sender posts without a token, signed with a secret that only it and we know.
//!
//! It goes the way of what is sent with a token, with a caller who may do what a sales channel may, in
//! the channel's market. Senders of webhooks read no answers but their status, and give up on receivers
//! that refuse: so what is kept as a dead letter is answered as taken, and what is not is to come again.

use chrono::{DateTime, Utc};
use perennial_domain::{
    ids::{MarketId, OrganizationId},
    webhook::Incoming,
};
use perennial_mapping::MAX_PAYLOAD;
use perennial_store::Record;
use serde_json::json;

use super::{
    letters,
    receive::{self, Sender},
};
use crate::{
    api::{self, catalog::text, channel_webhooks, channels, orders},
    http::{
        caller::Caller,
        context::Context,
        dispatch::OpenRequest,
        error::{ApiError, Code, Outcome, Problem},
        event::{Answer, Request},
        query::{Accepts, Query},
    },
};

/// The answer to what is posted to a channel's webhook address; `None` where it is no such request.
pub(super) async fn answer(asked: OpenRequest<'_>) -> Option<Outcome<Answer>> {
    let (channel, organization) = named(asked.request)?;
    Some(take(asked, channel, organization).await)
}

/// The channel and the organization of an address `/api/channels/{channel}/webhooks/{organization}`.
fn named(request: &Request) -> Option<(&str, &str)> {
    let rest = request.path.strip_prefix("/api/channels/")?;
    let (channel, organization) = rest.split_once("/webhooks/")?;
    let plain = |part: &str| !part.is_empty() && !part.contains('/');
    (request.method == "POST" && plain(channel) && plain(organization))
        .then_some((channel, organization))
}

async fn take(asked: OpenRequest<'_>, channel: &str, organization: &str) -> Outcome<Answer> {
    let OpenRequest { request, services, request_id, now } = asked;
    // Before anything is read or computed: whoever posts this is nobody yet.
    let length = request.body_len();
    if length > MAX_PAYLOAD {
        let detail = format!("the body has {length} bytes, at most {MAX_PAYLOAD} are taken");
        return Err(Problem::new(Code::BodyTooLarge, detail).into());
    }
    let body = request.bytes()?;
    let (organization, channel) = match organization.parse::<OrganizationId>() {
        Ok(organization) => {
            let id = channels::id_of(channel);
            let found = services.store.record(&organization, channels::CATALOG.stored, &id).await?;
            (Some(organization), found)
        }
        Err(_) => (None, None),
    };
    let signed = channel.as_ref().is_some_and(|channel| is_signed(request, &body, channel, now));
    let (Some(organization), Some(channel), true) = (organization, channel, signed) else {
        // The same for every reason: it tells nobody which organizations and channels there are.
        let detail = "the message is not signed as this address asks";
        return Err(Problem::new(Code::Unauthorized, detail).into());
    };
    tracing::Span::current().record("organization", organization.as_str());
    let market = text(&channel, "market_id").map(str::parse::<MarketId>).transpose();
    let market =
        market.map_err(|_| ApiError::internal("the channel's market is no market's id"))?;
    let code = text(&channel, "code").unwrap_or_default();
    let context = Context {
        services,
        caller: &Caller::channel(organization, market, code),
        request,
        query: &Query::parse("", &orders::KIND, Accepts::SINGLE, api::resource_type)?,
        id: code,
        request_id,
        once: None,
        now,
    };
    match receive::receive_from(&context, Sender::Webhook).await {
        Err(error) => kept(error),
        taken => taken,
    }
}

/// Whether the sender of a channel has signed a message: none has where it takes no webhooks.
fn is_signed(request: &Request, body: &[u8], channel: &Record, now: DateTime<Utc>) -> bool {
    let (Some(scheme), Some(secrets)) =
        (channel_webhooks::scheme(channel), channel_webhooks::secrets(channel))
    else {
        return false;
    };
    let header = |name: &str| request.header(name);
    scheme.is_signed(Incoming { header: &header, body }, secrets.valid_at(now), now)
}

/// What was refused is kept for an operator: it would be refused again, however often it came. What
/// is kept nowhere stays refused.
fn kept(error: ApiError) -> Outcome<Answer> {
    let Some(letter) = letters::of(&error) else { return Err(error) };
    let answer = json!({"meta": {
        "outcome": "kept",
        "dead_letter_id": letter,
        "code": error.problems.first().map(|problem| problem.code.facts().1),
        "detail": letters::reason(&error),
    }});
    Ok(Answer::json(202, &answer).with_header("content-type", "application/json"))
}
