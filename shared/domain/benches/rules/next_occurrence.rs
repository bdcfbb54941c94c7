//! The next occurrence after a known one, in a zone with clock changes: under 1 µs for intervals,
//! under 20 µs for cron.

use std::{error::Error, hint::black_box};

use chrono::{DateTime, Utc};
use criterion::Criterion;
use perennial_domain::time::{Frequency, NamedFrequency, Schedule, Slot};

const ZONE: &str = "Europe/Berlin";

/// Cron expressions, and what is hard about each.
const CRON: [(&str, &str); 7] = [
    ("30 2 * * *", "in a gap and in an overlap once a year"),
    ("0 * * * *", "both passes of an overlap"),
    ("0 9 * * 1#1", "one day a month"),
    ("0 9 L * *", "the last day of a month"),
    ("0 9 29 2 *", "one day in four years"),
    ("0 9 * 2 1#5", "one day in 28 years: the rarest there is"),
    ("0 9 31 * 5#5", "either of two restricted days"),
];

pub(crate) fn measure(criterion: &mut Criterion) -> Result<(), Box<dyn Error>> {
    let mut group = criterion.benchmark_group("next_occurrence");
    for name in NamedFrequency::ALL {
        let schedule = Schedule::new(name.into(), "2027-01-31T01:30:00Z".parse()?, ZONE.parse()?);
        let slots = slots_over_a_year(&schedule)?;
        group.bench_function(name.name(), |bencher| {
            let mut slots = slots.iter().cycle();
            bencher.iter(|| slots.next().map(|slot| schedule.following(black_box(*slot))));
        });
    }
    group.finish();

    let mut group = criterion.benchmark_group("next_occurrence_of_cron");
    for (expression, _) in CRON {
        let frequency: Frequency = expression.parse()?;
        let schedule = Schedule::new(frequency, "2027-01-31T01:30:00Z".parse()?, ZONE.parse()?);
        let slots = slots_over_a_year(&schedule)?;
        group.bench_function(expression, |bencher| {
            let mut slots = slots.iter().cycle();
            bencher.iter(|| slots.next().map(|slot| schedule.following(black_box(*slot))));
        });
    }
    // From the middle of nowhere rather than from the firing before: each day of the year.
    let schedule =
        Schedule::new("0 9 29 2 *".parse()?, "2027-01-31T01:30:00Z".parse()?, ZONE.parse()?);
    let days = slots_over_a_year(&Schedule::new(
        NamedFrequency::Daily.into(),
        "2027-01-31T01:30:00Z".parse()?,
        ZONE.parse()?,
    ))?;
    group.bench_function("0 9 29 2 * from any day of 2027", |bencher| {
        let mut days = days.iter().cycle();
        bencher.iter(|| days.next().map(|day| schedule.following(black_box(*day))));
    });
    // The days on which clocks change, alone: none of the work is saved.
    let schedule =
        Schedule::new("30 2 * * *".parse()?, "2027-01-31T01:30:00Z".parse()?, ZONE.parse()?);
    let changes: Vec<Slot> = slots_over_a_year(&schedule)?
        .into_iter()
        .filter(|slot| {
            let date = slot.at.date_naive().to_string();
            ["2027-03-27", "2027-03-28", "2027-10-30", "2027-10-31"].contains(&date.as_str())
        })
        .collect();
    group.bench_function("30 2 * * * on the days of clock changes", |bencher| {
        let mut changes = changes.iter().cycle();
        bencher.iter(|| changes.next().map(|slot| schedule.following(black_box(*slot))));
    });
    group.finish();
    Ok(())
}

/// The occurrences of a year with both clock changes; at least one.
fn slots_over_a_year(schedule: &Schedule) -> Result<Vec<Slot>, Box<dyn Error>> {
    let end: DateTime<Utc> = "2028-01-31T01:30:00Z".parse()?;
    let mut slots = Vec::new();
    for occurrence in schedule.occurrences() {
        let slot = occurrence?.slot();
        if slot.at >= end && !slots.is_empty() {
            break;
        }
        slots.push(slot);
    }
    Ok(slots)
}
