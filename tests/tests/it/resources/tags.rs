//! Tags on what carries them: given as a relationship, added and removed by name.

use perennial_tests::{Answer, Shop, TestResult, documents};
use serde_json::{Value, json};

use super::{OPENING, berlin, change, draft, ids, make, point, to};

fn carried(answer: &Answer) -> Vec<String> {
    let data = answer.at("/data/relationships/tags/data").as_array().cloned().unwrap_or_default();
    data.iter().map(|tag| tag["id"].as_str().unwrap_or_default().to_owned()).collect()
}

#[tokio::test]
async fn what_carries_tags_is_given_them_and_adds_and_removes_some_by_name() -> TestResult {
    let shop = Shop::open_at(OPENING).await?;
    let api = &shop.api;
    let [gift, bulk, vip] = [
        make(api, "tags", json!({"name": "gift"})).await?,
        make(api, "tags", json!({"name": "bulk"})).await?,
        make(api, "tags", json!({"name": "VIP-1_a"})).await?,
    ];
    let sku = api.get("skus?filter[q][code_eq]=BEANS").await?.text("/data/0/id")?;
    let bundle = json!({
        "code": "TWO",
        "name": "Two bags",
        "currency_code": "EUR",
        "components": [{"sku_code": "BEANS", "quantity": 2}],
    });
    let subscription = shop.subscribe("monthly").await?;
    for (kind, id) in [
        ("orders", draft(&shop).await?),
        ("order_subscriptions", subscription.to_string()),
        ("bundles", make(api, "bundles", bundle).await?),
        ("customers", shop.goods.customer.clone()),
        ("skus", sku),
        ("addresses", make(api, "addresses", berlin(json!({}))).await?),
    ] {
        let both = json!([to("tags", &gift), to("tags", &bulk), to("tags", &gift)]);
        let given = point(api, kind, &id, &[("tags", both)]).await?.with_status(200)?;
        assert_eq!(carried(&given), [gift.clone(), bulk.clone()], "{kind}");
        let names = json!({"_add_tags": "VIP-1_a, gift", "_remove_tags": "bulk,never"});
        let changed = change(api, kind, &id, names).await?.with_status(200)?;
        assert_eq!(carried(&changed), [gift.clone(), vip.clone()], "{kind}");
        let listed = api.get(&format!("{kind}/{id}/tags?sort=name")).await?;
        assert_eq!(ids(&listed)?, [vip.clone(), gift.clone()], "{kind}");
        let included = api.get(&format!("{kind}/{id}?include=tags&fields[tags]=name")).await?;
        assert_eq!(included.at("/included/0/attributes"), &json!({"name": "gift"}), "{kind}");

        let unknown = change(api, kind, &id, json!({"_add_tags": "gift,none"})).await?;
        assert_eq!(unknown.status, 422, "{kind}");
        assert_eq!(unknown.errors(), ["related_not_found /data/attributes/_add_tags"], "{kind}");
        let nowhere = json!([to("tags", &gift), to("tags", "tag_none")]);
        let nowhere = point(api, kind, &id, &[("tags", nowhere)]).await?;
        assert_eq!(nowhere.errors(), ["related_not_found /data/relationships/tags/data/1/id"]);
        let wrong = json!([to("orders", &gift)]);
        let wrong = point(api, kind, &id, &[("tags", wrong)]).await?;
        assert_eq!(wrong.errors(), ["wrong_type /data/relationships/tags/data/0"], "{kind}");
        assert_eq!(carried(&api.get(&format!("{kind}/{id}")).await?), [gift.clone(), vip.clone()]);
        let none = point(api, kind, &id, &[("tags", json!([]))]).await?.with_status(200)?;
        assert!(carried(&none).is_empty(), "{kind}");
    }
    Ok(())
}

#[tokio::test]
async fn ten_tags_are_carried_and_no_more() -> TestResult {
    let shop = Shop::open_at(OPENING).await?;
    let mut tags = Vec::new();
    for number in 0..11 {
        tags.push(make(&shop.api, "tags", json!({"name": format!("t{number}")})).await?);
    }
    let some =
        |count: usize| -> Value { tags.iter().take(count).map(|tag| to("tags", tag)).collect() };
    let customer = &shop.goods.customer;
    let many = point(&shop.api, "customers", customer, &[("tags", some(11))]).await?;
    assert_eq!(many.errors(), ["out_of_range /data/relationships/tags"]);
    let ten = point(&shop.api, "customers", customer, &[("tags", some(10))]).await?;
    assert_eq!(carried(&ten.with_status(200)?).len(), 10);
    let eleventh = change(&shop.api, "customers", customer, json!({"_add_tags": "t10"})).await?;
    assert_eq!(eleventh.errors(), ["out_of_range /data/relationships/tags"]);
    let swapped = json!({"_add_tags": "t10", "_remove_tags": "t0"});
    change(&shop.api, "customers", customer, swapped).await?.with_status(200)?;
    Ok(())
}

