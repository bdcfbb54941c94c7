//! How severe checks are and by which parameters: policies by channel, market and account, of which
//! the most specific wins, member by member.

use std::{cmp::Reverse, collections::BTreeMap};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use thiserror::Error;

use super::{CheckName, Severity, parameters::rule_broken};
use crate::{
    ids::{CheckPolicyId, CustomerId, MarketId},
    money::MinorUnits,
    order::Order,
    time::Frequency,
};

/// Most values in a list that is a parameter.
pub const MAX_PARAMETER_LIST: usize = 300;

/// How one check is made: the members of all policies together.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Setting {
    /// What follows from a finding.
    pub severity: Option<Severity>,
    /// Days ahead in which charges count as owed already; `None` looks at the order alone.
    pub exposure_days: Option<u16>,
    /// The limit of customers that have none of their own, in minor units.
    pub limit_cents: Option<MinorUnits>,
    /// Most runs that may wait for their payment.
    pub max_open_charges: Option<u16>,
    /// For how many days a run may wait for its payment.
    pub max_overdue_days: Option<u16>,
    /// For how many days more the payment source must be valid.
    pub source_valid_days: Option<u16>,
    /// Where it may go, by two letters; `None` is everywhere.
    pub countries: Option<Vec<String>>,
    /// Whether it must say where it goes.
    pub shipping_required: Option<bool>,
    /// Whether it must say where its bill goes.
    pub billing_required: Option<bool>,
    /// How many runs are looked ahead.
    pub runs: Option<u16>,
    /// Days before a run by which its units must be there.
    pub lead_days: Option<u16>,
    /// Whether units that other subscriptions will take are reserved for them.
    pub reserve: Option<bool>,
    /// The frequencies that may be ordered; `None` is what skus and model offer.
    pub frequencies: Option<Vec<Frequency>>,
    /// For how many days subscriptions must last.
    pub min_days: Option<u16>,
    /// For how many days they may last.
    pub max_days: Option<u16>,
    /// Hours in which the same order is a duplicate.
    pub window_hours: Option<u16>,
    /// How much below the list a price may be.
    pub below_percent: Option<u16>,
    /// How much above the list a price may be.
    pub above_percent: Option<u16>,
}

impl Setting {
    /// How severe this check is by it.
    #[must_use]
    pub fn severity(&self, check: CheckName) -> Severity {
        if check.is_fixed() {
            return Severity::Reject;
        }
        self.severity.unwrap_or_else(|| check.default_severity())
    }
}

/// Where a policy counts. A scope without any of them counts everywhere.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct Scope {
    /// For orders of this channel.
    #[serde(rename = "channel_code", default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
    /// In this market.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub market_id: Option<MarketId>,
    /// For this customer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer_id: Option<CustomerId>,
}

impl Scope {
    /// The scope of an order.
    #[must_use]
    pub fn of(order: &Order) -> Self {
        Self {
            channel: order.channel.clone(),
            market_id: Some(order.market_id.clone()),
            customer_id: order.customer_id.clone(),
        }
    }

    /// The id of the policy with this scope: there is one at most.
    #[must_use]
    pub fn policy_id(&self) -> CheckPolicyId {
        let channel = self.channel.as_deref().into_iter();
        let market = self.market_id.as_ref().map(MarketId::as_str);
        let customer = self.customer_id.as_ref().map(CustomerId::as_str);
        let parts: Vec<&str> = channel.chain(market).chain(customer).collect();
        CheckPolicyId::derived(&parts)
    }

    /// Every scope that counts for what has this scope, from the most general on.
    #[must_use]
    pub fn covering(&self) -> Vec<Self> {
        let none_or = |given: bool| if given { vec![false, true] } else { vec![false] };
        let mut covering = Vec::new();
        for account in none_or(self.customer_id.is_some()) {
            for market in none_or(self.market_id.is_some()) {
                for channel in none_or(self.channel.is_some()) {
                    covering.push(Self {
                        channel: self.channel.clone().filter(|_| channel),
                        market_id: self.market_id.clone().filter(|_| market),
                        customer_id: self.customer_id.clone().filter(|_| account),
                    });
                }
            }
        }
        covering
    }

