//! Lists of what the test provider has on record: by the index `history`, which holds payments and
//! refunds of an organization by the time of the call that made them.

use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes};
use chrono::{DateTime, SecondsFormat, Utc};
use serde::de::DeserializeOwned;

use super::ledger::{Item, Ledger, LedgerEntry, OUTCOME, nothing_learned, read_entry, string};
use super::refunds::{REFUND, RefundEntry};
use crate::{ChargeRecord, Cursor, Page, PaymentError, RefundRecord, Span};

/// The index and its keys.
const INDEX: &str = "history";
const PARTITION: &str = "organization";
const SORT: &str = "requested_at";
/// Items of one page: as many as one read by keys may name.
const PAGE: i32 = 100;
/// How often keys are sent that were left unread.
const READS: u32 = 5;

impl Ledger {
    pub(super) async fn list_charges(
        &self,
        organization: &str,
        span: Span,
        after: Option<&Cursor>,
    ) -> Result<Page<ChargeRecord>, PaymentError> {
        let page: Page<LedgerEntry> = self.page(organization, OUTCOME, span, after).await?;
        let records = page.records.into_iter().filter(|entry| span.contains(entry.requested_at));
        Ok(Page { records: records.map(charge_record).collect(), next: page.next })
    }

    pub(super) async fn list_refunds(
        &self,
        organization: &str,
        span: Span,
        after: Option<&Cursor>,
    ) -> Result<Page<RefundRecord>, PaymentError> {
        let page: Page<RefundEntry> = self.page(organization, REFUND, span, after).await?;
        let records = page.records.into_iter().filter(|entry| span.contains(entry.requested_at));
        Ok(Page { records: records.map(refund_record).collect(), next: page.next })
    }

    /// One page of the items of a kind that were made in the seconds of a span, beginning where the
    /// last page ended.
    async fn page<T: DeserializeOwned>(
        &self,
        organization: &str,
        sk: &str,
        span: Span,
        after: Option<&Cursor>,
    ) -> Result<Page<T>, PaymentError> {
        let mut query = self
            .client
            .query()
            .table_name(&self.table)
            .index_name(INDEX)
            .limit(PAGE)
            .key_condition_expression("#partition = :organization AND #sort BETWEEN :from AND :to")
            .expression_attribute_names("#partition", PARTITION)
            .expression_attribute_names("#sort", SORT)
            .expression_attribute_values(":organization", string(organization))
            // Of the texts of one second, with fractions and without, one is before all and one
            // after all.
            .expression_attribute_values(":from", string(second(span.from)))
            .expression_attribute_values(":to", string(format!("{}~", second(span.to))));
        if let Some(Cursor(cursor)) = after {
            let mut parts = cursor.splitn(3, '\n');
            let (Some(sort), Some(sk), Some(pk)) = (parts.next(), parts.next(), parts.next())
            else {
                return Err(PaymentError::refused(format!("{cursor:?} is no cursor")));
            };
            for (name, value) in [(PARTITION, organization), (SORT, sort), ("sk", sk), ("pk", pk)] {
                query = query.exclusive_start_key(name, string(value));
            }
        }
        let answer = query.send().await.map_err(|error| nothing_learned(&error))?;
        let next = answer.last_evaluated_key.as_ref().and_then(|last| {
            let text = |name: &str| last.get(name).and_then(|value| value.as_s().ok());
            Some(Cursor(format!("{}\n{}\n{}", text(SORT)?, text("sk")?, text("pk")?)))
        });
        let kind = string(sk);
        let found = answer.items.unwrap_or_default();
        let keys = found.into_iter().filter(|item| item.get("sk") == Some(&kind));
        let items = self.read(keys.map(key_of).collect()).await?;
        let records = items.into_iter().map(read_entry).collect::<Result<_, _>>()?;
        Ok(Page { records, next })
    }

    /// Reads items by their keys, 100 at most; those that are gone meanwhile are left out.
    async fn read(&self, keys: Vec<Item>) -> Result<Vec<Item>, PaymentError> {
        let (mut left, mut items) = (keys, Vec::new());
        for _ in 0..READS {
            if left.is_empty() {
                return Ok(items);
            }
            let wanted = KeysAndAttributes::builder()
                .set_keys(Some(left))
                .consistent_read(true)
                .build()
                .map_err(|error| PaymentError::unavailable(error.to_string()))?;
            let get = self.client.batch_get_item().request_items(&self.table, wanted);
            let answer = get.send().await.map_err(|error| nothing_learned(&error))?;
            items.extend(answer.responses.into_iter().flatten().flat_map(|(_, items)| items));
            let unread = answer.unprocessed_keys.into_iter().flatten();
            left = unread.flat_map(|(_, wanted)| wanted.keys).collect();
        }
        if left.is_empty() {
            Ok(items)
        } else {
            Err(PaymentError::unavailable("the history can't be read as fast as it is asked for"))
        }
    }
}

/// The table's key of an item that the index has shown.
fn key_of(mut item: Item) -> Item {
    item.retain(|name, _: &mut AttributeValue| name == "pk" || name == "sk");
    item
}

/// The second of an instant, as the texts of all instants in it begin.
fn second(instant: DateTime<Utc>) -> String {
    instant.to_rfc3339_opts(SecondsFormat::Secs, true).trim_end_matches('Z').to_owned()
}

pub(super) fn charge_record(entry: LedgerEntry) -> ChargeRecord {
    ChargeRecord {
        key: entry.key,
        reference: entry.reference,
        amount_minor: entry.amount_minor,
        currency: entry.currency,
        created_at: entry.requested_at,
        state: entry.outcome,
    }
}

fn refund_record(entry: RefundEntry) -> RefundRecord {
    RefundRecord {
        key: Some(entry.key),
        charge_id: entry.charge_id,
        reference: Some(entry.reference),
        amount_minor: entry.amount_minor,
        currency: entry.currency,
        created_at: entry.requested_at,
        outcome: entry.outcome,
    }
}
