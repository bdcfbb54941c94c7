//! Taxes: what an order, or the order that a run makes, bears of them.
//!
//! Whoever charges for a sale asks once and keeps the answer with it before the payment provider
//! hears of it, so that what is repeated asks for the same amount.

mod foreseen;
mod sales;
mod told;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use chrono::{DateTime, Utc};
use perennial_domain::{
    ids::{ExternalTaxCalculatorId, ManualTaxCalculatorId, OrganizationId},
    tax::{
        ExternalTaxCalculator, LineTax, OnTaxFailure, Sale, TaxCalculatorId, TaxQuestion,
        TaxSource, TaxTable, Taxes,
    },
};
use perennial_https::Outbound;
use perennial_payments::tax::{Breakers, HttpTaxProvider, Pass, Reason, TaxError, TaxProvider};
use perennial_runtime::{Environment, SettingError};
use perennial_store::{Store, StoreError};
use tokio::time::Instant;

pub(crate) use self::{
    foreseen::Foreseen,
    sales::{of_order, of_renewal, of_run},
};
use crate::{settings, sqs_batch::HandleError};

/// How long calculators and their rules are kept in memory: what changes counts after that, in every
/// instance.
const FRESH: Duration = Duration::from_secs(5);
/// Most calculators in memory.
const MOST_KEPT: usize = 256;

/// Computes taxes: reads the market's calculator and its rules, or asks its service, and stands in
/// for that by its policy.
#[derive(Debug)]
pub(crate) struct TaxEngine {
    store: Store,
    client: Outbound,
    breakers: Breakers,
    kept: Mutex<HashMap<(OrganizationId, TaxCalculatorId), (Instant, Calculator)>>,
    fresh: Duration,
}

/// What computes a market's taxes.
#[derive(Debug, Clone)]
pub(crate) enum Calculator {
    /// Rules.
    Table(Arc<TaxTable>),
    /// A service.
    Service(Arc<ExternalTaxCalculator>),
}

/// Taxes, with how they came about.
#[derive(Debug)]
pub(crate) struct Explained {
    /// What was asked.
    pub(crate) question: TaxQuestion,
    /// The rules that answered, those that stood in too; `None` where a service did, or nothing.
    pub(crate) table: Option<Arc<TaxTable>>,
    /// The answer.
    pub(crate) taxes: Taxes,
}

/// Why there are no taxes, and won't be however often they are asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TaxRefusal {
    /// A stable code.
    pub(crate) code: &'static str,
    /// For a person to read.
    pub(crate) detail: String,
}

/// A service failed, and nothing stands in for it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct ServiceFailure {
    calculator: ExternalTaxCalculatorId,
    error: TaxError,
}

/// Nothing, because trying again can't help; or because a service, or something behind us, failed.
#[derive(Debug)]
enum NoTaxes {
    Refused(TaxRefusal),
    Service(ServiceFailure),
    Failed(HandleError),
}

impl From<StoreError> for NoTaxes {
    fn from(error: StoreError) -> Self {
        Self::Failed(error.into())
    }
}

impl From<perennial_domain::money::MoneyError> for NoTaxes {
    fn from(error: perennial_domain::money::MoneyError) -> Self {
        refused("amount_out_of_range", error.to_string())
    }
}

fn refused(code: &'static str, detail: String) -> NoTaxes {
    NoTaxes::Refused(TaxRefusal { code, detail })
}

impl TaxEngine {
    /// The engine of a function that charges.
    pub(crate) fn build(environment: &Environment, store: &Store) -> Result<Self, SettingError> {
        Ok(Self {
            store: store.clone(),
            client: Outbound::new(settings::private_webhooks(environment)?),
            breakers: Breakers::default(),
            kept: Mutex::default(),
            fresh: FRESH,
        })
    }

    /// The same, which looks at what is stored each time.
    pub(crate) fn always_fresh(self) -> Self {
        Self { fresh: Duration::ZERO, ..self }
    }

    /// The taxes of a sale; `None` in a market without a calculator, at no cost.
    pub(crate) async fn taxes_for(
        &self,
        sale: &Sale<'_>,
        now: DateTime<Utc>,
    ) -> Result<Result<Option<Taxes>, TaxRefusal>, HandleError> {
        match self.found(sale, now).await {
            Ok(found) => Ok(Ok(found.map(|explained| explained.taxes))),
            Err(NoTaxes::Refused(refusal)) => Ok(Err(refusal)),
            // What can't pass by itself passes when somebody mends the service.
            Err(NoTaxes::Service(failure)) => Err(HandleError::Transient(failure.to_string())),
            Err(NoTaxes::Failed(error)) => Err(error),
        }
    }

    /// The taxes of a sale with how they came about.
    async fn found(
        &self,
        sale: &Sale<'_>,
        now: DateTime<Utc>,
    ) -> Result<Option<Explained>, NoTaxes> {
        let Some(id) = &sale.market.tax_calculator_id else { return Ok(None) };
        let (question, calculator) =
            futures::try_join!(self.question(sale), self.calculator(sale.organization, id))?;
        let (taxes, table) = self.answer(&question, &calculator, now).await?;
        Ok(Some(Explained { question, table, taxes }))
    }

    /// What is asked about a sale, with where it goes and the categories of its goods.
    async fn question(&self, sale: &Sale<'_>) -> Result<TaxQuestion, NoTaxes> {
        let items = sale.lines.iter().map(|line| line.item);
        let facts = self.store.tax_facts(sale.organization, sale.addresses, items).await?;
        Ok(TaxQuestion::of(sale, facts)?)
    }

