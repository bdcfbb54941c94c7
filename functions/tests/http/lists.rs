//! Lists over HTTP: pages by number, counts, filters, orders, and what is refused.

use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::{
    documents::create,
    embedded::{Stack, call, claims},
    shop::Shop,
};

/// The values of one attribute on a page.
fn column(page: &crate::embedded::Answer, name: &str) -> Vec<Value> {
    let data = page.at("/data").as_array().unwrap();
    data.iter().map(|object| object["attributes"][name].clone()).collect()
}

/// Five customers, a second apart, from Ann to Eve.
async fn customers() -> Stack {
    let stack = Stack::start().await;
    for (name, limit, hold) in [
        (Some("Ann"), Some(500), false),
        (Some("Bob"), None, true),
        (None, Some(100), false),
        (Some("Dan_d"), Some(300), false),
        (Some("Eve"), Some(100), true),
    ] {
        let email = format!("{}@example.com", name.unwrap_or("Cyd"));
        let customer = json!({
            "email": email, "name": name, "credit_limit_cents": limit, "on_hold": hold,
        });
        let customer = create("customers", &customer, &[]);
        stack.post("/api/customers", &customer).await.expect(201);
        stack.clock.advance(TimeDelta::seconds(1));
    }
    stack
}

#[tokio::test]
async fn pages_by_number_tell_how_many_there_are_and_lead_to_each_other() {
    let stack = customers().await;
    let page = stack.get("/api/customers?page[number]=2&page[size]=2&sort=created_at").await;
    let page = page.expect(200);
    assert_eq!(column(&page, "email"), ["Cyd@example.com", "Dan_d@example.com"]);
    assert_eq!(page.at("/meta/record_count"), 5);
    assert_eq!(page.at("/meta/page_count"), 3);
    let base = "/api/customers?page%5Bsize%5D=2&sort=created_at&page%5Bnumber%5D=";
    for (link, number) in [("first", 1), ("prev", 1), ("next", 3), ("last", 3)] {
        assert_eq!(page.at(&format!("/links/{link}")), &json!(format!("{base}{number}")), "{link}");
    }
    let last = stack.get(&format!("{base}3")).await.expect(200);
    assert_eq!(column(&last, "name"), ["Eve"]);
    assert_eq!(last.at("/links/next"), &Value::Null);
    let beyond = stack.get(&format!("{base}9")).await.expect(200);
    assert_eq!(beyond.at("/data"), &json!([]));
    assert_eq!(beyond.at("/links/prev"), &json!(format!("{base}3")));
    let plain = stack.get("/api/customers?page[size]=2").await.expect(200);
    assert_eq!(plain.at("/meta/record_count"), 5, "the first page counts too");
    let nothing = stack.get("/api/skus?page[number]=1").await.expect(200);
    assert_eq!(nothing.at("/meta/record_count"), 0);
    assert_eq!(nothing.at("/meta/page_count"), 0);
}

#[tokio::test]
async fn filters_ask_what_their_predicates_say() {
    let stack = customers().await;
    // Worked out by hand from the table in `customers`; letters are the first ones of the e-mail.
    for (filters, expected) in [
        ("name_eq=Ann", "A"),
        ("name_eq=ann", ""),
        ("name_not_eq=Ann", "BCDE"),
        ("name_in=Ann,Eve,Zoe", "AE"),
        ("name_not_in=Ann,Eve", "BCD"),
        ("credit_limit_cents_lt=300", "CE"),
        ("credit_limit_cents_lteq=300", "CDE"),
        ("credit_limit_cents_gt=300", "A"),
        ("credit_limit_cents_gteq=300", "AD"),
        ("name_start=an", "A"),
        ("name_end=B", "B"),
        ("email_cont=D@EX", "CD"),
        ("name_matches_any=A%25,%25v_", "AE"),
        ("name_does_not_match=%25n%25", "BCE"),
        ("name_cont=n_d", "D"),
        ("name_null=true", "C"),
        ("name_null=false", "ABDE"),
        ("name_not_null=true", "ABDE"),
        ("name_present=1", "ABDE"),
        ("name_blank=1", "C"),
        ("on_hold_eq=true", "BE"),
        ("on_hold_not_eq=true", "ACD"),
        ("name_or_email_cont=cy", "C"),
        ("created_at_gteq=2027-01-31T10:00:03Z", "DE"),
        ("created_at_gt=2027-01-31T10:00:03Z", "E"),
        ("created_at_lt=2027-01-31T11:00:01%2B01:00", "A"),
        ("created_at_lteq=2027-01-31T10:00:01Z", "AB"),
        ("created_at_eq=2027-01-31T10:00:02Z", "C"),
        ("created_at_gt=2027-01-31", "ABCDE"),
        ("created_at_lt=2027-01-31", ""),
        ("on_hold_eq=true&filter[q][credit_limit_cents_eq]=100", "E"),
        ("created_at_gt=2027-01-31T10:00:00Z&filter[q][name_not_null]=1", "BDE"),
    ] {
        let path =
            format!("/api/customers?sort=created_at&filter[q][{}", filters.replacen('=', "]=", 1));
        let page = stack.get(&path).await.expect(200);
        let found: String = column(&page, "email")
            .iter()
            .filter_map(|email| email.as_str()?.chars().next())
            .collect();
        assert_eq!(found, expected, "{filters}");
        assert_eq!(page.at("/meta/record_count"), expected.len(), "{filters}");
    }
}

