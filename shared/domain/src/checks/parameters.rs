//! What the parameters of checks take, in one table: each by its name, whatever check it belongs to.

use serde_json::Value;

use super::policy::MAX_PARAMETER_LIST;
use crate::{country::is_country, time::Frequency};

/// What values a member of a policy takes.
#[derive(Debug, Clone, Copy)]
enum Takes {
    /// `off`, `warn`, `review` or `reject`.
    Severity,
    /// A whole number, from the first to the second.
    Whole(i64, i64),
    /// An amount in minor units, not below zero.
    Amount,
    YesNo,
    /// Countries, by two letters.
    Countries,
    Frequencies,
}

fn takes(member: &str) -> Option<Takes> {
    Some(match member {
        "severity" => Takes::Severity,
        "exposure_days" | "max_overdue_days" | "lead_days" => Takes::Whole(0, 366),
        "max_open_charges" => Takes::Whole(0, i64::from(u16::MAX)),
        "source_valid_days" => Takes::Whole(0, 3_660),
        "runs" => Takes::Whole(1, 100),
        "min_days" | "max_days" => Takes::Whole(1, 36_600),
        "window_hours" => Takes::Whole(1, 720),
        "below_percent" => Takes::Whole(0, 100),
        "above_percent" => Takes::Whole(0, 1_000),
        "limit_cents" => Takes::Amount,
        "shipping_required" | "billing_required" | "reserve" => Takes::YesNo,
        "countries" => Takes::Countries,
        "frequencies" => Takes::Frequencies,
        _ => return None,
    })
}

/// What a member must be where its value can't be taken; null is as good as left out.
pub(super) fn rule_broken(member: &str, value: &Value) -> Option<String> {
    if value.is_null() {
        return None;
    }
    // Which members a check has is looked at before.
    let takes = takes(member)?;
    let (holds, rule) = match takes {
        Takes::Severity => (
            value.as_str().is_some_and(|word| ["off", "warn", "review", "reject"].contains(&word)),
            "one of off, warn, review, reject".to_owned(),
        ),
        Takes::Whole(least, most) => (
            value.as_i64().is_some_and(|number| (least..=most).contains(&number)),
            format!("a whole number from {least} to {most}"),
        ),
        Takes::Amount => (
            value.as_i64().is_some_and(|amount| amount >= 0),
            "a whole number of minor units, 0 or more".to_owned(),
        ),
        Takes::YesNo => (value.is_boolean(), "true or false".to_owned()),
        Takes::Countries => (
            each(value, |code| code.as_str().is_some_and(is_country)),
            format!(
                "a list of 1 to {MAX_PARAMETER_LIST} countries, by the two capital letters of ISO 3166-1"
            ),
        ),
        Takes::Frequencies => (
            each(value, |one| serde_json::from_value::<Frequency>(one.clone()).is_ok()),
            format!(
                "a list of 1 to {MAX_PARAMETER_LIST} frequencies, each a text such as \"monthly\" or \
                 {{\"every\": 2, \"unit\": \"week\"}}"
            ),
        ),
    };
    (!holds).then_some(rule)
}

/// Whether it is a list that is neither empty nor too long, and each of it is sound.
fn each(value: &Value, sound: impl Fn(&Value) -> bool) -> bool {
    value.as_array().is_some_and(|items| {
        (1..=MAX_PARAMETER_LIST).contains(&items.len()) && items.iter().all(sound)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::CheckName;

    #[test]
    fn every_parameter_of_every_check_has_its_rule() {
        for check in CheckName::ALL {
            for parameter in check.parameters() {
                assert!(takes(parameter).is_some(), "{} of {}", parameter, check.as_str());
            }
        }
    }
}
