use std::error::Error;

use super::*;
use crate::{
    money::{Ratio, Rounding},
    proration::{Denominator, Unit},
    time::iana,
};

type TestResult = Result<(), Box<dyn Error>>;

/// A change in Berlin, counted by the defaults.
fn change(period: [&str; 2], at: &str, old: i64, new: i64) -> Result<Request, Box<dyn Error>> {
    let [start, end] = period;
    Ok(Request {
        currency: Currency::EUR,
        period_start: start.parse()?,
        period_end: end.parse()?,
        change_at: at.parse()?,
        old_amount: Some(MinorUnits::new(old)),
        new_amount: Some(MinorUnits::new(new)),
        charged_amount: None,
        already_credited: MinorUnits::ZERO,
        policy: Policy::defaults_in(iana("Europe/Berlin")),
    })
}

/// Credit, its fraction, charge, its fraction, net.
fn shown(request: &Request) -> Result<String, ProrationError> {
    let ledger = prorate(request)?;
    let side = |amount: MinorUnits, fraction: Option<Ratio>| {
        fraction.map_or_else(|| "nothing".into(), |fraction| format!("{amount} for {fraction}"))
    };
    let credit = side(ledger.credit, ledger.credit_fraction());
    let charge = side(ledger.charge, ledger.charge_fraction());
    Ok(format!("{credit}, {charge}, net {}", ledger.net))
}

const JANUARY: [&str; 2] = ["2027-01-01", "2027-02-01"];

#[test]
fn the_day_of_change_belongs_to_the_new_terms() -> TestResult {
    // 18 to 31 January are 14 days.
    for (at, old, new, expected) in [
        ("2027-01-18", 3100, 6200, "1400 for 14/31, 2800 for 14/31, net 1400"),
        ("2027-01-18", 6200, 3100, "2800 for 14/31, 1400 for 14/31, net -1400"),
        ("2027-01-18", 1000, 2000, "452 for 14/31, 903 for 14/31, net 451"), // 451.61, 903.23
        ("2027-01-01", 3100, 6200, "3100 for 31/31, 6200 for 31/31, net 3100"),
        ("2027-01-31", 3100, 6200, "100 for 1/31, 200 for 1/31, net 100"),
        ("2027-02-01", 3100, 6200, "0 for 0/31, 0 for 0/31, net 0"),
        ("2027-01-18", 0, 3100, "0 for 14/31, 1400 for 14/31, net 1400"),
        ("2027-01-18", 0, 0, "0 for 14/31, 0 for 14/31, net 0"),
        ("2027-01-18", 1, 1, "0 for 14/31, 0 for 14/31, net 0"),
        ("2027-01-16", 1, 1, "1 for 16/31, 1 for 16/31, net 0"),
        // 23:30 in Berlin on the 17th, 00:30 on the 18th.
        ("2027-01-17T22:30:00Z", 3100, 3100, "1500 for 15/31, 1500 for 15/31, net 0"),
        ("2027-01-17T23:30:00Z", 3100, 3100, "1400 for 14/31, 1400 for 14/31, net 0"),
    ] {
        assert_eq!(shown(&change(JANUARY, at, old, new)?)?, expected, "{at} {old} {new}");
    }
    Ok(())
}

#[test]
fn a_month_has_its_own_days() -> TestResult {
    for (period, at, expected) in [
        (["2027-02-01", "2027-03-01"], "2027-02-15", "500 for 14/28, 1000 for 14/28, net 500"),
        // Leap: 517.24 and 1034.48.
        (["2028-02-01", "2028-03-01"], "2028-02-15", "517 for 15/29, 1034 for 15/29, net 517"),
        // A year: 1 July is 181 days in, 184 are left: 504.11 and 1008.22.
        (["2027-01-01", "2028-01-01"], "2027-07-01", "504 for 184/365, 1008 for 184/365, net 504"),
        // Clocks go forward in Berlin on 28 March: still 31 days. 129.03 and 258.06.
        (["2027-03-01", "2027-04-01"], "2027-03-28", "129 for 4/31, 258 for 4/31, net 129"),
    ] {
        assert_eq!(shown(&change(period, at, 1000, 2000)?)?, expected, "{period:?} {at}");
    }
    Ok(())
}

