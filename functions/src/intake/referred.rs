//! What orders refer to, loaded and checked: market, model, customer, payment source, skus.

use chrono::{DateTime, Utc};
use perennial_domain::{
    catalog::{Customer, Market, PaymentSource, SubscriptionModel},
    ids::{CustomerId, MarketId, PaymentSourceId},
};
use perennial_store::StoreError;

use super::line::Draft;
use crate::{
    goods::Goods,
    http::{
        context::Context,
        document::no_such,
        error::{Code, Outcome, Problem, Problems},
    },
};

/// What a new order refers to, as loaded.
pub(super) struct Referred {
    pub(super) market: Option<Market>,
    pub(super) model: Option<SubscriptionModel>,
    pub(super) customer: Option<Customer>,
    pub(super) payment_source: Option<PaymentSource>,
    /// What the lines want to order, with the prices of the market's list.
    pub(super) goods: Goods,
}

impl Referred {
    /// Loads all of it at once; the market's model waits for the market.
    pub(super) async fn load(
        context: &Context<'_>,
        market: Option<&MarketId>,
        customer: Option<&CustomerId>,
        payment_source: Option<&PaymentSourceId>,
        lines: &[Draft],
    ) -> Outcome<Self> {
        let organization = &context.caller.organization;
        let store = context.store();
        let market = async {
            let found: Option<Market> = match market {
                Some(id) => store.get(organization, id.as_str()).await?,
                None => None,
            };
            let found = found.filter(|market| context.caller.sees(&market.id));
            let model = match found.as_ref().and_then(|market| market.model_id.as_ref()) {
                Some(id) => store.get(organization, id.as_str()).await?,
                None => None,
            };
            Ok::<_, StoreError>((found, model))
        };
        let customer = async {
            match customer {
                Some(id) => store.get::<Customer>(organization, id.as_str()).await,
                None => Ok(None),
            }
        };
        let payment_source = async {
            match payment_source {
                Some(id) => store.get::<PaymentSource>(organization, id.as_str()).await,
                None => Ok(None),
            }
        };
        let goods = Goods::load(store, organization, lines.iter().map(|line| &line.wanted.id));
        let ((market, model), customer, payment_source, goods) =
            futures::try_join!(market, customer, payment_source, goods)?;
        let list = market.as_ref().and_then(|market| market.price_list_id.as_ref());
        let goods = goods.priced_by(store, organization, list).await?;
        Ok(Self { market, model, customer, payment_source, goods })
    }
}

/// Customer and payment source must be there, and belong together.
pub(super) fn check_people(
    customer_id: Option<&CustomerId>,
    customer: Option<&Customer>,
    source_id: Option<&PaymentSourceId>,
    source: Option<&PaymentSource>,
    problems: &mut Problems,
) {
    if let (Some(id), None) = (customer_id, customer) {
        problems.add(no_such("customers", id.as_str(), "/data/relationships/customer"));
    }
    let at = "/data/relationships/customer_payment_source";
    match (source_id, source, customer_id) {
        (Some(id), None, _) => {
            problems.add(no_such("customer_payment_sources", id.as_str(), at));
        }
        (Some(id), Some(source), Some(customer)) if source.customer_id != *customer => {
            let detail = format!("payment source {id} belongs to another customer than {customer}");
            problems.add(
                Problem::new(Code::InvalidValue, detail)
                    .at(format!("{at}/data/id"))
                    .with("value", id.as_str()),
            );
        }
        _ => {}
    }
}

/// Subscriptions must not end before they start.
pub(super) fn check_expiry(
    end: Option<&DateTime<Utc>>,
    now: DateTime<Utc>,
    problems: &mut Problems,
) {
    if let Some(end) = end.filter(|end| **end <= now) {
        let detail = format!(
            "subscriptions_expire_at must be later than now ({}), not {}: subscriptions can't end \
             before they start",
            now.to_rfc3339(),
            end.to_rfc3339()
        );
        problems.add(
            Problem::new(Code::OutOfRange, detail)
                .at("/data/attributes/subscriptions_expire_at")
                .with("value", end.to_rfc3339()),
        );
    }
}
