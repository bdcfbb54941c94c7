use crate::time::iana;
use std::error::Error;

use super::*;
use crate::{
    checks::{Facts, Settings, examine, findings},
    dunning::{RetryDelay, RetryPolicy},
    ids::{CustomerId, LineItemId, MarketId, ModelId, OrderId, PaymentSourceId, PriceListId},
    journal::Head,
    money::MinorUnits,
    order::{Addresses, Annotations, MAX_QUANTITY},
    pricing::Component,
    time::{CatchUp, CatchUpPolicy, CutOff, OccurrenceNumber, ScheduleRules, Slot},
};

#[path = "placement_refusals_tests.rs"]
mod refusals;

type TestResult = Result<(), Box<dyn Error>>;

/// An order of two lines that may be placed, with all that it refers to.
struct Case {
    order: Order,
    market: Option<Market>,
    model: Option<SubscriptionModel>,
    customer: Option<Customer>,
    payment_source: Option<PaymentSource>,
    skus: HashMap<SkuId, Sku>,
    now: DateTime<Utc>,
}

impl Case {
    fn new() -> Result<Self, Box<dyn Error>> {
        let now: DateTime<Utc> = "2027-01-31T10:00:00.75Z".parse()?;
        let currency = "EUR".parse()?;
        let sku = |code: &str| Sku {
            id: SkuId::of_code(code),
            code: code.to_owned(),
            name: code.to_lowercase(),
            unit_amount: MinorUnits::new(1_000),
            currency,
            frequencies: Vec::new(),
            tax_category: None,
            stock: None,
            replenishments: Vec::new(),
            version: 1,
            created_at: now,
            updated_at: now,
        };
        let line = |code: &str, quantity, frequency: &str| {
            Ok::<_, Box<dyn Error>>(LineItem {
                id: LineItemId::derived(&[code]),
                item: OrderedItem::sku(code),
                name: code.to_lowercase(),
                quantity,
                unit_amount: MinorUnits::new(1_000),
                price_source: PriceSource::Own,
                compare_at_amount: None,
                frequency: Some(frequency.parse()?),
                annotations: Annotations::default(),
            })
        };
        let customer = CustomerId::derived(&["customer"]);
        let source = PaymentSourceId::derived(&["source"]);
        Ok(Self {
            order: Order {
                id: OrderId::derived(&["order"]),
                status: OrderStatus::Draft,
                payment_status: PaymentStatus::Unpaid,
                market_id: MarketId::derived(&["market"]),
                customer_id: Some(customer.clone()),
                payment_source_id: Some(source.clone()),
                currency,
                line_items: vec![line("BEANS", 2, "monthly")?, line("TEA", 1, "weekly")?],
                create_subscriptions: true,
                subscriptions_created: false,
                subscription_created_at: None,
                manual_subscription_ids: Vec::new(),
                order_subscription_id: None,
                order_copy_id: None,
                subscriptions_expire_at: None,
                channel: None,
                rejections: Vec::new(),
                checks: Vec::new(),
                overturn: None,
                tax: None,
                tax_fixed: false,
                placements: 0,
                charge_id: None,
                reversals: None,
                reference: None,
                reference_origin: None,
                metadata: serde_json::Value::Null,
                addresses: Addresses::default(),
                tags: Vec::new(),
                placing_at: None,
                placed_at: None,
                cancelled_at: None,
                created_at: now,
                updated_at: now,
                version: 1,
                journal: Head::default(),
            },
            market: Some(Market {
                id: MarketId::derived(&["market"]),
                name: "Europe".to_owned(),
                currency,
                time_zone: iana("Europe/London"),
                price_list_id: None,
                tax_calculator_id: None,
                tax_included: false,
                taxes_settled_from: None,
                model_id: Some(ModelId::derived(&["model"])),
                retry: None,
                version: 1,
                created_at: now,
                updated_at: now,
            }),
            model: Some(SubscriptionModel {
                id: ModelId::derived(&["model"]),
                name: "Standard".to_owned(),
                strategy: Strategy::ByFrequency,
                price_policy: PricePolicy::Pinned,
                frequencies: Vec::new(),
                auto_activate: true,
                auto_cancel: false,
                rules: ScheduleRules::default(),
                max_occurrences: None,
                renewal_alert_period: None,
                cut_off: CutOff::default(),
                reactivation_days: 30,
                catch_up: CatchUp { policy: CatchUpPolicy::Each, ..CatchUp::default() },
                retry: RetryPolicy::new(vec![RetryDelay::from_days(2)], 1, Default::default())?,
                payment_fallback: Default::default(),
                on_dispute: Default::default(),
                version: 1,
                created_at: now,
                updated_at: now,
            }),
            customer: Some(Customer {
                id: customer.clone(),
                email: "ada@example.com".to_owned(),
                name: None,
                payment_source_ids: Vec::new(),
                credit_limit: None,
                on_hold: false,
                tier: crate::impact::CustomerTier::Standard,
                version: 1,
                created_at: now,
                updated_at: now,
            }),
            payment_source: Some(PaymentSource {
                id: source,
                customer_id: customer,
                token: "tok_paid".to_owned(),
                name: None,
                expires_on: None,
                version: 1,
                created_at: now,
                updated_at: now,
            }),
            skus: ["BEANS", "TEA"].map(sku).into_iter().map(|sku| (sku.id.clone(), sku)).collect(),
            now,
        })
    }

