//! Payment providers behind a trait, with a test provider.
