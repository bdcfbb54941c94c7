//! A real HTTP receiver of webhooks on this machine: it remembers every request, and answers as it
//! is told.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

use crate::TestResult;

/// How a receiver answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// With this status and a short body.
    Status(u16),
    /// Never; it keeps the connection open.
    Hang,
    /// With 200 and a body of so many bytes.
    Huge(usize),
    /// With 307 and this location.
    Redirect(String),
    /// It closes the connection.
    Close,
    /// With 200 and what it makes of the request's body.
    Makes(Maker),
}

/// What an answer is made by: of the JSON that was asked, the JSON that is answered.
#[derive(Debug, Clone, Copy)]
pub struct Maker(pub fn(&Value) -> Value);

impl PartialEq for Maker {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::fn_addr_eq(self.0, other.0)
    }
}

impl Eq for Maker {}

/// One request as it came.
#[derive(Debug, Clone)]
pub struct Request {
    /// The first line.
    pub line: String,
    /// By lower-case name.
    pub headers: BTreeMap<String, String>,
    /// Byte by byte.
    pub body: Vec<u8>,
}

impl Request {
    /// A header's text; empty where there is none.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(String::as_str).unwrap_or_default()
    }

    /// The body as JSON; null where it is none.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// What stands at a JSON pointer of the body; null where nothing does.
    #[must_use]
    pub fn at(&self, pointer: &str) -> Value {
        self.json().pointer(pointer).cloned().unwrap_or_default()
    }

    /// The event's topic.
    #[must_use]
    pub fn topic(&self) -> &str {
        self.header("x-commercelayer-topic")
    }
}

#[derive(Debug)]
struct State {
    reply: Reply,
    /// Requests to come that are answered otherwise: the first by the last.
    first: Vec<Reply>,
    heard: Vec<Request>,
    /// Bytes of bodies that were taken off its hands.
    sent: usize,
}

/// A receiver. It ends when it is dropped.
#[derive(Debug)]
pub struct Receiver {
    url: String,
    state: Arc<Mutex<State>>,
    _serving: JoinSet<()>,
}

impl Receiver {
    /// Starts a receiver that answers so, on any free port.
    ///
    /// # Errors
    /// When there is no port.
    pub async fn start(reply: Reply) -> TestResult<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}/hooks", listener.local_addr()?);
        let state = State { reply, first: Vec::new(), heard: Vec::new(), sent: 0 };
        let state = Arc::new(Mutex::new(state));
        let (shared, mut serving) = (Arc::clone(&state), JoinSet::new());
        serving.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let state = Arc::clone(&shared);
                // A connection that breaks is the sender's affair.
                connections.spawn(async move { serve(stream, &state).await.unwrap_or_default() });
            }
        });
        Ok(Self { url, state, _serving: serving })
    }

    /// Where it listens.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// Changes how it answers.
    pub fn set(&self, reply: Reply) {
        self.state().reply = reply;
    }

    /// Lets the next requests be answered otherwise, each by one of these.
    pub fn first(&self, replies: &[Reply]) {
        self.state().first = replies.iter().rev().cloned().collect();
    }

    /// The requests so far, in the order in which they came.
    #[must_use]
    pub fn heard(&self) -> Vec<Request> {
        self.state().heard.clone()
    }

    /// The requests so far, which are forgotten.
    #[must_use]
    pub fn take(&self) -> Vec<Request> {
        std::mem::take(&mut self.state().heard)
    }

    /// Bytes of its answers' bodies that somebody has taken.
    #[must_use]
    pub fn sent(&self) -> usize {
        self.state().sent
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn serve(mut stream: TcpStream, state: &Mutex<State>) -> TestResult {
    let Some(request) = read(&mut stream).await? else { return Ok(()) };
    let (reply, asked) = {
        let mut state = lock(state);
        let asked = request.json();
        state.heard.push(request);
        (state.first.pop().unwrap_or_else(|| state.reply.clone()), asked)
    };
    match reply {
        Reply::Status(code) => {
            let head = format!("HTTP/1.1 {code} As asked\r\ncontent-length: 4\r\n\r\ntold");
            stream.write_all(head.as_bytes()).await?;
        }
        Reply::Redirect(location) => {
            let head = format!(
                "HTTP/1.1 307 Elsewhere\r\nlocation: {location}\r\ncontent-length: 0\r\n\r\n"
            );
            stream.write_all(head.as_bytes()).await?;
        }
        Reply::Hang => tokio::time::sleep(Duration::from_secs(600)).await,
        Reply::Huge(bytes) => {
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {bytes}\r\n\r\n");
            stream.write_all(head.as_bytes()).await?;
            let chunk = vec![b'x'; 64 * 1024];
            let mut left = bytes;
            while left > 0 {
                let part = chunk.get(..left.min(chunk.len())).unwrap_or_default();
                stream.write_all(part).await?;
                left -= part.len();
                lock(state).sent += part.len();
            }
        }
        Reply::Close => {}
        Reply::Makes(Maker(make)) => {
            let body = make(&asked).to_string();
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
            stream.write_all(head.as_bytes()).await?;
            stream.write_all(body.as_bytes()).await?;
        }
    }
    Ok(())
}

async fn read(stream: &mut TcpStream) -> TestResult<Option<Request>> {
    let mut bytes = Vec::new();
    let head = loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end;
        }
        if stream.read_buf(&mut bytes).await? == 0 {
            return Ok(None);
        }
    };
    let mut body = bytes.split_off(head + 4);
    let text = String::from_utf8(bytes)?;
    let mut lines = text.trim_end().split("\r\n");
    let line = lines.next().unwrap_or_default().to_owned();
    let headers: BTreeMap<String, String> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let length: usize = headers.get("content-length").map_or(Ok(0), |length| length.parse())?;
    while body.len() < length {
        if stream.read_buf(&mut body).await? == 0 {
            return Ok(None);
        }
    }
    Ok(Some(Request { line, headers, body }))
}
