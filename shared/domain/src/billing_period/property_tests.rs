//! Periods tile the time without gap or overlap, and the pieces of a whole one add up to it.

use std::error::Error;

use crate::time::{Zone, iana};
use chrono::{DateTime, TimeDelta, Utc};
use proptest::prelude::*;

use super::*;
use crate::{
    money::Ratio,
    time::{Frequency, GapPolicy, Schedule, ScheduleRules},
};

fn frequencies() -> impl Strategy<Value = Frequency> {
    let named = prop::sample::select(vec![
        "hourly",
        "daily",
        "weekly",
        "monthly",
        "two-month",
        "yearly",
        "0 6 1 * *",
        "30 2 * * *",
        "0 9 * * mon-fri",
        "0 */6 * * *",
        "every 5 weeks",
        "every 7 months",
        "every 36 hours",
    ]);
    named.prop_filter_map("these are frequencies", |text| text.parse().ok())
}

fn rules() -> impl Strategy<Value = ScheduleRules> {
    let rules = prop::sample::select(vec![
        "{}",
        r#"{"anchor_day": 31}"#,
        r#"{"anchor_weekday": "sunday"}"#,
        r#"{"dst_gap": "skip"}"#,
        r#"{"working_days": {"rule": "next"}}"#,
        r#"{"anchor_day": 5, "working_days": {"rule": "previous"}, "month_end": "sticky"}"#,
    ]);
    rules.prop_filter_map("these are rules", |text| serde_json::from_str(text).ok())
}

fn zones() -> impl Strategy<Value = Zone> {
    prop::sample::select(vec![
        Zone::utc(),
        iana("Europe/Berlin"),
        iana("America/New_York"),
        iana("Australia/Lord_Howe"),
        iana("Asia/Kolkata"),
    ])
}

