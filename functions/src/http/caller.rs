//! Who asks, and what they may do. Decided from the claims of a token that API Gateway has checked.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use perennial_domain::{
    ids::{MarketId, OrganizationId},
    journal::Cause,
};
use serde_json::{Map, Value};

use super::error::{ApiError, Code, Outcome, Problem};

/// What the bearer of a token may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// A program that works for the whole organization.
    Integration,
    /// A shop or app that places orders.
    SalesChannel,
    /// A person who runs jobs and clears dead letters.
    Operator,
    /// A person who approves changes: reads all, writes nothing.
    Approver,
}

/// What a request does to a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verb {
    /// Looks at it.
    Read,
    /// Makes, changes or removes it.
    Write,
}

/// Resource types that a sales channel may write, and so read too.
const CHANNEL_WRITES: &[&str] =
    &["orders", "line_items", "customers", "customer_payment_sources", "addresses"];
/// Resource types that a sales channel may only read; previews store nothing, so that they are read.
const CHANNEL_READS: &[&str] = &[
    "organizations",
    "tags",
    "skus",
    "price_lists",
    "prices",
    "price_volume_tiers",
    "bundles",
    "adjustments",
    "sku_lists",
    "sku_list_items",
    "stock_items",
    "stock_locations",
    "markets",
    "subscription_models",
    "order_subscriptions",
    "order_subscription_items",
    "recurring_order_copies",
    "order_copies",
    "order_factories",
    "schedule_previews",
    "proration_previews",
    "billing_period_previews",
    "invoice_previews",
    "tax_previews",
];
/// Resource types that all markets share: what is sold, at what price, on what terms. Tokens that are
/// confined to a market only read them.
const SHARED: &[&str] = &[
    "organizations",
    "subscription_models",
    "check_policies",
    "skus",
    "price_lists",
    "prices",
    "price_volume_tiers",
    "adjustments",
    "sku_lists",
    "sku_list_items",
    "stock_items",
    "tags",
    "channels",
    "manual_tax_calculators",
    "external_tax_calculators",
    "tax_rules",
];
/// Resource types about the whole organization, closed to tokens that are confined to a market.
const ORGANIZATION_WIDE: &[&str] = &[
    "job_runs",
    "reconciliations",
    "dead_letters",
    "failures",
    "dead_letter_redrives",
    "dead_letter_discards",
    "order_overturns",
    "webhooks",
    "event_callbacks",
];

impl Role {
    fn named(name: &str) -> Option<Self> {
        match name {
            "integration" => Some(Self::Integration),
            "sales_channel" => Some(Self::SalesChannel),
            "operator" => Some(Self::Operator),
            "approver" => Some(Self::Approver),
            _ => None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Integration => "integration",
            Self::SalesChannel => "sales_channel",
            Self::Operator => "operator",
            Self::Approver => "approver",
        }
    }

    fn may(self, verb: Verb, kind: &str) -> bool {
        match self {
            Self::Integration | Self::Operator => true,
            Self::Approver => verb == Verb::Read,
            Self::SalesChannel => {
                CHANNEL_WRITES.contains(&kind)
                    || (verb == Verb::Read && CHANNEL_READS.contains(&kind))
            }
        }
    }
}

/// Who asks.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    /// Whose data the caller sees; no other's.
    pub(crate) organization: OrganizationId,
    /// What the caller may do.
    pub(crate) role: Role,
    /// The one market whose orders the caller sees; `None` sees all.
    pub(crate) market: Option<MarketId>,
    /// The token's subject.
    subject: String,
}

/// The claims that a request's token states, taken at its word. Only for `sam local`, which emulates
/// no JWT authorizer; see [`super::dispatch::HttpFunction`].
pub(crate) fn stated_claims(authorization: Option<&str>) -> Option<Map<String, Value>> {
    let token = authorization?.strip_prefix("Bearer ")?;
    let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    serde_json::from_slice(&payload).ok()
}

