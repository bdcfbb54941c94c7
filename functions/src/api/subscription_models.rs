//! Subscription models: how a market's orders become subscriptions, and how these are run.

use perennial_domain::{
    catalog::DEFAULT_REACTIVATION_DAYS,
    dunning::{MAXIMUM_DELAY_MINUTES, MAXIMUM_GRACE_HOURS, MAXIMUM_RETRIES, RetryPolicy},
    payment::{Fallback, OnDispute},
    time::{CatchUp, Frequency, ScheduleRules},
};
use perennial_store::{Part, Record};
use serde_json::{Value, json};

use super::{
    CREATED_AT, UPDATED_AT,
    catalog::{Catalog, Change, METADATA, Need, REFERENCE, REFERENCE_ORIGIN, done},
    order_subscriptions::RENEWAL_ALERT_PERIOD,
    schedule_rules::{
        self, ANCHOR_DAY, ANCHOR_WEEKDAY, DST_GAP, DST_OVERLAP, MONTH_END, RulesChange,
        WORKING_DAYS,
    },
};
use crate::http::{
    attributes::{Attribute, Kind},
    object::{Relationship, ResourceType},
};

pub(crate) static KIND: ResourceType = ResourceType {
    name: "subscription_models",
    singular: "subscription model",
    about: "The rules by which a market's orders become subscriptions and these are run. \
            Subscriptions take a copy when they are made.",
    attributes: &[
        Attribute::write("name", Kind::Text(200), "Name for people."),
        Attribute::write(
            "strategy",
            Kind::Choice(&["by_frequency", "by_line_items"]),
            "One subscription for each frequency (the default), or for each recurring line.",
        ),
        Attribute::write(
            "price_policy",
            Kind::Choice(&["pinned", "follow_list"]),
            "Whether subscriptions keep the prices they were made at (the default), or have those \
             that the market's price list has at each run.",
        ),
        Attribute::write(
            "frequencies",
            Kind::List(&Kind::Frequency, 100),
            "The frequencies offered; none given offers every one.",
        ),
        Attribute::write(
            "auto_activate",
            Kind::Boolean,
            "Whether subscriptions begin active; true unless given.",
        ),
        Attribute::write(
            "auto_cancel",
            Kind::Boolean,
            "Whether they are cancelled with their source order; false unless given.",
        ),
        ANCHOR_DAY,
        ANCHOR_WEEKDAY,
        MONTH_END,
        DST_GAP,
        DST_OVERLAP,
        WORKING_DAYS,
        Attribute::write(
            "max_occurrences",
            Kind::Integer(1, u32::MAX as i64),
            "How many occurrences each subscription has at all, the source order included; null \
             for no end.",
        ),
        RENEWAL_ALERT_PERIOD,
        Attribute::write(
            "cut_off_hours",
            Kind::Integer(0, 8_760),
            "How many hours before each run subscriptions close for changes of that run; 0, the \
             default, for not at all.",
        ),
        Attribute::write(
            "reactivation_days",
            Kind::Integer(0, 3_650),
            "For how many days after a cancellation a subscription can be taken up again by \
             `_reactivate`; 30 unless given, 0 for not at all. Counts for subscriptions made before, \
             too.",
        ),
        Attribute::write("catch_up", CATCH_UP, "What happens to runs missed during downtime."),
        Attribute::write(
            "retry_policy",
            RETRY_POLICY,
            "What happens after a declined payment; that of a market goes before it, as a whole.",
        ),
        Attribute::write(
            "payment_fallback",
            Kind::Choice(&["none", "next_source", "switch_source"]),
            "What is charged where a payment source was declined for good, is missing or expired: \
             nothing (`none`, the default), or the customer's next valid source, for that run \
             (`next_source`) or from then on (`switch_source`). Counts for subscriptions that there \
             are, too.",
        ),
        Attribute::write(
            "on_dispute",
            Kind::Choice(&["hold", "keep"]),
            "What happens to a subscription while a payment of it is disputed: it rests until \
             somebody activates it (`hold`, the default), or goes on (`keep`). Counts for \
             subscriptions that there are, too.",
        ),
        REFERENCE,
        REFERENCE_ORIGIN,
        METADATA,
        CREATED_AT,
        UPDATED_AT,
    ],
    relationships: &[
        Relationship::listed("markets", "markets"),
        Relationship::listed("order_subscriptions", "order_subscriptions"),
    ],
};

