use uuid::Uuid;

use super::*;
use crate::{
    ids::PriceListId,
    order_fixture::{PLACED, TestResult, at, market, placed_order, repeating, skus},
    placement::{Collected, place, reject},
};

#[path = "copy_order_runs_tests.rs"]
mod runs;

const NOW: &str = "2027-02-10T12:00:00Z";

fn options(change: impl FnOnce(&mut CopyOptions)) -> CopyOptions {
    let mut options = CopyOptions::default();
    change(&mut options);
    options
}

struct Case {
    source: Order,
    market: Option<Market>,
    skus: HashMap<SkuId, Sku>,
    prices: HashMap<String, Price>,
}

impl Case {
    fn new() -> TestResult<Self> {
        Ok(Self {
            source: placed_order()?,
            market: Some(market()?),
            skus: skus()?,
            prices: HashMap::new(),
        })
    }

    fn stock(&mut self, code: &str, stock: u32) {
        if let Some(sku) = self.skus.get_mut(&SkuId::of_code(code)) {
            sku.stock = Some(stock);
        }
    }

    fn copied(&self, options: CopyOptions) -> TestResult<Copied> {
        let now = at(NOW)?;
        let id = OrderCopyId::of(&self.source.id, Uuid::nil());
        let copy = new_copy(id, &self.source, options, now);
        let context = CopyContext {
            source: &self.source,
            market: self.market.as_ref(),
            skus: &self.skus,
            prices: &self.prices,
        };
        Ok(copy_order(&copy, context, OrderId::derived(&["target"]), now))
    }
}

fn codes(copy: &OrderCopy) -> Vec<(&str, Option<&str>)> {
    copy.errors_log
        .iter()
        .map(|error| {
            let about = error.resource.as_ref();
            (error.code.as_str(), about.map(|one| one.code.as_deref().unwrap_or(&one.id)))
        })
        .collect()
}

fn events(changes: &[Change]) -> Vec<&str> {
    changes.iter().map(|change| change.event).collect()
}

#[test]
fn a_copy_leaves_a_draft_that_says_what_the_source_says() -> TestResult {
    let mut case = Case::new()?;
    case.source
        .line_items
        .push(repeating(case.source.line_items.first().ok_or("a line")?, "weekly")?);
    case.source.addresses.billing = Some("adr_office".parse()?);
    case.source.subscriptions_created = true;
    let Copied { copy, changes, target } = case.copied(CopyOptions::default())?;
    assert_eq!((copy.status, copy.completed_at), (CopyStatus::Completed, Some(at(NOW)?)));
    assert_eq!(events(&changes), ["order_copies.start", "order_copies.complete"]);
    let (target, told) = target.ok_or("an order")?;
    assert_eq!(events(&told), ["orders.create"]);
    assert_eq!(copy.target_order_id.as_ref(), Some(&target.id));
    assert_eq!((target.status, target.payment_status), (OrderStatus::Draft, PaymentStatus::Unpaid));
    assert_eq!(
        (&target.customer_id, &target.addresses),
        (&case.source.customer_id, &case.source.addresses)
    );
    assert_eq!(target.metadata, case.source.metadata);
    assert_eq!((&target.payment_source_id, &target.charge_id), (&None, &None), "the wallet stays");
    assert_eq!((&target.reference, target.placed_at, target.version), (&None, None, 1));
    assert!(!target.subscriptions_created && !target.create_subscriptions);
    let lines: Vec<_> = target
        .line_items
        .iter()
        .map(|line| {
            (line.item.code(), line.quantity, line.unit_amount.get(), line.frequency.is_some())
        })
        .collect();
    assert_eq!(
        lines,
        [("BEANS", 2, 1_250, false), ("MUG", 1, 800, false), ("BEANS", 2, 1_250, true)]
    );
    let body = target.id.as_str().trim_start_matches("ord_");
    let ids: Vec<_> = target.line_items.iter().map(|line| line.id.to_string()).collect();
    assert_eq!(ids, [1, 2, 3].map(|n| format!("lin_{body}_{n}")));
    Ok(())
}

