//! What a client is told where the rules refuse something: one problem for each reason.

use perennial_domain::order::Rejection;

use crate::http::error::{ApiError, Code, Problem};

/// All of the reasons, each at its place in the document.
pub(crate) fn refused(rejections: &[Rejection]) -> ApiError {
    let problems = rejections
        .iter()
        .map(|Rejection { code, detail, pointer }| {
            let known = Code::ALL.into_iter().find(|known| known.facts().1 == code);
            Problem::new(known.unwrap_or(Code::InvalidValue), detail).at(pointer)
        })
        .collect();
    ApiError { problems, headers: Vec::new(), inside: None }
}
