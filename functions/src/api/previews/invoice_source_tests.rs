//! Which period a run bills. 28 February and 28 March 2027 are Sundays.

use std::error::Error;

use perennial_domain::time::{
    AnchorDay, OccurrenceNumber, ScheduleRules, WorkingDayRule, WorkingDays,
};

use super::*;

fn at(text: &str) -> Result<DateTime<Utc>, Box<dyn Error>> {
    Ok(format!("{text}T10:00:00Z").parse()?)
}

#[test]
fn days_off_move_runs_and_no_period() -> Result<(), Box<dyn Error>> {
    use WorkingDayRule::{Next, Previous};
    let cron = "0 10 28 * *";
    for (frequency, anchor, anchor_day, rule, (number, run), (start, end)) in [
        // The run of its own period, moved to the Monday or the Friday.
        ("monthly", "2027-01-31", None, Next, (1, "2027-03-01"), ("2027-02-28", "2027-03-31")),
        ("monthly", "2027-01-31", None, Previous, (1, "2027-02-26"), ("2027-02-28", "2027-03-31")),
        // The stub after an anchor day was changed, whose run had been moved.
        (
            "monthly",
            "2027-02-28",
            Some(5),
            Previous,
            (0, "2027-02-26"),
            ("2027-02-28", "2027-03-05"),
        ),
        // Firings, whose runs go on with numbers of their own.
        (cron, "2027-01-28", None, Next, (7, "2027-03-01"), ("2027-02-28", "2027-03-28")),
        (cron, "2027-01-28", None, Previous, (7, "2027-02-26"), ("2027-02-28", "2027-03-28")),
        // Put elsewhere by somebody, it bills from there.
        ("monthly", "2027-01-28", None, Next, (1, "2027-03-03"), ("2027-03-03", "2027-03-28")),
    ] {
        let anchor_day = anchor_day.map(AnchorDay::new).transpose()?;
        let working_days = Some(WorkingDays::with_holidays(rule, [])?);
        let rules = ScheduleRules { anchor_day, working_days, ..ScheduleRules::default() };
        let schedule = Schedule::new(frequency.parse()?, at(anchor)?, "UTC".parse()?);
        let schedule = schedule.with_rules(rules)?;
        let run = Slot { number: OccurrenceNumber::new(number), at: at(run)? };
        let period = period_of_run(&schedule, run).ok_or("it bills nothing")?;
        let told = (period.start, period.end, period.number, period.invoiced_at);
        let expected = (at(start)?, at(end)?, run.number, run.at);
        assert_eq!(told, expected, "{frequency} {rule:?} {}", run.at);
        assert_eq!(period.kind, PeriodKind::Whole, "a run bills a whole price");
    }
    Ok(())
}
