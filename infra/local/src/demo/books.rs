//! The books: everything that the shop did, read back through the API, summed up and checked.

use std::collections::{BTreeMap, BTreeSet};

use perennial_domain::{
    ids::OrganizationId,
    journal::{Cause, Entry, verify},
    money::{Amount, Currency, MinorUnits},
};
use perennial_payments::test_provider::LedgerEntry;

use super::{
    Failure, chart,
    client::{Client, Link, Resource},
    shop::runs_of,
};

/// Everything, as the API tells it.
pub(super) struct Books {
    organization: OrganizationId,
    orders: Vec<Resource>,
    /// Subscriptions, each with its runs, oldest first.
    subscriptions: Vec<(Link, Vec<Resource>)>,
    dead_letters: Vec<Resource>,
    journals: Vec<Vec<Entry>>,
}

/// One thing that must be so, and whether it is.
pub(super) struct Check {
    /// What must be so.
    pub(super) claim: String,
    /// What speaks against it; empty when it is so.
    pub(super) faults: Vec<String>,
}

impl Books {
    /// Reads everything.
    pub(super) async fn read(client: &Client, organization: &str) -> Result<Self, Failure> {
        let organization: OrganizationId = organization.parse()?;
        let orders = client.list("orders").await?;
        let mut subscriptions = Vec::new();
        for subscription in client.list("order_subscriptions").await? {
            let link = subscription.link()?;
            let runs = runs_of(client, &link).await?;
            subscriptions.push((link, runs));
        }
        let dead_letters = client.list("dead_letters").await?;
        let mut subjects: Vec<String> =
            subscriptions.iter().map(|(link, _)| link.id.clone()).collect();
        for order in orders.iter().filter(|order| !is_renewal(order)) {
            subjects.push(order.link()?.id);
        }
        let mut journals = Vec::new();
        for subject in subjects {
            let path = format!("journal_entries?filter[q][subject_eq]={subject}");
            let entries = client.list(&path).await?;
            journals.push(
                entries
                    .iter()
                    .map(|entry| entry_of(&organization, entry))
                    .collect::<Result<_, _>>()?,
            );
        }
        Ok(Self { organization, orders, subscriptions, dead_letters, journals })
    }

    fn runs(&self) -> impl Iterator<Item = &Resource> {
        self.subscriptions.iter().flat_map(|(_, runs)| runs)
    }