    /// Code and pointer of each rejection.
    fn rejections(&self) -> Vec<(String, String)> {
        let context = OrderContext {
            order: &self.order,
            market: self.market.as_ref(),
            model: self.model.as_ref(),
            customer: self.customer.as_ref(),
            payment_source: self.payment_source.as_ref(),
            skus: &self.skus,
        };
        let short = check_stock(&self.order, &self.skus);
        let facts = Facts {
            context,
            countries: &HashMap::new(),
            becoming: &[],
            holdings: None,
            prices: &CurrentPrices::default(),
            reserving: &HashMap::new(),
            impossible: &[],
            short: &short,
            held: &std::collections::BTreeMap::new(),
            now: self.now,
        };
        findings(&examine(&facts, &Settings::default()), Verdict::Rejected)
            .into_iter()
            .map(|rejection| {
                assert!(!rejection.detail.is_empty(), "{rejection:?} says nothing to a person");
                (rejection.code, rejection.pointer)
            })
            .collect()
    }

    fn sku(&mut self, code: &str) -> Result<&mut Sku, Box<dyn Error>> {
        self.skus.get_mut(&SkuId::of_code(code)).ok_or_else(|| "no such sku".into())
    }

    fn line(&mut self, index: usize) -> Result<&mut LineItem, Box<dyn Error>> {
        self.order.line_items.get_mut(index).ok_or_else(|| "no such line".into())
    }

    /// The subscriptions that the order becomes once it is placed.
    fn subscriptions(&self) -> Result<Vec<Subscription>, Box<dyn Error>> {
        let market = self.market.as_ref().ok_or("a market")?;
        let model = self.model.as_ref().ok_or("a model")?;
        let (order, _) = place(&self.order, Collected::Paid("ch_1".to_owned()), self.now);
        let organization = "acme".parse()?;
        let made = create_subscriptions(&organization, &order, market, model, self.now)?;
        Ok(made.into_iter().map(|(subscription, _)| subscription).collect())
    }
}

const LINES: &str = "/data/relationships/line_items";
const SOURCE: &str = "/data/relationships/customer_payment_source";
const CUSTOMER: &str = "/data/relationships/customer";

#[test]
fn an_order_in_order_is_not_rejected() -> TestResult {
    assert_eq!(Case::new()?.rejections(), []);
    Ok(())
}