#[tokio::test]
async fn names_are_of_25_letters_digits_dashes_and_underscores() -> TestResult {
    let shop = Shop::open_at(OPENING).await?;
    for (name, error) in [
        (json!("a b"), "invalid_value"),
        (json!("a,b"), "invalid_value"),
        (json!("straße"), "invalid_value"),
        (json!(""), "out_of_range"),
        (json!("x".repeat(26)), "out_of_range"),
        (json!(7), "wrong_type"),
        (json!(null), "required"),
    ] {
        let document = documents::create("tags", json!({"name": name}), &[]);
        let refused = shop.api.post("tags", &document).send().await?.with_status(422)?;
        assert_eq!(refused.errors(), [format!("{error} /data/attributes/name")], "{name}");
    }
    let tag = make(&shop.api, "tags", json!({"name": "x".repeat(25)})).await?;
    let renamed = change(&shop.api, "tags", &tag, json!({"name": "y"})).await?.with_status(422)?;
    assert_eq!(renamed.errors(), ["read_only_attribute /data/attributes/name"]);
    Ok(())
}

#[tokio::test]
async fn lists_are_filtered_by_the_tags_that_their_resources_carry() -> TestResult {
    let shop = Shop::open_at(OPENING).await?;
    let api = &shop.api;
    let gift = make(api, "tags", json!({"name": "gift"})).await?;
    let bulk = make(api, "tags", json!({"name": "bulk"})).await?;
    let mut made = Vec::new();
    for tags in [vec![], vec![&gift], vec![&bulk], vec![&gift, &bulk]] {
        let customer =
            make(api, "customers", json!({"email": format!("{}@example.com", made.len())})).await?;
        let tags: Vec<Value> = tags.into_iter().map(|tag| to("tags", tag)).collect();
        point(api, "customers", &customer, &[("tags", json!(tags))]).await?.with_status(200)?;
        made.push(customer);
    }
    let [none, gifts, bulks, both] = &made[..] else { panic!("{made:?}") };
    let own = &shop.goods.customer;
    for (filter, expected) in [
        ("tags_name_eq=gift".to_owned(), vec![gifts, both]),
        (format!("tags_id_eq={bulk}"), vec![bulks, both]),
        ("tags_name_in=gift,bulk".to_owned(), vec![gifts, bulks, both]),
        ("tags_name_not_in=gift,bulk".to_owned(), vec![own, none]),
        ("tags_name_not_eq=bulk".to_owned(), vec![own, none, gifts]),
        ("tags_name_eq=Gift".to_owned(), vec![]),
        ("tags_name_null=true".to_owned(), vec![own, none]),
        ("tags_id_not_null=true".to_owned(), vec![gifts, bulks, both]),
    ] {
        let mut found = ids(&api
            .get(&format!("customers?filter[q][{}", filter.replacen('=', "]=", 1)))
            .await?)?;
        let mut expected: Vec<String> = expected.into_iter().cloned().collect();
        found.sort();
        expected.sort();
        assert_eq!(found, expected, "{filter}");
    }
    let refused = api.request(reqwest::Method::GET, "customers?filter[q][tags_name_cont]=gi");
    assert_eq!(
        refused.send().await?.with_status(400)?.errors(),
        ["invalid_parameter filter[q][tags_name_cont]"]
    );
    let refused = api.request(reqwest::Method::GET, "markets?filter[q][tags_name_eq]=gift");
    assert_eq!(
        refused.send().await?.with_status(400)?.errors(),
        ["unknown_parameter filter[q][tags_name_eq]"]
    );
    Ok(())
}

#[tokio::test]
async fn null_sets_nothing_off() -> TestResult {
    let shop = Shop::open_at(OPENING).await?;
    let subscription = shop.subscribe("monthly").await?;
    let path = format!("order_subscriptions/{subscription}");
    for name in ["_swap_item", "_cancel", "_add_tags", "_skip_next"] {
        let document = json!({"data": {
            "type": "order_subscriptions", "id": subscription, "attributes": {name: null},
        }});
        let refused = shop.api.patch(&path, &document).send().await?.with_status(422)?;
        assert_eq!(refused.errors(), [format!("required /data/attributes/{name}")]);
    }
    // Any other attribute gives its value up: this one for its default.
    let document = json!({"data": {
        "type": "order_subscriptions", "id": subscription,
        "attributes": {"place_target_order": false},
    }});
    let set = shop.api.patch(&path, &document).send().await?.with_status(200)?;
    assert_eq!(set.attribute("place_target_order"), &json!(false));
    let document = json!({"data": {
        "type": "order_subscriptions", "id": subscription,
        "attributes": {"place_target_order": null},
    }});
    let unset = shop.api.patch(&path, &document).send().await?.with_status(200)?;
    assert_eq!(unset.attribute("place_target_order"), &json!(true));
    Ok(())
}
