//! Fuzzes [`perennial_fuzz::preview`] of [`Preview::Proration`].
#![no_main]

use libfuzzer_sys::fuzz_target;
use perennial_fuzz::{Preview, preview};

fuzz_target!(|attributes: &[u8]| preview(Preview::Proration, attributes));