type Spoil = fn(&mut Case) -> TestResult;

#[test]
fn each_rule_has_its_code_and_names_its_place() -> TestResult {
    let rules: &[(&str, String, Spoil)] = &[
        ("line_items_missing", LINES.into(), |case| {
            case.order.line_items.clear();
            Ok(())
        }),
        ("amount_out_of_range", LINES.into(), |case| {
            case.line(0)?.unit_amount = MinorUnits::new(i64::MAX);
            Ok(())
        }),
        ("payment_source_missing", SOURCE.into(), |case| {
            case.payment_source = None;
            Ok(())
        }),
        ("payment_source_of_another", SOURCE.into(), |case| {
            let source = case.payment_source.as_mut().ok_or("a source")?;
            source.customer_id = CustomerId::derived(&["somebody else"]);
            Ok(())
        }),
        ("market_missing", "/data/relationships/market".into(), |case| {
            case.market = None;
            Ok(())
        }),
        ("currency_mismatch", "/data/attributes/currency_code".into(), |case| {
            case.market.as_mut().ok_or("a market")?.currency = "USD".parse()?;
            Ok(())
        }),
        ("customer_on_hold", CUSTOMER.into(), |case| {
            case.customer.as_mut().ok_or("a customer")?.on_hold = true;
            Ok(())
        }),
        ("credit_limit_exceeded", CUSTOMER.into(), |case| {
            let customer = case.customer.as_mut().ok_or("a customer")?;
            customer.credit_limit = Some(MinorUnits::new(2_999));
            Ok(())
        }),
        ("expiry_in_the_past", "/data/attributes/subscriptions_expire_at".into(), |case| {
            case.order.subscriptions_expire_at = Some(case.now);
            Ok(())
        }),
        ("sku_unknown", pointer(1, "sku_code"), |case| {
            case.skus.remove(&SkuId::of_code("TEA"));
            Ok(())
        }),
        ("currency_mismatch", pointer(1, "sku_code"), |case| {
            case.sku("TEA")?.currency = "USD".parse()?;
            Ok(())
        }),
        ("out_of_stock", pointer(0, "quantity"), |case| {
            case.sku("BEANS")?.stock = Some(1);
            Ok(())
        }),
        ("frequency_not_allowed", pointer(0, "frequency"), |case| {
            case.sku("BEANS")?.frequencies = vec!["weekly".parse()?];
            Ok(())
        }),
        ("frequency_not_allowed", pointer(1, "frequency"), |case| {
            case.model.as_mut().ok_or("a model")?.frequencies = vec!["every 1 month".parse()?];
            Ok(())
        }),
    ];
    for (code, pointer, spoil) in rules {
        let mut case = Case::new()?;
        spoil(&mut case)?;
        assert_eq!(case.rejections(), [((*code).to_owned(), pointer.clone())]);
    }
    Ok(())
}

#[test]
fn every_reason_is_told_at_once() -> TestResult {
    let mut case = Case::new()?;
    case.payment_source = None;
    case.customer.as_mut().ok_or("a customer")?.on_hold = true;
    case.sku("BEANS")?.stock = Some(0);
    case.sku("TEA")?.frequencies = vec!["monthly".parse()?];
    let rejections = case.rejections();
    let codes: Vec<_> = rejections.iter().map(|(code, _)| code.as_str()).collect();
    let expected =
        ["payment_source_missing", "customer_on_hold", "frequency_not_allowed", "out_of_stock"];
    assert_eq!(codes, expected);
    Ok(())
}

#[test]
fn what_is_just_enough_is_enough() -> TestResult {
    let mut case = Case::new()?;
    case.sku("BEANS")?.stock = Some(2);
    case.customer.as_mut().ok_or("a customer")?.credit_limit = Some(MinorUnits::new(3_000));
    case.order.subscriptions_expire_at = Some(case.now + chrono::TimeDelta::seconds(1));
    case.sku("BEANS")?.frequencies = vec!["every 1 month".parse()?, "yearly".parse()?];
    case.line(1)?.frequency = None;
    case.sku("TEA")?.frequencies = vec!["monthly".parse()?];
    assert_eq!(case.rejections(), [], "a one-off line needs no frequency");
    Ok(())
}

