//! A thousand occurrences in a row, as the largest preview asks for: under 1 ms.

use std::{error::Error, hint::black_box};

use chrono::{Datelike, NaiveDate, Weekday};
use criterion::Criterion;
use perennial_domain::time::{
    AnchorDay, Frequency, NamedFrequency, Schedule, ScheduleRules, WorkingDayRule, WorkingDays,
};

const ZONE: &str = "Europe/Berlin";
const COUNT: usize = 1_000;

pub(crate) fn measure(criterion: &mut Criterion) -> Result<(), Box<dyn Error>> {
    let mut group = criterion.benchmark_group("thousand_occurrences");
    let anchored =
        ScheduleRules { anchor_day: Some(AnchorDay::new(31)?), ..ScheduleRules::default() };
    let working = |rule| -> Result<_, Box<dyn Error>> {
        Ok(ScheduleRules { working_days: Some(working_days(rule)?), ..ScheduleRules::default() })
    };
    let monthly = Frequency::from(NamedFrequency::Monthly);
    let daily = Frequency::from(NamedFrequency::Daily);
    for (name, frequency, rules) in [
        ("hourly", NamedFrequency::Hourly.into(), ScheduleRules::default()),
        ("daily at 02:30", daily.clone(), ScheduleRules::default()),
        ("daily on working days", daily, working(WorkingDayRule::Next)?),
        ("monthly on the 31st", monthly.clone(), anchored),
        ("monthly on working days", monthly, working(WorkingDayRule::Previous)?),
        ("cron 30 2 * * *", "30 2 * * *".parse()?, ScheduleRules::default()),
        (
            "cron 0 9 * * 1-5 on working days",
            "0 9 * * 1-5".parse()?,
            working(WorkingDayRule::Next)?,
        ),
    ] {
        let start = "2027-01-10T01:30:00Z".parse()?;
        let schedule = Schedule::new(frequency, start, ZONE.parse()?).with_rules(rules)?;
        let found = schedule.occurrences().take(COUNT).filter(Result::is_ok).count();
        if found < COUNT {
            return Err(format!("{name}: only {found} occurrences").into());
        }
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                for found in black_box(&schedule).occurrences().take(COUNT) {
                    black_box(&found);
                }
            });
        });
    }
    group.finish();
    Ok(())
}

/// Saturdays, Sundays and ten holidays in each of the years up to 2100, as far as a list may go.
fn working_days(rule: WorkingDayRule) -> Result<WorkingDays, Box<dyn Error>> {
    let days =
        [(1, 1), (1, 6), (5, 1), (8, 15), (10, 3), (11, 1), (12, 24), (12, 25), (12, 26), (12, 31)];
    let holidays: Vec<NaiveDate> = (2027..=2100)
        .flat_map(|year| days.map(|(month, day)| NaiveDate::from_ymd_opt(year, month, day)))
        .flatten()
        .filter(|date| date.weekday() != Weekday::Sun)
        .collect();
    Ok(WorkingDays::new(rule, [Weekday::Sat, Weekday::Sun], holidays)?)
}
