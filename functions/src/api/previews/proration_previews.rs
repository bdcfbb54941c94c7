//! Proration previews: what a change, a start or an end within a period gives back and costs.

use perennial_domain::{
    money::Currency,
    proration::{
        CreditBase, Denominator, Ledger, Line, Moment, Policy, ProrationError, Request,
        TerminationDay, Unit, prorate,
    },
    time::Zone,
};
use serde_json::{Map, Value, json};

use super::{answer, members, operation, schedule_attributes::TIME_ZONE};
use crate::http::{
    attributes::{Attribute, Attributes, Kind},
    context::Context,
    document::Document,
    error::{ApiError, Code, Outcome, Problem, Problems},
    event::Answer,
    object::ResourceType,
    operation::{Operation, handler},
};

/// What an amount may be, in minor units.
const AMOUNT: Kind = Kind::Integer(0, i64::MAX);
/// The same for amounts that may be given back.
const SIGNED: Kind = Kind::Integer(i64::MIN, i64::MAX);

pub(crate) static KIND: ResourceType = ResourceType {
    name: "proration_previews",
    singular: "proration preview",
    about: "What a change, a start or an end within a period gives back and costs. Stored nowhere.",
    attributes: &[
        Attribute::create("currency", Kind::Currency, "What the amounts are counted in."),
        TIME_ZONE,
        Attribute::create("period_start", Kind::DateOrInstant, "The first day of the period."),
        Attribute::create(
            "period_end",
            Kind::DateOrInstant,
            "The first day after the period: it does not count.",
        ),
        Attribute::create(
            "change_at",
            Kind::DateOrInstant,
            "The first day of the new terms, or the day of termination.",
        ),
        Attribute::create(
            "old_amount",
            AMOUNT,
            "List price of the old terms for the whole period, in minor units; null for a start.",
        ),
        Attribute::create(
            "new_amount",
            AMOUNT,
            "Price of the new terms for the whole period, in minor units; null for an end.",
        ),
        Attribute::create(
            "unit",
            Kind::Choice(&["day", "second"]),
            "What is counted: local calendar days (the default) or elapsed seconds.",
        ),
        Attribute::create(
            "denominator",
            Kind::Choice(&["actual", "fixed_30"]),
            "The whole: the actual period (the default), or months of 30 days (30E/360).",
        ),
        Attribute::create(
            "rounding",
            Kind::Choice(&["half_up", "half_even"]),
            "Where half a minor unit goes: away from zero (the default), or to the even neighbour.",
        ),
        Attribute::create(
            "credit_base",
            Kind::Choice(&["charged", "list"]),
            "What a credit is a share of: what was charged (the default), or the list price. \
             Either way no more is given back than was charged.",
        ),
        Attribute::create(
            "charged_amount",
            AMOUNT,
            "What was charged for the old terms and the whole period; the list price unless given.",
        ),
        Attribute::create(
            "already_credited",
            AMOUNT,
            "What of that has been given back before; 0 unless given.",
        ),
        Attribute::create(
            "termination_day",
            Kind::Choice(&["free", "billed"]),
            "Whether the day of termination is given back (the default) or kept.",
        ),
        Attribute::read("credit", AMOUNT, "What is given back, in minor units."),
        Attribute::read("charge", AMOUNT, "What is charged, in minor units."),
        Attribute::read("net", SIGNED, "The charge less the credit."),
        Attribute::read(
            "fraction",
            Kind::Members(&[
                Attribute::read("credit", FRACTION, "The part given back: 14/31; null for none."),
                Attribute::read("charge", FRACTION, "The part charged: 14/31; null for none."),
            ]),
            "The parts of the period that the credit and the charge are for.",
        ),
        Attribute::read(
            "ledger",
            Kind::List(&Kind::Members(LEDGER_LINE), 2),
            "How each amount came about.",
        ),
    ],
    relationships: &[],
};

const FRACTION: Kind = Kind::Text(50);

const LEDGER_LINE: &[Attribute] = &[
    Attribute::read("kind", Kind::Choice(&["charge", "credit", "slice"]), "What it does."),
    Attribute::read("from", Kind::DateOrInstant, "The first day or second that it is for."),
    Attribute::read("to", Kind::DateOrInstant, "The first day or second after those."),
    Attribute::read("basis", AMOUNT, "The price of the whole period."),
    Attribute::read("numerator", Kind::Integer(0, i64::MAX), "Days or seconds that it is for."),
    Attribute::read("denominator", Kind::Integer(1, i64::MAX), "Days or seconds of the period."),
    Attribute::read("fraction", FRACTION, "Both, as 14/31."),
    Attribute::read("amount", SIGNED, "The rounded amount; below 0 is given back."),
    Attribute::read("reason", Kind::Text(200), "Why there is this line."),
];

pub(crate) const OPERATIONS: &[Operation] = &[operation(
    "/api/proration_previews",
    &KIND,
    "Computes what a change within a period gives back and costs.",
    handler!(preview),
)];

