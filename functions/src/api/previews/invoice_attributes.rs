//! The attributes of invoice previews that say how an invoice is drawn up.

use perennial_domain::{
    invoice::{
        CreditPolicy, InvoiceTerms, MinimumCommitment, Setup, SetupItem, TaxBehavior, TaxRate,
        TaxRounding,
    },
    money::{MinorUnits, Rounding},
};
use serde_json::{Map, Value, json};

use crate::{
    api::{MAX_AMOUNT, previews::members},
    http::{
        attributes::{Attribute, Attributes, Kind},
        error::Problems,
    },
};

/// A tax rate in percent.
pub(super) const RATE: Kind = Kind::Text(20);
/// Longest term of payment: ten years.
const MAX_NET_DAYS: i64 = 3_650;
/// Most setup fees, and most setup credits.
const MAX_SETUP_ITEMS: usize = 100;

pub(super) const AMOUNT: Kind = Kind::Integer(0, MAX_AMOUNT);
const DESCRIPTION: Attribute = Attribute::create("description", Kind::Text(200), "For people.");
const AMOUNT_CENTS: Attribute = Attribute::create("amount_cents", AMOUNT, "In minor units.");
pub(super) const TAX_RATE: Attribute = Attribute::create(
    "tax_rate",
    RATE,
    "Percent, as text: \"19\", \"8.875\". The invoice's unless given.",
);
const SETUP_ITEM: &[Attribute] = &[DESCRIPTION, AMOUNT_CENTS, TAX_RATE];
const MINIMUM: &[Attribute] = &[AMOUNT_CENTS, TAX_RATE];

pub(super) const INVOICE_TAX_RATE: Attribute = Attribute::create(
    "tax_rate",
    RATE,
    "Tax of whatever has no rate of its own, percent as text: \"19\"; null is outside of tax.",
);
pub(super) const TAX_BEHAVIOR: Attribute = Attribute::create(
    "tax_behavior",
    Kind::Choice(&["exclusive", "inclusive"]),
    "Whether tax is added to prices (the default) or in them.",
);
pub(super) const TAX_ROUNDING: Attribute = Attribute::create(
    "tax_rounding",
    Kind::Choice(&["line", "invoice"]),
    "Whether the tax of each line is rounded (the default), or each rate's on the invoice.",
);
pub(super) const ROUNDING: Attribute = Attribute::create(
    "rounding",
    Kind::Choice(&["half_up", "half_even"]),
    "Where half a minor unit goes: away from zero (the default), or to the even neighbour.",
);
pub(super) const NET_DAYS: Attribute = Attribute::create(
    "net_days",
    Kind::Integer(0, MAX_NET_DAYS),
    "Days until it is to be paid; 0 unless given.",
);
pub(super) const MINIMUM_COMMITMENT: Attribute = Attribute::create(
    "minimum_commitment",
    Kind::Members(MINIMUM),
    "The least that a whole period costs; null for none.",
);
pub(super) const CREDIT_POLICY: Attribute = Attribute::create(
    "credit_policy",
    Kind::Choice(&["apply", "refund"]),
    "Whether credit is taken off invoices (the default) or paid back, as far as it was paid.",
);
pub(super) const CREDIT_BALANCE: Attribute = Attribute::create(
    "credit_balance_cents",
    AMOUNT,
    "What the customer has in credit; 0 unless given.",
);
pub(super) const PAID: Attribute = Attribute::create(
    "paid_amount_cents",
    AMOUNT,
    "What the customer has really paid so far and not been paid back; 0 unless given. No more than \
     this is refunded.",
);
pub(super) const SETUP_FEES: Attribute = Attribute::create(
    "setup_fees",
    Kind::List(&Kind::Members(SETUP_ITEM), MAX_SETUP_ITEMS),
    "Charged by the first invoice.",
);
pub(super) const SETUP_CREDITS: Attribute = Attribute::create(
    "setup_credits",
    Kind::List(&Kind::Members(SETUP_ITEM), MAX_SETUP_ITEMS),
    "Given by the first invoice.",
);

/// How an invoice is drawn up.
#[derive(Debug)]
pub(super) struct Given {
    /// The rate of whatever has none of its own.
    pub(super) tax_rate: Option<TaxRate>,
    pub(super) terms: InvoiceTerms,
    pub(super) credit_balance: MinorUnits,
    /// What the customer has really paid so far.
    pub(super) paid: MinorUnits,
}

