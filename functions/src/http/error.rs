//! What a client is told when something is wrong. Every kind of error, its status and its title
//! stand in one table, [`Code::facts`].

use perennial_store::StoreError;
use serde_json::{Map, Value, json};

use crate::sqs_batch::HandleError;

/// A kind of error. The name is stable: clients may build on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Code {
    MalformedJson,
    MalformedDocument,
    UnknownParameter,
    InvalidParameter,
    InvalidCursor,
    TooManyRecords,
    InvalidIdempotencyKey,
    Unauthorized,
    Forbidden,
    ClientGeneratedId,
    NotFound,
    MethodNotAllowed,
    NotAcceptable,
    TypeMismatch,
    IdMismatch,
    Conflict,
    InvalidStatus,
    InUse,
    IdempotencyInProgress,
    PreconditionFailed,
    BodyTooLarge,
    UnsupportedMediaType,
    UnknownAttribute,
    ReadOnlyAttribute,
    WrongType,
    OutOfRange,
    Required,
    InvalidValue,
    UnknownRelationship,
    RelatedNotFound,
    CurrencyMismatch,
    FrequencyNotAllowed,
    PriceMissing,
    TaxCalculatorFailed,
    Taken,
    IdempotencyKeyReused,
    Unmappable,
    Overloaded,
    Internal,
    Unavailable,
}

impl Code {
    /// Every kind of error, for the OpenAPI document.
    pub(crate) const ALL: [Self; 40] = [
        Self::MalformedJson,
        Self::MalformedDocument,
        Self::UnknownParameter,
        Self::InvalidParameter,
        Self::InvalidCursor,
        Self::TooManyRecords,
        Self::InvalidIdempotencyKey,
        Self::Unauthorized,
        Self::Forbidden,
        Self::ClientGeneratedId,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::NotAcceptable,
        Self::TypeMismatch,
        Self::IdMismatch,
        Self::Conflict,
        Self::InvalidStatus,
        Self::InUse,
        Self::IdempotencyInProgress,
        Self::PreconditionFailed,
        Self::BodyTooLarge,
        Self::UnsupportedMediaType,
        Self::UnknownAttribute,
        Self::ReadOnlyAttribute,
        Self::WrongType,
        Self::OutOfRange,
        Self::Required,
        Self::InvalidValue,
        Self::UnknownRelationship,
        Self::RelatedNotFound,
        Self::CurrencyMismatch,
        Self::FrequencyNotAllowed,
        Self::PriceMissing,
        Self::TaxCalculatorFailed,
        Self::Taken,
        Self::IdempotencyKeyReused,
        Self::Unmappable,
        Self::Overloaded,
        Self::Internal,
        Self::Unavailable,
    ];

    /// HTTP status, name and title. The only place where errors get a status.
    pub(crate) fn facts(self) -> (u16, &'static str, &'static str) {
        match self {
            Self::MalformedJson => (400, "malformed_json", "The body is not JSON"),
            Self::MalformedDocument => {
                (400, "malformed_document", "The body is not a JSON:API document")
            }
            Self::UnknownParameter => (400, "unknown_parameter", "Unknown query parameter"),
            Self::InvalidParameter => (400, "invalid_parameter", "Invalid query parameter"),
            Self::InvalidCursor => (400, "invalid_cursor", "Invalid page cursor"),
            Self::TooManyRecords => (400, "too_many_records", "Too many records for this query"),
            Self::InvalidIdempotencyKey => {
                (400, "invalid_idempotency_key", "Invalid idempotency key")
            }
            Self::Unauthorized => (401, "unauthorized", "No valid token"),
            Self::Forbidden => (403, "forbidden", "Not allowed"),
            Self::ClientGeneratedId => (403, "client_generated_id", "Ids are given by the server"),
            Self::NotFound => (404, "not_found", "Not found"),
            Self::MethodNotAllowed => (405, "method_not_allowed", "Method not allowed"),
            Self::NotAcceptable => (406, "not_acceptable", "Not acceptable"),
            Self::TypeMismatch => (409, "type_mismatch", "Wrong resource type"),
            Self::IdMismatch => (409, "id_mismatch", "Wrong resource id"),
            Self::Conflict => (409, "conflict", "Changed meanwhile"),
            Self::InvalidStatus => (409, "invalid_status", "Not possible in this status"),
            Self::InUse => (409, "in_use", "Still needed"),
            Self::IdempotencyInProgress => {
                (409, "idempotency_in_progress", "The same request is being worked on")
            }
            Self::PreconditionFailed => (412, "precondition_failed", "Stale version"),
            Self::BodyTooLarge => (413, "body_too_large", "The body is too large"),
            Self::UnsupportedMediaType => (415, "unsupported_media_type", "Unsupported media type"),
            Self::UnknownAttribute => (422, "unknown_attribute", "Unknown attribute"),
            Self::ReadOnlyAttribute => (422, "read_only_attribute", "Read-only attribute"),
            Self::WrongType => (422, "wrong_type", "Value of the wrong type"),
            Self::OutOfRange => (422, "out_of_range", "Value out of range"),
            Self::Required => (422, "required", "Required value missing"),
            Self::InvalidValue => (422, "invalid_value", "Invalid value"),
            Self::UnknownRelationship => (422, "unknown_relationship", "Unknown relationship"),
            Self::RelatedNotFound => (422, "related_not_found", "Related resource not found"),
            Self::CurrencyMismatch => (422, "currency_mismatch", "Currencies do not match"),
            Self::FrequencyNotAllowed => (422, "frequency_not_allowed", "Frequency not allowed"),
            Self::PriceMissing => (422, "price_missing", "No price to follow"),
            Self::TaxCalculatorFailed => {
                (422, "tax_calculator_failed", "The tax calculator can't be used as it is")
            }
            Self::Taken => (422, "taken", "Value already taken"),
            Self::IdempotencyKeyReused => {
                (422, "idempotency_key_reused", "Idempotency key used for another request")
            }
            Self::Overloaded => (429, "overloaded", "Too many orders at once"),
            Self::Unmappable => (422, "unmappable", "The payload can't be mapped"),
            Self::Internal => (500, "internal", "Internal error"),
            Self::Unavailable => (503, "unavailable", "Temporarily unavailable"),
        }
    }

