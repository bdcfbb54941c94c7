//! What channels may do: changes and conflicts, roles and markets, mappings that fail, hostile ones,
//! letters that are taken again, crashes in the middle.

use perennial_local::identity::{Role, TokenRequest};
use perennial_tests::{
    Plan, Shop, TestResult, documents,
    fault::{Fault, Faults},
};
use reqwest::Method;
use serde_json::{Value, json};

use super::{NOW, SMALL, channel, mapping, mapping_document, refusal, send, send_small, small};

#[tokio::test]
async fn another_payload_about_an_order_is_a_change_or_a_conflict_by_policy() -> TestResult {
    let shop = Shop::open_at(NOW).await?;
    small(&shop, "open", json!({})).await?;
    small(&shop, "fixed", json!({"on_change": "conflict"})).await?;
    let first = send_small(&shop, "open", json!({"id": "1", "beans": 2})).await?;
    let changed = send_small(&shop, "open", json!({"id": "1", "beans": 5})).await?;
    assert_eq!((changed.status, changed.id()?), (200, first.id()?));
    let total = |answer: &perennial_tests::Answer| {
        answer.attribute("total_amount_cents").as_i64().unwrap_or_default()
    };
    assert_eq!(total(&changed) * 2, total(&first) * 5);
    let read = shop.api.get(&format!("orders/{}/source_payload", first.id()?)).await?;
    assert_eq!(read.attribute("payload"), "{\"beans\":5,\"id\":\"1\"}");

    let place = documents::update("orders", &first.id()?, &json!({"_place": true}));
    shop.api.patch(&format!("orders/{}", first.id()?), &place).send().await?;
    shop.settle().await?;
    // Without anybody who pays it goes back to draft; as a cancelled order it takes no change.
    let cancel = documents::update("orders", &first.id()?, &json!({"_cancel": true}));
    let path = format!("orders/{}", first.id()?);
    shop.api.patch(&path, &cancel).send().await?.with_status(200)?;
    let late = send_small(&shop, "open", json!({"id": "1", "beans": 7})).await?;
    let (status, code, detail) = refusal(&late);
    assert_eq!((status, code.as_str()), (409, "invalid_status"), "{detail}");
    assert!(detail.contains("cancelled"), "{detail}");
    // What was said before is known, whatever became of the order.
    let known = send_small(&shop, "open", json!({"id": "1", "beans": 5})).await?;
    assert_eq!(known.status, 200);

    send_small(&shop, "fixed", json!({"id": "1", "beans": 2})).await?.with_status(201)?;
    let refused = send_small(&shop, "fixed", json!({"id": "1", "beans": 3})).await?;
    let (status, code, detail) = refusal(&refused);
    assert_eq!((status, code.as_str()), (409, "invalid_status"));
    assert!(detail.contains("on_change is conflict"), "{detail}");
    assert_eq!(shop.api.all("orders").await?.len(), 2, "one order of each channel");
    Ok(())
}

#[tokio::test]
async fn a_deleted_order_is_not_made_again() -> TestResult {
    let shop = Shop::open_at(NOW).await?;
    small(&shop, "web", json!({})).await?;
    let made = send_small(&shop, "web", json!({"id": "1", "beans": 2})).await?.id()?;
    let delete = shop.api.request(Method::DELETE, &format!("orders/{made}"));
    delete.send().await?.with_status(204)?;
    let (status, _, detail) =
        refusal(&send_small(&shop, "web", json!({"id": "1", "beans": 2})).await?);
    assert_eq!(status, 409);
    assert!(detail.contains("was deleted"), "{detail}");
    Ok(())
}