impl Caller {
    /// The caller that the claims tell of.
    pub(crate) fn from_claims(claims: Option<&Map<String, Value>>) -> Outcome<Self> {
        let refuse = |detail: &str| -> ApiError {
            let mut error = ApiError::from(Problem::new(Code::Unauthorized, detail));
            error.headers.push(("www-authenticate", "Bearer".to_owned()));
            error
        };
        let claims = claims.ok_or_else(|| refuse("the request carries no token"))?;
        let claim = |name: &str| claims.get(name).and_then(Value::as_str);
        let organization = claim("organization")
            .and_then(|text| text.parse().ok())
            .ok_or_else(|| refuse("the token names no organization"))?;
        let role = claim("role")
            .and_then(Role::named)
            .ok_or_else(|| refuse("the token names no role that is known here"))?;
        let market = claim("market")
            .map(|text| text.parse().map_err(|_| refuse("the token's market is not a market's id")))
            .transpose()?;
        let subject = claim("sub").unwrap_or("unknown").chars().take(200).collect();
        Ok(Self { organization, role, market, subject })
    }

    /// A channel whose sender has signed what it sends: it may do what a sales channel may, in the market
    /// of the channel.
    pub(crate) fn channel(
        organization: OrganizationId,
        market: Option<MarketId>,
        code: &str,
    ) -> Self {
        Self { organization, role: Role::SalesChannel, market, subject: format!("channel:{code}") }
    }

    /// Refuses what the caller may not do with a resource type.
    pub(crate) fn check(&self, verb: Verb, kind: &str) -> Outcome<()> {
        if !self.role.may(verb, kind) {
            let doing = match verb {
                Verb::Read => "read",
                Verb::Write => "write",
            };
            return Err(Problem::new(
                Code::Forbidden,
                format!("the role {} may not {doing} {kind}", self.role.name()),
            )
            .into());
        }
        if self.market.is_some() && ORGANIZATION_WIDE.contains(&kind) {
            return Err(Problem::new(
                Code::Forbidden,
                format!("{kind} concern the whole organization, this token is for one market"),
            )
            .into());
        }
        if self.market.is_some() && verb == Verb::Write && SHARED.contains(&kind) {
            return Err(Problem::new(
                Code::Forbidden,
                format!(
                    "{kind} are shared by all markets, this token is for one: it only reads them"
                ),
            )
            .into());
        }
        Ok(())
    }

    /// Whether the caller sees what was ordered in this market.
    pub(crate) fn sees(&self, market: &MarketId) -> bool {
        self.market.as_ref().is_none_or(|own| own == market)
    }

    /// Whether the caller reads what came in and was kept as it came: it holds personal data, and whole
    /// payment tokens, which every other answer masks.
    pub(crate) fn reads_payloads(&self) -> bool {
        matches!(self.role, Role::Operator | Role::Integration)
    }

    /// Who, as the journal names them.
    pub(crate) fn actor(&self) -> String {
        format!("{}:{}", self.role.name(), self.subject)
    }

    /// Why something changes, for the journal.
    pub(crate) fn cause(&self, request_id: &str) -> Cause {
        Cause { actor: self.actor(), reason: format!("request {request_id}") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_states_its_claims_and_anything_else_none() {
        let token = format!("Bearer x.{}.y", URL_SAFE_NO_PAD.encode(r#"{"role":"operator"}"#));
        let claims = stated_claims(Some(&token));
        assert_eq!(
            claims.and_then(|claims| claims.get("role").cloned()),
            Some(Value::from("operator"))
        );
        for odd in ["", "Bearer", "Bearer x", "Bearer x.%.y", "Bearer x.W10.y", "Basic x.e30.y"] {
            assert_eq!(stated_claims(Some(odd)), None, "{odd}");
        }
        assert_eq!(stated_claims(None), None);
    }
}
