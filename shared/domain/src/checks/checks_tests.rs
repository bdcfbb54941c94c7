#![expect(clippy::indexing_slicing, reason = "a panic is a failed test")]

use std::{
    collections::{BTreeMap, HashMap},
    error::Error,
};

use chrono::DateTime;
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::{
    catalog::{Customer, Market, PaymentSource, Sku, SubscriptionModel},
    ids::{AddressId, OrganizationId, SkuId},
    money::MinorUnits,
    order::OrderStatus,
    order_fixture::{PLACED, at, draft_order, market, model, repeating, skus},
    placement::{OrderContext, create_subscriptions},
    pricing::CurrentPrices,
    subscription::Subscription,
};

type TestResult<T = ()> = Result<T, Box<dyn Error>>;

/// An order of two bags of beans at 12.50 each month and a mug at 8.00, by a customer who may owe
/// anything: 33.00 in all, 25.00 a month, placed at ten on 31 January 2027.
struct Case {
    order: Order,
    market: Market,
    model: SubscriptionModel,
    customer: Customer,
    source: PaymentSource,
    skus: HashMap<SkuId, Sku>,
    countries: HashMap<AddressId, String>,
    holdings: Option<Holdings>,
    reserving: HashMap<SkuId, Reserving>,
    held: BTreeMap<String, i64>,
    settings: Settings,
    now: DateTime<Utc>,
}

impl Case {
    fn new() -> TestResult<Self> {
        let mut order = draft_order()?;
        order.create_subscriptions = true;
        if let Some(line) = order.line_items.first_mut() {
            *line = repeating(line, "monthly")?;
        }
        let person = json!({
            "id": order.customer_id, "email": "ada@example.com", "version": 1,
            "created_at": PLACED, "updated_at": PLACED,
        });
        let source = json!({
            "id": order.payment_source_id, "customer_id": order.customer_id,
            "payment_source_token": "tok", "expires_on": "2027-06-30", "version": 1,
            "created_at": PLACED, "updated_at": PLACED,
        });
        Ok(Self {
            order,
            market: market()?,
            model: model(&[])?,
            customer: serde_json::from_value(person)?,
            source: serde_json::from_value(source)?,
            skus: skus()?,
            countries: HashMap::new(),
            holdings: None,
            reserving: HashMap::new(),
            held: BTreeMap::new(),
            settings: Settings::default(),
            now: at(PLACED)?,
        })
    }

    fn set(&mut self, checks: Value) -> TestResult {
        let Value::Object(given) = checks else { return Err("an object".into()) };
        let scope = Scope::default();
        let policy = CheckPolicy { id: scope.policy_id(), scope, checks: read_checks(&given)? };
        self.settings = Settings::resolve([&policy], &Scope::of(&self.order))?;
        Ok(())
    }

    fn becoming(&self) -> TestResult<Vec<Subscription>> {
        let organization: OrganizationId = "acme".parse()?;
        let made =
            create_subscriptions(&organization, &self.order, &self.market, &self.model, self.now)?;
        Ok(made.into_iter().map(|(subscription, _)| subscription).collect())
    }

    /// A subscription to the same, made from another order.
    fn other(&self) -> TestResult<Subscription> {
        let mut other = self.becoming()?.pop().ok_or("one")?;
        other.source_order_id = Some("ord_other".parse()?);
        other.id = "sub_other".parse()?;
        Ok(other)
    }

    fn outcomes(&self) -> TestResult<Vec<CheckOutcome>> {
        let becoming = self.becoming()?;
        let facts = Facts {
            context: OrderContext {
                order: &self.order,
                market: Some(&self.market),
                model: Some(&self.model),
                customer: Some(&self.customer),
                payment_source: Some(&self.source),
                skus: &self.skus,
            },
            countries: &self.countries,
            becoming: &becoming,
            holdings: self.holdings.as_ref(),
            prices: &CurrentPrices::default(),
            reserving: &self.reserving,
            impossible: &[],
            short: &[],
            held: &self.held,
            now: self.now,
        };
        Ok(examine(&facts, &self.settings))
    }

    /// The codes that a check finds, and its numbers.
    fn found(&self, check: CheckName) -> TestResult<(Vec<String>, Value)> {
        let outcomes = self.outcomes()?;
        let outcome = outcomes.into_iter().find(|outcome| outcome.check == check);
        let outcome = outcome.ok_or_else(|| format!("{check:?} is off"))?;
        assert!(outcome.findings.iter().all(|finding| !finding.detail.is_empty()));
        let codes = outcome.findings.into_iter().map(|finding| finding.code).collect();
        Ok((codes, Value::Object(outcome.numbers)))
    }
}

