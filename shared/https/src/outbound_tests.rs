#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
use std::time::Duration;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use super::*;

/// A receiver that sends these bytes back and then keeps the connection open; answers its URL, and
/// what it was sent.
async fn receiver(says: &'static [u8], times: usize) -> (CallbackUrl, JoinSet<Vec<u8>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut serving = JoinSet::new();
    serving.spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut heard = vec![0; 4096];
        let read = stream.read(&mut heard).await.unwrap();
        heard.truncate(read);
        for _ in 0..times {
            if stream.write_all(says).await.is_err() {
                return heard;
            }
        }
        std::future::pending().await
    });
    (format!("http://127.0.0.1:{port}/hooks?a=b").parse().unwrap(), serving)
}

const LIMITS: Limits = Limits {
    connect: Duration::from_millis(500),
    total: Duration::from_millis(500),
    answer: 1_000,
};

async fn post(client: &Outbound, url: &CallbackUrl) -> Result<Reply, NoReply> {
    client.post(url, &[("webhook-id", "evt_1".to_owned())], "{}".to_owned(), LIMITS).await
}

fn late(reason: &str) -> NoReply {
    NoReply { kind: NoReplyKind::Late, reason: reason.to_owned() }
}

fn reply(status: u16, body: &str) -> Reply {
    Reply { status, body: body.as_bytes().to_vec(), complete: true }
}

#[tokio::test]
async fn an_answer_is_its_status_and_the_beginning_of_its_body() {
    let says = b"HTTP/1.1 201 Created\r\ncontent-length: 4\r\n\r\ndone";
    let (url, _serving) = receiver(says, 1).await;
    assert_eq!(post(&Outbound::new(true), &url).await.unwrap(), reply(201, "done"));
}

#[tokio::test]
async fn a_receiver_that_says_nothing_is_not_waited_for() {
    let (url, _serving) = receiver(b"", 0).await;
    let begun = Instant::now();
    let told = post(&Outbound::new(true), &url).await.unwrap_err();
    assert_eq!(told, late("no answer within 500 ms"));
    assert!(begun.elapsed() < Duration::from_secs(3));
}

#[tokio::test]
async fn a_body_that_never_ends_is_cut() {
    let says = b"HTTP/1.1 200 OK\r\n\r\n";
    let (url, mut serving) = receiver(says, 10_000_000).await;
    let cut = post(&Outbound::new(true), &url).await.unwrap();
    assert_eq!((cut.status, cut.body.len(), cut.complete), (200, 1_000, false));
    // The connection is closed: the receiver can't go on.
    let heard = timeout(Duration::from_secs(5), serving.join_next()).await.unwrap();
    let heard = String::from_utf8(heard.unwrap().unwrap()).unwrap();
    assert!(heard.starts_with("POST /hooks?a=b HTTP/1.1\r\nhost: 127.0.0.1:"), "{heard}");
}

#[tokio::test]
async fn a_body_that_stops_halfway_is_not_complete() {
    let says = b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf";
    let (url, _serving) = receiver(says, 1).await;
    let half = post(&Outbound::new(true), &url).await.unwrap();
    assert_eq!(half, Reply { complete: false, ..reply(200, "half") });
}

#[tokio::test]
async fn a_head_that_never_ends_is_refused() {
    let (url, _serving) = receiver(b"HTTP/1.1 200 OK\r\nx-filler: ", 1_000_000).await;
    assert!(post(&Outbound::new(true), &url).await.is_err());
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_nothing_more() {
    let says =
        b"HTTP/1.1 302 Found\r\nlocation: http://169.254.169.254/\r\ncontent-length: 0\r\n\r\n";
    let (url, _serving) = receiver(says, 1).await;
    assert_eq!(post(&Outbound::new(true), &url).await.unwrap(), reply(302, ""));
}

#[tokio::test]
async fn nobody_there_is_told() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://127.0.0.1:{}/", listener.local_addr().unwrap().port());
    drop(listener);
    let told = post(&Outbound::new(true), &url.parse().unwrap()).await.unwrap_err();
    assert!(told.reason.contains("no connection to 127"), "{told}");
    assert_eq!(told.kind, NoReplyKind::Lost);
}

#[tokio::test]
async fn without_leave_nothing_is_sent_inside() {
    let (url, mut serving) = receiver(b"HTTP/1.1 200 OK\r\n\r\n", 1).await;
    let strict = Outbound::new(false);
    assert!(post(&strict, &url).await.is_err());
    let url = url.as_str().replace("http:", "https:").parse().unwrap();
    let told = post(&strict, &url).await.unwrap_err();
    assert!(told.reason.contains("loopback"), "{told}");
    assert_eq!(told.kind, NoReplyKind::Refused);
    assert!(serving.try_join_next().is_none(), "somebody connected");
}

#[tokio::test]
async fn a_receiver_that_speaks_no_tls_is_told_nothing() {
    let (url, mut serving) = receiver(b"HTTP/1.1 200 OK\r\n\r\n", 1).await;
    let url = url.as_str().replace("http:", "https:").parse().unwrap();
    let told = post(&Outbound::new(true), &url).await.unwrap_err();
    assert!(told.reason.starts_with("TLS failed"), "{told}");
    serving.shutdown().await;
}
