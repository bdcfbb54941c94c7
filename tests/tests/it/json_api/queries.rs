//! Chapters 6, "Query Parameters", 8.4, "Sparse Fieldsets", and 8.5, "Sorting".

use perennial_tests::TestResult;
use reqwest::Method;
use serde_json::Value;

use super::{conforming, read, running_shop};

/// 6.4 Query Parameters: what the server doesn't know is answered 400, never ignored.
#[tokio::test]
async fn unknown_query_parameters_are_refused() -> TestResult {
    let (shop, order) = running_shop().await?;
    for (path, error) in [
        ("orders?colour=green".to_owned(), "unknown_parameter colour"),
        ("orders?camelCase=1".to_owned(), "unknown_parameter camelCase"),
        (format!("orders/{order}?sort=created_at"), "unknown_parameter sort"),
        (format!("orders/{order}?page[size]=1"), "unknown_parameter page[size]"),
        ("orders?page[colour]=1".to_owned(), "unknown_parameter page[colour]"),
        ("orders?fields[colours]=red".to_owned(), "invalid_parameter fields[colours]"),
        ("orders?filter[colour]=red".to_owned(), "unknown_parameter filter[colour]"),
    ] {
        let answer = shop.api.request(Method::GET, &path).send().await?.with_status(400)?;
        assert_eq!(conforming(&path, answer)?.errors(), [error], "{path}");
    }
    Ok(())
}

/// 8.4: only the fields asked for, attributes and relationships alike; none if none is named.
/// 6.2: brackets may be percent-encoded.
#[tokio::test]
async fn a_sparse_fieldset_is_all_that_is_answered() -> TestResult {
    let (shop, order) = running_shop().await?;
    for (fields, expected) in [
        ("fields[orders]=status,customer", vec!["status", "customer"]),
        ("fields%5Borders%5D=placed_at", vec!["placed_at"]),
        ("fields[orders]=", vec![]),
        ("fields[markets]=name&fields[orders]=market", vec!["market"]),
    ] {
        let answer = read(&shop, &format!("orders/{order}?{fields}")).await?;
        let of = |kind: &str| {
            let members = answer.at(&format!("/data/{kind}")).as_object().cloned();
            members.unwrap_or_default().into_iter().map(|(name, _)| name)
        };
        let found: Vec<String> = of("attributes").chain(of("relationships")).collect();
        assert_eq!(found, expected, "{fields}");
    }
    Ok(())
}

/// 8.5: ascending unless a minus says otherwise, several fields in order; 400 for what can't be sorted
/// by.
#[tokio::test]
async fn lists_are_sorted_as_asked() -> TestResult {
    let (shop, _) = running_shop().await?;
    let totals = async |sort: &str| -> TestResult<Vec<i64>> {
        let answer = read(&shop, &format!("orders?sort={sort}")).await?;
        let total = |order: &Value| order["attributes"]["total_amount_cents"].as_i64();
        Ok(answer.list()?.iter().filter_map(total).collect())
    };
    // One source order of three units, one monthly run of two, four weekly runs of one, at 12.50.
    assert_eq!(totals("total_amount_cents").await?, [1250, 1250, 1250, 1250, 2500, 3750]);
    assert_eq!(totals("-total_amount_cents").await?, [3750, 2500, 1250, 1250, 1250, 1250]);
    assert_eq!(totals("status,-total_amount_cents").await?.first(), Some(&3750));
    let path = "orders?sort=colour";
    let answer = shop.api.request(Method::GET, path).send().await?.with_status(400)?;
    assert_eq!(conforming(path, answer)?.errors(), ["invalid_parameter sort"]);
    Ok(())
}