/// Instants from 2024 to about 2034, to the second.
fn instants() -> impl Strategy<Value = DateTime<Utc>> {
    (1_704_067_200_i64..2_020_000_000)
        .prop_filter_map("in range", |seconds| DateTime::from_timestamp(seconds, 0))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn periods_tile_the_time_up_to_the_end(
        frequency in frequencies(),
        rules in rules(),
        start in instants(),
        zone in zones(),
        lasts in 1_i64..10_000,
    ) {
        let plain = Schedule::new(frequency, start, zone);
        // Not every rule has a meaning for every frequency.
        let schedule = plain.clone().with_rules(rules).unwrap_or(plain);
        let ends_at = start + TimeDelta::hours(lasts);
        let terms = BillingTerms { ends_at: Some(ends_at), ..BillingTerms::default() };
        let mut reached = start;
        for period in periods(&schedule, terms, Reach { until: None, count: 20_000 }) {
            let period = period.map_err(|error| TestCaseError::fail(error.to_string()))?;
            prop_assert_eq!(period.start, reached);
            prop_assert!(period.start < period.end);
            prop_assert!(Ratio::ZERO <= period.fraction && period.fraction <= Ratio::ONE);
            prop_assert!(period.kind.is_stub() || period.fraction == Ratio::ONE);
            reached = period.end;
        }
        prop_assert_eq!(reached, ends_at);
    }

    /// The price of a month must not depend on weekends, holidays or clocks.
    #[test]
    fn periods_are_those_of_the_calendar_whatever_moves_the_runs(
        frequency in prop::sample::select(vec!["monthly", "every 5 months", "weekly", "daily"]),
        rules in rules(),
        gap in prop::sample::select(vec![GapPolicy::FirstValid, GapPolicy::Skip]),
        start in instants(),
        zone in zones(),
        billing in prop::sample::select(vec![Billing::Advance, Billing::Arrears]),
    ) {
        let fail = |error: &dyn Error| TestCaseError::fail(error.to_string());
        let frequency: Frequency = frequency.parse().map_err(|error| fail(&error))?;
        let plain = Schedule::new(frequency, start, zone);
        let rules = ScheduleRules { dst_gap: gap, ..rules };
        let by_calendar = ScheduleRules { working_days: None, dst_gap: GapPolicy::FirstValid, ..rules.clone() };
        let schedule = plain.clone().with_rules(rules).unwrap_or_else(|_| plain.clone());
        let by_calendar = plain.clone().with_rules(by_calendar).unwrap_or(plain);
        let terms = BillingTerms { billing, ..BillingTerms::default() };
        let reach = Reach { until: None, count: 120 };
        let mut runs = schedule.occurrences().peekable();
        for (found, expected) in periods(&schedule, terms, reach).zip(periods(&by_calendar, terms, reach)) {
            let found = found.map_err(|error| fail(&error))?;
            let expected = expected.map_err(|error| fail(&error))?;
            let invoiced_at = found.invoiced_at;
            prop_assert_eq!(BillingPeriod { invoiced_at: expected.invoiced_at, ..found }, expected);
            while runs.peek().is_some_and(|run| run.is_ok_and(|run| run.at < invoiced_at)) {
                runs.next();
            }
            let run = runs.peek().and_then(|run| run.ok());
            prop_assert_eq!(run.map(|run| run.at), Some(invoiced_at), "it is invoiced on a run");
        }
    }

    /// Following the invoices one by one bills every period once.
    #[test]
    fn the_invoices_bill_every_period_once(
        frequency in frequencies(),
        rules in rules(),
        start in instants(),
        zone in zones(),
        billing in prop::sample::select(vec![Billing::Advance, Billing::Arrears]),
    ) {
        let fail = |error: &dyn Error| TestCaseError::fail(error.to_string());
        let plain = Schedule::new(frequency, start, zone);
        let schedule = plain.clone().with_rules(rules).unwrap_or(plain);
        let terms = BillingTerms { billing, ..BillingTerms::default() };
        let mut after = start - TimeDelta::days(60);
        let mut billed = Vec::new();
        for _ in 0..30 {
            let invoice = next_invoice(&schedule, terms, after).map_err(|error| fail(&error))?;
            let Some(first) = invoice.first() else { break };
            prop_assert!(first.invoiced_at > after);
            after = first.invoiced_at;
            billed.extend(invoice);
        }
        let listed: Vec<BillingPeriod> = periods(&schedule, terms, Reach { until: None, count: billed.len() })
            .collect::<Result<_, _>>()
            .map_err(|error| fail(&error))?;
        prop_assert_eq!(billed, listed);
    }

    /// Cut in its last month or week, a whole period is an end stub, and for whoever starts there
    /// with the same anchor a start stub.
    #[test]
    fn the_two_pieces_of_a_cut_period_add_up_to_it(
        (frequency, rules, last_days) in prop_oneof![
            (1_u32..=12, 1_u32..=31).prop_map(|(every, day)| {
                (format!("every {every} months"), format!(r#"{{"anchor_day": {day}}}"#), 28)
            }),
            (1_u32..=5).prop_map(|every| {
                (format!("every {every} weeks"), r#"{"anchor_weekday": "friday"}"#.to_owned(), 7)
            }),
        ],
        start in instants(),
        zone in zones(),
        period in 1_usize..20,
        hours_before_end in 24_i64..672,
        later_hour in 0_i64..24,
    ) {
        let fail = |error: &dyn Error| TestCaseError::fail(error.to_string());
        let frequency: Frequency = frequency.parse().map_err(|error| fail(&error))?;
        let rules: ScheduleRules = serde_json::from_str(&rules).map_err(|error| fail(&error))?;
        let anchored = |start| {
            Schedule::new(frequency.clone(), start, zone).with_rules(rules.clone())
        };
        let schedule = anchored(start).map_err(|error| fail(&error))?;
        let terms = BillingTerms::default();
        let whole = periods(&schedule, terms, Reach { until: None, count: period + 1 })
            .last()
            .ok_or_else(|| TestCaseError::fail("no period"))?
            .map_err(|error| fail(&error))?;
        prop_assert_eq!(whole.kind, PeriodKind::Whole);
        let cut = whole.end - TimeDelta::hours(hours_before_end % (24 * last_days - 24) + 24);
        let date = |at: DateTime<Utc>| at.with_timezone(&zone).date_naive();
        prop_assume!(date(whole.start) < date(cut) && date(cut) < date(whole.end));
        prop_assume!((date(whole.end) - date(cut)).num_days() < last_days);

        let ending = BillingTerms { ends_at: Some(cut), ..terms };
        let before = periods(&schedule, ending, Reach { until: None, count: period + 1 })
            .last()
            .ok_or_else(|| TestCaseError::fail("no period"))?
            .map_err(|error| fail(&error))?;
        // Whoever takes over later that day has the same days.
        let later = cut + TimeDelta::hours(later_hour);
        let takes_over = if date(later) == date(cut) { later } else { cut };
        let taken_over = anchored(takes_over).map_err(|error| fail(&error))?;
        let after = periods(&taken_over, terms, Reach { until: None, count: 1 })
            .next()
            .ok_or_else(|| TestCaseError::fail("no period"))?
            .map_err(|error| fail(&error))?;
        prop_assert_eq!((before.kind, after.kind), (PeriodKind::EndStub, PeriodKind::StartStub));
        let (before, after) = (before.fraction, after.fraction);
        prop_assert_eq!(before.denominator(), after.denominator());
        prop_assert_eq!(before.numerator() + after.numerator(), before.denominator());
    }
}
