//! Stripe over its HTTP API: payment intents, refunds, and [notices](webhook) of what happens later.
//!
//! | ours | Stripe's |
//! |---|---|
//! | charge | a payment intent, created with `confirm` and `off_session` |
//! | authorize, capture | the same with `capture_method=manual`; its capture |
//! | void | the intent's cancellation |
//! | refund | a refund of the intent |
//! | charge id | the intent's id (`pi_...`) |
//! | token | `cus_...|pm_...`, or `pm_...` alone, whose customer is asked for with one call more |
//!
//! **Idempotency.** Every write carries an `Idempotency-Key` made of operation, organization and our
//! key, so a repeat within a day is answered by Stripe from its memory. A memory can be stale: what
//! is answered from it and is not final is read anew. Stripe forgets keys after a day at the earliest
//! ([`FORGOTTEN_AFTER`] is below that), so a key that may be older is looked up first.
//!
//! **Look-up.** Each intent has our key, organization and order in its metadata. It is found in the
//! list of its customer's intents, which is consistent, by the token that it was made with. Where it is
//! not there, and is not all new, Stripe's search is asked: the token may be that of another customer
//! by now. Without a token the search, which may be a minute behind, is asked first, and then the
//! account's latest intents are gone through. Stripe's clock is the real one: so must ours be.

mod api;
mod currency;
mod declines;
mod form;
mod objects;
mod token;
pub mod webhook;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use chrono::{TimeDelta, Utc};
use perennial_https::{Exchange, Limits};
use sha2::{Digest as _, Sha256};

use self::{
    api::{Api, Failure},
    currency::{from_stripe, to_stripe},
    form::Form,
    objects::{Intent, List, Metadata, Method, Refund, metadata},
    token::{Named, is_id},
};
use crate::{
    CaptureRequest, ChargeLookup, ChargeOutcome, ChargeRecord, ChargeRequest, Cursor, Page,
    PaymentError, PaymentProvider, PaymentState, PaymentToken, RefundOutcome, RefundRecord,
    RefundRequest, SecretSource, Span, TokenDigest, VoidOutcome, decline_code, decline_kind,
};

/// Stripe's own API.
pub const API: &str = "https://api.stripe.com";

/// Stripe keeps idempotency keys for 24 hours at least. One that was first sent longer ago than this
/// is looked up before it is sent again.
pub const FORGOTTEN_AFTER: TimeDelta = TimeDelta::hours(20);

/// How far Stripe's clock and ours may be apart.
const CLOCKS_APART: TimeDelta = TimeDelta::minutes(10);
/// How far its search may be behind.
const SEARCH_BEHIND: TimeDelta = TimeDelta::minutes(15);
/// Items on a page of a list: Stripe's maximum.
const PAGE: usize = 100;
/// Pages that a look-up goes through before it gives up.
const MOST_PAGES: usize = 20;

/// Waits and sizes: a function that makes a batch of charges at once has half a minute for a charge
/// and its look-up.
const LIMITS: Limits = Limits {
    connect: Duration::from_secs(3),
    total: Duration::from_secs(12),
    answer: 4 * 1024 * 1024,
};

/// Payments by one Stripe account.
#[derive(Debug, Clone)]
pub struct StripeProvider {
    api: Api,
}

impl StripeProvider {
    /// A provider for the account whose secret key (`sk_...`, or better a restricted `rk_...`) comes
    /// from the source. `base` is [`API`], or the URL of a stand-in.
    #[must_use]
    pub fn new(base: &str, secret: Arc<dyn SecretSource>) -> Self {
        let base = base.trim_end_matches('/').to_owned();
        Self { api: Api { exchange: Exchange::new(LIMITS), base, secret } }
    }

    /// Where the payment of an intent stands, and for what it was made; `None` when there is no such
    /// intent, or it is not ours. For a notice, which is not taken at its word.
    ///
    /// # Errors
    /// [`PaymentError::Unknown`] when Stripe could not be asked.
    pub async fn subject(&self, payment_id: &str) -> Result<Option<Subject>, PaymentError> {
        if !is_id(payment_id, &["pi_"]) {
            return Ok(None);
        }
        let intent = self.intent(payment_id).await?;
        Ok(intent.and_then(|intent| Subject::of(&intent.metadata)))
    }

