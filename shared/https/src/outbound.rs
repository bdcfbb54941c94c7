//! Requests to URLs that somebody else has written down: one over one connection, to an address that
//! was looked at, within bounds of time and size. No redirect is followed, so none can lead inside.

use std::{
    net::SocketAddr,
    sync::{Arc, OnceLock},
};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Request, Response, body::Incoming, client::conn::http1, http::uri::PathAndQuery};
use hyper_util::rt::TokioIo;
use perennial_domain::webhook::CallbackUrl;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    task::JoinSet,
    time::{Instant, timeout, timeout_at},
};
use tokio_rustls::{TlsConnector, rustls::pki_types::ServerName};

use crate::{Limits, resolve, tls};

/// Most bytes of an answer's head.
const MAX_HEAD: usize = 32 * 1024;

/// Posts to URLs that somebody else has written down.
#[derive(Debug)]
pub struct Outbound {
    private_allowed: bool,
    /// Made when the first message goes out by https.
    tls: OnceLock<Result<TlsSettings, String>>,
}

/// Why nothing came back.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct NoReply {
    /// In one word.
    pub kind: NoReplyKind,
    /// For whoever keeps the URL to read: it may name the address that a host leads to.
    pub reason: String,
}

/// Why nothing came back, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoReplyKind {
    /// Nothing is sent to where the URL leads.
    Refused,
    /// It took too long. The reason names no address.
    Late,
    /// There is nobody, or the connection broke.
    Lost,
}

impl NoReply {
    pub(crate) const fn refused(reason: String) -> Self {
        Self { kind: NoReplyKind::Refused, reason }
    }

    const fn late(reason: String) -> Self {
        Self { kind: NoReplyKind::Late, reason }
    }

    pub(crate) const fn lost(reason: String) -> Self {
        Self { kind: NoReplyKind::Lost, reason }
    }
}

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The status.
    pub status: u16,
    /// The body, as far as it was read.
    pub body: Vec<u8>,
    /// Whether that is all of it: it was no longer than allowed, and came in time.
    pub complete: bool,
}

#[derive(Clone)]
struct TlsSettings(TlsConnector);

impl std::fmt::Debug for TlsSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TlsSettings")
    }
}

impl Outbound {
    /// A client; `private_allowed` lets it send to any address, and without encryption.
    #[must_use]
    pub const fn new(private_allowed: bool) -> Self {
        Self { private_allowed, tls: OnceLock::new() }
    }

    /// Posts a body, and answers what came back within these limits.
    ///
    /// # Errors
    /// Why nothing came back.
    pub async fn post(
        &self,
        url: &CallbackUrl,
        headers: &[(&'static str, String)],
        body: String,
        limits: Limits,
    ) -> Result<Reply, NoReply> {
        let deadline = Instant::now() + limits.total;
        let mut connection = JoinSet::new();
        let request = request(url, headers, body)?;
        let exchange = self.exchange(url, request, limits, &mut connection);
        let response = timeout_at(deadline, exchange).await.map_err(|_| {
            NoReply::late(format!("no answer within {} ms", limits.total.as_millis()))
        })??;
        let status = response.status().as_u16();
        let mut body = Vec::new();
        let read = timeout_at(deadline, read(response.into_body(), limits.answer, &mut body)).await;
        Ok(Reply { status, body, complete: read.unwrap_or(false) })
    }

    /// Sends the request and waits for the head of the answer. The connection lives in `connection`
    /// and ends with it.
    async fn exchange(
        &self,
        url: &CallbackUrl,
        request: Request<Full<Bytes>>,
        limits: Limits,
        connection: &mut JoinSet<()>,
    ) -> Result<Response<Incoming>, NoReply> {
        let addresses = resolve::addresses(url, self.private_allowed).await?;
        let late =
            |_| NoReply::late(format!("no connection within {} ms", limits.connect.as_millis()));
        let begun = Instant::now();
        let stream = timeout(limits.connect, connect(&addresses)).await.map_err(late)??;
        if !url.is_https() {
            return send(stream, request, connection).await;
        }
        let name = ServerName::try_from(url.host().to_owned()).map_err(|_| {
            NoReply::lost(format!("no certificate can name the host {}", url.host()))
        })?;
        let handshake = self.tls().map_err(NoReply::lost)?.0.connect(name, stream);
        let stream = timeout_at(begun + limits.connect, handshake)
            .await
            .map_err(late)?
            .map_err(|error| NoReply::lost(format!("TLS failed: {error}")))?;
        send(stream, request, connection).await
    }

    fn tls(&self) -> Result<TlsSettings, String> {
        self.tls
            .get_or_init(|| Ok(TlsSettings(TlsConnector::from(Arc::new(tls::settings()?)))))
            .clone()
    }
}

/// Reads a body up to so many bytes, and tells whether that is all of it.
async fn read(mut body: Incoming, most: usize, into: &mut Vec<u8>) -> bool {
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else { return false };
        let Some(data) = frame.data_ref() else { continue };
        let room = most.saturating_sub(into.len());
        into.extend(data.iter().take(room));
        if data.len() > room {
            return false;
        }
    }
    true
}

fn request(
    url: &CallbackUrl,
    headers: &[(&'static str, String)],
    body: String,
) -> Result<Request<Full<Bytes>>, NoReply> {
    let unsound =
        |error: &dyn std::fmt::Display| NoReply::lost(format!("{url} can't be requested: {error}"));
    let target: PathAndQuery = url.target().parse().map_err(|error| unsound(&error))?;
    let mut request = Request::post(hyper::Uri::from(target)).header("host", url.authority());
    for (name, value) in headers {
        request = request.header(*name, value);
    }
    request.body(Full::new(Bytes::from(body))).map_err(|error| unsound(&error))
}

/// Connects to the first address that lets it.
async fn connect(addresses: &[SocketAddr]) -> Result<TcpStream, NoReply> {
    let mut reason = "there is no address to connect to".to_owned();
    for address in addresses {
        match TcpStream::connect(address).await {
            Ok(stream) => return Ok(stream),
            Err(error) => reason = format!("no connection to {address}: {error}"),
        }
    }
    Err(NoReply::lost(reason))
}

async fn send(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    request: Request<Full<Bytes>>,
    connection: &mut JoinSet<()>,
) -> Result<Response<Incoming>, NoReply> {
    let lost = |error: hyper::Error| NoReply::lost(format!("the connection failed: {error}"));
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
#[path = "outbound_tests.rs"]
mod tests;