/// Two bags of beans and so many of tea in one.
fn bundle(tea: u32) -> OrderedItem {
    let part = |code: &str, quantity| Component { sku_code: code.to_owned(), quantity };
    OrderedItem::Bundle {
        bundle_code: "BREAKFAST".to_owned(),
        components: vec![part("BEANS", 2), part("TEA", tea)],
    }
}

#[test]
fn bundles_are_checked_by_the_skus_within() -> TestResult {
    let at = |attribute: &str| pointer(0, attribute);
    let rules: &[(&str, String, Spoil)] = &[
        ("sku_unknown", at("bundle_code"), |case| {
            case.line(0)?.item = OrderedItem::Bundle {
                bundle_code: "ODD".to_owned(),
                components: vec![Component { sku_code: "GONE".to_owned(), quantity: 1 }],
            };
            Ok(())
        }),
        // Two bundles of two bags each.
        ("out_of_stock", at("quantity"), |case| {
            case.sku("BEANS")?.stock = Some(3);
            Ok(())
        }),
        // A bundle and a line share what there is of a sku within.
        ("out_of_stock", pointer(1, "quantity"), |case| {
            case.sku("TEA")?.stock = Some(2);
            Ok(())
        }),
        ("frequency_not_allowed", at("frequency"), |case| {
            case.sku("BEANS")?.frequencies = vec!["weekly".parse()?];
            Ok(())
        }),
    ];
    for (code, pointer, spoil) in rules {
        let mut case = Case::new()?;
        case.line(0)?.item = bundle(1);
        spoil(&mut case)?;
        assert_eq!(case.rejections(), [((*code).to_owned(), pointer.clone())]);
    }
    let mut case = Case::new()?;
    case.line(0)?.item = bundle(1);
    case.sku("BEANS")?.stock = Some(4);
    // The bundle has a price in the order's currency; what its skus cost alone is no matter.
    case.sku("BEANS")?.currency = "USD".parse()?;
    case.sku("TEA")?.stock = Some(3);
    assert_eq!(case.rejections(), []);
    Ok(())
}

#[test]
fn a_price_that_was_listed_or_given_stands_for_itself() -> TestResult {
    for source in [PriceSource::PriceList, PriceSource::Given] {
        let mut case = Case::new()?;
        case.sku("TEA")?.currency = "USD".parse()?;
        case.line(1)?.price_source = source;
        assert_eq!(case.rejections(), []);
        let overridden = case.subscriptions()?.iter().any(|one| {
            one.items.iter().any(|item| item.item.code() == "TEA" && item.price_override)
        });
        assert_eq!(overridden, source == PriceSource::Given);
    }
    Ok(())
}

#[test]
fn an_adjustment_does_not_repeat_by_itself() -> TestResult {
    let mut case = Case::new()?;
    case.line(1)?.item = OrderedItem::Adjustment { adjustment_id: "adj_1".parse()? };
    assert_eq!(case.rejections(), []);
    case.model.as_mut().ok_or("a model")?.strategy = Strategy::ByLineItems;
    let expected = [("frequency_not_allowed".to_owned(), pointer(1, "frequency"))];
    assert_eq!(case.rejections(), expected);
    Ok(())
}