    pub(crate) fn status(self) -> u16 {
        self.facts().0
    }
}

/// Where in a request something is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    /// JSON pointer into the body.
    Pointer(String),
    /// Query parameter.
    Parameter(String),
    /// Header.
    Header(&'static str),
}

/// One thing that is wrong with a request, as the client is told.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Problem {
    pub(crate) code: Code,
    pub(crate) detail: String,
    pub(crate) source: Option<Source>,
    pub(crate) meta: Map<String, Value>,
}

impl Problem {
    pub(crate) fn new(code: Code, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into(), source: None, meta: Map::new() }
    }

    /// Says where in the body it is.
    pub(crate) fn at(mut self, pointer: impl Into<String>) -> Self {
        self.source = Some(Source::Pointer(pointer.into()));
        self
    }

    /// Says in which query parameter it is.
    pub(crate) fn in_parameter(mut self, parameter: impl Into<String>) -> Self {
        self.source = Some(Source::Parameter(parameter.into()));
        self
    }

    /// Says in which header it is.
    pub(crate) fn in_header(mut self, header: &'static str) -> Self {
        self.source = Some(Source::Header(header));
        self
    }

    /// Adds a fact for programs.
    pub(crate) fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.meta.insert(name.to_owned(), value.into());
        self
    }

    /// The status of this problem: its code's, but 404 for a relationship that leads to nothing, as
    /// JSON:API demands. The same code for an attribute, such as a line's `sku_code`, stays 422.
    pub(crate) fn status(&self) -> u16 {
        match &self.source {
            Some(Source::Pointer(pointer))
                if self.code == Code::RelatedNotFound
                    && pointer.starts_with("/data/relationships/") =>
            {
                Code::NotFound.status()
            }
            _ => self.code.status(),
        }
    }

    fn to_json(&self) -> Value {
        let (_, code, title) = self.code.facts();
        let mut error = json!({
            "status": self.status().to_string(),
            "code": code,
            "title": title,
            "detail": self.detail,
        });
        if let Value::Object(members) = &mut error {
            match &self.source {
                Some(Source::Pointer(pointer)) => {
                    members.insert("source".to_owned(), json!({"pointer": pointer}));
                }
                Some(Source::Parameter(parameter)) => {
                    members.insert("source".to_owned(), json!({"parameter": parameter}));
                }
                Some(Source::Header(header)) => {
                    members.insert("source".to_owned(), json!({"header": header}));
                }
                None => {}
            }
            if !self.meta.is_empty() {
                members.insert("meta".to_owned(), Value::Object(self.meta.clone()));
            }
        }
        error
    }
}

/// Why a request is not carried out: one or more problems, all of which the client is told.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ApiError {
    pub(crate) problems: Vec<Problem>,
    pub(crate) headers: Vec<(&'static str, String)>,
    /// What only the log may know.
    pub(crate) inside: Option<String>,
}

/// What a handler answers, or why it doesn't.
pub(crate) type Outcome<T> = Result<T, ApiError>;

impl From<Problem> for ApiError {
    fn from(problem: Problem) -> Self {
        Self { problems: vec![problem], headers: Vec::new(), inside: None }
    }
}

