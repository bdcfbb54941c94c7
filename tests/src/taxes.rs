//! Taxes of a shop: tables of rates, and which of them its market goes by.

use chrono::{DateTime, Utc};
use perennial_domain::catalog::Market;
use perennial_store::{Part, RecordKind};
use serde_json::{Value, json};

use crate::{Shop, TestResult, documents};

/// The letter of tables in keys.
const TABLE: &str = "TC";

/// A rate of a table.
#[derive(Debug, Clone, Copy)]
pub struct Rate {
    /// As a fraction of 1, as the API has it.
    pub rate: f64,
    /// The category of goods; `None` for every one.
    pub category: Option<&'static str>,
    /// The day from which on it counts; `None` for ever since.
    pub starts_on: Option<&'static str>,
}

impl Rate {
    /// For everything and ever since.
    #[must_use]
    pub const fn of(rate: f64) -> Self {
        Self { rate, category: None, starts_on: None }
    }

    /// For one category of goods.
    #[must_use]
    pub const fn on(self, category: &'static str) -> Self {
        Self { category: Some(category), ..self }
    }

    /// From a day on.
    #[must_use]
    pub const fn from(self, day: &'static str) -> Self {
        Self { starts_on: Some(day), ..self }
    }
}

impl Shop {
    /// A table with these rates; answers its id.
    ///
    /// # Errors
    /// When the API refuses it.
    pub async fn tax_table(&self, name: &str, rates: &[Rate]) -> TestResult<String> {
        let kind = "manual_tax_calculators";
        let table = documents::create(kind, json!({"name": name}), &[]);
        let table = self.api.create(kind, &table).await?.id()?;
        for rate in rates {
            let rule = json!({
                "name": format!("at {}", rate.rate),
                "tax_rate": rate.rate,
                "tax_category": rate.category,
                "starts_on": rate.starts_on,
            });
            let related = [("manual_tax_calculator", kind, table.as_str())];
            let rule = documents::create("tax_rules", rule, &related);
            self.api.create("tax_rules", &rule).await?;
        }
        Ok(table)
    }

    /// Lets the shop's market compute taxes by this table, or by none.
    ///
    /// # Errors
    /// When the API refuses it.
    pub async fn tax_by(&self, table: Option<&str>) -> TestResult {
        let calculator = table.map(|id| json!({"type": "manual_tax_calculators", "id": id}));
        self.change_market(&json!({}), &json!({"tax_calculator": {"data": calculator}})).await
    }

    /// Takes a table away behind the API's back, which would not let it go while a market needs it.
    ///
    /// # Errors
    /// When it is not there.
    pub async fn lose_tax_table(&self, table: &str) -> TestResult {
        let part = Part::Record("manual tax calculator");
        self.lose(RecordKind { letter: TABLE, part }, table).await
    }

    /// The same with a bundle, which the API would not let go while something sells it.
    ///
    /// # Errors
    /// When it is not there.
    pub async fn lose_bundle(&self, bundle: &str) -> TestResult {
        self.lose(RecordKind { letter: "B", part: Part::Record("bundle") }, bundle).await
    }

    async fn lose(&self, kind: RecordKind, id: &str) -> TestResult {
        let (store, organization) = (&self.store, &self.organization);
        let record = store.record(organization, kind, id).await?;
        let record = record.ok_or_else(|| format!("there is no {id}"))?;
        let version = record.get("version").and_then(Value::as_u64).unwrap_or_default();
        store.delete_record(organization, kind, id, version).await?;
        Ok(())
    }

    /// Says whether the prices of the shop's market have their tax in them.
    ///
    /// # Errors
    /// When the API refuses it.
    pub async fn tax_included(&self, included: bool) -> TestResult {
        self.change_market(&json!({"tax_included": included}), &json!({})).await
    }

    /// Says that the shop's market was given its first calculator at another instant than it was: a
    /// worker that has looked since then could have missed it.
    ///
    /// # Errors
    /// When the market is not there.
    pub async fn taxed_since(&self, since: DateTime<Utc>) -> TestResult {
        let kind = RecordKind { letter: "M", part: Part::Market };
        let (store, organization, id) = (&self.store, &self.organization, &self.goods.market);
        let mut market = store.record(organization, kind, id).await?.ok_or("there is no market")?;
        let version = market.get("version").and_then(Value::as_u64).unwrap_or_default();
        market.insert("taxes_settled_from".to_owned(), json!(Market::settled_from(since, false)));
        market.insert("version".to_owned(), json!(version + 1));
        store.update_record(organization, kind, &market, version).await?;
        Ok(())
    }

    async fn change_market(&self, attributes: &Value, relationships: &Value) -> TestResult {
        let market = &self.goods.market;
        let document = json!({"data": {
            "type": "markets", "id": market, "attributes": attributes,
            "relationships": relationships,
        }});
        self.api.patch(&format!("markets/{market}"), &document).send().await?.with_status(200)?;
        Ok(())
    }
}
