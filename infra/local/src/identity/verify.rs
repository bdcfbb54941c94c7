//! The check that API Gateway's JWT authorizer makes: signature, issuer, audience, times, scope.

use jsonwebtoken::{Algorithm, Validation};
use serde_json::{Map, Value};
use thiserror::Error;

use super::Issuer;
use crate::template::AuthorizerModel;

/// The claims of a token that was accepted.
pub type Claims = Map<String, Value>;

/// Why a request may not go on. API Gateway tells clients no more than the status.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum Denied {
    /// There is no token, or it is not one to believe: 401.
    #[error("unauthorized: {0}")]
    Unauthorized(String),
    /// The token lacks the route's scopes: 403.
    #[error("forbidden: the token has none of the scopes {0:?}")]
    Forbidden(Vec<String>),
}

fn unauthorized(reason: &str) -> Denied {
    Denied::Unauthorized(reason.to_owned())
}

impl Issuer {
    /// Checks the text of an identity header for a route with the given scopes.
    ///
    /// # Errors
    /// [`Denied`], as API Gateway would answer.
    pub fn authorize(
        &self,
        header: Option<&str>,
        authorizer: &AuthorizerModel,
        scopes: &[String],
    ) -> Result<Claims, Denied> {
        let header = header.ok_or_else(|| unauthorized("there is no token"))?;
        // API Gateway takes the token with or without the scheme.
        let token = match header.split_once(' ') {
            Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token.trim(),
            Some(_) => return Err(unauthorized("the scheme is not Bearer")),
            None => header,
        };
        let claims = self.verify(token, authorizer)?;
        if scopes.is_empty() || scopes_of(&claims).iter().any(|scope| scopes.contains(scope)) {
            Ok(claims)
        } else {
            Err(Denied::Forbidden(scopes.to_vec()))
        }
    }

    fn verify(&self, token: &str, authorizer: &AuthorizerModel) -> Result<Claims, Denied> {
        let header = jsonwebtoken::decode_header(token)
            .map_err(|_| unauthorized("the token is not a JWT"))?;
        if header.kid.as_deref() != Some(self.key.id.as_str()) {
            return Err(unauthorized("the token is signed with an unknown key"));
        }
        // The algorithm is ours to choose, never the token's.
        let mut validation = Validation::new(Algorithm::RS256);
        validation.leeway = 0;
        validation.validate_nbf = true;
        validation.validate_aud = false;
        validation.set_issuer(&[&authorizer.issuer]);
        validation.set_required_spec_claims(&["exp", "iss"]);
        let claims: Claims = jsonwebtoken::decode(token, &self.key.decoding, &validation)
            .map_err(|error| Denied::Unauthorized(error.to_string()))?
            .claims;
        if audiences(&claims).iter().any(|audience| authorizer.audience.contains(audience)) {
            Ok(claims)
        } else {
            Err(unauthorized("the token is for another audience"))
        }
    }
}

/// `aud`, or `client_id` where there is no `aud`.
fn audiences(claims: &Claims) -> Vec<String> {
    texts(claims.get("aud").or_else(|| claims.get("client_id")))
}

/// The scopes of a token, from `scope` (a text) or `scp` (a text or a list).
pub(crate) fn scopes_of(claims: &Claims) -> Vec<String> {
    texts(claims.get("scope").or_else(|| claims.get("scp")))
        .iter()
        .flat_map(|text| text.split(' '))
        .filter(|scope| !scope.is_empty())
        .map(str::to_owned)
        .collect()
}

fn texts(value: Option<&Value>) -> Vec<String> {
    match value {
        Some(Value::String(text)) => vec![text.clone()],
        Some(Value::Array(items)) => {
            items.iter().filter_map(Value::as_str).map(str::to_owned).collect()
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;
    use crate::identity::{Role, TokenRequest};

    type TestResult = Result<(), Box<dyn std::error::Error>>;

    fn authorizer() -> AuthorizerModel {
        AuthorizerModel {
            issuer: "http://here".to_owned(),
            audience: vec!["perennial".to_owned()],
            header: "authorization".to_owned(),
            scopes: Vec::new(),
        }
    }

    fn is_unauthorized(result: &Result<Claims, Denied>) -> bool {
        matches!(result, Err(Denied::Unauthorized(_)))
    }

    #[test]
    fn a_token_is_good_for_its_issuer_audience_time_and_scope_only() -> TestResult {
        let issuer = Issuer::open(None, "http://here", "perennial")?;
        let request = TokenRequest::new("acme", Role::Operator)?.in_market("de")?;
        let token = issuer.issue(&request)?;
        let check = |issuer: &Issuer, token: &str, authorizer: &AuthorizerModel| {
            issuer.authorize(Some(token), authorizer, &["perennial".to_owned()])
        };
        let claims = check(&issuer, &format!("Bearer {token}"), &authorizer())?;
        assert_eq!(claims.get("organization"), Some(&Value::from("acme")));
        assert_eq!(claims.get("role"), Some(&Value::from("operator")));
        assert_eq!(claims.get("market"), Some(&Value::from("de")));
        assert!(check(&issuer, &token, &authorizer()).is_ok(), "the scheme may be left out");

        let elsewhere = AuthorizerModel { issuer: "http://there".to_owned(), ..authorizer() };
        assert!(is_unauthorized(&check(&issuer, &token, &elsewhere)));
        let for_others = AuthorizerModel { audience: vec!["x".to_owned()], ..authorizer() };
        assert!(is_unauthorized(&check(&issuer, &token, &for_others)));
        let expired = issuer.issue(&request.lasting(TimeDelta::seconds(-1)))?;
        assert!(is_unauthorized(&check(&issuer, &expired, &authorizer())));
        let stranger = Issuer::open(None, "http://here", "perennial")?;
        assert!(is_unauthorized(&check(&stranger, &token, &authorizer())));
        assert!(is_unauthorized(&check(&issuer, &format!("Basic {token}"), &authorizer())));
        assert!(is_unauthorized(&check(&issuer, "", &authorizer())));
        assert!(is_unauthorized(&issuer.authorize(None, &authorizer(), &[])));
        assert_eq!(
            issuer.authorize(Some(&token), &authorizer(), &["admin".to_owned()]),
            Err(Denied::Forbidden(vec!["admin".to_owned()]))
        );
        Ok(())
    }

    #[test]
    fn an_unsigned_token_is_refused() -> TestResult {
        use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
        let issuer = Issuer::open(None, "http://here", "perennial")?;
        let token = issuer.issue(&TokenRequest::new("acme", Role::Operator)?)?;
        let mut parts = token.split('.');
        let payload = parts.nth(1).ok_or("a token has a payload")?;
        let kid = jsonwebtoken::decode_header(&token)?.kid.unwrap_or_default();
        let header = URL_SAFE_NO_PAD.encode(format!(r#"{{"alg":"none","kid":"{kid}"}}"#));
        let forged = format!("{header}.{payload}.");
        assert!(is_unauthorized(&issuer.authorize(Some(&forged), &authorizer(), &[])));
        Ok(())
    }
}
