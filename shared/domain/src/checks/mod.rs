//! Whether an order may be placed: named checks, each with a severity and parameters that policies
//! set by channel, market and account. See `docs/checks.md`.
//!
//! One file per check. Each looks at [`Facts`] by the parameters of a [`Setting`] and answers what it
//! found, with its numbers; what follows from a finding is decided here, by the severity.

mod address;
mod completeness;
mod credit_hold;
mod credit_limit;
mod currency;
mod dry_run;
mod duplicate_order;
mod duplicate_subscription;
mod facts;
mod frequency;
mod operator;
mod parameters;
mod payment_terms;
mod policy;
mod price_tolerance;
mod record;
mod recurring_availability;
mod statistics;
mod stock;
mod term;
mod upcoming;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub use self::{
    dry_run::{Flip, Standing, flip},
    facts::{Facts, Holdings, Needs, Reserving},
    operator::{OperatorError, overturn, uphold},
    policy::{CheckPolicy, MAX_PARAMETER_LIST, PolicyError, Scope, Setting, Settings, read_checks},
    record::{CheckRecord, Failure, RecordOutcome, Resolution, resolved},
    statistics::{CheckCount, count},
};
use crate::order::{Order, Rejection};

/// A check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckName {
    /// The order has all that it needs to be placed at all.
    Completeness,
    /// Order, market and goods have the same currency.
    Currency,
    /// It goes where the market delivers to.
    Address,
    /// The customer is not on credit hold.
    CreditHold,
    /// The customer owes no more than their limit.
    CreditLimit,
    /// The customer keeps to the terms of payment.
    PaymentTerms,
    /// There is enough in stock for the order itself.
    Stock,
    /// There will be enough for the runs that follow.
    RecurringAvailability,
    /// Sku, model and policy offer the frequency.
    Frequency,
    /// Subscriptions last neither too short nor too long.
    Term,
    /// The customer does not subscribe to the same already.
    DuplicateSubscription,
    /// The customer has not ordered the same just now.
    DuplicateOrder,
    /// Prices are near those of the list.
    PriceTolerance,
}

/// What follows when a check finds something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// The check is not made.
    Off,
    /// It is told, and nothing else.
    Warn,
    /// The order is held until an operator has looked at it.
    Review,
    /// The order goes back to draft.
    Reject,
}

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It was not made.
    Off,
    /// It found nothing.
    Passed,
    /// It found something that an operator has overturned.
    Overturned,
    /// It found something that is only told.
    Warned,
    /// It found something for which the order is held.
    Held,
    /// It found something for which the order was refused.
    Rejected,
}

/// What one check came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckOutcome {
    /// Which.
    pub check: CheckName,
    /// How severe it is for this order.
    pub severity: Severity,
    /// How it ended.
    pub verdict: Verdict,
    /// What it found.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<Rejection>,
    /// What it looked at, in numbers: amounts in minor units, dates, units.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub numbers: Map<String, Value>,
}

/// What an operator has decided about the findings of some checks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Overturn {
    /// Who.
    pub by: String,
    /// Why.
    pub reason: String,
    /// When.
    pub at: DateTime<Utc>,
    /// The checks whose findings do not count any more.
    pub checks: Vec<CheckName>,
}

/// What a check found.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Found {
    pub(crate) findings: Vec<Rejection>,
    pub(crate) numbers: Map<String, Value>,
}

impl Found {
    pub(crate) fn finding(&mut self, code: &str, pointer: impl Into<String>, detail: String) {
        self.findings.push(Rejection { code: code.to_owned(), detail, pointer: pointer.into() });
    }

    pub(crate) fn number(&mut self, name: &str, value: impl Serialize) {
        // Numbers, texts and lists of them always serialize.
        self.numbers.insert(name.to_owned(), serde_json::json!(value));
    }
}

/// What is to become of an order, by its checks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// It may be placed.
    Place,
    /// It waits for an operator.
    Hold,
    /// It goes back to draft.
    Reject,
}

impl CheckName {
    /// Every check, in the order in which they are told.
    pub const ALL: [Self; 13] = [
        Self::Completeness,
        Self::Currency,
        Self::CreditHold,
        Self::CreditLimit,
        Self::PaymentTerms,
        Self::Address,
        Self::Term,
        Self::Frequency,
        Self::Stock,
        Self::RecurringAvailability,
        Self::DuplicateSubscription,
        Self::DuplicateOrder,
        Self::PriceTolerance,
    ];