    /// What the latest of a customer's payments was for that is ours.
    ///
    /// # Errors
    /// [`PaymentError::Unknown`] when Stripe could not be asked.
    pub async fn subject_of_customer(
        &self,
        customer: &str,
    ) -> Result<Option<Subject>, PaymentError> {
        if !is_id(customer, &["cus_"]) {
            return Ok(None);
        }
        let filter = Form::default().with("customer", customer);
        let latest: List<Intent> = self.page("/v1/payment_intents", &filter, None).await?;
        Ok(latest.data.iter().find_map(|intent| Subject::of(&intent.metadata)))
    }

    async fn intent(&self, id: &str) -> Result<Option<Intent>, PaymentError> {
        self.api.get(&format!("/v1/payment_intents/{id}"), &Form::default()).await
    }

    /// The customer who pays, and by what; `None` where that is no customer's (any more).
    async fn payer(&self, token: &PaymentToken) -> Result<Option<(String, String)>, PaymentError> {
        let Named { customer, payment_method } = Named::read(token)?;
        let customer = match customer {
            Some(customer) => Some(customer),
            None => self.owner(&payment_method).await?,
        };
        Ok(customer.map(|customer| (customer, payment_method)))
    }

    /// The customer to whom a payment method is attached.
    async fn owner(&self, payment_method: &str) -> Result<Option<String>, PaymentError> {
        let path = format!("/v1/payment_methods/{payment_method}");
        let method: Option<Method> =
            self.api.get(&path, &Form::default()).await.map_err(nothing_moved)?;
        Ok(method.and_then(|method| method.customer))
    }

    /// Whether a charge was refused because its means of payment is not the customer's any more.
    /// Stripe names what is missing; of what was detached it says only that it is wrong.
    async fn is_removed(
        &self,
        error: &objects::Error,
        customer: &str,
        payment_method: &str,
    ) -> Result<bool, PaymentError> {
        if error.misses(&["payment_method", "customer"]) {
            return Ok(true);
        }
        Ok(is_id(payment_method, &["pm_"])
            && self.owner(payment_method).await?.as_deref() != Some(customer))
    }

    /// What stands under the key of a request whose means of payment was removed. It may have paid
    /// before that.
    async fn without_payer(
        &self,
        request: &ChargeRequest,
        amount: i64,
    ) -> Result<PaymentState, PaymentError> {
        if let Some(intent) = self.find(&request.lookup()).await.map_err(nothing_moved)? {
            return self.standing(&intent, request, amount).await;
        }
        let code = decline_code::PAYMENT_METHOD_REMOVED;
        Ok(PaymentState::Declined {
            kind: decline_kind(code),
            code: code.to_owned(),
            message: "The payment method does not exist or is not attached to the customer: only \
                      one that is can be charged while nobody is there."
                .to_owned(),
            token: Some(TokenDigest::of(&request.token)),
        })
    }

