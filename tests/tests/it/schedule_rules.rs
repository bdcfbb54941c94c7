//! Subscriptions live by the rules of time: what previews tell and edits answer is what runs do.

use chrono::{DateTime, Utc};
use perennial_domain::{
    ids::SubscriptionId,
    lifecycle::SubscriptionStatus::{Active, Inactive},
};
use perennial_tests::{Answer, Plan, Shop, TestResult, documents};
use serde_json::{Value, json};

const KIND: &str = "order_subscriptions";

async fn send(shop: &Shop, id: &SubscriptionId, attributes: Value) -> TestResult<Answer> {
    let document = documents::update(KIND, id.as_str(), &attributes);
    shop.api.patch(&format!("{KIND}/{id}"), &document).send().await
}

async fn edit(shop: &Shop, id: &SubscriptionId, attributes: Value) -> TestResult<Answer> {
    send(shop, id, attributes).await?.with_status(200)
}

async fn read(shop: &Shop, id: &SubscriptionId) -> TestResult<Answer> {
    shop.api.get(&format!("{KIND}/{id}")).await
}

/// Number and due date of each run.
async fn ran(shop: &Shop, id: &SubscriptionId) -> TestResult<Vec<(u32, DateTime<Utc>)>> {
    let runs = shop.runs(id).await?;
    Ok(runs.into_iter().map(|run| (run.number.get(), run.due_at)).collect())
}

/// The days on which runs were due.
async fn days(shop: &Shop, id: &SubscriptionId) -> TestResult<Vec<String>> {
    let runs = ran(shop, id).await?;
    Ok(runs.into_iter().map(|(_, at)| at.format("%m-%d").to_string()).collect())
}

/// What the schedule preview lists for a subscription, from its first run on.
async fn listed(
    shop: &Shop,
    subscription: &Answer,
    count: usize,
) -> TestResult<Vec<(u32, DateTime<Utc>)>> {
    let mut attributes = json!({"count": count + 1});
    for name in [
        "frequency",
        "starts_at",
        "time_zone",
        "anchor_day",
        "anchor_weekday",
        "month_end",
        "dst_gap",
        "dst_overlap",
        "working_days",
        "max_occurrences",
        "expires_at",
    ] {
        attributes[name] = subscription.attribute(name).clone();
    }
    let document = documents::create("schedule_previews", attributes, &[]);
    let answer = shop.api.post("schedule_previews", &document).send().await?.with_status(200)?;
    let occurrences = answer.attribute("occurrences").as_array().cloned().unwrap_or_default();
    occurrences
        .into_iter()
        .filter(|one| one["number"] != 0)
        .map(|one| {
            let at: DateTime<Utc> = one["at"].as_str().unwrap_or_default().parse()?;
            Ok((u32::try_from(one["number"].as_u64().unwrap_or_default())?, at))
        })
        .collect()
}

/// A skipped run as the journal tells it.
async fn skips(shop: &Shop, id: &SubscriptionId) -> TestResult<Vec<Value>> {
    let journal = shop.journal("S", id.as_str()).await?;
    Ok(journal.into_iter().filter_map(|entry| entry.after.get("skipped").cloned()).collect())
}

