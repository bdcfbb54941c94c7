//! What was put on the buses, counted the way EventBridge bills it.

/// An event is billed once per 64 KiB of its size.
const BILLED_CHUNK: usize = 64 * 1024;

/// What was put on the buses since the tally was last reset.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Usage {
    /// `PutEvents` calls.
    pub calls: u64,
    /// Events taken.
    pub events: u64,
    /// Events as EventBridge bills them: one for each 64 KiB, at least one per event.
    pub billed_events: u64,
    /// Bytes of all events taken.
    pub bytes: u64,
    /// Entries refused.
    pub refused: u64,
    /// Deliveries to targets that succeeded.
    pub delivered: u64,
    /// Deliveries to targets that failed.
    pub undelivered: u64,
}

impl Usage {
    pub(super) fn count(&mut self, bytes: usize) {
        self.events += 1;
        self.billed_events += bytes.div_ceil(BILLED_CHUNK).max(1) as u64;
        self.bytes += bytes as u64;
    }
}