#[test]
fn an_order_without_policies_passes_the_checks_that_are_always_made() -> TestResult {
    let outcomes = Case::new()?.outcomes()?;
    let made: Vec<&str> = outcomes.iter().map(|outcome| outcome.check.as_str()).collect();
    let always = ["completeness", "currency", "credit_hold", "credit_limit", "frequency", "stock"];
    assert_eq!(made, always);
    assert!(outcomes.iter().all(|outcome| outcome.verdict == Verdict::Passed));
    assert_eq!(decide(&outcomes), Decision::Place);
    let told = told(&outcomes);
    assert_eq!(told.len(), CheckName::ALL.len(), "the rest is told as off");
    assert!(super::told(&[]).is_empty());
    Ok(())
}

#[test]
fn severity_decides_what_follows_and_an_operator_overturns_it() -> TestResult {
    let mut case = Case::new()?;
    case.customer.on_hold = true;
    for (severity, verdict, decision) in [
        ("reject", Verdict::Rejected, Decision::Reject),
        ("review", Verdict::Held, Decision::Hold),
        ("warn", Verdict::Warned, Decision::Place),
    ] {
        case.set(json!({"credit_hold": {"severity": severity}}))?;
        let outcomes = case.outcomes()?;
        assert_eq!(findings(&outcomes, verdict).len(), 1);
        assert_eq!(decide(&outcomes), decision, "{severity}");
    }
    case.set(json!({"credit_hold": {"severity": "off"}}))?;
    assert!(case.outcomes()?.iter().all(|outcome| outcome.check != CheckName::CreditHold));

    case.set(json!({}))?;
    let checks = vec![CheckName::CreditHold, CheckName::Completeness];
    let (by, reason, at) = ("operator:ada".to_owned(), "known".to_owned(), case.now);
    case.order.overturn = Some(Overturn { by, reason, at, checks });
    assert_eq!(decide(&case.outcomes()?), Decision::Place);
    case.order.line_items.clear();
    assert_eq!(decide(&case.outcomes()?), Decision::Reject, "what is impossible stays so");
    Ok(())
}

#[test]
fn exposure_is_the_order_and_what_is_open_and_upcoming() -> TestResult {
    let mut case = Case::new()?;
    let limit = |cents| Some(MinorUnits::new(cents));
    // The order alone: 33.00.
    for (cents, codes) in [(3_300, &[][..]), (3_299, &["credit_limit_exceeded"])] {
        case.customer.credit_limit = limit(cents);
        assert_eq!(case.found(CheckName::CreditLimit)?.0, codes, "{cents}");
    }
    // Within 60 days, up to 1 April: its own runs of 28 February and 31 March, 25.00 each. Another
    // subscription of 25.00 has the same two runs to come, and one open. An order of 33.00 is held.
    let mut other = case.other()?;
    let open = json!({"number": 0, "attempts": 1, "retry_at": "2027-02-02T10:00:00Z"});
    other.unsettled.push(serde_json::from_value(open)?);
    let mut paused = case.other()?;
    paused.status = crate::lifecycle::SubscriptionStatus::Inactive;
    let mut dollars = case.other()?;
    dollars.currency = "USD".parse()?;
    let held = Order { id: "ord_held".parse()?, status: OrderStatus::Held, ..case.order.clone() };
    let placed = Order { id: "ord_2".parse()?, status: OrderStatus::Placed, ..case.order.clone() };
    let own = case.becoming()?.pop().ok_or("one")?;
    case.holdings = Some(Holdings {
        subscriptions: vec![other, paused, dollars, own],
        orders: vec![held, placed, case.order.clone()],
        more: false,
    });
    case.set(json!({"credit_limit": {"exposure_days": 60}}))?;
    // 33.00 + (25.00 + 33.00) open + (50.00 + 50.00) upcoming.
    for (cents, codes) in [(19_100, &[][..]), (19_099, &["credit_limit_exceeded"])] {
        case.customer.credit_limit = limit(cents);
        let (found, numbers) = case.found(CheckName::CreditLimit)?;
        assert_eq!(found, codes, "{cents}");
        assert_eq!(
            numbers,
            json!({
                "order_cents": 3_300, "limit_cents": cents, "exposure_days": 60,
                "open_cents": 5_800, "upcoming_cents": 10_000, "exposure_cents": 19_100,
                "other_currencies": ["USD"],
            })
        );
    }
    // A policy's limit counts for who has none.
    case.customer.credit_limit = None;
    case.set(json!({"credit_limit": {"limit_cents": 3_299}}))?;
    assert_eq!(case.found(CheckName::CreditLimit)?.0, ["credit_limit_exceeded"]);
    // What can't be counted is not taken for little.
    case.customer.credit_limit = limit(1_000_000);
    case.set(json!({"credit_limit": {"exposure_days": 60}}))?;
    if let Some(holdings) = &mut case.holdings {
        holdings.more = true;
    }
    assert_eq!(case.found(CheckName::CreditLimit)?.0, ["exposure_not_counted"]);
    Ok(())
}

