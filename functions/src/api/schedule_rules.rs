//! The attributes that are the rules of a schedule: of previews, of models, and of subscriptions.

use chrono::{NaiveDate, Weekday};
use perennial_domain::time::{
    AnchorDay, GapPolicy, MonthEnd, OverlapPolicy, RuleError, ScheduleRules, WEEKDAY_NAMES,
    WorkingDayRule, WorkingDays, WorkingDaysError, weekday_name,
};
use serde_json::{Map, Value, json};

use crate::http::{
    attributes::{Attribute, Attributes, Given, Kind},
    error::{Code, Problem, Problems},
    json_object::json_object,
};

pub(crate) const ANCHOR_DAY: Attribute = Attribute::write(
    "anchor_day",
    Kind::Integer(1, 31),
    "The day of the month that all occurrences but the first fall on. Only with months and years.",
);
pub(crate) const ANCHOR_WEEKDAY: Attribute = Attribute::write(
    "anchor_weekday",
    WEEKDAY,
    "The day of the week that all occurrences but the first fall on. Only with weeks.",
);
pub(crate) const MONTH_END: Attribute = Attribute::write(
    "month_end",
    Kind::Choice(&["clamp", "sticky"]),
    "After 30 June: 30 July (clamp, the default), or 31 July because a month's end stays one.",
);
pub(crate) const DST_GAP: Attribute = Attribute::write(
    "dst_gap",
    Kind::Choice(&["first_valid", "shift", "skip"]),
    "A wall-clock time that clocks jump over: the first instant after the jump (the default), \
     later by the length of the jump, or not at all.",
);
pub(crate) const DST_OVERLAP: Attribute = Attribute::write(
    "dst_overlap",
    Kind::Choice(&["first", "both"]),
    "A fixed time of a crontab expression that happens twice: on the first pass (the default), or \
     on both.",
);
pub(crate) const WORKING_DAYS: Attribute = Attribute::write(
    "working_days",
    Kind::Members(WORKING_DAYS_MEMBERS),
    "The working days that occurrences keep to; null where any day will do.",
);

const WORKING_DAY_RULE: Attribute = Attribute::write(
    "rule",
    Kind::Choice(&["next", "previous", "none"]),
    "Where an occurrence on a day off goes.",
);
const WEEKEND: Attribute = Attribute::write(
    "weekend",
    Kind::List(&WEEKDAY, 7),
    "Days of the week off; Saturday and Sunday unless given.",
);
const HOLIDAYS: Attribute =
    Attribute::write("holidays", Kind::List(&Kind::Date, 1_000), "Dates off.");
const WORKING_DAYS_MEMBERS: &[Attribute] = &[WORKING_DAY_RULE, WEEKEND, HOLIDAYS];

const WEEKDAY: Kind = Kind::Choice(&WEEKDAY_NAMES);

/// The rules that a client gave.
#[derive(Debug)]
pub(crate) struct RulesChange {
    anchor_day: Given<AnchorDay>,
    anchor_weekday: Given<Weekday>,
    month_end: Given<MonthEnd>,
    dst_gap: Given<GapPolicy>,
    dst_overlap: Given<OverlapPolicy>,
    working_days: Given<WorkingDays>,
}

impl RulesChange {
    pub(crate) fn read(attributes: &mut Attributes, problems: &mut Problems) -> Self {
        Self {
            anchor_day: attributes.optional(ANCHOR_DAY.name, problems),
            anchor_weekday: attributes.optional(ANCHOR_WEEKDAY.name, problems),
            month_end: attributes.optional(MONTH_END.name, problems),
            dst_gap: attributes.optional(DST_GAP.name, problems),
            dst_overlap: attributes.optional(DST_OVERLAP.name, problems),
            working_days: read_working_days(attributes, problems),
        }
    }

    /// Whether the client said anything about any of them.
    pub(crate) fn is_given(&self) -> bool {
        let Self { anchor_day, anchor_weekday, month_end, dst_gap, dst_overlap, working_days } =
            self;
        anchor_day.is_given()
            || anchor_weekday.is_given()
            || month_end.is_given()
            || dst_gap.is_given()
            || dst_overlap.is_given()
            || working_days.is_given()
    }

    /// The rules as the client wants them; null asks for the default.
    pub(crate) fn of(&self, before: &ScheduleRules) -> ScheduleRules {
        let mut rules = before.clone();
        self.anchor_day.clone().apply(&mut rules.anchor_day);
        self.anchor_weekday.clone().apply(&mut rules.anchor_weekday);
        self.month_end.clone().or_default(&mut rules.month_end);
        self.dst_gap.clone().or_default(&mut rules.dst_gap);
        self.dst_overlap.clone().or_default(&mut rules.dst_overlap);
        self.working_days.clone().apply(&mut rules.working_days);
        rules
    }
}

/// Reads working days member by member, so that what is wrong is told about the one that is.
fn read_working_days(attributes: &mut Attributes, problems: &mut Problems) -> Given<WorkingDays> {
    let mut days = match attributes.object(WORKING_DAYS.name, WORKING_DAYS_MEMBERS, problems) {
        Given::Absent => return Given::Absent,
        Given::Null => return Given::Null,
        Given::Value(days) => days,
    };
    let rule: Option<WorkingDayRule> = days.required(WORKING_DAY_RULE.name, problems);
    let weekend: Option<Vec<Weekday>> = days.optional(WEEKEND.name, problems).value();
    let holidays: Option<Vec<NaiveDate>> = days.optional(HOLIDAYS.name, problems).value();
    let holidays = holidays.unwrap_or_default();
    let Some(rule) = rule else { return Given::Absent };
    let read = match weekend {
        Some(weekend) => WorkingDays::new(rule, weekend, holidays),
        None => WorkingDays::with_holidays(rule, holidays),
    };
    match read {
        Ok(days) => Given::Value(days),
        Err(error) => {
            let name = match error {
                WorkingDaysError::NoWorkingDay => WEEKEND.name,
                WorkingDaysError::TooManyHolidays(_) => HOLIDAYS.name,
            };
            let problem = Problem::new(Code::InvalidValue, error.to_string());
            problems.add(problem.at(days.pointer(name)));
            Given::Absent
        }
    }
}

/// The problem of a rule that has no meaning for the frequency.
pub(crate) fn no_rule(error: &RuleError) -> Problem {
    let at = format!("/data/attributes/{}", error.field());
    Problem::new(Code::InvalidValue, error.to_string()).at(at)
}

/// The rules as attributes, with the defaults filled in.
pub(crate) fn given(rules: &ScheduleRules) -> Map<String, Value> {
    let working_days = rules.working_days.as_ref().map(|days| {
        json!({
            "rule": days.rule(),
            "weekend": days.weekend().map(weekday_name).collect::<Vec<_>>(),
            "holidays": days.holidays(),
        })
    });
    json_object([
        (ANCHOR_DAY.name, json!(rules.anchor_day)),
        (ANCHOR_WEEKDAY.name, json!(rules.anchor_weekday.map(weekday_name))),
        (MONTH_END.name, json!(rules.month_end)),
        (DST_GAP.name, json!(rules.dst_gap)),
        (DST_OVERLAP.name, json!(rules.dst_overlap)),
        (WORKING_DAYS.name, json!(working_days)),
    ])
}
