//! Previews say what the rules of time and money lead to. Expected values are worked out by hand.

mod billing_periods;
mod invoices;
mod proration;
mod schedules;

use std::collections::BTreeSet;

use perennial_local::identity::Role;
use perennial_tests::{Answer, Shop, TestResult, documents};
use serde_json::{Value, json};

/// Asks for a preview, as one who may write nothing, and sees that nothing was written.
async fn preview(shop: &Shop, kind: &str, attributes: Value) -> TestResult<Answer> {
    let tables = &shop.stack.cloud().dynamodb;
    let before = tables.writes();
    let document = documents::create(kind, attributes, &[]);
    let answer = shop.api_as(Role::Approver)?.post(kind, &document).send().await?;
    assert_eq!(tables.writes(), before, "{kind}: something was written");
    answer.with_status(200)
}

/// Sees that wrong attributes are refused, and where. The places stand below the attributes.
async fn refused(shop: &Shop, kind: &str, attributes: Value, errors: &[&str]) -> TestResult {
    let document = documents::create(kind, attributes, &[]);
    let answer = shop.api.post(kind, &document).send().await?;
    let what = format!("{document} {:#}", answer.body);
    assert_eq!(answer.status, 422, "{what}");
    let places: Vec<String> =
        errors.iter().map(|error| error.replace(" /", " /data/attributes/")).collect();
    assert_eq!(answer.errors(), places, "{what}");
    Ok(())
}

/// What is said about wrong attributes.
async fn refusals(shop: &Shop, kind: &str, attributes: Value) -> TestResult<Vec<String>> {
    let document = documents::create(kind, attributes, &[]);
    let answer = shop.api.post(kind, &document).send().await?.with_status(422)?;
    let errors = answer.at("/errors").as_array().cloned().unwrap_or_default();
    Ok(errors.iter().filter_map(|error| Some(error["detail"].as_str()?.to_owned())).collect())
}

/// One question of each kind.
fn questions() -> [(&'static str, Value); 4] {
    let schedule = json!({"frequency": "monthly", "starts_at": "2027-01-31T10:00:00Z"});
    let invoice = json!({
        "currency": "EUR",
        "items": [{"description": "Seat", "unit_amount_cents": 1_000}],
    });
    let proration = json!({
        "currency": "EUR",
        "period_start": "2027-01-01",
        "period_end": "2027-02-01",
        "change_at": "2027-01-18",
        "new_amount": 3_100,
    });
    [
        ("schedule_previews", schedule.clone()),
        ("proration_previews", proration),
        ("billing_period_previews", schedule.clone()),
        ("invoice_previews", documents::with(schedule, invoice)),
    ]
}

#[tokio::test]
async fn every_role_may_ask_and_the_same_question_has_the_same_answer() -> TestResult {
    let shop = Shop::open_at("2027-01-31T10:00:00Z").await?;
    for (kind, attributes) in questions() {
        let document = documents::create(kind, attributes, &[]);
        let mut answers = Vec::new();
        for role in [Role::Integration, Role::SalesChannel, Role::Operator, Role::Approver] {
            let answer = shop.api_as(role)?.post(kind, &document).key("same").send().await?;
            answers.push(answer.with_status(200)?.body);
        }
        answers.dedup();
        assert_eq!(answers.len(), 1, "{kind}");

        let path = format!("{kind}?fields[{kind}]=time_zone");
        let sparse = shop.api.post(&path, &document).send().await?.with_status(200)?;
        let shown = sparse.at("/data/attributes").as_object().map(serde_json::Map::len);
        assert_eq!(shown, Some(1), "{kind}: {:#}", sparse.body);
        let read = shop.api.request(reqwest::Method::GET, kind).send().await?;
        assert_eq!(read.status, 405, "{kind} are stored nowhere");
    }
    Ok(())
}

/// What a member may be, and not what the reader of JSON makes of it.
#[tokio::test]
async fn what_is_wrong_within_an_object_is_said_in_the_words_of_the_field() -> TestResult {
    let shop = Shop::open_at("2027-01-31T10:00:00Z").await?;
    let week = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
    for (changes, detail) in [
        (
            json!({"frequency": {"every": 1.0, "unit": "day"}}),
            "every must be a whole number from 1 to 4294967295, not 1.0",
        ),
        (json!({"frequency": {"unit": "day"}}), "every is required in a frequency"),
        (
            json!({"frequency": {"every": 101, "unit": "year"}}),
            "every must be between 1 and 100 for the unit year, not 101",
        ),
        (json!({"working_days": {"weekend": []}}), "rule is required"),
        (
            json!({"working_days": {"rule": "next", "weekend": week}}),
            "working_days.weekend has all seven days of the week: leave at least one to work on",
        ),
    ] {
        let schedule = json!({"frequency": "monthly", "starts_at": "2027-01-31T10:00:00Z"});
        let asked = documents::with(schedule, changes);
        assert_eq!(refusals(&shop, "schedule_previews", asked).await?, [detail]);
    }
    // Null within an object is as good as left out.
    let asked = json!({
        "frequency": "monthly",
        "starts_at": "2027-01-31T10:00:00Z",
        "working_days": {"rule": "next", "weekend": null, "holidays": null},
        "catch_up": {"policy": "each", "grace_minutes": null},
        "down_from": "2027-02-01T00:00:00Z",
        "down_until": "2027-02-02T00:00:00Z",
    });
    let answer = preview(&shop, "schedule_previews", asked).await?;
    let weekend = &answer.attribute("working_days")["weekend"];
    assert_eq!(weekend, &json!(["saturday", "sunday"]));
    Ok(())
}

#[tokio::test]
async fn what_previews_take_and_answer_is_described() -> TestResult {
    let shop = Shop::open_at("2027-01-31T10:00:00Z").await?;
    let described = shop.api.get("openapi.json").await?;
    let names = |value: &Value| -> BTreeSet<String> {
        value.as_object().into_iter().flatten().map(|(name, _)| name.clone()).collect()
    };
    for (kind, attributes) in questions() {
        let operation = described.at(&format!("/paths/~1api~1{kind}/post"));
        assert_eq!(operation["operationId"], format!("make_{kind}"));
        assert!(operation["responses"]["200"].is_object(), "{operation:#}");
        assert!(operation["requestBody"].is_object(), "{operation:#}");

        let schema = format!("/components/schemas/{kind}/properties/attributes/properties");
        let answer = preview(&shop, kind, attributes.clone()).await?;
        let answered = names(answer.at("/data/attributes"));
        assert_eq!(answered, names(described.at(&schema)), "{kind}");

        let schema = format!(
            "/components/schemas/{kind}_create/properties/data/properties/attributes/properties"
        );
        let taken = names(described.at(&schema));
        assert!(names(&attributes).is_subset(&taken) && taken.is_subset(&answered), "{kind}");
    }
    Ok(())
}
