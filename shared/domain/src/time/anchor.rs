//! From the anchor to the n-th wall-clock date: months never drift, because day 31 is remembered.

use chrono::{Datelike, Months, NaiveDateTime, TimeDelta};

/// A wall-clock date and time some months after the anchor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct AnchoredDate {
    /// The date and time on the wall clock, whether or not that clock ever shows it.
    pub(super) local: NaiveDateTime,
    /// The anchor's day, when the month was too short for it.
    pub(super) clamped_from: Option<u32>,
}

/// The anchor plus whole months, on the anchor's day or, where the month is shorter, on its last.
/// `None` when the calendar ends before that.
pub(super) fn plus_months(anchor: NaiveDateTime, months: u64) -> Option<AnchoredDate> {
    let local = anchor.checked_add_months(Months::new(u32::try_from(months).ok()?))?;
    let clamped_from = (local.day() != anchor.day()).then_some(anchor.day());
    Some(AnchoredDate { local, clamped_from })
}

/// The anchor plus whole days on the wall clock. `None` when the calendar ends before that.
pub(super) fn plus_days(anchor: NaiveDateTime, days: u64) -> Option<AnchoredDate> {
    let days = TimeDelta::try_days(i64::try_from(days).ok()?)?;
    Some(AnchoredDate { local: anchor.checked_add_signed(days)?, clamped_from: None })
}