#[tokio::test]
async fn what_can_not_be_mapped_is_kept_and_taken_again_once_the_mapping_is_mended() -> TestResult {
    let shop = Shop::open_at(NOW).await?;
    let id = small(&shop, "web", json!({})).await?;
    let odd = json!({"id": 17, "beans": 2});
    let refused = send_small(&shop, "web", odd.clone()).await?;
    assert_eq!(refused.status, 422);
    assert_eq!(refused.at("/errors/0/meta/mapping_number"), 1);
    let letter = refused.text("/errors/0/meta/dead_letter_id")?;
    // The sender tries again: still one letter.
    send_small(&shop, "web", odd.clone()).await?;
    let letters = shop.api.all("dead_letters").await?;
    assert_eq!(letters.len(), 1);
    let kept = shop.api.get(&format!("dead_letters/{letter}")).await?;
    assert_eq!(kept.attribute("source"), "channel:web");
    assert_eq!(kept.attribute("status"), "open");
    assert_eq!(kept.attribute("body"), &json!(odd.to_string()));
    // It is on no queue to which it could be sent back.
    let redrive = async |those: Value| {
        let redrive = documents::create("dead_letter_redrives", those, &[]);
        shop.api.post("dead_letter_redrives", &redrive).send().await
    };
    let told = redrive(json!({"dead_letter_ids": [letter]})).await?.with_status(200)?;
    let told = &told.attribute("results")[0];
    assert_eq!((&told["outcome"], &told["code"]), (&json!("refused"), &json!("invalid_status")));
    let refused = redrive(json!({"source": "channel:web"})).await?;
    assert_eq!(refused.errors(), ["invalid_value /data/attributes/source"]);
    // Where it is among others it keeps none of them back, and is told of.
    let told = redrive(json!({"error_contains": "external_id", "limit": 1})).await?;
    let told = told.with_status(200)?;
    assert_eq!(told.attribute("results"), &json!([]));
    assert_eq!(
        (told.attribute("remaining"), told.attribute("passed_over")),
        (&json!(0), &json!(1))
    );
    // Its body may hold personal data and tokens: it is shown to whom payloads are.
    for (role, shown) in
        [(Role::Approver, false), (Role::Operator, true), (Role::Integration, true)]
    {
        let api = shop.api_as(role)?;
        let body = if shown { json!(odd.to_string()) } else { Value::Null };
        let read = api.get(&format!("dead_letters/{letter}")).await?;
        assert_eq!(read.attribute("body"), &body, "{role:?}");
        for list in ["dead_letters".to_owned(), format!("dead_letters?filter[q][id_in]={letter}")] {
            let listed = api.get(&list).await?;
            assert_eq!(listed.at("/data/0/attributes/body"), &body, "{role:?} {list}");
        }
    }

    let replay = documents::create("channel_replays", json!({"dead_letter_ids": [letter]}), &[]);
    let again = shop.api.post("channel_replays", &replay).send().await?.with_status(200)?;
    assert_eq!(again.attribute("results")[0]["outcome"], "refused");

    let mended = SMALL.replace("external_id: .id", "external_id: (.id | tostring)");
    mapping(&shop, &id, json!({"program": mended, "notes": "ids may be numbers"})).await?;
    let again = shop.api.post("channel_replays", &replay).send().await?.with_status(200)?;
    assert_eq!(again.attribute("results")[0]["outcome"], "created");
    let order = again.attribute("results")[0]["order_id"].as_str().unwrap_or_default().to_owned();
    assert_eq!(shop.order_status(&order).await?, "draft");
    let kept = shop.api.get(&format!("dead_letters/{letter}")).await?;
    assert_eq!(kept.attribute("status"), "redriven");
    // Twice is as good as once.
    let twice = shop.api.post("channel_replays", &replay).send().await?.with_status(200)?;
    assert_eq!(twice.attribute("results")[0]["outcome"], "repeated");
    assert_eq!(shop.api.all("orders").await?.len(), 1);
    let listed = shop.api.all("channel_mappings").await?;
    let mut numbers: Vec<i64> =
        listed.iter().filter_map(|one| one["attributes"]["number"].as_i64()).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, [1, 2]);
    Ok(())
}

#[tokio::test]
async fn nothing_and_too_much_are_no_payload_and_not_kept() -> TestResult {
    let shop = Shop::open_at(NOW).await?;
    // Whether the channel could read a payload does not matter.
    channel(&shop, "new", json!({})).await?;
    small(&shop, "web", json!({})).await?;
    // 256 KiB are taken: more would fill an item of the table.
    let long = "x".repeat(262_145);
    for (payload, status, error, told) in [
        ("", 400, "malformed_document", "the body is empty"),
        (long.as_str(), 413, "body_too_large", "the body has 262145 bytes, at most 262144"),
    ] {
        for code in ["new", "web"] {
            let refused = send(&shop, code, "application/json", payload).await?;
            let (found, named, detail) = refusal(&refused);
            assert_eq!((found, named.as_str()), (status, error), "{detail}");
            assert!(detail.starts_with(told), "{detail}");
        }
    }
    assert_eq!(shop.api.all("dead_letters").await?.len(), 0);
    let health = shop.api.get("channels/web/health").await?;
    assert_eq!(health.attribute("rejected"), 2);
    Ok(())
}

