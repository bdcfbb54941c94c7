//! What a client wants changed about a subscription, and the subscription with it.

use std::num::NonZeroU32;

use chrono::{DateTime, Utc};
use perennial_domain::time::Zone;
use perennial_domain::{
    ids::{ModelId, PaymentSourceId, TagId},
    order::Addresses,
    plan::{DatesChange, DatesError, PlanError, change_dates, rest_until},
    renewal_alert::RenewalAlertPeriod,
    subscription::Subscription,
    time::{AnchorChange, CutOff, Frequency, Pause, Term, whole_second},
};
use serde_json::{Value, json};

use super::{
    addresses::AddressChange,
    editable::Touches,
    schedule_rules::{self, RulesChange},
    settled_json::settled,
    swap::Swap,
    tags::TagChange,
};
use crate::http::{
    attributes::{Attributes, Given},
    context::Context,
    document::{Document, Related},
    error::{ApiError, Code, Outcome, Problem, Problems},
};

/// What a trigger asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    Activate,
    Deactivate,
    Cancel,
    SkipNext,
    RunNow,
    Reactivate,
    Convert,
}

impl Asked {
    const ALL: [Self; 7] = [
        Self::Activate,
        Self::Deactivate,
        Self::Cancel,
        Self::SkipNext,
        Self::RunNow,
        Self::Reactivate,
        Self::Convert,
    ];

    /// The trigger's name.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Activate => "_activate",
            Self::Deactivate => "_deactivate",
            Self::Cancel => "_cancel",
            Self::SkipNext => "_skip_next",
            Self::RunNow => "_run_now",
            Self::Reactivate => "_reactivate",
            Self::Convert => "_convert",
        }
    }

    fn read(attributes: &mut Attributes, problems: &mut Problems) -> Option<Self> {
        let asked: Vec<Self> = Self::ALL
            .into_iter()
            .filter(|asked| attributes.trigger(asked.name(), problems))
            .collect();
        if let [_, second, ..] = asked.as_slice() {
            problems.add(
                Problem::new(Code::InvalidValue, "only one trigger can be set off at a time")
                    .at(attributes.pointer(second.name()))
                    .with("value", true),
            );
        }
        asked.first().copied()
    }
}

/// What a client wants changed.
#[derive(Debug)]
pub(super) struct Wanted {
    pub(super) asked: Option<Asked>,
    resumes_at: Given<DateTime<Utc>>,
    pub(super) swap: Option<Swap>,
    pub(super) frequency: Option<Frequency>,
    time_zone: Option<Zone>,
    rules: RulesChange,
    max_occurrences: Given<NonZeroU32>,
    expires_at: Given<DateTime<Utc>>,
    renewal_alert_period: Given<RenewalAlertPeriod>,
    cut_off: Given<CutOff>,
    place_target_order: Given<bool>,
    /// By which model it is converted.
    pub(super) model: Related<ModelId>,
    next_run: Option<(DateTime<Utc>, AnchorChange)>,
    reference: Given<String>,
    reference_origin: Given<String>,
    metadata: Given<Value>,
    pub(super) payment_source: Related<PaymentSourceId>,
    pub(super) addresses: AddressChange,
    tags: TagChange,
}

/// What a subscription shall refer to, as it was found.
#[derive(Debug)]
pub(super) struct Settled {
    addresses: Addresses,
    tags: Vec<TagId>,
}

