//! What a token says, and how one is asked for.

use std::{fmt, str::FromStr};

use chrono::{TimeDelta, Utc};
use jsonwebtoken::{Algorithm, Header};
use serde_json::json;
use thiserror::Error;

use super::{Issuer, SCOPE};

/// What the bearer of a token may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Role {
    /// A program that works for the whole organization.
    #[default]
    Integration,
    /// A shop or app that places orders in its market.
    SalesChannel,
    /// A person who runs jobs and clears dead letters.
    Operator,
    /// A person who approves changes.
    Approver,
}

impl Role {
    const ALL: [Self; 4] = [Self::Integration, Self::SalesChannel, Self::Operator, Self::Approver];

    /// The role as the claim has it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Integration => "integration",
            Self::SalesChannel => "sales_channel",
            Self::Operator => "operator",
            Self::Approver => "approver",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl FromStr for Role {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|role| role.as_str() == text).ok_or(())
    }
}

/// Who wants a token, and for how long.
#[derive(Debug, Clone)]
pub struct TokenRequest {
    organization: String,
    role: Role,
    market: Option<String>,
    lifetime: TimeDelta,
}

/// A field of a token request that is wrong.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
#[error("{field}: {rule}")]
pub struct TokenFault {
    /// The field.
    pub field: String,
    /// What it must be.
    pub rule: &'static str,
}

impl TokenFault {
    pub(super) fn new(field: &str, rule: &'static str) -> Self {
        Self { field: field.to_owned(), rule }
    }
}

impl TokenRequest {
    /// How long a token lives unless asked otherwise: a day.
    pub const LIFETIME: TimeDelta = TimeDelta::days(1);

    /// A token for a role in an organization.
    ///
    /// # Errors
    /// When the organization's id has a form that no organization has.
    pub fn new(organization: &str, role: Role) -> Result<Self, TokenFault> {
        let begins_well = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        let goes_on_well = |c: char| begins_well(c) || c == '_' || c == '-';
        if !organization.starts_with(begins_well)
            || !organization.chars().all(goes_on_well)
            || organization.len() > 63
        {
            return Err(TokenFault::new(
                "organization",
                "must be 1 to 63 of a-z, 0-9, - and _, the first a letter or digit",
            ));
        }
        Ok(Self {
            organization: organization.to_owned(),
            role,
            market: None,
            lifetime: Self::LIFETIME,
        })
    }

    /// Confines the token to one market.
    ///
    /// # Errors
    /// When the market's id is empty, longer than 64, or has other signs than letters, digits,
    /// hyphens and underscores.
    pub fn in_market(mut self, market: &str) -> Result<Self, TokenFault> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        if market.is_empty() || market.len() > 64 || !market.chars().all(allowed) {
            return Err(TokenFault::new(
                "market",
                "must be 1 to 64 letters, digits, hyphens and underscores",
            ));
        }
        self.market = Some(market.to_owned());
        Ok(self)
    }

    /// Makes the token live this long by the machine's clock; a negative time makes one that has
    /// expired.
    #[must_use]
    pub fn lasting(mut self, lifetime: TimeDelta) -> Self {
        self.lifetime = lifetime;
        self
    }

    /// Seconds until the token expires.
    #[must_use]
    pub fn expires_in(&self) -> i64 {
        self.lifetime.num_seconds()
    }
}

impl Issuer {
    /// Signs a token.
    ///
    /// # Errors
    /// When signing fails, which a sound key never does.
    pub fn issue(&self, request: &TokenRequest) -> Result<String, jsonwebtoken::errors::Error> {
        let now = Utc::now().timestamp();
        let mut claims = json!({
            "iss": self.url,
            "aud": self.audience,
            "sub": format!("{}:{}", request.organization, request.role),
            "iat": now,
            "nbf": now,
            "exp": now.saturating_add(request.expires_in()),
            "jti": uuid::Uuid::now_v7().to_string(),
            "scope": SCOPE,
            "organization": request.organization,
            "role": request.role.as_str(),
        });
        if let (Some(market), Some(map)) = (&request.market, claims.as_object_mut()) {
            map.insert("market".to_owned(), json!(market));
        }
        let header = Header { kid: Some(self.key.id.clone()), ..Header::new(Algorithm::RS256) };
        jsonwebtoken::encode(&header, &claims, &self.key.encoding)
    }
}