#[tokio::test]
async fn a_file_that_is_taken_again_tells_of_each_order_and_holds_the_bound() -> TestResult {
    let shop = Shop::open_at(NOW).await?;
    let id = channel(&shop, "desk", json!({})).await?;
    let program = "{external_id: .[0].id, order: {line_items: [.[] | {sku_code: .sku, \
        quantity: (.n | tonumber)}]}}";
    // Read by a column that the files don't have: each of them is a letter as a whole.
    let by = |column: &str| json!({"program": program, "format": "csv", "group_by": column});
    mapping(&shop, &id, by("ticket")).await?;
    let rows = |from: usize, to: usize, n: &str| -> String {
        (from..to).map(|order| format!("{order},BEANS,{n}\n")).collect()
    };
    let letter = async |rows: String| -> TestResult<String> {
        let file = format!("id,sku,n\n{rows}");
        send(&shop, "desk", "text/csv", &file).await?.text("/errors/0/meta/dead_letter_id")
    };
    let mixed = letter(rows(0, 2, "1") + &rows(2, 3, "many") + &rows(3, 4, "1")).await?;
    let many = letter(rows(100, 147, "1")).await?;
    let too_many = letter(rows(200, 251, "1")).await?;
    mapping(&shop, &id, by("id")).await?;
    let replay = async |letters: &[&String]| -> TestResult<Vec<Value>> {
        let replay = documents::create("channel_replays", json!({"dead_letter_ids": letters}), &[]);
        let told = shop.api.post("channel_replays", &replay).send().await?.with_status(200)?;
        Ok(told.attribute("results").as_array().cloned().unwrap_or_default())
    };
    let status = async |letter: &str| -> TestResult<Value> {
        let letter = shop.api.get(&format!("dead_letters/{letter}")).await?;
        Ok(letter.attribute("status").clone())
    };
    let told = replay(&[&mixed, &many, &too_many]).await?;
    let outcomes: Vec<(&Value, &Value)> =
        told.iter().map(|one| (&one["outcome"], &one["code"])).collect();
    let (created, none) = (json!("created"), Value::Null);
    let (refused, unmappable) = (json!("refused"), json!("unmappable"));
    // The third of four orders can't be mapped; the next letter would be the 51st; and the last holds
    // more than are taken at once.
    let expected = [
        (&created, &none),
        (&created, &none),
        (&refused, &unmappable),
        (&created, &none),
        (&json!("failed"), &json!("out_of_range")),
        (&refused, &unmappable),
    ];
    assert_eq!(outcomes, expected);
    let named = told.iter().map(|one| json!([one["external_id"], one["rows"]]));
    let expected = [
        json!(["0", [1]]),
        json!(["1", [2]]),
        json!([null, [3]]),
        json!(["3", [4]]),
        json!([null, null]),
        json!([null, null]),
    ];
    assert_eq!(named.collect::<Vec<_>>(), expected);
    assert_eq!(told[2]["dead_letter_id"], json!(mixed));
    let own = told[2]["kept_in"].as_str().unwrap_or_default().to_owned();
    assert_eq!(status(&mixed).await?, "redriven", "what is left of it is a letter of its own");
    assert_eq!(status(&own).await?, "open");
    let body = shop.api.get(&format!("dead_letters/{own}")).await?.attribute("body").clone();
    assert_eq!(body, "id,sku,n\n2,BEANS,many\n");
    assert_eq!((status(&many).await?, status(&too_many).await?), (json!("open"), json!("open")));
    assert_eq!(shop.api.all("orders").await?.len(), 3);

    let told = replay(&[&many]).await?;
    assert_eq!(told.len(), 47);
    assert!(told.iter().all(|one| one["outcome"] == "created"), "{told:?}");
    assert_eq!(status(&many).await?, "redriven");
    Ok(())
}

