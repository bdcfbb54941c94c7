//! The fuzz targets over their seeds, and over what comes of mixing them: a quick look that keeps
//! the targets right. The long one is taken with `cargo fuzz`, as `docs/proof.md` tells.

use std::{error::Error, fs, path::Path};

use perennial_fuzz::{Preview, cron, frequency, preview};
use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};

type TestResult = Result<(), Box<dyn Error>>;

/// How many mixed inputs each target is given.
const MIXED: u32 = 200;

#[test]
fn a_frequency_is_refused_or_read_as_it_is_shown() -> TestResult {
    look_at("frequency", |input| frequency(&String::from_utf8_lossy(input)))
}

#[test]
fn a_crontab_expression_is_refused_or_read_as_it_is_shown() -> TestResult {
    look_at("cron", |input| cron(&String::from_utf8_lossy(input)))
}

#[test]
fn a_schedule_preview_is_refused_or_true_to_itself() -> TestResult {
    look_at("schedule_preview", |input| preview(Preview::Schedule, input))
}

#[test]
fn a_proration_preview_is_refused_or_true_to_itself() -> TestResult {
    look_at("proration_preview", |input| preview(Preview::Proration, input))
}

#[test]
fn a_billing_period_preview_is_refused_or_true_to_itself() -> TestResult {
    look_at("billing_period_preview", |input| preview(Preview::BillingPeriod, input))
}

#[test]
fn an_invoice_preview_is_refused_or_true_to_itself() -> TestResult {
    look_at("invoice_preview", |input| preview(Preview::Invoice, input))
}

fn look_at(target: &str, check: impl Fn(&[u8])) -> TestResult {
    let seeds = seeds(target)?;
    for seed in &seeds {
        check(seed);
    }
    let config = Config { cases: MIXED, failure_persistence: None, ..Config::default() };
    TestRunner::new(config).run(&mixed(seeds), |input| {
        check(&input);
        Ok(())
    })?;
    Ok(())
}

fn seeds(target: &str) -> Result<Vec<Vec<u8>>, Box<dyn Error>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds").join(target);
    let mut seeds = Vec::new();
    for file in fs::read_dir(folder)? {
        seeds.push(fs::read(file?.path())?);
    }
    assert!(!seeds.is_empty(), "{target} has no seeds");
    Ok(seeds)
}

/// A seed in which pieces are replaced by pieces of another, or by any bytes at all.
fn mixed(seeds: Vec<Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    let seed = prop::sample::select(seeds);
    let any_bytes = prop::collection::vec(any::<u8>(), 0..6);
    let number = "-?[0-9]{1,19}".prop_map(String::into_bytes);
    let piece = prop_oneof![
        (seed.clone(), any::<prop::sample::Index>(), 0..20_usize).prop_map(
            |(other, at, length)| {
                other.into_iter().cycle().skip(at.index(256)).take(length).collect()
            }
        ),
        number,
        any_bytes,
    ];
    let replaced = (any::<prop::sample::Index>(), 0..20_usize, piece);
    (seed, prop::collection::vec(replaced, 1..4)).prop_map(|(mut seed, replaced)| {
        for (at, length, piece) in replaced {
            let from = at.index(seed.len() + 1);
            let to = (from + length).min(seed.len());
            seed.splice(from..to, piece);
        }
        seed
    })
}
