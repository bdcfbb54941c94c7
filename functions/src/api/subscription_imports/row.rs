//! One row of an import: what another book says of one subscription.

use std::num::NonZeroU32;

use chrono::{DateTime, Utc};
use perennial_domain::{
    ids::{BundleId, CustomerId, MarketId, ModelId, PaymentSourceId, SkuId},
    import::Standing,
    money::MinorUnits,
    order::{MAX_LINE_ITEMS, MAX_QUANTITY},
    payment::is_card_number,
    renewal_alert::{MAXIMUM_PERIOD_HOURS, RenewalAlertPeriod},
    time::{CutOff, Frequency, OccurrenceNumber, Zone, whole_second},
};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::place::{BILLING, Places, SHIPPING};
use crate::{
    api::{
        MAX_AMOUNT,
        annotations::AnnotationChange,
        catalog::{METADATA, REFERENCE, REFERENCE_ORIGIN},
        customer_payment_sources::card_number,
        customers::is_email,
        schedule_rules::{
            ANCHOR_DAY, ANCHOR_WEEKDAY, DST_GAP, DST_OVERLAP, MONTH_END, RulesChange, WORKING_DAYS,
        },
    },
    goods::{Wanted, WantedId},
    http::{
        attributes::{Attribute, Attributes, Given, Kind, Mode},
        error::{Code, Problem, Problems},
    },
    intake::line::check_sign,
};

/// What an item of a row can hold.
const ITEM: &[Attribute] = &[
    Attribute::create("sku_code", Kind::Text(100), "Code of the sku."),
    Attribute::create("bundle_code", Kind::Text(100), "Code of the bundle, where it is one."),
    Attribute::create("quantity", Kind::Integer(1, MAX_QUANTITY as i64), "Units per run."),
    Attribute::create(
        "unit_amount_cents",
        Kind::Integer(0, MAX_AMOUNT),
        "Price of one unit, in minor units, that wins over every list from run to run; the price of \
         the market's list, or else its own, unless given.",
    ),
];

/// What a row can hold.
pub(super) const FIELDS: &[Attribute] = &[
    Attribute::create(
        "external_id",
        Kind::Text(200),
        "What the other book calls it. The same one of the same source is the same subscription.",
    ),
    Attribute::create(
        "status",
        Kind::Choice(&["active", "paused", "cancelled"]),
        "Where it stands; active unless given.",
    ),
    Attribute::create("market_id", Kind::Text(80), "Id of its market. Required."),
    Attribute::create(
        "subscription_model_id",
        Kind::Text(80),
        "Id of its subscription model; its market's unless given.",
    ),
    Attribute::create("frequency", Kind::Frequency, "How often it repeats. Required."),
    Attribute::create(
        "starts_at",
        Kind::Instant,
        "The anchor: the instant of its first order, from which dates are computed. Required.",
    ),
    Attribute::create(
        "current_recurrence",
        Kind::Integer(0, u32::MAX as i64 - 1),
        "Number of the last occurrence that was; 0 is the first order. The next run has the number \
         after it. Counted from starts_at unless given.",
    ),
    Attribute::create(
        "next_run_at",
        Kind::Instant,
        "When the next run is due, in the future; the first of its dates that is still to come unless \
         given. Later runs keep their dates.",
    ),
    Attribute::create(
        "occurrencies",
        Kind::Integer(0, u32::MAX as i64),
        "Runs that ended in a placed order; as many as current_recurrence unless given.",
    ),
    Attribute::create(
        "errors_count",
        Kind::Integer(0, u32::MAX as i64),
        "Attempts at runs that failed; 0 unless given.",
    ),
    Attribute::create("last_run_at", Kind::Instant, "When an order was last made for it."),
    Attribute::create("time_zone", Kind::Zone, "Zone whose wall clock it follows; its market's."),
    ANCHOR_DAY,
    ANCHOR_WEEKDAY,
    MONTH_END,
    DST_GAP,
    DST_OVERLAP,
    WORKING_DAYS,
    Attribute::create("expires_at", Kind::Instant, "No run is made at or after this."),
    Attribute::create(
        "max_occurrences",
        Kind::Integer(1, u32::MAX as i64),
        "How many occurrences there are at all, the first order included; its model's unless given.",
    ),
    Attribute::create("resumes_at", Kind::Instant, "When a pause ends by itself."),
    Attribute::create("cancelled_at", Kind::Instant, "When it was cancelled; now unless given."),
    Attribute::create(
        "renewal_alert_period",
        Kind::Integer(1, MAXIMUM_PERIOD_HOURS as i64),
        "How many hours before each run it is announced; as its model has it unless given.",
    ),
    Attribute::create(
        "cut_off_hours",
        Kind::Integer(0, 8_760),
        "How many hours before each run it closes for changes; as its model has it unless given.",
    ),
    Attribute::create(
        "place_target_order",
        Kind::Boolean,
        "Whether its runs place and charge the orders that they make; true unless given.",
    ),
    Attribute::create("customer_id", Kind::Text(80), "Id of a customer who is here already."),
    Attribute::create(
        "customer_reference",
        Kind::Text(200),
        "What the other book calls the customer, who is made where no row of this source has made them.",
    ),
    Attribute::create(
        "customer_email",
        Kind::Text(254),
        "The customer's e-mail address; it tells customers apart where there is no reference.",
    ),
    Attribute::create("customer_name", Kind::Text(200), "Name of a customer who is made."),
    Attribute::create(
        "payment_source_id",
        Kind::Text(80),
        "Id of a payment source of that customer who is here already.",
    ),
    Attribute::create(
        "payment_source_token",
        Kind::Text(500),
        "The payment provider's token: a payment source is made of it. Never card data.",
    ),
    Attribute::create("payment_source_name", Kind::Text(200), "Name of that payment source."),
    SHIPPING,
    BILLING,
    Attribute::create(
        "items",
        Kind::List(&Kind::Members(ITEM), MAX_LINE_ITEMS),
        "What each run orders. Required.",
    ),
    REFERENCE,
    REFERENCE_ORIGIN,
    METADATA,
];