#[tokio::test]
async fn a_problem_is_told_where_it_stands_in_what_the_mapping_made() -> TestResult {
    let shop = Shop::open_at(NOW).await?;
    let id = channel(&shop, "web", json!({})).await?;
    mapping(&shop, &id, json!({"program": "."})).await?;
    let line = json!({"sku_code": "BEANS", "quantity": 1});
    let order = json!({"line_items": [line]});
    for (document, pointer) in [
        (
            json!({"external_id": "1", "order": order, "customer": {"reference": "a", "email": "no"}}),
            "/customer/email",
        ),
        (
            json!({
                "external_id": "2", "order": order,
                "customer": {"reference": "b", "email": "b@example.com"},
                "payment_source": {"payment_source_token": "tok_paid", "expires_on": "soon"},
            }),
            "/payment_source/expires_on",
        ),
        (
            json!({"external_id": "3", "order": {"line_items": [{"sku_code": "BEANS", "quantity": 0}]}}),
            "/order/line_items/0/quantity",
        ),
        (
            json!({"external_id": "4", "order": order, "relationships": {"market": "mkt_none"}}),
            "/relationships/market",
        ),
    ] {
        let refused = send_small(&shop, "web", document).await?;
        assert_eq!(refused.status, 422, "{pointer}");
        assert_eq!(refused.at("/errors/0/source/pointer"), pointer, "{:#}", refused.body);
    }
    Ok(())
}

#[tokio::test]
async fn a_payload_that_the_order_refuses_is_kept_too_and_taken_once_the_sku_is_there() -> TestResult
{
    let shop = Shop::open_at(NOW).await?;
    let id = channel(&shop, "web", json!({})).await?;
    let program = SMALL.replace("\"BEANS\"", "\"TEA\"");
    mapping(&shop, &id, json!({"program": program})).await?;
    let refused = send_small(&shop, "web", json!({"id": "1", "beans": 2})).await?;
    let (status, _, detail) = refusal(&refused);
    assert_eq!(status, 422, "{detail}");
    let letter = refused.text("/errors/0/meta/dead_letter_id")?;
    let tea =
        json!({"code": "TEA", "name": "Tea", "unit_amount_cents": 500, "currency_code": "EUR"});
    shop.api.create("skus", &documents::create("skus", tea, &[])).await?;
    let replay = documents::create("channel_replays", json!({"dead_letter_ids": [letter]}), &[]);
    let again = shop.api.post("channel_replays", &replay).send().await?.with_status(200)?;
    assert_eq!(again.attribute("results")[0]["outcome"], "created");
    Ok(())
}

#[tokio::test]
async fn a_mapping_is_checked_when_it_is_stored_and_stopped_when_it_does_not_end() -> TestResult {
    let shop = Shop::open_at(NOW).await?;
    let id = channel(&shop, "web", json!({})).await?;
    for (program, line, column) in [("{a: ", 1, 5), (".a |\n  frobnicate", 2, 3)] {
        let document = mapping_document(&id, json!({"program": program}));
        let refused = shop.api.post("channel_mappings", &document).send().await?;
        assert_eq!(refused.status, 422);
        assert_eq!(refused.at("/errors/0/source/pointer"), "/data/attributes/program");
        assert_eq!(refused.at("/errors/0/meta/line"), line, "{program}: {}", refused.body);
        assert_eq!(refused.at("/errors/0/meta/column"), column, "{program}");
    }
    for (program, reason) in [
        ("def f: f; f", "steps"),
        ("\"x\" * 1000000000", "MB of values"),
        ("[range(1000000000000)]", "steps"),
        ("def f: [f]; f", "nest too deeply"),
    ] {
        mapping(&shop, &id, json!({"program": program})).await?;
        let refused = send_small(&shop, "web", json!({"id": "1", "beans": 2})).await?;
        let (status, code, detail) = refusal(&refused);
        assert_eq!((status, code.as_str()), (422, "unmappable"));
        assert!(detail.contains("was stopped") && detail.contains(reason), "{detail}");
        assert!(detail.starts_with("mapping "), "{detail}");
    }
    let none = channel(&shop, "none", json!({})).await?;
    let (status, code, _) = refusal(&send_small(&shop, &none, json!({})).await?);
    assert_eq!((status, code.as_str()), (422, "unmappable"));
    assert_eq!(send_small(&shop, "nowhere", json!({})).await?.status, 404);
    Ok(())
}

