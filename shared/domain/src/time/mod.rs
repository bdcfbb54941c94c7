//! Time: how often a subscription repeats, and on which instants exactly.
//!
//! Every date is computed from the anchor, never from the last date, so nothing drifts; instants are
//! UTC, wall-clock rules are applied in the subscription's IANA time zone. `docs/time.md` states
//! every rule with an example.
//!
//! - [`Frequency`]: how often (named, every N units, or a [`CronExpression`]);
//! - [`Schedule`]: frequency + anchor + zone + [`ScheduleRules`], which answers when occurrence n is,
//!   and [why](Reason);
//! - [`CatchUp`]: what to do with occurrences that elapsed while nobody was looking.

mod anchor_day;
mod catch_up;
mod cron;
mod cron_fields;
mod firing;
mod frequency;
mod grid;
mod interval;
mod interval_dates;
mod occurrence;
mod occurrences;
mod reason;
mod rules;
mod schedule;
mod stub;
mod weekday_name;
mod working_date;
mod working_days;
mod zone;

pub use anchor_day::{AnchorDay, AnchorDayError};
pub use catch_up::{CatchUp, CatchUpPlan, CatchUpPolicy, SkippedOccurrences, plan_catch_up};
pub use cron::{CronError, CronExpression};
pub use frequency::{Frequency, FrequencyError};
pub use interval::{Interval, IntervalUnit, NamedFrequency};
pub use occurrence::{Occurrence, OccurrenceNumber, Slot};
pub use occurrences::Occurrences;
pub use reason::{DayRule, MovedDay, Reason, Source};
pub use rules::{GapPolicy, MonthEnd, OverlapPolicy, RuleError, ScheduleRules};
pub use schedule::{LatestDue, Omission, Schedule, ScheduleError};
pub use stub::Stub;
pub use working_days::{DayOff, WorkingDayRule, WorkingDays, WorkingDaysError};
pub use zone::ClockReading;
pub(crate) use zone::first_instant;
