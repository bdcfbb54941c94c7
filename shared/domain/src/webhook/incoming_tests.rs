#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use super::*;
use crate::webhook::{Secret, signatures};

/// Signed by `openssl dgst -sha256 -hmac`.
const KEY: &str = "hush-0123456789abcdef";
const BODY: &[u8] = br#"{"id":820982911946154508,"note":"caf\u00e9"}"#;
const HEX: &str = "b973104689a4ce2884e0c3b024edfc874765ad3e212fce77ab9a67351df26e80";
const BASE64: &str = "uXMQRomkziiE4MOwJO38h0dlrT4hL853q5pnNR3yboA=";

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_614_265_330, 0).unwrap()
}

fn body(encoding: Encoding) -> Scheme {
    Scheme::Body { header: "X-Shop-Hmac-Sha256".to_owned(), encoding }
}

fn secret(text: &str) -> SenderSecret {
    text.parse().unwrap()
}

fn signed(
    scheme: &Scheme,
    headers: &[(&str, &str)],
    body: &[u8],
    secrets: &[SenderSecret],
) -> bool {
    let header = |name: &str| headers.iter().find(|(own, _)| *own == name).map(|(_, value)| *value);
    scheme.is_signed(Incoming { header: &header, body }, secrets, now())
}

#[test]
fn a_body_is_signed_by_who_knows_a_secret_in_the_header_and_encoding_that_were_agreed() {
    let (ours, other) = (secret(KEY), secret("another-secret-of-nobody"));
    let prefixed = format!("sha256={HEX}");
    let upper = HEX.to_ascii_uppercase();
    let flipped = HEX.replacen(|_: char| true, if HEX.starts_with('0') { "1" } else { "0" }, 1);
    let name = "x-shop-hmac-sha256";
    for (encoding, header, signature, body_of, secrets, expected) in [
        (Encoding::Base64, name, BASE64, BODY, vec![ours.clone()], true),
        (Encoding::Hex, name, HEX, BODY, vec![ours.clone()], true),
        (Encoding::Hex, name, &prefixed, BODY, vec![ours.clone()], true),
        (Encoding::Hex, name, &upper, BODY, vec![ours.clone()], true),
        // Either of two while they change.
        (Encoding::Base64, name, BASE64, BODY, vec![other.clone(), ours.clone()], true),
        (Encoding::Base64, name, BASE64, BODY, vec![other.clone()], false),
        (Encoding::Base64, name, BASE64, BODY, vec![], false),
        (Encoding::Base64, name, HEX, BODY, vec![ours.clone()], false),
        (Encoding::Hex, name, BASE64, BODY, vec![ours.clone()], false),
        (Encoding::Hex, name, &flipped, BODY, vec![ours.clone()], false),
        (Encoding::Hex, name, "", BODY, vec![ours.clone()], false),
        (Encoding::Base64, name, "", BODY, vec![ours.clone()], false),
        (Encoding::Base64, "x-other", BASE64, BODY, vec![ours.clone()], false),
        // What is signed is the bytes, not what they say.
        (
            Encoding::Base64,
            name,
            BASE64,
            br#"{"id":820982911946154508}"#,
            vec![ours.clone()],
            false,
        ),
        (Encoding::Base64, name, BASE64, b"", vec![ours], false),
    ] {
        let found = signed(&body(encoding), &[(header, signature)], body_of, &secrets);
        assert_eq!(found, expected, "{encoding:?} {header} {signature}");
    }
}

#[test]
fn a_message_of_standard_webhooks_is_signed_with_its_id_and_time_and_for_five_minutes() {
    // From the test suite of the specification's own libraries.
    let text = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let (id, body) = ("msg_p5jXN8AQM9LWM0D4loKWxJek", br#"{"test": 2432232314}"#);
    let vector = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
    let two = format!("v1,AAAA v2,x {vector}");
    let many = format!("{}{vector}", "v1,AAAA ".repeat(MOST_SIGNATURES));
    let at = |seconds: i64| (1_614_265_330 + seconds).to_string();
    let by = |seconds: i64| {
        let key: Secret = text.parse().unwrap();
        signatures([&key], id, 1_614_265_330 + seconds, body)
    };
    for (given_id, timestamp, signature, expected) in [
        (id, at(0), vector.to_owned(), true),
        (id, at(0), two, true),
        (id, at(0), many, false),
        (id, at(-300), by(-300), true),
        (id, at(300), by(300), true),
        (id, at(-301), by(-301), false),
        (id, at(301), by(301), false),
        (id, at(1), vector.to_owned(), false),
        ("msg_other", at(0), vector.to_owned(), false),
        (id, "soon".to_owned(), vector.to_owned(), false),
        (id, at(0), vector.trim_start_matches("v1,").to_owned(), false),
    ] {
        let headers = [
            ("webhook-id", given_id),
            ("webhook-timestamp", timestamp.as_str()),
            ("webhook-signature", signature.as_str()),
        ];
        let found = signed(&Scheme::StandardWebhooks, &headers, body, &[secret(text)]);
        assert_eq!(found, expected, "{given_id} {timestamp} {signature}");
        for missing in 0..headers.len() {
            let mut fewer = headers.to_vec();
            fewer.remove(missing);
            assert!(!signed(&Scheme::StandardWebhooks, &fewer, body, &[secret(text)]));
        }
    }
}

#[test]
fn a_secret_is_hidden_from_logs_and_neither_guessed_nor_endless() {
    assert_eq!(format!("{:?}", secret(KEY)), "SenderSecret(..)");
    assert_eq!(secret(KEY).expose(), KEY);
    for text in ["", "fifteen-letters", "with spaces in between", "umlaut-ü-0123456789"] {
        assert_eq!(text.parse::<SenderSecret>(), Err(SenderSecretError), "{text}");
    }
    assert!("x".repeat(200).parse::<SenderSecret>().is_ok());
    assert!("x".repeat(201).parse::<SenderSecret>().is_err());
}
