//! Events and versions: what the journal means to those who subscribe, and who changed what. Names
//! and their order are worked out by hand from `docs/events.md`.

use perennial_local::identity::{Role, TokenRequest};
use perennial_tests::{
    Plan, Shop, TestResult,
    documents::{self, line},
    shop::BEANS,
};
use reqwest::Method;
use serde_json::{Value, json};

/// The names of the events under a path.
async fn names(shop: &Shop, path: &str) -> TestResult<Vec<String>> {
    let events = shop.api.all(path).await?;
    let name = |event: &Value| event["attributes"]["name"].as_str().unwrap_or_default().to_owned();
    Ok(events.iter().map(name).collect())
}

#[tokio::test]
async fn a_paid_run_is_told_to_all_whom_it_concerns() -> TestResult {
    let shop = Shop::open_at("2027-01-31T10:00:00Z").await?;
    let order = shop.order(&[line(BEANS, 2, "monthly")]).await?;
    let made = shop.subscriptions_of(&order).await?;
    let [subscription] = &made[..] else { panic!("{made:?}") };
    shop.advance("P1MT5M").await?;

    assert_eq!(
        names(&shop, &format!("orders/{order}/events")).await?,
        ["orders.create", "orders.placing", "orders.place", "payments.collect"]
    );
    let of_subscription = format!("order_subscriptions/{subscription}/events");
    assert_eq!(
        names(&shop, &of_subscription).await?,
        [
            "order_subscriptions.create",
            "order_subscriptions.activate",
            "order_subscriptions.last_run_succeeded",
        ]
    );
    let copies = format!("order_subscriptions/{subscription}/recurring_order_copies");
    let copies = shop.api.get(&copies).await?;
    let copy = copies.text("/data/0/id")?;
    assert_eq!(
        names(&shop, &format!("recurring_order_copies/{copy}/events")).await?,
        [
            "recurring_order_copies.create",
            "recurring_order_copies.start",
            "recurring_order_copies.complete",
        ]
    );
    let target = copies.text("/data/0/relationships/target_order/data/id")?;
    assert_eq!(
        names(&shop, &format!("orders/{target}/events")).await?,
        ["orders.create", "payments.collect", "orders.place"]
    );

    let listed = shop.api.get(&format!("orders/{target}/events")).await?;
    let id = listed.text("/data/0/id")?;
    let event = shop.api.get(&format!("events/{id}")).await?;
    assert_eq!(event.at("/data/attributes"), listed.at("/data/0/attributes"));
    assert_eq!(event.attribute("resource_type"), "orders");
    assert_eq!(event.attribute("resource_id"), &json!(target));
    // The subscription's second entry came with the run.
    assert_eq!(event.attribute("sequence"), 2);
    assert_eq!(id, format!("evt_{subscription}_2_50"));
    let by_filter = format!("events?filter[q][resource_id_eq]={target}");
    assert_eq!(shop.api.get(&by_filter).await?.at("/data"), listed.at("/data"));
    let with = shop.api.get(&format!("orders/{target}?include=events")).await?;
    // An include brings the newest first.
    assert_eq!(with.at("/included/0/attributes/name"), "orders.place");
    assert_eq!(with.at("/included/2/attributes/name"), "orders.create");
    shop.prove_events().await
}

#[tokio::test]
async fn a_declined_run_is_told_each_time_until_it_is_given_up() -> TestResult {
    let model = json!({"retry_policy": {
        "delays_in_minutes": [1440], "maximum": 1, "on_exhausted": "pause",
    }});
    let shop = Plan::at("2027-01-31T10:00:00Z")?.model(model).open().await?;
    let subscription = shop.subscribe("monthly").await?;
    let source = shop.new_source("tok_declines_9").await?;
    shop.pay_by(&subscription, &source).await?;
    shop.advance("P1M3D").await?;

    let of_subscription = format!("order_subscriptions/{subscription}/events");
    assert_eq!(
        names(&shop, &of_subscription).await?,
        [
            "order_subscriptions.create",
            "order_subscriptions.activate",
            "order_subscriptions.update",
            "order_subscriptions.last_run_failed",
            "order_subscriptions.last_run_failed",
            "order_subscriptions.deactivate",
        ]
    );
    let copies = format!("order_subscriptions/{subscription}/recurring_order_copies");
    let copies = shop.api.get(&copies).await?;
    let copy = copies.text("/data/0/id")?;
    assert_eq!(
        names(&shop, &format!("recurring_order_copies/{copy}/events")).await?,
        [
            "recurring_order_copies.create",
            "recurring_order_copies.start",
            "recurring_order_copies.fail",
        ]
    );
    let target = copies.text("/data/0/relationships/target_order/data/id")?;
    assert_eq!(
        names(&shop, &format!("orders/{target}/events")).await?,
        ["orders.create", "payments.decline", "payments.decline", "orders.cancel"]
    );
    Ok(())
}

