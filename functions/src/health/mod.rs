//! Health: whether the service does what it is for, for load balancers and for people.
//!
//! `GET /api/health` needs no token and tells verdicts only; `GET /api/health/details` tells an operator
//! the numbers behind them. The service has *failed* where requests can't be served; what somebody
//! should look at while they are is a *warning*, which keeps no load balancer from sending requests.

mod checks;

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use futures::future::join;
use perennial_domain::time::database_version;
use perennial_messages::Queue;
use perennial_runtime::{Clock, Environment, Function, FunctionError, Invocation, SettingError};
use perennial_store::Store;
use serde_json::{Map, Value, json};
use tokio::sync::Mutex;

use self::checks::{Check, Status};
use crate::{
    Aws,
    http::{
        caller::{Caller, Role, stated_claims},
        error::{ApiError, Code, Outcome, Problem},
        event::{Answer, Request},
        media_type::JSON_API,
    },
    settings,
    work_queues::WorkQueue,
};

/// How long an answer is taken for true: whoever asks more often costs the tables nothing.
const FRESH: TimeDelta = TimeDelta::seconds(5);

/// The media type of answers: the draft "Health Check Response Format for HTTP APIs"
/// (draft-inadarei-api-health-check).
const HEALTH_JSON: &str = "application/health+json";

/// A queue that is looked at.
struct Watched {
    name: String,
    queue: Queue,
    /// Whether it holds what could not be handled.
    dead_letters: bool,
}

/// The health function.
pub(crate) struct Health {
    store: Store,
    clock: Arc<dyn Clock>,
    queues: Vec<Watched>,
    /// What was found last, and when. Whoever comes while it is found anew waits for that.
    seen: Mutex<Option<(DateTime<Utc>, Vec<Check>)>>,
    sam_local: bool,
}

impl Health {
    pub(crate) fn build(
        environment: &Environment,
        aws: &Aws,
        clock: &Arc<dyn Clock>,
    ) -> Result<Self, SettingError> {
        let mut queues = Vec::new();
        for queue in WorkQueue::ALL {
            let watched = [("WATCHED_URL", false), ("DEAD_LETTERS_WATCHED_URL", true)];
            for (suffix, dead_letters) in watched {
                let url = environment.require(&format!("{}_{suffix}", queue.variable()))?;
                let (name, queue) = (queue.name().to_owned(), Queue::new(aws.sqs.clone(), url));
                queues.push(Watched { name, queue, dead_letters });
            }
        }
        Ok(Self {
            store: settings::store(environment, aws)?,
            clock: Arc::clone(clock),
            queues,
            seen: Mutex::new(None),
            sam_local: environment.get("AWS_SAM_LOCAL") == Some("true"),
        })
    }

    /// What is known about the whole service, at most some seconds old.
    async fn checks(&self, now: DateTime<Utc>) -> Vec<Check> {
        let mut seen = self.seen.lock().await;
        if let Some((at, checks)) = &*seen
            && (TimeDelta::zero()..FRESH).contains(&(now - *at))
        {
            return checks.clone();
        }
        let checks = checks::all(&self.store, &self.queues, now).await;
        *seen = Some((now, checks.clone()));
        checks
    }

    async fn answer(&self, request: &Request) -> Outcome<Answer> {
        let now = self.clock.now();
        match (request.method.as_str(), request.path.as_str()) {
            ("GET", "/api/health") => Ok(answer(&self.checks(now).await, false, now)),
            ("GET", "/api/health/details") => {
                let stated = if self.sam_local && request.claims.is_none() {
                    stated_claims(request.header("authorization"))
                } else {
                    None
                };
                let caller = Caller::from_claims(request.claims.as_ref().or(stated.as_ref()))?;
                check_role(&caller)?;
                let mut checks = self.checks(now).await;
                let (store, organization) = (&self.store, &caller.organization);
                let letters = checks::letters(store, organization);
                let (letters, held) = join(letters, checks::held(store, organization, now)).await;
                checks.extend([letters, held]);
                Ok(answer(&checks, true, now))
            }
            (_, path) => Err(ApiError::not_found("resource at path", path)),
        }
    }
}

/// The numbers are about all organizations of an installation, and about what goes wrong in it.
fn check_role(caller: &Caller) -> Outcome<()> {
    let why = match (caller.role, &caller.market) {
        (Role::Integration | Role::Operator, None) => return Ok(()),
        (Role::Integration | Role::Operator, Some(_)) => "a token for one market may not read it",
        (Role::SalesChannel | Role::Approver, _) => "it is for the roles operator and integration",
    };
    Err(Problem::new(Code::Forbidden, format!("the health in detail: {why}")).into())
}

/// The answer: 200 while requests are served, 503 otherwise.
fn answer(checks: &[Check], detailed: bool, now: DateTime<Utc>) -> Answer {
    let status = checks.iter().map(|check| check.status).max().unwrap_or(Status::Pass);
    let mut told: Map<String, Value> = Map::new();
    for check in checks {
        let entry = check.to_json(detailed, now);
        match told.entry(check.name).or_insert_with(|| json!([])) {
            Value::Array(entries) if detailed || entries.is_empty() => entries.push(entry),
            // Without numbers, all of one name are told as the worst of them.
            Value::Array(entries) => {
                if let Some(first) = entries.first_mut()
                    && check.status > Status::named(first)
                {
                    *first = entry;
                }
            }
            _ => {}
        }
    }
    let notes: Vec<&str> = checks
        .iter()
        .filter(|check| check.status > Status::Pass)
        .map(|check| check.meaning)
        .collect();
    let mut notes = notes;
    notes.dedup();
    let body = json!({
        "status": status.name(),
        "version": env!("CARGO_PKG_VERSION"),
        "description": "Perennial, subscription order management",
        "notes": notes,
        "time_zones": database_version(),
        "checks": told,
    });
    Answer::json(if status == Status::Fail { 503 } else { 200 }, &body)
        .with_header("content-type", HEALTH_JSON)
        .with_header("cache-control", "no-store")
}

#[async_trait]
impl Function for Health {
    async fn invoke(&self, event: Value, invocation: Invocation) -> Result<Value, FunctionError> {
        let request = Request::from_event(event)?;
        let id = request.id.clone().unwrap_or(invocation.request_id);
        let answer = self.answer(&request).await.unwrap_or_else(|error| {
            let mut answer = Answer::json(error.status(), &error.to_json(&id));
            answer.headers = error.headers;
            answer.with_header("content-type", JSON_API)
        });
        Ok(answer.into_event())
    }
}
