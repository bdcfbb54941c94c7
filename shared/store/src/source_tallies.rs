//! Tallies of sources: what came from a channel or through the plain API, by the hour. They are
//! counters that writers add to, spread over shards so that no item is hot, and kept for a month.

use std::collections::BTreeMap;

use chrono::{DateTime, DurationRound, SecondsFormat, TimeDelta, Utc};
use perennial_domain::ids::OrganizationId;
use serde::{Deserialize, Serialize};

use crate::{
    Store, StoreError,
    item::{from_item, key_item, n, s},
    keys::{Key, partition},
};

/// How many partitions the tallies of one source have: each takes 1,000 additions a second.
pub const TALLY_SHARDS: u16 = 4;
/// How long tallies are kept.
const KEPT: TimeDelta = TimeDelta::days(31);
/// Longest text of the last problem, in characters.
const SHOWN: usize = 300;

/// What came from a source within some time.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Messages that became an order.
    #[serde(default)]
    pub accepted: u64,
    /// Messages that changed an order.
    #[serde(default)]
    pub updated: u64,
    /// Messages that said what was known.
    #[serde(default)]
    pub repeated: u64,
    /// Messages that were refused.
    #[serde(default)]
    pub rejected: u64,
    /// Messages that failed for reasons of our own.
    #[serde(default)]
    pub failed: u64,
    /// Messages that say when what they tell of happened.
    #[serde(default)]
    pub dated: u64,
    /// How long those took to come, together, in milliseconds.
    #[serde(default)]
    pub lag_ms: u64,
    /// When the last message came.
    #[serde(default)]
    pub last_at: Option<DateTime<Utc>>,
    /// When the last one was accepted, or known.
    #[serde(default)]
    pub last_accepted_at: Option<DateTime<Utc>>,
    /// When the last one was refused.
    #[serde(default)]
    pub last_rejected_at: Option<DateTime<Utc>>,
    /// Why the last one was refused.
    #[serde(default)]
    pub last_problem: Option<String>,
}

impl Tally {
    /// All messages.
    #[must_use]
    pub fn messages(&self) -> u64 {
        let Self { accepted, updated, repeated, rejected, failed, .. } = self;
        [accepted, updated, repeated, rejected, failed].into_iter().sum()
    }

    /// This and another, together.
    #[must_use]
    pub fn and(self, other: &Self) -> Self {
        let later = other.last_rejected_at > self.last_rejected_at;
        Self {
            accepted: self.accepted + other.accepted,
            updated: self.updated + other.updated,
            repeated: self.repeated + other.repeated,
            rejected: self.rejected + other.rejected,
            failed: self.failed + other.failed,
            dated: self.dated + other.dated,
            lag_ms: self.lag_ms.saturating_add(other.lag_ms),
            last_at: self.last_at.max(other.last_at),
            last_accepted_at: self.last_accepted_at.max(other.last_accepted_at),
            last_rejected_at: self.last_rejected_at.max(other.last_rejected_at),
            last_problem: if later { other.last_problem.clone() } else { self.last_problem },
        }
    }
}

/// The beginning of the hour that an instant is in.
fn hour_of(at: DateTime<Utc>) -> DateTime<Utc> {
    at.duration_trunc(TimeDelta::hours(1)).unwrap_or(at)
}

fn sk(hour: DateTime<Utc>) -> String {
    hour.to_rfc3339_opts(SecondsFormat::Secs, true)
}

fn pk(organization: &OrganizationId, source: &str, shard: u16) -> String {
    partition(organization, "HT", &format!("{source}#{shard}"))
}

