//! The keys of both tables. Every partition key begins with the organization, so that no request
//! of one can reach another's data.

use chrono::{DateTime, SecondsFormat, SubsecRound, TimeDelta, Utc};
use perennial_domain::{
    ids::{OrderId, OrganizationId, SubscriptionId},
    subscription::WakeKind,
    time::OccurrenceNumber,
};
use sha2::{Digest, Sha256};

/// The sort key of a resource itself, before all that belongs to it.
pub(crate) const SELF: &str = "#";
/// What sort keys of journal entries begin with.
pub(crate) const JOURNAL: &str = "J#";
/// What sort keys of runs begin with.
pub(crate) const RUN: &str = "R#";

/// A primary key.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    pub(crate) pk: String,
    pub(crate) sk: String,
}

impl Key {
    /// The key of a resource itself. `kind` is one of the one-letter kinds in `docs/storage.md`.
    pub(crate) fn of(organization: &OrganizationId, kind: &str, id: &str) -> Self {
        Self { pk: partition(organization, kind, id), sk: SELF.to_owned() }
    }

    /// The key of an order: its own, or that of the run that made it.
    pub(crate) fn of_order(organization: &OrganizationId, order: &OrderId) -> Self {
        match order.run() {
            Some((subscription, number)) => Self::of_run(organization, &subscription, number),
            None => Self::of(organization, "O", order.as_str()),
        }
    }

    /// The key of a run.
    pub(crate) fn of_run(
        organization: &OrganizationId,
        subscription: &SubscriptionId,
        number: OccurrenceNumber,
    ) -> Self {
        Self {
            pk: partition(organization, "S", subscription.as_str()),
            sk: format!("{RUN}{:010}", number.get()),
        }
    }
}

/// The partition of a resource.
pub(crate) fn partition(organization: &OrganizationId, kind: &str, id: &str) -> String {
    format!("{organization}#{kind}#{id}")
}

/// The sort key of a journal entry.
pub(crate) fn entry_sk(sequence: u64) -> String {
    format!("{JOURNAL}{sequence:010}")
}

/// The partition of the list index that holds an organization's resources of one kind.
pub(crate) fn list_pk(organization: &OrganizationId, kind: &str) -> String {
    format!("{organization}#{kind}")
}

/// The sort key of the list index: oldest first. What was made within one millisecond stands in an
/// order of DynamoDB's own, always the same.
pub(crate) fn list_sk(created_at: DateTime<Utc>) -> String {
    created_at.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// An instant as it stands in the customer index: always nine digits of a second, so that text sorts
/// as time does.
pub(crate) fn instant(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Nanos, true)
}

/// The partition of the due index that holds `id`.
#[must_use]
pub fn shard_of(id: &str, shards: u16) -> u16 {
    let hash = Sha256::digest(id.as_bytes());
    let head = hash.iter().take(8).fold(0_u64, |head, byte| head << 8 | u64::from(*byte));
    u16::try_from(head % u64::from(shards.max(1))).unwrap_or_default()
}

/// The partition key of a shard of the due index.
pub(crate) fn due_pk(shard: u16) -> String {
    format!("due#{shard:02}")
}

/// An instant as it stands in the due index: whole seconds, so that text sorts as time does.
pub(crate) fn due_instant(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// The sort key of a subscription in the due index. A fraction of a second is rounded up: what the
/// index shows as due must be due, or it would be claimed for nothing and rest for a whole lease.
pub(crate) fn due_sk(at: DateTime<Utc>, kind: WakeKind) -> String {
    due_key(at, kind.as_str())
}

/// As [`due_sk`], of whatever has this name in the index.
pub(crate) fn due_key(at: DateTime<Utc>, name: &str) -> String {
    let whole = at.trunc_subsecs(0);
    let at = if whole < at { whole + TimeDelta::seconds(1) } else { at };
    format!("{}#{name}", due_instant(at))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
    use super::*;

    #[test]
    fn an_order_of_a_run_lives_with_its_subscription() {
        let organization: OrganizationId = "acme".parse().unwrap();
        let key = Key::of_order(&organization, &"ord_ab_12".parse().unwrap());
        assert_eq!(key, Key { pk: "acme#S#sub_ab".to_owned(), sk: "R#0000000012".to_owned() });
        let key = Key::of_order(&organization, &"ord_ab".parse().unwrap());
        assert_eq!(key, Key { pk: "acme#O#ord_ab".to_owned(), sk: SELF.to_owned() });
    }

    #[test]
    fn a_fraction_of_a_second_is_not_due_before_it_has_passed() {
        let at: DateTime<Utc> = "2027-01-31T23:59:59.001Z".parse().unwrap();
        assert_eq!(due_sk(at, WakeKind::Retry), "2027-02-01T00:00:00Z#retry");
        let at: DateTime<Utc> = "2027-01-31T23:59:59Z".parse().unwrap();
        assert_eq!(due_sk(at, WakeKind::Run), "2027-01-31T23:59:59Z#run");
    }

    #[test]
    fn shards_are_all_used_and_never_exceeded() {
        let mut used = std::collections::BTreeSet::new();
        for n in 0..1_000 {
            used.insert(shard_of(&format!("sub_{n}"), 16));
        }
        assert_eq!(used, (0..16).collect());
        assert_eq!(shard_of("sub_1", 0), 0);
    }
}
