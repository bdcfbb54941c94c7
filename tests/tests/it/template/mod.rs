//! What no linter sees in `template.yaml`.
//!
//! A rule is a function from the template to its violations. Each is tried twice: the template as
//! shipped keeps it, and the template with one fault seeded breaks it, at the seeded place.

mod access;
mod alarms;
mod document;
mod event_rules;
mod functions;
pub(crate) mod granted;
mod queues;
mod routes;
mod sam_local;
mod schedules;
mod storage;

use document::Template;
use serde_json::Value;

/// Where a rule is broken, and how.
#[derive(Debug, PartialEq, Eq)]
struct Violation {
    /// Logical id of the resource.
    at: String,
    says: String,
}

impl Violation {
    fn new(at: &str, says: impl Into<String>) -> Self {
        Self { at: at.to_owned(), says: says.into() }
    }
}

type Rule = fn(&Template) -> Vec<Violation>;

/// A change to one place of the template.
enum Fault {
    /// Puts this value there, new or in place of the old one.
    Set(Value),
    /// Takes the place away.
    Remove,
}

/// Proves that the shipped template keeps `rule`, and that `fault` at `pointer` (a JSON pointer
/// below `/Resources`, beginning with the logical id) breaks it at `at`.
fn rule_sees(rule: Rule, at: &str, pointer: &str, fault: Fault) {
    assert_eq!(rule(&Template::shipped()), [], "the shipped template breaks the rule");
    let mut template = Template::shipped();
    template.seed(&format!("/Resources/{pointer}"), fault);
    let found = rule(&template);
    assert!(
        found.iter().any(|violation| violation.at == at),
        "the rule does not see the fault at {pointer}; it says {found:?}"
    );
}