#[tokio::test]
async fn an_order_whose_payment_is_declined_says_so_and_a_deleted_draft_was_destroyed() -> TestResult
{
    let shop = Plan::at("2027-01-31T10:00:00Z")?.paying_with("tok_declines_9").open().await?;
    let order = shop.order(&[line(BEANS, 1, "monthly")]).await?;
    assert_eq!(
        names(&shop, &format!("orders/{order}/events")).await?,
        ["orders.create", "orders.placing", "orders.reject", "payments.decline"]
    );
    let draft = shop.api.create("orders", &shop.order_document(json!({}))).await?.id()?;
    shop.api.request(Method::DELETE, &format!("orders/{draft}")).send().await?.with_status(204)?;
    let left = names(&shop, &format!("events?filter[q][resource_id_eq]={draft}")).await?;
    assert_eq!(left, ["orders.create", "orders.destroy"]);
    Ok(())
}

#[tokio::test]
async fn copies_of_orders_are_told_by_hand_and_by_run() -> TestResult {
    let shop = Shop::open_at("2027-01-31T10:00:00Z").await?;
    let lines = json!([{"sku_code": BEANS, "quantity": 2}]);
    let source = shop.order_document(json!({"line_items": lines, "_place": true}));
    let source = shop.api.create("orders", &source).await?.id()?;
    shop.settle().await?;
    let from_source = [("source_order", "orders", source.as_str())];

    let copy = documents::create("order_copies", json!({}), &from_source);
    let copy = shop.api.create("order_copies", &copy).await?.id()?;
    shop.settle().await?;
    let told = ["order_copies.create", "order_copies.start", "order_copies.complete"];
    assert_eq!(names(&shop, &format!("order_copies/{copy}/events")).await?, told);
    let target = shop.api.get(&format!("order_copies/{copy}/target_order")).await?.id()?;
    assert_eq!(names(&shop, &format!("orders/{target}/events")).await?, ["orders.create"]);

    for (place, of_target) in [
        (true, &["orders.create", "payments.collect", "orders.place"][..]),
        (false, &["orders.create"]),
    ] {
        let attributes = json!({"frequency": "monthly", "place_target_order": place});
        let made = documents::create("order_subscriptions", attributes, &from_source);
        let made = shop.api.create("order_subscriptions", &made).await?.id()?;
        shop.advance("P1M1D").await?;
        let copies = shop.api.get(&format!("order_subscriptions/{made}/order_copies")).await?;
        let copy = copies.text("/data/0/id")?;
        assert_eq!(names(&shop, &format!("order_copies/{copy}/events")).await?, told);
        let target = shop.api.get(&format!("order_copies/{copy}/target_order")).await?.id()?;
        assert_eq!(names(&shop, &format!("orders/{target}/events")).await?, of_target);

        let path = format!("order_subscriptions/{made}");
        let cancel = documents::update("order_subscriptions", &made, &json!({"_cancel": true}));
        shop.api.patch(&path, &cancel).send().await?.with_status(200)?;
        shop.api.request(Method::DELETE, &path).send().await?.with_status(204)?;
        let left = names(&shop, &format!("events?filter[q][resource_id_eq]={made}")).await?;
        assert_eq!(
            left,
            [
                "order_subscriptions.create",
                "order_subscriptions.activate",
                "order_subscriptions.last_run_succeeded",
                "order_subscriptions.cancel",
                "order_subscriptions.destroy",
            ]
        );
    }
    Ok(())
}

