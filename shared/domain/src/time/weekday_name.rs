//! Days of the week on the wire: `monday` to `sunday`.

use chrono::Weekday;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// The days of the week, from Monday on.
pub(super) const WEEK: [Weekday; 7] = [
    Weekday::Mon,
    Weekday::Tue,
    Weekday::Wed,
    Weekday::Thu,
    Weekday::Fri,
    Weekday::Sat,
    Weekday::Sun,
];

/// The full names of the days of the week, from Monday on, as clients write them.
pub const WEEKDAY_NAMES: [&str; 7] = [
    weekday_name(Weekday::Mon),
    weekday_name(Weekday::Tue),
    weekday_name(Weekday::Wed),
    weekday_name(Weekday::Thu),
    weekday_name(Weekday::Fri),
    weekday_name(Weekday::Sat),
    weekday_name(Weekday::Sun),
];

/// The full name of a day of the week, as clients write it: `monday`.
#[must_use]
pub const fn weekday_name(weekday: Weekday) -> &'static str {
    match weekday {
        Weekday::Mon => "monday",
        Weekday::Tue => "tuesday",
        Weekday::Wed => "wednesday",
        Weekday::Thu => "thursday",
        Weekday::Fri => "friday",
        Weekday::Sat => "saturday",
        Weekday::Sun => "sunday",
    }
}

/// A day of the week that is serialized by its full name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct WeekdayName(pub(super) Weekday);

impl Serialize for WeekdayName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(weekday_name(self.0))
    }
}

impl<'de> Deserialize<'de> for WeekdayName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        WEEK.into_iter()
            .find(|day| weekday_name(*day) == name)
            .map(Self)
            .ok_or_else(|| de::Error::unknown_variant(&name, &WEEKDAY_NAMES))
    }
}

/// For `#[serde(with)]` on a weekday.
pub(super) fn serialize<S: Serializer>(
    weekday: &Weekday,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    WeekdayName(*weekday).serialize(serializer)
}

/// For `#[serde(with)]` on a weekday.
pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Weekday, D::Error> {
    WeekdayName::deserialize(deserializer).map(|name| name.0)
}

/// For `#[serde(with)]` on a weekday that may be missing.
pub(super) mod optional {
    use super::{Deserialize, Deserializer, Serialize, Serializer, Weekday, WeekdayName};

    #[expect(clippy::ref_option, reason = "serde calls it with a reference to the field")]
    pub(in super::super) fn serialize<S: Serializer>(
        weekday: &Option<Weekday>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        weekday.map(WeekdayName).serialize(serializer)
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Weekday>, D::Error> {
        Ok(Option::<WeekdayName>::deserialize(deserializer)?.map(|name| name.0))
    }
}
