use std::error::Error;

use chrono::{DateTime, NaiveDate, Utc};

use super::*;
use crate::{
    money::Currency,
    proration::{Denominator, Policy, Request, Unit, prorate},
    time::Zone,
};

type TestResult = Result<(), Box<dyn Error>>;

fn change_of_january() -> Result<Request, Box<dyn Error>> {
    Ok(Request {
        currency: Currency::EUR,
        period_start: "2027-01-01".parse()?,
        period_end: "2027-02-01".parse()?,
        change_at: "2027-01-18".parse()?,
        old_amount: Some(MinorUnits::new(3100)),
        new_amount: Some(MinorUnits::new(6200)),
        charged_amount: None,
        already_credited: MinorUnits::ZERO,
        policy: Policy::defaults_in(Zone::utc()),
    })
}

#[test]
fn what_is_wrong_is_named_with_its_field() -> TestResult {
    type Damage = fn(&mut Request) -> TestResult;
    let cases: [(Damage, &str, &str); 14] = [
        (
            |request| {
                request.period_end = request.period_start;
                Ok(())
            },
            "period_end",
            "period_end must be after period_start: from 2027-01-01 to 2027-01-01 there is nothing",
        ),
        (
            |request| {
                request.change_at = "2026-12-31".parse()?;
                Ok(())
            },
            "change_at",
            "change_at must be from 2027-01-01 to 2027-02-01, where the period ends, not 2026-12-31",
        ),
        (
            |request| {
                request.change_at = "2027-02-02".parse()?;
                Ok(())
            },
            "change_at",
            "change_at must be from 2027-01-01 to 2027-02-01, where the period ends, not 2027-02-02",
        ),
        (
            |request| {
                request.period_start = Moment::Date(NaiveDate::MIN);
                Ok(())
            },
            "period_start",
            "period_start must be in the years 1 to 9999, not -262143-01-01",
        ),
        (
            |request| {
                request.change_at = Moment::Instant(DateTime::<Utc>::MAX_UTC);
                Ok(())
            },
            "change_at",
            "change_at must be in the years 1 to 9999, not +262142-12-31T23:59:59.999999999Z",
        ),
        (
            |request| {
                request.old_amount = Some(MinorUnits::new(-1));
                Ok(())
            },
            "old_amount",
            "old_amount must not be negative, not -1",
        ),
        (
            |request| {
                request.new_amount = Some(MinorUnits::new(i64::MIN));
                Ok(())
            },
            "new_amount",
            "new_amount must not be negative, not -9223372036854775808",
        ),
        (
            |request| {
                request.charged_amount = Some(MinorUnits::new(-1));
                Ok(())
            },
            "charged_amount",
            "charged_amount must not be negative, not -1",
        ),
        (
            |request| {
                request.already_credited = MinorUnits::new(-1);
                Ok(())
            },
            "already_credited",
            "already_credited must not be negative, not -1",
        ),
        (
            |request| {
                request.already_credited = MinorUnits::new(3101);
                Ok(())
            },
            "already_credited",
            "already_credited must be at most charged_amount: 3101 of 3100",
        ),
        (
            |request| {
                (request.old_amount, request.new_amount) = (None, None);
                Ok(())
            },
            "new_amount",
            "old_amount and new_amount are both null: there is nothing to prorate",
        ),
        (
            |request| {
                (request.old_amount, request.charged_amount) = (None, Some(MinorUnits::new(1)));
                Ok(())
            },
            "charged_amount",
            "charged_amount tells of old terms, so old_amount must not be null",
        ),
        (
            |request| {
                (request.policy.unit, request.policy.denominator) =
                    (Unit::Second, Denominator::Fixed30);
                Ok(())
            },
            "unit",
            "denominator fixed_30 counts days, so unit must be day, not second",
        ),
        (
            |request| {
                request.policy.denominator = Denominator::Fixed30;
                (request.period_start, request.period_end) =
                    ("2027-01-30".parse()?, "2027-01-31".parse()?);
                request.change_at = request.period_start;
                Ok(())
            },
            "period_end",
            "denominator fixed_30 counts no day from 2027-01-30 to 2027-01-31",
        ),
    ];
    for (damage, field, text) in cases {
        let mut request = change_of_january()?;
        damage(&mut request)?;
        let error = prorate(&request).map_err(|error| (error.field(), error.to_string()));
        assert_eq!(error, Err((Some(field), text.to_owned())));
    }
    Ok(())
}
