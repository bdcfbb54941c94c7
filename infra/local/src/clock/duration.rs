//! ISO 8601 durations, added to an instant as people add months: clamped to the month's end.

use chrono::{DateTime, Days, Months, TimeDelta, Utc};

/// The instant that lies an ISO 8601 duration (`P1M`, `P2W`, `P1Y6M`, `PT90S`) after another, by the
/// calendar of UTC.
///
/// # Errors
/// A text for people when the duration is malformed, negative, or leads beyond the calendar.
pub fn after(from: DateTime<Utc>, text: &str) -> Result<DateTime<Utc>, String> {
    let malformed = || format!("{text:?} is not an ISO 8601 duration such as P1M, P10D or PT1H");
    let beyond = || format!("{text:?} leads beyond the calendar");
    let rest = text.strip_prefix('P').ok_or_else(malformed)?;
    let (date, time) = match rest.split_once('T') {
        Some((_, "")) => return Err(malformed()),
        Some((date, time)) => (date, Some(time)),
        None if rest.is_empty() => return Err(malformed()),
        None => (rest, None),
    };
    let (mut months, mut days, mut seconds) = (0_u64, 0_u64, 0_u64);
    for (count, unit) in parts(date, "YMWD").ok_or_else(malformed)? {
        let (field, factor) = match unit {
            'Y' => (&mut months, 12),
            'M' => (&mut months, 1),
            'W' => (&mut days, 7),
            _ => (&mut days, 1),
        };
        *field = count.checked_mul(factor).and_then(|n| field.checked_add(n)).ok_or_else(beyond)?;
    }
    for (count, unit) in parts(time.unwrap_or_default(), "HMS").ok_or_else(malformed)? {
        let factor = match unit {
            'H' => 3_600,
            'M' => 60,
            _ => 1,
        };
        seconds =
            count.checked_mul(factor).and_then(|n| seconds.checked_add(n)).ok_or_else(beyond)?;
    }
    let months = u32::try_from(months).map_err(|_| beyond())?;
    let seconds = i64::try_from(seconds).ok().and_then(TimeDelta::try_seconds);
    from.checked_add_months(Months::new(months))
        .and_then(|instant| instant.checked_add_days(Days::new(days)))
        .and_then(|instant| instant.checked_add_signed(seconds?))
        .ok_or_else(beyond)
}

/// Numbers with their units, each unit at most once and in the given order.
fn parts(text: &str, units: &str) -> Option<Vec<(u64, char)>> {
    let (mut found, mut units, mut digits) = (Vec::new(), units, String::new());
    for character in text.chars() {
        if character.is_ascii_digit() {
            digits.push(character);
            continue;
        }
        let (_, later) = units.split_once(character)?;
        units = later;
        found.push((digits.parse().ok()?, character));
        digits.clear();
    }
    digits.is_empty().then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn add(text: &str) -> Result<String, String> {
        let from: DateTime<Utc> =
            "2027-01-31T12:00:00Z".parse().map_err(|error| format!("{error}"))?;
        after(from, text).map(|instant| instant.to_rfc3339())
    }

    #[test]
    fn months_follow_the_calendar_and_stop_at_its_end() {
        assert_eq!(add("P1M").as_deref(), Ok("2027-02-28T12:00:00+00:00"));
        assert_eq!(add("P1Y2M3DT4H5M6S").as_deref(), Ok("2028-04-03T16:05:06+00:00"));
        assert_eq!(add("P2W").as_deref(), Ok("2027-02-14T12:00:00+00:00"));
        assert_eq!(add("PT90S").as_deref(), Ok("2027-01-31T12:01:30+00:00"));
    }

    #[test]
    fn what_is_no_duration_is_refused() {
        for text in
            ["", "P", "PT", "1M", "P1", "PM", "P1DT", "P1M1Y", "P-1D", "P1H", "PT1D", "P1.5D"]
        {
            assert!(add(text).is_err(), "{text}");
        }
        assert!(add("P99999999999Y").is_err());
        assert!(add("P999999Y").is_err());
        assert!(add("PT99999999999999999999S").is_err());
    }
}
