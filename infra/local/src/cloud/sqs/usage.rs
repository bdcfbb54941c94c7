//! What the queues' clients did, counted the way SQS bills it.

use std::collections::BTreeMap;

/// A request carries at most this many bytes of payload; more are billed as further requests.
const BILLED_CHUNK: usize = 64 * 1024;

/// What was asked of the queues since the tally was last reset.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Usage {
    /// By queue and action, under its API name. Receives that found nothing are under
    /// `ReceiveMessage (empty)`, since their number depends on how often one polls.
    pub by_action: BTreeMap<(String, &'static str), ActionUsage>,
}

/// How often one action was asked for, and how much it carried.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ActionUsage {
    /// API calls.
    pub calls: u64,
    /// Messages sent, received, deleted or changed by those calls.
    pub messages: u64,
    /// Requests as SQS bills them: one for each 64 KiB of payload, at least one per call.
    pub billed_requests: u64,
    /// Bytes of message bodies and attributes sent or received.
    pub bytes: u64,
}

impl Usage {
    /// All billed requests, receives that found nothing left out.
    #[must_use]
    pub fn billed_requests(&self) -> u64 {
        self.by_action
            .iter()
            .filter(|((_, action), _)| *action != EMPTY_RECEIVE)
            .map(|(_, usage)| usage.billed_requests)
            .sum()
    }

    /// All bytes of payload.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.by_action.values().map(|usage| usage.bytes).sum()
    }

    /// By action, whatever the queue.
    #[must_use]
    pub fn actions(&self) -> BTreeMap<&'static str, ActionUsage> {
        let mut actions: BTreeMap<&'static str, ActionUsage> = BTreeMap::new();
        for ((_, action), usage) in &self.by_action {
            let sum = actions.entry(action).or_default();
            sum.calls += usage.calls;
            sum.messages += usage.messages;
            sum.billed_requests += usage.billed_requests;
            sum.bytes += usage.bytes;
        }
        actions
    }

    pub(super) fn count(
        &mut self,
        queue: &str,
        action: &'static str,
        messages: usize,
        bytes: usize,
    ) {
        let tally = self.by_action.entry((queue.to_owned(), action)).or_default();
        tally.calls += 1;
        tally.messages += messages as u64;
        tally.billed_requests += bytes.div_ceil(BILLED_CHUNK).max(1) as u64;
        tally.bytes += bytes as u64;
    }
}

pub(super) const EMPTY_RECEIVE: &str = "ReceiveMessage (empty)";
