//! The ledger of a change of terms in the middle of a month, and its checker: under 2 µs.

use std::{error::Error, hint::black_box};

use criterion::Criterion;
use perennial_domain::{
    money::{Currency, MinorUnits},
    proration::{Denominator, Moment, Policy, Request, Unit, prorate},
};

pub(crate) fn measure(criterion: &mut Criterion) -> Result<(), Box<dyn Error>> {
    let mut group = criterion.benchmark_group("proration_ledger");
    let days = Policy::defaults_in("Europe/Berlin".parse()?);
    for (name, policy, change_at) in [
        ("days", days, "2027-03-18"),
        ("days from an instant", days, "2027-03-18T09:30:00Z"),
        ("months of 30 days", Policy { denominator: Denominator::Fixed30, ..days }, "2027-03-18"),
        ("seconds", Policy { unit: Unit::Second, ..days }, "2027-03-18T09:30:00Z"),
        ("seconds from dates", Policy { unit: Unit::Second, ..days }, "2027-03-28"),
    ] {
        let request = request(policy, change_at.parse()?)?;
        prorate(&request)?;
        group.bench_function(name, |bencher| bencher.iter(|| prorate(black_box(&request))));
    }
    let ledger = prorate(&request(days, "2027-03-18".parse()?)?)?;
    group.bench_function("verified", |bencher| bencher.iter(|| black_box(&ledger).verify()));
    group.finish();
    Ok(())
}

/// From one price to another in a month in which clocks go forward.
fn request(policy: Policy, change_at: Moment) -> Result<Request, Box<dyn Error>> {
    Ok(Request {
        currency: Currency::EUR,
        period_start: "2027-03-01".parse()?,
        period_end: "2027-04-01".parse()?,
        change_at,
        old_amount: Some(MinorUnits::new(2_999)),
        new_amount: Some(MinorUnits::new(4_999)),
        charged_amount: Some(MinorUnits::new(2_499)),
        already_credited: MinorUnits::new(100),
        policy,
    })
}
