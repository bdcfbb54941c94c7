use super::*;
use crate::{
    dunning::{FinalAction, RetryPolicy},
    ids::{PriceId, PriceListId},
    money::{Currency, MinorUnits},
    plan::{
        plan_run, settle_retry, settle_run,
        tests::{TestResult, at, claimed, monthly},
    },
    pricing::Price,
    run::RunStatus,
    tax::{LineTax, TaxBehavior, TaxSource},
};

const NOW: &str = "2027-02-28T10:05:00Z";

fn list() -> Result<PriceListId, Box<dyn std::error::Error>> {
    Ok("prl_eu".parse()?)
}

/// A list on which BEANS cost so much and FILTERS 10.00.
fn current(beans: i64) -> Result<CurrentPrices, Box<dyn std::error::Error>> {
    let list = list()?;
    let price = |(code, amount): (&str, i64)| {
        let price = Price {
            id: PriceId::on(&list, code),
            price_list_id: list.clone(),
            sku_code: code.to_owned(),
            currency: Currency::EUR,
            amount: MinorUnits::new(amount),
            compare_at_amount: None,
            promotional_amount: None,
            promotion_starts_at: None,
            promotion_ends_at: None,
            tiers: Vec::new(),
            version: 1,
            created_at: DateTime::UNIX_EPOCH,
            updated_at: DateTime::UNIX_EPOCH,
        };
        (code.to_owned(), price)
    };
    let prices = [("BEANS", beans), ("FILTERS", 1_000)].map(price).into();
    Ok(CurrentPrices { prices, ..CurrentPrices::default() })
}

/// Two BEANS and one FILTERS, at 10.00 each so far; its run of 28 February is under way.
fn following() -> Result<Subscription, Box<dyn std::error::Error>> {
    Ok(Subscription { price_list_id: Some(list()?), ..claimed(&monthly()?) })
}

#[test]
fn prices_are_fixed_for_the_run_and_the_journal_tells_those_that_changed() -> TestResult {
    let (before, due_at, now) = (following()?, at("2027-02-28T10:00:00Z")?, at(NOW)?);
    let priced = before.at_current_prices(&current(1_100)?, due_at)?;
    let (after, change) = fix_prices(&before, priced, None, now);
    assert!(after.prices_fixed);
    assert_eq!((after.version, after.updated_at), (before.version + 1, now));
    assert_eq!(after.total()?, MinorUnits::new(3_200));
    let change = change.ok_or("BEANS cost more")?;
    assert_eq!(change.before.get("total"), Some(&json!(3_000)));
    assert_eq!(change.after.get("total"), Some(&json!(3_200)));
    assert_eq!(change.before.pointer("/items/0/unit_amount"), Some(&json!(1_000)));
    assert_eq!(change.after.pointer("/items/0/unit_amount"), Some(&json!(1_100)));

    let priced = before.at_current_prices(&current(1_000)?, due_at)?;
    let (after, change) = fix_prices(&before, priced, None, now);
    assert!(after.prices_fixed && change.is_none());
    assert_eq!(after.version, before.version + 1);
    Ok(())
}

#[test]
fn a_run_without_prices_has_none_after_a_refusal_either() -> TestResult {
    let before = following()?;
    let planned = plan_run(&before)?.ok_or("a run is under way")?;
    let missing = before.at_current_prices(&CurrentPrices::default(), planned.due_at);
    let missing = missing.err().ok_or("there are prices")?;
    let open = settle_run(&before, &planned, &unpriced(&missing), at(NOW)?)?;
    let refused = Outcome::Refused {
        code: "out_of_stock".to_owned(),
        message: "there is not enough".to_owned(),
        resource: None,
    };
    for (outcome, unpriced) in [(refused, true), (Outcome::Cancelled, true), (Outcome::Free, false)]
    {
        let settled = settle_retry(&open.subscription, &open.run, None, &outcome, at(NOW)?)?;
        assert_eq!(settled.run.unpriced, unpriced, "{outcome:?}");
    }
    Ok(())
}

#[test]
fn a_run_without_prices_gets_those_that_the_list_has_by_now() -> TestResult {
    let before = following()?;
    let planned = plan_run(&before)?.ok_or("a run is under way")?;
    let missing = before.at_current_prices(&CurrentPrices::default(), planned.due_at);
    let missing = missing.err().ok_or("there are prices")?;
    let settled = settle_run(&before, &planned, &unpriced(&missing), at(NOW)?)?;
    assert!(settled.run.unpriced);
    for (price_list_id, total) in [(Some(list()?), 3_200), (None, 3_000)] {
        let subscription = Subscription { price_list_id, ..settled.subscription.clone() };
        let priced = price_run(&subscription, &settled.run, &current(1_100)?)?;
        let (run, change) = fix_run(&settled.run, priced, None)?;
        assert_eq!((run.unpriced, run.total), (false, MinorUnits::new(total)));
        assert_eq!(run.version, settled.run.version + 1);
        let told = json!({"run": 1, "total": total, "unpriced": false});
        assert_eq!(change.after, told);
    }
    Ok(())
}