#[test]
fn terms_of_payment_are_few_and_fresh_open_charges_and_a_source_that_lasts() -> TestResult {
    let mut case = Case::new()?;
    let mut other = case.other()?;
    // Its occurrence 0 was due a month ago.
    other.anchor = at("2026-12-31T10:00:00Z")?;
    let open = json!({"number": 0, "attempts": 1, "retry_at": "2027-02-02T10:00:00Z"});
    other.unsettled.push(serde_json::from_value(open)?);
    let subscriptions = vec![other];
    case.holdings = Some(Holdings { subscriptions, ..Holdings::default() });
    for (parameters, codes) in [
        (json!({"max_open_charges": 1}), &[][..]),
        (json!({"max_open_charges": 0}), &["open_charges"]),
        (json!({"max_overdue_days": 31}), &[]),
        (json!({"max_overdue_days": 30}), &["overdue_charges"]),
        // 31 January and 150 days are 30 June, and 151 are 1 July.
        (json!({"source_valid_days": 150}), &[]),
        (json!({"source_valid_days": 151}), &["payment_source_expires"]),
    ] {
        let mut terms = parameters.clone();
        terms["severity"] = json!("review");
        case.set(json!({"payment_terms": terms}))?;
        assert_eq!(case.found(CheckName::PaymentTerms)?.0, codes, "{parameters}");
    }
    Ok(())
}

#[test]
fn addresses_are_required_and_in_countries_that_are_served() -> TestResult {
    let mut case = Case::new()?;
    let (rome, gone): (AddressId, AddressId) = ("adr_rome".parse()?, "adr_gone".parse()?);
    case.countries.insert(rome.clone(), "IT".to_owned());
    let served = json!({"severity": "reject", "countries": ["IT", "FR"]});
    let abroad = json!({"severity": "reject", "countries": ["FR"]});
    let required =
        json!({"severity": "reject", "shipping_required": true, "billing_required": true});
    for (shipping, setting, codes) in [
        (None, &served, &[][..]),
        (Some(&rome), &served, &[]),
        (Some(&rome), &abroad, &["country_not_served"]),
        (Some(&gone), &abroad, &["address_missing"]),
        (Some(&rome), &required, &["address_missing"]),
        (None, &required, &["address_missing", "address_missing"]),
    ] {
        case.order.addresses.shipping = shipping.cloned();
        case.set(json!({"address": setting}))?;
        assert_eq!(case.found(CheckName::Address)?.0, codes, "{shipping:?} {setting}");
    }
    Ok(())
}

#[test]
fn a_term_is_neither_too_short_nor_too_long() -> TestResult {
    let mut case = Case::new()?;
    case.set(json!({"term": {"severity": "reject", "min_days": 28, "max_days": 365}}))?;
    for (end, codes) in [
        (Some("2027-02-28T10:00:00Z"), &[][..]),
        (Some("2027-02-28T09:59:59Z"), &["term_too_short"]),
        (Some("2028-01-31T10:00:00Z"), &[]),
        (Some("2028-01-31T10:00:01Z"), &["term_too_long"]),
        (None, &["term_too_long"]),
    ] {
        case.order.subscriptions_expire_at = end.map(at).transpose()?;
        assert_eq!(case.found(CheckName::Term)?.0, codes, "{end:?}");
    }
    case.order.create_subscriptions = false;
    assert!(case.found(CheckName::Term)?.0.is_empty(), "nothing begins");
    Ok(())
}

#[test]
fn a_frequency_is_offered_by_the_sku_the_model_and_the_policy() -> TestResult {
    let mut case = Case::new()?;
    let beans = SkuId::of_code("BEANS");
    case.skus.get_mut(&beans).ok_or("beans")?.frequencies = vec!["weekly".parse()?];
    case.model.frequencies = vec!["yearly".parse()?];
    case.set(json!({"frequency": {"frequencies": ["weekly", "yearly"]}}))?;
    let all = ["frequency_not_allowed", "frequency_not_allowed", "frequency_not_offered"];
    assert_eq!(case.found(CheckName::Frequency)?.0, all);
    Ok(())
}