#[tokio::test]
async fn pages_of_any_size_tell_every_event_once_in_both_directions() -> TestResult {
    let shop = Shop::open_at("2027-01-31T10:00:00Z").await?;
    let subscription = shop.subscribe("monthly").await?;
    // Each makes two entries: the edit and the change of status.
    for (month, trigger) in [(3, "_deactivate"), (4, "_activate"), (5, "_deactivate")] {
        let attributes =
            json!({trigger: true, "expires_at": format!("2028-0{month}-01T00:00:00Z")});
        let document = documents::update("order_subscriptions", subscription.as_str(), &attributes);
        let path = format!("order_subscriptions/{subscription}");
        shop.api.patch(&path, &document).send().await?.with_status(200)?;
    }
    let path = format!("order_subscriptions/{subscription}/events");
    let ids = async |query: &str| -> TestResult<Vec<String>> {
        let events = shop.api.all(&format!("{path}?{query}")).await?;
        Ok(events.iter().map(|event| event["id"].as_str().unwrap_or_default().to_owned()).collect())
    };
    let mut whole = ids("page[size]=100").await?;
    assert_eq!(whole.len(), 2 + 6, "{whole:?}");
    for size in [1, 2, 3, 5] {
        assert_eq!(ids(&format!("page[size]={size}")).await?, whole, "pages of {size}");
    }
    // Smaller pages after a larger one go on where that has ended.
    let larger = shop.api.get(&format!("{path}?page[size]=5")).await?;
    let cursor = larger.text("/meta/page/next_cursor")?;
    assert_eq!(ids(&format!("page[size]=1&page[cursor]={cursor}")).await?, whole[5..]);
    whole.reverse();
    for size in [1, 2, 3, 100] {
        let sorted = ids(&format!("sort=-created_at&page[size]={size}")).await?;
        assert_eq!(sorted, whole, "pages of {size}, backward");
    }
    let numbered = ids("page[size]=2&page[number]=2&sort=-created_at").await?;
    assert_eq!(numbered.first(), whole.get(2));
    Ok(())
}

#[tokio::test]
async fn versions_say_who_changed_what() -> TestResult {
    let shop = Shop::open_at("2027-01-31T10:00:00Z").await?;
    let subscription = shop.subscribe("monthly").await?;
    let expires_at = json!("2028-01-01T00:00:00Z");
    let path = format!("order_subscriptions/{subscription}");
    let attributes = json!({"expires_at": expires_at});
    let document = documents::update("order_subscriptions", subscription.as_str(), &attributes);
    let operator = shop.api_as(Role::Operator)?;
    operator.patch(&path, &document).send().await?.with_status(200)?;

    let versions = shop.api.get(&format!("{path}/versions")).await?;
    assert_eq!(versions.list()?.len(), 2);
    let (made, edited) = ("/data/0/attributes", "/data/1/attributes");
    assert_eq!(versions.at(&format!("{made}/event")), "create");
    assert_eq!(versions.at(&format!("{made}/who/role")), "system");
    assert_eq!(versions.at(&format!("{made}/changes/status")), &json!([null, "active"]));
    assert_eq!(versions.at(&format!("{edited}/event")), "update");
    assert_eq!(versions.at(&format!("{edited}/who/role")), "operator");
    let changes = versions.at(&format!("{edited}/changes"));
    assert_eq!(changes, &json!({"expires_at": [null, expires_at]}));
    let id = versions.text("/data/1/id")?;
    assert_eq!(id, format!("ver_{subscription}_2"));
    let version = shop.api.get(&format!("versions/{id}")).await?;
    assert_eq!(version.at("/data/attributes"), versions.at(edited));
    let latest = shop.api.get(&format!("{path}/versions?sort=-created_at&page[size]=1")).await?;
    assert_eq!(latest.at("/data/0/id"), &json!(id));
    Ok(())
}

