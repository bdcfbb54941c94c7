//! Chapter 8, "Fetching Data": every operation that reads, over what a shop has after a month.

use std::collections::BTreeMap;

use perennial_tests::{Answer, Shop, TestResult};
use reqwest::Method;
use serde_json::{Value, json};

use super::{conforming, names, read, running_shop};

/// 7 and 8.1: whatever is read has the structure of the specification, whatever links lead to is
/// there, and what a relationship identifies is what its link answers (7.2.5).
#[tokio::test]
async fn every_list_every_resource_and_every_related_resource_conforms() -> TestResult {
    let (shop, _) = running_shop().await?;
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for path in lists() {
        let answer = shop.api.request(Method::GET, &path).send().await?;
        // A few lists need a filter; that is told by an error that conforms as well.
        let answer = conforming(&path, answer)?;
        for resource in answer.at("/data").as_array().into_iter().flatten().take(3) {
            let count = follow(&shop, resource).await?;
            *seen.entry(path.clone()).or_default() += count;
        }
    }
    // Were nothing there, nothing would be proved.
    for kind in ["orders", "order_subscriptions", "markets", "customers", "skus"] {
        assert!(seen.get(kind).is_some_and(|count| *count > 0), "{kind}: {seen:?}");
    }
    Ok(())
}

/// The paths of all lists, below `/api`.
fn lists() -> Vec<String> {
    let openapi = perennial_functions::openapi();
    let paths = openapi["paths"].as_object().into_iter().flatten();
    paths
        .filter(|(path, methods)| !path.contains('{') && methods["get"]["tags"].is_array())
        .filter_map(|(path, _)| path.strip_prefix("/api/").map(str::to_owned))
        .collect()
}

/// Reads a resource by its own link, and what its relationships link to; counts them.
async fn follow(shop: &Shop, resource: &Value) -> TestResult<usize> {
    let Some(path) = linked(&resource["links"]["self"]) else { return Ok(0) };
    let itself = read(shop, &path).await?;
    assert_eq!(names(itself.at("/data")), names(resource), "{path}");
    let relationships = itself.at("/data/relationships").as_object().cloned().unwrap_or_default();
    for (name, relationship) in &relationships {
        let Some(path) = linked(&relationship["links"]["related"]) else { continue };
        let related = read(shop, &path).await?;
        let Some(data) = relationship.get("data") else { continue };
        assert_eq!(names(related.at("/data")), names(data), "{name} of {path}");
        assert_eq!(related.at("/data").is_array(), data.is_array(), "{name} of {path}");
    }
    Ok(1 + relationships.len())
}

/// A link's path below `/api`.
fn linked(link: &Value) -> Option<String> {
    link.as_str()?.strip_prefix("/api/").map(str::to_owned)
}

/// 8.1.1.1: a relationship to nothing is answered 200 with null, not 404.
#[tokio::test]
async fn a_relationship_to_nothing_is_answered_null() -> TestResult {
    let (shop, order) = running_shop().await?;
    let answer = read(&shop, &format!("orders/{order}/order_subscription")).await?;
    assert_eq!(answer.body["data"], Value::Null);
    assert!(answer.body.get("data").is_some());
    Ok(())
}

/// 8.1.1.1 and 8.1.2: what doesn't exist is answered 404.
#[tokio::test]
async fn what_is_not_there_is_answered_404() -> TestResult {
    let (shop, order) = running_shop().await?;
    for path in [
        "orders/ord_00".to_owned(),
        "orders/ord_00/market".to_owned(),
        format!("orders/{order}/secrets"),
    ] {
        let answer = shop.api.request(Method::GET, &path).send().await?.with_status(404)?;
        if !path.ends_with("secrets") {
            assert_eq!(conforming(&path, answer)?.errors(), ["not_found"]);
        }
    }
    Ok(())
}

/// 7.1.1 Links: `self` is the link that generated the document.
#[tokio::test]
async fn a_document_links_to_itself_with_its_query() -> TestResult {
    let (shop, order) = running_shop().await?;
    for path in [
        format!("orders/{order}"),
        format!("orders/{order}?include=market"),
        format!("orders/{order}/market?fields[markets]=name"),
        "orders?page[size]=1".to_owned(),
    ] {
        let answer = read(&shop, &path).await?;
        let link = answer.text("/links/self")?;
        let again = link.strip_prefix("/api/").ok_or("another link")?;
        assert_eq!(read(&shop, again).await?.body, answer.body, "{path}");
        assert!(link.contains('?') == path.contains('?'), "{link}");
    }
    Ok(())
}

/// 8.6 Pagination: `first`, `last`, `prev` and `next` lead through all pages, there and back; what
/// there is none of is null.
#[tokio::test]
async fn pages_lead_to_each_other() -> TestResult {
    let (shop, _) = running_shop().await?;
    let all = names(read(&shop, "orders?page[size]=100").await?.at("/data"));
    assert_eq!(all.len(), 6);
    let page = async |link: &str| -> TestResult<Answer> {
        read(&shop, link.strip_prefix("/api/").unwrap_or(link)).await
    };
    let mut there = Vec::new();
    let mut answer = page("orders?page[size]=4&page[number]=1").await?;
    assert_eq!(answer.at("/links/prev"), &Value::Null);
    let first = answer.body.clone();
    loop {
        there.extend(names(answer.at("/data")));
        let Some(next) = answer.at("/links/next").as_str().map(str::to_owned) else { break };
        answer = page(&next).await?;
    }
    assert_eq!(there, all);
    let last = page(&answer.text("/links/last")?).await?;
    assert_eq!(names(last.at("/data")), names(answer.at("/data")));
    let back = page(&answer.text("/links/prev")?).await?;
    assert_eq!(names(back.at("/data")), names(&first["data"]));
    let again = page(&answer.text("/links/first")?).await?;
    assert_eq!(again.body["data"], first["data"]);
    assert_eq!(answer.at("/meta/page_count"), &json!(2));
    Ok(())
}