#[test]
fn the_next_runs_need_units_that_are_there_by_then() -> TestResult {
    let mut case = Case::new()?;
    let beans = SkuId::of_code("BEANS");
    let stock = |case: &mut Case, units| -> TestResult {
        case.skus.get_mut(&beans).ok_or("beans")?.stock = Some(units);
        Ok(())
    };
    case.set(json!({"recurring_availability": {"severity": "reject", "runs": 2}}))?;
    let found = |case: &Case| case.found(CheckName::RecurringAvailability);
    assert!(found(&case)?.0.is_empty(), "what is not tracked is always there");
    // Two for the order, two for each of two runs.
    for (units, served, codes) in [(6, 2, &[][..]), (5, 1, &["runs_not_served"])] {
        stock(&mut case, units)?;
        let (found, numbers) = found(&case)?;
        assert_eq!(
            (found, &numbers["skus"][0]["runs_served"]),
            (codes.iter().map(|code| (*code).to_owned()).collect(), &json!(served))
        );
    }
    // What the order has taken before its message came again is counted once.
    for (units, taken, codes) in [(4, 2, 0), (3, 2, 1), (5, 1, 0), (4, 1, 1)] {
        stock(&mut case, units)?;
        case.held = BTreeMap::from([("BEANS".to_owned(), taken), ("TEA".to_owned(), 9)]);
        assert_eq!(found(&case)?.0.len(), codes, "{units} and {taken}");
    }
    case.held.clear();
    // Another subscription takes two at the same times.
    let other = case.other()?;
    let reserving = Reserving { subscriptions: vec![other], more: false };
    case.reserving.insert(beans.clone(), reserving);
    for (units, codes) in [(10, 0), (9, 1)] {
        stock(&mut case, units)?;
        assert_eq!(found(&case)?.0.len(), codes, "{units}");
    }
    Ok(())
}

#[test]
fn the_same_goods_at_the_same_frequency_are_subscribed_once() -> TestResult {
    let mut case = Case::new()?;
    case.set(json!({"duplicate_subscription": {"severity": "review"}}))?;
    let same = case.other()?;
    let mut more = case.other()?;
    if let Some(item) = more.items.first_mut() {
        item.quantity = 9;
    }
    let mut weekly = case.other()?;
    weekly.frequency = "weekly".parse()?;
    let mut cancelled = case.other()?;
    cancelled.status = crate::lifecycle::SubscriptionStatus::Cancelled;
    let mut ended = case.other()?;
    ended.expires_at = Some(at("2027-02-01T00:00:00Z")?);
    let own = case.becoming()?.pop().ok_or("one")?;
    for (subscription, duplicates) in
        [(same, 1), (more, 1), (weekly, 0), (cancelled, 0), (ended, 0), (own, 0)]
    {
        let subscriptions = vec![subscription];
        case.holdings = Some(Holdings { subscriptions, ..Holdings::default() });
        assert_eq!(case.found(CheckName::DuplicateSubscription)?.0.len(), duplicates);
    }
    Ok(())
}

#[test]
fn the_same_order_within_a_window_is_a_duplicate_of_the_first() -> TestResult {
    let mut case = Case::new()?;
    case.set(json!({"duplicate_order": {"severity": "review", "window_hours": 2}}))?;
    let earlier = |made: &str, placing: &str, status| -> TestResult<Order> {
        Ok(Order {
            id: "ord_earlier".parse()?,
            status,
            created_at: at(made)?,
            placing_at: Some(at(placing)?),
            ..case.order.clone()
        })
    };
    let placed = OrderStatus::Placed;
    let (nine, eight) = ("2027-01-31T09:00:00Z", "2027-01-31T08:00:00Z");
    let before_eight = "2027-01-31T07:59:59Z";
    let mut other_goods = earlier(nine, nine, placed)?;
    other_goods.line_items.pop();
    let mut turned = earlier(nine, nine, placed)?;
    turned.line_items.reverse();
    for (order, duplicates) in [
        (earlier(nine, nine, placed)?, 1),
        (earlier(eight, eight, placed)?, 1),
        (earlier(before_eight, before_eight, placed)?, 0),
        (earlier(nine, nine, OrderStatus::Cancelled)?, 0),
        (earlier(nine, nine, OrderStatus::Draft)?, 0),
        (earlier("2027-01-31T10:00:01Z", nine, placed)?, 0),
        (other_goods, 0),
        (turned, 1),
    ] {
        let mut case = Case { holdings: None, ..Case::new()? };
        case.set(json!({"duplicate_order": {"severity": "review", "window_hours": 2}}))?;
        case.holdings = Some(Holdings { orders: vec![order], ..Holdings::default() });
        assert_eq!(case.found(CheckName::DuplicateOrder)?.0.len(), duplicates);
    }
    Ok(())
}

