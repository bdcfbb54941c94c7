//! Perennial on one laptop: the whole template in one process.

pub mod template;
