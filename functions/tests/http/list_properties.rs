//! Properties of lists: pages by number and by cursor are the same list, and that list is what a
//! plain evaluation of its filters and order over all records says.

use std::cmp::Ordering;

use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::{documents::create, embedded::Stack};

/// A filter, by attribute and predicate, with its value.
type Asked = (&'static str, &'static str, &'static str);

/// Attributes, the predicates asked of each, and the values that each is compared to.
const ASKED: [(&[&str], &[&str], &[&str]); 4] = [
    (
        &["name", "email"],
        &["eq", "not_eq", "in", "not_in", "start", "end", "cont", "matches_any", "does_not_match"],
        &["a", "ab", "B", "%b", "a,b", "_"],
    ),
    (&["credit_limit_cents"], &["eq", "not_eq", "lt", "lteq", "gt", "gteq"], &["0", "1", "2"]),
    (
        &["created_at"],
        &["lt", "lteq", "gt", "gteq"],
        &["2027-01-31T10:00:03Z", "2027-01-31T10:00:07.500Z"],
    ),
    (
        &["name", "credit_limit_cents"],
        &["null", "not_null", "present", "blank"],
        &["true", "false"],
    ),
];

/// Every filter there is of these.
fn filters() -> Vec<Asked> {
    let each = ASKED.iter().flat_map(|(attributes, predicates, values)| {
        attributes.iter().flat_map(move |attribute| {
            predicates.iter().flat_map(move |predicate| {
                values.iter().map(move |value| (*attribute, *predicate, *value))
            })
        })
    });
    each.collect()
}

/// What a pattern of these filters means; none has more than one `%` or `_`.
fn like(pattern: &str, text: &str) -> bool {
    match pattern {
        "_" => text.chars().count() == 1,
        pattern => match pattern.strip_prefix('%') {
            Some(end) => text.ends_with(end),
            None => text == pattern,
        },
    }
}

fn holds((attribute, predicate, value): Asked, record: &Value) -> bool {
    let found = &record["attributes"][attribute];
    let text = found.as_str().unwrap_or_default();
    let lower = (text.to_lowercase(), value.to_lowercase());
    let listed: Vec<&str> = value.split(',').collect();
    let order = match found {
        Value::Number(number) => number.as_i64().unwrap().cmp(&value.parse().unwrap_or(i64::MIN)),
        _ if attribute == "created_at" => {
            let at = |text: &str| chrono::DateTime::parse_from_rfc3339(text).unwrap();
            at(text).cmp(&at(value))
        }
        _ => text.cmp(value),
    };
    let known = !found.is_null();
    match predicate {
        "eq" => known && order.is_eq(),
        "not_eq" => !(known && order.is_eq()),
        "in" => known && listed.contains(&text),
        "not_in" => !(known && listed.contains(&text)),
        "lt" => known && order.is_lt(),
        "lteq" => known && order.is_le(),
        "gt" => known && order.is_gt(),
        "gteq" => known && order.is_ge(),
        "start" => known && lower.0.starts_with(&lower.1),
        "end" => known && lower.0.ends_with(&lower.1),
        "cont" => known && lower.0.contains(&lower.1),
        "matches_any" => known && lower.1.split(',').any(|pattern| like(pattern, &lower.0)),
        "does_not_match" => !(known && like(&lower.1, &lower.0)),
        "null" | "blank" => known == (value == "false"),
        // not_null and present
        _ => known == (value == "true"),
    }
}

/// How two records stand to each other by a signed attribute.
fn compare(sort: &str, a: &Value, b: &Value) -> Ordering {
    let (name, descending) = sort.strip_prefix('-').map_or((sort, false), |name| (name, true));
    let (a, b) = (&a["attributes"][name], &b["attributes"][name]);
    let ordering = match (a, b) {
        (Value::Null, _) | (_, Value::Null) => a.is_null().cmp(&b.is_null()),
        (Value::Number(a), Value::Number(b)) => a.as_i64().cmp(&b.as_i64()),
        _ => a.as_str().cmp(&b.as_str()),
    };
    if descending { ordering.reverse() } else { ordering }
}

fn ids(records: &[Value]) -> Vec<String> {
    records.iter().map(|record| record["id"].as_str().unwrap().to_owned()).collect()
}

/// All pages of a list, one after the other.
async fn walk(stack: &Stack, query: &str, by_number: bool) -> Vec<String> {
    let number = if by_number { "&page[number]=1" } else { "" };
    let mut next = Some(format!("/api/customers?{query}{number}"));
    let mut found = Vec::new();
    while let Some(path) = next {
        let page = stack.get(&path).await.expect(200);
        found.extend(ids(page.at("/data").as_array().unwrap()));
        next = page.at("/links/next").as_str().map(str::to_owned);
        assert!(found.len() <= 100, "pages lead in circles");
    }
    found
}

#[test]
fn pages_by_number_and_by_cursor_are_the_list_that_a_plain_evaluation_gives() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let stack = runtime.block_on(async {
        let stack = Stack::start().await;
        for index in 0..13_usize {
            let name = ["a", "ab", "B", "b%", "c", ""][index % 6];
            let limit = [Some(0), Some(1), Some(2), None][index % 4];
            let customer = json!({
                "email": format!("{}{index}@b", ["a", "ab", "B"][index % 3]),
                "name": (!name.is_empty()).then_some(name),
                "credit_limit_cents": limit,
            });
            let customer = create("customers", &customer, &[]);
            stack.post("/api/customers", &customer).await.expect(201);
            // Two of them at the same instant, now and then.
            let pause = if index % 4 == 0 { 0 } else { 1_000 };
            stack.clock.advance(TimeDelta::milliseconds(pause));
        }
        stack
    });
    let all = |descending: &str| {
        let path = format!("/api/customers?page[size]=100&sort={descending}created_at");
        let page = runtime.block_on(stack.get(&path)).expect(200);
        page.at("/data").as_array().unwrap().clone()
    };
    let (oldest_first, newest_first) = (all(""), all("-"));
    let sorts = [
        "",
        "created_at",
        "-created_at",
        "name",
        "-credit_limit_cents",
        "credit_limit_cents,-name",
    ];
    let asked = filters();
    // Each filter alone and together with another, in turn under each order and size of pages.
    let cases = (0..asked.len()).flat_map(|one| {
        let other = (one * 7 + 3) % asked.len();
        [vec![one], vec![one, other]]
    });
    for (index, case) in std::iter::once(Vec::new()).chain(cases).enumerate() {
        let filters: Vec<Asked> = case.iter().map(|place| asked[*place]).collect();
        let (sort, size) = (sorts[index % sorts.len()], 1 + index % 5);
        let mut names = std::collections::BTreeSet::new();
        if !filters.iter().all(|(name, predicate, _)| names.insert((*name, *predicate))) {
            continue;
        }
        let newest = sort == "-created_at";
        let mut expected = if newest { newest_first.clone() } else { oldest_first.clone() };
        expected.retain(|record| filters.iter().all(|filter| holds(*filter, record)));
        if !sort.ends_with("created_at") {
            expected.sort_by(|a, b| {
                sort.split(',')
                    .filter(|term| !term.is_empty())
                    .fold(Ordering::Equal, |sofar, term| sofar.then_with(|| compare(term, a, b)))
            });
        }
        let mut query = format!("page[size]={size}");
        for (name, predicate, value) in &filters {
            let value = value.replace('%', "%25");
            query.push_str(&format!("&filter[q][{name}_{predicate}]={value}"));
        }
        if !sort.is_empty() {
            query.push_str(&format!("&sort={sort}"));
        }
        let (by_number, by_cursor) = runtime.block_on(async {
            (walk(&stack, &query, true).await, walk(&stack, &query, false).await)
        });
        assert_eq!(by_number, ids(&expected), "{query}");
        assert_eq!(by_cursor, by_number, "{query}");
    }
}