/// What happens after a declined payment.
pub(super) const RETRY_POLICY: Kind = Kind::Members(&[
    Attribute::write(
        "delays_in_minutes",
        Kind::List(&Kind::Integer(1, MAXIMUM_DELAY_MINUTES as i64), MAXIMUM_RETRIES as usize),
        "Wait before each retry; the last repeats.",
    ),
    Attribute::write(
        "maximum",
        Kind::Integer(0, MAXIMUM_RETRIES as i64),
        "Most retries after the first attempt.",
    ),
    Attribute::write(
        "on_exhausted",
        Kind::Choice(&["keep_active", "pause", "skip", "cancel"]),
        "What happens to the subscription when its payment is given up.",
    ),
    Attribute::write(
        "local_hour",
        Kind::Integer(0, 23),
        "The hour of the subscription's zone at which waits of whole days end; none given lets them \
         end at the time of the decline.",
    ),
    Attribute::write(
        "grace_hours",
        Kind::Integer(0, MAXIMUM_GRACE_HOURS as i64),
        "For how many hours after an unpaid run was due its customer keeps access (`access_until`); 0 \
         unless given.",
    ),
    Attribute::write(
        "manual_retries_count",
        Kind::Boolean,
        "Whether retries by hand, or by a new payment method, are among the maximum; false unless \
         given.",
    ),
]);

/// What happens to runs missed during downtime.
pub(super) const CATCH_UP: Kind = Kind::Members(&[
    Attribute::write(
        "policy",
        Kind::Choice(&["latest", "each", "skip"]),
        "Which of several missed runs are made up for; the latest unless given.",
    ),
    Attribute::write(
        "maximum_lateness_hours",
        Kind::Integer(0, 876_000),
        "A run later than this is skipped.",
    ),
    Attribute::write(
        "grace_minutes",
        Kind::Integer(0, 52_560_000),
        "How late a run under the policy skip may be and still be made; the maximum lateness \
         unless given, or 60.",
    ),
]);

pub(super) static CATALOG: Catalog = Catalog {
    required: &["name"],
    defaults: || {
        json!({
            "strategy": "by_frequency",
            "price_policy": "pinned",
            "frequencies": [],
            "auto_activate": true,
            "auto_cancel": false,
            "cut_off_hours": 0,
            "reactivation_days": DEFAULT_REACTIVATION_DAYS,
            "catch_up": CatchUp::default(),
            "retry_policy": RetryPolicy::default(),
            "payment_fallback": Fallback::default(),
            "on_dispute": OnDispute::default(),
        })
    },
    take: |_, change| {
        read_rules(change);
        change.read_as::<CatchUp>("catch_up");
        change.read_as::<RetryPolicy>("retry_policy");
    },
    settle: |_, change| {
        check_rules(change);
        done()
    },
    show: |model, attributes| attributes.extend(schedule_rules::given(&rules(model))),
    needed_by: &[Need::of("markets", "M", "subscription_model_id")],
    on_update: "Subscriptions made before keep their rules.",
    ..Catalog::new(&KIND, "D", Part::Model, "mdl_")
};

/// The rules of the dates, which stand together in a model and apart among its attributes.
fn rules(model: &Record) -> ScheduleRules {
    let rules = model.get("rules").cloned();
    rules.and_then(|rules| serde_json::from_value(rules).ok()).unwrap_or_default()
}

fn read_rules(change: &mut Change) {
    let read = RulesChange::read(&mut change.attributes, &mut change.problems);
    let rules = read.of(&rules(&change.before));
    change.set("rules", Some(rules).filter(|rules| !rules.is_default()));
}

/// A rule that none of the offered frequencies has a use for is a mistake.
fn check_rules(change: &mut Change) {
    let frequencies = change.after.get("frequencies").cloned().unwrap_or(Value::Null);
    let frequencies: Vec<Frequency> = serde_json::from_value(frequencies).unwrap_or_default();
    let ScheduleRules { anchor_day, anchor_weekday, dst_overlap, .. } = rules(&change.after);
    let plain = ScheduleRules::default;
    for rule in [
        ScheduleRules { anchor_day, ..plain() },
        ScheduleRules { anchor_weekday, ..plain() },
        ScheduleRules { dst_overlap, ..plain() },
    ] {
        let refusals: Result<Vec<_>, ()> =
            frequencies.iter().map(|frequency| rule.check(frequency).err().ok_or(())).collect();
        if let Ok([first, ..]) = refusals.as_deref() {
            change.problems.add(schedule_rules::no_rule(first));
        }
    }
}