    /// A calculator as it is, or was a moment ago.
    async fn calculator(
        &self,
        organization: &OrganizationId,
        id: &TaxCalculatorId,
    ) -> Result<Calculator, NoTaxes> {
        let key = (organization.clone(), id.clone());
        if let Some(kept) = self.kept(&key) {
            return Ok(kept);
        }
        let read = Instant::now();
        let found = match id {
            TaxCalculatorId::Manual(id) => {
                self.store.tax_table(organization, id).await?.map(Arc::new).map(Calculator::Table)
            }
            TaxCalculatorId::External(id) => self
                .store
                .external_tax_calculator(organization, id.as_str())
                .await?
                .map(Arc::new)
                .map(Calculator::Service),
        };
        let found = found.ok_or_else(|| {
            refused("tax_calculator_missing", format!("there is no tax calculator {id}"))
        })?;
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= MOST_KEPT {
            kept.clear();
        }
        kept.insert(key, (read, found.clone()));
        Ok(found)
    }

    fn kept(&self, key: &(OrganizationId, TaxCalculatorId)) -> Option<Calculator> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let (read, calculator) = kept.get(key)?;
        (read.elapsed() < self.fresh).then(|| calculator.clone())
    }

    /// What the lines of a question bear, and the table that has told it, where one has.
    async fn answer(
        &self,
        question: &TaxQuestion,
        calculator: &Calculator,
        now: DateTime<Utc>,
    ) -> Result<(Taxes, Option<Arc<TaxTable>>), NoTaxes> {
        let service = match calculator {
            Calculator::Table(table) => {
                let taxes = by_table(question, table, TaxSource::Table).await?;
                return Ok((taxes, Some(Arc::clone(table))));
            }
            Calculator::Service(service) => service,
        };
        let error = match self.ask(question, service, now).await {
            Ok(taxes) => return Ok((taxes, None)),
            Err(error) => error,
        };
        tracing::warn!(
            organization = %question.organization,
            order = %question.order_id,
            tax_calculator = %service.id,
            reason = %error,
            "no taxes from the service"
        );
        match (service.on_failure, &service.fallback_tax_calculator_id) {
            (OnTaxFailure::Fallback, Some(id)) => {
                let (taxes, table) = self.stand_in(question, id).await?;
                Ok((taxes, Some(table)))
            }
            (OnTaxFailure::NoTax, _) => {
                let calculator_id = TaxCalculatorId::External(service.id.clone());
                let lines = question.lines.iter().map(untaxed).collect();
                let (behavior, source) = (question.behavior, TaxSource::NoneOnFailure);
                Ok((Taxes { behavior, source, calculator_id, lines }, None))
            }
            (OnTaxFailure::Retry | OnTaxFailure::Fallback, _) => {
                Err(NoTaxes::Service(ServiceFailure { calculator: service.id.clone(), error }))
            }
        }
    }

    /// Asks a service, or tells why there is no answer. Where something stands in for it, one that
    /// is known to be down is not waited for.
    async fn ask(
        &self,
        question: &TaxQuestion,
        service: &ExternalTaxCalculator,
        now: DateTime<Utc>,
    ) -> Result<Taxes, TaxError> {
        let (organization, id) = (&question.organization, &service.id);
        if service.on_failure != OnTaxFailure::Retry
            && let Pass::Rest(left) = self.breakers.pass(organization, id, Instant::now())
        {
            let left = left.as_millis();
            let reason = format!("it failed just now and is left alone for {left} ms");
            return Err(TaxError::Unavailable(Reason::open(reason)));
        }
        let provider = HttpTaxProvider::new(service, &self.client, now);
        let taxes = taxes_by(&provider, question, TaxSource::Provider).await;
        match &taxes {
            Err(TaxError::Unavailable(_) | TaxError::Refused(_)) => {
                self.breakers.failed(organization, id, Instant::now());
            }
            // Whatever it says, it is there.
            Ok(_) | Err(TaxError::Invalid(_) | TaxError::Money(_)) => {
                self.breakers.answered(organization, id);
            }
        }
        taxes
    }

    async fn stand_in(
        &self,
        question: &TaxQuestion,
        id: &ManualTaxCalculatorId,
    ) -> Result<(Taxes, Arc<TaxTable>), NoTaxes> {
        let id = TaxCalculatorId::Manual(id.clone());
        match self.calculator(&question.organization, &id).await? {
            Calculator::Table(table) => {
                Ok((by_table(question, &table, TaxSource::Fallback).await?, table))
            }
            Calculator::Service(_) => {
                Err(refused("tax_calculator_missing", format!("{id} has no rules")))
            }
        }
    }
}

/// What a table tells. It knows of no failure that passes.
async fn by_table(
    question: &TaxQuestion,
    table: &TaxTable,
    source: TaxSource,
) -> Result<Taxes, NoTaxes> {
    let taxes = taxes_by(table, question, source).await;
    taxes.map_err(|error| refused("amount_out_of_range", error.to_string()))
}

/// What a provider tells, with who it was.
async fn taxes_by(
    provider: &dyn TaxProvider,
    question: &TaxQuestion,
    source: TaxSource,
) -> Result<Taxes, TaxError> {
    let lines = provider.taxes(question).await?;
    let (behavior, calculator_id) = (question.behavior, provider.calculator_id());
    Ok(Taxes { behavior, source, calculator_id, lines })
}

/// A line that bears no tax.
fn untaxed(line: &perennial_domain::tax::TaxableLine) -> LineTax {
    LineTax {
        id: line.id.clone(),
        rate: None,
        net: line.amount,
        tax: perennial_domain::money::MinorUnits::ZERO,
        rule_id: None,
        breakdown: Vec::new(),
    }
}
