//! One binary for all tests of the whole system, so that it is linked once.
#![expect(clippy::panic, reason = "a test stops at the first surprise")]

mod template;