#[test]
fn an_order_holds_no_more_skus_than_stock_can_be_taken_of_at_once() -> TestResult {
    for (skus, rejected) in [(90, false), (91, true)] {
        let mut case = Case::new()?;
        let parts = (0..skus).map(|n| Component { sku_code: format!("SKU{n}"), quantity: 1 });
        let sku = case.sku("TEA")?.clone();
        for code in (0..skus).map(|n| format!("SKU{n}")) {
            case.skus.insert(SkuId::of_code(&code), Sku { code, ..sku.clone() });
        }
        case.order.line_items.truncate(1);
        let components = parts.collect();
        case.line(0)?.item = OrderedItem::Bundle { bundle_code: "MANY".to_owned(), components };
        let expected = rejected.then(|| ("too_many_skus".to_owned(), LINES.to_owned()));
        assert_eq!(case.rejections(), Vec::from_iter(expected));
    }
    Ok(())
}

#[test]
fn what_follows_a_list_has_a_price_there() -> TestResult {
    let mut case = Case::new()?;
    case.line(1)?.price_source = PriceSource::Given;
    case.model.as_mut().ok_or("a model")?.price_policy = PricePolicy::FollowList;
    let reasons = |case: &Case, current: &CurrentPrices| -> Result<Vec<_>, Box<dyn Error>> {
        let market = case.market.as_ref().ok_or("a market")?;
        let model = case.model.as_ref().ok_or("a model")?;
        let found = check_followed_prices(&case.order, market, model, current, case.now);
        Ok(found.into_iter().map(|one| (one.code, one.pointer)).collect())
    };
    let none = CurrentPrices::default();
    let market = "/data/relationships/market".to_owned();
    assert_eq!(reasons(&case, &none)?, [("price_list_missing".to_owned(), market)]);
    assert_eq!(case.subscriptions()?.first().and_then(|one| one.price_list_id.clone()), None);
    let list: PriceListId = "prl_eu".parse()?;
    case.market.as_mut().ok_or("a market")?.price_list_id = Some(list.clone());
    let missing = ("price_missing".to_owned(), pointer(0, "sku_code"));
    assert_eq!(reasons(&case, &none)?, [missing], "what was given follows nothing");
    assert!(case.subscriptions()?.iter().all(|one| one.price_list_id == Some(list.clone())));
    case.line(0)?.frequency = None;
    assert_eq!(reasons(&case, &none)?, [], "what is ordered once follows nothing");
    case.model.as_mut().ok_or("a model")?.price_policy = PricePolicy::Pinned;
    assert!(case.subscriptions()?.iter().all(|one| one.price_list_id.is_none()));
    Ok(())
}

#[test]
fn lines_of_one_sku_share_its_stock() -> TestResult {
    let mut case = Case::new()?;
    case.line(1)?.item = OrderedItem::sku("BEANS");
    case.sku("BEANS")?.stock = Some(2);
    assert_eq!(case.rejections(), [("out_of_stock".to_owned(), pointer(1, "quantity"))]);
    for index in 0..2 {
        let line = case.line(index)?;
        line.quantity = MAX_QUANTITY;
    }
    assert_eq!(case.rejections().len(), 2);
    Ok(())
}

#[test]
fn what_costs_nothing_needs_no_payment_source() -> TestResult {
    let mut case = Case::new()?;
    for line in &mut case.order.line_items {
        line.unit_amount = MinorUnits::ZERO;
    }
    case.payment_source = None;
    assert_eq!(case.rejections(), []);
    Ok(())
}

