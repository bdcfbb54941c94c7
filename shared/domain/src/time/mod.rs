//! Time: how often a subscription repeats, and on which instants exactly.
//!
//! Every date is computed from the anchor, never from the last date, so nothing drifts; instants are
//! UTC, wall-clock rules are applied in the subscription's IANA time zone. `docs/time.md` states
//! every rule with an example.
//!
//! - [`Frequency`]: how often (named, every N units, or a [`CronExpression`]);
//! - [`Schedule`]: frequency + anchor + zone + [`ScheduleRules`], which answers when occurrence n is,
//!   and [why](Reason);
//! - [`CatchUp`]: what to do with occurrences that elapsed while nobody was looking;
//! - [`CutOff`], [`skip_next`], [`reschedule_next`], [`Pause`], [`Term`]: what people may ask for;
//! - [`align`], [`Schedule::in_zone`], [`Schedule::going_on`]: another schedule in place of one that
//!   runs, without a number used twice.

mod alignment;
mod anchor_day;
mod anchoring;
mod catch_up;
mod catch_up_preview;
mod cron;
mod cron_fields;
mod cut_off;
pub(crate) mod dormant_rules;
mod firing;
mod frequency;
mod grid;
mod interval;
mod interval_dates;
mod numbering;
mod occurrence;
mod occurrences;
mod pause;
mod reason;
mod reschedule;
mod rules;
mod schedule;
mod schedule_error;
mod skip;
mod stub;
mod term;
mod time_zone;
mod unadjusted;
mod weekday_name;
mod whole_second;
mod working_date;
mod working_days;
mod zone;
mod zone_change;

pub use alignment::{Aligned, AlignmentError, CannotAlign, CommonDay, align};
pub use anchor_day::{AnchorDay, AnchorDayError};
pub use catch_up::{CatchUp, CatchUpPlan, CatchUpPolicy, SkippedOccurrences, plan_catch_up};
pub use catch_up_preview::{CatchUpOutcome, CatchUpPreview, CaughtUp, preview_catch_up};
pub use cron::{CronError, CronExpression};
pub use cut_off::CutOff;
pub use frequency::{Frequency, FrequencyError};
pub use interval::{Interval, IntervalUnit, NamedFrequency};
pub use occurrence::{Occurrence, OccurrenceNumber, Slot};
pub use occurrences::Occurrences;
pub use pause::{Pause, Resumption, resume};
pub use reason::{DayRule, MovedDay, Reason, Source};
pub use reschedule::{AnchorChange, RescheduleError, Rescheduled, reschedule_next};
pub use rules::{GapPolicy, MonthEnd, OverlapPolicy, RuleError, ScheduleRules};
pub use schedule::{LatestDue, Schedule};
pub use schedule_error::{Omission, ScheduleError};
pub use skip::{SkippedNext, skip_next};
pub use stub::Stub;
pub use term::{NumberedTerm, Term, TermEnd};
#[cfg(test)]
pub(crate) use time_zone::iana;
pub use time_zone::{UnknownZone, Zone, ZoneOffset, database_version};
pub use weekday_name::{WEEKDAY_NAMES, weekday_name};
pub use whole_second::whole_second;
pub use working_days::{DayOff, WorkingDayRule, WorkingDays, WorkingDaysError};
pub use zone::ClockReading;
pub(crate) use zone::first_instant;

#[cfg(test)]
mod fixtures;
#[cfg(test)]
mod property_tests;
