//! How sources and the whole service do, as operators and load balancers are told.

use perennial_local::identity::Role;
use perennial_tests::{Shop, TestResult};
use reqwest::Method;
use serde_json::json;

use super::{NOW, send_small, small};

#[tokio::test]
async fn a_channel_tells_what_came_what_was_refused_and_how_late_it_was() -> TestResult {
    let shop = Shop::open_at(NOW).await?;
    small(&shop, "web", json!({"expected_every_minutes": 60})).await?;
    let health = shop.api.get("channels/web/health").await?;
    assert_eq!(health.attribute("status"), "fail", "none came: {}", health.body);
    let at = |id: &str, beans: i64, at: &str| json!({"id": id, "beans": beans, "at": at});
    // Ten and twenty seconds late; a repeat; a change; one that is refused.
    send_small(&shop, "web", at("1", 1, "2027-01-31T09:59:50Z")).await?.with_status(201)?;
    send_small(&shop, "web", at("2", 1, "2027-01-31T09:59:40Z")).await?.with_status(201)?;
    send_small(&shop, "web", at("2", 1, "2027-01-31T09:59:40Z")).await?.with_status(200)?;
    send_small(&shop, "web", at("2", 2, "2027-01-31T09:59:40Z")).await?.with_status(200)?;
    send_small(&shop, "web", json!({"beans": 1})).await?.with_status(422)?;
    let health = shop.api.get("channels/web/health").await?;
    for (name, expected) in [
        ("messages", json!(5)),
        ("accepted", json!(2)),
        ("repeated", json!(1)),
        ("updated", json!(1)),
        ("rejected", json!(1)),
        ("failed", json!(0)),
        ("error_rate_percent", json!(20)),
        ("status", json!("warn")),
    ] {
        assert_eq!(health.attribute(name), &expected, "{name}: {}", health.body);
    }
    let lag = health.attribute("mean_lag_ms").as_u64().unwrap_or_default();
    assert!((17_500..30_000).contains(&lag), "{lag}");
    let problem = health.attribute("last_problem").as_str().unwrap_or_default();
    assert!(problem.contains("external_id"), "{problem}");
    shop.advance("PT3H").await?;
    let health = shop.api.get("channels/web/health").await?;
    assert_eq!(health.attribute("status"), "fail", "silent for three hours");
    assert_eq!(health.attribute("messages"), 5);
    assert_eq!(health.attribute("error_rate_percent"), &json!(null));
    Ok(())
}

#[tokio::test]
async fn the_plain_api_is_a_source_too() -> TestResult {
    let shop = Shop::open_at(NOW).await?;
    let document = shop.order_document(json!({}));
    shop.api.create("orders", &document).await?;
    let health = shop.api.get("channels/api/health").await?;
    assert_eq!(health.attribute("accepted"), 1);
    assert_eq!(health.attribute("status"), "pass");
    let sales = shop.api_as(Role::SalesChannel)?;
    let refused = sales.request(Method::GET, "channels/api/health").send().await?;
    assert_eq!(refused.status, 403);
    Ok(())
}

#[tokio::test]
async fn the_service_tells_everybody_a_verdict_and_operators_the_numbers() -> TestResult {
    let shop = Shop::open_at(NOW).await?;
    let open = shop.api.with_token(None);
    let health = open.get("health").await?;
    assert_eq!(health.at("/status"), "pass", "{}", health.body);
    assert_eq!(health.at("/checks/queues:depth"), &json!([{"status": "pass"}]));
    // The first letters of a release are its year: 2026e.
    assert!(health.at("/time_zones").as_str().is_some_and(|release| release >= "2026"));
    let text = health.body.to_string();
    assert!(!text.contains("observed") && !text.contains("validation"), "{text}");
    let kind = health.headers.get("content-type").and_then(|kind| kind.to_str().ok());
    assert_eq!(kind, Some("application/health+json"));
    assert_eq!(open.request(Method::GET, "health/details").send().await?.status, 401);
    for (role, status) in [
        (Role::SalesChannel, 403),
        (Role::Approver, 403),
        (Role::Operator, 200),
        (Role::Integration, 200),
    ] {
        let answer = shop.api_as(role)?.request(Method::GET, "health/details").send().await?;
        assert_eq!(answer.status, status, "{role:?}");
    }

    small(&shop, "web", json!({})).await?;
    send_small(&shop, "web", json!({"beans": 1})).await?.with_status(422)?;
    shop.advance("PT1M").await?;
    let details = shop.api_as(Role::Operator)?.get("health/details").await?;
    assert_eq!(details.at("/status"), "warn", "{}", details.body);
    let letters = details.at("/checks/dead_letters:open/0");
    assert_eq!((&letters["status"], &letters["observedValue"]), (&json!("warn"), &json!(1)));
    let shards = details.at("/checks/schedule:lag").as_array().map_or(0, Vec::len);
    assert_eq!(shards, 16);
    let queues = details.at("/checks/queues:depth").as_array().cloned().unwrap_or_default();
    assert!(queues.iter().any(|queue| queue["componentId"] == "validation"));
    Ok(())
}