impl ApiError {
    /// Something that is not there, or not there for this caller.
    pub(crate) fn not_found(what: &str, id: &str) -> Self {
        let shown: String = id.chars().take(100).collect();
        Problem::new(Code::NotFound, format!("there is no {what} {shown:?}")).into()
    }

    /// A failure that the client can do nothing about.
    pub(crate) fn internal(inside: impl Into<String>) -> Self {
        let detail = "something went wrong on the server; nothing is known to have changed";
        let mut error = Self::from(Problem::new(Code::Internal, detail));
        error.inside = Some(inside.into());
        error
    }

    /// A failure that passes.
    pub(crate) fn unavailable(inside: impl Into<String>) -> Self {
        let detail = "the service is temporarily unavailable; the same request may be sent again";
        let mut error = Self::from(Problem::new(Code::Unavailable, detail));
        error.headers.push(("retry-after", "1".to_owned()));
        error.inside = Some(inside.into());
        error
    }

    /// A write that someone else got ahead of.
    pub(crate) fn conflict(what: &str) -> Self {
        Problem::new(
            Code::Conflict,
            format!(
                "the {what} changed while this request was worked on: read it again, then decide"
            ),
        )
        .into()
    }

    /// The status of the answer: that of all problems, or 400 where they differ.
    pub(crate) fn status(&self) -> u16 {
        let mut statuses = self.problems.iter().map(Problem::status);
        match statuses.next() {
            Some(first) if statuses.all(|status| status == first) => first,
            Some(_) => 400,
            None => 500,
        }
    }

    /// The error document.
    pub(crate) fn to_json(&self, request_id: &str) -> Value {
        let errors: Vec<Value> = self.problems.iter().map(Problem::to_json).collect();
        json!({
            "jsonapi": {"version": "1.1"},
            "errors": errors,
            "meta": {"request_id": request_id},
        })
    }
}

/// What went wrong behind a request, in what functions of queues do as well.
impl From<HandleError> for ApiError {
    fn from(error: HandleError) -> Self {
        match error {
            HandleError::Transient(inside) => Self::unavailable(inside),
            HandleError::Permanent(inside) => Self::internal(inside),
        }
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Conflict(part) => Self::conflict(&part.to_string()),
            StoreError::OutOfStock { sku } => Problem::new(
                Code::InvalidValue,
                format!("sku {sku:?} has fewer units in stock than wanted"),
            )
            .into(),
            StoreError::Unavailable(inside) => Self::unavailable(inside),
            error @ (StoreError::NotTracked { .. }
            | StoreError::Refused(_)
            | StoreError::Corrupt { .. }) => Self::internal(error.to_string()),
        }
    }
}

/// Problems found so far, so that a client is told all of them at once.
#[derive(Debug, Default)]
pub(crate) struct Problems(Vec<Problem>);

impl Problems {
    pub(crate) fn add(&mut self, problem: Problem) {
        self.0.push(problem);
    }

    /// What was read, unless anything was wrong.
    pub(crate) fn finish<T>(self, read: Option<T>) -> Outcome<T> {
        self.check()?;
        read.ok_or_else(|| ApiError::internal("something required was absent without a problem"))
    }

    /// Fails where anything was wrong.
    pub(crate) fn check(self) -> Outcome<()> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(ApiError { problems: self.0, headers: Vec::new(), inside: None })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_its_own_name_and_a_status_of_an_error() {
        let names: std::collections::BTreeSet<_> =
            Code::ALL.iter().map(|code| code.facts().1).collect();
        assert_eq!(names.len(), Code::ALL.len());
        assert!(Code::ALL.iter().all(|code| (400..600).contains(&code.status())));
    }

    #[test]
    fn problems_of_different_status_answer_400() {
        let mut problems = Problems::default();
        problems.add(Problem::new(Code::Required, "a"));
        problems.add(Problem::new(Code::Conflict, "b"));
        assert_eq!(problems.check().map_err(|error| error.status()), Err(400));
    }

    #[test]
    fn a_relationship_to_nothing_answers_404_and_an_attribute_422() {
        for (pointer, status) in
            [("/data/relationships/market/data/id", 404), ("/data/attributes/sku_code", 422)]
        {
            let error = ApiError::from(Problem::new(Code::RelatedNotFound, "").at(pointer));
            assert_eq!(error.status(), status);
            let document = error.to_json("r");
            let told = document.pointer("/errors/0/status").and_then(Value::as_str);
            assert_eq!(told, Some(status.to_string().as_str()));
        }
    }

    #[test]
    fn what_storage_says_stays_inside() {
        let error = ApiError::from(StoreError::Refused("table secret-name".to_owned()));
        assert_eq!(error.status(), 500);
        assert!(!error.to_json("r").to_string().contains("secret-name"));
    }
}