    /// Makes an intent and confirms it, or answers what became of its key.
    async fn make(
        &self,
        request: &ChargeRequest,
        capture_method: &str,
    ) -> Result<PaymentState, PaymentError> {
        request.validate()?;
        let amount = to_stripe(request.amount_minor, &request.currency)?;
        let Some((customer, payment_method)) = self.payer(&request.token).await? else {
            return self.without_payer(request, amount).await;
        };
        if request.requested_at - request.key_since > FORGOTTEN_AFTER {
            let found = self.find(&request.lookup()).await.map_err(nothing_moved)?;
            if let Some(intent) = found {
                return self.standing(&intent, request, amount).await;
            }
        }
        let token = TokenDigest::of(&request.token);
        let form = Form::default()
            .with("amount", amount.to_string())
            .with("currency", request.currency.to_ascii_lowercase())
            .with("customer", &customer)
            .with("payment_method", &payment_method)
            .with("capture_method", capture_method)
            .with("confirm", "true")
            .with("off_session", "true")
            .with("automatic_payment_methods[enabled]", "true")
            .with("automatic_payment_methods[allow_redirects]", "never")
            .metadata(metadata::KEY, request.key.as_str())
            .metadata(metadata::ORGANIZATION, &request.organization)
            .metadata(metadata::REFERENCE, &request.reference)
            .metadata(metadata::ATTEMPT, request.attempt.to_string())
            .metadata(metadata::TOKEN, token.as_str());
        let key = idempotency_key("intent", &request.organization, request.key.as_str());
        match self.api.post::<Intent>("/v1/payment_intents", &form, &key).await {
            Ok(reply) if reply.replayed => self.standing(&reply.body, request, amount).await,
            Ok(reply) => reply.body.state(),
            Err(Failure::Declined { error, replayed }) => match &error.payment_intent {
                Some(intent) if replayed => self.standing(intent, request, amount).await,
                Some(intent) => Ok(error.state(&intent.id).declined_with(Some(token))),
                None => Ok(error.state("").declined_with(Some(token))),
            },
            Err(Failure::KeyReused(error)) => match self.find(&request.lookup()).await? {
                Some(intent) => self.standing(&intent, request, amount).await,
                // The first request under the key made nothing, and Stripe remembers that for a day.
                None => Err(PaymentError::unavailable(error.told())),
            },
            Err(Failure::Refused(error))
                if self.is_removed(&error, &customer, &payment_method).await? =>
            {
                self.without_payer(request, amount).await
            }
            Err(failure) => Err(failure.into()),
        }
    }

    /// Where an intent stands that was made earlier under the key of this request. One that waited
    /// for its customer and was declined then is canceled first, so that it stays declined: its
    /// customer could go on and pay it.
    async fn standing(
        &self,
        earlier: &Intent,
        request: &ChargeRequest,
        amount: i64,
    ) -> Result<PaymentState, PaymentError> {
        let matches = earlier.amount == amount
            && earlier.currency() == request.currency
            && earlier.ours(metadata::REFERENCE).is_none_or(|told| told == request.reference);
        if !matches {
            return Err(PaymentError::refused(format!(
                "key {} was used before for {} {} on {}",
                request.key,
                from_stripe(earlier.amount, &earlier.currency()),
                earlier.currency(),
                earlier.ours(metadata::REFERENCE).unwrap_or("something else"),
            )));
        }
        let Some(intent) = self.intent(&earlier.id).await? else {
            return Err(PaymentError::unknown(format!("intent {} is gone", earlier.id)));
        };
        let state = intent.state()?;
        if matches!(state, PaymentState::Declined { .. }) && intent.status != "canceled" {
            return match self.cancel(&intent.id).await? {
                PaymentState::Declined { .. } => Ok(state),
                other => Ok(other),
            };
        }
        Ok(state)
    }

    /// Cancels an intent, and answers where it stands after that.
    async fn cancel(&self, id: &str) -> Result<PaymentState, PaymentError> {
        let path = format!("/v1/payment_intents/{id}/cancel");
        let key = idempotency_key("cancel", "", id);
        match self.api.post::<Intent>(&path, &Form::default(), &key).await {
            Ok(reply) => reply.body.state(),
            // It was captured, confirmed or canceled meanwhile, or is being processed.
            Err(Failure::Refused(error)) => match self.intent(id).await? {
                Some(intent) => intent.state(),
                None => Err(PaymentError::refused(error.told())),
            },
            Err(failure) => Err(failure.into()),
        }
    }