    /// Its name in documents.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Completeness => "completeness",
            Self::Currency => "currency",
            Self::Address => "address",
            Self::CreditHold => "credit_hold",
            Self::CreditLimit => "credit_limit",
            Self::PaymentTerms => "payment_terms",
            Self::Stock => "stock",
            Self::RecurringAvailability => "recurring_availability",
            Self::Frequency => "frequency",
            Self::Term => "term",
            Self::DuplicateSubscription => "duplicate_subscription",
            Self::DuplicateOrder => "duplicate_order",
            Self::PriceTolerance => "price_tolerance",
        }
    }

    /// The check of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|check| check.as_str() == name)
    }

    /// Whether nobody can relax or overturn it: what it finds makes the order impossible.
    #[must_use]
    pub fn is_fixed(self) -> bool {
        matches!(self, Self::Completeness | Self::Currency | Self::Stock)
    }

    /// How severe it is where no policy says otherwise.
    #[must_use]
    pub fn default_severity(self) -> Severity {
        match self {
            Self::Completeness
            | Self::Currency
            | Self::CreditHold
            | Self::CreditLimit
            | Self::Stock
            | Self::Frequency => Severity::Reject,
            Self::Address
            | Self::PaymentTerms
            | Self::RecurringAvailability
            | Self::Term
            | Self::DuplicateSubscription
            | Self::DuplicateOrder
            | Self::PriceTolerance => Severity::Off,
        }
    }

    /// The parameters that policies may set for it.
    #[must_use]
    pub fn parameters(self) -> &'static [&'static str] {
        match self {
            Self::Completeness | Self::Currency | Self::CreditHold | Self::Stock => &[],
            Self::Address => &["countries", "shipping_required", "billing_required"],
            Self::CreditLimit => &["exposure_days", "limit_cents"],
            Self::PaymentTerms => &["max_open_charges", "max_overdue_days", "source_valid_days"],
            Self::RecurringAvailability => &["runs", "lead_days", "reserve"],
            Self::Frequency => &["frequencies"],
            Self::Term => &["min_days", "max_days"],
            Self::DuplicateSubscription => &[],
            Self::DuplicateOrder => &["window_hours"],
            Self::PriceTolerance => &["below_percent", "above_percent"],
        }
    }

    fn look(self, facts: &Facts<'_>, setting: &Setting) -> Found {
        match self {
            Self::Completeness => completeness::check(facts),
            Self::Currency => currency::check(facts),
            Self::Address => address::check(facts, setting),
            Self::CreditHold => credit_hold::check(facts),
            Self::CreditLimit => credit_limit::check(facts, setting),
            Self::PaymentTerms => payment_terms::check(facts, setting),
            Self::Stock => stock::check(facts),
            Self::RecurringAvailability => recurring_availability::check(facts, setting),
            Self::Frequency => frequency::check(facts, setting),
            Self::Term => term::check(facts, setting),
            Self::DuplicateSubscription => duplicate_subscription::check(facts),
            Self::DuplicateOrder => duplicate_order::check(facts, setting),
            Self::PriceTolerance => price_tolerance::check(facts, setting),
        }
    }
}

impl CheckOutcome {
    fn of(
        check: CheckName,
        severity: Severity,
        Found { findings, numbers }: Found,
        overturn: Option<&Overturn>,
    ) -> Self {
        let overturned = overturn.is_some_and(|overturn| overturn.checks.contains(&check));
        let verdict = match severity {
            _ if findings.is_empty() => Verdict::Passed,
            _ if overturned && !check.is_fixed() => Verdict::Overturned,
            Severity::Off => Verdict::Off,
            Severity::Warn => Verdict::Warned,
            Severity::Review => Verdict::Held,
            Severity::Reject => Verdict::Rejected,
        };
        Self { check, severity, verdict, findings, numbers }
    }

    /// The outcome of a check that found this after the others were made.
    #[must_use]
    pub fn rejected(check: CheckName, findings: Vec<Rejection>) -> Self {
        let numbers = Map::new();
        Self { check, severity: Severity::Reject, verdict: Verdict::Rejected, findings, numbers }
    }
}

/// Makes every check that is not off.
#[must_use]
pub fn examine(facts: &Facts<'_>, settings: &Settings) -> Vec<CheckOutcome> {
    let overturn = facts.context.order.overturn.as_ref();
    CheckName::ALL
        .into_iter()
        .filter_map(|check| {
            let setting = settings.of(check);
            let severity = setting.severity(check);
            if severity == Severity::Off {
                return None;
            }
            Some(CheckOutcome::of(check, severity, check.look(facts, setting), overturn))
        })
        .collect()
}

/// What is to become of an order whose checks ended so.
#[must_use]
pub fn decide(outcomes: &[CheckOutcome]) -> Decision {
    match outcomes.iter().map(|outcome| outcome.verdict).max() {
        Some(Verdict::Rejected) => Decision::Reject,
        Some(Verdict::Held) => Decision::Hold,
        Some(Verdict::Off | Verdict::Passed | Verdict::Overturned | Verdict::Warned) | None => {
            Decision::Place
        }
    }
}

/// What the checks with a verdict found.
#[must_use]
pub fn findings(outcomes: &[CheckOutcome], verdict: Verdict) -> Vec<Rejection> {
    let of = outcomes.iter().filter(|outcome| outcome.verdict == verdict);
    of.flat_map(|outcome| outcome.findings.iter().cloned()).collect()
}

/// The outcomes as they are told: with the checks that were not made. Nothing where none was.
#[must_use]
pub fn told(outcomes: &[CheckOutcome]) -> Vec<CheckOutcome> {
    if outcomes.is_empty() {
        return Vec::new();
    }
    let of = |check: CheckName| {
        let made = outcomes.iter().find(|outcome| outcome.check == check).cloned();
        made.unwrap_or_else(|| CheckOutcome {
            check,
            severity: Severity::Off,
            verdict: Verdict::Off,
            findings: Vec::new(),
            numbers: Map::new(),
        })
    };
    CheckName::ALL.into_iter().map(of).collect()
}

/// The checks whose findings keep an order from being placed; what an operator would overturn.
#[must_use]
pub fn hindering(order: &Order) -> Vec<CheckName> {
    let hinders =
        |outcome: &&CheckOutcome| matches!(outcome.verdict, Verdict::Held | Verdict::Rejected);
    order.checks.iter().filter(hinders).map(|outcome| outcome.check).collect()
}

#[cfg(test)]
#[path = "checks_tests.rs"]
mod tests;
