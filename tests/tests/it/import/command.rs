//! `perennial import`: a file comes in whole, whatever cuts it short, and never twice.

use std::{fs, path::Path, time::Duration};

use perennial_local::{
    identity::Role,
    import::{self, Mode, Options, Summary},
};
use perennial_tests::{
    Plan, Shop, TestResult,
    fault::{Call, Fault, Faults},
    shop::BEANS,
};
use serde_json::json;

use super::NOW;

/// Rows of the files of these tests; every third has a customer of its own.
const ROWS: usize = 300;

pub(super) fn options(file: &Path, url: &str, token: String, mode: Mode) -> Options {
    Options {
        file: file.to_owned(),
        source: "legacy".to_owned(),
        url: url.to_owned(),
        token,
        mode,
        batch: 20,
        concurrency: 3,
        report: Some(file.with_extension("report.csv")),
        quiet: true,
    }
}

/// The same, for an operator of a shop.
fn of_shop(shop: &Shop, file: &Path, mode: Mode) -> TestResult<Options> {
    Ok(options(file, shop.stack.url(), shop.stack.token("acme", Role::Operator)?, mode))
}

pub(super) fn csv(shop: &Shop, rows: usize) -> String {
    let names = "external_id,status,market_id,frequency,starts_at,current_recurrence,customer_email,\
                 shipping_address.line_1,shipping_address.city,shipping_address.country_code,\
                 payment_source_token,sku_code,quantity,unit_amount_cents,metadata\n";
    let row = |place: usize| {
        let (market, customer) = (&shop.goods.market, place / 3);
        format!(
            "S-{place},active,{market},monthly,2026-08-31T10:00:00Z,{},c{customer}@example.com,\
             {customer} Linden,Berlin,DE,tok_paid,{BEANS},1,,\"{{\"\"line\"\": {place}}}\"\n",
            5 + place
        )
    };
    (0..rows).fold(names.to_owned(), |file, place| file + &row(place))
}

/// Rows, imported, unchanged and those with problems.
fn counted(summary: &Summary) -> (u64, u64, u64, u64) {
    let counts = summary.counts;
    let wrong = counts.conflicts + counts.invalid + counts.failed;
    (counts.rows, counts.imported, counts.unchanged, wrong)
}

/// Every row is one subscription, with a journal that tells of one import.
async fn prove_imported(shop: &Shop, rows: usize) -> TestResult {
    let made = shop.api.all("order_subscriptions?page[size]=100").await?;
    assert_eq!(made.len(), rows);
    let mut references: Vec<&str> =
        made.iter().filter_map(|one| one.pointer("/attributes/reference")?.as_str()).collect();
    references.sort_unstable();
    references.dedup();
    assert_eq!(references.len(), rows);
    for one in made.iter().step_by(37) {
        let id = one.get("id").and_then(|id| id.as_str()).ok_or("no id")?;
        let journal = shop.store.whole_journal(&shop.organization, "S", id).await?;
        let events: Vec<&str> = journal.iter().map(|entry| entry.event.as_str()).collect();
        assert_eq!(events, ["order_subscriptions.import"]);
    }
    // And Ada, whom the shop has.
    let customers = shop.api.all("customers?page[size]=100").await?.len();
    assert_eq!(customers, rows.div_ceil(3) + 1);
    // Each customer has their goods sent to one place.
    let places = shop.api.all("addresses?page[size]=100").await?;
    assert_eq!(places.len(), rows.div_ceil(3));
    shop.settle().await?;
    assert!(shop.charges().await?.is_empty());
    shop.prove_events().await
}

#[tokio::test]
async fn a_file_is_checked_first_and_then_imported_once_however_often_it_is_sent() -> TestResult {
    let shop = Shop::open_at(NOW).await?;
    let directory = tempfile::tempdir()?;
    let file = directory.path().join("book.csv");
    fs::write(&file, csv(&shop, ROWS))?;
    let checked = import::run(&of_shop(&shop, &file, Mode::DryRun)?).await?;
    assert_eq!(checked.iter().map(counted).collect::<Vec<_>>(), [(300, 300, 0, 0)]);
    assert!(shop.api.all("order_subscriptions").await?.is_empty());
    let both = import::run(&of_shop(&shop, &file, Mode::CheckThenApply)?).await?;
    assert_eq!(both.iter().map(counted).collect::<Vec<_>>(), [(300, 300, 0, 0), (300, 300, 0, 0)]);
    let again = import::run(&of_shop(&shop, &file, Mode::CheckThenApply)?).await?;
    assert_eq!(again.iter().map(counted).collect::<Vec<_>>(), [(300, 0, 300, 0), (300, 0, 300, 0)]);
    prove_imported(&shop, ROWS).await
}

