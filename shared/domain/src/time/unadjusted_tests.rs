use std::error::Error;

use super::super::Occurrence;
use super::*;

type TestResult = Result<(), Box<dyn Error>>;

/// The local dates and times of the occurrences after the start.
fn dates(schedule: &Schedule, count: usize) -> Result<Vec<String>, Box<dyn Error>> {
    let shown = |found: Occurrence| schedule.local(found.at).format("%d %H:%M").to_string();
    schedule.occurrences().skip(1).take(count).map(|found| Ok(shown(found?))).collect()
}

fn schedule(frequency: &str, start: &str, rules: &str) -> Result<Schedule, Box<dyn Error>> {
    let plain = Schedule::new(frequency.parse()?, start.parse()?, "Europe/Berlin".parse()?);
    Ok(plain.with_rules(serde_json::from_str(rules)?)?)
}

/// 27 and 28 March 2027 are a weekend; on the 28th clocks jump from 02:00 to 03:00.
#[test]
fn days_off_and_gaps_leave_the_dates_of_an_interval_alone() -> TestResult {
    let rules = r#"{"working_days": {"rule": "next"}, "dst_gap": "skip"}"#;
    let daily = schedule("daily", "2027-03-25T01:30:00Z", rules)?;
    assert_eq!(dates(&daily, 2)?, ["26 02:30", "29 02:30"]);
    assert_eq!(dates(&daily.unadjusted(), 4)?, ["26 02:30", "27 02:30", "28 03:00", "29 02:30"]);
    Ok(())
}

#[test]
fn a_cron_expression_has_the_firings_that_its_clocks_give() -> TestResult {
    let rules = r#"{"working_days": {"rule": "next"}, "dst_gap": "skip"}"#;
    let cron = schedule("30 2 * * *", "2027-03-25T01:30:00Z", rules)?;
    assert_eq!(dates(&cron, 2)?, ["26 02:30", "29 02:30"]);
    assert_eq!(dates(&cron.unadjusted(), 3)?, ["26 02:30", "27 02:30", "29 02:30"]);
    Ok(())
}
