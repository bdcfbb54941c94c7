//! Subscription models: how a market's orders become subscriptions, and how these are run.

use perennial_domain::{
    catalog::{Strategy, SubscriptionModel},
    dunning::{MAXIMUM_DELAY_MINUTES, MAXIMUM_RETRIES, RetryPolicy},
    ids::ModelId,
    time::{CatchUp, Frequency, ScheduleRules},
};
use serde_json::{Value, json};

use super::{
    CREATED_AT, UPDATED_AT, answer, create_once, listing,
    order_subscriptions::RENEWAL_ALERT_PERIOD,
    schedule_rules::{
        self, ANCHOR_DAY, ANCHOR_WEEKDAY, DST_GAP, DST_OVERLAP, MONTH_END, RulesChange,
        WORKING_DAYS,
    },
};
use crate::http::{
    attributes::{Attribute, Given, Kind},
    context::Context,
    document::Document,
    error::{ApiError, Outcome, Problems},
    event::Answer,
    object::{Object, ResourceType},
    operation::{Action, Operation, Surface, handler},
    query::Accepts,
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
        Attribute::write("catch_up", CATCH_UP, "What happens to runs missed during downtime."),
        Attribute::write(
            "retry_policy",
            Kind::Members(&[
                Attribute::write(
                    "delays_in_minutes",
                    Kind::List(
                        &Kind::Integer(1, MAXIMUM_DELAY_MINUTES as i64),
                        MAXIMUM_RETRIES as usize,
                    ),
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
            ]),
            "What happens after a declined payment.",
        ),
        CREATED_AT,
        UPDATED_AT,
    ],
    relationships: &[],
};

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

pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        action: Action::List,
        path: "/api/subscription_models",
        kind: &KIND,
        surface: Surface::Api,
        accepts: Accepts::INDEXED,
        about: "Lists subscription models.",
        handler: handler!(list),
    },
    Operation {
        action: Action::Create,
        path: "/api/subscription_models",
        kind: &KIND,
        surface: Surface::Api,
        accepts: Accepts::SINGLE,
        about: "Makes a subscription model.",
        handler: handler!(create),
    },
    Operation {
        action: Action::Read,
        path: "/api/subscription_models/{id}",
        kind: &KIND,
        surface: Surface::Api,
        accepts: Accepts::SINGLE,
        about: "Reads a subscription model.",
        handler: handler!(read),
    },
    Operation {
        action: Action::Update,
        path: "/api/subscription_models/{id}",
        kind: &KIND,
        surface: Surface::Api,
        accepts: Accepts::SINGLE,
        about: "Changes a subscription model. Subscriptions made before keep their rules.",
        handler: handler!(update),
    },
];

pub(super) fn object(model: &SubscriptionModel) -> Object {
    let SubscriptionModel {
        id,
        name,
        strategy,
        frequencies,
        auto_activate,
        auto_cancel,
        rules,
        max_occurrences,
        renewal_alert_period,
        catch_up,
        retry,
        version,
        created_at,
        updated_at,
    } = model;
    let mut attributes = json!({
            "name": name,
            "strategy": strategy,
            "frequencies": frequencies,
            "auto_activate": auto_activate,
            "auto_cancel": auto_cancel,
            "catch_up": catch_up,
            "retry_policy": retry,
            "max_occurrences": max_occurrences,
            "renewal_alert_period": renewal_alert_period,
            "created_at": created_at,
            "updated_at": updated_at,
    });
    if let Value::Object(members) = &mut attributes {
        members.extend(schedule_rules::given(rules));
    }
    Object {
        kind: &KIND,
        id: id.to_string(),
        version: Some(*version),
        attributes,
        relationships: Vec::new(),
        meta: None,
        brings: Vec::new(),
    }
}

async fn list(context: &Context<'_>) -> Outcome<Answer> {
    listing::answer(context, &KIND, object, |_, _: &SubscriptionModel| true).await
}

async fn find(context: &Context<'_>) -> Outcome<SubscriptionModel> {
    let id: ModelId = context.path_id(KIND.singular)?;
    let found = context.store().get(&context.caller.organization, id.as_str()).await?;
    found.ok_or_else(|| ApiError::not_found(KIND.singular, context.id))
}

