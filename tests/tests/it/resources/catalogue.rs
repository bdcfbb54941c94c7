//! One life for every resource of the catalogue, and who may see and touch it.

use perennial_local::identity::Role::{Approver, Integration, SalesChannel};
use perennial_tests::{Shop, TestResult, documents};
use reqwest::Method;
use serde_json::{Value, json};

use super::{OPENING, berlin, change, delete, ids, make};

/// A type, the attributes that must be given, relationships by name, type and id, and an attribute
/// that can be changed.
type Life = (&'static str, Value, Vec<(&'static str, &'static str, String)>, Value);

fn lives(shop: &Shop) -> Vec<Life> {
    let customer = shop.goods.customer.clone();
    vec![
        ("markets", json!({"name": "US", "currency_code": "USD"}), vec![], json!({"name": "USA"})),
        ("subscription_models", json!({"name": "Tea"}), vec![], json!({"auto_cancel": true})),
        (
            "skus",
            json!({"code": "T", "name": "T", "unit_amount_cents": 1, "currency_code": "EUR"}),
            vec![],
            json!({"stock": 3}),
        ),
        ("customers", json!({"email": "eve@example.com"}), vec![], json!({"on_hold": true})),
        (
            "customer_payment_sources",
            json!({"payment_source_token": "tok_other"}),
            vec![("customer", "customers", customer)],
            json!({"expires_on": "2031-05-31"}),
        ),
        ("addresses", berlin(json!({})), vec![], json!({"line_2": "Hof"})),
        ("tags", json!({"name": "gift"}), vec![], json!({"metadata": {"by": "hand"}})),
    ]
}

#[tokio::test]
async fn each_is_made_read_found_changed_and_deleted() -> TestResult {
    let shop = Shop::open_at(OPENING).await?;
    let api = &shop.api;
    for (kind, attributes, related, changed) in lives(&shop) {
        let kept = json!({
            "reference": "R-1",
            "reference_origin": "ERP",
            "metadata": {"shelf": 7, "tall": [true, null]},
        });
        let given = documents::with(attributes, kept.clone());
        let related: Vec<(&str, &str, &str)> =
            related.iter().map(|(name, kind, id)| (*name, *kind, id.as_str())).collect();
        let document = documents::create(kind, given, &related);
        let (make, gone) = (format!("make-{kind}"), format!("delete-{kind}"));
        let made = api.post(kind, &document).key(&make).send().await?.with_status(201)?;
        let again = api.post(kind, &document).key(&make).send().await?.with_status(201)?;
        assert_eq!(made.body, again.body, "{kind}");
        let id = made.id()?;
        let path = format!("{kind}/{id}");
        let read = api.get(&path).await?;
        assert_eq!(read.body, made.body, "{kind}");
        for (name, value) in kept.as_object().into_iter().flatten() {
            assert_eq!(read.attribute(name), value, "{kind} {name}");
        }
        for name in ["created_at", "updated_at"] {
            assert!(read.attribute(name).is_string(), "{kind} {name}");
        }

        for found in [
            "filter[q][reference_eq]=R-1",
            "filter[q][reference_origin_cont]=RP&sort=-updated_at",
            "filter[q][created_at_gteq]=2027-01-31&filter[q][reference_present]=true",
        ] {
            let page = api.get(&format!("{kind}?{found}")).await?;
            assert_eq!(ids(&page)?, [id.as_str()], "{kind} {found}");
        }
        let nothing = api.get(&format!("{kind}?filter[q][reference_eq]=R-2")).await?;
        assert_eq!(ids(&nothing)?, Vec::<String>::new(), "{kind}");

        let changes = documents::with(changed.clone(), json!({"reference_origin": "CRM"}));
        let after = change(api, kind, &id, changes).await?.with_status(200)?;
        for (name, value) in changed.as_object().into_iter().flatten() {
            assert_eq!(after.attribute(name), value, "{kind} {name}");
        }
        assert_eq!(after.attribute("reference_origin"), "CRM", "{kind}");
        assert_eq!(after.attribute("reference"), "R-1", "{kind}");
        let cleared = json!({"reference": null, "metadata": null});
        let cleared = change(api, kind, &id, cleared).await?.with_status(200)?;
        assert_eq!(cleared.attribute("reference"), &Value::Null, "{kind}");
        assert_eq!(cleared.attribute("metadata"), &Value::Null, "{kind}");

        let stale = api.request(Method::DELETE, &path).header("if-match", "\"1\"");
        assert_eq!(stale.send().await?.status, 412, "{kind}");
        for replayed in [None, Some("true")] {
            let sent = api.request(Method::DELETE, &path).header("if-match", "\"3\"").key(&gone);
            let sent = sent.send().await?.with_status(204)?;
            let header = sent.headers.get("idempotent-replayed").and_then(|v| v.to_str().ok());
            assert_eq!(header, replayed, "{kind}");
        }
        assert_eq!(api.request(Method::GET, &path).send().await?.status, 404, "{kind}");
        assert_eq!(delete(api, kind, &id).await?.status, 404, "{kind}");
        let page = api.get(&format!("{kind}?filter[q][id_eq]={id}")).await?;
        assert_eq!(ids(&page)?, Vec::<String>::new(), "{kind}");
    }
    Ok(())
}

#[tokio::test]
async fn what_derives_from_a_code_can_be_made_again_after_it_was_deleted() -> TestResult {
    let shop = Shop::open_at(OPENING).await?;
    let first = make(&shop.api, "tags", json!({"name": "gift"})).await?;
    let document = documents::create("tags", json!({"name": "gift"}), &[]);
    let taken = shop.api.post("tags", &document).send().await?.with_status(422)?;
    assert_eq!(taken.errors(), ["taken /data/attributes/name"]);
    delete(&shop.api, "tags", &first).await?.with_status(204)?;
    assert_eq!(make(&shop.api, "tags", json!({"name": "gift"})).await?, first);
    let found = shop.api.get("tags?filter[q][name_eq]=gift").await?;
    assert_eq!(ids(&found)?, [first]);
    Ok(())
}

#[tokio::test]
async fn another_organization_sees_none_of_it() -> TestResult {
    let shop = Shop::open_at(OPENING).await?;
    let stranger = shop.api.with_token(Some(shop.stack.token("other", Integration)?));
    for (kind, attributes, related, changed) in lives(&shop) {
        let related: Vec<(&str, &str, &str)> =
            related.iter().map(|(name, kind, id)| (*name, *kind, id.as_str())).collect();
        let document = documents::create(kind, attributes, &related);
        let id = shop.api.create(kind, &document).await?.id()?;
        let read = stranger.request(Method::GET, &format!("{kind}/{id}")).send().await?;
        assert_eq!(read.status, 404, "{kind}");
        assert_eq!(change(&stranger, kind, &id, changed).await?.status, 404, "{kind}");
        assert_eq!(delete(&stranger, kind, &id).await?.status, 404, "{kind}");
        assert!(stranger.all(kind).await?.is_empty(), "{kind}");
        shop.api.get(&format!("{kind}/{id}")).await?;
    }
    // The same name is another tag there.
    make(&stranger, "tags", json!({"name": "gift"})).await?;
    let theirs = stranger.get("organization").await?;
    assert_eq!(theirs.id()?, "other");
    let ours = stranger.request(Method::GET, "organizations/acme").send().await?;
    assert_eq!(ours.status, 404);
    Ok(())
}

#[tokio::test]
async fn roles_may_do_what_they_are_for() -> TestResult {
    let shop = Shop::open_at(OPENING).await?;
    let channel = shop.api_as(SalesChannel)?;
    let approver = shop.api_as(Approver)?;
    let address = make(&channel, "addresses", berlin(json!({}))).await?;
    change(&channel, "addresses", &address, json!({"notes": "ring twice"}))
        .await?
        .with_status(200)?;
    make(&shop.api, "tags", json!({"name": "gift"})).await?;
    assert_eq!(channel.all("tags").await?.len(), 1);
    assert_eq!(channel.all("organizations").await?.len(), 1);
    let tag = documents::create("tags", json!({"name": "more"}), &[]);
    assert_eq!(channel.post("tags", &tag).send().await?.status, 403);
    assert_eq!(approver.post("tags", &tag).send().await?.status, 403);
    let eve = make(&channel, "customers", json!({"email": "eve@example.com"})).await?;
    assert_eq!(delete(&channel, "customers", &eve).await?.status, 403);
    assert_eq!(delete(&approver, "addresses", &address).await?.status, 403);
    delete(&channel, "addresses", &address).await?.with_status(204)?;
    delete(&shop.api, "customers", &eve).await?.with_status(204)?;
    Ok(())
}

#[tokio::test]
async fn the_organization_is_the_callers_own_and_read_only() -> TestResult {
    let shop = Shop::open_at(OPENING).await?;
    let one = shop.api.get("organization").await?;
    assert_eq!(one.at("/data/type"), "organizations");
    assert_eq!(one.attribute("slug"), "acme");
    assert_eq!(one.attribute("tags_max_allowed_number"), 10);
    let same = shop.api.get("organizations/acme?fields[organizations]=name").await?;
    assert_eq!(same.at("/data/attributes"), &json!({"name": "acme"}));
    assert_eq!(ids(&shop.api.get("organizations").await?)?, ["acme"]);
    for method in [Method::POST, Method::PATCH, Method::DELETE] {
        let refused = shop.api.request(method.clone(), "organization").send().await?;
        assert_eq!(refused.status, 405, "{method}");
    }
    Ok(())
}
