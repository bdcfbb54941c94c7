#![expect(clippy::indexing_slicing, reason = "a panic is a failed test")]

use std::error::Error;

use proptest::prelude::*;
use serde_json::json;

use super::*;

type TestResult<T = ()> = Result<T, Box<dyn Error>>;

fn policy(scope: Value, checks: Value) -> TestResult<CheckPolicy> {
    let scope: Scope = serde_json::from_value(scope)?;
    let Value::Object(given) = checks else { return Err("checks are an object".into()) };
    Ok(CheckPolicy { id: scope.policy_id(), scope, checks: read_checks(&given)? })
}

fn web_in_eu_of_ada() -> TestResult<Scope> {
    let scope = json!({"channel_code": "web", "market_id": "mkt_eu", "customer_id": "cus_ada"});
    Ok(serde_json::from_value(scope)?)
}

#[test]
fn without_policies_every_check_has_its_default() {
    let settings = Settings::default();
    for (check, severity) in [
        (CheckName::Completeness, Severity::Reject),
        (CheckName::Currency, Severity::Reject),
        (CheckName::CreditHold, Severity::Reject),
        (CheckName::CreditLimit, Severity::Reject),
        (CheckName::PaymentTerms, Severity::Off),
        (CheckName::Address, Severity::Off),
        (CheckName::Term, Severity::Off),
        (CheckName::Frequency, Severity::Reject),
        (CheckName::Stock, Severity::Reject),
        (CheckName::RecurringAvailability, Severity::Off),
        (CheckName::DuplicateSubscription, Severity::Off),
        (CheckName::DuplicateOrder, Severity::Off),
        (CheckName::PriceTolerance, Severity::Off),
    ] {
        assert_eq!(settings.of(check).severity(check), severity, "{check:?}");
    }
    assert_eq!(settings.needs(), crate::checks::Needs::default(), "nothing more is read");
}

#[test]
fn the_most_specific_policy_wins_member_by_member() -> TestResult {
    let policies = [
        policy(json!({}), json!({"credit_limit": {"severity": "warn", "exposure_days": 10}}))?,
        policy(
            json!({"channel_code": "web"}),
            json!({"credit_limit": {"severity": "review", "limit_cents": 5}, "term": {"max_days": 9}}),
        )?,
        policy(json!({"market_id": "mkt_eu"}), json!({"credit_limit": {"exposure_days": 20}}))?,
        policy(
            json!({"channel_code": "web", "market_id": "mkt_eu"}),
            json!({"credit_limit": {"limit_cents": 7}}),
        )?,
        policy(json!({"customer_id": "cus_ada"}), json!({"credit_limit": {"severity": "off"}}))?,
        policy(json!({"customer_id": "cus_eve"}), json!({"credit_limit": {"limit_cents": 1}}))?,
    ];
    let limit = |scope: Value| -> TestResult<(Option<Severity>, Option<u16>, Option<i64>)> {
        let settings = Settings::resolve(&policies, &serde_json::from_value(scope)?)?;
        let limit = settings.of(CheckName::CreditLimit);
        Ok((limit.severity, limit.exposure_days, limit.limit_cents.map(MinorUnits::get)))
    };
    let (warn, review, off) = (Severity::Warn, Severity::Review, Severity::Off);
    assert_eq!(limit(json!({"market_id": "mkt_us"}))?, (Some(warn), Some(10), None));
    assert_eq!(limit(json!({"market_id": "mkt_eu"}))?, (Some(warn), Some(20), None));
    let web = json!({"channel_code": "web", "market_id": "mkt_us"});
    assert_eq!(limit(web)?, (Some(review), Some(10), Some(5)));
    let web = json!({"channel_code": "web", "market_id": "mkt_eu"});
    assert_eq!(limit(web)?, (Some(review), Some(20), Some(7)));
    let ada = json!({"channel_code": "web", "market_id": "mkt_eu", "customer_id": "cus_ada"});
    assert_eq!(limit(ada)?, (Some(off), Some(20), Some(7)));
    let eve = json!({"market_id": "mkt_us", "customer_id": "cus_eve"});
    assert_eq!(limit(eve)?, (Some(warn), Some(10), Some(1)));
    Ok(())
}

