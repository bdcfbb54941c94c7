//! One item of a subscription in the place of another, by their skus.

use perennial_domain::{
    money::MinorUnits,
    order::MAX_QUANTITY,
    plan::ItemsChange,
    subscription::{Subscription, SubscriptionItem},
};

use super::{
    MAX_AMOUNT,
    editable::invalid_status,
    sold::{self, Form, Offer},
};
use crate::http::{
    attributes::{Access, Attribute, Attributes, Given, Kind},
    context::Context,
    error::{Code, Outcome, Problem, Problems},
};

const NAME: &str = "_swap_item";

pub(super) const SWAP_ITEM: Attribute = Attribute::of(
    NAME,
    Kind::Members(MEMBERS),
    Access::UpdateTrigger,
    "Orders another sku in the place of one: `{\"from_sku_code\": \"BEANS\", \"to_sku_code\": \
     \"TEA\"}`. The item keeps its id.",
);

const MEMBERS: &[Attribute] = &[
    Attribute::write("from_sku_code", Kind::Text(100), "The sku of the item to be swapped."),
    Attribute::write("to_sku_code", Kind::Text(100), "The sku that takes its place."),
    Attribute::write(
        "quantity",
        Kind::Integer(1, MAX_QUANTITY as i64),
        "Units per run; as many as before unless given.",
    ),
    Attribute::write(
        "unit_amount_cents",
        Kind::Integer(0, MAX_AMOUNT),
        "Price of one unit, in minor units; that of the market's list, or else the sku's, unless \
         given.",
    ),
];

/// Which sku is to take the place of which.
#[derive(Debug)]
pub(super) struct Swap {
    from: String,
    to: String,
    quantity: Option<u32>,
    unit_amount: Option<MinorUnits>,
}

impl Swap {
    pub(super) fn read(attributes: &mut Attributes, problems: &mut Problems) -> Option<Self> {
        let Given::Value(mut given) = attributes.object(NAME, MEMBERS, problems) else {
            return None;
        };
        let from: Option<String> = given.required("from_sku_code", problems);
        let to: Option<String> = given.required("to_sku_code", problems);
        let quantity = given.optional("quantity", problems).value();
        let unit_amount = given.optional("unit_amount_cents", problems).value();
        from.zip(to).map(|(from, to)| Self { from, to, quantity, unit_amount })
    }

    /// What is to be done about the items, if it can be.
    pub(super) async fn decide(
        &self,
        context: &Context<'_>,
        before: &Subscription,
    ) -> Outcome<ItemsChange> {
        let mut problems = Problems::default();
        let item = self.swapped(before, &mut problems);
        let Some(item) = item else { return problems.finish(None) };
        let to = sold::sku(self.to.clone(), at("to_sku_code"));
        let offer = Offer::find(context, before, to).await?;
        let quantity = self.quantity.unwrap_or(item.quantity);
        let (id, given) = (item.id.clone(), self.unit_amount);
        let mut annotations = item.annotations.clone();
        annotations.updated_at = Some(context.now);
        let form = Form { id, quantity, given, one_off: false, annotations };
        let swapped = offer.item(context, before, form, &mut problems).await?;
        problems.finish(swapped.map(ItemsChange::Swap))
    }

    /// The one item that repeats and is about the sku.
    fn swapped<'a>(
        &self,
        before: &'a Subscription,
        problems: &mut Problems,
    ) -> Option<&'a SubscriptionItem> {
        let about = |item: &&SubscriptionItem| {
            !item.one_off && item.item.sku_code() == Some(self.from.as_str())
        };
        let mut found = before.items.iter().filter(about);
        match (found.next(), found.next()) {
            (Some(item), None) => Some(item),
            (Some(_), Some(_)) => {
                let detail = format!(
                    "several items of order subscription {} are about sku {:?}: change the sku_code of \
                     the one that is meant at /api/order_subscription_items",
                    before.id, self.from
                );
                problems.add(invalid_status(detail).at(at("from_sku_code")));
                None
            }
            (None, _) => {
                let detail = format!(
                    "no item of order subscription {} that repeats is about sku {:?}",
                    before.id, self.from
                );
                let problem = Problem::new(Code::RelatedNotFound, detail);
                problems.add(problem.at(at("from_sku_code")).with("value", self.from.as_str()));
                None
            }
        }
    }
}

fn at(member: &str) -> String {
    format!("/data/attributes/{NAME}/{member}")
}
