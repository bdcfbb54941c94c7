//! Chapter 7.5, "Compound Documents", and 8.3, "Inclusion of Related Resources".

use perennial_tests::TestResult;
use reqwest::Method;
use serde_json::{Value, json};

use super::{conforming, names, read, running_shop};

/// 7.5: every included resource is linked from the primary data, and none is there twice; 8.3: the
/// resources on the way of a path of several steps are included, too.
#[tokio::test]
async fn what_is_included_is_linked_once_and_with_all_on_the_way() -> TestResult {
    let (shop, order) = running_shop().await?;
    let path = format!(
        "orders/{order}?include=market.subscription_model,order_subscriptions.recurring_order_copies.\
         target_order,order_subscriptions.market,line_items,customer"
    );
    let answer = read(&shop, &path).await?;
    let mut kinds: Vec<String> = names(answer.at("/included")).into_iter().map(|n| n.0).collect();
    kinds.sort();
    let count = |kind: &str| kinds.iter().filter(|found| *found == kind).count();
    // Four weekly runs by 28 February and one monthly, each with its order.
    for (kind, expected) in [
        ("markets", 1),
        ("subscription_models", 1),
        ("order_subscriptions", 2),
        ("recurring_order_copies", 5),
        ("orders", 5),
        ("line_items", 2),
        ("customers", 1),
    ] {
        assert_eq!(count(kind), expected, "{kind} of {kinds:?}");
    }
    Ok(())
}

/// 8.3: a list brings what its resources share once; what was not asked for is not included.
#[tokio::test]
async fn what_several_resources_share_is_included_once() -> TestResult {
    let (shop, _) = running_shop().await?;
    let answer = read(&shop, "order_subscriptions?include=market,source_order").await?;
    assert_eq!(answer.list()?.len(), 2);
    let mut kinds: Vec<String> = names(answer.at("/included")).into_iter().map(|n| n.0).collect();
    kinds.sort();
    assert_eq!(kinds, ["markets", "orders"]);
    Ok(())
}

/// 8.3: with `include`, even an empty one, there is `included`; without it there is none.
#[tokio::test]
async fn included_is_there_exactly_if_it_was_asked_for() -> TestResult {
    let (shop, order) = running_shop().await?;
    let bare = read(&shop, &format!("orders/{order}")).await?;
    assert!(bare.body.get("included").is_none());
    for include in ["", "order_subscription"] {
        let answer = read(&shop, &format!("orders/{order}?include={include}")).await?;
        assert_eq!(answer.at("/included"), &json!([]), "{include:?}");
    }
    Ok(())
}

/// 8.3: a path that leads nowhere is answered 400.
#[tokio::test]
async fn a_path_that_is_no_relationship_is_refused() -> TestResult {
    let (shop, order) = running_shop().await?;
    for include in ["secrets", "market.secrets", "market..customer", "line_items.order.x"] {
        let path = format!("orders/{order}?include={include}");
        let answer = shop.api.request(Method::GET, &path).send().await?.with_status(400)?;
        assert_eq!(conforming(&path, answer)?.errors(), ["invalid_parameter include"], "{include}");
    }
    Ok(())
}

/// 7.5: linkage that a sparse fieldset leaves out doesn't forbid to include what it leads to.
#[tokio::test]
async fn included_resources_have_the_fields_wanted_of_their_type() -> TestResult {
    let (shop, order) = running_shop().await?;
    let path =
        format!("orders/{order}?include=market&fields[markets]=name&fields[orders]=status,market");
    let answer = read(&shop, &path).await?;
    let keys = |value: &Value| -> Vec<String> {
        value.as_object().into_iter().flat_map(|members| members.keys().cloned()).collect()
    };
    assert_eq!(keys(answer.at("/data/attributes")), ["status"]);
    assert_eq!(keys(answer.at("/data/relationships")), ["market"]);
    assert_eq!(keys(answer.at("/included/0/attributes")), ["name"]);
    assert!(answer.at("/included/0/relationships").is_null());
    Ok(())
}

/// 7.4: what leads to one resource is linked as one, also where only its inclusion finds it.
#[tokio::test]
async fn a_relationship_to_one_is_linked_as_one_however_it_is_found() -> TestResult {
    let (shop, order) = running_shop().await?;
    let answer =
        read(&shop, &format!("orders/{order}/order_factories?include=source_order")).await?;
    assert_eq!(answer.list()?.len(), 5);
    for copy in answer.list()? {
        let linked = copy.pointer("/relationships/source_order/data");
        assert_eq!(linked, Some(&json!({"type": "orders", "id": order})), "{copy:#}");
    }
    Ok(())
}
