//! One queue's messages in memory: which are visible, which wait, and until when.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use chrono::{DateTime, Utc};
use tokio::sync::Notify;

use super::{QueueSpec, message::Content};

/// A message's place in the order of sending, unique over all queues.
pub(super) type Sequence = i64;

/// How many messages a queue holds, by state, at one instant.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Ready to be received.
    pub visible: usize,
    /// Received and neither deleted nor timed out.
    pub in_flight: usize,
    /// Sent with a delay that has not passed.
    pub delayed: usize,
    /// When the next message in flight or delayed becomes visible.
    pub next_visible: Option<DateTime<Utc>>,
}

impl Counts {
    /// Whether the queue holds nothing at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.visible == 0 && self.in_flight == 0 && self.delayed == 0
    }
}

/// What changes about a message while it is in a queue. Times are milliseconds of Unix time.
#[derive(Debug, Clone)]
pub(super) struct Held {
    pub(super) content: Arc<Content>,
    pub(super) visible_at: i64,
    pub(super) receive_count: u32,
    pub(super) first_received_at: Option<i64>,
    pub(super) dead_letter_source: Option<String>,
}

impl Held {
    pub(super) fn fresh(content: Content, visible_at: i64) -> Self {
        Self {
            content: Arc::new(content),
            visible_at,
            receive_count: 0,
            first_received_at: None,
            dead_letter_source: None,
        }
    }
}

#[derive(Debug)]
pub(super) struct Queue {
    pub(super) spec: QueueSpec,
    pub(super) created_at: i64,
    pub(super) arrivals: Arc<Notify>,
    messages: HashMap<Sequence, Held>,
    visible: BTreeSet<Sequence>,
    hidden: BTreeSet<(i64, Sequence)>,
    expiries: BTreeSet<(i64, Sequence)>,
}

impl Queue {
    pub(super) fn new(spec: QueueSpec, created_at: i64) -> Self {
        Self {
            spec,
            created_at,
            arrivals: Arc::default(),
            messages: HashMap::new(),
            visible: BTreeSet::new(),
            hidden: BTreeSet::new(),
            expiries: BTreeSet::new(),
        }
    }

    /// Takes a message in, as visible or hidden as its time says.
    pub(super) fn insert(&mut self, sequence: Sequence, held: Held, now: i64) {
        let visible = held.visible_at <= now;
        self.expiries.insert((self.expiry(&held), sequence));
        if visible {
            self.visible.insert(sequence);
        } else {
            self.hidden.insert((held.visible_at, sequence));
        }
        self.messages.insert(sequence, held);
        if visible {
            self.arrivals.notify_one();
        }
    }

    /// Takes a message out, wherever it is.
    pub(super) fn remove(&mut self, sequence: Sequence) -> Option<Held> {
        let held = self.messages.remove(&sequence)?;
        self.visible.remove(&sequence);
        self.hidden.remove(&(held.visible_at, sequence));
        self.expiries.remove(&(self.expiry(&held), sequence));
        Some(held)
    }

    /// Hides a message until the given time, or shows it if that has passed.
    pub(super) fn hide_until(&mut self, sequence: Sequence, visible_at: i64, now: i64) {
        let Some(held) = self.messages.get_mut(&sequence) else { return };
        self.visible.remove(&sequence);
        self.hidden.remove(&(held.visible_at, sequence));
        held.visible_at = visible_at;
        if visible_at <= now {
            self.visible.insert(sequence);
            self.arrivals.notify_one();
        } else {
            self.hidden.insert((visible_at, sequence));
        }
    }

    /// Shows what has become visible by now.
    pub(super) fn wake(&mut self, now: i64) {
        while let Some(&(at, sequence)) = self.hidden.first().filter(|(at, _)| *at <= now) {
            self.hidden.remove(&(at, sequence));
            self.visible.insert(sequence);
        }
    }

    /// The messages whose retention has run out.
    pub(super) fn expired(&self, now: i64) -> Vec<Sequence> {
        self.expiries.iter().take_while(|(at, _)| *at <= now).map(|(_, s)| *s).collect()
    }

    /// The visible messages that were sent first.
    pub(super) fn oldest_visible(&self, most: usize) -> Vec<Sequence> {
        self.visible.iter().take(most).copied().collect()
    }

    pub(super) fn visible_in_order(&self) -> impl Iterator<Item = Sequence> {
        self.visible.iter().copied()
    }

    pub(super) fn has_visible(&self) -> bool {
        !self.visible.is_empty()
    }

    /// When the next hidden message becomes visible, in milliseconds of Unix time.
    pub(super) fn next_visible(&self) -> Option<i64> {
        self.hidden.first().map(|(at, _)| *at)
    }

    pub(super) fn get(&self, sequence: Sequence) -> Option<&Held> {
        self.messages.get(&sequence)
    }

    pub(super) fn get_mut(&mut self, sequence: Sequence) -> Option<&mut Held> {
        self.messages.get_mut(&sequence)
    }

    pub(super) fn sequences(&self) -> Vec<Sequence> {
        self.messages.keys().copied().collect()
    }

    pub(super) fn counts(&self) -> Counts {
        let in_flight = self
            .hidden
            .iter()
            .filter(|(_, s)| self.messages.get(s).is_some_and(|held| held.receive_count > 0))
            .count();
        Counts {
            visible: self.visible.len(),
            in_flight,
            delayed: self.hidden.len() - in_flight,
            next_visible: self.next_visible().and_then(DateTime::from_timestamp_millis),
        }
    }

    fn expiry(&self, held: &Held) -> i64 {
        held.content.sent_at.saturating_add(millis(self.spec.retention))
    }
}

/// A duration in milliseconds, as far as they can be counted.
pub(super) fn millis(duration: std::time::Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