#[test]
fn an_order_goes_from_draft_over_placing_to_placed_or_back() -> TestResult {
    let case = Case::new()?;
    let (placing, change) = begin_placing(&case.order, true, case.now);
    assert_eq!((placing.status, placing.placements), (OrderStatus::Placing, 1));
    assert_eq!((placing.placing_at, placing.version), (Some(case.now), 2));
    assert_eq!(change.event, "orders.placing");
    assert_eq!(change.before, json!({"status": "draft"}));

    let reason = Rejection { code: "a".into(), detail: "b".into(), pointer: "/c".into() };
    let (draft, change) = reject(&placing, vec![reason.clone()], case.now);
    assert_eq!((draft.status, draft.version), (OrderStatus::Draft, 3));
    assert_eq!(draft.rejections, [reason]);
    assert_eq!(change.after, json!({"status": "draft", "reasons": ["a"]}));

    let (again, _) = begin_placing(&draft, false, case.now);
    assert_eq!((again.placements, again.rejections.len()), (2, 0));
    assert!(again.create_subscriptions, "asked for once is asked for");
    for (collected, status, charge) in [
        (Collected::Paid("ch_1".to_owned()), PaymentStatus::Paid, Some("ch_1")),
        (Collected::Nothing, PaymentStatus::Free, None),
    ] {
        let (placed, change) = place(&again, collected, case.now);
        assert_eq!((placed.status, placed.payment_status), (OrderStatus::Placed, status));
        assert_eq!(placed.charge_id.as_deref(), charge);
        assert_eq!(placed.placed_at, Some("2027-01-31T10:00:00Z".parse()?), "whole seconds");
        assert_eq!(change.event, "orders.place");
    }
    Ok(())
}

#[test]
fn by_frequency_lines_that_repeat_alike_share_a_subscription() -> TestResult {
    let mut case = Case::new()?;
    case.line(1)?.frequency = Some("every 1 month".parse()?);
    let mut once = case.line(0)?.clone();
    once.id = LineItemId::derived(&["once"]);
    once.frequency = None;
    let mut weekly = once.clone();
    weekly.id = LineItemId::derived(&["weekly"]);
    weekly.frequency = Some("weekly".parse()?);
    case.order.line_items.extend([once, weekly]);
    let made = case.subscriptions()?;
    let items: Vec<_> = made
        .iter()
        .map(|one| {
            (one.frequency.to_string(), one.items.iter().map(|i| i.item.code()).collect::<Vec<_>>())
        })
        .collect();
    let expected =
        [("monthly".to_owned(), vec!["BEANS", "TEA"]), ("weekly".to_owned(), vec!["BEANS"])];
    assert_eq!(items, expected);
    Ok(())
}

#[test]
fn by_line_items_each_recurring_line_has_its_own_subscription() -> TestResult {
    let mut case = Case::new()?;
    case.model.as_mut().ok_or("a model")?.strategy = Strategy::ByLineItems;
    case.line(1)?.frequency = case.line(0)?.frequency.clone();
    let mut once = case.line(0)?.clone();
    once.id = LineItemId::derived(&["once"]);
    once.frequency = None;
    case.order.line_items.push(once);
    let mut made: Vec<_> = case
        .subscriptions()?
        .iter()
        .map(|one| one.items.iter().map(|item| item.item.code().to_owned()).collect::<Vec<_>>())
        .collect();
    made.sort();
    assert_eq!(made, [["BEANS"], ["TEA"]]);
    Ok(())
}

#[test]
fn the_same_order_always_becomes_the_same_subscriptions() -> TestResult {
    let mut case = Case::new()?;
    let first = case.subscriptions()?;
    assert_eq!(case.subscriptions()?, first);
    let ids: std::collections::HashSet<_> = first.iter().map(|one| one.id.clone()).collect();
    assert_eq!(ids.len(), 2);
    case.order.line_items.reverse();
    let reversed = case.subscriptions()?;
    assert!(reversed.iter().all(|one| ids.contains(&one.id)));
    case.order.id = OrderId::derived(&["another"]);
    assert!(case.subscriptions()?.iter().all(|one| !ids.contains(&one.id)));
    Ok(())
}

