//! A line as a client gives it, and whether it can be ordered.

use perennial_domain::{
    catalog::{Sku, SubscriptionModel},
    ids::LineItemId,
    money::{Currency, MinorUnits},
    order::{LineItem, Order},
    placement::frequency_refusals,
    time::Frequency,
};

use crate::http::{
    attributes::Attributes,
    caller::{Caller, Role},
    error::{Code, Problem, Problems},
};

/// A line that a client wants to add.
#[derive(Debug)]
pub(crate) struct Draft {
    pub(crate) sku_code: String,
    quantity: u32,
    frequency: Option<Frequency>,
    unit_amount: Option<MinorUnits>,
    /// Where it stands in the body.
    at: String,
}

impl Draft {
    /// Reads a line; `None` where something was wrong.
    pub(crate) fn read(
        attributes: &mut Attributes,
        caller: &Caller,
        problems: &mut Problems,
    ) -> Option<Self> {
        let sku_code: Option<String> = attributes.required("sku_code", problems);
        let quantity: Option<u32> = attributes.required("quantity", problems);
        let frequency = attributes.optional("frequency", problems).value();
        let unit_amount = price(attributes, caller, problems);
        let (sku_code, quantity) = sku_code.zip(quantity)?;
        Some(Self { sku_code, quantity, frequency, unit_amount, at: attributes.pointer("") })
    }

    /// The line, with what is copied from its sku. What is wrong goes to the problems.
    pub(crate) fn resolve(
        self,
        id: LineItemId,
        sku: Option<&Sku>,
        currency: Currency,
        model: Option<&SubscriptionModel>,
        problems: &mut Problems,
    ) -> Option<LineItem> {
        let Self { sku_code, quantity, frequency, unit_amount, at } = self;
        let Some(sku) = sku else {
            problems.add(
                Problem::new(
                    Code::RelatedNotFound,
                    format!("there is no sku with the code {sku_code:?}"),
                )
                .at(format!("{at}sku_code"))
                .with("value", sku_code),
            );
            return None;
        };
        if sku.currency != currency {
            problems.add(
                Problem::new(
                    Code::CurrencyMismatch,
                    format!(
                        "sku {sku_code:?} is priced in {}, the order is in {currency}",
                        sku.currency
                    ),
                )
                .at(format!("{at}sku_code"))
                .with("value", sku.currency.code())
                .with("expected", currency.code()),
            );
        }
        if let Some(frequency) = &frequency {
            check_frequency(frequency, sku, model, &format!("{at}frequency"), problems);
        }
        Some(LineItem {
            id,
            sku_id: sku.id.clone(),
            sku_code,
            name: sku.name.clone(),
            quantity,
            unit_amount: unit_amount.unwrap_or(sku.unit_amount),
            frequency,
        })
    }
}

/// The price that a client sets. Shops must not make prices.
pub(crate) fn price(
    attributes: &mut Attributes,
    caller: &Caller,
    problems: &mut Problems,
) -> Option<MinorUnits> {
    let given: Option<MinorUnits> = attributes.value("unit_amount_cents", problems);
    if given.is_some() && caller.role == Role::SalesChannel {
        problems.add(
            Problem::new(Code::Forbidden, "the role sales_channel may not set unit_amount_cents")
                .at(attributes.pointer("unit_amount_cents")),
        );
        return None;
    }
    given
}

/// Reports why a sku can't be ordered at a frequency.
pub(crate) fn check_frequency(
    frequency: &Frequency,
    sku: &Sku,
    model: Option<&SubscriptionModel>,
    at: &str,
    problems: &mut Problems,
) {
    for refusal in frequency_refusals(frequency, sku, model) {
        problems.add(
            Problem::new(Code::FrequencyNotAllowed, refusal)
                .at(at)
                .with("value", frequency.to_string()),
        );
    }
}

/// Reports an order whose total can't be counted.
pub(crate) fn check_total(order: &Order, at: &str, problems: &mut Problems) {
    if let Err(error) = order.total() {
        problems.add(Problem::new(Code::OutOfRange, error.to_string()).at(at));
    }
}