    /// Whether it counts for what has this scope.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        (self.channel.is_none() || self.channel == other.channel)
            && (self.market_id.is_none() || self.market_id == other.market_id)
            && (self.customer_id.is_none() || self.customer_id == other.customer_id)
    }

    /// How specific it is: an account beats a market, which beats a channel.
    fn rank(&self) -> u8 {
        u8::from(self.customer_id.is_some()) * 4
            + u8::from(self.market_id.is_some()) * 2
            + u8::from(self.channel.is_some())
    }
}

/// A policy, as it is stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CheckPolicy {
    /// Identifier, derived from its scope.
    pub id: CheckPolicyId,
    /// Where it counts.
    #[serde(flatten)]
    pub scope: Scope,
    /// What it says of each check, by name: severity and parameters. See [`read_checks`].
    #[serde(default)]
    pub checks: BTreeMap<String, Map<String, Value>>,
}

/// Why a policy can't be read.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum PolicyError {
    /// There is no such check.
    #[error("there is no check {name:?}; there are: {}", names())]
    UnknownCheck {
        /// The name.
        name: String,
    },
    /// The check has no such member.
    #[error("check {check} has no member {member:?}; it has: severity{}", listed(check))]
    UnknownMember {
        /// The check.
        check: &'static str,
        /// The member.
        member: String,
    },
    /// Nobody can relax it.
    #[error("check {0} can't be set: what it finds makes an order impossible")]
    Fixed(&'static str),
    /// What is said of a check is no object.
    #[error("{check} must be an object of severity and parameters, not {value}")]
    NoObject {
        /// The check.
        check: &'static str,
        /// What was given, cut short.
        value: String,
    },
    /// A member has a value that it can't have.
    #[error("{member} of {check} must be {rule}, not {value}")]
    Value {
        /// The check.
        check: &'static str,
        /// The member.
        member: String,
        /// What it must be.
        rule: String,
        /// What was given, cut short.
        value: String,
    },
    /// What policies say together can't be read: something was stored that could not be given.
    #[error("check {check}: {reason}")]
    Unreadable {
        /// The check.
        check: &'static str,
        /// Why.
        reason: String,
    },
}

impl PolicyError {
    /// Where it is within what is said of checks: a check, and one of its members.
    #[must_use]
    pub fn place(&self) -> Vec<&str> {
        match self {
            Self::UnknownCheck { name } => vec![name],
            Self::UnknownMember { check, member } | Self::Value { check, member, .. } => {
                vec![check, member]
            }
            Self::Fixed(check) | Self::NoObject { check, .. } | Self::Unreadable { check, .. } => {
                vec![check]
            }
        }
    }
}

/// Enough of a value to recognize it in an error.
fn cut_short(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(100) {
        Some((end, _)) => format!("{}...", text.get(..end).unwrap_or_default()),
        None => text,
    }
}

fn names() -> String {
    CheckName::ALL.map(CheckName::as_str).join(", ")
}

fn listed(check: &str) -> String {
    let parameters = CheckName::named(check).map(CheckName::parameters).unwrap_or_default();
    parameters.iter().map(|name| format!(", {name}")).collect()
}