#[tokio::test]
async fn events_and_versions_are_for_those_who_see_what_they_are_about() -> TestResult {
    let shop = Shop::open_at("2027-01-31T10:00:00Z").await?;
    let subscription = shop.subscribe("monthly").await?;
    let paths = [
        format!("order_subscriptions/{subscription}/events"),
        format!("order_subscriptions/{subscription}/versions"),
        format!("events/evt_{subscription}_1_1"),
        format!("versions/ver_{subscription}_1"),
    ];
    let of = |market: &str| -> TestResult<_> {
        let token = TokenRequest::new("acme", Role::Integration)?.in_market(market)?;
        Ok(shop.api.with_token(Some(shop.stack.sign(&token)?)))
    };
    let (ours, others) = (of(&shop.goods.market)?, of("mkt_other")?);
    let stranger = shop.api.with_token(Some(shop.stack.token("other", Role::Operator)?));
    let channel = shop.api_as(Role::SalesChannel)?;
    for path in &paths {
        ours.get(path).await?;
        for (who, api, status) in [
            ("another market", &others, 404),
            ("a stranger", &stranger, 404),
            ("a shop", &channel, 403),
        ] {
            let answer = api.request(Method::GET, path).send().await?;
            assert_eq!(answer.status, status, "{who}: {path}: {:#}", answer.body);
        }
    }
    for list in ["events", "versions"] {
        let path = format!("{list}?filter[q][resource_id_eq]={subscription}");
        assert!(others.get(&path).await?.list()?.is_empty());
        assert!(!ours.get(&path).await?.list()?.is_empty());
        let unfiltered = shop.api.request(Method::GET, list).send().await?.with_status(400)?;
        assert_eq!(unfiltered.errors(), ["invalid_parameter filter[q][resource_id_eq]"]);
    }
    for none in [
        format!("events/evt_{subscription}_1_3"),
        format!("events/evt_{subscription}_99_1"),
        format!("events/evt_{subscription}_01_1"),
        format!("versions/ver_{subscription}_99"),
        format!("versions/ver_{subscription}_01"),
        "events/evt_".to_owned(),
        "versions/ver_x".to_owned(),
    ] {
        let answer = shop.api.request(Method::GET, &none).send().await?;
        assert_eq!(answer.status, 404, "{none}: {:#}", answer.body);
    }
    Ok(())
}

/// Every `<resource>.<event>` in quotes in a source file outside of its tests.
fn events_named(source: &str) -> impl Iterator<Item = &str> {
    let code = source.split("#[cfg(test)]").next().unwrap_or_default();
    code.split('"').filter(|text| {
        let word = |word: &str| {
            !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
        };
        text.split_once('.').is_some_and(|(resource, event)| {
            let known = ["orders", "order_subscriptions", "order_copies", "recurring_order_copies"];
            known.contains(&resource) && word(event)
        })
    })
}

#[test]
fn every_change_that_the_code_tells_the_journal_has_a_topic_and_every_topic_a_row() -> TestResult {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut folders = vec![root.join("shared/domain/src"), root.join("functions/src")];
    let mut seen = 0;
    while let Some(folder) = folders.pop() {
        for file in std::fs::read_dir(folder)? {
            let path = file?.path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let name = path.to_string_lossy().into_owned();
            if !name.ends_with(".rs") || name.ends_with("tests.rs") || name.contains("event_topics")
            {
                continue;
            }
            let source = std::fs::read_to_string(&path)?;
            for event in events_named(&source) {
                // The one that goes by another name than its topic, which clients know.
                let known = event == "orders.delete"
                    || perennial_domain::event_topics::topic(event).is_some();
                assert!(known, "{name}: {event:?} has no row in event_topics/table.rs");
                seen += 1;
            }
        }
    }
    assert!(seen >= 30, "only {seen} events were found: are they told otherwise by now?");
    let page = std::fs::read_to_string(root.join("docs/events.md"))?;
    for topic in perennial_domain::event_topics::TOPICS {
        let row = format!("| `{}` | {} | `{}` |", topic.name, topic.about, topic.resource);
        assert!(page.contains(&row), "docs/events.md has no row {row:?}");
    }
    Ok(())
}