#[tokio::test]
async fn an_import_that_is_cut_short_anywhere_is_simply_started_again() -> TestResult {
    let shop = Shop::open_at(NOW).await?;
    let directory = tempfile::tempdir()?;
    let file = directory.path().join("book.csv");
    fs::write(&file, csv(&shop, ROWS))?;
    let options = of_shop(&shop, &file, Mode::Apply)?;
    let mut before = 0;
    for patience in [40, 90, 160] {
        // Requests under way are left alone by their client, and may yet be carried out.
        let cut = tokio::time::timeout(Duration::from_millis(patience), import::run(&options));
        drop(cut.await);
        shop.settle().await?;
        let now = shop.api.all("order_subscriptions?page[size]=100").await?.len();
        assert!((before..=ROWS).contains(&now));
        before = now;
    }
    let rest = import::run(&options).await?;
    let summary = rest.first().ok_or("nothing was done")?;
    let (rows, imported, unchanged, wrong) = counted(summary);
    assert_eq!((rows, imported + unchanged, wrong), (300, 300, 0), "{summary}");
    prove_imported(&shop, ROWS).await
}

#[tokio::test]
async fn whatever_call_of_the_function_fails_each_row_comes_in_once() -> TestResult {
    for (target, nth, fault) in [
        ("DynamoDB_20120810.TransactWriteItems", 3, Fault::AnswerLost),
        ("DynamoDB_20120810.TransactWriteItems", 5, Fault::Unreachable),
        ("DynamoDB_20120810.PutItem", 1, Fault::AnswerLost),
        ("DynamoDB_20120810.PutItem", 2, Fault::Throttled),
        ("DynamoDB_20120810.BatchGetItem", 2, Fault::Unreachable),
    ] {
        let faults = Faults::default();
        let plan = Plan { functions: faults.functions(), ..Plan::at(NOW)? };
        let shop = plan.open().await?;
        let directory = tempfile::tempdir()?;
        let file = directory.path().join("book.csv");
        fs::write(&file, csv(&shop, 40))?;
        let function = "import".to_owned();
        faults.arm(Call { function, target: target.to_owned(), nth }, fault);
        let done = import::run(&of_shop(&shop, &file, Mode::Apply)?).await?;
        let summary = done.first().ok_or("nothing was done")?;
        let (rows, imported, unchanged, wrong) = counted(summary);
        assert_eq!((rows, imported + unchanged, wrong), (40, 40, 0), "{target} {nth}: {summary}");
        prove_imported(&shop, 40).await?;
    }
    Ok(())
}

#[tokio::test]
async fn the_report_names_line_field_rule_and_value_and_nothing_is_written_before_all_is_sound()
-> TestResult {
    let shop = Shop::open_at(NOW).await?;
    let directory = tempfile::tempdir()?;
    let file = directory.path().join("book.csv");
    let market = &shop.goods.market;
    let names = "external_id,market_id,frequency,starts_at,customer_email,sku_code,quantity\n";
    let starts_at = "2026-08-31T10:00:00Z";
    let good = format!("{market},monthly,{starts_at},a@example.com,{BEANS},1");
    fs::write(
        &file,
        format!(
            "{names}S-1,{good}\nS-2,{market},sometimes,{starts_at},a@example.com,{BEANS},lots\n\
             S-3,{good},7\nS-1,{good}\n"
        ),
    )?;
    let options = of_shop(&shop, &file, Mode::CheckThenApply)?;
    let checked = import::run(&options).await?;
    assert_eq!(checked.iter().map(counted).collect::<Vec<_>>(), [(4, 1, 0, 3)]);
    assert!(shop.api.all("order_subscriptions").await?.is_empty(), "nothing is written");
    let report = fs::read_to_string(options.report.as_ref().ok_or("no report")?)?;
    let lines: Vec<&str> = report.lines().collect();
    let begins = |place: usize, text: &str| {
        let line = lines.get(place).copied().unwrap_or_default();
        assert!(line.starts_with(text), "{line:?} does not begin with {text:?}");
    };
    begins(0, "line,external_id,outcome,order_subscription_id,field,rule,value,detail");
    begins(1, "2,S-1,imported,sub_");
    begins(2, "3,S-2,invalid,,frequency,invalid_value,sometimes,");
    begins(3, "3,S-2,invalid,,items/0/quantity,wrong_type,lots,");
    begins(4, "4,,invalid,,,malformed,,");
    begins(5, "5,S-1,conflict,");
    assert!(report.contains("line 2 has the same external_id"), "{report}");

    // Told to, it imports what is sound.
    let applied = import::run(&Options { mode: Mode::Apply, ..options.clone() }).await?;
    assert_eq!(applied.iter().map(counted).collect::<Vec<_>>(), [(4, 1, 1, 2)]);

    fs::write(&file, "external_id,anchor\nS-1,x\n")?;
    let refused = import::run(&options).await.err().ok_or("an unknown column is taken")?;
    assert!(refused.to_string().contains("there is no column \"anchor\""), "{refused}");
    let token = shop.stack.token("acme", Role::SalesChannel)?;
    fs::write(&file, csv(&shop, 3))?;
    let refused = import::run(&Options { token, ..options }).await;
    assert!(refused.is_err_and(|error| error.to_string().contains("forbidden")));
    Ok(())
}

