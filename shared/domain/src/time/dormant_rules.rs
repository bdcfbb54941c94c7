//! Rules that a frequency has no use for lie dormant: an anchor day of 31 outlasts a time in which
//! its subscription repeats weekly.

use chrono::{DateTime, Utc};

use super::{Frequency, OverlapPolicy, RuleError, Schedule, ScheduleRules, Zone};

/// The schedule by those of the rules that have a meaning for it.
pub(crate) fn schedule(
    frequency: &Frequency,
    anchor: DateTime<Utc>,
    zone: Zone,
    rules: &ScheduleRules,
) -> Schedule {
    let plain = Schedule::new(frequency.clone(), anchor, zone);
    if rules.is_default() {
        return plain;
    }
    let mut awake = rules.clone();
    loop {
        match plain.clone().with_rules(awake.clone()) {
            Ok(schedule) => return schedule,
            // Each refusal puts one more rule to rest; without any, nothing is refused.
            Err(error) => awake = without(awake, &error),
        }
    }
}

/// Checks that each rule which is new has a meaning for the frequency. Those that stood there
/// before may lie dormant.
///
/// # Errors
/// [`RuleError`] for the first that has none.
pub(crate) fn check_new(
    before: &ScheduleRules,
    after: &ScheduleRules,
    frequency: &Frequency,
) -> Result<(), RuleError> {
    let mut awake = after.clone();
    while let Err(error) = awake.check(frequency) {
        let stood_before = match &error {
            RuleError::AnchorDay { .. } => before.anchor_day == after.anchor_day,
            RuleError::AnchorWeekday { .. } => before.anchor_weekday == after.anchor_weekday,
            RuleError::BothPasses { .. } => before.dst_overlap == after.dst_overlap,
            RuleError::AnchorLocal { .. } => before.anchor_local == after.anchor_local,
        };
        if !stood_before {
            return Err(error);
        }
        awake = without(awake, &error);
    }
    Ok(())
}

/// The rules without the one that is refused.
fn without(rules: ScheduleRules, refused: &RuleError) -> ScheduleRules {
    match refused {
        RuleError::AnchorDay { .. } => ScheduleRules { anchor_day: None, ..rules },
        RuleError::AnchorWeekday { .. } => ScheduleRules { anchor_weekday: None, ..rules },
        RuleError::BothPasses { .. } => {
            ScheduleRules { dst_overlap: OverlapPolicy::default(), ..rules }
        }
        RuleError::AnchorLocal { .. } => ScheduleRules { anchor_local: None, ..rules },
    }
}

#[cfg(test)]
#[path = "dormant_rules_tests.rs"]
mod tests;
