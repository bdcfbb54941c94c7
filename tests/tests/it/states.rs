//! Every trigger and edit in every state: it is done, or refused with the state and what is possible.

use perennial_domain::ids::SubscriptionId;
use perennial_tests::{
    Answer, Plan, Shop, TestResult,
    documents::{self, line, sku},
    gate::{Gate, Mode},
    shop::BEANS,
};
use serde_json::{Value, json};

const KIND: &str = "order_subscriptions";

/// What can be asked, with what is asked of the API.
const ASKED: [(&str, Asked); 16] = [
    ("_activate", Asked::Attribute("_activate")),
    ("_deactivate", Asked::Attribute("_deactivate")),
    ("_cancel", Asked::Attribute("_cancel")),
    ("_skip_next", Asked::Attribute("_skip_next")),
    ("_run_now", Asked::Attribute("_run_now")),
    ("_reactivate", Asked::Attribute("_reactivate")),
    ("_swap_item", Asked::Attribute("_swap_item")),
    ("frequency", Asked::Attribute("frequency")),
    ("expires_at", Asked::Attribute("expires_at")),
    ("next_run_at", Asked::Attribute("next_run_at")),
    ("resumes_at", Asked::Attribute("resumes_at")),
    ("time_zone", Asked::Attribute("time_zone")),
    ("metadata", Asked::Attribute("metadata")),
    ("payment source", Asked::Source),
    ("a quantity", Asked::Quantity),
    ("one more item", Asked::Item),
];

#[derive(Clone, Copy)]
enum Asked {
    Attribute(&'static str),
    Source,
    Quantity,
    Item,
}

fn value(name: &str) -> Value {
    match name {
        "_swap_item" => json!({"from_sku_code": BEANS, "to_sku_code": "TEA"}),
        "frequency" => json!("weekly"),
        "expires_at" => json!("2028-01-31T00:00:00Z"),
        "next_run_at" => json!("2027-03-10T00:00:00Z"),
        "resumes_at" => json!("2027-03-10T00:00:00Z"),
        "time_zone" => json!("Europe/Berlin"),
        "metadata" => json!({"seen": true}),
        _ => json!(true),
    }
}

async fn ask(shop: &Shop, id: &SubscriptionId, asked: Asked) -> TestResult<Answer> {
    let path = format!("{KIND}/{id}");
    match asked {
        Asked::Attribute(name) => {
            let document = documents::update(KIND, id.as_str(), &json!({name: value(name)}));
            shop.api.patch(&path, &document).send().await
        }
        Asked::Source => {
            let source = &shop.goods.source;
            let mut document = documents::update(KIND, id.as_str(), &json!({}));
            document["data"]["relationships"] = json!({"customer_payment_source": {
                "data": {"type": "customer_payment_sources", "id": source},
            }});
            shop.api.patch(&path, &document).send().await
        }
        Asked::Quantity => {
            let subscription = shop.api.get(&path).await?;
            let item =
                subscription.text("/data/relationships/order_subscription_items/data/0/id")?;
            let kind = "order_subscription_items";
            let document = documents::update(kind, &item, &json!({"quantity": 2}));
            shop.api.patch(&format!("{kind}/{item}"), &document).send().await
        }
        Asked::Item => {
            let kind = "order_subscription_items";
            let related = [("order_subscription", KIND, id.as_str())];
            let attributes = json!({"sku_code": BEANS, "quantity": 1, "one_off": true});
            shop.api.post(kind, &documents::create(kind, attributes, &related)).send().await
        }
    }
}

/// So many subscriptions by one order, monthly.
async fn subscriptions(shop: &Shop) -> TestResult<Vec<SubscriptionId>> {
    let order = shop.order(&vec![line(BEANS, 1, "monthly"); ASKED.len()]).await?;
    shop.subscriptions_of(&order).await
}

async fn edit_all(shop: &Shop, ids: &[SubscriptionId], attributes: Value) -> TestResult {
    for id in ids {
        let document = documents::update(KIND, id.as_str(), &attributes);
        shop.api.patch(&format!("{KIND}/{id}"), &document).send().await?.with_status(200)?;
    }
    Ok(())
}

/// A status, the state within it, the subscriptions in it, what is done to them besides the edits that
/// are done to most, and what a refusal says is possible.
type State<'a> = (&'a str, &'a str, &'a [SubscriptionId], &'a [&'a str], &'a str);

