//! What a subscription can order: found by its code or id, at the price that a line would have.

use perennial_domain::{
    catalog::{Market, SubscriptionModel},
    ids::{BundleId, SkuId, SubscriptionItemId},
    money::MinorUnits,
    order::Annotations,
    placement::frequency_refusals,
    pricing::{NoPrice, Wanted as WantedPrices},
    subscription::{Subscription, SubscriptionItem},
};

use crate::{
    goods::{Goods, Sale, Sold, Wanted, WantedId},
    http::{
        attributes::Attributes,
        context::Context,
        error::{Code, Outcome, Problem, Problems},
    },
    pricing,
};

/// A sku by its code, which stands there in the body.
pub(super) fn sku(code: String, at: String) -> Wanted {
    Wanted { id: WantedId::Sku(SkuId::of_code(&code)), name: code, at }
}

/// What is wanted by its code, if anything is.
pub(super) fn by_code(attributes: &mut Attributes, problems: &mut Problems) -> Option<Wanted> {
    let found: Option<String> = attributes.optional("sku_code", problems).value();
    let found = found.map(|code| sku(code, attributes.pointer("sku_code")));
    let bundle: Option<String> = attributes.optional("bundle_code", problems).value();
    let Some(code) = bundle else { return found };
    let at = attributes.pointer("bundle_code");
    if found.is_some() {
        let detail = "an item is about one thing: sku_code and bundle_code exclude each other";
        problems.add(Problem::new(Code::InvalidValue, detail).at(&at).with("value", code.clone()));
    }
    Some(Wanted { id: WantedId::Bundle(BundleId::of_code(&code)), name: code, at })
}

/// What an item is about already.
pub(super) fn again(item: &SubscriptionItem) -> Wanted {
    let name = item.item.code().to_owned();
    Wanted { id: WantedId::again(&item.item), name, at: "/data".to_owned() }
}

/// How an item is to be, beside what it is about.
#[derive(Debug, Clone)]
pub(super) struct Form {
    pub(super) id: SubscriptionItemId,
    pub(super) quantity: u32,
    /// The price that wins over every list.
    pub(super) given: Option<MinorUnits>,
    pub(super) one_off: bool,
    pub(super) annotations: Annotations,
}

/// Something that is wanted, as it is sold now.
#[derive(Debug)]
pub(super) struct Offer {
    wanted: Wanted,
    goods: Goods,
    model: Option<SubscriptionModel>,
}

impl Offer {
    /// Reads what is wanted, with the prices that the subscription has it at.
    pub(super) async fn find(
        context: &Context<'_>,
        subscription: &Subscription,
        wanted: Wanted,
    ) -> Outcome<Self> {
        let organization = &context.caller.organization;
        let store = context.store();
        let market = store.get::<Market>(organization, subscription.market_id.as_str());
        let model = async {
            match &subscription.model_id {
                Some(id) => store.get::<SubscriptionModel>(organization, id.as_str()).await,
                None => Ok(None),
            }
        };
        let goods = Goods::load(store, organization, [&wanted.id]);
        let (market, model, goods) = futures::try_join!(market, model, goods)?;
        let list = subscription.price_list_id.clone();
        let list = list.or_else(|| market.and_then(|market| market.price_list_id));
        let goods = goods.priced_by(store, organization, list.as_ref()).await?;
        Ok(Self { wanted, goods, model })
    }

    /// An item of it. One that repeats must be one that can be ordered at the frequency, and one
    /// whose price follows a list must have a price there.
    pub(super) async fn item(
        &self,
        context: &Context<'_>,
        subscription: &Subscription,
        form: Form,
        problems: &mut Problems,
    ) -> Outcome<Option<SubscriptionItem>> {
        let Form { id, quantity, given, one_off, annotations } = form;
        let sale = Sale {
            market: Some(&subscription.market_id),
            currency: subscription.currency,
            at: context.now,
            quantity,
        };
        let sold = match self.goods.sell(&self.wanted, given, sale) {
            Ok(sold) => sold,
            Err(problem) => {
                problems.add(problem);
                return Ok(None);
            }
        };
        if !one_off {
            self.check_frequency(subscription, &sold, problems);
        }
        let Sold { item, name, price, compare_at: _, skus: _ } = sold;
        let item = SubscriptionItem {
            id,
            item,
            name,
            quantity,
            unit_amount: price.amount,
            price_override: given.is_some(),
            one_off,
            annotations,
        };
        let items = std::slice::from_ref(&item);
        check_followed(context, subscription, items, &self.wanted.at, problems).await?;
        Ok(Some(item))
    }

    /// Whether what one unit of it costs depends on how many are ordered.
    pub(super) fn is_tiered(&self) -> bool {
        self.goods.is_tiered()
    }

    fn check_frequency(
        &self,
        subscription: &Subscription,
        sold: &Sold<'_>,
        problems: &mut Problems,
    ) {
        let frequency = &subscription.frequency;
        for refusal in frequency_refusals(frequency, &sold.skus, self.model.as_ref()) {
            let problem = Problem::new(Code::FrequencyNotAllowed, refusal).at(&self.wanted.at);
            problems.add(problem.with("value", frequency.to_string()));
        }
    }
}

/// Checks that the list which a subscription follows has a price for each of these items that
/// follows it: a run could not be charged without. Reads nothing where prices are pinned.
pub(super) async fn check_followed(
    context: &Context<'_>,
    subscription: &Subscription,
    items: &[SubscriptionItem],
    at: &str,
    problems: &mut Problems,
) -> Outcome<()> {
    let Some(list) = &subscription.price_list_id else { return Ok(()) };
    let following = || items.iter().filter(|item| item.follows_list());
    let wanted = WantedPrices::of(list, following().map(|item| &item.item));
    let organization = &context.caller.organization;
    let current = pricing::current(context.store(), organization, wanted).await?;
    for item in following() {
        let priced = (&item.item, item.quantity);
        let found = current.unit_amount(list, subscription.currency, priced, context.now);
        if let Err(error) = found {
            let code = match error {
                NoPrice::Missing { .. } => Code::PriceMissing,
                NoPrice::Money(_) => Code::OutOfRange,
            };
            problems
                .add(Problem::new(code, error.to_string()).at(at).with("value", item.item.code()));
        }
    }
    Ok(())
}
