//! What only the local stack has: the clock, tokens, and a look at events, queues and counts.

use std::{str::FromStr, sync::Arc};

use bytes::Bytes;
use chrono::SecondsFormat;
use http::{Method, Request, Response, StatusCode, header};
use perennial_domain::ids::{OrderId, OrganizationId};
use perennial_runtime::Clock;
use serde_json::{Map, Value, json};

use super::{
    Server, json_response,
    members::{Members, required},
    message,
};
use crate::{
    clock::{AdvanceError, ClockError, Target},
    cloud::sqs::Outgoing,
    identity,
};

/// The most events that one answer carries.
const MOST_EVENTS: usize = 1_000;

/// Answers a request to a local endpoint.
pub(super) async fn answer(server: &Arc<Server>, request: Request<Bytes>) -> Response<Bytes> {
    let path = request.uri().path();
    let allowed = match path {
        "/local/clock" => &[Method::GET, Method::POST][..],
        "/local/oauth/token" | "/local/disputes" => &[Method::POST],
        "/local/events"
        | "/local/stats"
        | "/local/queues"
        | "/.well-known/jwks.json"
        | "/.well-known/openid-configuration" => &[Method::GET],
        _ => return message(StatusCode::NOT_FOUND, "Not Found"),
    };
    if !allowed.contains(request.method()) {
        return message(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed");
    }
    match path {
        "/local/clock" if request.method() == Method::POST => {
            move_clock(server, request.body()).await
        }
        "/local/clock" => {
            let now = server.advance.clock.now().to_rfc3339_opts(SecondsFormat::Millis, true);
            json_response(StatusCode::OK, &json!({ "now": now }))
        }
        "/local/oauth/token" => {
            let content_type = request.headers().get(header::CONTENT_TYPE);
            let content_type = content_type.and_then(|value| value.to_str().ok());
            identity::token_response(
                &server.issuer,
                content_type.unwrap_or_default(),
                request.body(),
            )
            .map(Bytes::from)
        }
        "/local/disputes" => dispute(server, request.body()),
        "/local/events" => events(server, request.uri().query().unwrap_or_default()),
        "/local/stats" => json_response(StatusCode::OK, &stats(server)),
        "/local/queues" => json_response(StatusCode::OK, &queues(server)),
        "/.well-known/jwks.json" => json_response(StatusCode::OK, &server.issuer.key_set()),
        _ => json_response(StatusCode::OK, &server.issuer.configuration()),
    }
}

/// Where the clock is to be moved.
fn target(body: &[u8]) -> Result<Target, String> {
    const SHAPE: &str = r#"give {"advance": "P1M"} or {"set": "2027-01-31T00:00:00Z"}"#;
    let members =
        Members::read(body, &["advance", "set"]).map_err(|reason| format!("{reason}; {SHAPE}"))?;
    match (members.text("advance")?, members.instant("set")?) {
        (Some(duration), None) => Ok(Target::Duration(duration)),
        (None, Some(instant)) => Ok(Target::Instant(instant)),
        (None, None) | (Some(_), Some(_)) => Err(SHAPE.to_owned()),
    }
}

async fn move_clock(server: &Arc<Server>, body: &[u8]) -> Response<Bytes> {
    let target = match target(body) {
        Ok(target) => target,
        Err(reason) => return message(StatusCode::BAD_REQUEST, &reason),
    };
    // In a task of its own: a client that goes away does not leave the clock half moved.
    let advance = Arc::clone(&server.advance);
    let moved = tokio::spawn(async move { advance.to(&target).await }).await;
    match moved {
        Ok(Ok(summary)) => match serde_json::to_value(&summary) {
            Ok(summary) => json_response(StatusCode::OK, &summary),
            Err(error) => message(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
        },
        Ok(Err(error)) => {
            let status = match &error {
                AdvanceError::Duration(_)
                | AdvanceError::Clock(ClockError::Backwards { .. } | ClockError::TooFar { .. }) => {
                    StatusCode::BAD_REQUEST
                }
                AdvanceError::Restless { .. } => StatusCode::GATEWAY_TIMEOUT,
                AdvanceError::Clock(_) | AdvanceError::DueIndex(_) => {
                    StatusCode::INTERNAL_SERVER_ERROR
                }
            };
            message(status, &error.to_string())
        }
        Err(error) => message(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
    }
}

/// A dispute that the bank of the test provider tells of.
struct Disputed {
    organization: String,
    order_id: String,
    status: String,
    amount_cents: i64,
    reason: Option<String>,
}

impl Disputed {
    fn read(body: &[u8]) -> Result<Self, String> {
        let members = ["organization", "order_id", "status", "amount_cents", "reason"];
        let members = Members::read(body, &members)?;
        let status = members.choice("status", &["open", "won", "lost"])?;
        Ok(Self {
            organization: named::<OrganizationId>("organization", members.text("organization")?)?,
            order_id: named::<OrderId>("order_id", members.text("order_id")?)?,
            status: required("status", status)?,
            amount_cents: required("amount_cents", members.positive("amount_cents")?)?,
            reason: members.text("reason")?,
        })
    }
}

/// A text that must be given and be an id of this kind.
fn named<T: FromStr>(name: &str, text: Option<String>) -> Result<String, String> {
    let text = required(name, text)?;
    let malformed = |_| format!("{name}: {text:?} is no id of this kind");
    text.parse::<T>().map_err(malformed)?;
    Ok(text)
}

/// Plays the bank: tells of a dispute as a payment provider's notice does. There is one dispute for
/// each order.
fn dispute(server: &Server, body: &[u8]) -> Response<Bytes> {
    const SHAPE: &str = r#"give {"organization": "acme", "order_id": "ord_...", "status": "open", "amount_cents": 2500}; status may be won or lost, too"#;
    let Disputed { organization, order_id, status, amount_cents, reason } =
        match Disputed::read(body) {
            Ok(disputed) => disputed,
            Err(reason) => return message(StatusCode::BAD_REQUEST, &format!("{reason}; {SHAPE}")),
        };
    let disputed = json!({
        "gateway_dispute_id": format!("dp_{order_id}"),
        "status": status,
        "amount": amount_cents,
        "reason": reason,
    });
    let news = json!({"news": {"order_id": order_id, "news": {"disputed": disputed}}});
    let due = json!({"organization": organization, "subject": news}).to_string();
    match server.cloud.queues.send("PaymentsQueue", Outgoing::text(due)) {
        Ok(_) => json_response(StatusCode::ACCEPTED, &json!({"status": "handed on"})),
        Err(error) => message(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
    }
}

/// Recent events of all buses, oldest first: those after the event with the given id, or the last.
fn events(server: &Server, query: &str) -> Response<Bytes> {
    let after = form_urlencoded::parse(query.as_bytes())
        .find(|(name, _)| name == "after")
        .map(|(_, value)| value.into_owned());
    let recent = server.cloud.buses.recent();
    let begin = match after {
        None => recent.len().saturating_sub(MOST_EVENTS),
        Some(id) => match recent.iter().position(|event| event.id == id) {
            Some(position) => position + 1,
            None => {
                return message(
                    StatusCode::NOT_FOUND,
                    "after: no event with this id is kept; leave it out for the latest",
                );
            }
        },
    };
    let events: Vec<Value> =
        recent.iter().skip(begin).take(MOST_EVENTS).map(|event| event.envelope()).collect();
    json_response(StatusCode::OK, &json!({ "events": events }))
}

fn queues(server: &Server) -> Value {
    let queues = &server.cloud.queues;
    queues
        .list_queues("")
        .into_iter()
        .filter_map(|name| {
            let counts = queues.pending(&name).ok()?;
            let next = counts.next_visible.map(|at| at.to_rfc3339_opts(SecondsFormat::Secs, true));
            let value = json!({
                "visible": counts.visible,
                "in_flight": counts.in_flight,
                "delayed": counts.delayed,
                "next_visible": next,
            });
            Some((name, value))
        })
        .collect::<Map<_, _>>()
        .into()
}

fn stats(server: &Server) -> Value {
    let sqs = server.cloud.queues.usage();
    let actions: Map<String, Value> = sqs
        .actions()
        .into_iter()
        .map(|(action, usage)| {
            let value = json!({
                "calls": usage.calls,
                "messages": usage.messages,
                "billed_requests": usage.billed_requests,
                "bytes": usage.bytes,
            });
            (action.to_owned(), value)
        })
        .collect();
    let capacity = server.cloud.dynamodb.usage();
    let tables: Vec<Value> = capacity
        .by_action
        .iter()
        .map(|((table, action), usage)| {
            json!({
                "table": table,
                "action": action,
                "calls": usage.calls,
                "read_half_units": usage.read_half_units,
                "write_half_units": usage.write_half_units,
            })
        })
        .collect();
    let bus = server.cloud.buses.usage();
    json!({
        "functions": server.host.stats(),
        "sqs": { "billed_requests": sqs.billed_requests(), "actions": actions },
        "dynamodb": tables,
        "eventbridge": {
            "calls": bus.calls,
            "events": bus.events,
            "billed_events": bus.billed_events,
            "delivered": bus.delivered,
            "undelivered": bus.undelivered,
        },
    })
}