#[test]
fn a_run_without_prices_names_the_sku_until_it_is_given_up() -> TestResult {
    let retry = RetryPolicy::new(Vec::new(), 0, FinalAction::KeepActive)?;
    let before = Subscription { retry, ..following()? };
    let planned = plan_run(&before)?.ok_or("a run is under way")?;
    let missing = before.at_current_prices(&CurrentPrices::default(), planned.due_at);
    let missing = missing.err().ok_or("there are prices")?;
    let run = settle_run(&before, &planned, &unpriced(&missing), at(NOW)?)?.run;
    let codes: Vec<&str> = run.errors_log.iter().map(|error| error.code.as_str()).collect();
    assert_eq!(codes, ["price_missing", "retries_exhausted"]);
    let beans = Culprit::sku(&SkuId::of_code("BEANS"), "BEANS");
    assert!(run.errors_log.iter().all(|error| error.resource.as_ref() == Some(&beans)));
    Ok(())
}

/// 19 % on top of 3,000: 570 by hand, over both items; or as much of it within them.
fn taxes(behavior: TaxBehavior) -> Result<Taxes, Box<dyn std::error::Error>> {
    let line = |id: &str, net, tax| -> Result<LineTax, Box<dyn std::error::Error>> {
        Ok(LineTax {
            id: id.to_owned(),
            rate: Some("19".parse()?),
            net: MinorUnits::new(net),
            tax: MinorUnits::new(tax),
            rule_id: None,
            breakdown: Vec::new(),
        })
    };
    Ok(Taxes {
        behavior,
        source: TaxSource::Table,
        calculator_id: "mtc_de".parse()?,
        lines: vec![line("1", 2_000, 380)?, line("2", 1_000, 190)?],
    })
}

#[test]
fn a_run_is_charged_with_the_tax_that_was_fixed_and_takes_it_along() -> TestResult {
    let (before, now) = (claimed(&monthly()?), at(NOW)?);
    for (behavior, total) in [(TaxBehavior::Exclusive, 3_570), (TaxBehavior::Inclusive, 3_000)] {
        let tax = taxes(behavior)?;
        let (fixed, change) = fix_prices(&before, before.clone(), Some(tax.clone()), now);
        assert!(fixed.prices_fixed && change.is_none(), "no price has changed");
        assert_eq!(fixed.total()?, MinorUnits::new(3_000), "what it orders costs the same");
        let planned = plan_run(&fixed)?.ok_or("a run is under way")?;
        assert_eq!((planned.total, &planned.tax), (MinorUnits::new(total), &Some(tax.clone())));
        let declined = Outcome::Declined {
            kind: DeclineKind::Soft,
            code: "insufficient_funds".to_owned(),
            message: "no".to_owned(),
            resource: None,
            token: None,
        };
        let open = settle_run(&fixed, &planned, &declined, now)?;
        assert_eq!((open.run.total, &open.run.tax), (MinorUnits::new(total), &Some(tax.clone())));
        assert_eq!((&open.subscription.tax, open.subscription.prices_fixed), (&None, false));
        let paid = Outcome::Paid { charge_id: "ch".to_owned() };
        let retried = settle_retry(&open.subscription, &open.run, None, &paid, now)?;
        assert_eq!((retried.run.total, retried.run.tax), (MinorUnits::new(total), Some(tax)));
    }
    Ok(())
}

#[test]
fn a_run_without_a_tax_stays_open_names_the_calculator_and_gets_it_later() -> TestResult {
    let (before, now) = (claimed(&monthly()?), at(NOW)?);
    let planned = plan_run(&before)?.ok_or("a run is under way")?;
    let calculator = Culprit::new("manual_tax_calculators", &"mtc_de");
    let missing =
        untaxed("there is no manual_tax_calculators mtc_de".to_owned(), calculator.clone());
    let open = settle_run(&before, &planned, &missing, now)?;
    let [error] = open.run.errors_log.as_slice() else { return Err("one error".into()) };
    assert_eq!(
        (error.code.as_str(), &error.resource),
        ("tax_calculator_missing", &Some(calculator))
    );
    assert_eq!((open.run.status, open.run.unpriced), (RunStatus::Open, true));
    assert_eq!(open.change.after.get("declined"), None, "nobody has declined anything");
    let priced = price_run(&open.subscription, &open.run, &CurrentPrices::default())?;
    let (run, change) = fix_run(&open.run, priced, Some(taxes(TaxBehavior::Exclusive)?))?;
    assert_eq!((run.total, run.unpriced), (MinorUnits::new(3_570), false));
    assert_eq!(run.version, open.run.version + 1);
    assert_eq!(change.after, json!({"run": 1, "total": 3_570, "unpriced": false}));
    Ok(())
}