    /// The closing table: what there was, and how often.
    pub(super) fn table(&self) -> Result<Vec<(&'static str, usize)>, Failure> {
        let renewals = |status: &'static str| {
            self.runs().filter(move |run| run.text("status").is_ok_and(|found| found == status))
        };
        let mut declined = 0;
        let mut retries = 0;
        let mut recovered = 0;
        let mut skipped = 0;
        for run in self.runs() {
            let completed = run.text("status")? == "completed";
            let again = usize::try_from(run.integer("retry_count")?)?;
            retries += again;
            // All attempts but the one that was paid.
            declined += if completed { again } else { again + 1 };
            recovered += usize::from(completed && again > 0);
            skipped += span(run)?
                .map_or(0, |(first, last)| usize::try_from(last + 1 - first).unwrap_or(0));
        }
        let open = |letter: &&Resource| letter.text("status").is_ok_and(|status| status == "open");
        Ok(vec![
            ("orders placed by customers", self.orders.iter().filter(|o| !is_renewal(o)).count()),
            ("subscriptions that they became", self.subscriptions.len()),
            ("renewals placed and paid", renewals("completed").count()),
            ("payments declined", declined),
            ("payments tried again", retries),
            ("renewals recovered after a decline", recovered),
            ("renewals waiting for a payment", renewals("in_progress").count()),
            ("renewals failed for good", renewals("failed").count()),
            ("dates skipped because of the outage", skipped),
            ("dead letters, all in all", self.dead_letters.len()),
            ("dead letters still open", self.dead_letters.iter().filter(open).count()),
        ])
    }

    /// Revenue per month, as a chart.
    pub(super) fn revenue(&self) -> Result<String, Failure> {
        let currency: Currency = "EUR".parse()?;
        let mut months: BTreeMap<String, i64> = BTreeMap::new();
        let mut last = None;
        for order in self.placed()? {
            let at = order.instant("placed_at")?.ok_or("a placed order has no date")?;
            *months.entry(at.format("%Y-%m").to_string()).or_default() +=
                order.integer("total_amount_cents")?;
            last = last.max(Some(at));
        }
        // Months without revenue are part of the story.
        let mut month = match months.keys().next() {
            Some(first) => format!("{first}-01").parse::<chrono::NaiveDate>()?,
            None => return Ok(String::new()),
        };
        while last.is_some_and(|last| month <= last.date_naive()) {
            months.entry(month.format("%Y-%m").to_string()).or_default();
            month = month.checked_add_months(chrono::Months::new(1)).ok_or("no such month")?;
        }
        let rows: Vec<(String, u64, String)> = months
            .into_iter()
            .map(|(month, cents)| {
                let written = Amount::new(MinorUnits::new(cents), currency).to_string();
                (month, cents.unsigned_abs(), written)
            })
            .collect();
        Ok(chart::bars(&rows))
    }

    /// What must hold of the books and of the payment provider's own ledger.
    pub(super) fn checks(&self, ledger: &[LedgerEntry]) -> Result<Vec<Check>, Failure> {
        Ok(vec![self.journals_hold(), self.charges_match(ledger)?, self.no_date_is_lost()?])
    }

    fn journals_hold(&self) -> Check {
        let entries: usize = self.journals.iter().map(Vec::len).sum();
        let faults = self.journals.iter().filter_map(|journal| match verify(journal) {
            Ok(head) if head.sequence > 0 => None,
            Ok(_) => Some("a journal is empty".to_owned()),
            Err(error) => Some(error.to_string()),
        });
        Check {
            claim: format!(
                "each of {} journals of {} is an unbroken chain of hashes ({entries} entries)",
                self.journals.len(),
                self.organization
            ),
            faults: faults.collect(),
        }
    }

    /// Each placed order has exactly one paid charge of its amount, and no other is paid.
    fn charges_match(&self, ledger: &[LedgerEntry]) -> Result<Check, Failure> {
        let mut charges: BTreeMap<&str, Vec<i64>> = BTreeMap::new();
        for entry in ledger.iter().filter(|entry| entry.outcome.is_paid()) {
            charges.entry(&entry.reference).or_default().push(entry.amount_minor);
        }
        let mut faults = Vec::new();
        let mut orders = 0;
        let mut sum = 0;
        for order in self.placed()? {
            let (id, total) = (order.link()?.id, order.integer("total_amount_cents")?);
            let charged = charges.remove(id.as_str()).unwrap_or_default();
            if charged != [total] {
                faults.push(format!("order {id} costs {total} and was charged {charged:?}"));
            }
            orders += 1;
            sum += total;
        }
        faults.extend(charges.keys().map(|id| format!("{id} was charged and is not placed")));
        let sum = Amount::new(MinorUnits::new(sum), "EUR".parse()?);
        let claim = format!(
            "each of {orders} placed orders has exactly one paid charge in the provider's own \
             ledger, {sum} in all"
        );
        Ok(Check { claim, faults })
    }

    /// The numbers of a subscription's runs and of those skipped are 1, 2, 3, ... without a gap.
    fn no_date_is_lost(&self) -> Result<Check, Failure> {
        let mut faults = Vec::new();
        let mut dates = 0;
        for (link, runs) in &self.subscriptions {
            let mut seen = BTreeSet::new();
            for run in runs {
                let number = run.integer("number")?;
                let (first, last) = span(run)?.unwrap_or((number, number - 1));
                for number in (first..=last).chain([number]) {
                    if !seen.insert(number) {
                        faults.push(format!("{link} has two fates for date {number}"));
                    }
                }
            }
            let most = seen.last().copied().unwrap_or_default();
            let missing: Vec<i64> = (1..=most).filter(|number| !seen.contains(number)).collect();
            if !missing.is_empty() {
                faults.push(format!("{link} lost the dates {missing:?}"));
            }
            dates += seen.len();
        }
        let claim = format!("each of {dates} dates was renewed once, or is on record as skipped");
        Ok(Check { claim, faults })
    }

    fn placed(&self) -> Result<Vec<&Resource>, Failure> {
        let mut placed = Vec::new();
        for order in &self.orders {
            if order.text("status")? == "placed" {
                placed.push(order);
            }
        }
        Ok(placed)
    }
}

/// Whether a run made this order.
fn is_renewal(order: &Resource) -> bool {
    order.related("order_subscription").is_some()
}

/// The dates that were passed over before a run: first and last.
fn span(run: &Resource) -> Result<Option<(i64, i64)>, Failure> {
    let skipped = run.attribute("skipped");
    if skipped.is_null() {
        return Ok(None);
    }
    let end = |name: &str| skipped.get(name).and_then(serde_json::Value::as_i64);
    Ok(Some(end("first").zip(end("last")).ok_or("what was skipped can't be read")?))
}

/// A journal entry as it was hashed.
fn entry_of(organization: &OrganizationId, entry: &Resource) -> Result<Entry, Failure> {
    Ok(Entry {
        organization: organization.clone(),
        subject: entry.text("subject")?.to_owned(),
        sequence: u64::try_from(entry.integer("sequence")?)?,
        at: entry.instant("at")?.ok_or("a journal entry has no date")?,
        cause: Cause {
            actor: entry.text("actor")?.to_owned(),
            reason: entry.text("reason")?.to_owned(),
        },
        event: entry.text("event")?.to_owned(),
        before: entry.attribute("before").clone(),
        after: entry.attribute("after").clone(),
        previous: entry.text("previous_hash")?.to_owned(),
        hash: entry.text("hash")?.to_owned(),
    })
}
