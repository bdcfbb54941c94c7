//! The HTTP client: one request over one connection, to an address that was looked at, within
//! bounds of time and size. It follows no redirect, so none can lead inside.

use std::{
    net::SocketAddr,
    sync::{Arc, OnceLock},
    time::Duration,
};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Request, Response, body::Incoming, client::conn::http1, http::uri::PathAndQuery};
use hyper_util::rt::TokioIo;
use perennial_domain::webhook::{CallbackUrl, Outcome};
use perennial_https::tls;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    task::JoinSet,
    time::{Instant, timeout, timeout_at},
};
use tokio_rustls::{TlsConnector, rustls::pki_types::ServerName};

use super::resolve;

/// How long a delivery may take, and how much of the answer is read.
#[derive(Debug, Clone, Copy)]
struct Limits {
    connect: Duration,
    total: Duration,
    answer: usize,
}

const LIMITS: Limits =
    Limits { connect: Duration::from_secs(5), total: Duration::from_secs(15), answer: 64 * 1024 };
/// Most bytes of an answer's head.
const MAX_HEAD: usize = 32 * 1024;

/// Sends messages.
#[derive(Debug)]
pub(super) struct Client {
    private_allowed: bool,
    limits: Limits,
    /// Made when the first message goes out by https.
    tls: OnceLock<Result<TlsSettings, String>>,
}

#[derive(Clone)]
struct TlsSettings(TlsConnector);

impl std::fmt::Debug for TlsSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TlsSettings")
    }
}

impl Client {
    /// A client; `private_allowed` lets it send to any address, and without encryption.
    pub(super) fn new(private_allowed: bool) -> Self {
        Self { private_allowed, limits: LIMITS, tls: OnceLock::new() }
    }

    /// Posts a message, and answers what came of it within the time that a delivery may take.
    pub(super) async fn post(
        &self,
        url: &CallbackUrl,
        headers: &[(&'static str, String)],
        body: String,
    ) -> Outcome {
        let deadline = Instant::now() + self.limits.total;
        let mut connection = JoinSet::new();
        let request = match request(url, headers, body) {
            Ok(request) => request,
            Err(reason) => return Outcome::Unanswered(reason),
        };
        let exchange = self.exchange(url, request, &mut connection);
        let response = match timeout_at(deadline, exchange).await {
            Ok(Ok(response)) => response,
            Ok(Err(reason)) => return Outcome::Unanswered(reason),
            Err(_) => {
                let seconds = self.limits.total.as_secs();
                return Outcome::Unanswered(format!("no answer within {seconds} s"));
            }
        };
        let code = response.status().as_u16();
        let mut beginning = Vec::new();
        // The status says all; what can't be read of the rest is not missed.
        let _ = timeout_at(deadline, self.read(response.into_body(), &mut beginning)).await;
        Outcome::Answered { code, message: String::from_utf8_lossy(&beginning).into_owned() }
    }

    /// Sends the request and waits for the head of the answer. The connection lives in `connection`
    /// and ends with it.
    async fn exchange(
        &self,
        url: &CallbackUrl,
        request: Request<Full<Bytes>>,
        connection: &mut JoinSet<()>,
    ) -> Result<Response<Incoming>, String> {
        let addresses = resolve::addresses(url, self.private_allowed).await?;
        let seconds = self.limits.connect.as_secs();
        let late = |_| format!("no connection within {seconds} s");
        let begun = Instant::now();
        let stream = timeout(self.limits.connect, connect(&addresses)).await.map_err(late)??;
        if !url.is_https() {
            return send(stream, request, connection).await;
        }
        let name = ServerName::try_from(url.host().to_owned())
            .map_err(|_| format!("no certificate can name the host {}", url.host()))?;
        let handshake = self.tls()?.0.connect(name, stream);
        let stream = timeout_at(begun + self.limits.connect, handshake)
            .await
            .map_err(late)?
            .map_err(|error| format!("TLS failed: {error}"))?;
        send(stream, request, connection).await
    }

    async fn read(&self, mut body: Incoming, into: &mut Vec<u8>) {
        while let Some(Ok(frame)) = body.frame().await {
            let Some(data) = frame.data_ref() else { continue };
            let room = self.limits.answer.saturating_sub(into.len());
            into.extend(data.iter().take(room));
            if data.len() >= room {
                return;
            }
        }
    }

    fn tls(&self) -> Result<TlsSettings, String> {
        self.tls
            .get_or_init(|| Ok(TlsSettings(TlsConnector::from(Arc::new(tls::settings()?)))))
            .clone()
    }
}

fn request(
    url: &CallbackUrl,
    headers: &[(&'static str, String)],
    body: String,
) -> Result<Request<Full<Bytes>>, String> {
    let unsound = |error: &dyn std::fmt::Display| format!("{url} can't be requested: {error}");
    let target: PathAndQuery = url.target().parse().map_err(|error| unsound(&error))?;
    let mut request = Request::post(hyper::Uri::from(target)).header("host", url.authority());
    for (name, value) in headers {
        request = request.header(*name, value);
    }
    request.body(Full::new(Bytes::from(body))).map_err(|error| unsound(&error))
}

/// Connects to the first address that lets it.
async fn connect(addresses: &[SocketAddr]) -> Result<TcpStream, String> {
    let mut reason = "there is no address to connect to".to_owned();
    for address in addresses {
        match TcpStream::connect(address).await {
            Ok(stream) => return Ok(stream),
            Err(error) => reason = format!("no connection to {address}: {error}"),
        }
    }
    Err(reason)
}

async fn send(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    request: Request<Full<Bytes>>,
    connection: &mut JoinSet<()>,
) -> Result<Response<Incoming>, String> {
    let lost = |error: hyper::Error| format!("the connection failed: {error}");
    let (mut sender, driver) = http1::Builder::new()
        .max_buf_size(MAX_HEAD)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(lost)?;
    connection.spawn(async move {
        // What goes wrong with the connection, the request tells.
        let _ = driver.await;
    });
    sender.send_request(request).await.map_err(lost)
}

#[cfg(test)]
#[path = "client_tests.rs"]
mod tests;