/// What a policy says of each check, without members that are null, once it keeps the rules.
///
/// # Errors
/// When it names what is not there, or gives a value that can't be.
pub fn read_checks(
    given: &Map<String, Value>,
) -> Result<BTreeMap<String, Map<String, Value>>, PolicyError> {
    let mut checks = BTreeMap::new();
    for (name, members) in given {
        let check = CheckName::named(name)
            .ok_or_else(|| PolicyError::UnknownCheck { name: name.chars().take(100).collect() })?;
        if check.is_fixed() {
            return Err(PolicyError::Fixed(check.as_str()));
        }
        let Value::Object(members) = members else {
            let value = cut_short(members);
            return Err(PolicyError::NoObject { check: check.as_str(), value });
        };
        for (member, value) in members {
            sound(check, member, value)?;
        }
        let mut members = members.clone();
        members.retain(|_, value| !value.is_null());
        let days = |name: &str| members.get(name).and_then(Value::as_i64);
        if let Some((least, most)) = days("min_days").zip(days("max_days"))
            && least > most
        {
            return Err(PolicyError::Value {
                check: check.as_str(),
                member: "min_days".to_owned(),
                rule: format!("no more than max_days, which is {most}"),
                value: least.to_string(),
            });
        }
        checks.insert(name.clone(), members);
    }
    Ok(checks)
}

/// Holds one member against what the check has and the member takes.
fn sound(check: CheckName, member: &str, value: &Value) -> Result<(), PolicyError> {
    let name = check.as_str();
    if member != "severity" && !check.parameters().contains(&member) {
        let member = member.chars().take(100).collect();
        return Err(PolicyError::UnknownMember { check: name, member });
    }
    match rule_broken(member, value) {
        Some(rule) => {
            let (member, value) = (member.to_owned(), cut_short(value));
            Err(PolicyError::Value { check: name, member, rule, value })
        }
        None => Ok(()),
    }
}

/// How every check is made for one order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Settings {
    settings: BTreeMap<CheckName, Setting>,
}

/// No policy says anything.
static UNSET: Setting = Setting {
    severity: None,
    exposure_days: None,
    limit_cents: None,
    max_open_charges: None,
    max_overdue_days: None,
    source_valid_days: None,
    countries: None,
    shipping_required: None,
    billing_required: None,
    runs: None,
    lead_days: None,
    reserve: None,
    frequencies: None,
    min_days: None,
    max_days: None,
    window_hours: None,
    below_percent: None,
    above_percent: None,
};

impl Settings {
    /// What the policies that count for a scope say together.
    ///
    /// # Errors
    /// When a policy holds what it can't.
    pub fn resolve<'a>(
        policies: impl IntoIterator<Item = &'a CheckPolicy>,
        scope: &Scope,
    ) -> Result<Self, PolicyError> {
        let mut policies: Vec<&CheckPolicy> =
            policies.into_iter().filter(|policy| policy.scope.covers(scope)).collect();
        policies.sort_by_key(|policy| Reverse(policy.scope.rank()));
        let mut members: BTreeMap<CheckName, Map<String, Value>> = BTreeMap::new();
        for policy in policies {
            let known = |(name, given)| Some((CheckName::named(name)?, given));
            for (check, given) in
                policy.checks.iter().filter_map(|(name, given)| known((name, given)))
            {
                let merged = members.entry(check).or_default();
                for (name, value) in given {
                    merged.entry(name.clone()).or_insert_with(|| value.clone());
                }
            }
        }
        let settings = members.into_iter().map(|(check, members)| {
            let setting = serde_json::from_value(Value::Object(members));
            let wrong = |error: serde_json::Error| PolicyError::Unreadable {
                check: check.as_str(),
                reason: error.to_string(),
            };
            Ok((check, setting.map_err(wrong)?))
        });
        Ok(Self { settings: settings.collect::<Result<_, PolicyError>>()? })
    }

    /// How a check is made.
    #[must_use]
    pub fn of(&self, check: CheckName) -> &Setting {
        self.settings.get(&check).unwrap_or(&UNSET)
    }

    /// Whether a check is made.
    #[must_use]
    pub fn is_on(&self, check: CheckName) -> bool {
        self.of(check).severity(check) != Severity::Off
    }
}

#[cfg(test)]
#[path = "policy_tests.rs"]
mod tests;
