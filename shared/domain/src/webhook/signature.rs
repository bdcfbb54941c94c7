//! What a receiver checks to know that a message is ours and untouched.

use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::Secret;

/// The value of the `webhook-signature` header: for each secret `v1,` and the base64 of the
/// HMAC-SHA256 over `<id>.<timestamp>.<body>`, with spaces between. `timestamp` is in seconds of
/// Unix time.
#[must_use]
pub fn signatures<'a>(
    secrets: impl IntoIterator<Item = &'a Secret>,
    id: &str,
    timestamp: i64,
    body: &[u8],
) -> String {
    let head = format!("{id}.{timestamp}.");
    let signed: Vec<String> = secrets
        .into_iter()
        .map(|secret| format!("v1,{}", mac(secret.bytes(), &[head.as_bytes(), body])))
        .collect();
    signed.join(" ")
}

/// The value of the `X-CommerceLayer-Signature` header: the base64 of the HMAC-SHA256 over the
/// body, with the secret's text as the key.
#[must_use]
pub fn body_signature(secret: &Secret, body: &[u8]) -> String {
    mac(secret.expose().as_bytes(), &[body])
}

fn mac(key: &[u8], parts: &[&[u8]]) -> String {
    // HMAC takes a key of any length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return String::new() };
    for part in parts {
        mac.update(part);
    }
    STANDARD.encode(mac.finalize().into_bytes())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
    use super::*;

    #[test]
    fn the_reference_vector_of_standard_webhooks_is_met() {
        // From the test suite of the specification's own libraries.
        let secret: Secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".parse().unwrap();
        let signed = signatures(
            [&secret],
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            br#"{"test": 2432232314}"#,
        );
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn the_macs_are_those_of_rfc_4231() {
        // Test case 2: 5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843.
        let jefe = mac(b"Jefe", &[b"what do ya want ", b"for nothing?"]);
        assert_eq!(jefe, "W9zBRr9gdU5qBCQmCJV1x1oAPwidJzmDnexYuWTsOEM=");
    }

    #[test]
    fn each_valid_secret_signs_and_every_part_counts() {
        let (one, two) = (Secret::new([1; 32]), Secret::new([2; 32]));
        let both = signatures([&one, &two], "a:1", 10, b"body");
        let (first, second) = both.split_once(' ').unwrap();
        assert_eq!(first, signatures([&one], "a:1", 10, b"body"));
        assert_eq!(second, signatures([&two], "a:1", 10, b"body"));
        assert_ne!(first, signatures([&one], "a:2", 10, b"body"));
        assert_ne!(first, signatures([&one], "a:1", 11, b"body"));
        assert_ne!(first, signatures([&one], "a:1", 10, b"bodY"));
    }

    #[test]
    fn the_body_is_signed_with_the_text_of_the_secret() {
        // By another implementation of HMAC: the key is `whsec_` and the base64 of 32 bytes of 1.
        let signed = body_signature(&Secret::new([1; 32]), b"body");
        assert_eq!(signed, "RpR146/5lFSDVjL5g/1qxXT7jnVZQzA4oUqHzWDhDKE=");
    }
}
