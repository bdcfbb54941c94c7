//! Frequencies and crontab expressions as clients write them.

use std::fmt::Display;

use perennial_domain::time::{CronExpression, Frequency};

use crate::occurrences;

/// The longest text of a refusal, in bytes: input that is shown in it is cut short.
const MAXIMUM_REFUSAL: usize = 800;

/// A frequency as text, or as JSON if it is that: what is read is shown and stored in forms that
/// read the same, and its occurrences are in order.
pub fn frequency(input: &str) {
    let read = match serde_json::from_str::<Frequency>(input) {
        Ok(read) => Ok(read),
        Err(_) => input.parse::<Frequency>(),
    };
    match read {
        Ok(frequency) => accepted_frequency(&frequency),
        Err(refusal) => is_short(&refusal),
    }
}

/// A crontab expression: as [`frequency`], and it is one as a frequency too.
pub fn cron(input: &str) {
    let expression = match input.parse::<CronExpression>() {
        Ok(expression) => expression,
        Err(refusal) => return is_short(&refusal),
    };
    for text in [expression.as_written(), expression.canonical(), &expression.to_string()] {
        let again = text.parse::<CronExpression>();
        assert_eq!(again.as_ref(), Ok(&expression), "{input:?} was shown as {text:?}");
        let canonical = again.map(|again| again.canonical().to_owned());
        assert_eq!(canonical.as_deref(), Ok(expression.canonical()), "canonical form of {text:?}");
    }
    accepted_frequency(&Frequency::from(expression.clone()));
    assert_eq!(input.parse::<Frequency>(), Ok(Frequency::from(expression)));
}

fn accepted_frequency(frequency: &Frequency) {
    let shown = frequency.to_string();
    let again = shown.parse::<Frequency>();
    assert_eq!(again.as_ref(), Ok(frequency), "was shown as {shown:?}");
    assert_eq!(again.map(|again| again.to_string()), Ok(shown), "shown again");
    let stored = serde_json::to_string(frequency).unwrap_or_default();
    let restored = serde_json::from_str::<Frequency>(&stored).ok();
    assert_eq!(restored.as_ref(), Some(frequency), "was stored as {stored}");
    occurrences::check(frequency);
}

fn is_short(refusal: &impl Display) {
    let text = refusal.to_string();
    assert!(!text.is_empty() && text.len() <= MAXIMUM_REFUSAL, "a refusal of {} bytes", text.len());
}