#[tokio::test]
async fn a_preview_tells_what_would_become_of_a_sample_and_stores_nothing() -> TestResult {
    let shop = Shop::open_at(NOW).await?;
    let id = small(&shop, "web", json!({"on_change": "conflict"})).await?;
    send_small(&shop, "web", json!({"id": "known", "beans": 2})).await?.with_status(201)?;
    let related = [("channel", "channels", id.as_str())];
    for (sample, would, code) in [
        (json!({"id": "new", "beans": 1}), "create", None),
        (json!({"id": "known", "beans": 2}), "repeat", None),
        (json!({"id": "known", "beans": 3}), "refuse", Some("invalid_status")),
        (json!({"id": "new", "beans": "many"}), "refuse", Some("wrong_type")),
        (json!({"beans": 1}), "refuse", Some("required")),
        (json!([1]), "refuse", Some("unmappable")),
    ] {
        let attributes = json!({"program": SMALL, "sample": sample.to_string()});
        let document = documents::create("channel_mapping_previews", attributes, &related);
        let preview = shop.api.post("channel_mapping_previews", &document).send().await?;
        let result = preview.with_status(200)?.attribute("results")[0].clone();
        assert_eq!(result["would"], would, "{sample}: {result}");
        assert_eq!(result["problems"][0]["code"].as_str(), code, "{sample}: {result}");
    }
    let attributes = json!({"program": "{", "sample": "{}"});
    let document = documents::create("channel_mapping_previews", attributes, &related);
    let refused = shop.api.post("channel_mapping_previews", &document).send().await?;
    assert_eq!(refused.status, 422);
    let attributes = json!({"program": ".", "sample": "{"});
    let document = documents::create("channel_mapping_previews", attributes, &related);
    let refused = shop.api.post("channel_mapping_previews", &document).send().await?;
    assert_eq!(refused.at("/errors/0/source/pointer"), "/data/attributes/sample");
    assert_eq!(shop.api.all("orders").await?.len(), 1);
    assert_eq!(shop.api.all("dead_letters").await?.len(), 0);
    Ok(())
}

#[tokio::test]
async fn roles_and_markets_are_respected() -> TestResult {
    let shop = Shop::open_at(NOW).await?;
    let id = channel(&shop, "web", json!({})).await?;
    let priced = "{external_id: .id, order: {line_items: [{sku_code: \"BEANS\", quantity: 1, \
        unit_amount_cents: 1}]}}";
    mapping(&shop, &id, json!({"program": priced})).await?;
    let sales = shop.api_as(Role::SalesChannel)?;
    let approver = shop.api_as(Role::Approver)?;
    let post = |api: &perennial_tests::Api| {
        api.request(Method::POST, "channels/web/orders").body("application/json", "{\"id\":\"1\"}")
    };
    // A shop can't make prices by way of a channel that nobody trusts with them.
    assert_eq!(post(&sales).send().await?.status, 403);
    assert_eq!(post(&approver).send().await?.status, 403);
    let trust = documents::update("channels", &id, &json!({"trusts_prices": true}));
    shop.api.patch(&format!("channels/{id}"), &trust).send().await?.with_status(200)?;
    let made = post(&sales).send().await?.with_status(201)?;
    assert_eq!(made.attribute("total_amount_cents"), &json!(1));
    let mapping = mapping_document(&id, json!({"program": "."}));
    for (path, document) in [
        ("channel_mappings", &mapping),
        (
            "channel_replays",
            &documents::create("channel_replays", json!({"dead_letter_ids": []}), &[]),
        ),
    ] {
        assert_eq!(sales.post(path, document).send().await?.status, 403, "{path}");
        assert_eq!(approver.post(path, document).send().await?.status, 403, "{path}");
    }
    let operator = shop.api_as(Role::Operator)?;
    // A payload may hold whole payment tokens.
    for (path, of_approver) in [
        (format!("orders/{}/source_payload", made.id()?), 403),
        ("channels/web/health".to_owned(), 200),
    ] {
        let read = async |api: &perennial_tests::Api| {
            TestResult::Ok(api.request(Method::GET, &path).send().await?.status)
        };
        assert_eq!(read(&sales).await?, 403, "{path}");
        assert_eq!(read(&approver).await?, of_approver, "{path}");
        assert_eq!(read(&operator).await?, 200, "{path}");
        assert_eq!(read(&shop.api).await?, 200, "{path}");
    }
    Ok(())
}