impl Wanted {
    pub(super) fn read(document: &mut Document, problems: &mut Problems) -> Self {
        let mut attributes = document.attributes(problems);
        let asked = Asked::read(&mut attributes, problems);
        let resumes_at = whole_seconds(attributes.optional("resumes_at", problems));
        if let (Given::Value(_), Some(asked)) = (&resumes_at, asked)
            && asked != Asked::Deactivate
        {
            let detail = format!("resumes_at can't be given together with {}", asked.name());
            let at = attributes.pointer("resumes_at");
            problems.add(Problem::new(Code::InvalidValue, detail).at(at));
        }
        let next_run_at: Option<DateTime<Utc>> = attributes.value("next_run_at", problems);
        let anchor: Option<AnchorChange> = attributes.value("anchor_change", problems);
        if anchor.is_some() && next_run_at.is_none() {
            let detail = "anchor_change says what a given next_run_at does: give that too";
            let at = attributes.pointer("anchor_change");
            problems.add(Problem::new(Code::InvalidValue, detail).at(at));
        }
        let model = document.related("subscription_model", problems);
        if model != Related::Absent && asked != Some(Asked::Convert) {
            let detail = "subscription_model can be given only together with _convert";
            let at = "/data/relationships/subscription_model";
            problems.add(Problem::new(Code::InvalidValue, detail).at(at));
        }
        Self {
            asked,
            model,
            resumes_at,
            swap: Swap::read(&mut attributes, problems),
            frequency: attributes.value("frequency", problems),
            time_zone: attributes.value("time_zone", problems),
            rules: RulesChange::read(&mut attributes, problems),
            max_occurrences: attributes.optional("max_occurrences", problems),
            expires_at: whole_seconds(attributes.optional("expires_at", problems)),
            renewal_alert_period: attributes.optional("renewal_alert_period", problems),
            cut_off: attributes.optional("cut_off_hours", problems),
            place_target_order: attributes.optional("place_target_order", problems),
            next_run: next_run_at.map(|at| (whole_second(at), anchor.unwrap_or_default())),
            reference: attributes.optional("reference", problems),
            reference_origin: attributes.optional("reference_origin", problems),
            metadata: match attributes.optional("metadata", problems) {
                Given::Value(metadata) => Given::Value(settled(metadata)),
                other => other,
            },
            payment_source: document.related("customer_payment_source", problems),
            addresses: AddressChange::read(document, problems),
            tags: TagChange::read(&mut attributes, document, problems),
        }
    }

    /// What is to change beside what the trigger does.
    pub(super) fn touches(&self) -> Touches {
        Touches {
            dates: self.moves_dates(),
            term: self.max_occurrences.is_given() || self.expires_at.is_given(),
            items: self.swap.is_some(),
            addresses: self.addresses.is_given(),
            source: self.payment_source != Related::Absent,
            rules: self.pause().is_some()
                || self.renewal_alert_period.is_given()
                || self.cut_off.is_given(),
            placing: self.place_target_order.is_given(),
            own_data: self.reference.is_given()
                || self.reference_origin.is_given()
                || self.metadata.is_given()
                || self.tags.is_given(),
        }
    }

    /// Whether its attributes are to change.
    pub(super) fn edits(&self) -> bool {
        Touches { items: false, ..self.touches() }.anything()
    }

    /// Whether anything is to change that decides on which dates it runs.
    pub(super) fn changes_dates(&self) -> bool {
        self.moves_dates() || self.max_occurrences.is_given() || self.expires_at.is_given()
    }

    /// Whether its dates are to become others; another end only says which of them count.
    pub(super) fn moves_dates(&self) -> bool {
        self.frequency.is_some()
            || self.time_zone.is_some()
            || self.rules.is_given()
            || self.next_run.is_some()
    }

    /// Whether the date of the next run is given.
    pub(super) fn reschedules(&self) -> bool {
        self.next_run.is_some()
    }

    /// The pause that begins.
    pub(super) fn new_pause(&self) -> Pause {
        Pause { resumes_at: self.resumes_at.clone().value() }
    }

    /// How the pause is to go on that has begun before.
    pub(super) fn pause(&self) -> Option<Pause> {
        (self.asked.is_none() && self.resumes_at.is_given()).then(|| self.new_pause())
    }

    fn dates(&self, before: &Subscription) -> DatesChange {
        let mut term = before.term();
        self.expires_at.clone().apply(&mut term.expires_at);
        self.max_occurrences.clone().apply(&mut term.max_occurrences);
        let term_is_given = self.expires_at.is_given() || self.max_occurrences.is_given();
        DatesChange {
            term: term_is_given.then_some(term),
            time_zone: self.time_zone,
            frequency: self.frequency.clone(),
            rules: self.rules.is_given().then(|| self.rules.of(&before.rules)),
            next_run: self.next_run,
        }
    }

