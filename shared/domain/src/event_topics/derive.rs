//! From a journal entry to its events: pure, and the same for the same entry whenever it is asked,
//! because ids of events are given out.

use super::{
    Concerned, Entry, Event, EventId, OccurrenceNumber, OrderCopyId, OrderId, RUN_PREFIX,
    SubscriptionId, UNLISTED, Value, topic,
};

/// What an entry means, in the order in which it came about.
#[must_use]
pub fn events(entry: &Entry) -> Vec<Event> {
    let mut told = Told { entry, events: Vec::new() };
    match entry.event.as_str() {
        "order_subscriptions.last_run_succeeded" | "order_subscriptions.last_run_failed" => {
            told.of_run();
        }
        "orders.delete" => return told.only("orders.destroy"),
        _ => {}
    }
    told.add(&entry.event, told.subject());
    told.of_status();
    told.of_payment();
    told.events
}

struct Told<'a> {
    entry: &'a Entry,
    events: Vec<Event>,
}

/// Where a run stands, as the entry tells.
struct RunTold {
    copy: Concerned,
    order: Concerned,
    /// Whether this was its first attempt.
    first: bool,
    status: String,
}

impl Told<'_> {
    fn add(&mut self, name: &str, resource: Concerned) {
        if self.events.iter().any(|event| event.topic == name) {
            return;
        }
        let number = topic(name).map_or(UNLISTED, |topic| topic.number);
        let id = EventId {
            subject: self.entry.subject.clone(),
            sequence: self.entry.sequence,
            topic: number,
        };
        self.events.push(Event { id, topic: name.to_owned(), resource });
    }

    fn only(mut self, name: &str) -> Vec<Event> {
        self.add(name, self.subject());
        self.events
    }

    /// What the entry's journal belongs to.
    fn subject(&self) -> Concerned {
        Concerned::subject(&self.entry.subject)
    }

    /// A status that a subscription has come to otherwise than by its own trigger: made active, or
    /// put to rest or cancelled by policy.
    fn of_status(&mut self) {
        if !self.entry.subject.starts_with(SubscriptionId::PREFIX) {
            return;
        }
        let status = |of: &Value| of.get("status").and_then(Value::as_str).map(str::to_owned);
        let (before, after) = (status(&self.entry.before), status(&self.entry.after));
        let repeated = |status: Option<&str>| matches!(status, Some("active" | "running"));
        let name = match after.as_deref() {
            after if repeated(after) && !repeated(before.as_deref()) => {
                "order_subscriptions.activate"
            }
            Some("inactive") if repeated(before.as_deref()) => "order_subscriptions.deactivate",
            Some("cancelled") if before.as_deref() != Some("cancelled") => {
                "order_subscriptions.cancel"
            }
            _ => return,
        };
        self.add(name, self.subject());
    }

    /// What became of a run, its order and its payment.
    fn of_run(&mut self) {
        let Some(RunTold { copy, order, first, status }) = self.run() else { return };
        let member = |name: &str| self.entry.after.get(name);
        let free = member("total").and_then(Value::as_i64) == Some(0);
        let declined = self.declined(&status);
        // A run may leave its order as a draft, to be placed by somebody else.
        let placed = member("order_status").and_then(Value::as_str) != Some("draft");
        let prefix = copy.kind;
        if first {
            self.add(&format!("{prefix}.create"), copy.clone());
            self.add(&format!("{prefix}.start"), copy.clone());
            self.add("orders.create", order.clone());
        }
        match status.as_str() {
            "successful" => {
                if placed {
                    if !free {
                        self.add("payments.collect", order.clone());
                    }
                    self.add("orders.place", order);
                }
                self.add(&format!("{prefix}.complete"), copy);
            }
            status => {
                if declined {
                    self.add("payments.decline", order.clone());
                }
                if status == "failed" {
                    self.add("orders.cancel", order);
                    self.add(&format!("{prefix}.fail"), copy);
                }
            }
        }
    }

    fn run(&self) -> Option<RunTold> {
        let (before, after) = (&self.entry.before, &self.entry.after);
        let subscription: SubscriptionId = self.entry.subject.parse().ok()?;
        let number = u32::try_from(after.get("run")?.as_u64()?).ok()?;
        let order = OrderId::of_run(&subscription, OccurrenceNumber::new(number));
        let body = order.as_str().strip_prefix(OrderId::PREFIX)?;
        let (kind, prefix) = match after.get("factory").and_then(Value::as_str) {
            Some("order_copies") => ("order_copies", OrderCopyId::PREFIX),
            _ => ("recurring_order_copies", RUN_PREFIX),
        };
        let copy = Concerned { kind, id: format!("{prefix}{body}") };
        // Numbers only go up: the first attempt moves on to the next, later ones find it moved.
        let expected = before.get("next_number").and_then(Value::as_u64);
        Some(RunTold {
            copy,
            order: Concerned { kind: "orders", id: order.to_string() },
            first: expected.is_some_and(|expected| u64::from(number) >= expected),
            status: after.get("run_status")?.as_str()?.to_owned(),
        })
    }

    /// Whether a run failed because the provider declined, and not by a rule of ours. Only a
    /// decline leaves it open; one that is given up tells of it by its last error.
    fn declined(&self, run_status: &str) -> bool {
        let error = self.entry.after.get("error").and_then(Value::as_str);
        match run_status {
            "open" => true,
            "failed" => error.is_some_and(|error| !REFUSALS.contains(&error)),
            _ => false,
        }
    }

    /// What the entry of an order's own journal tells of its payment.
    fn of_payment(&mut self) {
        let after = &self.entry.after;
        let paid = after.get("payment_status").and_then(Value::as_str) == Some("paid");
        let declined = after.get("payment_declined").and_then(Value::as_bool) == Some(true);
        match self.entry.event.as_str() {
            "orders.place" if paid => self.add("payments.collect", self.subject()),
            "orders.reject" if declined => self.add("payments.decline", self.subject()),
            _ => {}
        }
    }
}

/// Codes of runs that were refused by a rule of ours before any payment was tried.
const REFUSALS: [&str; 3] = ["out_of_stock", "payment_source_missing", "subscription_cancelled"];