#[tokio::test]
async fn a_token_for_one_market_meets_no_order_of_another() -> TestResult {
    let shop = Shop::open_at(NOW).await?;
    let here = shop.goods.market.clone();
    let model = [("subscription_model", "subscription_models", shop.goods.model.as_str())];
    let elsewhere = documents::create("markets", documents::market(), &model);
    let elsewhere = shop.api.create("markets", &elsewhere).await?.id()?;
    let shared = json!({"code": "shared", "name": "Shared"});
    let id =
        shop.api.create("channels", &documents::create("channels", shared, &[])).await?.id()?;
    let program = "{external_id: .id, relationships: {market: .market}, order: {line_items: \
        [{sku_code: \"BEANS\", quantity: .beans}]}}";
    let stored = mapping(&shop, &id, json!({"program": program})).await?.id()?;
    let known = json!({"id": "1", "market": here, "beans": 2});
    let made = send_small(&shop, "shared", known.clone()).await?.with_status(201)?.id()?;

    let confined = |role: Role| -> TestResult<perennial_tests::Api> {
        let token = TokenRequest::new("acme", role)?.in_market(&elsewhere)?;
        Ok(shop.api.with_token(Some(shop.stack.sign(&token)?)))
    };
    let (sales, operator) = (confined(Role::SalesChannel)?, confined(Role::Operator)?);
    let post = |payload: &Value| {
        sales
            .request(Method::POST, "channels/shared/orders")
            .body("application/json", payload.to_string())
    };
    // Neither what is known of it, nor a change that would take it over.
    for payload in [known, json!({"id": "1", "market": elsewhere, "beans": 3})] {
        let refused = post(&payload).send().await?;
        let (status, code, detail) = refusal(&refused);
        assert_eq!((status, code.as_str()), (422, "taken"), "{detail}");
        let sample = json!({"sample": payload.to_string()});
        let related = [("channel_mapping", "channel_mappings", stored.as_str())];
        let document = documents::create("channel_mapping_previews", sample, &related);
        let preview = operator.post("channel_mapping_previews", &document).send().await?;
        let result = preview.with_status(200)?.attribute("results")[0].clone();
        assert_eq!(result["problems"][0]["code"], "taken", "{result}");
    }
    let order = shop.api.get(&format!("orders/{made}")).await?;
    assert_eq!(order.text("/data/relationships/market/data/id")?, here);
    let own = post(&json!({"id": "2", "market": elsewhere, "beans": 3})).send().await?;
    assert_eq!(own.status, 201, "{}", own.body);
    Ok(())
}

#[tokio::test]
async fn what_a_channel_says_that_pays_is_the_customers_like_any_other() -> TestResult {
    let shop = Shop::open_at(NOW).await?;
    let id = channel(&shop, "web", json!({})).await?;
    let program = "{external_id: .id, customer: {reference: \"c\", email: \"a@example.com\"}, \
        payment_source: {payment_source_token: .token}, order: {line_items: \
        [{sku_code: \"BEANS\", quantity: 1}]}}";
    mapping(&shop, &id, json!({"program": program})).await?;
    for (order, token, default) in [("1", "tok_paid", true), ("2", "tok_declines_1", false)] {
        let payload = json!({"id": order, "token": token});
        let made = send_small(&shop, "web", payload).await?.with_status(201)?;
        let source = made.text("/data/relationships/customer_payment_source/data/id")?;
        let read = shop.api.get(&format!("customer_payment_sources/{source}")).await?;
        assert_eq!(read.attribute("default"), default, "{token}");
        let events = shop.api.get(&format!("events?filter[q][resource_id_eq]={source}")).await?;
        let name = events.at("/data/0/attributes/name");
        assert_eq!(name, "customer_payment_sources.create", "{}", events.body);
    }
    Ok(())
}