/// One thing that each run orders.
#[derive(Debug)]
pub(super) struct Item {
    pub(super) wanted: Wanted,
    pub(super) quantity: u32,
    pub(super) given: Option<MinorUnits>,
}

/// Who the customer is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Who {
    /// One who is here.
    Here(CustomerId),
    /// One of the other book's.
    Theirs { reference: Option<String>, email: Option<String>, name: Option<String> },
}

/// How runs are paid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Paid {
    /// By a source that is here.
    By(PaymentSourceId),
    /// By a source to be made of a token.
    With { token: String, name: Option<String> },
}

/// A row that could be read.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) standing: Standing,
    pub(super) market: MarketId,
    pub(super) model: Option<ModelId>,
    pub(super) frequency: Frequency,
    pub(super) starts_at: DateTime<Utc>,
    pub(super) reached: Option<OccurrenceNumber>,
    pub(super) next_run_at: Option<DateTime<Utc>>,
    pub(super) occurrencies: Option<u32>,
    pub(super) errors_count: u32,
    pub(super) last_run_at: Option<DateTime<Utc>>,
    pub(super) time_zone: Option<Zone>,
    pub(super) rules: RulesChange,
    pub(super) expires_at: Option<DateTime<Utc>>,
    pub(super) max_occurrences: Given<NonZeroU32>,
    pub(super) renewal_alert_period: Given<RenewalAlertPeriod>,
    pub(super) cut_off: Given<CutOff>,
    pub(super) place_target_order: bool,
    pub(super) who: Who,
    pub(super) paid: Option<Paid>,
    pub(super) places: Places,
    pub(super) items: Vec<Item>,
    pub(super) annotations: AnnotationChange,
}

/// The external id of a row, whatever else is wrong with it.
pub(super) fn external_id(row: &Value) -> Option<&str> {
    row.get("external_id")?.as_str()
}