async fn read(context: &Context<'_>) -> Outcome<Answer> {
    answer::one(context, 200, &object(&find(context).await?)).await
}

async fn create(context: &Context<'_>) -> Outcome<Answer> {
    let mut document = Document::create(context.request, &KIND)?;
    let mut problems = Problems::default();
    let mut attributes = document.attributes(&mut problems);
    let name: Option<String> = attributes.required("name", &mut problems);
    let model = SubscriptionModel {
        id: ModelId::from_uuid(context.new_uuid(KIND.name)),
        name: name.clone().unwrap_or_default(),
        strategy: attributes.value::<Strategy>("strategy", &mut problems).unwrap_or_default(),
        frequencies: attributes
            .value::<Vec<Frequency>>("frequencies", &mut problems)
            .unwrap_or_default(),
        auto_activate: attributes.value("auto_activate", &mut problems).unwrap_or(true),
        auto_cancel: attributes.value("auto_cancel", &mut problems).unwrap_or(false),
        rules: RulesChange::read(&mut attributes, &mut problems).of(&ScheduleRules::default()),
        max_occurrences: attributes.optional("max_occurrences", &mut problems).value(),
        renewal_alert_period: attributes.optional("renewal_alert_period", &mut problems).value(),
        catch_up: attributes.value::<CatchUp>("catch_up", &mut problems).unwrap_or_default(),
        retry: attributes.value::<RetryPolicy>("retry_policy", &mut problems).unwrap_or_default(),
        version: 1,
        created_at: context.now,
        updated_at: context.now,
    };
    check_rules(&model, &mut problems);
    problems.finish(name)?;
    let model = create_once::create(context, model).await?;
    answer::one(context, 201, &object(&model)).await
}

async fn update(context: &Context<'_>) -> Outcome<Answer> {
    let mut model = find(context).await?;
    let mut document = Document::update(context.request, &KIND, context.id)?;
    context.check_version(model.version)?;
    let mut problems = Problems::default();
    let mut attributes = document.attributes(&mut problems);
    let seen = model.version;
    if let Some(name) = attributes.value("name", &mut problems) {
        model.name = name;
    }
    if let Some(strategy) = attributes.value("strategy", &mut problems) {
        model.strategy = strategy;
    }
    match attributes.optional("frequencies", &mut problems) {
        Given::Absent => {}
        Given::Null => model.frequencies.clear(),
        Given::Value(frequencies) => model.frequencies = frequencies,
    }
    if let Some(auto_activate) = attributes.value("auto_activate", &mut problems) {
        model.auto_activate = auto_activate;
    }
    if let Some(auto_cancel) = attributes.value("auto_cancel", &mut problems) {
        model.auto_cancel = auto_cancel;
    }
    model.rules = RulesChange::read(&mut attributes, &mut problems).of(&model.rules);
    attributes.optional("max_occurrences", &mut problems).apply(&mut model.max_occurrences);
    attributes
        .optional("renewal_alert_period", &mut problems)
        .apply(&mut model.renewal_alert_period);
    if let Some(catch_up) = attributes.value("catch_up", &mut problems) {
        model.catch_up = catch_up;
    }
    if let Some(retry) = attributes.value("retry_policy", &mut problems) {
        model.retry = retry;
    }
    check_rules(&model, &mut problems);
    problems.check()?;
    model.version += 1;
    model.updated_at = context.now;
    context.store().update(&context.caller.organization, &model, seen).await?;
    answer::one(context, 200, &object(&model)).await
}

/// A rule that none of the offered frequencies has a use for is a mistake.
fn check_rules(model: &SubscriptionModel, problems: &mut Problems) {
    let ScheduleRules { anchor_day, anchor_weekday, dst_overlap, .. } = model.rules;
    let plain = ScheduleRules::default;
    for rule in [
        ScheduleRules { anchor_day, ..plain() },
        ScheduleRules { anchor_weekday, ..plain() },
        ScheduleRules { dst_overlap, ..plain() },
    ] {
        let refusals: Result<Vec<_>, ()> = model
            .frequencies
            .iter()
            .map(|frequency| rule.check(frequency).err().ok_or(()))
            .collect();
        if let Ok([first, ..]) = refusals.as_deref() {
            problems.add(schedule_rules::no_rule(first));
        }
    }
}