async fn preview(context: &Context<'_>) -> Outcome<Answer> {
    let mut document = Document::create(context.request, &KIND)?;
    let mut problems = Problems::default();
    let mut attributes = document.attributes(&mut problems);
    let request = read(&mut attributes, &mut problems);
    let request = problems.finish(request)?;
    let ledger = prorate(&request).map_err(|error| refusal(&error))?;
    let mut attributes = given(&request);
    attributes.extend(found(&ledger));
    Ok(answer(context, &KIND, attributes))
}

fn read(attributes: &mut Attributes, problems: &mut Problems) -> Option<Request> {
    let currency: Option<Currency> = attributes.required("currency", problems);
    let period_start: Option<Moment> = attributes.required("period_start", problems);
    let period_end: Option<Moment> = attributes.required("period_end", problems);
    let change_at: Option<Moment> = attributes.required("change_at", problems);
    let old_amount = attributes.optional("old_amount", problems).value();
    let new_amount = attributes.optional("new_amount", problems).value();
    let charged_amount = attributes.optional("charged_amount", problems).value();
    let already_credited = attributes.optional("already_credited", problems).value();
    let policy = read_policy(attributes, problems);
    Some(Request {
        currency: currency?,
        period_start: period_start?,
        period_end: period_end?,
        change_at: change_at?,
        old_amount,
        new_amount,
        charged_amount,
        already_credited: already_credited.unwrap_or_default(),
        policy,
    })
}

fn read_policy(attributes: &mut Attributes, problems: &mut Problems) -> Policy {
    let time_zone = attributes.optional(TIME_ZONE.name, problems).value().unwrap_or(Zone::utc());
    let unit: Option<Unit> = attributes.optional("unit", problems).value();
    let denominator: Option<Denominator> = attributes.optional("denominator", problems).value();
    let rounding = attributes.optional("rounding", problems).value();
    let credit_base: Option<CreditBase> = attributes.optional("credit_base", problems).value();
    let termination_day: Option<TerminationDay> =
        attributes.optional("termination_day", problems).value();
    Policy {
        time_zone,
        unit: unit.unwrap_or_default(),
        denominator: denominator.unwrap_or_default(),
        rounding: rounding.unwrap_or_default(),
        credit_base: credit_base.unwrap_or_default(),
        termination_day: termination_day.unwrap_or_default(),
    }
}

/// Why nothing can be prorated, told about the attribute that is to be put right.
fn refusal(error: &ProrationError) -> ApiError {
    let code = match error {
        ProrationError::NothingToProrate => Code::Required,
        ProrationError::OutOfRange { .. }
        | ProrationError::OutsidePeriod { .. }
        | ProrationError::OutOfOrder { .. }
        | ProrationError::Negative { .. }
        | ProrationError::CreditedAboveCharged { .. }
        | ProrationError::Money(_) => Code::OutOfRange,
        ProrationError::EmptyPeriod { .. }
        | ProrationError::UncountedPeriod { .. }
        | ProrationError::SecondsOfFixedMonths
        | ProrationError::NoOldTerms { .. }
        | ProrationError::NothingHeld { .. } => Code::InvalidValue,
    };
    let mut at = "/data/attributes".to_owned();
    if let Some(field) = error.field() {
        at = format!("{at}/{field}");
    }
    Problem::new(code, error.to_string()).at(at).into()
}

fn given(request: &Request) -> Map<String, Value> {
    let Request {
        currency,
        period_start,
        period_end,
        change_at,
        old_amount,
        new_amount,
        charged_amount,
        already_credited,
        policy,
    } = request;
    let mut given = members(json!(policy));
    given.extend(members(json!({
        "currency": currency,
        "period_start": period_start,
        "period_end": period_end,
        "change_at": change_at,
        "old_amount": old_amount,
        "new_amount": new_amount,
        "charged_amount": charged_amount.or(*old_amount),
        "already_credited": already_credited,
    })));
    given
}

fn found(ledger: &Ledger) -> Map<String, Value> {
    let (credit, charge) = (ledger.credit_fraction(), ledger.charge_fraction());
    let lines: Vec<Value> = ledger.lines.iter().map(|line| listed(line, &ledger.policy)).collect();
    members(json!({
        "credit": ledger.credit,
        "charge": ledger.charge,
        "net": ledger.net,
        "fraction": {"credit": credit, "charge": charge},
        "ledger": lines,
    }))
}

fn listed(line: &Line, policy: &Policy) -> Value {
    let Line { kind, charge: _, from, to, basis, fraction, amount, cause: _, against: _ } = line;
    json!({
        "kind": kind,
        "from": from,
        "to": to,
        "basis": basis,
        "numerator": fraction.numerator(),
        "denominator": fraction.denominator(),
        "fraction": fraction,
        "amount": amount,
        "reason": line.reason(policy),
    })
}