/// Reads how an invoice is drawn up.
pub(super) fn read(attributes: &mut Attributes, problems: &mut Problems) -> Given {
    let tax_rate: Option<TaxRate> = attributes.optional(INVOICE_TAX_RATE.name, problems).value();
    let tax_behavior: Option<TaxBehavior> =
        attributes.optional(TAX_BEHAVIOR.name, problems).value();
    let tax_rounding: Option<TaxRounding> =
        attributes.optional(TAX_ROUNDING.name, problems).value();
    let rounding: Option<Rounding> = attributes.optional(ROUNDING.name, problems).value();
    let net_days: Option<u32> = attributes.optional(NET_DAYS.name, problems).value();
    let minimum_commitment = attributes
        .object(MINIMUM_COMMITMENT.name, MINIMUM, problems)
        .value()
        .and_then(|mut minimum| {
            let amount = minimum.required(AMOUNT_CENTS.name, problems);
            let own = minimum.optional(TAX_RATE.name, problems).value();
            Some(MinimumCommitment { amount: amount?, tax_rate: own.or(tax_rate) })
        });
    let credit_policy: Option<CreditPolicy> =
        attributes.optional(CREDIT_POLICY.name, problems).value();
    let credit_balance = attributes.optional(CREDIT_BALANCE.name, problems).value();
    let paid = attributes.optional(PAID.name, problems).value();
    let terms = InvoiceTerms {
        tax_behavior: tax_behavior.unwrap_or_default(),
        tax_rounding: tax_rounding.unwrap_or_default(),
        rounding: rounding.unwrap_or_default(),
        net_days: net_days.unwrap_or_default(),
        minimum_commitment,
        credit_policy: credit_policy.unwrap_or_default(),
    };
    let (credit_balance, paid) = (credit_balance.unwrap_or_default(), paid.unwrap_or_default());
    Given { tax_rate, terms, credit_balance, paid }
}

/// Reads what only the first invoice bears.
pub(super) fn read_setup(
    attributes: &mut Attributes,
    tax_rate: Option<TaxRate>,
    problems: &mut Problems,
) -> Setup {
    let mut items = |name: &str, problems: &mut Problems| {
        let given = attributes.objects(name, SETUP_ITEM, problems);
        given
            .into_iter()
            .filter_map(|mut item| {
                let description = item.required(DESCRIPTION.name, problems);
                let amount = item.required(AMOUNT_CENTS.name, problems);
                let own = item.optional(TAX_RATE.name, problems).value();
                let tax_rate = own.or(tax_rate);
                Some(SetupItem { description: description?, amount: amount?, tax_rate })
            })
            .collect()
    };
    Setup { fees: items(SETUP_FEES.name, problems), credits: items(SETUP_CREDITS.name, problems) }
}

/// The attributes that say how an invoice is drawn up, with the defaults filled in.
pub(super) fn given(given: &Given, setup: &Setup) -> Map<String, Value> {
    let Given { tax_rate, terms, credit_balance, paid } = given;
    let InvoiceTerms {
        tax_behavior,
        tax_rounding,
        rounding,
        net_days,
        minimum_commitment,
        credit_policy,
    } = terms;
    let minimum = minimum_commitment.map(|MinimumCommitment { amount, tax_rate }| {
        json!({(AMOUNT_CENTS.name): amount, (TAX_RATE.name): tax_rate})
    });
    let setup_items = |items: &[SetupItem]| -> Vec<Value> {
        items
            .iter()
            .map(|SetupItem { description, amount, tax_rate }| {
                json!({
                    (DESCRIPTION.name): description,
                    (AMOUNT_CENTS.name): amount,
                    (TAX_RATE.name): tax_rate,
                })
            })
            .collect()
    };
    members(json!({
        (INVOICE_TAX_RATE.name): tax_rate,
        (TAX_BEHAVIOR.name): tax_behavior,
        (TAX_ROUNDING.name): tax_rounding,
        (ROUNDING.name): rounding,
        (NET_DAYS.name): net_days,
        (MINIMUM_COMMITMENT.name): minimum,
        (CREDIT_POLICY.name): credit_policy,
        (CREDIT_BALANCE.name): credit_balance,
        (PAID.name): paid,
        (SETUP_FEES.name): setup_items(&setup.fees),
        (SETUP_CREDITS.name): setup_items(&setup.credits),
    }))
}
