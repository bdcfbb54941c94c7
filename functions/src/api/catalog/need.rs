//! What still needs a record that is to be deleted.

use perennial_domain::ids::{BundleId, SkuId};
use perennial_store::{Part, Record, RecordKind, Span};
use serde_json::{Value, json};

use super::{Catalog, text};
use crate::http::{
    context::Context,
    error::{Code, Outcome, Problem},
    query::BOUND,
};

/// Those of a kind that refer to a record.
#[derive(Debug)]
pub(crate) struct Need {
    /// The type of resource.
    pub(crate) kind: &'static str,
    /// Its letter in keys.
    pub(crate) letter: &'static str,
    /// The member in which the id of the record, or its code, stands, alone or with others.
    pub(crate) member: &'static str,
    /// The statuses in which they need it no more.
    pub(crate) but_not: &'static [&'static str],
}

impl Need {
    pub(crate) const fn of(kind: &'static str, letter: &'static str, member: &'static str) -> Self {
        Self { kind, letter, member, but_not: &[] }
    }

    /// The same, but not of those with one of these statuses.
    pub(crate) const fn but_not(self, statuses: &'static [&'static str]) -> Self {
        Self { but_not: statuses, ..self }
    }

    /// Whether a record needs the one with this id.
    fn holds(&self, record: &Record, id: &str) -> bool {
        let settled = text(record, "status").is_some_and(|status| self.but_not.contains(&status));
        !settled && record.get(self.member).is_some_and(|value| names(value, id))
    }
}

/// Whether an id stands in a value, or the code of the sku or bundle that has it.
fn names(value: &Value, id: &str) -> bool {
    match value {
        Value::String(one) => one == id,
        Value::Array(several) => several.iter().any(|one| names(one, id)),
        Value::Object(members) => members.iter().any(|(name, value)| match value.as_str() {
            Some(code) if name == "sku_code" => SkuId::of_code(code).as_str() == id,
            Some(code) if name == "bundle_code" => BundleId::of_code(code).as_str() == id,
            _ => names(value, id),
        }),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

/// How many of those that need it are named.
const NAMED: usize = 5;

/// Refuses to delete what others need. They are found by the customer index, or by the list of their
/// kind: where that is longer than is read for one request, nothing is deleted.
pub(super) async fn refuse_needed(
    context: &Context<'_>,
    catalog: &Catalog,
    id: &str,
) -> Outcome<()> {
    let organization = &context.caller.organization;
    let (what, bound) = (catalog.kind.singular, usize::from(BOUND));
    for need in catalog.needed_by {
        let Need { kind, letter, .. } = need;
        let stored = RecordKind { letter, part: Part::Record(kind) };
        let span = Span::default();
        let store = context.store();
        let window = match id.parse() {
            Ok(customer) if need.member == "customer_id" => {
                store.records_of_customer(organization, &customer, stored, &span, bound).await?
            }
            _ => store.records_window(organization, stored, &span, (0, bound), bound).await?,
        };
        let spoken = kind.replace('_', " ");
        let problem = if window.total.is_none() {
            let detail = format!(
                "{what} {id} can't be deleted: it may be needed by one of more than {bound} \
                 {spoken}, which are not searched"
            );
            Problem::new(Code::InUse, detail).with("bound", BOUND)
        } else {
            let refers = |record: &&Record| need.holds(record, id);
            // A run has no id of its own; its subscription is asked too.
            let needs = window.items.iter().filter(refers).filter_map(|record| text(record, "id"));
            let needs: Vec<&str> = needs.collect();
            if needs.is_empty() {
                continue;
            }
            let named = needs.iter().take(NAMED).copied().collect::<Vec<_>>().join(", ");
            let detail = format!(
                "{what} {id} can't be deleted: {} {spoken} need it, such as {named}",
                needs.len()
            );
            let needs: Vec<Value> =
                needs.iter().take(NAMED).map(|id| json!({"type": kind, "id": id})).collect();
            Problem::new(Code::InUse, detail).with("needed_by", needs)
        };
        return Err(problem.into());
    }
    Ok(())
}