#[test]
fn every_currency_is_counted_in_its_own_minor_units() -> TestResult {
    for (code, old, new, expected) in [
        ("JPY", 500, 1000, "226 for 14/31, 452 for 14/31, net 226"), // 225.81, 451.61
        ("BHD", 12_345, 0, "5575 for 14/31, 0 for 14/31, net -5575"), // 5575.16
    ] {
        let currency = code.parse()?;
        let request = Request { currency, ..change(JANUARY, "2027-01-18", old, new)? };
        assert_eq!(shown(&request)?, expected);
        assert_eq!(prorate(&request)?.currency, currency);
    }
    Ok(())
}

#[test]
fn rounding_decides_ties_and_nothing_else() -> TestResult {
    // Half of April: 500.5, 501.5, 0.5.
    for (old, new, half_up, half_even) in
        [(1001, 1003, (501, 502), (500, 502)), (1, 3, (1, 2), (0, 2)), (999, 0, (500, 0), (500, 0))]
    {
        let mut request = change(["2027-04-01", "2027-05-01"], "2027-04-16", old, new)?;
        for (rounding, expected) in [(Rounding::HalfUp, half_up), (Rounding::HalfEven, half_even)] {
            request.policy.rounding = rounding;
            let ledger = prorate(&request)?;
            assert_eq!((ledger.credit.get(), ledger.charge.get()), expected, "{old} {new}");
        }
    }
    Ok(())
}

#[test]
fn thirty_day_months_count_by_30e_360() -> TestResult {
    for (period, at, expected) in [
        (JANUARY, "2027-01-18", "1300 for 13/30"),
        (JANUARY, "2027-01-30", "100 for 1/30"), // the 31st has nothing to itself
        (JANUARY, "2027-01-31", "100 for 1/30"),
        (["2027-02-01", "2027-03-01"], "2027-02-15", "1600 for 16/30"),
        (["2027-02-01", "2027-03-01"], "2027-02-28", "300 for 3/30"), // 28, 29 and 30 February
        (["2027-01-31", "2027-02-28"], "2027-02-15", "1500 for 15/30"), // 28 counts as 30
        (["2027-01-31", "2027-02-28"], "2027-02-28", "0 for 0/30"),
        (["2027-02-28", "2027-03-31"], "2027-02-28", "3000 for 30/30"),
        (["2027-02-28", "2027-03-31"], "2027-03-15", "1500 for 15/30"),
        (["2027-01-01", "2027-04-01"], "2027-02-01", "2000 for 60/90"),
    ] {
        let mut request = change(period, at, 3000, 3000)?;
        request.policy.denominator = Denominator::Fixed30;
        let ledger = prorate(&request)?;
        assert_eq!(ledger.net, MinorUnits::ZERO);
        assert!(shown(&request)?.starts_with(expected), "{period:?} {at}: {}", shown(&request)?);
    }
    Ok(())
}

#[test]
fn seconds_follow_clocks_that_change() -> TestResult {
    for (period, at, old, expected) in [
        // 23 hours: noon in Berlin is 11 hours in, 12 are left.
        (["2027-03-28", "2027-03-29"], "2027-03-28T10:00:00Z", 2300, "1200 for 43200/82800"),
        // 25 hours: noon is 13 hours in.
        (["2027-10-31", "2027-11-01"], "2027-10-31T11:00:00Z", 2500, "1200 for 43200/90000"),
        // 02:30 for the second time: 3.5 hours in.
        (["2027-10-31", "2027-11-01"], "2027-10-31T01:30:00Z", 2500, "2150 for 77400/90000"),
        // March: 743 hours. The 29th begins 671 hours in.
        (["2027-03-01", "2027-04-01"], "2027-03-29", 7430, "720 for 259200/2674800"),
        // Two hours on one day, which have no days.
        (
            ["2027-03-01T08:00:00Z", "2027-03-01T10:00:00Z"],
            "2027-03-01T08:30:00.999Z",
            7200,
            "5400 for 5400/7200",
        ),
    ] {
        let mut request = change(period, at, old, old)?;
        request.policy.unit = Unit::Second;
        assert!(shown(&request)?.starts_with(expected), "{period:?} {at}: {}", shown(&request)?);
    }
    Ok(())
}