#[tokio::test]
async fn every_trigger_and_edit_is_done_or_refused_with_the_state_and_what_is_possible()
-> TestResult {
    let gate = Gate::before("order-copy");
    let plan = Plan { functions: gate.functions(), ..Plan::at("2027-01-31T10:00:00Z")? };
    let shop = plan.model(json!({"strategy": "by_line_items"})).open().await?;
    shop.api.create("skus", &documents::create("skus", sku("TEA"), &[])).await?;
    gate.set(Mode::Losing);
    let running = subscriptions(&shop).await?;
    shop.advance_to("2027-02-28T10:04:00Z").await?;
    let ended = subscriptions(&shop).await?;
    edit_all(&shop, &ended, json!({"max_occurrences": 1})).await?;
    shop.advance("PT2M").await?;
    let [inactive, active, cancelled] =
        [subscriptions(&shop).await?, subscriptions(&shop).await?, subscriptions(&shop).await?];
    edit_all(&shop, &inactive, json!({"_deactivate": true})).await?;
    edit_all(&shop, &cancelled, json!({"_cancel": true})).await?;

    // What is done in each state; all the rest is refused.
    let edits = ["_swap_item", "expires_at", "payment source", "a quantity", "one more item"];
    let states: [State<'_>; 5] = [
        (
            "inactive",
            "inactive",
            &inactive,
            &["_activate", "_cancel", "frequency", "resumes_at", "time_zone", "metadata"],
            "be activated",
        ),
        (
            "inactive",
            "ended",
            &ended,
            &["_cancel", "frequency", "resumes_at", "time_zone", "metadata"],
            "be activated",
        ),
        (
            "active",
            "active",
            &active,
            &[
                "_deactivate",
                "_cancel",
                "_skip_next",
                "_run_now",
                "frequency",
                "next_run_at",
                "time_zone",
                "metadata",
            ],
            "be deactivated",
        ),
        ("running", "running", &running, &["_deactivate", "_cancel"], "be deactivated"),
        ("cancelled", "cancelled", &cancelled, &["_reactivate", "metadata"], "be reactivated"),
    ];
    for (status, state, ids, done, possible) in states {
        for ((name, asked), id) in ASKED.iter().zip(ids) {
            let edited = edits.contains(name) && !matches!(state, "running" | "cancelled");
            let before = shop.api.get(&format!("{KIND}/{id}")).await?;
            assert_eq!(before.attribute("status"), status, "{state} {id}");
            let answer = ask(&shop, id, *asked).await?;
            if edited || done.contains(name) {
                assert!(answer.status < 300, "{state}: {name}: {:#}", answer.body);
                continue;
            }
            let place = format!("{state}: {name}");
            assert_eq!(answer.status, 409, "{place}: {:#}", answer.body);
            assert!(answer.errors()[0].starts_with("invalid_status"), "{place}");
            let detail = answer.text("/errors/0/detail")?;
            // What has come to its end says how it may go on.
            let says = if (state, *name) == ("ended", "_activate") {
                "max_occurrences is reached: set a later one".to_owned()
            } else if matches!(*name, "next_run_at") && status != "running" && status != "cancelled"
            {
                format!("is {status}; activate it first")
            } else if *name == "resumes_at" && !matches!(status, "running" | "cancelled") {
                format!("is {status}; give it together with _deactivate")
            } else {
                possible.to_owned()
            };
            assert!(detail.contains(&says), "{place}: {detail}");
            assert!(detail.contains(status) || says.contains("later one"), "{place}: {detail}");
            let after = shop.api.get(&format!("{KIND}/{id}")).await?;
            assert_eq!(after.body, before.body, "{place}: nothing is written");
        }
    }
    Ok(())
}