#[test]
fn a_copy_that_places_is_in_progress_until_its_order_is_placed() -> TestResult {
    let options = options(|o| (o.place_target_order, o.reuse_wallet) = (true, true));
    let case = Case::new()?;
    let Copied { copy, changes, target } = case.copied(options)?;
    assert_eq!((copy.status, copy.completed_at), (CopyStatus::InProgress, None));
    assert_eq!(events(&changes), ["order_copies.start"]);
    let (target, told) = target.ok_or("an order")?;
    assert_eq!(events(&told), ["orders.create", "orders.placing"]);
    assert_eq!((target.status, target.placements, target.version), (OrderStatus::Placing, 1, 1));
    assert_eq!(target.payment_source_id, case.source.payment_source_id);

    let later = at("2027-02-10T12:00:05Z")?;
    let (done, change) = target_placed(&copy, later).ok_or("it was under way")?;
    assert_eq!((done.status, done.completed_at), (CopyStatus::Completed, Some(later)));
    assert_eq!(change.event, "order_copies.complete");
    assert_eq!(target_placed(&done, later), None, "once");
    Ok(())
}

#[test]
fn a_refused_order_fails_its_copy_with_the_resource_that_is_bad() -> TestResult {
    let options = options(|o| (o.place_target_order, o.reuse_wallet) = (true, true));
    let Copied { copy, target, .. } = Case::new()?.copied(options)?;
    let (target, _) = target.ok_or("an order")?;
    let refusal = |code: &str, pointer: &str| Rejection {
        code: code.to_owned(),
        detail: "no".to_owned(),
        pointer: format!("/data/relationships/{pointer}"),
    };
    let rejections = [
        refusal("card_expired", "customer_payment_source"),
        refusal("out_of_stock", "line_items/data/1/attributes/quantity"),
        refusal("customer_on_hold", "customer"),
        refusal("market_missing", "market"),
        refusal("line_items_missing", "line_items"),
    ];
    let now = at(NOW)?;
    let (failed, change) = target_rejected(&copy, &target, &rejections, now).ok_or("under way")?;
    assert_eq!((failed.status, failed.failed_at), (CopyStatus::Failed, Some(now)));
    assert_eq!(change.event, "order_copies.fail");
    let source = target.payment_source_id.as_ref().map(ToString::to_string);
    let customer = target.customer_id.as_ref().map(ToString::to_string);
    assert_eq!(
        codes(&failed),
        [
            ("card_expired", source.as_deref()),
            ("out_of_stock", Some("MUG")),
            ("customer_on_hold", customer.as_deref()),
            ("market_missing", Some(target.market_id.as_str())),
            ("line_items_missing", None),
        ]
    );
    assert_eq!(target_rejected(&failed, &target, &rejections, now), None, "it is not under way");

    // By hand: once its order is a draft again, it can be placed by the copy, or for itself.
    let (draft, _) = reject(&target, rejections.to_vec(), now);
    let again = place_again(&failed, &draft, now).ok_or("a draft")?;
    assert_eq!((again.copy.status, again.copy.failed_at), (CopyStatus::InProgress, None));
    let (placing, _) = again.target.ok_or("an order")?;
    assert_eq!((placing.status, placing.placements), (OrderStatus::Placing, 2));
    assert_eq!(place_again(&failed, &placing, now), None);
    let (placed, _) = place(&draft, Collected::Nothing, now);
    assert_eq!(place_again(&failed, &placed, now), None);
    let (done, _) = target_placed(&failed, now).ok_or("placed by hand")?;
    assert_eq!((done.status, done.failed_at), (CopyStatus::Completed, None));
    Ok(())
}

/// What is made wrong about a case.
type Fault = fn(&mut Case);
/// The errors that this leads to, by code and sku, and the lines that are left.
type Expected<'a> = (&'a [(&'a str, Option<&'a str>)], &'a [&'a str]);

