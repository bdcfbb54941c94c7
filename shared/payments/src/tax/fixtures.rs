//! Questions for tests.

use std::error::Error;

use perennial_domain::{
    ids::{MarketId, OrderId},
    money::{Currency, MinorUnits},
    tax::{Destination, TaxBehavior, TaxQuestion, TaxableLine},
};

/// A question about lines `a`, `b` and so on of these amounts.
pub(super) fn question(
    behavior: TaxBehavior,
    amounts: &[i64],
) -> Result<TaxQuestion, Box<dyn Error>> {
    let line = |(id, amount): (char, &i64)| TaxableLine {
        id: id.to_string(),
        sku_code: Some("BEANS".to_owned()),
        bundle_code: None,
        tax_category: None,
        quantity: 1,
        amount: MinorUnits::new(*amount),
    };
    Ok(TaxQuestion {
        order_id: OrderId::derived(&["order"]),
        organization: "acme".parse()?,
        market_id: MarketId::derived(&["market"]),
        currency: Currency::EUR,
        at: "2027-01-31T23:30:00Z".parse()?,
        on: "2027-02-01".parse()?,
        behavior,
        destination: Destination {
            country_code: Some("DE".to_owned()),
            zip_code: Some("10115".to_owned()),
            ..Destination::default()
        },
        lines: ('a'..='z').zip(amounts).map(line).collect(),
    })
}
