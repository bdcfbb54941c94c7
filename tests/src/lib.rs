//! End to end, fault and conformance tests of the whole system.