#[tokio::test]
async fn a_quote_that_is_never_closed_takes_no_rows_in_without_a_word() -> TestResult {
    let shop = Shop::open_at(NOW).await?;
    let directory = tempfile::tempdir()?;
    let file = directory.path().join("book.csv");
    // As spreadsheets write it: a mark of byte order, and quotes around the first name.
    let book = format!("\u{feff}{}", csv(&shop, 3)).replacen("external_id", "\"external_id\"", 1);
    fs::write(&file, &book)?;
    let sound = import::run(&of_shop(&shop, &file, Mode::DryRun)?).await?;
    assert_eq!(sound.iter().map(counted).collect::<Vec<_>>(), [(3, 3, 0, 0)]);
    // The quotes around the metadata of the second row begin and do not end; the third has none.
    let metadata = |row: u8| format!("\"{{\"\"line\"\": {row}}}\"");
    let cut_off = book.replacen(&metadata(1), "\"so", 1).replacen(&metadata(2), "", 1);
    fs::write(&file, cut_off)?;
    let cut = import::run(&of_shop(&shop, &file, Mode::Apply)?).await?;
    assert_eq!(cut.iter().map(counted).collect::<Vec<_>>(), [(2, 1, 0, 1)]);
    let report = fs::read_to_string(file.with_extension("report.csv"))?;
    let told = report.lines().nth(2).unwrap_or_default();
    assert!(told.starts_with("3,,invalid,,,malformed,,"), "{report}");
    assert!(told.contains("a quote is never closed"), "{report}");
    // Where the third has quotes, they close those of the second.
    fs::write(&file, book.replacen(&metadata(1), "\"so", 1))?;
    let cut = import::run(&of_shop(&shop, &file, Mode::DryRun)?).await?;
    assert_eq!(cut.iter().map(counted).collect::<Vec<_>>(), [(2, 0, 1, 1)]);
    let report = fs::read_to_string(file.with_extension("report.csv"))?;
    let told = report.lines().nth(2).unwrap_or_default();
    assert!(told.contains("goes on after the quotes of a field"), "{report}");
    Ok(())
}

#[tokio::test]
async fn rows_are_named_by_the_lines_on_which_they_begin_however_these_end() -> TestResult {
    let shop = Shop::open_at(NOW).await?;
    let directory = tempfile::tempdir()?;
    let file = directory.path().join("book.csv");
    let book = csv(&shop, 4);
    let rows: Vec<&str> = book.lines().collect();
    let [names, first, second, third, fourth] = rows.as_slice() else {
        return Err("it has a line of names and four rows".into());
    };
    // The first row holds a line end within quotes, and lines without anything stand between others.
    let first = first.replacen(BEANS, &format!("\"\n{BEANS}\""), 1);
    let lines = ["", names, &first, second, "", "", &format!("{third},more"), fourth, ""];
    for ends in ["\n", "\r\n", "\r"] {
        fs::write(&file, lines.join(ends))?;
        let read = import::run(&of_shop(&shop, &file, Mode::DryRun)?).await?;
        assert_eq!(read.iter().map(counted).collect::<Vec<_>>(), [(4, 3, 0, 1)], "{ends:?}");
        let report = fs::read_to_string(file.with_extension("report.csv"))?;
        let told = report.lines().skip(1).filter_map(|row| row.split(',').next());
        assert_eq!(told.collect::<Vec<_>>(), ["3", "5", "8", "9"], "{ends:?}: {report}");
        assert!(report.contains("\"the row has 16 fields, the header 15\""), "{report}");
    }
    Ok(())
}

#[tokio::test]
async fn lines_of_json_carry_several_items_and_bad_lines_keep_nobody_out() -> TestResult {
    let shop = Shop::open_at(NOW).await?;
    let directory = tempfile::tempdir()?;
    let file = directory.path().join("book.jsonl");
    let mut row = super::row(&shop, "S-1");
    if let Some(items) = row.pointer_mut("/items") {
        *items = json!([{"sku_code": BEANS, "quantity": 1}, {"sku_code": BEANS, "quantity": 2}]);
    }
    let other = super::row(&shop, "S-2");
    let long = "x".repeat(300_000);
    // Editors begin files with a mark of byte order.
    fs::write(&file, format!("\u{feff}{row}\n\nno json\n\"{long}\"\n{other}"))?;
    let done = import::run(&of_shop(&shop, &file, Mode::Apply)?).await?;
    assert_eq!(done.iter().map(counted).collect::<Vec<_>>(), [(4, 2, 0, 2)]);
    let made = shop.api.all("order_subscriptions?include=order_subscription_items").await?;
    let mut totals: Vec<i64> = made
        .iter()
        .filter_map(|one| one.pointer("/attributes/total_amount_cents")?.as_i64())
        .collect();
    totals.sort_unstable();
    assert_eq!(totals, [1998, 3750]);
    Ok(())
}