    /// What the addresses and tags that were given come to.
    pub(super) async fn settle(
        &self,
        context: &Context<'_>,
        before: &Subscription,
        problems: &mut Problems,
    ) -> Outcome<Settled> {
        Ok(Settled {
            addresses: self.addresses.of(context, &before.addresses, problems).await?,
            tags: self.tags.of_typed(context, &before.tags, problems).await?,
        })
    }

    /// The subscription with all of it but what the trigger does.
    ///
    /// # Errors
    /// When its dates can't be changed so.
    pub(super) fn edit(
        &self,
        before: &Subscription,
        settled: Settled,
        now: DateTime<Utc>,
    ) -> Outcome<Subscription> {
        let dates = self.dates(before);
        let mut after =
            change_dates(before, &dates, now).map_err(|error| no_dates(&error, &dates))?;
        if let Some(pause) = self.pause() {
            rest_until(&mut after, pause, now).map_err(|error| no_pause(&error.into()))?;
        }
        self.renewal_alert_period.clone().apply(&mut after.renewal_alert_period);
        self.cut_off.clone().or_default(&mut after.cut_off);
        if self.place_target_order.is_given() {
            after.place_target_order = self.place_target_order.clone().value().unwrap_or(true);
        }
        self.reference.clone().apply(&mut after.reference);
        self.reference_origin.clone().apply(&mut after.reference_origin);
        self.metadata.clone().or_default(&mut after.metadata);
        let Settled { addresses, tags } = settled;
        (after.addresses, after.tags) = (addresses, tags);
        match &self.payment_source {
            Related::Absent => {}
            Related::Nothing => after.payment_source_id = None,
            Related::To(id) => after.payment_source_id = Some(id.clone()),
        }
        after.version += 1;
        after.updated_at = now;
        Ok(after)
    }
}

fn whole_seconds(given: Given<DateTime<Utc>>) -> Given<DateTime<Utc>> {
    match given {
        Given::Value(at) => Given::Value(whole_second(at)),
        other => other,
    }
}

fn no_dates(error: &DatesError, wanted: &DatesChange) -> ApiError {
    let Term { max_occurrences, expires_at } = wanted.term.unwrap_or_default();
    let given = match error {
        DatesError::Rule(error) => {
            let rules = wanted.rules.as_ref().map(schedule_rules::given).unwrap_or_default();
            rules.get(error.field()).cloned().unwrap_or_default()
        }
        DatesError::Frequency { .. } | DatesError::ScheduleEnded => json!(wanted.frequency),
        DatesError::Zone { zone, .. } => json!(zone),
        DatesError::ExpiryPassed { .. } => json!(expires_at),
        DatesError::MaximumPassed { .. } => json!(max_occurrences),
        DatesError::NextRun(_) | DatesError::NotBeforeExpiry { .. } | DatesError::NoNextRun => {
            json!(wanted.next_run.map(|(at, _)| at))
        }
    };
    Problem::new(Code::InvalidValue, error.to_string())
        .at(format!("/data/attributes/{}", error.field()))
        .with("value", given)
        .into()
}

/// The problem of a pause that can't end when it is to.
pub(super) fn no_pause(error: &PlanError) -> ApiError {
    Problem::new(Code::InvalidValue, error.to_string()).at("/data/attributes/resumes_at").into()
}

/// What the journal tells of the attributes that clients edit.
pub(super) fn told(subscription: &Subscription) -> Value {
    json!({
        "frequency": subscription.frequency,
        "anchor": subscription.anchor,
        "time_zone": subscription.time_zone.name(),
        "rules": subscription.rules,
        "next_number": subscription.next_number,
        "next_run_at": subscription.next_run_at,
        "expires_at": subscription.expires_at,
        "max_occurrences": subscription.max_occurrences,
        "resumes_at": subscription.resumes_at,
        "renewal_alert_period": subscription.renewal_alert_period,
        "cut_off_hours": subscription.cut_off,
        "place_target_order": subscription.place_target_order,
        "reference": subscription.reference,
        "reference_origin": subscription.reference_origin,
        "metadata": subscription.metadata,
        "customer_payment_source_id": subscription.payment_source_id,
        "shipping_address_id": subscription.addresses.shipping,
        "billing_address_id": subscription.addresses.billing,
        "tags": subscription.tags,
    })
}
