//! Days of the week on the wire: `monday` to `sunday`.

use chrono::Weekday;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A day of the week that is serialized by its full English name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct WeekdayName(#[serde(with = "Names")] pub(super) Weekday);

#[derive(Serialize, Deserialize)]
#[serde(remote = "Weekday")]
enum Names {
    #[serde(rename = "monday")]
    Mon,
    #[serde(rename = "tuesday")]
    Tue,
    #[serde(rename = "wednesday")]
    Wed,
    #[serde(rename = "thursday")]
    Thu,
    #[serde(rename = "friday")]
    Fri,
    #[serde(rename = "saturday")]
    Sat,
    #[serde(rename = "sunday")]
    Sun,
}

/// The full name, as clients write it.
pub(super) const fn name(weekday: Weekday) -> &'static str {
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
