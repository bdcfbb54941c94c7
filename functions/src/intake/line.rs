//! A line as a client gives it, and whether it can be ordered.

use perennial_domain::{
    catalog::{Sku, SubscriptionModel},
    ids::{BundleId, LineItemId, SkuId},
    money::MinorUnits,
    order::{Annotations, LineItem, Order},
    placement::frequency_refusals,
    time::Frequency,
};

use crate::{
    api::annotations::AnnotationChange,
    goods::{Goods, Sale, Wanted, WantedId},
    http::{
        attributes::Attributes,
        caller::{Caller, Role},
        document::Document,
        error::{Code, Problem, Problems},
    },
};

/// A line that a client wants to add.
#[derive(Debug)]
pub(crate) struct Draft {
    pub(crate) wanted: Wanted,
    quantity: u32,
    frequency: Option<Frequency>,
    unit_amount: Option<MinorUnits>,
    annotations: AnnotationChange,
    /// Where it stands in the body.
    at: String,
}

impl Draft {
    /// Reads a line; `None` where something was wrong. `related` is what its relationships lead to.
    pub(crate) fn read(
        attributes: &mut Attributes,
        related: Vec<Wanted>,
        caller: &Caller,
        problems: &mut Problems,
    ) -> Option<Self> {
        let wanted = wanted(attributes, related, problems);
        let quantity: Option<u32> = attributes.required("quantity", problems);
        let frequency = attributes.optional("frequency", problems).value();
        let unit_amount = price(attributes, caller, problems);
        let annotations = AnnotationChange::read(attributes, problems);
        let adjusts = matches!(&wanted, Some(Wanted { id: WantedId::Adjustment(_), .. }));
        if let Some(wanted) = wanted.as_ref().filter(|_| adjusts) {
            refuse_channels(caller, wanted, problems);
        }
        if let Some(amount) = unit_amount {
            check_sign(amount, adjusts, &attributes.pointer("unit_amount_cents"), problems);
        }
        let (wanted, quantity) = wanted.zip(quantity)?;
        let at = attributes.pointer("");
        Some(Self { wanted, quantity, frequency, unit_amount, annotations, at })
    }

    /// The line, with what is copied from what it orders. What is wrong goes to the problems.
    pub(crate) fn resolve(
        self,
        id: LineItemId,
        goods: &Goods,
        sale: Sale<'_>,
        model: Option<&SubscriptionModel>,
        problems: &mut Problems,
    ) -> Option<LineItem> {
        let Self { wanted, quantity, frequency, unit_amount, annotations, at } = self;
        let mut kept = Annotations::default();
        let Annotations { reference, reference_origin, metadata, .. } = &mut kept;
        annotations.apply(reference, reference_origin, metadata);
        let sold = match goods.sell(&wanted, unit_amount, Sale { quantity, ..sale }) {
            Ok(sold) => sold,
            Err(problem) => {
                problems.add(problem);
                return None;
            }
        };
        if let Some(frequency) = &frequency {
            check_frequency(frequency, &sold.skus, model, &format!("{at}frequency"), problems);
        }
        Some(LineItem {
            id,
            item: sold.item,
            name: sold.name,
            quantity,
            unit_amount: sold.price.amount,
            price_source: sold.price.source,
            compare_at_amount: sold.compare_at,
            frequency,
            annotations: kept,
        })
    }
}

/// What the relationships of a document lead to that say what is ordered: `item` and, where its
/// resource can be given them, those for each type of what can be ordered.
pub(crate) fn related_items(document: &Document, problems: &mut Problems) -> Vec<Wanted> {
    let mut all = Vec::new();
    for name in ["item", "sku", "bundle", "adjustment"] {
        let Some((kind, id)) = document.related_any(name, problems) else { continue };
        let at = format!("/data/relationships/{name}");
        match WantedId::of(kind, &id) {
            Some(found) => all.push(Wanted { id: found, name: id, at: format!("{at}/data/id") }),
            None => problems.add(crate::http::document::no_such(kind, &id, &at)),
        }
    }
    all
}

