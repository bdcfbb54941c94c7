//! What a sale that is still to come will bear, without asking anybody outside.

use perennial_domain::tax::{Sale, TaxSource, Taxes};

use super::{Calculator, NoTaxes, TaxEngine, by_table};
use crate::sqs_batch::HandleError;

/// What is known of the taxes of a sale before it is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Foreseen {
    /// These, as far as nothing is changed; `None` in a market without a calculator.
    Taxes(Option<Taxes>),
    /// Only a service will tell, or nobody any more.
    Unknown,
}

impl TaxEngine {
    /// The taxes of a sale as its market's table tells them by now.
    pub(crate) async fn foreseen(&self, sale: &Sale<'_>) -> Result<Foreseen, HandleError> {
        let Some(id) = &sale.market.tax_calculator_id else { return Ok(Foreseen::Taxes(None)) };
        let told = async {
            let (question, calculator) =
                futures::try_join!(self.question(sale), self.calculator(sale.organization, id))?;
            match calculator {
                Calculator::Table(table) => {
                    let taxes = by_table(&question, &table, TaxSource::Table).await?;
                    Ok(Foreseen::Taxes(Some(taxes)))
                }
                Calculator::Service(_) => Ok(Foreseen::Unknown),
            }
        };
        match told.await {
            Ok(foreseen) => Ok(foreseen),
            Err(NoTaxes::Refused(_) | NoTaxes::Service(_)) => Ok(Foreseen::Unknown),
            Err(NoTaxes::Failed(error)) => Err(error),
        }
    }
}
