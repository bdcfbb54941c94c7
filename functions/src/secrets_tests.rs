use std::{collections::BTreeMap, error::Error};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use super::*;

type TestResult = Result<(), Box<dyn Error>>;

fn environment(settings: &[(&str, &str)]) -> Environment {
    let settings = settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Environment::from_map(settings.collect::<BTreeMap<_, _>>())
}

#[tokio::test]
async fn a_file_gives_its_text_and_is_read_anew_after_a_refusal() -> TestResult {
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("key");
    std::fs::write(&path, "sk_test_1\n")?;
    let name = format!("file:{}", path.display());
    let source = named(&environment(&[("KEY_NAME", &name)]), "KEY_NAME")?;
    let first = source.secret().await?;
    assert_eq!(first.reveal(), "sk_test_1");
    std::fs::write(&path, "sk_test_2")?;
    assert_eq!(source.secret().await?, first, "kept for minutes");
    // Just read: a refusal does not make it be read again at once.
    assert_eq!(source.after(&first).await?, first);
    // Somebody else has met the refusal, and it was read anew since.
    assert_eq!(source.after(&Secret::new("sk_test_0")).await?, first);
    assert!(!format!("{source:?}").contains("sk_test"), "{source:?}");
    Ok(())
}

#[tokio::test]
async fn a_secret_that_is_not_there_is_an_error_that_names_it() -> TestResult {
    let directory = tempfile::tempdir()?;
    let empty = directory.path().join("empty");
    std::fs::write(&empty, " \n")?;
    for path in [empty, directory.path().join("missing")] {
        let name = format!("file:{}", path.display());
        let source = named(&environment(&[("KEY_NAME", &name)]), "KEY_NAME")?;
        let error = source.secret().await.err().ok_or("an error")?;
        assert_eq!(error.name, name);
    }
    assert!(named(&environment(&[]), "KEY_NAME").is_err());
    assert!(named(&environment(&[("KEY_NAME", "/perennial/key")]), "KEY_NAME").is_err());
    Ok(())
}

/// Answers one request, and gives what it was.
async fn answering(listener: TcpListener, status: &str, body: &str) -> std::io::Result<String> {
    let (mut stream, _) = listener.accept().await?;
    let mut read = Vec::new();
    while !String::from_utf8_lossy(&read).contains("WithDecryption") {
        stream.read_buf(&mut read).await?;
    }
    let answer = format!(
        "HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(answer.as_bytes()).await?;
    Ok(String::from_utf8_lossy(&read).into_owned())
}

#[tokio::test]
async fn a_parameter_is_asked_for_by_a_signed_call() -> TestResult {
    for (status, body, expected) in [
        ("200 OK", r#"{"Parameter":{"Name":"/p/key","Value":"sk_live_1"}}"#, Ok("sk_live_1")),
        ("400 Bad Request", r#"{"__type":"ParameterNotFound"}"#, Err("400: ParameterNotFound")),
        ("200 OK", "{}", Err("200: no reason")),
        ("503 Busy", "busy", Err("503 without JSON")),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let endpoint = format!("http://{}/", listener.local_addr()?);
        let settings = environment(&[
            ("KEY_NAME", "/p/key"),
            ("AWS_REGION", "eu-central-1"),
            ("AWS_ENDPOINT_URL", &endpoint),
            ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
            ("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
            ("AWS_SESSION_TOKEN", "token"),
        ]);
        let source = named(&settings, "KEY_NAME")?;
        let (asked, secret) = futures::join!(answering(listener, status, body), source.secret());
        let asked = asked?.to_ascii_lowercase();
        for part in [
            "x-amz-target: amazonssm.getparameter",
            "/eu-central-1/ssm/aws4_request",
            "x-amz-security-token: token",
            "signedheaders=content-type;host;x-amz-date",
            r#""name":"/p/key""#,
        ] {
            assert!(asked.contains(part), "{part}: {asked}");
        }
        match (secret, expected) {
            (Ok(secret), Ok(expected)) => assert_eq!(secret.reveal(), expected),
            (Err(error), Err(expected)) => {
                assert!(error.to_string().contains(expected), "{error}");
            }
            (secret, _) => return Err(format!("{status}: {secret:?}").into()),
        }
    }
    Ok(())
}
