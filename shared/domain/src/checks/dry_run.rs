//! What changed policies would have made of an order.

use serde::Serialize;

use super::{CheckName, CheckOutcome, Decision, Facts, Settings, Verdict, decide, examine};

/// What one check makes of an order, by the policies as they are and as they would be.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Standing {
    /// Which.
    pub check: CheckName,
    /// As things are; `off` where it is not made.
    pub before: Verdict,
    /// As they would be.
    pub after: Verdict,
    /// What it would find, or where it would find nothing any more, what it finds: with its numbers.
    pub outcome: CheckOutcome,
}

/// An order of which something else would have become.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Flip {
    /// By the policies as they are.
    pub before: Decision,
    /// By the policies as they would be.
    pub after: Decision,
    /// The checks whose verdict differs.
    pub checks: Vec<Standing>,
}

/// What would have become of an order by other settings; `None` where the same.
#[must_use]
pub fn flip(facts: &Facts<'_>, as_is: &Settings, changed: &Settings) -> Option<Flip> {
    let (before, after) = (examine(facts, as_is), examine(facts, changed));
    let (was, is) = (decide(&before), decide(&after));
    if was == is {
        return None;
    }
    let checks = CheckName::ALL.into_iter().filter_map(|check| {
        let of = |outcomes: &[CheckOutcome]| {
            outcomes.iter().find(|outcome| outcome.check == check).cloned()
        };
        let (before, after) = (of(&before), of(&after));
        let verdict = |outcome: &Option<CheckOutcome>| {
            outcome.as_ref().map_or(Verdict::Off, |outcome| outcome.verdict)
        };
        let (was, is) = (verdict(&before), verdict(&after));
        let told = after.filter(|after| !after.findings.is_empty()).or(before);
        told.filter(|_| was != is).map(|outcome| Standing {
            check,
            before: was,
            after: is,
            outcome,
        })
    });
    Some(Flip { before: was, after: is, checks: checks.collect() })
}
