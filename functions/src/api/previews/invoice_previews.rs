//! Invoice previews: the next invoice of a subscription, or of one that is not yet made.

use perennial_domain::{
    invoice::{
        Invoice, InvoiceError, InvoiceInput, InvoiceLine, InvoiceSettlement, TaxLine, draw_up,
    },
    order::MAX_QUANTITY,
};
use serde_json::{Map, Value, json};

use super::{
    answer,
    billing_period_previews::{self, BILLING, ENDS_AT, INITIAL_INVOICE_AT, PERIOD},
    invoice_attributes::{
        self, CREDIT_BALANCE, CREDIT_POLICY, INVOICE_TAX_RATE, MINIMUM_COMMITMENT, NET_DAYS, PAID,
        RATE, ROUNDING, SETUP_CREDITS, SETUP_FEES, TAX_BEHAVIOR, TAX_ROUNDING,
    },
    invoice_items::{self, ITEMS},
    invoice_source::{self, AFTER, Billed, ORDER_SUBSCRIPTION_ID},
    members, operation,
    schedule_attributes::{
        self, ANCHOR_DAY, ANCHOR_WEEKDAY, DST_GAP, DST_OVERLAP, FREQUENCY, MONTH_END, STARTS_AT,
        TIME_ZONE, WORKING_DAYS,
    },
};
use crate::http::{
    attributes::{Attribute, Kind},
    context::Context,
    document::Document,
    error::{ApiError, Code, Outcome, Problem, Problems},
    event::Answer,
    object::ResourceType,
    operation::{Operation, handler},
};

/// Most lines of an answer.
const MAX_LINES: usize = 1_000;

/// An amount that may be given back.
const AMOUNT: Kind = Kind::Integer(i64::MIN, i64::MAX);

pub(crate) static KIND: ResourceType = ResourceType {
    name: "invoice_previews",
    singular: "invoice preview",
    about: "The next invoice of a subscription, or of one that is not yet made. Stored nowhere, \
            and without a number. Orders charge whole prices, whatever period they are for: of an \
            existing subscription, this shows what its next order then charges before tax. Stubs, \
            minimum commitments and setup are computed here, and no order charges them. Taxes are \
            computed at the rates given here; those that orders charge come from the market's tax \
            calculator, and tax_previews tells them.",
    attributes: &[
        Attribute::create(
            ORDER_SUBSCRIPTION_ID,
            Kind::Text(100),
            "The subscription whose next run is invoiced; what it bills and when is its own. Null \
             for one that is not yet made.",
        ),
        Attribute::create(
            "currency",
            Kind::Currency,
            "What the amounts are counted in. Required unless order_subscription_id is given, which \
             says it.",
        ),
        ITEMS,
        FREQUENCY,
        STARTS_AT,
        TIME_ZONE,
        ANCHOR_DAY,
        ANCHOR_WEEKDAY,
        MONTH_END,
        DST_GAP,
        DST_OVERLAP,
        WORKING_DAYS,
        ENDS_AT,
        BILLING,
        INITIAL_INVOICE_AT,
        Attribute::create(
            AFTER,
            Kind::Instant,
            "The first invoice strictly after it; the very first unless given.",
        ),
        SETUP_FEES,
        SETUP_CREDITS,
        INVOICE_TAX_RATE,
        TAX_BEHAVIOR,
        TAX_ROUNDING,
        ROUNDING,
        NET_DAYS,
        MINIMUM_COMMITMENT,
        CREDIT_POLICY,
        CREDIT_BALANCE,
        PAID,
        Attribute::read("is_first", Kind::Boolean, "Whether it is the first, which bears setup."),
        Attribute::read(
            "periods",
            Kind::List(&Kind::Members(PERIOD), MAX_LINES),
            "The periods that it bills.",
        ),
        Attribute::read("issued_at", Kind::Instant, "When it is drawn up."),
        Attribute::read("issued_on", Kind::Date, "Its date, on the zone's calendar."),
        Attribute::read("due_on", Kind::Date, "The date up to which it is to be paid."),
        Attribute::read(
            "lines",
            Kind::List(&Kind::Members(LINE), MAX_LINES),
            "What is billed and given back.",
        ),
        Attribute::read(
            "taxes",
            Kind::List(&Kind::Members(TAX), MAX_LINES),
            "The sums of each rate, from the lowest on.",
        ),
        Attribute::read("net_amount_cents", AMOUNT, "All lines without tax."),
        Attribute::read("tax_amount_cents", AMOUNT, "All taxes."),
        Attribute::read("gross_amount_cents", AMOUNT, "Both together."),
        Attribute::read(
            "total_amount_cents",
            AMOUNT,
            "What the invoice comes to: gross, or 0 where it gives back on balance.",
        ),
        Attribute::read("amount_due_cents", AMOUNT, "What of it remains to be paid."),
        Attribute::read(
            "settlement",
            Kind::Members(SETTLEMENT),
            "How the customer's credit is set off against it.",
        ),
    ],
    relationships: &[],
};