/// A hash of what a row says, the same for the same row however it is written. A customer who was
/// found by e-mail or reference meanwhile is still the same one.
pub(super) fn content(row: &Value) -> String {
    let mut said = row.clone();
    if let Value::Object(members) = &mut said {
        members.retain(|_, value| !value.is_null());
        if members.contains_key("customer_email") || members.contains_key("customer_reference") {
            members.remove("customer_id");
        }
    }
    let hash = Sha256::digest(said.to_string().as_bytes());
    hash.iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

impl Row {
    /// Reads a row; all that is wrong with it goes to its problems.
    pub(super) fn read(
        given: Map<String, Value>,
        now: DateTime<Utc>,
        problems: &mut Problems,
    ) -> Option<Self> {
        let mut fields = Attributes::new(FIELDS, Mode::Create, given, "", problems);
        let _: Option<String> = fields.required("external_id", problems);
        let standing = standing(&mut fields, now, problems);
        if !fields.has("market_id") {
            required(&fields, "market_id", problems);
        }
        let market: Option<MarketId> = id(&mut fields, "market_id", "market", problems);
        let model = id(&mut fields, "subscription_model_id", "subscription model", problems);
        let frequency = fields.required("frequency", problems);
        let starts_at: Option<DateTime<Utc>> = fields.required("starts_at", problems);
        let reached: Option<u32> = fields.optional("current_recurrence", problems).value();
        let items = items(&mut fields, problems);
        let who = who(&mut fields, problems);
        let next_run_at = fields.optional("next_run_at", problems).value();
        let occurrencies = fields.optional("occurrencies", problems).value();
        let errors_count = fields.optional("errors_count", problems).value().unwrap_or(0);
        let last_run_at = fields.optional("last_run_at", problems).value();
        let time_zone = fields.optional("time_zone", problems).value();
        let rules = RulesChange::read(&mut fields, problems);
        let expires_at = fields.optional("expires_at", problems).value();
        let max_occurrences = fields.optional("max_occurrences", problems);
        let renewal_alert_period = fields.optional("renewal_alert_period", problems);
        let cut_off = fields.optional("cut_off_hours", problems);
        let placed = fields.optional("place_target_order", problems).value();
        let paid = paid(&mut fields, problems);
        let places = Places::read(&mut fields, problems);
        let annotations = AnnotationChange::read(&mut fields, problems);
        let ((market, frequency), (starts_at, who)) =
            market.zip(frequency).zip(starts_at.zip(who))?;
        Some(Self {
            standing,
            market,
            model,
            frequency,
            starts_at: whole_second(starts_at),
            reached: reached.map(OccurrenceNumber::new),
            next_run_at,
            occurrencies,
            errors_count,
            last_run_at,
            time_zone,
            rules,
            expires_at,
            max_occurrences,
            renewal_alert_period,
            cut_off,
            place_target_order: placed.unwrap_or(true),
            who,
            paid,
            places,
            items,
            annotations,
        })
    }
}

fn required(fields: &Attributes, name: &str, problems: &mut Problems) {
    let detail = format!("{name} is required");
    problems.add(Problem::new(Code::Required, detail).at(fields.pointer(name)));
}

/// Reads the id of something that is here.
fn id<T: std::str::FromStr>(
    fields: &mut Attributes,
    name: &str,
    what: &str,
    problems: &mut Problems,
) -> Option<T> {
    let text: String = fields.optional(name, problems).value()?;
    let read = text.parse().ok();
    if read.is_none() {
        problems.add(missing(&fields.pointer(name), what, &text));
    }
    read
}

/// The problem of an id that leads to nothing.
pub(super) fn missing(at: &str, what: &str, id: &str) -> Problem {
    let detail = format!("there is no {what} {id:?}");
    Problem::new(Code::RelatedNotFound, detail).at(at).with("value", id)
}

fn standing(fields: &mut Attributes, now: DateTime<Utc>, problems: &mut Problems) -> Standing {
    let status: Option<String> = fields.optional("status", problems).value();
    let resumes_at = fields.optional("resumes_at", problems).value();
    let cancelled_at = fields.optional("cancelled_at", problems).value();
    let status = status.as_deref().unwrap_or("active");
    let odd = [
        ("resumes_at", resumes_at.is_some() && status != "paused", "paused"),
        ("cancelled_at", cancelled_at.is_some() && status != "cancelled", "cancelled"),
    ];
    for (name, _, goes_with) in odd.into_iter().filter(|(_, odd, _)| *odd) {
        let detail = format!("{name} goes with the status {goes_with}, not with {status}");
        problems.add(Problem::new(Code::InvalidValue, detail).at(fields.pointer(name)));
    }
    match status {
        "paused" => Standing::Paused(resumes_at.map(whole_second)),
        "cancelled" => Standing::Cancelled(cancelled_at.unwrap_or(now)),
        _ => Standing::Active,
    }
}

fn who(fields: &mut Attributes, problems: &mut Problems) -> Option<Who> {
    let here: Option<CustomerId> = id(fields, "customer_id", "customer", problems);
    let reference: Option<String> = fields.optional("customer_reference", problems).value();
    let email: Option<String> = fields.optional("customer_email", problems).value();
    let name = fields.optional("customer_name", problems).value();
    if let Some(email) = email.as_ref().filter(|email| !is_email(email)) {
        let detail =
            format!("customer_email must be an address such as \"ada@example.com\", not {email:?}");
        let problem = Problem::new(Code::InvalidValue, detail).at(fields.pointer("customer_email"));
        problems.add(problem.with("value", email.as_str()));
    }
    if let Some(here) = here {
        return Some(Who::Here(here));
    }
    if reference.is_none() && email.is_none() {
        let detail = "customer_email is required, or customer_reference or customer_id";
        let at = fields.pointer("customer_email");
        problems.add(Problem::new(Code::Required, detail).at(at));
        return None;
    }
    Some(Who::Theirs { reference, email, name })
}

fn paid(fields: &mut Attributes, problems: &mut Problems) -> Option<Paid> {
    let here: Option<PaymentSourceId> =
        id(fields, "payment_source_id", "customer payment source", problems);
    let token: Option<String> = fields.optional("payment_source_token", problems).value();
    if token.as_deref().is_some_and(is_card_number) {
        problems.add(card_number().at(fields.pointer("payment_source_token")));
    }
    let name = fields.optional("payment_source_name", problems).value();
    if here.is_some() && token.is_some() {
        let detail = "a payment source is here already or is made of a token: payment_source_id and \
                      payment_source_token exclude each other";
        let at = fields.pointer("payment_source_token");
        problems.add(Problem::new(Code::InvalidValue, detail).at(at));
    }
    here.map(Paid::By).or(token.map(|token| Paid::With { token, name }))
}

fn items(fields: &mut Attributes, problems: &mut Problems) -> Vec<Item> {
    if fields.is_empty_list("items") || !fields.has("items") {
        let detail = "items is required: what each run orders, at least one item";
        problems.add(Problem::new(Code::Required, detail).at(fields.pointer("items")));
        return Vec::new();
    }
    let given = fields.objects("items", ITEM, problems);
    given.into_iter().filter_map(|mut item| read_item(&mut item, problems)).collect()
}

fn read_item(fields: &mut Attributes, problems: &mut Problems) -> Option<Item> {
    let sku: Option<String> = fields.optional("sku_code", problems).value();
    let bundle: Option<String> = fields.optional("bundle_code", problems).value();
    let quantity: Option<u32> = fields.required("quantity", problems);
    let given: Option<MinorUnits> = fields.optional("unit_amount_cents", problems).value();
    let wanted = match (sku, bundle) {
        (Some(name), None) => Wanted {
            id: WantedId::Sku(SkuId::of_code(&name)),
            at: fields.pointer("sku_code"),
            name,
        },
        (None, Some(name)) => Wanted {
            id: WantedId::Bundle(BundleId::of_code(&name)),
            at: fields.pointer("bundle_code"),
            name,
        },
        (None, None) => {
            required(fields, "sku_code", problems);
            return None;
        }
        (Some(_), Some(_)) => {
            let detail = "an item is about one thing: sku_code and bundle_code exclude each other";
            let at = fields.pointer("bundle_code");
            problems.add(Problem::new(Code::InvalidValue, detail).at(at));
            return None;
        }
    };
    if let Some(amount) = given {
        check_sign(amount, false, &fields.pointer("unit_amount_cents"), problems);
    }
    Some(Item { wanted, quantity: quantity?, given })
}
