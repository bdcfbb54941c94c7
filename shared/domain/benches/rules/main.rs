//! How long the rules of time and money take. `docs/proof.md` says how to run this, which times are
//! aimed at, and what was seen. Nothing fails here for being slow.

mod invoices;
mod next_occurrence;
mod proration_ledger;
mod thousand_occurrences;

use std::error::Error;

use criterion::Criterion;

fn main() -> Result<(), Box<dyn Error>> {
    let mut criterion = Criterion::default().configure_from_args();
    next_occurrence::measure(&mut criterion)?;
    thousand_occurrences::measure(&mut criterion)?;
    proration_ledger::measure(&mut criterion)?;
    invoices::measure(&mut criterion)?;
    criterion.final_summary();
    Ok(())
}
