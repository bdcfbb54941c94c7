//! Lists of what the test provider has on record: scans, a page at a time.

use serde::de::DeserializeOwned;

use super::ledger::{Ledger, LedgerEntry, OUTCOME, nothing_learned, read_entry, string};
use super::refunds::{REFUND, RefundEntry};
use crate::{ChargeRecord, Cursor, Page, PaymentError, RefundRecord, Span};

/// Items that one page of a list reads at most; those of other organizations count.
const PAGE: i32 = 1_000;

impl Ledger {
    pub(super) async fn list_charges(
        &self,
        organization: &str,
        span: Span,
        after: Option<&Cursor>,
    ) -> Result<Page<ChargeRecord>, PaymentError> {
        let page: Page<LedgerEntry> = self.page(organization, OUTCOME, after).await?;
        let records = page.records.into_iter().filter(|entry| span.contains(entry.requested_at));
        Ok(Page { records: records.map(charge_record).collect(), next: page.next })
    }

    pub(super) async fn list_refunds(
        &self,
        organization: &str,
        span: Span,
        after: Option<&Cursor>,
    ) -> Result<Page<RefundRecord>, PaymentError> {
        let page: Page<RefundEntry> = self.page(organization, REFUND, after).await?;
        let records = page.records.into_iter().filter(|entry| span.contains(entry.requested_at));
        Ok(Page { records: records.map(refund_record).collect(), next: page.next })
    }

    /// One page of the items of a kind, by a scan that begins where the last one ended.
    async fn page<T: DeserializeOwned>(
        &self,
        organization: &str,
        sk: &str,
        after: Option<&Cursor>,
    ) -> Result<Page<T>, PaymentError> {
        let mut scan = self
            .client
            .scan()
            .table_name(&self.table)
            .consistent_read(true)
            .limit(PAGE)
            .filter_expression("sk = :sk AND #organization = :organization")
            .expression_attribute_names("#organization", "organization")
            .expression_attribute_values(":organization", string(organization))
            .expression_attribute_values(":sk", string(sk));
        if let Some(Cursor(cursor)) = after {
            let (sk, pk) = cursor
                .split_once('\n')
                .ok_or_else(|| PaymentError::refused(format!("{cursor:?} is no cursor")))?;
            scan = scan.exclusive_start_key("pk", string(pk)).exclusive_start_key("sk", string(sk));
        }
        let answer = scan.send().await.map_err(|error| nothing_learned(&error))?;
        let next = answer.last_evaluated_key.as_ref().and_then(|last| {
            let text = |name: &str| last.get(name).and_then(|value| value.as_s().ok());
            Some(Cursor(format!("{}\n{}", text("sk")?, text("pk")?)))
        });
        let items = answer.items.unwrap_or_default();
        let records = items.into_iter().map(read_entry).collect::<Result<_, _>>()?;
        Ok(Page { records, next })
    }
}

fn charge_record(entry: LedgerEntry) -> ChargeRecord {
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
