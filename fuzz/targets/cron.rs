//! Fuzzes [`perennial_fuzz::cron`].
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &str| perennial_fuzz::cron(input));
