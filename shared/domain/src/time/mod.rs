//! Time: how often a subscription repeats, and on which instants exactly.
//!
//! Every date is computed from the anchor, never from the last date, so nothing drifts; instants are
//! UTC, wall-clock rules are applied in the subscription's IANA time zone.
//!
//! - [`Frequency`]: how often (named, every N units, or a [`CronExpression`]);
//! - [`Schedule`]: frequency + anchor + zone, which answers when occurrence n is, and [why](Reason);
//! - [`CatchUp`]: what to do with occurrences that elapsed while nobody was looking.

mod anchor;
mod catch_up;
mod cron;
mod frequency;
mod interval;
mod occurrence;
mod schedule;
mod zone;

pub use catch_up::{CatchUp, CatchUpPlan, CatchUpPolicy, SkippedOccurrences, plan_catch_up};
pub use cron::{CronError, CronExpression};
pub use frequency::{Frequency, FrequencyError};
pub use interval::{Interval, IntervalUnit, NamedFrequency};
pub use occurrence::{Occurrence, OccurrenceNumber, Reason, Slot, Source};
pub use schedule::{LatestDue, Schedule, ScheduleError};
pub use zone::ClockReading;
pub(crate) use zone::first_instant;