#[tokio::test]
async fn ids_of_related_resources_are_filtered_by_and_own_ids_are_looked_up() {
    let shop = Shop::open().await;
    let id = shop.draft().await;
    let (market, customer) = (&shop.market, &shop.customer);
    for (path, count) in [
        (format!("orders?filter[q][customer_id_eq]={customer}"), 1),
        (format!("orders?filter[q][market_id_in]={market},mkt_other"), 1),
        (format!("orders?filter[q][market_id_not_eq]={market}"), 0),
        ("orders?filter[q][customer_id_null]=true".to_owned(), 0),
        (format!("orders/{id}/line_items?filter[q][frequency_eq]=every 1 month"), 1),
        (format!("orders?filter[q][id_in]={id},{id},ord_gone,%23,x"), 1),
        (format!("orders?filter[q][id_eq]={id}&filter[q][status_eq]=placed"), 0),
        ("skus?filter[q][code_eq]=TEA&filter[q][currency_code_eq]=EUR".to_owned(), 1),
        ("skus?filter[q][code_eq]=TEA&filter[q][currency_code_eq]=USD".to_owned(), 0),
    ] {
        let page = shop.stack.get(&format!("/api/{path}")).await.expect(200);
        assert_eq!(page.at("/meta/record_count"), count, "{path}");
        assert_eq!(page.at("/data").as_array().unwrap().len(), count, "{path}");
    }
}

#[tokio::test]
async fn lists_are_sorted_by_several_attributes_and_nulls_count_as_most() {
    let stack = customers().await;
    for (sort, expected) in [
        ("name", "ABDEC"),
        ("-name", "CEDBA"),
        ("credit_limit_cents,-name", "CEDAB"),
        ("-on_hold,created_at", "BEACD"),
        ("created_at", "ABCDE"),
        ("-created_at", "EDCBA"),
        ("-created_at,name", "EDCBA"),
    ] {
        let page = stack.get(&format!("/api/customers?sort={sort}")).await.expect(200);
        let found: String = column(&page, "email")
            .iter()
            .filter_map(|email| email.as_str()?.chars().next())
            .collect();
        assert_eq!(found, expected, "{sort}");
    }
}