#[tokio::test]
async fn runs_are_made_on_the_dates_that_the_preview_lists() -> TestResult {
    for (frequency, zone, rules, months, runs) in [
        // Through the night of 28 March 2027, in which 02:30 does not exist in Berlin.
        ("daily", "Europe/Berlin", json!({"dst_gap": "skip"}), 3, 88),
        // Month ends, moved off weekends and holidays; the twelfth ends it.
        (
            "monthly",
            "America/New_York",
            json!({
                "anchor_day": 31,
                "max_occurrences": 12,
                "working_days": {"rule": "next", "holidays": ["2027-04-30", "2027-05-31"]},
            }),
            14,
            11,
        ),
        ("every 2 weeks", "Pacific/Auckland", json!({"anchor_weekday": "monday"}), 5, 11),
        ("30 2 * * *", "Europe/Berlin", json!({"dst_overlap": "both", "dst_gap": "shift"}), 3, 89),
    ] {
        let plan = Plan::at("2027-01-30T02:30:00Z")?.model(rules.clone());
        let shop = plan.open().await?;
        let id = shop.subscribe(frequency).await?;
        edit(&shop, &id, json!({"time_zone": zone})).await?;
        let subscription = read(&shop, &id).await?;
        for (name, value) in rules.as_object().into_iter().flatten() {
            let found = subscription.attribute(name);
            let is = match value.get("rule") {
                Some(rule) => found.get("rule") == Some(rule),
                None => found == value,
            };
            assert!(is, "{frequency}: {name} is {found}");
        }
        let listed = listed(&shop, &subscription, 200).await?;
        shop.advance(&format!("P{months}M")).await?;
        let ran = ran(&shop, &id).await?;
        assert!(ran.len().abs_diff(runs) <= 1, "{frequency}: {}", ran.len());
        assert_eq!(ran, listed.get(..ran.len()).unwrap_or_default(), "{frequency}");
        let now = shop.stack.clock().now();
        let elapsed = listed.iter().filter(|(_, at)| *at < now).count();
        assert_eq!(ran.len(), elapsed, "{frequency}: none that has elapsed is missing");
        shop.prove_books().await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_day_of_the_month_outlasts_a_time_in_which_the_frequency_is_another() -> TestResult {
    let shop = Shop::open_at("2027-01-31T10:00:00Z").await?;
    let id = shop.subscribe("monthly").await?;
    shop.advance_to("2027-03-01T00:00:00Z").await?;
    let weekly = edit(&shop, &id, json!({"frequency": "weekly"})).await?;
    assert_eq!(weekly.at("/data/meta/rescheduled/from/frequency"), "monthly");
    shop.advance_to("2027-03-15T00:00:00Z").await?;
    edit(&shop, &id, json!({"frequency": "monthly"})).await?;
    shop.advance_to("2027-06-01T00:00:00Z").await?;
    let expected = ["02-28", "03-07", "03-14", "03-31", "04-30", "05-31"];
    assert_eq!(days(&shop, &id).await?, expected);
    let numbers: Vec<u32> = ran(&shop, &id).await?.into_iter().map(|(number, _)| number).collect();
    assert!(numbers.is_sorted_by(|one, other| one < other), "{numbers:?}");
    shop.prove_events().await
}

#[tokio::test]
async fn a_zone_change_bills_no_period_twice_and_skips_none() -> TestResult {
    let shop = Shop::open_at("2027-01-31T10:00:00Z").await?;
    let id = shop.subscribe("daily").await?;
    for (day, zone) in [
        ("2027-02-03T12:00:00Z", "Pacific/Kiritimati"),
        ("2027-02-06T12:00:00Z", "Pacific/Honolulu"),
        ("2027-02-09T23:00:00Z", "Europe/Berlin"),
    ] {
        shop.advance_to(day).await?;
        let changed = edit(&shop, &id, json!({"time_zone": zone})).await?;
        assert_eq!(changed.attribute("time_zone"), zone);
        let told = changed.at("/data/meta/rescheduled/to/next_run_at");
        assert_eq!(told, changed.attribute("next_run_at"), "{zone}");
    }
    shop.advance_to("2027-02-12T00:00:00Z").await?;
    let numbers: Vec<u32> = ran(&shop, &id).await?.into_iter().map(|(number, _)| number).collect();
    // Eleven wall-clock days since 31 January, whatever the zone.
    assert_eq!(numbers, (1..=11).collect::<Vec<u32>>(), "{:?}", ran(&shop, &id).await?);
    shop.prove_events().await
}

#[tokio::test]
async fn the_next_run_is_skipped_by_request_and_put_on_another_date() -> TestResult {
    let shop = Shop::open_at("2027-01-31T10:00:00Z").await?;
    let id = shop.subscribe("monthly").await?;
    let subscription = read(&shop, &id).await?;
    let why = subscription.text("/data/attributes/next_run_reason")?;
    assert_eq!(why, "anchor plus 1 interval, clamped from 31");
    let skipped = edit(&shop, &id, json!({"_skip_next": true})).await?;
    assert_eq!(skipped.attribute("next_run_reason"), "anchor plus 2 intervals");
    let told = json!({"first": 1, "last": 1, "reason": "skipped by request"});
    assert_eq!(skipped.at("/data/meta/skipped"), &told);
    let from = skipped.text("/data/meta/rescheduled/from/next_run_at")?;
    assert!(from.starts_with("2027-02-28T10:0"), "{from}");
    let to = skipped.text("/data/attributes/next_run_at")?;
    assert!(to.starts_with("2027-03-31T10:0"), "{to}");
    assert_eq!(skips(&shop, &id).await?, [told]);
    let path = format!("journal_entries?filter[q][subject_eq]={id}");
    let entries = shop.api.all(&path).await?;
    let last = entries.last().ok_or("the journal tells it")?;
    assert_eq!(last["attributes"]["event"], "order_subscriptions.skip_next");

    // The second run early, the ones after it as before; then the fourth late, and all after it.
    let early = edit(&shop, &id, json!({"next_run_at": "2027-03-10T08:00:00Z"})).await?;
    assert_eq!(early.attribute("next_run_reason"), "rescheduled by request");
    shop.advance_to("2027-05-01T00:00:00Z").await?;
    assert_eq!(days(&shop, &id).await?, ["03-10", "04-30"]);
    let moved = json!({"next_run_at": "2027-06-05T08:00:00Z", "anchor_change": "move"});
    let moved = edit(&shop, &id, moved).await?;
    assert_eq!(moved.attribute("starts_at"), "2027-06-05T08:00:00Z");
    assert_eq!(moved.at("/data/meta/rescheduled/to/next_run_at"), "2027-06-05T08:00:00Z");
    shop.advance_to("2027-08-31T00:00:00Z").await?;
    assert_eq!(days(&shop, &id).await?, ["03-10", "04-30", "06-05", "07-05", "08-05"]);
    assert_eq!(shop.prove_occurrences(&id).await?, (vec![2, 3, 4, 5, 6], vec![1]));
    shop.prove_events().await
}

#[tokio::test]
async fn past_its_cut_off_the_next_run_stands_fast() -> TestResult {
    let shop = Shop::open_at("2027-01-31T10:00:00Z").await?;
    let id = shop.subscribe("monthly").await?;
    let set = edit(&shop, &id, json!({"cut_off_hours": 48})).await?;
    assert_eq!(set.attribute("cut_off_hours"), 48);
    // The run is due on 28 February, some minutes past ten.
    shop.advance_to("2027-02-27T00:00:00Z").await?;
    for attributes in [
        json!({"frequency": "weekly"}),
        json!({"anchor_day": 15}),
        json!({"next_run_at": "2027-03-05T08:00:00Z"}),
        json!({"_skip_next": true}),
        json!({"cut_off_hours": 0, "time_zone": "Asia/Tokyo"}),
    ] {
        let refused = send(&shop, &id, attributes.clone()).await?.with_status(409)?;
        let detail = refused.text("/errors/0/detail")?;
        assert!(detail.contains("cut_off_hours (48)"), "{attributes}: {detail}");
        assert!(detail.contains("it closed at 2027-02-26T10:0"), "{attributes}: {detail}");
        assert!(detail.contains("again from 2027-02-28T10:0"), "{attributes}: {detail}");
    }
    // What the run is about stays open, and so does the rule itself.
    edit(&shop, &id, json!({"reference": "C-1", "expires_at": "2028-01-01T00:00:00Z"})).await?;
    shop.advance_to("2027-03-01T00:00:00Z").await?;
    edit(&shop, &id, json!({"_skip_next": true})).await?;
    shop.advance_to("2027-04-29T00:00:00Z").await?;
    edit(&shop, &id, json!({"cut_off_hours": null})).await?;
    let skipped = edit(&shop, &id, json!({"_skip_next": true})).await?;
    assert_eq!(skipped.at("/data/meta/skipped/first"), 3);
    shop.advance_to("2027-05-31T12:00:00Z").await?;
    assert_eq!(shop.prove_occurrences(&id).await?, (vec![1, 4], vec![2, 3]));
    shop.prove_events().await
}

#[tokio::test]
async fn a_pause_ends_by_itself_and_what_fell_due_meanwhile_is_passed_over() -> TestResult {
    let shop = Shop::open_at("2027-01-31T10:00:00Z").await?;
    let id = shop.subscribe("weekly").await?;
    let pause = json!({"_deactivate": true, "resumes_at": "2027-02-20T00:00:00Z"});
    let paused = edit(&shop, &id, pause).await?;
    assert_eq!(paused.attribute("status"), "inactive");
    assert_eq!(paused.attribute("resumes_at"), "2027-02-20T00:00:00Z");
    let coming = paused.text("/data/attributes/next_run_at")?;
    assert!(coming.starts_with("2027-02-21T10:0"), "after the pause: {coming}");
    // Somebody thinks again: until then no date is known.
    let open = edit(&shop, &id, json!({"resumes_at": null})).await?;
    assert_eq!(open.attribute("next_run_at"), &Value::Null);
    edit(&shop, &id, json!({"resumes_at": "2027-03-02T00:00:00Z"})).await?;
    shop.advance_to("2027-03-01T23:00:00Z").await?;
    assert_eq!(shop.subscription(&id).await?.status, Inactive);
    shop.advance_to("2027-03-02T00:05:00Z").await?;
    let active = shop.subscription(&id).await?;
    assert_eq!((active.status, active.resumes_at), (Active, None));
    assert!(shop.runs(&id).await?.is_empty());
    let passed = json!({"first": 1, "last": 4, "reason": "paused"});
    assert_eq!(skips(&shop, &id).await?, [passed]);
    // The job log has it too.
    let jobs = shop.job_runs().await?;
    let job = &jobs.last().ok_or("a job resumed it")?.0;
    let job = shop.api.get(&format!("job_runs/{}", job.id)).await?;
    assert_eq!(job.attribute("skipped_count"), 1, "{:#}", job.body);
    shop.advance_to("2027-03-15T00:00:00Z").await?;
    assert_eq!(days(&shop, &id).await?, ["03-07", "03-14"]);

    // One that is paused and activated by hand leaves the same record.
    edit(&shop, &id, json!({"_deactivate": true})).await?;
    shop.advance_to("2027-03-30T00:00:00Z").await?;
    let active = edit(&shop, &id, json!({"_activate": true})).await?;
    let passed = json!({"first": 7, "last": 8, "reason": "paused"});
    assert_eq!(active.at("/data/meta/skipped"), &passed);
    shop.advance_to("2027-04-05T00:00:00Z").await?;
    let (run, skipped) = shop.prove_occurrences(&id).await?;
    assert_eq!((run, skipped), (vec![5, 6, 9], vec![1, 2, 3, 4, 7, 8]));
    shop.prove_job_log().await?;
    shop.prove_events().await
}

#[tokio::test]
async fn after_its_last_occurrence_a_subscription_ends_and_a_longer_term_lets_it_go_on()
-> TestResult {
    let plan = Plan::at("2027-01-31T10:00:00Z")?.model(json!({"max_occurrences": 3}));
    let shop = plan.open().await?;
    let id = shop.subscribe("weekly").await?;
    assert_eq!(read(&shop, &id).await?.attribute("max_occurrences"), 3);
    shop.advance("P2M").await?;
    assert_eq!(days(&shop, &id).await?, ["02-07", "02-14"], "the source order is the first");
    let ended = read(&shop, &id).await?;
    assert_eq!(ended.attribute("status"), "inactive");
    assert_eq!(ended.attribute("next_run_at"), &Value::Null);
    let entries = shop.journal("S", id.as_str()).await?;
    let last = entries.last().ok_or("it was journaled")?;
    assert_eq!(last.event, "order_subscriptions.expire");
    assert_eq!(last.after["reason"], "maximum_reached");

    let refused = send(&shop, &id, json!({"_activate": true})).await?.with_status(409)?;
    assert!(refused.text("/errors/0/detail")?.contains("max_occurrences"));
    edit(&shop, &id, json!({"max_occurrences": null, "_activate": true})).await?;
    shop.advance("P7D").await?;
    assert_eq!(days(&shop, &id).await?, ["02-07", "02-14", "04-04"]);
    shop.prove_events().await
}

#[tokio::test]
async fn a_model_gives_its_subscriptions_the_rules_that_they_have_a_use_for() -> TestResult {
    let rules = json!({
        "anchor_day": 15,
        "month_end": "sticky",
        "dst_gap": "shift",
        "catch_up": {"policy": "skip", "grace_minutes": 90},
    });
    let shop = Plan::at("2027-01-31T10:00:00Z")?.model(rules).open().await?;
    let model = shop.api.get(&format!("subscription_models/{}", shop.goods.model)).await?;
    assert_eq!(model.attribute("anchor_day"), 15);
    assert_eq!(model.attribute("catch_up")["grace_minutes"], 90);
    let monthly = shop.subscribe("monthly").await?;
    let weekly = shop.subscribe("weekly").await?;
    shop.advance("P1M").await?;
    assert_eq!(days(&shop, &monthly).await?, ["02-15"]);
    assert_eq!(days(&shop, &weekly).await?, ["02-07", "02-14", "02-21", "02-28"]);
    edit(&shop, &weekly, json!({"frequency": "monthly"})).await?;
    shop.advance("P1M").await?;
    assert_eq!(days(&shop, &weekly).await?.last().map(String::as_str), Some("03-15"));
    Ok(())
}

#[tokio::test]
async fn what_can_t_be_is_refused_with_the_attribute_and_the_rule() -> TestResult {
    let shop = Shop::open_at("2027-01-31T10:00:00Z").await?;
    let monthly = shop.subscribe("monthly").await?;
    let weekly = shop.subscribe("weekly").await?;
    let cancelled = shop.subscribe("monthly").await?;
    edit(&shop, &cancelled, json!({"_cancel": true})).await?;
    let paused = shop.subscribe("monthly").await?;
    edit(&shop, &paused, json!({"_deactivate": true})).await?;
    let at = |name: &str| format!("/data/attributes/{name}");
    for (id, attributes, status, error, name, says) in [
        (&monthly, json!({"anchor_day": 32}), 422, "out_of_range", "anchor_day", "from 1 to 31"),
        (&monthly, json!({"anchor_day": "31"}), 422, "wrong_type", "anchor_day", "from 1 to 31"),
        (
            &monthly,
            json!({"expires_at": "2027-06-30T23:59:60Z"}),
            422,
            "invalid_value",
            "expires_at",
            "up to 59",
        ),
        (&weekly, json!({"anchor_day": 15}), 422, "invalid_value", "anchor_day", "`weekly`"),
        (
            &monthly,
            json!({"anchor_weekday": "monday"}),
            422,
            "invalid_value",
            "anchor_weekday",
            "`monthly`",
        ),
        (
            &monthly,
            json!({"anchor_weekday": "mon"}),
            422,
            "invalid_value",
            "anchor_weekday",
            "monday",
        ),
        (&monthly, json!({"dst_overlap": "both"}), 422, "invalid_value", "dst_overlap", "cron"),
        (&monthly, json!({"dst_gap": "never"}), 422, "invalid_value", "dst_gap", "first_valid"),
        (&monthly, json!({"time_zone": "Mars/Olympus"}), 422, "invalid_value", "time_zone", "IANA"),
        (&monthly, json!({"time_zone": null}), 422, "required", "time_zone", "not null"),
        (&monthly, json!({"max_occurrences": 0}), 422, "out_of_range", "max_occurrences", "from 1"),
        (
            &monthly,
            json!({"next_run_at": "2027-01-01T00:00:00Z"}),
            422,
            "invalid_value",
            "next_run_at",
            "future",
        ),
        (
            &monthly,
            json!({"next_run_at": "2027-04-15T00:00:00Z"}),
            422,
            "invalid_value",
            "next_run_at",
            "following run",
        ),
        (&monthly, json!({"next_run_at": null}), 422, "required", "next_run_at", "not null"),
        (
            &monthly,
            json!({"anchor_change": "move"}),
            422,
            "invalid_value",
            "anchor_change",
            "next_run_at",
        ),
        (
            &monthly,
            json!({"_deactivate": true, "resumes_at": "2027-01-01T00:00:00Z"}),
            422,
            "invalid_value",
            "resumes_at",
            "future",
        ),
        (
            &monthly,
            json!({"_cancel": true, "resumes_at": "2027-03-01T00:00:00Z"}),
            422,
            "invalid_value",
            "resumes_at",
            "_cancel",
        ),
        (
            &monthly,
            json!({"resumes_at": "2027-03-01T00:00:00Z"}),
            409,
            "invalid_status",
            "resumes_at",
            "is active",
        ),
        (
            &paused,
            json!({"next_run_at": "2027-03-01T00:00:00Z"}),
            409,
            "invalid_status",
            "next_run_at",
            "is inactive",
        ),
        (
            &paused,
            json!({"resumes_at": "2027-01-01T00:00:00Z"}),
            422,
            "invalid_value",
            "resumes_at",
            "future",
        ),
        (&paused, json!({"_skip_next": true}), 409, "invalid_status", "_skip_next", "is inactive"),
        (
            &cancelled,
            json!({"_skip_next": true}),
            409,
            "invalid_status",
            "_skip_next",
            "is cancelled",
        ),
        (
            &monthly,
            json!({"working_days": {"rule": "next", "weekend": [
                "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday",
            ]}}),
            422,
            "invalid_value",
            "working_days/weekend",
            "all seven",
        ),
    ] {
        let before = read(&shop, id).await?;
        let refused = send(&shop, id, attributes.clone()).await?;
        assert_eq!(refused.status, status, "{attributes}: {:#}", refused.body);
        assert_eq!(refused.errors(), [format!("{error} {}", at(name))], "{attributes}");
        let detail = refused.text("/errors/0/detail")?;
        assert!(detail.contains(says), "{attributes}: {detail}");
        assert_eq!(read(&shop, id).await?.body, before.body, "{attributes}: nothing is written");
    }
    let model = documents::with(
        documents::model(),
        json!({"frequencies": ["weekly", "daily"], "anchor_day": 15}),
    );
    let model = documents::create("subscription_models", model, &[]);
    let refused = shop.api.post("subscription_models", &model).send().await?.with_status(422)?;
    assert_eq!(refused.errors(), [format!("invalid_value {}", at("anchor_day"))]);
    shop.prove_events().await
}