    /// The intent that was made under a key.
    async fn find(&self, lookup: &ChargeLookup) -> Result<Option<Intent>, PaymentError> {
        let ChargeLookup { organization, key, token, since } = lookup;
        let under = |intent: &Intent| intent.is_under(organization, key);
        let since = since.map(|since| since - CLOCKS_APART);
        let mut listed = false;
        if let Some(token) = token
            && let Ok(Some((customer, _))) = self.payer(token).await
        {
            let mut filter = Form::default().with("customer", customer);
            if let Some(since) = since {
                filter = filter.with("created[gte]", since.timestamp().to_string());
            }
            let found = self.first(&filter, under).await?;
            let young = since.is_some_and(|since| Utc::now() - since < SEARCH_BEHIND);
            if found.is_some() || young {
                return Ok(found);
            }
            // It may have been sent with the token of another customer of Stripe's.
            listed = true;
        }
        let quoted = key.as_str().replace('\\', "\\\\").replace('\'', "\\'");
        let query = format!("metadata['{}']:'{quoted}'", metadata::KEY);
        let query = Form::default().with("query", query).with("limit", PAGE.to_string());
        let found: Option<List<Intent>> =
            self.api.get("/v1/payment_intents/search", &query).await?;
        if let Some(intent) = found.into_iter().flat_map(|list| list.data).find(|one| under(one)) {
            return Ok(Some(intent));
        }
        if listed {
            return Ok(None);
        }
        let recent = (Utc::now() - SEARCH_BEHIND).timestamp().to_string();
        self.first(&Form::default().with("created[gte]", recent), under).await
    }

    /// The first intent of a list that is wanted.
    async fn first(
        &self,
        filter: &Form,
        wanted: impl Fn(&Intent) -> bool,
    ) -> Result<Option<Intent>, PaymentError> {
        let mut after: Option<String> = None;
        for _ in 0..MOST_PAGES {
            let page: List<Intent> =
                self.page("/v1/payment_intents", filter, after.as_deref()).await?;
            let last = page.data.last().map(|intent| intent.id.clone());
            if let Some(intent) = page.data.into_iter().find(|one| wanted(one)) {
                return Ok(Some(intent));
            }
            match last {
                Some(last) if page.has_more => after = Some(last),
                _ => return Ok(None),
            }
        }
        let most = PAGE * MOST_PAGES;
        Err(PaymentError::unknown(format!(
            "not among the latest {most} intents, and there are more"
        )))
    }

    async fn page<T: serde::de::DeserializeOwned>(
        &self,
        path: &str,
        filter: &Form,
        after: Option<&str>,
    ) -> Result<List<T>, PaymentError> {
        let mut query = filter.clone().with("limit", PAGE.to_string());
        if let Some(after) = after {
            query = query.with("starting_after", after);
        }
        let page = self.api.get(path, &query).await?;
        // A list of what is not there: a customer who was deleted.
        Ok(page.unwrap_or(List { data: Vec::new(), has_more: false }))
    }

    async fn find_refund(&self, request: &RefundRequest) -> Result<Option<Refund>, PaymentError> {
        let filter =
            Form::default().with(charge_parameter(&request.charge_id)?, &request.charge_id);
        let mut after: Option<String> = None;
        for _ in 0..MOST_PAGES {
            let page: List<Refund> = self.page("/v1/refunds", &filter, after.as_deref()).await?;
            let last = page.data.last().map(|refund| refund.id.clone());
            let under = |refund: &Refund| {
                let ours = |name: &str| refund.metadata.get(name).map(String::as_str);
                ours(metadata::KEY) == Some(request.key.as_str())
                    && ours(metadata::ORGANIZATION) == Some(&request.organization)
            };
            if let Some(refund) = page.data.into_iter().find(under) {
                return Ok(Some(refund));
            }
            match last {
                Some(last) if page.has_more => after = Some(last),
                _ => return Ok(None),
            }
        }
        Err(PaymentError::unknown("the charge has more refunds than are gone through"))
    }
}

/// What an intent was made for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// The organization whose customer pays.
    pub organization: String,
    /// The id of the order.
    pub reference: String,
    /// The caller's count of attempts.
    pub attempt: u32,
}

impl Subject {
    fn of(metadata: &Metadata) -> Option<Self> {
        let ours = |name: &str| metadata.get(name).map(String::as_str);
        Some(Self {
            organization: ours(metadata::ORGANIZATION)?.to_owned(),
            reference: ours(metadata::REFERENCE)?.to_owned(),
            attempt: ours(metadata::ATTEMPT)?.parse().ok()?,
        })
    }
}

/// A read before any write: when it fails, nothing has moved.
fn nothing_moved(error: PaymentError) -> PaymentError {
    match error {
        PaymentError::Unknown { reason } => PaymentError::unavailable(reason),
        other => other,
    }
}