#[tokio::test]
async fn what_a_list_does_not_know_is_refused_by_name() {
    let stack = customers().await;
    let page = stack.get("/api/customers?page[size]=1&sort=name").await.expect(200);
    let cursor = page.at("/meta/page/next_cursor").as_str().unwrap();
    let mut cases: Vec<(String, &str, &str)> = [
        ("page[number]=0", "invalid_parameter", "page[number]"),
        ("page[number]=1001", "invalid_parameter", "page[number]"),
        ("page[number]=x", "invalid_parameter", "page[number]"),
        ("sort=", "invalid_parameter", "sort"),
        ("sort=email,", "invalid_parameter", "sort"),
        ("sort=--email", "invalid_parameter", "sort"),
        ("sort=colour", "invalid_parameter", "sort"),
        ("sort=name,name,name,name,name,name", "invalid_parameter", "sort"),
        ("filter[q][colour_eq]=red", "unknown_parameter", "filter[q][colour_eq]"),
        ("filter[q][name]=Ann", "unknown_parameter", "filter[q][name]"),
        ("filter[q][name_like]=Ann", "unknown_parameter", "filter[q][name_like]"),
        ("filter[q][_eq]=Ann", "unknown_parameter", "filter[q][_eq]"),
        ("filter[q][]=Ann", "unknown_parameter", "filter[q][]"),
        ("filter[name_eq]=Ann", "unknown_parameter", "filter[name_eq]"),
        ("filter[q][name_or__eq]=Ann", "unknown_parameter", "filter[q][name_or__eq]"),
        ("filter[q][name_gt]=Ann", "invalid_parameter", "filter[q][name_gt]"),
        ("filter[q][on_hold_cont]=t", "invalid_parameter", "filter[q][on_hold_cont]"),
        ("filter[q][on_hold_eq]=maybe", "invalid_parameter", "filter[q][on_hold_eq]"),
        ("filter[q][name_null]=maybe", "invalid_parameter", "filter[q][name_null]"),
        (
            "filter[q][credit_limit_cents_lt]=1.5",
            "invalid_parameter",
            "filter[q][credit_limit_cents_lt]",
        ),
        ("filter[q][created_at_gt]=now", "invalid_parameter", "filter[q][created_at_gt]"),
        ("filter[q][name_eq]=", "invalid_parameter", "filter[q][name_eq]"),
        ("filter[q][name_eq]=a&filter[q][name_eq]=b", "invalid_parameter", "filter[q][name_eq]"),
    ]
    .map(|(query, code, place)| (query.to_owned(), code, place))
    .into();
    let many = vec!["x"; 101].join(",");
    cases.push((format!("filter[q][name_in]={many}"), "invalid_parameter", "filter[q][name_in]"));
    let long = "x".repeat(9_000);
    cases.push((
        format!("filter[q][name_cont]={long}"),
        "invalid_parameter",
        "filter[q][name_cont]",
    ));
    for query in ["sort=-name", "", "sort=name&filter[q][name_start]=A", "sort=created_at"] {
        cases.push((format!("{query}&page[cursor]={cursor}"), "invalid_cursor", "page[cursor]"));
    }
    cases.push((
        format!("sort=name&page[number]=1&page[cursor]={cursor}"),
        "invalid_parameter",
        "page[number]",
    ));
    for (query, code, place) in cases {
        let refused = stack.get(&format!("/api/customers?{query}")).await.expect(400);
        assert_eq!(refused.errors(), [(code.to_owned(), place.to_owned())], "{query:.99}");
    }
}

#[tokio::test]
async fn a_cursor_of_a_sorted_list_goes_on_where_it_was_when_its_record_has_moved() {
    let stack = customers().await;
    let page = stack.get("/api/customers?page[size]=2&sort=credit_limit_cents").await.expect(200);
    assert_eq!(column(&page, "credit_limit_cents"), [100, 100]);
    let last = page.at("/data/1/id").as_str().unwrap();
    let raise = json!({"data": {
        "type": "customers", "id": last, "attributes": {"credit_limit_cents": 900},
    }});
    stack.patch(&format!("/api/customers/{last}"), &raise).await.expect(200);
    let next = stack.get(page.at("/links/next").as_str().unwrap()).await.expect(200);
    assert_eq!(column(&next, "credit_limit_cents"), [300, 500]);
}

#[tokio::test]
async fn a_token_for_one_market_counts_and_pages_only_what_it_sees() {
    let shop = Shop::open().await;
    shop.draft().await;
    let other = json!({"name": "Elsewhere", "currency_code": "USD"});
    let other = shop.stack.post("/api/markets", &create("markets", &other, &[])).await.expect(201);
    for market in [shop.market.clone(), other.id()] {
        let mut claims = claims("acme", "integration");
        claims["market"] = json!(market);
        let get = |path: &str| call("GET", path).claims(Some(claims.clone()));
        let orders = shop.stack.send(get("/api/orders?page[number]=1")).await.expect(200);
        assert_eq!(orders.at("/meta/record_count"), usize::from(market == shop.market));
        let plain = shop.stack.send(get("/api/orders")).await.expect(200);
        assert_eq!(plain.at("/meta/record_count"), &Value::Null, "not counted unless read");
    }
}
