use std::error::Error;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use super::*;

type TestResult = Result<(), Box<dyn Error>>;

const LIMITS: Limits =
    Limits { connect: Duration::from_secs(2), total: Duration::from_millis(500), answer: 16 };

/// What becomes of a request to a server that answers with these bytes and then closes, or keeps
/// silent.
async fn asked(
    answer: Option<&'static [u8]>,
) -> Result<Result<Answer, ExchangeError>, Box<dyn Error>> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}/", listener.local_addr()?);
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await?;
        let _ = stream.read(&mut [0; 1024]).await?;
        match answer {
            Some(answer) => stream.write_all(answer).await,
            None => std::future::pending().await,
        }
    });
    let answer = Exchange::new(LIMITS).send(Request::get(url).body(Bytes::new())?).await;
    server.abort();
    Ok(answer)
}

#[tokio::test]
async fn an_answer_is_read_whatever_its_status() -> TestResult {
    let answer =
        asked(Some(b"HTTP/1.1 503 Busy\r\nx-why: load\r\ncontent-length: 4\r\n\r\nbusy")).await??;
    assert_eq!((answer.status, answer.body.as_ref()), (503, b"busy".as_slice()));
    assert_eq!(
        answer.headers.get("x-why").map(http::HeaderValue::as_bytes),
        Some(b"load".as_slice())
    );
    Ok(())
}

#[tokio::test]
async fn an_answer_that_is_late_long_or_cut_short_is_lost() -> TestResult {
    for answer in [
        None,
        Some(b"".as_slice()),
        Some(b"HTTP/1.1 200 OK\r\ncontent-length: 17\r\n\r\n01234567890123456"),
        Some(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n0123"),
    ] {
        let outcome = asked(answer).await?;
        assert!(matches!(outcome, Err(ExchangeError::Lost(_))), "{answer:?}: {outcome:?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_request_that_finds_no_connection_was_not_sent() -> TestResult {
    // Bound and dropped: nobody listens there.
    let address = TcpListener::bind("127.0.0.1:0").await?.local_addr()?;
    let request = Request::get(format!("http://{address}/")).body(Bytes::new())?;
    let outcome = Exchange::new(LIMITS).send(request).await;
    assert!(matches!(outcome, Err(ExchangeError::NotSent(_))), "{outcome:?}");
    Ok(())
}