#[test]
fn a_day_without_a_midnight_begins_when_its_clock_does() -> TestResult {
    // São Paulo, 4 November 2018: from 23:59:59 to 01:00, which is 03:00 UTC.
    let mut request = change(["2018-11-04", "2018-11-05"], "2018-11-04T04:00:00Z", 2300, 0)?;
    request.policy.time_zone = iana("America/Sao_Paulo");
    request.policy.unit = Unit::Second;
    assert!(shown(&request)?.starts_with("2200 for 79200/82800"));
    Ok(())
}

#[test]
fn a_start_only_charges_and_an_end_only_gives_back() -> TestResult {
    let request = change(JANUARY, "2027-01-18", 3100, 6200)?;
    let start = Request { old_amount: None, ..request };
    assert_eq!(shown(&start)?, "nothing, 2800 for 14/31, net 2800");
    let at_once = Request { change_at: "2027-01-01".parse()?, ..start };
    assert_eq!(shown(&at_once)?, "nothing, 6200 for 31/31, net 6200");
    let end = Request { new_amount: None, ..request };
    assert_eq!(shown(&end)?, "1400 for 14/31, nothing, net -1400");
    let causes = |request| -> Result<Vec<Cause>, ProrationError> {
        Ok(prorate(request)?.lines.iter().map(|line| line.cause).collect())
    };
    assert_eq!(causes(&request)?, [Cause::OldTerms, Cause::NewTerms]);
    assert_eq!(causes(&start)?, [Cause::StartStub]);
    assert_eq!(causes(&at_once)?, [Cause::WholePeriod]);
    assert_eq!(causes(&end)?, [Cause::Termination]);
    Ok(())
}

#[test]
fn the_day_of_termination_is_free_unless_it_is_billed() -> TestResult {
    for (unit, at, free, billed) in [
        (Unit::Day, "2027-01-18", "1400 for 14/31", "1300 for 13/31"),
        (Unit::Day, "2027-01-01", "3100 for 31/31", "3000 for 30/31"),
        (Unit::Day, "2027-01-31", "100 for 1/31", "0 for 0/31"),
        (Unit::Day, "2027-02-01", "0 for 0/31", "0 for 0/31"),
        // Noon in Berlin: 13.5 days are left, or the 13 after that day.
        (
            Unit::Second,
            "2027-01-18T11:00:00Z",
            "1350 for 1166400/2678400",
            "1300 for 1123200/2678400",
        ),
    ] {
        let mut request = Request { new_amount: None, ..change(JANUARY, at, 3100, 0)? };
        request.policy.unit = unit;
        assert!(shown(&request)?.starts_with(free), "{at}: {}", shown(&request)?);
        request.policy.termination_day = TerminationDay::Billed;
        assert!(shown(&request)?.starts_with(billed), "{at}: {}", shown(&request)?);
        // A change is no termination.
        request.new_amount = Some(MinorUnits::ZERO);
        assert!(shown(&request)?.starts_with(free), "{at}: {}", shown(&request)?);
    }
    Ok(())
}