#[tokio::test]
async fn channels_and_mappings_are_what_they_are() -> TestResult {
    let shop = Shop::open_at(NOW).await?;
    for (code, problem) in
        [("api", "invalid_value"), ("Web", "invalid_value"), ("chn_x", "invalid_value")]
    {
        let document = documents::create("channels", json!({"code": code, "name": "x"}), &[]);
        let refused = shop.api.post("channels", &document).send().await?;
        assert_eq!(
            (refused.status, refused.at("/errors/0/code")),
            (422, &json!(problem)),
            "{code}"
        );
    }
    let one = small(&shop, "one", json!({})).await?;
    let two = small(&shop, "two", json!({})).await?;
    let of_two = shop.api.get(&format!("channels/{two}")).await?;
    let of_two = of_two.text("/data/relationships/channel_mapping/data/id")?;
    let mut document = documents::update("channels", &one, &json!({}));
    let strange = json!({"data": {"type": "channel_mappings", "id": of_two}});
    document["data"]["relationships"] = json!({"channel_mapping": strange});
    let refused = shop.api.patch(&format!("channels/{one}"), &document).send().await?;
    assert_eq!(refused.status, 422, "{}", refused.body);
    let delete = shop.api.request(Method::DELETE, &format!("channels/{one}")).send().await?;
    assert_eq!(delete.status, 409, "its mapping needs it");
    // The same request under its key makes one version.
    let document = mapping_document(&one, json!({"program": SMALL}));
    let made = |key: &'static str| shop.api.post("channel_mappings", &document).key(key).send();
    let first = made("k1").await?.with_status(201)?;
    assert_eq!(made("k1").await?.id()?, first.id()?);
    assert_ne!(made("k2").await?.id()?, first.id()?);
    let channel = shop.api.get(&format!("channels/{one}")).await?;
    assert_eq!(channel.attribute("mappings_count"), 3);
    let wrong = send(&shop, "one", "text/csv", "id,beans\n1,2\n").await?;
    assert_eq!(wrong.status, 415);
    Ok(())
}

/// Each call of the function in turn never arrives, or takes effect while its answer is lost: what a
/// crash before or after it looks like from the outside.
#[tokio::test]
async fn a_crash_at_any_call_leaves_nothing_that_the_same_message_does_not_finish() -> TestResult {
    let program = "{external_id: .id, customer: {reference: \"c\", email: \"a@example.com\"}, \
        payment_source: {payment_source_token: \"tok_paid\"}, order: {_place: true, line_items: \
        [{sku_code: \"BEANS\", quantity: 1}]}}";
    let faults = Faults::default();
    let opened = async || -> TestResult<Shop> {
        let shop = Plan { functions: faults.functions(), ..Plan::at(NOW)? }.open().await?;
        let id = channel(&shop, "web", json!({})).await?;
        mapping(&shop, &id, json!({"program": program})).await?;
        faults.record();
        Ok(shop)
    };
    let shop = opened().await?;
    send_small(&shop, "web", json!({"id": "1"})).await?.with_status(201)?;
    let mut calls = faults.calls(20);
    calls.retain(|call| call.function == "channels");
    shop.close().await;
    let mut refused = 0;
    for call in &calls {
        for fault in [Fault::Unreachable, Fault::AnswerLost] {
            let shop = opened().await?;
            faults.arm(call.clone(), fault);
            let first = send_small(&shop, "web", json!({"id": "1"})).await?;
            assert!(faults.met(), "{call}");
            refused += usize::from(first.status >= 500);
            let again = send_small(&shop, "web", json!({"id": "1"})).await?;
            assert!(matches!(again.status, 200 | 201), "{call} {fault:?}: {}", again.body);
            // A message to validation that is lost is made good by a tick.
            shop.advance("PT5M").await?;
            assert_eq!(shop.api.all("orders").await?.len(), 1, "{call} {fault:?}");
            assert_eq!(shop.order_status(again.id()?).await?, "placed", "{call} {fault:?}");
            assert_eq!(shop.charges().await?.len(), 1, "{call} {fault:?}");
            let customers = shop.api.all("customers").await?;
            let theirs = |one: &&Value| one["attributes"]["reference"] == "c";
            assert_eq!(customers.iter().filter(theirs).count(), 1, "{call} {fault:?}");
            shop.close().await;
        }
    }
    println!(
        "{} calls, {refused} of {} faults refused the first message",
        calls.len(),
        2 * calls.len()
    );
    assert!(calls.len() >= 8 && refused >= calls.len(), "{} {refused}", calls.len());
    Ok(())
}