const LINE: &[Attribute] = &[
    Attribute::read("number", Kind::Integer(1, u32::MAX as i64), "Its place."),
    Attribute::read(
        "kind",
        Kind::Choice(&[
            "setup_fee",
            "recurring",
            "minimum_commitment",
            "adjustment",
            "setup_credit",
        ]),
        "What it bills.",
    ),
    Attribute::read("description", Kind::Text(200), "For people."),
    Attribute::read("reason", Kind::Text(200), "Why it is billed, and why this much."),
    Attribute::read(
        "period",
        Kind::Members(&[
            Attribute::read("start", Kind::Instant, "Its first instant."),
            Attribute::read("end", Kind::Instant, "The first instant after it."),
        ]),
        "The time that it is for; null for none.",
    ),
    Attribute::read(
        "fraction",
        Kind::Text(50),
        "What it was prorated by, its share of a whole period: 16/31; null for none.",
    ),
    Attribute::read("quantity", Kind::Integer(1, MAX_QUANTITY as i64), "Units."),
    Attribute::read("unit_amount_cents", AMOUNT, "Price of one unit; below 0 for a credit."),
    Attribute::read("tax_rate", RATE, "Percent; null is outside of tax."),
    Attribute::read("net_amount_cents", AMOUNT, "Without tax."),
    Attribute::read("tax_amount_cents", AMOUNT, "Its tax."),
    Attribute::read("gross_amount_cents", AMOUNT, "Both together."),
];

const TAX: &[Attribute] = &[
    Attribute::read("tax_rate", RATE, "Percent."),
    Attribute::read("net_amount_cents", AMOUNT, "Without tax."),
    Attribute::read("tax_amount_cents", AMOUNT, "The tax."),
    Attribute::read("gross_amount_cents", AMOUNT, "Both together."),
];

const SETTLEMENT: &[Attribute] = &[
    Attribute::read("balance_before_cents", AMOUNT, "The customer's credit before."),
    Attribute::read("credited_cents", AMOUNT, "What the invoice moves to it."),
    Attribute::read("credit_applied_cents", AMOUNT, "What of it is taken off the invoice."),
    Attribute::read("refunded_cents", AMOUNT, "What of it is paid back."),
    Attribute::read("balance_after_cents", AMOUNT, "The customer's credit after."),
];

pub(crate) const OPERATIONS: &[Operation] = &[operation(
    "/api/invoice_previews",
    &KIND,
    "Draws up the next invoice of a subscription, or of one that is not yet made. Orders charge \
     whole prices until invoices are issued.",
    handler!(preview),
)];

