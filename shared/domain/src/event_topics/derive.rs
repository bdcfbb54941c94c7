//! From a journal entry to its events: pure, and the same for the same entry whenever it is asked,
//! because ids of events are given out.

use super::{
    Concerned, Entry, Event, EventId, IMPORTED, OccurrenceNumber, OrderCopyId, OrderId, RUN_PREFIX,
    SubscriptionId, UNLISTED, Value, topic,
};

/// What an entry means, in the order in which it came about.
#[must_use]
pub fn events(entry: &Entry) -> Vec<Event> {
    let mut told = Told { entry, events: Vec::new() };
    match entry.event.as_str() {
        "orders.delete" => {
            told.add("orders.destroy", told.subject());
            return told.events;
        }
        // What it became active by lies in the other book: nobody is to be greeted again.
        IMPORTED => {
            told.add(IMPORTED, told.subject());
            return told.events;
        }
        "order_subscriptions.last_run_succeeded"
        | "order_subscriptions.last_run_failed"
        | "order_subscriptions.run_abandoned"
        | "order_subscriptions.runs_skipped" => told.of_run(),
        _ => {}
    }
    told.add(&entry.event, told.subject());
    told.of_job_run();
    told.of_status();
    told.of_method();
    told.of_payment();
    told.events
}

struct Told<'a> {
    entry: &'a Entry,
    events: Vec<Event>,
}

/// Where a run stands, as the entry tells.
struct RunTold<'a> {
    copy: Concerned,
    /// Its order; `None` where that has a journal of its own, or was never to be placed.
    order: Option<Concerned>,
    /// Whether this was its first attempt.
    first: bool,
    status: &'a str,
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

    /// What the entry's journal belongs to.
    fn subject(&self) -> Concerned {
        Concerned::subject(&self.entry.subject)
    }

    /// That a job run began, or how it ended.
    fn of_job_run(&mut self) {
        let status = self.entry.after.get("status").and_then(Value::as_str);
        match (self.entry.event.as_str(), status) {
            ("job_runs.create", _) => self.add("job_runs.start", self.subject()),
            ("job_runs.complete", Some("completed_with_errors")) => {
                self.add("job_runs.complete_with_errors", self.subject());
            }
            _ => {}
        }
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

    /// Whether the customer is to give another payment method.
    fn of_method(&mut self) {
        if self.entry.after.get("payment_method_required") == Some(&Value::Bool(true)) {
            self.add("order_subscriptions.payment_method_required", self.subject());
        }
    }

    /// What became of a run, its order and its payment.
    fn of_run(&mut self) {
        let Some(RunTold { copy, order, first, status }) = self.run() else { return };
        let member = |name: &str| self.entry.after.get(name);
        let free = member("total").and_then(Value::as_i64) == Some(0);
        let declined = member("declined") == Some(&Value::Bool(true));
        let mut of_order: Vec<&str> = Vec::new();
        if first {
            of_order.push("orders.create");
        }
        if declined {
            of_order.push("payments.decline");
        }
        if member("action_required") == Some(&Value::Bool(true)) {
            of_order.push("payments.action_required");
        }
        let ended = match status {
            "successful" => {
                if !free {
                    of_order.push("payments.collect");
                }
                of_order.push("orders.place");
                Some("complete")
            }
            "failed" => Some("fail"),
            "aborted" => Some("abort"),
            _ => None,
        };
        if matches!(status, "failed" | "aborted") {
            of_order.push("orders.cancel");
        }
        let kind = copy.kind;
        if first {
            self.add(&format!("{kind}.create"), copy.clone());
            self.add(&format!("{kind}.start"), copy.clone());
        }
        for name in of_order {
            if let Some(order) = &order {
                self.add(name, order.clone());
            }
        }
        if let Some(ended) = ended {
            self.add(&format!("{kind}.{ended}"), copy);
        }
    }

    fn run(&self) -> Option<RunTold<'_>> {
        let (before, after) = (&self.entry.before, &self.entry.after);
        let subscription: SubscriptionId = self.entry.subject.parse().ok()?;
        let (number, status) = match after.get("run_status").and_then(Value::as_str) {
            Some(status) => (after.get("run")?.as_u64()?, status),
            None => (self.aborted()?, "aborted"),
        };
        let number = OccurrenceNumber::new(u32::try_from(number).ok()?);
        let of_run = OrderId::of_run(&subscription, number);
        let body = of_run.as_str().strip_prefix(OrderId::PREFIX)?;
        let (kind, prefix) = match after.get("factory").and_then(Value::as_str) {
            Some("order_copies") => ("order_copies", OrderCopyId::PREFIX),
            _ => ("recurring_order_copies", RUN_PREFIX),
        };
        // One that is left as a draft tells of itself.
        let order = after.get("order_id").and_then(Value::as_str);
        let order = order.filter(|order| *order == of_run.as_str());
        // Numbers only go up: the first attempt moves on to the next, later ones find it moved.
        let expected = before.get("next_number").and_then(Value::as_u64);
        Some(RunTold {
            copy: Concerned { kind, id: format!("{prefix}{body}") },
            order: order.map(|id| Concerned { kind: "orders", id: id.to_owned() }),
            first: expected.is_some_and(|expected| u64::from(number.get()) >= expected),
            status,
        })
    }

    /// The run that was given up before it was tried.
    fn aborted(&self) -> Option<u64> {
        let skipped = self.entry.after.get("skipped")?;
        let discarded = skipped.get("reason").and_then(Value::as_str) == Some("discarded");
        let aborts = discarded || self.entry.event == "order_subscriptions.run_abandoned";
        skipped.get("last").filter(|_| aborts)?.as_u64()
    }

    /// What the entry of an order's own journal tells of its payment.
    fn of_payment(&mut self) {
        let after = &self.entry.after;
        let paid = after.get("payment_status").and_then(Value::as_str) == Some("paid");
        let declined = after.get("payment_declined") == Some(&Value::Bool(true));
        let order = after.get("order_id").and_then(Value::as_str);
        let order = order.map(|id| Concerned { kind: "orders", id: id.to_owned() });
        let first = self.entry.before.is_null();
        match (self.entry.event.as_str(), order) {
            ("refunds.succeed", Some(order)) => {
                self.add("payments.refund", order.clone());
                return self.add("orders.refund", order);
            }
            ("disputes.open" | "disputes.lose", Some(order)) if first => {
                return self.add("payments.dispute", order);
            }
            _ => {}
        }
        match self.entry.event.as_str() {
            "orders.place" if paid => self.add("payments.collect", self.subject()),
            "orders.reject" if declined => self.add("payments.decline", self.subject()),
            _ => {}
        }
    }
}
