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
    let (after, change) = fix_prices(&before, &current(1_100)?, due_at, now)?;
    assert!(after.prices_fixed);
    assert_eq!((after.version, after.updated_at), (before.version + 1, now));
    assert_eq!(after.total()?, MinorUnits::new(3_200));
    let change = change.ok_or("BEANS cost more")?;
    assert_eq!(change.before.get("total"), Some(&json!(3_000)));
    assert_eq!(change.after.get("total"), Some(&json!(3_200)));
    assert_eq!(change.before.pointer("/items/0/unit_amount"), Some(&json!(1_000)));
    assert_eq!(change.after.pointer("/items/0/unit_amount"), Some(&json!(1_100)));

    let (after, change) = fix_prices(&before, &current(1_000)?, due_at, now)?;
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
        let (run, change) = price_run(&subscription, &settled.run, &current(1_100)?)?;
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
