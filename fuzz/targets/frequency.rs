//! Fuzzes [`perennial_fuzz::frequency`].
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &str| perennial_fuzz::frequency(input));
