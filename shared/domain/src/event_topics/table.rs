//! Every topic. Rows may be added and their texts mended; a number stays with its name for good,
//! because ids of events hold it.

use super::Topic;

const fn of(number: u16, resource: &'static str, name: &'static str, about: &'static str) -> Topic {
    Topic { number, name, resource, about }
}

const SUBSCRIPTION: &str = "order_subscriptions";
const RUN: &str = "recurring_order_copies";
const COPY: &str = "order_copies";
const ORDER: &str = "orders";
const REFUND: &str = "refunds";
const DISPUTE: &str = "disputes";
const SOURCE: &str = "customer_payment_sources";
const JOB: &str = "job_runs";

/// Every topic that webhooks can subscribe to.
pub const TOPICS: &[Topic] = &[
    of(1, SUBSCRIPTION, "order_subscriptions.create", "A subscription was made."),
    of(2, SUBSCRIPTION, "order_subscriptions.activate", "It became active, or was made active."),
    of(
        3,
        SUBSCRIPTION,
        "order_subscriptions.deactivate",
        "It rests: by request, by policy after declined payments, or because its end is reached.",
    ),
    of(
        4,
        SUBSCRIPTION,
        "order_subscriptions.cancel",
        "It ended for good, by request or by policy.",
    ),
    of(5, SUBSCRIPTION, "order_subscriptions.destroy", "It was deleted."),
    of(
        6,
        SUBSCRIPTION,
        "order_subscriptions.renewal",
        "Its next run is announced, renewal_alert_period hours ahead.",
    ),
    of(
        7,
        SUBSCRIPTION,
        "order_subscriptions.last_run_succeeded",
        "A run of it was paid, had nothing to be paid, or left its order as a draft to be placed.",
    ),
    of(
        8,
        SUBSCRIPTION,
        "order_subscriptions.last_run_failed",
        "An attempt at a run of it failed; the run may be tried again.",
    ),
    of(9, SUBSCRIPTION, "order_subscriptions.update", "It was edited."),
    of(
        10,
        SUBSCRIPTION,
        "order_subscriptions.expire",
        "Its expiry or last occurrence was reached.",
    ),
    of(
        11,
        SUBSCRIPTION,
        "order_subscriptions.runs_skipped",
        "Occurrences were passed over by policy.",
    ),
    of(
        12,
        SUBSCRIPTION,
        "order_subscriptions.run_abandoned",
        "A run ended without an order, because the subscription was cancelled or paused meanwhile.",
    ),
    of(13, SUBSCRIPTION, "order_subscriptions.skip_next", "Its next run was left out by request."),
    of(14, SUBSCRIPTION, "order_subscriptions.block", "It is blocked by a dead letter."),
    of(15, SUBSCRIPTION, "order_subscriptions.unblock", "It is blocked no more."),
    of(
        16,
        SUBSCRIPTION,
        "order_subscriptions.postpone_retry",
        "A payment retry was put off by a day.",
    ),
    of(
        17,
        SUBSCRIPTION,
        "order_subscriptions.reactivate",
        "It was taken up again after its cancellation.",
    ),
    of(
        18,
        SUBSCRIPTION,
        "order_subscriptions.convert",
        "It copies its items from now on, and no longer its source order.",
    ),
    of(
        19,
        SUBSCRIPTION,
        "order_subscriptions.run_now",
        "Its next run was brought forward by request.",
    ),
    of(20, SUBSCRIPTION, "order_subscriptions.add_item", "An item was added to it."),
    of(21, SUBSCRIPTION, "order_subscriptions.update_item", "An item of it was changed."),
    of(22, SUBSCRIPTION, "order_subscriptions.swap_item", "An item of it gave way to another."),
    of(23, SUBSCRIPTION, "order_subscriptions.remove_item", "An item of it was removed."),
    of(
        24,
        SUBSCRIPTION,
        "order_subscriptions.reprice",
        "It, or an open run of it, took the prices that its list has by now.",
    ),
    of(
        25,
        SUBSCRIPTION,
        "order_subscriptions.import",
        "It was brought in from another book. Sent alone: neither create nor activate is.",
    ),
    of(
        26,
        SUBSCRIPTION,
        "order_subscriptions.retry_now",
        "The payment of an open run was brought forward: by request, or because there is a new \
         payment method.",
    ),
    of(
        27,
        SUBSCRIPTION,
        "order_subscriptions.payment_superseded",
        "A payment that waited for its customer gave way to another payment method.",
    ),
    of(
        28,
        SUBSCRIPTION,
        "order_subscriptions.payment_method_required",
        "Its run can't be paid by the payment method that it has: the customer is to give another, \
         which is tried at once.",
    ),
    of(
        29,
        SUBSCRIPTION,
        "order_subscriptions.hold",
        "It rests because a payment of it is disputed, until somebody activates it.",
    ),
    of(30, RUN, "recurring_order_copies.create", "A run was made."),
    of(31, RUN, "recurring_order_copies.start", "A run began; sent with create."),
    of(
        32,
        RUN,
        "recurring_order_copies.complete",
        "A run has its order, paid where it had a price.",
    ),
    of(33, RUN, "recurring_order_copies.fail", "A run was given up."),
    of(
        34,
        RUN,
        "recurring_order_copies.destroy",
        "Never sent: runs stay, even when their subscription is deleted.",
    ),
    of(
        35,
        RUN,
        "recurring_order_copies.abort",
        "A run was given up before anything was collected.",
    ),
    of(
        40,
        COPY,
        "order_copies.create",
        "A copy of an order was asked for, or a run of a subscription by order copies was made.",
    ),
    of(41, COPY, "order_copies.start", "It began."),
    of(42, COPY, "order_copies.complete", "It has its target order."),
    of(43, COPY, "order_copies.fail", "It was given up."),
    of(44, COPY, "order_copies.destroy", "Never sent: copies are not deleted."),
    of(45, COPY, "order_copies.abort", "It was given up before anything was collected."),
    of(46, COPY, "order_copies.update", "What its client keeps with it was edited."),
    of(50, ORDER, "orders.create", "An order was made, by a client or a run."),
    of(51, ORDER, "orders.update", "It was edited."),
    of(52, ORDER, "orders.place", "It was placed."),
    of(53, ORDER, "orders.cancel", "It was cancelled, or its run was given up."),
    of(54, ORDER, "orders.destroy", "It was deleted."),
    of(55, ORDER, "orders.placing", "It was sent to be placed."),
    of(56, ORDER, "orders.reject", "It could not be placed, and is a draft again."),
    of(
        57,
        ORDER,
        "orders.create_subscriptions",
        "Its subscriptions were made, after it was placed.",
    ),
    of(58, ORDER, "orders.add_line_item", "A line was added to it."),
    of(59, ORDER, "orders.update_line_item", "A line of it was changed."),
    of(60, ORDER, "orders.remove_line_item", "A line of it was removed."),
    of(70, ORDER, "payments.collect", "A payment was collected for an order."),
    of(71, ORDER, "payments.decline", "A payment for an order was declined."),
    of(
        72,
        ORDER,
        "payments.action_required",
        "The customer has to confirm the payment for an order before it goes on.",
    ),
    of(62, ORDER, "orders.hold", "A check has found something: it waits for an operator."),
    of(63, ORDER, "orders.overturn", "An operator has overturned what its checks had found."),
    of(61, ORDER, "orders.refund", "Money was given back for it, in full or in part."),
    of(73, ORDER, "payments.refund", "A payment for an order was given back, in full or in part."),
    of(74, ORDER, "payments.dispute", "A payment for an order is disputed by the customer."),
    of(80, REFUND, "refunds.create", "A refund was asked for, and its amount reserved."),
    of(81, REFUND, "refunds.succeed", "The money went back."),
    of(82, REFUND, "refunds.fail", "The payment provider refused it: nothing went back."),
    of(85, DISPUTE, "disputes.open", "A customer has their bank take a payment back."),
    of(86, DISPUTE, "disputes.win", "The bank has decided it for the merchant."),
    of(87, DISPUTE, "disputes.lose", "The bank has decided it for the customer."),
    of(90, SOURCE, "customer_payment_sources.create", "A payment method was saved."),
    of(
        91,
        SOURCE,
        "customer_payment_sources.update",
        "It was changed, by a client or by the provider's card updater, or the default moved.",
    ),
    of(92, SOURCE, "customer_payment_sources.destroy", "It was deleted."),
    of(
        93,
        SOURCE,
        "customer_payment_sources.expiring",
        "It expires within 30 days, before runs that are to be paid by it.",
    ),
    of(100, JOB, "job_runs.create", "A job run was opened: it has found work, or was asked for."),
    of(101, JOB, "job_runs.start", "It began; sent with create."),
    of(
        102,
        JOB,
        "job_runs.complete",
        "Each of its runs has a result, and it takes up no more of them. Sent once.",
    ),
    of(
        103,
        JOB,
        "job_runs.complete_with_errors",
        "Sent with complete where a run of it failed, is open for another attempt or is a dead \
         letter, or where a reconciliation has found something.",
    ),
];