#[test]
fn lines_that_cannot_be_copied_fail_the_copy_or_are_left_out_and_named() -> TestResult {
    let gone = |case: &mut Case| drop(case.skus.remove(&SkuId::of_code("MUG")));
    let short = |case: &mut Case| case.stock("BEANS", 1);
    let enough = |case: &mut Case| case.stock("BEANS", 2);
    let all = |case: &mut Case| case.skus.clear();
    let order = placed_order()?.id.to_string();
    let nothing = [
        ("sku_missing", Some("BEANS")),
        ("sku_missing", Some("MUG")),
        ("nothing_to_copy", Some(order.as_str())),
    ];
    let cases: [(Fault, Expected<'_>); 4] = [
        (gone, (&[("sku_missing", Some("MUG"))], &["BEANS"])),
        (short, (&[("out_of_stock", Some("BEANS"))], &["MUG"])),
        (enough, (&[], &["BEANS", "MUG"])),
        (all, (&nothing, &[])),
    ];
    for (change, (errors, left)) in cases {
        let mut case = Case::new()?;
        change(&mut case);
        let strict = case.copied(CopyOptions::default())?;
        let failed = !errors.is_empty();
        assert_eq!(codes(&strict.copy), errors);
        assert_eq!(strict.copy.status == CopyStatus::Failed, failed, "{errors:?}");
        assert_eq!(strict.target.is_none(), failed, "{errors:?}");

        let lenient = case.copied(options(|o| o.skip_errors = true))?;
        assert_eq!(codes(&lenient.copy), errors);
        let copied = lenient.target.map(|(order, _)| order.line_items).unwrap_or_default();
        let copied: Vec<_> = copied.iter().map(|line| line.item.code()).collect();
        assert_eq!(copied, left);
        assert_eq!(lenient.copy.status == CopyStatus::Failed, left.is_empty());
    }
    Ok(())
}

#[test]
fn two_lines_of_one_sku_share_its_stock() -> TestResult {
    let mut case = Case::new()?;
    let beans = case.source.line_items.first().ok_or("a line")?.clone();
    case.source.line_items.push(beans);
    case.stock("BEANS", 3);
    let lenient = case.copied(options(|o| o.skip_errors = true))?;
    assert_eq!(codes(&lenient.copy), [("out_of_stock", Some("BEANS"))]);
    let (order, _) = lenient.target.ok_or("an order")?;
    assert_eq!(order.line_items.len(), 2, "the first two of beans, and the mug");
    Ok(())
}

#[test]
fn promotional_prices_are_taken_only_if_asked_for_in_their_window_and_never_over_a_given_one()
-> TestResult {
    let price = |starts_at: &str| -> TestResult<Price> {
        let list: PriceListId = "prl_eur".parse()?;
        Ok(serde_json::from_value(json!({
            "id": crate::ids::PriceId::on(&list, "BEANS"), "price_list_id": list,
            "sku_code": "BEANS", "currency_code": "EUR", "amount_cents": 1_300,
            "promotional_amount_cents": 990, "promotion_starts_at": starts_at,
            "version": 1, "created_at": PLACED, "updated_at": PLACED,
        }))?)
    };
    for (asked, starts_at, given, expected) in [
        (true, NOW, false, 990),
        (true, "2027-02-10T12:00:01Z", false, 1_250),
        (false, NOW, false, 1_250),
        (true, NOW, true, 1_250),
    ] {
        let mut case = Case::new()?;
        if let Some(line) = case.source.line_items.first_mut().filter(|_| given) {
            line.price_source = PriceSource::Given;
        }
        case.prices.insert("BEANS".to_owned(), price(starts_at)?);
        let copied = case.copied(options(|o| o.apply_promotions = asked))?;
        let (order, _) = copied.target.ok_or("an order")?;
        let amounts: Vec<_> = order.line_items.iter().map(|line| line.unit_amount.get()).collect();
        assert_eq!(amounts, [expected, 800], "{asked} {starts_at} {given}");
    }
    Ok(())
}

#[test]
fn a_market_that_is_gone_fails_the_copy_whatever_it_is_to_leave_out() -> TestResult {
    let mut case = Case::new()?;
    case.market = None;
    let failed = case.copied(options(|o| o.skip_errors = true))?;
    assert_eq!((failed.copy.status, failed.target), (CopyStatus::Failed, None));
    Ok(())
}

#[test]
fn nothing_that_the_source_has_been_through_is_copied() -> TestResult {
    let (mut case, before) = (Case::new()?, at("2027-02-01T00:00:00Z")?);
    let source = &mut case.source;
    (source.create_subscriptions, source.subscriptions_created) = (true, true);
    (source.subscription_created_at, source.subscriptions_expire_at) = (Some(before), Some(before));
    source.manual_subscription_ids = vec![SubscriptionId::derived(&["by hand"])];
    source.order_subscription_id = Some(SubscriptionId::derived(&["left by its run"]));
    source.order_copy_id = Some(OrderCopyId::of(&OrderId::derived(&["older"]), Uuid::nil()));
    source.reference_origin = Some("shop".to_owned());
    source.rejections = vec![Rejection {
        code: "out_of_stock".to_owned(),
        detail: "no".to_owned(),
        pointer: "/data".to_owned(),
    }];
    for line in source.line_items.iter_mut().take(1) {
        line.annotations.reference = Some("row 1".to_owned());
        (line.annotations.created_at, line.annotations.updated_at) = (Some(before), Some(before));
    }
    let (target, told) = case.copied(CopyOptions::default())?.target.ok_or("an order")?;
    let id = OrderId::derived(&["target"]);
    let copy_id = OrderCopyId::of(&case.source.id, Uuid::nil());
    let line_id = |place: u32| format!("lin_{}_{place}", id.as_str().trim_start_matches("ord_"));
    let expected: Order = serde_json::from_value(json!({
        "id": id, "status": "draft", "payment_status": "unpaid", "currency": "EUR",
        "market_id": case.source.market_id, "customer_id": case.source.customer_id,
        "line_items": [
            {
                "id": line_id(1), "sku_code": "BEANS", "name": "beans", "quantity": 2,
                "unit_amount": 1_250, "annotations": {"reference": "row 1"},
            },
            {
                "id": line_id(2), "sku_code": "MUG", "name": "mug", "quantity": 1,
                "unit_amount": 800,
            },
        ],
        "metadata": {"campaign": "spring"}, "order_copy_id": copy_id,
        "created_at": NOW, "updated_at": NOW, "version": 1, "journal": Head::default(),
    }))?;
    assert_eq!(target, expected);
    let created = Change {
        event: "orders.create",
        before: Value::Null,
        after: json!({
            "status": "draft", "market_id": case.source.market_id, "currency_code": "EUR",
            "total_amount_cents": 3_300, "line_items": 2, "order_copy_id": copy_id,
            "order_subscription_id": null,
        }),
    };
    assert_eq!(told, [created]);
    Ok(())
}

#[test]
fn the_journal_of_a_copy_tells_where_it_stands_its_order_and_what_went_wrong() -> TestResult {
    let mut case = Case::new()?;
    let copy = case.copied(CopyOptions::default())?;
    let target = OrderId::derived(&["target"]);
    let told: Vec<_> = copy.changes.iter().map(|one| (one.before.clone(), &one.after)).collect();
    let (pending, begun) = (json!({"status": "pending"}), json!({"status": "in_progress"}));
    let done = json!({"status": "completed", "target_order_id": target});
    assert_eq!(told, [(pending, &begun), (begun.clone(), &done)]);
    case.skus.clear();
    let failed = case.copied(CopyOptions::default())?;
    let last = failed.changes.last().ok_or("two changes")?;
    assert_eq!(last.after, json!({"status": "failed", "error": "nothing_to_copy"}));

    let asked = new_copy(
        OrderCopyId::of(&case.source.id, Uuid::nil()),
        &case.source,
        options(|o| o.skip_errors = true),
        at(NOW)?,
    );
    let created = copy_creation(&asked);
    assert_eq!((created.event, created.before), ("order_copies.create", Value::Null));
    let expected = json!({
        "status": "pending", "source_order_id": case.source.id,
        "options": {
            "place_target_order": false, "reuse_wallet": false, "cancel_source_order": false,
            "apply_promotions": false, "skip_errors": true, "ignore_invalid_coupon": false,
        },
    });
    assert_eq!(created.after, expected);
    Ok(())
}

#[test]
fn an_order_that_gives_way_to_its_copy_is_cancelled_and_says_why() -> TestResult {
    let (before, now) = (placed_order()?, at(NOW)?);
    let (after, change) = cancel_order(&before, now);
    assert_eq!((after.status, after.version, after.updated_at), (OrderStatus::Cancelled, 4, now));
    let told = json!({"status": "cancelled", "reason": "a copy takes its place"});
    let expected =
        Change { event: "orders.cancel", before: json!({"status": "placed"}), after: told };
    assert_eq!(change, expected);
    Ok(())
}
