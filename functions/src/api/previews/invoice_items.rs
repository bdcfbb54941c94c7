//! The items that a previewed invoice bills, with what is left out copied from their skus.

use std::collections::HashMap;

use perennial_domain::{
    catalog::Sku,
    invoice::{Adjustment, RecurringItem, TaxRate},
    money::{Currency, MinorUnits, MoneyError},
    order::MAX_QUANTITY,
    subscription::Subscription,
};
use serde_json::{Value, json};

use super::invoice_attributes::{AMOUNT, TAX_RATE};
use crate::{
    api::skus_id_of,
    http::{
        attributes::{Attribute, Attributes, Kind},
        context::Context,
        error::{Code, Outcome, Problem, Problems},
    },
};

/// Most items of a subscription.
const MAX_ITEMS: usize = 100;

pub(super) const ITEMS: Attribute = Attribute::create(
    "items",
    Kind::List(&Kind::Members(ITEM), MAX_ITEMS),
    "What each period costs.",
);

/// What a client says of an item.
const ITEM: &[Attribute] = &[
    Attribute::create("sku_code", Kind::Text(100), "The sku that it is; null for none."),
    Attribute::create("description", Kind::Text(200), "For people; the sku's name unless given."),
    Attribute::create("quantity", Kind::Integer(1, MAX_QUANTITY as i64), "Units; 1 unless given."),
    Attribute::create(
        "unit_amount_cents",
        AMOUNT,
        "Price of one unit for a whole period, in minor units; the sku's unless given.",
    ),
    TAX_RATE,
];

/// What each period costs.
#[derive(Debug)]
pub(super) struct Item {
    pub(super) sku_code: Option<String>,
    pub(super) recurring: RecurringItem,
}

/// What each run of a subscription orders.
pub(super) fn of_subscription(subscription: &Subscription, tax_rate: Option<TaxRate>) -> Vec<Item> {
    let ordered = subscription.items.iter().filter(|item| !item.item.is_adjustment());
    ordered
        .map(|item| Item {
            sku_code: item.item.sku_code().map(str::to_owned),
            recurring: RecurringItem {
                description: item.name.clone(),
                quantity: item.quantity,
                unit_amount: item.unit_amount,
                tax_rate,
            },
        })
        .collect()
}

/// Discounts and fees of each run of a subscription, as far as they take effect: discounts take away
/// no more than there is to pay.
pub(super) fn adjustments_of(
    subscription: &Subscription,
    tax_rate: Option<TaxRate>,
) -> Result<Vec<Adjustment>, MoneyError> {
    let amounts = subscription
        .items
        .iter()
        .filter(|item| item.item.is_adjustment())
        .map(|item| Ok((item, item.unit_amount.checked_mul(item.quantity)?)))
        .collect::<Result<Vec<_>, MoneyError>>()?;
    let fees = amounts.iter().map(|(_, amount)| (*amount).max(MinorUnits::ZERO));
    let subtotal = subscription.totals()?.subtotal;
    let mut left = MinorUnits::checked_total(fees.chain([subtotal]))?;
    let mut adjustments = Vec::with_capacity(amounts.len());
    for (item, asked) in amounts {
        let mut amount = asked;
        if asked.is_negative() {
            amount = asked.max(MinorUnits::ZERO.checked_sub(left)?);
            left = left.checked_add(amount)?;
        }
        adjustments.push(Adjustment {
            description: item.name.clone(),
            reason: if asked.is_negative() { "discount" } else { "fee" }.to_owned(),
            period: None,
            amount,
            tax_rate,
        });
    }
    Ok(adjustments)
}

/// An item as a client gives it.
struct GivenItem {
    sku_code: Option<String>,
    description: Option<String>,
    quantity: u32,
    unit_amount: Option<MinorUnits>,
    tax_rate: Option<TaxRate>,
    given: Attributes,
}

/// Reads what each period costs. What is wrong goes to the problems.
pub(super) async fn read(
    context: &Context<'_>,
    attributes: &mut Attributes,
    currency: Option<Currency>,
    tax_rate: Option<TaxRate>,
    problems: &mut Problems,
) -> Outcome<Vec<Item>> {
    let Some(given) = attributes.required_objects(ITEMS.name, ITEM, problems) else {
        return Ok(Vec::new());
    };
    let given: Vec<GivenItem> = given
        .into_iter()
        .map(|mut given| GivenItem {
            sku_code: given.optional("sku_code", problems).value(),
            description: given.optional("description", problems).value(),
            quantity: given.optional("quantity", problems).value().unwrap_or(1),
            unit_amount: given.optional("unit_amount_cents", problems).value(),
            tax_rate: given.optional("tax_rate", problems).value().or(tax_rate),
            given,
        })
        .collect();
    if given.is_empty() {
        let detail = format!("{} must hold at least one item", ITEMS.name);
        problems.add(Problem::new(Code::OutOfRange, detail).at(attributes.pointer(ITEMS.name)));
    }
    let ids: Vec<String> = given
        .iter()
        .filter_map(|item| Some(skus_id_of(context, item.sku_code.as_deref()?).to_string()))
        .collect();
    let skus = match ids.is_empty() {
        true => HashMap::new(),
        false => context.store().get_many::<Sku>(&context.caller.organization, ids).await?,
    };
    let sku_of = |item: &GivenItem| {
        skus.values().find(|sku| Some(sku.code.as_str()) == item.sku_code.as_deref())
    };
    Ok(given
        .into_iter()
        .filter_map(|item| {
            let sku = sku_of(&item);
            item.resolve(sku, currency, problems)
        })
        .collect())
}

impl GivenItem {
    /// The item, with what is left out copied from its sku.
    fn resolve(
        self,
        sku: Option<&Sku>,
        currency: Option<Currency>,
        problems: &mut Problems,
    ) -> Option<Item> {
        let Self { sku_code, description, quantity, unit_amount, tax_rate, given } = self;
        let mut refuse = |code: Code, name: &str, detail: String| {
            problems.add(Problem::new(code, detail).at(given.pointer(name)));
        };
        if let (Some(code), None) = (&sku_code, sku) {
            let detail = format!("there is no sku with the code {code:?}");
            refuse(Code::RelatedNotFound, "sku_code", detail);
            return None;
        }
        if let Some((sku, currency)) = sku.zip(currency).filter(|(sku, c)| sku.currency != *c) {
            let (code, own) = (&sku.code, sku.currency);
            let detail = format!("sku {code:?} is priced in {own}, the invoice is in {currency}");
            refuse(Code::CurrencyMismatch, "sku_code", detail);
        }
        let description = description.or(sku.map(|sku| sku.name.clone()));
        let unit_amount = unit_amount.or(sku.map(|sku| sku.unit_amount));
        for (name, missing) in
            [("description", description.is_none()), ("unit_amount_cents", unit_amount.is_none())]
        {
            if missing {
                refuse(Code::Required, name, format!("{name} is required without a sku_code"));
            }
        }
        Some(Item {
            sku_code,
            recurring: RecurringItem {
                description: description?,
                quantity,
                unit_amount: unit_amount?,
                tax_rate,
            },
        })
    }
}

/// An item as it is answered.
pub(super) fn listed(item: &Item) -> Value {
    json!({
        "sku_code": item.sku_code,
        "description": item.recurring.description,
        "quantity": item.recurring.quantity,
        "unit_amount_cents": item.recurring.unit_amount,
        "tax_rate": item.recurring.tax_rate,
    })
}
