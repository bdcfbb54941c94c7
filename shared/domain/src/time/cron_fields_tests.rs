use super::super::{CronExpression, fixtures::TestResult};

#[test]
fn what_only_looks_like_a_field_is_refused() {
    for (expression, part) in [
        // Names and letters glued together, which a lenient reader takes for something else.
        ("0 0 1 1JAN *", "`1JAN` does not fit the month field (1 to 12)"),
        ("0 0 1 JANFEB *", "`JANFEB` does not fit the month field"),
        ("0 0 * * SUN1", "`SUN1` does not fit the day of week field (0 to 7)"),
        ("0 0 15WW * *", "`15W` does not fit the day of month field"),
        ("0 0 15W3 * *", "`15W3` does not fit the day of month field"),
        ("0 0 LW5 * *", "`LW5` does not fit the day of month field"),
        ("0 0 * * 5LL", "`5L` does not fit the day of week field"),
        ("0 0 * * 5#6", "`#` takes 1 to 5, not `6`"),
        ("0 0 * * 5#", "`#` takes 1 to 5, not ``"),
        ("0 0 L,LW * *", "cannot stand in one list"),
        ("0 0 L-3 * *", "`L` does not fit the day of month field"),
        ("0 0 5/10 * *", "needs a range or `*` before it"),
        ("0 0 /10 * *", "needs a range or `*` before it"),
        ("0 */0 * * *", "no step of at least 1"),
        ("0 22-2 * * *", "`22-2` ends before it begins"),
        ("0 0 * * 1,,2", "the day of week field has an empty place"),
        ("0 0 * * ?/2", "needs a range or `*` before it"),
        ("0 0 W * *", "`W` needs a day before it"),
        ("0 0 * * #2", "`#` needs a weekday before it"),
        ("-1 0 * * *", "the range `-1` needs a value on either side"),
        ("0 24 * * *", "`24` does not fit the hour field (0 to 23)"),
        ("0 L * * *", "`L` does not fit the hour field"),
        ("0 0 * L *", "`L` does not fit the month field"),
    ] {
        let refusal = expression.parse::<CronExpression>().map_err(|error| error.to_string());
        assert!(
            refusal.as_ref().is_err_and(|text| text.contains(part)),
            "{expression}: {refusal:?}"
        );
    }
}

#[test]
fn the_canonical_form_has_one_spelling() -> TestResult {
    for (written, canonical) in [
        ("00 06 01 01 *", "0 6 1 1 *"),
        ("0 6 * jan-mar fri-sun", "0 6 * 1-3 5-7"),
        ("0 6 ? * 5l", "0 6 * * 5L"),
        // A field that begins with a star is a star; a star further on is every value.
        ("0 6 *,5 * *", "0 6 * * *"),
        ("0 6 5,* * *", "0 6 5,1-31 * *"),
        ("0 6-18/4 1,15W * tue#1", "0 6-18/4 1,15W * 2#1"),
    ] {
        let cron: CronExpression = written.parse()?;
        assert_eq!(cron.canonical(), canonical);
        assert_eq!(cron.canonical().parse::<CronExpression>()?, cron);
    }
    Ok(())
}