#[test]
fn a_subscription_begins_with_its_order_and_repeats_from_there() -> TestResult {
    let mut case = Case::new()?;
    case.sku("BEANS")?.stock = Some(9);
    let made = case.subscriptions()?;
    let monthly = made.first().ok_or("the monthly one")?;
    let placed_at: DateTime<Utc> = "2027-01-31T10:00:00Z".parse()?;
    assert_eq!((monthly.anchor, monthly.last_run_at), (placed_at, Some(placed_at)));
    assert_eq!(monthly.status, SubscriptionStatus::Active);
    assert_eq!(monthly.source_order_id.as_ref(), Some(&case.order.id));
    assert_eq!(monthly.payment_source_id, case.order.payment_source_id);
    let model = case.model.as_ref().ok_or("a model")?;
    assert_eq!((monthly.catch_up, &monthly.retry), (model.catch_up, &model.retry));
    assert_eq!(monthly.total()?, MinorUnits::new(2_000));
    assert_eq!(monthly.next_number, Some(OccurrenceNumber::FIRST));
    assert_eq!((monthly.occurrencies, monthly.version), (0, 1));

    case.model.as_mut().ok_or("a model")?.auto_activate = false;
    let resting = case.subscriptions()?;
    assert!(resting.iter().all(|one| one.status == SubscriptionStatus::Inactive));
    assert!(resting.iter().all(|one| one.wake().is_none()));
    Ok(())
}

#[test]
fn the_anchor_keeps_the_end_of_the_month_and_the_wall_clock() -> TestResult {
    let case = Case::new()?;
    let monthly = case.subscriptions()?.into_iter().next().ok_or("the monthly one")?;
    let mut slot = Slot { number: OccurrenceNumber::ANCHOR, at: monthly.anchor };
    let mut dates = Vec::new();
    for _ in 0..5 {
        slot = monthly.schedule().following(slot)?.slot();
        dates.push(slot.at.to_rfc3339());
    }
    let expected = [
        "2027-02-28T10:00:00+00:00",
        "2027-03-31T09:00:00+00:00",
        "2027-04-30T09:00:00+00:00",
        "2027-05-31T09:00:00+00:00",
        "2027-06-30T09:00:00+00:00",
    ];
    assert_eq!(dates, expected);
    Ok(())
}

#[test]
fn a_subscription_that_ends_before_its_first_run_makes_none() -> TestResult {
    let mut case = Case::new()?;
    let end = "2027-02-05T00:00:00Z".parse()?;
    case.order.subscriptions_expire_at = Some(end);
    let made = case.subscriptions()?;
    let mut wakes: Vec<_> = made.iter().map(Subscription::wake).collect();
    wakes.sort();
    let expire = Some((end, crate::subscription::WakeKind::Expire));
    assert_eq!(wakes, [expire, expire], "a week from the anchor is after the end too");
    Ok(())
}

#[test]
fn an_order_keeps_its_tax_for_one_placement() -> TestResult {
    let case = Case::new()?;
    let (placing, _) = begin_placing(&case.order, true, case.now);
    let without = placing.total()?;
    let tax: Taxes = serde_json::from_value(json!({
        "behavior": "exclusive", "source": "table", "calculator_id": "mtc_de",
        "lines": [{"id": "lin_1", "rate": "19", "net": 1_000, "tax": 190}],
    }))?;
    let fixed = fix_tax(&placing, Some(tax.clone()), case.now);
    assert_eq!((fixed.version, fixed.tax_fixed), (placing.version + 1, true));
    assert_eq!(fixed.total()?, without.checked_add(MinorUnits::new(190))?);
    let (placed, _) = place(&fixed, Collected::Paid("ch_1".to_owned()), case.now);
    assert_eq!((&placed.tax, placed.total()?), (&Some(tax), fixed.total()?));
    let (held, _) = hold(&fixed, case.now);
    assert_eq!(held.tax, fixed.tax, "an operator sees what it costs");
    let (rejected, _) = reject(&fixed, Vec::new(), case.now);
    let (again, _) = begin_placing(&held, false, case.now);
    for forgotten in [rejected, again] {
        assert_eq!((&forgotten.tax, forgotten.tax_fixed), (&None, false));
    }
    assert!(fix_tax(&placing, None, case.now).tax_fixed, "that there is none is settled, too");
    Ok(())
}
