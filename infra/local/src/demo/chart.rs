//! Bars of Unicode blocks, an eighth of a character fine.

use std::fmt::Write;

/// Characters of the longest bar.
const WIDTH: u64 = 40;
/// Blocks from none to seven eighths.
const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];

/// One line per row: a label, a bar, and the value as `written`.
pub(super) fn bars(rows: &[(String, u64, String)]) -> String {
    let most = rows.iter().map(|(_, value, _)| *value).max().unwrap_or_default();
    let label = rows.iter().map(|(label, ..)| label.chars().count()).max().unwrap_or_default();
    let mut chart = String::new();
    for (name, value, written) in rows {
        // Writing to a string can't fail.
        let _ = writeln!(chart, "{name:<label$} {} {written}", bar(*value, most));
    }
    chart
}

fn bar(value: u64, most: u64) -> String {
    let eighths = u128::from(value) * u128::from(WIDTH) * 8 / u128::from(most.max(1));
    let whole = usize::try_from(eighths / 8).unwrap_or_default();
    let rest = usize::try_from(eighths % 8).unwrap_or_default();
    // What is there, however little, shows.
    let rest = if eighths == 0 && value > 0 { 1 } else { rest };
    format!("{}{}", "█".repeat(whole), EIGHTHS.get(rest).copied().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_bar_fills_the_width_and_nothing_is_no_bar() {
        assert_eq!(bar(500, 500), "█".repeat(40));
        assert_eq!(bar(0, 500), "");
        assert_eq!(bar(0, 0), "");
    }

    #[test]
    fn bars_are_an_eighth_of_a_character_fine() {
        assert_eq!(bar(1, 320), "▏");
        assert_eq!(bar(9, 320), "█▏");
        assert_eq!(bar(15, 320), "█▉");
        assert_eq!(bar(1, 1_000_000), "▏");
    }

    #[test]
    fn values_stand_behind_aligned_bars() {
        let rows = [("Feb".to_owned(), 2, "2 EUR".to_owned()), ("March".to_owned(), 0, "0".into())];
        let chart = format!("Feb   {} 2 EUR\nMarch  0\n", "█".repeat(40));
        assert_eq!(bars(&rows), chart);
    }
}
