//! What taxes are computed by.

use perennial_domain::{
    ids::{ManualTaxCalculatorId, TaxRuleId},
    tax::MAX_TAX_RULES,
};
use perennial_store::{Part, Record, RecordKind};
use serde_json::{Value, json};

use crate::{
    TestResult,
    embedded::store,
    fixtures::{ANCHOR, acme},
};

const TABLES: RecordKind = RecordKind { letter: "TC", part: Part::Record("manual tax calculator") };
const RULES: RecordKind = RecordKind { letter: "TR", part: Part::Record("tax rule") };

fn record(members: Value) -> Result<Record, Box<dyn std::error::Error>> {
    let Value::Object(mut record) = members else { return Err("an object".into()) };
    for (name, value) in [("version", json!(1)), ("created_at", json!(ANCHOR))] {
        record.insert(name.to_owned(), value);
    }
    Ok(record)
}

/// Rules that are made at once do not count each other: a table may come to hold some more than one by
/// one. Its market sells on.
#[tokio::test]
async fn a_table_with_some_more_rules_than_it_should_have_is_read_all_the_same() -> TestResult {
    let (store, acme) = (store().await?, acme()?);
    let table: ManualTaxCalculatorId = "mtc_1".parse()?;
    store.create_record(&acme, TABLES, &record(json!({"id": table, "name": "All"}))?).await?;
    for rule in 0..MAX_TAX_RULES + 10 {
        let id = TaxRuleId::of(&table, &rule.to_string());
        let rule = json!({
            "id": id, "manual_tax_calculator_id": table, "name": "One", "tax_rate": 0.19,
            "tax_category": rule.to_string(),
        });
        store.create_record(&acme, RULES, &record(rule)?).await?;
    }
    let read = store.tax_table(&acme, &table).await?.ok_or("there is a table")?;
    assert_eq!(read.rules.len(), MAX_TAX_RULES + 10);
    assert!(store.tax_table(&"other".parse()?, &table).await?.is_none(), "it is acme's");
    Ok(())
}
