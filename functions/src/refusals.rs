//! What a client is told where the rules refuse something: one problem for each reason.

use perennial_domain::order::Rejection;

use crate::http::error::{ApiError, Code, Problem};

/// The reasons, each as a problem at its place in the document.
pub(crate) fn problems_of(rejections: &[Rejection]) -> impl Iterator<Item = Problem> + '_ {
    rejections.iter().map(|Rejection { code, detail, pointer }| {
        let known = Code::ALL.into_iter().find(|known| known.facts().1 == code);
        Problem::new(known.unwrap_or(Code::InvalidValue), detail).at(pointer)
    })
}

/// All of the reasons at once.
pub(crate) fn refused(rejections: &[Rejection]) -> ApiError {
    let problems = problems_of(rejections).collect();
    ApiError { problems, headers: Vec::new(), inside: None }
}
