//! What a subscription can order: found by its code or id, with its price as it is now.

use perennial_domain::{
    catalog::{Market, Sku, SubscriptionModel},
    ids::{PriceId, SkuId, SubscriptionItemId},
    money::MinorUnits,
    placement::frequency_refusals,
    pricing::{OrderedItem, Price, UnitPrice},
    subscription::{Subscription, SubscriptionItem},
    time::Frequency,
};

use crate::http::{
    attributes::Attributes,
    context::Context,
    document::{Document, Related, no_such},
    error::{Code, Outcome, Problem, Problems},
};

/// What a client wants to be ordered, each as it was given: the sku's id, and where that stands.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    code: Option<(String, String)>,
    related: Vec<(SkuId, String)>,
}

impl Wanted {
    /// Reads what a document about an item wants: by `sku_code`, or by a relationship.
    pub(super) fn read(
        attributes: &mut Attributes,
        document: &mut Document,
        problems: &mut Problems,
    ) -> Self {
        let code: Option<String> = attributes.optional("sku_code", problems).value();
        let related = ["item", "sku"].into_iter().filter_map(|name| {
            let related: Related<SkuId> = document.related(name, problems);
            Some((related.id()?, format!("/data/relationships/{name}")))
        });
        let related = related.collect();
        Self { code: code.map(|code| (code, attributes.pointer("sku_code"))), related }
    }

    /// A sku by its code, which stands there in the body.
    pub(super) fn of_code(code: String, at: String) -> Self {
        Self { code: Some((code, at)), related: Vec::new() }
    }

    /// What an item is about already.
    pub(super) fn again(item: &SubscriptionItem) -> Self {
        Self::of_code(item.item.code().to_owned(), "/data".to_owned())
    }

    /// Whether it is about something else than an item is.
    pub(super) fn is_other_than(&self, item: &SubscriptionItem) -> bool {
        self.code.as_ref().is_some_and(|(code, _)| item.item.sku_code() != Some(code.as_str()))
    }

    /// The one sku that is meant, and where it stands.
    fn sku(self, problems: &mut Problems) -> Option<(SkuId, Option<String>, String)> {
        let by_code = self.code.map(|(code, at)| (SkuId::of_code(&code), Some(code), at));
        let related = self.related.into_iter().map(|(id, at)| (id, None, at));
        let mut given = by_code.into_iter().chain(related);
        let Some(first) = given.next() else {
            let detail = "sku_code, or the relationship item, says what is to be ordered: one is \
                          required";
            problems.add(Problem::new(Code::Required, detail).at("/data/attributes/sku_code"));
            return None;
        };
        if let Some((other, _, at)) = given.find(|(id, _, _)| *id != first.0) {
            let detail =
                format!("{other} is another sku than {}, which {} leads to", first.0, first.2);
            problems
                .add(Problem::new(Code::InvalidValue, detail).at(at).with("value", other.as_str()));
        }
        Some(first)
    }
}

/// Something that can be ordered, as it is now.
#[derive(Debug)]
pub(super) struct Sold {
    sku: Sku,
    unit_amount: MinorUnits,
    model: Option<SubscriptionModel>,
    at: String,
}

impl Sold {
    /// Finds what is wanted. What is wrong with it goes to the problems.
    pub(super) async fn find(
        context: &Context<'_>,
        subscription: &Subscription,
        wanted: Wanted,
        problems: &mut Problems,
    ) -> Outcome<Option<Self>> {
        let Some((id, code, at)) = wanted.sku(problems) else { return Ok(None) };
        let organization = &context.caller.organization;
        let store = context.store();
        let market =
            async { store.get::<Market>(organization, subscription.market_id.as_str()).await };
        let model = async {
            match &subscription.model_id {
                Some(id) => store.get::<SubscriptionModel>(organization, id.as_str()).await,
                None => Ok(None),
            }
        };
        let sku = async { store.get::<Sku>(organization, id.as_str()).await };
        let (sku, market, model) = futures::try_join!(sku, market, model)?;
        let Some(sku) = sku else {
            problems.add(match code {
                Some(code) => {
                    let detail = format!("there is no sku with the code {code:?}");
                    Problem::new(Code::RelatedNotFound, detail).at(at).with("value", code)
                }
                None => no_such("skus", id.as_str(), &at),
            });
            return Ok(None);
        };
        let list = subscription.price_list_id.clone();
        let list = list.or_else(|| market.and_then(|market| market.price_list_id));
        let listed: Option<Price> = match list {
            Some(list) => store.get(organization, PriceId::on(&list, &sku.code).as_str()).await?,
            None => None,
        };
        let listed = listed.filter(|price| price.currency == subscription.currency);
        if listed.is_none() && sku.currency != subscription.currency {
            let detail = format!(
                "sku {:?} is priced in {}, the subscription is in {}",
                sku.code, sku.currency, subscription.currency
            );
            let problem = Problem::new(Code::CurrencyMismatch, detail).at(&at);
            let problem = problem.with("value", sku.currency.code());
            problems.add(problem.with("expected", subscription.currency.code()));
        }
        let unit = UnitPrice::choose(None, listed.as_ref(), sku.unit_amount, context.now);
        Ok(Some(Self { sku, unit_amount: unit.amount, model, at }))
    }

    /// Reports why it can't be ordered at a frequency.
    pub(super) fn check_frequency(&self, frequency: &Frequency, problems: &mut Problems) {
        for refusal in frequency_refusals(frequency, &[&self.sku], self.model.as_ref()) {
            let problem = Problem::new(Code::FrequencyNotAllowed, refusal).at(&self.at);
            problems.add(problem.with("value", frequency.to_string()));
        }
    }

    /// An item of it, at the price that was given or else its own.
    pub(super) fn item(
        self,
        id: SubscriptionItemId,
        quantity: u32,
        given: Option<MinorUnits>,
        one_off: bool,
    ) -> SubscriptionItem {
        SubscriptionItem {
            id,
            item: OrderedItem::sku(self.sku.code),
            name: self.sku.name,
            quantity,
            unit_amount: given.unwrap_or(self.unit_amount),
            price_override: given.is_some(),
            stock_tracked: self.sku.stock.is_some(),
            one_off,
        }
    }
}