#[test]
fn what_a_policy_can_not_say_is_refused_with_what_it_can() -> TestResult {
    for (checks, expected) in [
        (json!({"credit": {}}), "there is no check \"credit\"; there are: completeness, currency"),
        (
            json!({"credit_limit": {"days": 3}}),
            "check credit_limit has no member \"days\"; it has: severity, exposure_days, limit_cents",
        ),
        (json!({"stock": {"severity": "warn"}}), "check stock can't be set: what it finds"),
        (json!({"term": 3}), "term must be an object of severity and parameters, not 3"),
        (
            json!({"term": {"severity": "loud"}}),
            "severity of term must be one of off, warn, review, reject, not \"loud\"",
        ),
        (
            json!({"term": {"min_days": 0}}),
            "min_days of term must be a whole number from 1 to 36600, not 0",
        ),
        (
            json!({"term": {"min_days": 9, "max_days": 8}}),
            "min_days of term must be no more than max_days, which is 8, not 9",
        ),
        (
            json!({"duplicate_order": {"window_hours": "a day"}}),
            "window_hours of duplicate_order must be a whole number from 1 to 720, not \"a day\"",
        ),
        (
            json!({"duplicate_order": {"window_hours": 1.5}}),
            "window_hours of duplicate_order must be a whole number from 1 to 720, not 1.5",
        ),
        (
            json!({"address": {"countries": []}}),
            "countries of address must be a list of 1 to 300 countries, by the two capital letters",
        ),
        (json!({"address": {"countries": ["it"]}}), "countries of address must be a list of 1 to"),
        (
            json!({"address": {"shipping_required": "yes"}}),
            "shipping_required of address must be true or false, not \"yes\"",
        ),
        (
            json!({"frequency": {"frequencies": ["often"]}}),
            "frequencies of frequency must be a list of 1 to 300 frequencies, each a text such as",
        ),
        (
            json!({"frequency": {"frequencies": [{"every": 2}]}}),
            "frequencies of frequency must be a list of 1 to 300 frequencies, each a text such as",
        ),
        (
            json!({"credit_limit": {"limit_cents": -1}}),
            "limit_cents of credit_limit must be a whole number of minor units, 0 or more, not -1",
        ),
        (
            json!({"recurring_availability": {"runs": 101}}),
            "runs of recurring_availability must be a whole number from 1 to 100, not 101",
        ),
    ] {
        let Value::Object(given) = &checks else { return Err("an object".into()) };
        let Err(error) = read_checks(given) else { return Err(format!("{checks}").into()) };
        assert!(error.to_string().starts_with(expected), "{checks}: {error}");
    }
    Ok(())
}

#[test]
fn a_refusal_tells_where_it_is_and_shows_no_more_of_a_value_than_is_needed() -> TestResult {
    let Value::Object(given) = json!({"duplicate_order": {"window_hours": "9".repeat(10_000)}})
    else {
        return Err("an object".into());
    };
    let Err(error) = read_checks(&given) else { return Err("refused".into()) };
    assert_eq!(error.place(), ["duplicate_order", "window_hours"]);
    assert!(error.to_string().ends_with("999..."), "{error}");
    assert!(error.to_string().len() < 200, "{error}");
    Ok(())
}

#[test]
fn null_takes_a_member_back() -> TestResult {
    let Value::Object(given) = json!({"term": {"severity": "warn", "max_days": null}}) else {
        return Err("an object".into());
    };
    let checks = read_checks(&given)?;
    assert_eq!(json!(checks), json!({"term": {"severity": "warn"}}));
    Ok(())
}

#[test]
fn a_scope_is_covered_by_itself_and_all_that_are_more_general() -> TestResult {
    let scope = web_in_eu_of_ada()?;
    let covering = scope.covering();
    assert_eq!(covering.len(), 8);
    assert!(covering.iter().all(|one| one.covers(&scope)));
    let ids: std::collections::BTreeSet<_> = covering.iter().map(Scope::policy_id).collect();
    assert_eq!(ids.len(), 8, "each has a policy of its own");
    assert_eq!(Scope::default().covering(), [Scope::default()]);
    Ok(())
}

proptest! {
    #[test]
    fn the_order_of_policies_makes_no_difference(
        severities in proptest::collection::vec(0_usize..4, 8),
        shuffle in Just((0_usize..8).collect::<Vec<_>>()).prop_shuffle(),
    ) {
        let names = ["off", "warn", "review", "reject"];
        let scope = web_in_eu_of_ada().map_err(|error| TestCaseError::fail(error.to_string()))?;
        let policies: Vec<CheckPolicy> = scope
            .covering()
            .into_iter()
            .zip(&severities)
            .map(|(scope, severity)| {
                let given = Map::from_iter([("severity".to_owned(), json!(names[*severity]))]);
                let checks = BTreeMap::from([("term".to_owned(), given)]);
                CheckPolicy { id: scope.policy_id(), scope, checks }
            })
            .collect();
        let shuffled: Vec<CheckPolicy> =
            shuffle.iter().map(|index| policies[*index].clone()).collect();
        let one = Settings::resolve(&policies, &scope);
        prop_assert_eq!(&one, &Settings::resolve(&shuffled, &scope));
        // The most specific is the last of the covering ones.
        let expected = names[severities[7]];
        let severity = one.map(|settings| json!(settings.of(CheckName::Term).severity));
        prop_assert_eq!(severity, Ok(json!(expected)));
    }
}