async fn preview(context: &Context<'_>) -> Outcome<Answer> {
    let mut document = Document::create(context.request, &KIND)?;
    let mut problems = Problems::default();
    let mut attributes = document.attributes(&mut problems);
    let id: Option<String> = attributes.optional(ORDER_SUBSCRIPTION_ID, &mut problems).value();
    let given = invoice_attributes::read(&mut attributes, &mut problems);
    let billed = match &id {
        Some(id) => {
            attributes.refuse_rest(ORDER_SUBSCRIPTION_ID, &mut problems);
            problems.check()?;
            invoice_source::next_run(context, id, given.tax_rate).await?
        }
        None => {
            invoice_source::not_yet_made(context, &mut attributes, given.tax_rate, problems).await?
        }
    };
    if billed.periods.len().saturating_mul(billed.items.len() + 1) > MAX_LINES {
        let detail = format!("a preview has at most {MAX_LINES} lines");
        let at = format!("/data/attributes/{}", INITIAL_INVOICE_AT.name);
        return Err(Problem::new(Code::OutOfRange, detail).at(at).into());
    }
    let input = InvoiceInput {
        number: None,
        currency: billed.currency,
        time_zone: billed.schedule.zone(),
        issued_at: billed.issued_at,
        periods: billed.periods.clone(),
        items: billed.items.iter().map(|item| item.recurring.clone()).collect(),
        adjustments: billed.adjustments.clone(),
        setup: billed.is_first.then(|| billed.setup.clone()),
        terms: given.terms.clone(),
        credit_balance: given.credit_balance,
        paid: given.paid,
    };
    let invoice = draw_up(&input).map_err(|error| refusal(&error))?;

    let mut attributes = schedule_attributes::given(&billed.schedule);
    attributes.extend(billing_period_previews::given_terms(&billed.billing));
    attributes.extend(invoice_attributes::given(&given, &billed.setup));
    attributes.extend(members(json!({
        (ORDER_SUBSCRIPTION_ID): id,
        (AFTER): billed.after,
    })));
    attributes.extend(found(&billed, &invoice));
    Ok(answer(context, &KIND, attributes))
}

/// Why no invoice can be drawn up, told about the attribute that is to be put right.
fn refusal(error: &InvoiceError) -> ApiError {
    let name = match error {
        InvoiceError::DueDate { .. } => NET_DAYS.name,
        InvoiceError::Negative { .. }
        | InvoiceError::TooEarly { .. }
        | InvoiceError::TooManyLines
        | InvoiceError::Money(_) => ITEMS.name,
    };
    let at = format!("/data/attributes/{name}");
    Problem::new(Code::OutOfRange, error.to_string()).at(at).into()
}

fn found(billed: &Billed, invoice: &Invoice) -> Map<String, Value> {
    let Invoice {
        number: _,
        currency,
        issued_at,
        issued_on,
        due_on,
        terms: _,
        lines,
        taxes,
        net,
        tax,
        gross,
        total,
        settlement,
    } = invoice;
    let InvoiceSettlement {
        balance_before,
        credited,
        credit_applied,
        refunded,
        amount_due,
        balance_after,
    } = settlement;
    let periods = billed
        .periods
        .iter()
        .map(|period| billing_period_previews::listed(&billed.schedule, period));
    members(json!({
        "currency": currency,
        (ITEMS.name): billed.items.iter().map(invoice_items::listed).collect::<Vec<_>>(),
        "is_first": billed.is_first,
        "periods": periods.collect::<Vec<_>>(),
        "issued_at": issued_at,
        "issued_on": issued_on,
        "due_on": due_on,
        "lines": lines.iter().map(listed_line).collect::<Vec<_>>(),
        "taxes": taxes.iter().map(listed_tax).collect::<Vec<_>>(),
        "net_amount_cents": net,
        "tax_amount_cents": tax,
        "gross_amount_cents": gross,
        "total_amount_cents": total,
        "amount_due_cents": amount_due,
        "settlement": {
            "balance_before_cents": balance_before,
            "credited_cents": credited,
            "credit_applied_cents": credit_applied,
            "refunded_cents": refunded,
            "balance_after_cents": balance_after,
        },
    }))
}

fn listed_line(line: &InvoiceLine) -> Value {
    let InvoiceLine {
        number,
        kind,
        description,
        reason,
        period,
        fraction,
        quantity,
        unit_amount,
        tax_rate,
        net,
        tax,
        gross,
    } = line;
    json!({
        "number": number,
        "kind": kind,
        "description": description,
        "reason": reason,
        "period": period,
        "fraction": fraction,
        "quantity": quantity,
        "unit_amount_cents": unit_amount,
        "tax_rate": tax_rate,
        "net_amount_cents": net,
        "tax_amount_cents": tax,
        "gross_amount_cents": gross,
    })
}

fn listed_tax(line: &TaxLine) -> Value {
    let TaxLine { rate, net, tax, gross } = line;
    json!({
        "tax_rate": rate,
        "net_amount_cents": net,
        "tax_amount_cents": tax,
        "gross_amount_cents": gross,
    })
}
