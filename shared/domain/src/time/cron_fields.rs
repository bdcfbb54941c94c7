//! The five fields of a crontab expression, checked item by item and written in numbers.

use super::{CronError, frequency::cut_short};

const MONTHS: [&str; 12] =
    ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
const SUNDAY: &str = "SUN";
const WEEKDAYS: [&str; 7] = [SUNDAY, "MON", "TUE", "WED", "THU", "FRI", "SAT"];

/// One field: what it counts, from where to where, and the names of its values.
struct Field {
    name: &'static str,
    first: u32,
    last: u32,
    names: &'static [&'static str],
}

const MINUTE: Field = Field { name: "minute", first: 0, last: 59, names: &[] };
const HOUR: Field = Field { name: "hour", first: 0, last: 23, names: &[] };
const DAY: Field = Field { name: "day of month", first: 1, last: 31, names: &[] };
const MONTH: Field = Field { name: "month", first: 1, last: 12, names: &MONTHS };
/// Sunday is 0 and 7.
const WEEKDAY: Field = Field { name: "day of week", first: 0, last: 7, names: &WEEKDAYS };

/// Five fields in capitals, names as numbers, macros spelled out, `?` as `*`.
///
/// An item of a list is `*`, a value, or a range, the first and the last with a step if wanted; for
/// days of the month also `L`, `LW` and `15W`, for days of the week `5L` and `5#2`.
pub(super) fn canonical_fields(written: &str) -> Result<String, CronError> {
    let upper = written.to_ascii_uppercase();
    if upper.starts_with('@') {
        let fields = match upper.as_str() {
            "@HOURLY" => "0 * * * *",
            "@DAILY" | "@MIDNIGHT" => "0 0 * * *",
            "@WEEKLY" => "0 0 * * 0",
            "@MONTHLY" => "0 0 1 * *",
            "@YEARLY" | "@ANNUALLY" => "0 0 1 1 *",
            _ => return Err(CronError::UnknownMacro { expression: cut_short(written) }),
        };
        return Ok(fields.to_owned());
    }
    let fields: Vec<&str> = upper.split_ascii_whitespace().collect();
    let [minute, hour, day, month, weekday] = fields.as_slice() else {
        let expression = cut_short(written);
        return Err(CronError::FieldCount { expression, fields: fields.len() });
    };
    let star = |field| if field == "?" { "*" } else { field };
    let fields = [
        (MINUTE, *minute),
        (HOUR, *hour),
        (DAY, star(*day)),
        (MONTH, *month),
        (WEEKDAY, star(*weekday)),
    ];
    let mut canonical = Vec::with_capacity(fields.len());
    for (field, text) in fields {
        canonical.push(field.canonical(text).map_err(|problem| CronError::Unreadable {
            expression: cut_short(written),
            problem,
        })?);
    }
    let [_, _, days, ..] = canonical.as_slice() else { return Ok(canonical.join(" ")) };
    let has = |item| days.split(',').any(|day| day == item);
    if has("L") && has("LW") {
        return Err(CronError::Unreadable {
            expression: cut_short(written),
            problem: "`L` and `LW` cannot stand in one list".to_owned(),
        });
    }
    Ok(canonical.join(" "))
}

impl Field {
    fn canonical(&self, text: &str) -> Result<String, String> {
        let mut items = Vec::new();
        for (place, item) in text.split(',').enumerate() {
            match item {
                "" => return Err(format!("the {} field has an empty place", self.name)),
                // A field that begins with a star is a star, whatever follows.
                "*" if place == 0 => items.push("*".to_owned()),
                "*" => items.push(format!("{}-{}", self.first, self.last)),
                item => items.push(self.item(item)?),
            }
        }
        let starred = items.first().is_some_and(|item| item == "*");
        items.truncate(if starred { 1 } else { items.len() });
        Ok(items.join(","))
    }

    fn item(&self, item: &str) -> Result<String, String> {
        if self.first == DAY.first && self.last == DAY.last {
            if matches!(item, "L" | "LW") {
                return Ok(item.to_owned());
            }
            if item == "W" {
                return Err("`W` needs a day before it, such as `15W`".to_owned());
            }
            if let Some(day) = item.strip_suffix('W') {
                return Ok(format!("{}W", self.value(day)?));
            }
        }
        if self.last == WEEKDAY.last {
            if item == "L" {
                return Err("`L` needs a weekday before it, such as `5L`".to_owned());
            }
            if let Some(weekday) = item.strip_suffix('L') {
                return Ok(format!("{}L", self.value(weekday)?));
            }
            if let Some((weekdays, nth)) = item.split_once('#') {
                if !matches!(nth, "1" | "2" | "3" | "4" | "5") {
                    return Err(format!("`#` takes 1 to 5, not `{}`", cut_short(nth)));
                }
                if weekdays.is_empty() {
                    return Err("`#` needs a weekday before it, such as `5#2`".to_owned());
                }
                return Ok(format!("{}#{nth}", self.range(weekdays)?));
            }
        }
        let Some((range, step)) = item.split_once('/') else { return self.range(item) };
        let step = number(step).filter(|step| *step > 0);
        let step =
            step.ok_or_else(|| format!("`{}` has no step of at least 1", cut_short(item)))?;
        if range == "*" {
            Ok(format!("*/{step}"))
        } else if range.contains('-') {
            Ok(format!("{}/{step}", self.range(range)?))
        } else {
            Err(format!("the step of `{}` needs a range or `*` before it", cut_short(item)))
        }
    }

    /// A value, or two with a dash between them.
    fn range(&self, text: &str) -> Result<String, String> {
        let Some((first, last)) = text.split_once('-') else {
            return Ok(self.value(text)?.to_string());
        };
        if first.is_empty() || last.is_empty() {
            return Err(format!("the range `{}` needs a value on either side", cut_short(text)));
        }
        let ends_on_sunday = last == SUNDAY;
        let (first, last) = (self.value(first)?, self.value(last)?);
        // Sunday ends a week that began on another day: `FRI-SUN`, but not `SUN-SUN`.
        let last = if ends_on_sunday && first > last { WEEKDAY.last } else { last };
        if first > last {
            return Err(format!("the range `{}` ends before it begins", cut_short(text)));
        }
        Ok(format!("{first}-{last}"))
    }

    /// A number of the field or a name.
    fn value(&self, text: &str) -> Result<u32, String> {
        let named = self.names.iter().position(|name| *name == text);
        let value = match named.and_then(|place| u32::try_from(place).ok()) {
            Some(place) => Some(self.first + place),
            None => number(text),
        };
        value.filter(|value| (self.first..=self.last).contains(value)).ok_or_else(|| {
            let Self { name, first, last, .. } = self;
            format!("`{}` does not fit the {name} field ({first} to {last})", cut_short(text))
        })
    }
}

/// Digits only: the standard parser would take a sign.
fn number(text: &str) -> Option<u32> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

#[cfg(test)]
#[path = "cron_fields_tests.rs"]
mod tests;