#[test]
fn prices_are_within_their_tolerance_of_the_list() -> TestResult {
    let mut case = Case::new()?;
    // Beans cost 12.50 on the line and 10.00 by themselves: a quarter more. The mug: a fifth less.
    for (parameters, found) in [
        (json!({"above_percent": 25, "below_percent": 20}), 0),
        (json!({"above_percent": 24}), 1),
        (json!({"below_percent": 19}), 1),
        (json!({"above_percent": 24, "below_percent": 19}), 2),
        (json!({}), 0),
    ] {
        let mut setting = parameters.clone();
        setting["severity"] = json!("warn");
        case.set(json!({"price_tolerance": setting}))?;
        let (codes, numbers) = case.found(CheckName::PriceTolerance)?;
        assert_eq!((codes.len(), &numbers["compared"]), (found, &json!(2)), "{parameters}");
    }
    Ok(())
}

#[test]
fn a_changed_parameter_flips_an_order_and_says_why() -> TestResult {
    let mut case = Case::new()?;
    case.customer.credit_limit = Some(MinorUnits::new(3_299));
    let becoming = case.becoming()?;
    let facts = Facts {
        context: OrderContext {
            order: &case.order,
            market: Some(&case.market),
            model: Some(&case.model),
            customer: Some(&case.customer),
            payment_source: Some(&case.source),
            skus: &case.skus,
        },
        countries: &case.countries,
        becoming: &becoming,
        holdings: None,
        prices: &CurrentPrices::default(),
        reserving: &case.reserving,
        impossible: &[],
        short: &[],
        held: &case.held,
        now: case.now,
    };
    let as_is = Settings::default();
    assert_eq!(flip(&facts, &as_is, &as_is), None);
    let policy: CheckPolicy = serde_json::from_value(json!({
        "id": "chp_1", "checks": {"credit_limit": {"severity": "warn"}},
    }))?;
    let changed = Settings::resolve([&policy], &Scope::of(&case.order))?;
    let flip = flip(&facts, &as_is, &changed).ok_or("it would be placed")?;
    assert_eq!((flip.before, flip.after), (Decision::Reject, Decision::Place));
    let [standing] = &flip.checks[..] else { return Err("one check".into()) };
    assert_eq!((standing.before, standing.after), (Verdict::Rejected, Verdict::Warned));
    assert_eq!(standing.outcome.numbers["limit_cents"], 3_299);
    Ok(())
}

proptest! {
    #[test]
    fn a_higher_limit_never_rejects_what_a_lower_one_lets_pass(
        limit in 0_i64..40_000,
        more in 0_i64..40_000,
        days in proptest::option::of(0_u16..366),
        others in 0_usize..4,
    ) {
        let checked = |cents: i64| -> TestResult<bool> {
            let mut case = Case::new()?;
            case.customer.credit_limit = Some(MinorUnits::new(cents));
            let subscriptions: Vec<_> =
                (0..others).map(|_| case.other()).collect::<TestResult<_>>()?;
            case.holdings = Some(Holdings { subscriptions, ..Holdings::default() });
            case.set(json!({"credit_limit": {"exposure_days": days}}))?;
            Ok(case.found(CheckName::CreditLimit)?.0.is_empty())
        };
        let fail = |error: Box<dyn Error>| TestCaseError::fail(error.to_string());
        let (low, high) = (checked(limit).map_err(fail)?, checked(limit + more).map_err(fail)?);
        prop_assert!(!low || high);
    }

    #[test]
    fn the_worst_verdict_decides(verdicts in proptest::collection::vec(0_usize..6, 0..13)) {
        let all = [
            Verdict::Off, Verdict::Passed, Verdict::Overturned, Verdict::Warned, Verdict::Held,
            Verdict::Rejected,
        ];
        let outcomes: Vec<CheckOutcome> = verdicts
            .iter()
            .zip(CheckName::ALL)
            .map(|(verdict, check)| CheckOutcome {
                verdict: all[*verdict],
                ..CheckOutcome::rejected(check, Vec::new())
            })
            .collect();
        let expected = if verdicts.contains(&5) {
            Decision::Reject
        } else if verdicts.contains(&4) {
            Decision::Hold
        } else {
            Decision::Place
        };
        prop_assert_eq!(decide(&outcomes), expected);
    }
}
