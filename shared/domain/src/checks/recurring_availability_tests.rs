use std::error::Error;

use proptest::prelude::*;
use serde_json::json;

use super::*;

type TestResult<T = ()> = Result<T, Box<dyn Error>>;

fn sku(replenishments: &[(&str, u32)]) -> TestResult<Sku> {
    let replenishments: Vec<_> =
        replenishments.iter().map(|(date, units)| json!({"date": date, "units": units})).collect();
    Ok(serde_json::from_value(json!({
        "id": SkuId::of_code("BEANS"), "code": "BEANS", "name": "Beans", "unit_amount_cents": 1,
        "currency_code": "EUR", "stock": 10, "replenishments": replenishments, "version": 1,
        "created_at": "2027-01-01T00:00:00Z", "updated_at": "2027-01-01T00:00:00Z",
    }))?)
}

fn taking(at: &str, own: bool, units: u64) -> TestResult<Taking> {
    Ok(Taking { at: format!("{at}T10:00:00Z").parse()?, own, units })
}

#[test]
fn runs_are_served_from_stock_and_what_comes_in_time() -> TestResult {
    let now = "2027-01-31T10:00:00Z".parse()?;
    let own = [
        taking("2027-02-28", true, 4)?,
        taking("2027-03-31", true, 4)?,
        taking("2027-04-30", true, 4)?,
    ];
    // Left in stock; what comes; lead days; runs served; what will be there for the next.
    for (left, comes, lead_days, runs, there) in [
        (12, &[][..], 0, 3, None),
        (11, &[], 0, 2, Some(3)),
        (0, &[], 0, 0, Some(0)),
        (-3, &[], 0, 0, Some(0)),
        (4, &[("2027-03-31", 8)], 0, 3, None),
        (4, &[("2027-03-31", 8)], 1, 1, Some(0)),
        (4, &[("2027-03-30", 8)], 1, 3, None),
        (4, &[("2027-04-01", 8)], 0, 1, Some(0)),
        // What was to come by today is in stock, or did not come.
        (4, &[("2027-01-31", 8)], 0, 1, Some(0)),
        (4, &[("2027-02-01", 4), ("2027-04-30", 4)], 0, 3, None),
    ] {
        let sku = sku(comes)?;
        let served = Supply { sku: &sku, left, now }.serve(&own, lead_days);
        let short = served.short.map(|(_, there)| there);
        assert_eq!((served.runs, short), (runs, there), "{left} {comes:?} {lead_days}");
    }
    Ok(())
}

#[test]
fn units_of_others_are_reserved_also_where_they_come_at_the_same_time() -> TestResult {
    let now = "2027-01-31T10:00:00Z".parse()?;
    let mut takings = [
        taking("2027-02-28", true, 4)?,
        taking("2027-02-28", false, 3)?,
        taking("2027-03-15", false, 3)?,
        taking("2027-03-31", true, 4)?,
    ];
    takings.sort();
    let sku = sku(&[])?;
    let serve = |left| Supply { sku: &sku, left, now }.serve(&takings, 0).runs;
    assert_eq!((serve(6), serve(7), serve(13), serve(14)), (0, 1, 1, 2));
    Ok(())
}

proptest! {
    #[test]
    fn more_in_stock_never_serves_fewer_runs(
        units in proptest::collection::vec((0_i64..60, any::<bool>(), 1_u64..9), 0..20),
        left in -5_i128..100,
        more in 0_i128..50,
    ) {
        let now: DateTime<Utc> = DateTime::UNIX_EPOCH;
        let mut takings: Vec<Taking> = units
            .into_iter()
            .map(|(day, own, units)| Taking { at: now + chrono::TimeDelta::days(day), own, units })
            .collect();
        takings.sort();
        let sku = sku(&[]).map_err(|error| TestCaseError::fail(error.to_string()))?;
        let serve = |left| Supply { sku: &sku, left, now }.serve(&takings, 0);
        let (served, better) = (serve(left), serve(left + more));
        prop_assert!(served.runs <= better.runs);
        // Those that are served take no more together than there is.
        let taken: u64 = takings.iter().filter(|one| one.own).take(served.runs).map(|one| one.units).sum();
        prop_assert!(i128::from(taken) <= left.max(0));
    }
}
