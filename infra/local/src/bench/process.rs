//! What this process has used of the machine so far, as Linux tells it under `/proc`.

use std::fs;

/// Milliseconds per tick of `/proc/self/stat`: Linux counts user time in hundredths of a second.
const TICK_MS: u64 = 10;

/// Processor time that all threads have used, in milliseconds, to within a hundredth of a second;
/// `None` where there is no `/proc`.
pub(super) fn cpu_ms() -> Option<u64> {
    cpu_ticks(&fs::read_to_string("/proc/self/stat").ok()?).map(|ticks| ticks * TICK_MS)
}

/// The most memory that was ever resident, in KiB; `None` where there is no `/proc`.
pub(super) fn peak_rss_kib() -> Option<u64> {
    peak_rss(&fs::read_to_string("/proc/self/status").ok()?)
}

/// User and system time. The program's name, in parentheses, may hold anything; the fields are
/// counted from behind it.
fn cpu_ticks(stat: &str) -> Option<u64> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(user + system)
}

fn peak_rss(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processor_time_is_read_behind_a_name_with_spaces_and_parentheses() {
        let stat = "7 (a ) b) R 1 2 3 4 5 6 7 8 9 10 120 30 0 0 20 0 9";
        assert_eq!(cpu_ticks(stat), Some(150));
        assert_eq!(cpu_ticks("nonsense"), None);
    }

    #[test]
    fn the_peak_is_read_in_kib() {
        let status = "Name:\tperennial\nVmPeak:\t  9 kB\nVmHWM:\t   51234 kB\nVmRSS:\t 1 kB\n";
        assert_eq!(peak_rss(status), Some(51_234));
    }
}
