//! Telling what tax a draft would bear if it were placed now.

use perennial_domain::{catalog::Market, journal::Change, order::Order};
use serde_json::{Value, json};

use crate::{
    http::{
        context::Context,
        error::{ApiError, Code, Outcome, Problem},
    },
    taxes::{self, TaxRefusal},
};

/// The attribute that asks for it.
pub(super) const UPDATE_TAXES: &str = "_update_taxes";

/// Gives a draft the taxes that it would bear now. A change where they are others than it had.
pub(super) async fn update_taxes(
    context: &Context<'_>,
    order: &mut Order,
) -> Outcome<Option<Change>> {
    let engine = context.services.taxes.as_ref();
    let engine = engine.ok_or_else(|| ApiError::internal("this function computes no taxes"))?;
    let organization = &context.caller.organization;
    let market: Option<Market> =
        context.store().get(organization, order.market_id.as_str()).await?;
    let at = format!("/data/attributes/{UPDATE_TAXES}");
    let market = market.ok_or_else(|| {
        let detail = format!("there is no market {}", order.market_id);
        Problem::new(Code::RelatedNotFound, detail).at(&at)
    })?;
    let sale = taxes::of_order(organization, &market, order, context.now);
    let tax = match engine.explain(&sale, context.caller, context.now).await? {
        Ok(explained) => explained.map(|explained| explained.taxes),
        Err(TaxRefusal { detail, .. }) => {
            return Err(Problem::new(Code::RelatedNotFound, detail).at(&at).into());
        }
    };
    if tax == order.tax {
        return Ok(None);
    }
    let before = told(order);
    order.tax = tax;
    Ok(Some(Change { event: "orders.update", before, after: told(order) }))
}

fn told(order: &Order) -> Value {
    json!({
        "total_tax_amount_cents": order.tax.as_ref().and_then(|tax| tax.total().ok()),
        "total_amount_with_taxes_cents": order.total().ok(),
    })
}