impl Store {
    /// Adds to the tally of a source in the hour of `at`; `shard` is any number. One write unit.
    ///
    /// # Errors
    /// When storage does not answer.
    pub async fn add_to_tally(
        &self,
        organization: &OrganizationId,
        source: &str,
        shard: u16,
        at: DateTime<Utc>,
        more: &Tally,
    ) -> Result<(), StoreError> {
        let key = Key { pk: pk(organization, source, shard % TALLY_SHARDS), sk: sk(hour_of(at)) };
        let counts = [
            ("accepted", more.accepted),
            ("updated", more.updated),
            ("repeated", more.repeated),
            ("rejected", more.rejected),
            ("failed", more.failed),
            ("dated", more.dated),
            ("lag_ms", more.lag_ms),
        ];
        let shown = |text: &String| text.chars().take(SHOWN).collect::<String>();
        let texts = [
            ("last_at", more.last_at.map(|at| at.to_rfc3339())),
            ("last_accepted_at", more.last_accepted_at.map(|at| at.to_rfc3339())),
            ("last_rejected_at", more.last_rejected_at.map(|at| at.to_rfc3339())),
            ("last_problem", more.last_problem.as_ref().map(shown)),
        ];
        let mut update = self
            .client
            .update_item()
            .table_name(&self.book)
            .set_key(Some(key_item(&key)))
            .expression_attribute_names("#ttl", "ttl")
            .expression_attribute_values(":ttl", n((hour_of(at) + KEPT).timestamp()));
        let (mut added, mut set) = (Vec::new(), vec!["#ttl = :ttl".to_owned()]);
        for (name, count) in counts.into_iter().filter(|(_, count)| *count > 0) {
            added.push(format!("{name} :{name}"));
            update = update.expression_attribute_values(format!(":{name}"), n(count));
        }
        for (name, text) in texts {
            if let Some(text) = text {
                set.push(format!("{name} = :{name}"));
                update = update.expression_attribute_values(format!(":{name}"), s(text));
            }
        }
        let mut expression = format!("SET {}", set.join(", "));
        if !added.is_empty() {
            expression.push_str(&format!(" ADD {}", added.join(", ")));
        }
        let sent = update.update_expression(expression).send().await;
        sent.map(drop).map_err(|error| StoreError::from_sdk(&error))
    }

    /// The tallies of a source by the hour, from the hour of `since` on. Four queries of half a read
    /// unit per 20 hours.
    ///
    /// # Errors
    /// When storage does not answer or holds something unreadable.
    pub async fn tallies(
        &self,
        organization: &OrganizationId,
        source: &str,
        since: DateTime<Utc>,
    ) -> Result<BTreeMap<DateTime<Utc>, Tally>, StoreError> {
        let since = sk(hour_of(since));
        let mut hours: BTreeMap<DateTime<Utc>, Tally> = BTreeMap::new();
        for shard in 0..TALLY_SHARDS {
            let asked = self
                .client
                .query()
                .table_name(&self.book)
                .key_condition_expression("pk = :pk AND sk >= :since")
                .expression_attribute_values(":pk", s(pk(organization, source, shard)))
                .expression_attribute_values(":since", s(since.clone()))
                .send()
                .await;
            let answer = asked.map_err(|error| StoreError::from_sdk(&error))?;
            for item in answer.items.into_iter().flatten() {
                let hour = crate::item::text(&item, "sk").and_then(|sk| sk.parse().ok());
                let Some(hour) = hour else { continue };
                let tally: Tally = from_item(item)?;
                let whole = hours.remove(&hour).unwrap_or_default().and(&tally);
                hours.insert(hour, whole);
            }
        }
        Ok(hours)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tallies_add_up_and_the_latest_problem_is_told() {
        let at = |text: &str| text.parse::<DateTime<Utc>>().ok();
        let one = Tally {
            accepted: 2,
            rejected: 1,
            last_at: at("2027-01-01T10:00:00Z"),
            last_rejected_at: at("2027-01-01T10:00:00Z"),
            last_problem: Some("early".to_owned()),
            ..Tally::default()
        };
        let other = Tally {
            repeated: 4,
            rejected: 2,
            last_at: at("2027-01-01T09:00:00Z"),
            last_rejected_at: at("2027-01-01T11:00:00Z"),
            last_problem: Some("late".to_owned()),
            ..Tally::default()
        };
        for whole in [one.clone().and(&other), other.clone().and(&one)] {
            assert_eq!(whole.messages(), 9);
            assert_eq!((whole.accepted, whole.repeated, whole.rejected), (2, 4, 3));
            assert_eq!(whole.last_at, at("2027-01-01T10:00:00Z"));
            assert_eq!(whole.last_problem.as_deref(), Some("late"));
        }
    }
}