/// The name by which a refund tells its charge: an intent, or a charge from before there were any.
fn charge_parameter(charge_id: &str) -> Result<&'static str, PaymentError> {
    if is_id(charge_id, &["pi_"]) {
        Ok("payment_intent")
    } else if is_id(charge_id, &["ch_", "py_"]) {
        Ok("charge")
    } else {
        Err(PaymentError::refused(format!("charge_id {charge_id:?} is no charge of Stripe's")))
    }
}

/// Stripe's idempotency keys belong to the account and have 255 bytes at most; ours belong to the
/// organization and the operation.
fn idempotency_key(operation: &str, organization: &str, key: &str) -> String {
    let digest = Sha256::digest(format!("{operation}\n{organization}\n{key}").as_bytes());
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{operation}-{hex}")
}

/// The seconds that hold a span of time, as Stripe's filters take them.
fn created(span: Span) -> Form {
    let end = span.to + TimeDelta::milliseconds(999);
    Form::default()
        .with("created[gte]", span.from.timestamp().to_string())
        .with("created[lt]", end.timestamp().to_string())
}

fn next<T>(page: &List<T>, id: impl Fn(&T) -> &str) -> Option<Cursor> {
    let last = page.data.last().filter(|_| page.has_more)?;
    Some(Cursor(id(last).to_owned()))
}

#[async_trait]
impl PaymentProvider for StripeProvider {
    async fn charge(&self, request: &ChargeRequest) -> Result<ChargeOutcome, PaymentError> {
        self.make(request, "automatic").await?.settled().ok_or_else(|| {
            PaymentError::refused(format!("key {} was used for an authorization", request.key))
        })
    }

    async fn authorize(&self, request: &ChargeRequest) -> Result<PaymentState, PaymentError> {
        self.make(request, "manual").await
    }

    async fn capture(&self, request: &CaptureRequest) -> Result<ChargeOutcome, PaymentError> {
        request.validate()?;
        let amount = to_stripe(request.amount_minor, &request.currency)?;
        let ChargeLookup { organization, key, .. } = &request.authorization;
        let refused = |reason: &str| PaymentError::refused(format!("{reason} under {key}"));
        let intent = self.find(&request.authorization).await.map_err(nothing_moved)?;
        let intent = intent.ok_or_else(|| refused("nothing was authorized"))?;
        let state = intent.state().map_err(nothing_moved)?;
        let taken = intent.amount_received.unwrap_or(intent.amount);
        if intent.currency() != request.currency || (state.is_paid() && taken != amount) {
            return Err(refused("something else was authorized or taken"));
        }
        if let Some(outcome) = state.settled() {
            return Ok(outcome);
        }
        let path = format!("/v1/payment_intents/{}/capture", intent.id);
        let form = Form::default().with("amount_to_capture", amount.to_string());
        let idempotency_key = idempotency_key("capture", organization, key.as_str());
        match self.api.post::<Intent>(&path, &form, &idempotency_key).await {
            Ok(reply) => {
                reply.body.state()?.settled().ok_or_else(|| PaymentError::unknown("not captured"))
            }
            Err(Failure::Refused(error)) => {
                let now =
                    self.intent(&intent.id).await?.map(|intent| intent.state()).transpose()?;
                let settled = now.and_then(PaymentState::settled);
                settled.ok_or_else(|| PaymentError::refused(error.told()))
            }
            Err(failure) => Err(failure.into()),
        }
    }

    async fn void(&self, payment: &ChargeLookup) -> Result<VoidOutcome, PaymentError> {
        let Some(intent) = self.find(payment).await.map_err(nothing_moved)? else {
            return Ok(VoidOutcome::NotFound);
        };
        let state = match intent.status.as_str() {
            "succeeded" | "canceled" => intent.state()?,
            _ => self.cancel(&intent.id).await?,
        };
        match state {
            PaymentState::Paid { charge_id } => Ok(VoidOutcome::Paid { charge_id }),
            PaymentState::Declined { .. } => Ok(VoidOutcome::Voided),
            PaymentState::Authorized { .. } | PaymentState::NeedsAction(_) => Err(
                PaymentError::unavailable(format!("intent {} can't be canceled now", intent.id)),
            ),
        }
    }

