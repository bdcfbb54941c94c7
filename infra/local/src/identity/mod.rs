//! Tokens of the local stack: an issuer that answers client credentials, and the check that API
//! Gateway's JWT authorizer makes.
//!
//! Tokens live by the machine's clock, not by the movable one: a token must outlast a jump of a
//! year, and nobody wants to log in again in the middle of a story.

mod endpoint;
mod key;
mod token;
mod verify;

use std::{path::Path, sync::Arc};

use serde_json::{Value, json};

pub use endpoint::token_response;
pub use key::{KeyError, SigningKey};
pub use token::{Role, TokenFault, TokenRequest};
pub(crate) use verify::scopes_of;
pub use verify::{Claims, Denied};

/// The scope that every token carries and the routes ask for.
pub const SCOPE: &str = "perennial";

/// The token issuer of one stack.
#[derive(Debug, Clone)]
pub struct Issuer {
    key: Arc<SigningKey>,
    url: String,
    audience: String,
}

impl Issuer {
    /// An issuer at `url` for `audience`. Its key is kept in `directory`, so that tokens survive a
    /// restart; without one it is new each time.
    ///
    /// # Errors
    /// When the key can't be made, read or written.
    pub fn open(directory: Option<&Path>, url: &str, audience: &str) -> Result<Self, KeyError> {
        let key = match directory {
            Some(directory) => SigningKey::open(&directory.join("signing-key.pem"))?,
            None => SigningKey::generate()?,
        };
        Ok(Self::with_key(Arc::new(key), url, audience))
    }

    /// An issuer at `url` for `audience` that signs with this key.
    #[must_use]
    pub fn with_key(key: Arc<SigningKey>, url: &str, audience: &str) -> Self {
        Self { key, url: url.to_owned(), audience: audience.to_owned() }
    }

    /// The public key, as a JSON Web Key Set.
    #[must_use]
    pub fn key_set(&self) -> Value {
        json!({"keys": [{
            "kty": "RSA",
            "use": "sig",
            "alg": "RS256",
            "kid": self.key.id,
            "n": self.key.modulus,
            "e": self.key.exponent,
        }]})
    }

    /// The OpenID configuration, by which verifiers find the keys.
    #[must_use]
    pub fn configuration(&self) -> Value {
        json!({
            "issuer": self.url,
            "jwks_uri": format!("{}/.well-known/jwks.json", self.url),
            "token_endpoint": format!("{}/local/oauth/token", self.url),
            "grant_types_supported": ["client_credentials"],
            "response_types_supported": ["token"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "scopes_supported": [SCOPE],
        })
    }
}
