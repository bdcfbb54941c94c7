//! Connections that are kept and used again.

use std::time::Duration;

use hyper::body::Body;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};

use crate::tls;

/// A client whose connections are pooled. All that are cloned from one share them.
pub type Pool<B> = Client<HttpsConnector<HttpConnector>, B>;

/// A pool that waits so long for a connection at most. It speaks plain HTTP where the URL does.
///
/// # Errors
/// When TLS can't be set up: the system trusts no certificate.
pub fn pool<B>(connect_timeout: Duration) -> Result<Pool<B>, String>
where
    B: Body + Send,
    B::Data: Send,
{
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_connect_timeout(Some(connect_timeout));
    let connector = HttpsConnectorBuilder::new()
        .with_tls_config(tls::settings()?)
        .https_or_http()
        .enable_http1()
        .wrap_connector(tcp);
    Ok(Client::builder(TokioExecutor::new()).pool_timer(TokioTimer::new()).build(connector))
}