#[test]
fn a_credit_comes_from_what_was_charged_and_never_exceeds_it() -> TestResult {
    use CreditBase::{Charged, List};
    for (base, charged, credited, credit, limited) in [
        (Charged, None, 0, 1400, false),
        (Charged, Some(1550), 0, 700, false), // half price paid, half price back
        (List, Some(1550), 0, 1400, false),
        (List, Some(1000), 0, 1000, true),
        (Charged, Some(1000), 0, 452, false), // 451.61
        (List, None, 2000, 1100, true),
        (Charged, Some(0), 0, 0, false),
        (List, Some(0), 0, 0, true),
        (Charged, None, 1000, 1400, false), // 2100 left
        (Charged, None, 2000, 1100, true),
        (Charged, None, 3100, 0, true),
        (Charged, Some(6200), 0, 2800, false), // paid more than list
        (List, Some(6200), 0, 1400, false),
    ] {
        let mut request = change(JANUARY, "2027-01-18", 3100, 0)?;
        request.policy.credit_base = base;
        request.charged_amount = charged.map(MinorUnits::new);
        request.already_credited = MinorUnits::new(credited);
        let ledger = prorate(&request)?;
        assert_eq!(ledger.credit.get(), credit, "{base:?} {charged:?} {credited}");
        let reason = ledger.lines.first().map(|line| line.reason(&request.policy));
        let expected = if limited {
            "rest of the old terms, limited to what was charged"
        } else {
            "rest of the old terms"
        };
        assert_eq!(reason.as_deref(), Some(expected), "{base:?} {charged:?} {credited}");
        assert_eq!(ledger.verify(), []);
    }
    Ok(())
}

#[test]
fn the_largest_amounts_are_counted_and_never_wrap() -> TestResult {
    let mut request = change(JANUARY, "2027-01-01", i64::MAX, i64::MAX)?;
    let ledger = prorate(&request)?;
    assert_eq!((ledger.credit.get(), ledger.net.get()), (i64::MAX, 0));
    request.new_amount = None;
    assert_eq!(prorate(&request)?.net.get(), -i64::MAX);
    Ok(())
}

#[test]
fn a_ledger_reads_like_this_on_the_wire() -> TestResult {
    let ledger = prorate(&change(JANUARY, "2027-01-18", 3100, 6200)?)?;
    let wire = serde_json::to_value(&ledger)?;
    let expected = serde_json::json!({
        "currency": "EUR",
        "policy": {
            "time_zone": "Europe/Berlin", "unit": "day", "denominator": "actual",
            "rounding": "half_up", "credit_base": "charged", "termination_day": "free",
        },
        "period_start": "2027-01-01", "period_end": "2027-02-01",
        "credit": 1400, "charge": 2800, "net": 1400,
        "lines": [
            {
                "kind": "credit", "charge": 1, "from": "2027-01-18", "to": "2027-02-01",
                "basis": 3100, "fraction": "14/31", "amount": -1400, "cause": "old_terms",
                "against": {"charged": 3100, "already_credited": 0},
            },
            {
                "kind": "charge", "charge": 2, "from": "2027-01-18", "to": "2027-02-01",
                "basis": 6200, "fraction": "14/31", "amount": 2800, "cause": "new_terms",
            },
        ],
    });
    assert_eq!(wire, expected);
    assert_eq!(serde_json::from_value::<Ledger>(wire)?, ledger);
    assert_eq!(serde_json::to_value(Denominator::Fixed30)?, "fixed_30");
    Ok(())
}

#[test]
fn moments_are_dates_or_instants() -> TestResult {
    for (text, shown) in [
        ("2027-01-18", "2027-01-18"),
        ("2027-01-18T09:30:00Z", "2027-01-18T09:30:00Z"),
        ("2027-01-18T09:30:00+01:00", "2027-01-18T08:30:00Z"),
    ] {
        assert_eq!(text.parse::<Moment>()?.to_string(), shown);
    }
    for text in ["", "2027-02-29", "2027-01-18T09:30:00", "18.1.2027", "tomorrow"] {
        assert!(text.parse::<Moment>().is_err(), "{text}");
    }
    Ok(())
}
