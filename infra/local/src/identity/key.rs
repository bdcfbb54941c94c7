//! The RSA key that signs tokens.

use std::{io, path::Path};

use aws_lc_rs::{
    encoding::AsDer,
    rsa::{KeyPair, KeySize},
    signature::KeyPair as _,
};
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use jsonwebtoken::{DecodingKey, EncodingKey};
use sha2::{Digest, Sha256};
use thiserror::Error;

/// Why there is no signing key.
#[derive(Debug, Error)]
pub enum KeyError {
    /// The generator failed.
    #[error("a signing key can't be made")]
    Generate,
    /// The file can't be read or written.
    #[error("the signing key's file can't be used: {0}")]
    File(#[from] io::Error),
    /// The file holds no RSA key in PKCS#8.
    #[error("the signing key's file holds no RSA key; delete it to get a new one")]
    Unreadable,
}

/// A key, and what is told of it.
pub struct SigningKey {
    pub(super) id: String,
    pub(super) modulus: String,
    pub(super) exponent: String,
    pub(super) encoding: EncodingKey,
    pub(super) decoding: DecodingKey,
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("SigningKey").field("id", &self.id).finish_non_exhaustive()
    }
}

impl SigningKey {
    /// A new key. Finding its two primes is much of what the start of a stack costs.
    ///
    /// # Errors
    /// [`KeyError::Generate`].
    pub fn generate() -> Result<Self, KeyError> {
        Self::from_pem(&new_pem()?)
    }

    /// The key in the file; a new one if there is no file yet.
    pub(super) fn open(path: &Path) -> Result<Self, KeyError> {
        match std::fs::read_to_string(path) {
            Ok(pem) => Self::from_pem(&pem),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let pem = new_pem()?;
                crate::durable::write_private(path, pem.as_bytes())?;
                Self::from_pem(&pem)
            }
            Err(error) => Err(error.into()),
        }
    }

    fn from_pem(pem: &str) -> Result<Self, KeyError> {
        let base64: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
        let der = STANDARD.decode(base64).map_err(|_| KeyError::Unreadable)?;
        let pair = KeyPair::from_pkcs8(&der).map_err(|_| KeyError::Unreadable)?;
        let public = pair.public_key();
        let modulus = URL_SAFE_NO_PAD.encode(public.modulus().big_endian_without_leading_zero());
        let exponent = URL_SAFE_NO_PAD.encode(public.exponent().big_endian_without_leading_zero());
        let encoding =
            EncodingKey::from_rsa_pem(pem.as_bytes()).map_err(|_| KeyError::Unreadable)?;
        let decoding = DecodingKey::from_rsa_components(&modulus, &exponent)
            .map_err(|_| KeyError::Unreadable)?;
        // The thumbprint of RFC 7638: the same key always has the same id.
        let thumbprint =
            Sha256::digest(format!(r#"{{"e":"{exponent}","kty":"RSA","n":"{modulus}"}}"#));
        Ok(Self { id: URL_SAFE_NO_PAD.encode(thumbprint), modulus, exponent, encoding, decoding })
    }
}

fn new_pem() -> Result<String, KeyError> {
    let pair = KeyPair::generate(KeySize::Rsa2048).map_err(|_| KeyError::Generate)?;
    let der = AsDer::<aws_lc_rs::encoding::Pkcs8V1Der<'_>>::as_der(&pair)
        .map_err(|_| KeyError::Generate)?;
    let base64 = STANDARD.encode(der.as_ref());
    let mut pem = String::from("-----BEGIN PRIVATE KEY-----\n");
    let mut rest = base64.as_str();
    while !rest.is_empty() {
        let (line, tail) = rest.split_at(rest.len().min(64));
        pem.push_str(line);
        pem.push('\n');
        rest = tail;
    }
    pem.push_str("-----END PRIVATE KEY-----\n");
    Ok(pem)
}
