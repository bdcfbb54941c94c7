//! Sending batches to the API, again and again where that can help.

use std::time::Duration;

use reqwest::{StatusCode, header};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Failure, Options, read::Batch};

/// The media type of the API.
const JSON_API: &str = "application/vnd.api+json";
/// How often a batch is sent, or the rows of it that storage could not take.
const ATTEMPTS: u32 = 6;
/// The wait before the second attempt; each further one is twice as long.
const FIRST_WAIT: Duration = Duration::from_millis(250);
/// How long an answer is waited for.
const TIMEOUT: Duration = Duration::from_secs(60);

/// What became of a row.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Answered {
    /// Its place in the request, and then the number of its line.
    #[serde(rename = "row")]
    pub(super) line: u64,
    pub(super) external_id: Option<String>,
    pub(super) outcome: String,
    pub(super) order_subscription_id: Option<String>,
    #[serde(default)]
    pub(super) problems: Vec<Problem>,
}

/// A rule that a row breaks.
#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct Problem {
    pub(super) field: String,
    pub(super) rule: String,
    pub(super) value: Option<String>,
    pub(super) detail: String,
}

/// What became of the rows of a batch, in the order of the file.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) rows: Vec<Answered>,
    pub(super) position: u64,
}

/// The API.
#[derive(Debug)]
pub(super) struct Api {
    http: reqwest::Client,
    url: String,
    token: String,
    source: String,
}

impl Answered {
    /// Says that the row's external id stood on another line before.
    pub(super) fn repeats(&mut self, line: u64) {
        "conflict".clone_into(&mut self.outcome);
        self.problems.push(Problem {
            field: "external_id".to_owned(),
            rule: "taken".to_owned(),
            value: self.external_id.clone(),
            detail: format!("line {line} has the same external_id"),
        });
    }

    fn unreadable(line: u64, reason: String) -> Self {
        let problem =
            Problem { rule: "malformed".to_owned(), detail: reason, ..Problem::default() };
        Self {
            line,
            external_id: None,
            outcome: "invalid".to_owned(),
            order_subscription_id: None,
            problems: vec![problem],
        }
    }
}

/// Why a request was not answered with what became of its rows.
enum Refusal {
    /// It may be sent again, after this long if the API says so.
    ForNow(String, Option<Duration>),
    /// It would be refused again.
    ForGood(Failure),
}

impl Api {
    pub(super) fn new(options: &Options) -> Result<Self, Failure> {
        let url = options.url.trim_end_matches('/');
        let url = url.strip_suffix("/api").unwrap_or(url);
        Ok(Self {
            http: reqwest::Client::builder().timeout(TIMEOUT).build()?,
            url: format!("{url}/api/subscription_imports"),
            token: options.token.clone(),
            source: options.source.clone(),
        })
    }

    /// Sends a batch until something became of each of its rows, or that seems hopeless.
    pub(super) async fn send(&self, batch: Batch, dry_run: bool) -> Result<Answer, Failure> {
        let Batch { lines, position } = batch;
        let mut done = Vec::with_capacity(lines.len());
        let mut open = Vec::with_capacity(lines.len());
        for line in lines {
            match line.row {
                Ok(row) => open.push((line.number, row)),
                Err(reason) => done.push(Answered::unreadable(line.number, reason)),
            }
        }
        let mut wait = FIRST_WAIT;
        for attempt in 1..=ATTEMPTS {
            if open.is_empty() {
                break;
            }
            let rows: Vec<&Value> = open.iter().map(|(_, row)| row).collect();
            let asked_wait = match self.post(&rows, dry_run).await {
                Ok(answered) => {
                    let last = attempt == ATTEMPTS;
                    open = sort(open, answered, last, &mut done)?;
                    None
                }
                Err(Refusal::ForNow(reason, _)) if attempt == ATTEMPTS => {
                    return Err(reason.into());
                }
                Err(Refusal::ForNow(_, asked)) => asked,
                Err(Refusal::ForGood(error)) => return Err(error),
            };
            if !open.is_empty() {
                tokio::time::sleep(asked_wait.unwrap_or(wait)).await;
                wait *= 2;
            }
        }
        done.sort_by_key(|row| row.line);
        Ok(Answer { rows: done, position })
    }

    async fn post(&self, rows: &[&Value], dry_run: bool) -> Result<Vec<Answered>, Refusal> {
        let attributes = json!({"source": self.source, "dry_run": dry_run, "rows": rows});
        let document = json!({"data": {"type": "subscription_imports", "attributes": attributes}});
        let request = self
            .http
            .post(&self.url)
            .bearer_auth(&self.token)
            .header(header::CONTENT_TYPE, JSON_API)
            .header(header::ACCEPT, JSON_API)
            .body(document.to_string());
        let for_now = |error: reqwest::Error| Refusal::ForNow(error.to_string(), None);
        let answer = request.send().await.map_err(for_now)?;
        let status = answer.status();
        let asked = answer.headers().get(header::RETRY_AFTER);
        let asked = asked.and_then(|value| value.to_str().ok()?.parse().ok());
        let text = answer.text().await.map_err(for_now)?;
        if status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error() {
            let reason = format!("{} answers {status}: {text}", self.url);
            return Err(Refusal::ForNow(reason, asked.map(Duration::from_secs)));
        }
        let for_good = |reason: String| Refusal::ForGood(reason.into());
        if !status.is_success() {
            return Err(for_good(format!("{} answers {status}: {text}", self.url)));
        }
        let mut document: Value =
            serde_json::from_str(&text).map_err(|error| for_good(error.to_string()))?;
        let results = document.pointer_mut("/data/attributes/results").map(Value::take);
        serde_json::from_value(results.unwrap_or_default())
            .map_err(|error| for_good(format!("the answer tells of no rows: {error}")))
    }
}

/// Puts rows aside that something became of; answers the others, to be sent again.
fn sort(
    open: Vec<(u64, Value)>,
    answered: Vec<Answered>,
    last: bool,
    done: &mut Vec<Answered>,
) -> Result<Vec<(u64, Value)>, Failure> {
    if open.len() != answered.len() {
        let (sent, told) = (open.len(), answered.len());
        return Err(format!("{sent} rows were sent, and the answer tells of {told}").into());
    }
    let mut again = Vec::new();
    for ((line, row), mut answer) in open.into_iter().zip(answered) {
        if answer.outcome == "failed" && !last {
            again.push((line, row));
        } else {
            answer.line = line;
            done.push(answer);
        }
    }
    Ok(again)
}