    async fn lookup_payment(
        &self,
        lookup: &ChargeLookup,
    ) -> Result<Option<PaymentState>, PaymentError> {
        self.find(lookup).await?.map(|intent| intent.state()).transpose()
    }

    async fn find_charge(
        &self,
        lookup: &ChargeLookup,
    ) -> Result<Option<ChargeRecord>, PaymentError> {
        Ok(self.find(lookup).await?.as_ref().and_then(Intent::record))
    }

    async fn refund(&self, request: &RefundRequest) -> Result<RefundOutcome, PaymentError> {
        request.validate()?;
        let amount = to_stripe(request.amount_minor, &request.currency)?;
        let parameter = charge_parameter(&request.charge_id)?;
        if request.requested_at - request.key_since > FORGOTTEN_AFTER {
            let found = self.find_refund(request).await.map_err(nothing_moved)?;
            if let Some(refund) = found {
                return settled_refund(&refund, request, amount);
            }
        }
        let form = Form::default()
            .with(parameter, &request.charge_id)
            .with("amount", amount.to_string())
            .metadata(metadata::KEY, request.key.as_str())
            .metadata(metadata::ORGANIZATION, &request.organization)
            .metadata(metadata::REFERENCE, &request.reference);
        let key = idempotency_key("refund", &request.organization, request.key.as_str());
        match self.api.post::<Refund>("/v1/refunds", &form, &key).await {
            Ok(reply) if !reply.replayed => reply.body.outcome_in(&request.currency),
            Ok(reply) => {
                let path = format!("/v1/refunds/{}", reply.body.id);
                let now: Option<Refund> = self.api.get(&path, &Form::default()).await?;
                now.unwrap_or(reply.body).outcome_in(&request.currency)
            }
            Err(Failure::KeyReused(error)) => match self.find_refund(request).await? {
                Some(refund) => settled_refund(&refund, request, amount),
                None => Err(PaymentError::refused(error.told())),
            },
            Err(failure) => Err(failure.into()),
        }
    }

    async fn lookup_refund(
        &self,
        request: &RefundRequest,
    ) -> Result<Option<RefundOutcome>, PaymentError> {
        let found = self.find_refund(request).await?;
        found.map(|refund| refund.outcome_in(&request.currency)).transpose()
    }

    async fn list_charges(
        &self,
        organization: &str,
        span: Span,
        after: Option<&Cursor>,
    ) -> Result<Page<ChargeRecord>, PaymentError> {
        let after = after.map(|cursor| cursor.0.as_str());
        let page: List<Intent> = self.page("/v1/payment_intents", &created(span), after).await?;
        let next = next(&page, |intent| &intent.id);
        let ours = page
            .data
            .iter()
            .filter(|intent| intent.ours(metadata::ORGANIZATION) == Some(organization));
        let records = ours.filter_map(Intent::record);
        Ok(Page { records: records.filter(|one| span.contains(one.created_at)).collect(), next })
    }

    async fn list_refunds(
        &self,
        organization: &str,
        span: Span,
        after: Option<&Cursor>,
    ) -> Result<Page<RefundRecord>, PaymentError> {
        let after = after.map(|cursor| cursor.0.as_str());
        // The intent tells whose it is, also of a refund that was made past us.
        let filter = created(span).with("expand[]", "data.payment_intent");
        let page: List<Refund> = self.page("/v1/refunds", &filter, after).await?;
        let next = next(&page, |refund| &refund.id);
        let records = page.data.iter().filter_map(|refund| refund.record(organization));
        Ok(Page { records: records.filter(|one| span.contains(one.created_at)).collect(), next })
    }
}

/// What became of a refund that was found under the key of this request.
fn settled_refund(
    refund: &Refund,
    request: &RefundRequest,
    amount: i64,
) -> Result<RefundOutcome, PaymentError> {
    if refund.amount == amount {
        return refund.outcome_in(&request.currency);
    }
    Err(PaymentError::refused(format!(
        "refund key {} was used before for {} {}",
        request.key,
        from_stripe(refund.amount, &request.currency),
        request.currency
    )))
}