/// The one thing that a line orders, by a code, an id or relationships.
pub(crate) fn wanted(
    attributes: &mut Attributes,
    related: Vec<Wanted>,
    problems: &mut Problems,
) -> Option<Wanted> {
    let item_type: Option<String> = attributes.optional("item_type", problems).value();
    let of = |name: &str, value: &str| match name {
        "sku_code" => Some(WantedId::Sku(SkuId::of_code(value))),
        "bundle_code" => Some(WantedId::Bundle(BundleId::of_code(value))),
        _ => WantedId::of("adjustments", value),
    };
    let mut given = Vec::new();
    for name in ["sku_code", "bundle_code", "adjustment_id"] {
        let Some(value) = attributes.optional::<String>(name, problems).value() else { continue };
        let at = attributes.pointer(name);
        match of(name, &value) {
            Some(id) => given.push(Wanted { id, name: value, at }),
            None => {
                let detail = format!("there is no adjustment {value:?}");
                let problem = Problem::new(Code::RelatedNotFound, detail).at(at);
                problems.add(problem.with("value", value));
                return None;
            }
        }
    }
    let mut given = given.into_iter().chain(related);
    let Some(first) = given.next() else {
        let detail = "sku_code is required, or bundle_code, adjustment_id or the relationship item";
        problems.add(Problem::new(Code::Required, detail).at(attributes.pointer("sku_code")));
        return None;
    };
    for other in given.filter(|other| other.id != first.id) {
        let detail =
            format!("a line orders one thing: {:?} is another than {:?}", other.name, first.name);
        problems
            .add(Problem::new(Code::InvalidValue, detail).at(other.at).with("value", other.name));
    }
    if let Some(named) = item_type.filter(|named| named != first.id.item_type()) {
        let detail = format!("item_type is {named}, and the line orders {}", first.id.item_type());
        let at = attributes.pointer("item_type");
        problems.add(Problem::new(Code::InvalidValue, detail).at(at).with("value", named));
    }
    Some(first)
}

/// The price that a client sets. Shops must not make prices.
pub(crate) fn price(
    attributes: &mut Attributes,
    caller: &Caller,
    problems: &mut Problems,
) -> Option<MinorUnits> {
    let given: Option<MinorUnits> = attributes.value("unit_amount_cents", problems);
    let external = attributes.trigger("_external_price", problems);
    if external && given.is_none() {
        let detail = "_external_price says that the price is given: unit_amount_cents is required";
        let at = attributes.pointer("unit_amount_cents");
        problems.add(Problem::new(Code::Required, detail).at(at));
    }
    if given.is_some() && caller.role == Role::SalesChannel {
        problems.add(
            Problem::new(Code::Forbidden, "the role sales_channel may not set unit_amount_cents")
                .at(attributes.pointer("unit_amount_cents")),
        );
        return None;
    }
    given
}

/// Shops must not grant discounts, nor waive fees.
fn refuse_channels(caller: &Caller, wanted: &Wanted, problems: &mut Problems) {
    if caller.role == Role::SalesChannel {
        let detail = "the role sales_channel may not order adjustments";
        problems.add(Problem::new(Code::Forbidden, detail).at(&wanted.at));
    }
}

/// Only a discount costs less than nothing.
pub(crate) fn check_sign(amount: MinorUnits, adjusts: bool, at: &str, problems: &mut Problems) {
    if amount.is_negative() && !adjusts {
        let detail = format!(
            "unit_amount_cents must be 0 or more, not {amount}: only an adjustment can take away"
        );
        problems.add(Problem::new(Code::OutOfRange, detail).at(at).with("value", amount.get()));
    }
}

/// Reports why skus can't be ordered at a frequency.
pub(crate) fn check_frequency(
    frequency: &Frequency,
    skus: &[&Sku],
    model: Option<&SubscriptionModel>,
    at: &str,
    problems: &mut Problems,
) {
    for refusal in frequency_refusals(frequency, skus, model) {
        problems.add(
            Problem::new(Code::FrequencyNotAllowed, refusal)
                .at(at)
                .with("value", frequency.to_string()),
        );
    }
}

/// Most bytes of an order or subscription with all that clients keep with its lines, as JSON: in
/// storage, where an item holds 400 KB, they may take twice as many.
const MAX_BYTES: usize = 200_000;

/// The refusal of lines that are too large together.
pub(crate) fn too_large(whole: &impl serde::Serialize) -> Option<Problem> {
    let bytes = serde_json::to_vec(whole).map_or(0, |text| text.len());
    let detail = format!(
        "all lines together, with their metadata, have {bytes} bytes; {MAX_BYTES} can be kept"
    );
    (bytes > MAX_BYTES).then(|| Problem::new(Code::OutOfRange, detail).with("maximum", MAX_BYTES))
}

/// Reports an order whose total can't be counted, or that is too large to be kept.
pub(crate) fn check_total(order: &Order, at: &str, problems: &mut Problems) {
    if let Err(error) = order.total() {
        problems.add(Problem::new(Code::OutOfRange, error.to_string()).at(at));
    }
    if let Some(problem) = too_large(order) {
        problems.add(problem.at("/data"));
    }
}
