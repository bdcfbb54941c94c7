//! Operations: what can be asked, by method and path. The registry of them routes requests, and the
//! OpenAPI document is made from it, so the two can't differ.

use std::pin::Pin;

use super::{
    caller::Verb,
    context::Context,
    error::{ApiError, Code, Outcome, Problem},
    event::Answer,
    object::ResourceType,
    query::Accepts,
};

/// What a handler returns.
pub(crate) type Handled<'a> = Pin<Box<dyn Future<Output = Outcome<Answer>> + Send + 'a>>;
/// What carries an operation out.
pub(crate) type Handler = for<'a> fn(&'a Context<'a>) -> Handled<'a>;

/// Makes a [`Handler`] of an async function.
macro_rules! handler {
    ($function:path) => {
        |context| Box::pin($function(context))
    };
}
pub(crate) use handler;

/// What is done to the resources.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    List,
    Read,
    Create,
    Update,
    Delete,
    /// Computes from a document, and stores nothing.
    Preview,
    /// Takes what somebody sends in a form of their own.
    Receive,
}

/// Which function serves an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Surface {
    /// Writes of orders and their lines.
    Intake,
    /// What channels send, and how they are read.
    Channels,
    /// Subscriptions from other books.
    Import,
    /// What somebody has to see to.
    Failures,
    /// Refunds, and writes of payment sources.
    Payments,
    /// Proofs of the books.
    Reconciliation,
    /// How checks do, and how they would by changed policies.
    Checks,
    /// What the rules of time and money say about given values.
    Previews,
    /// Everything else.
    Api,
}

/// One operation.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Operation {
    pub(crate) action: Action,
    /// With `{id}` where an id stands.
    pub(crate) path: &'static str,
    pub(crate) kind: &'static ResourceType,
    pub(crate) surface: Surface,
    pub(crate) accepts: Accepts,
    pub(crate) about: &'static str,
    pub(crate) handler: Handler,
}

impl Action {
    pub(crate) fn method(self) -> &'static str {
        match self {
            Self::List | Self::Read => "GET",
            Self::Create | Self::Preview | Self::Receive => "POST",
            Self::Update => "PATCH",
            Self::Delete => "DELETE",
        }
    }

    pub(crate) fn verb(self) -> Verb {
        match self {
            Self::List | Self::Read | Self::Preview => Verb::Read,
            Self::Create | Self::Update | Self::Delete | Self::Receive => Verb::Write,
        }
    }

    /// Whether requests have a document of ours.
    pub(crate) fn has_body(self) -> bool {
        matches!(self, Self::Create | Self::Update | Self::Preview)
    }
}

/// Stands in the place of a handler where an operation is only described: another function serves it,
/// and this one leaves its code out.
pub(crate) fn elsewhere<'a>(context: &'a Context<'a>) -> Handled<'a> {
    let error = ApiError::not_found("resource at path", &context.request.path);
    Box::pin(std::future::ready(Err(error)))
}

/// The same operations without what carries them out: see [`elsewhere`].
#[expect(clippy::panic, clippy::indexing_slicing, reason = "evaluated when compiled")]
pub(crate) const fn description_of<const N: usize>(operations: &[Operation]) -> [Operation; N] {
    assert!(operations.len() == N, "a description leaves no operation out");
    let [first, ..] = operations else { panic!("there is an operation to describe") };
    let mut all = [*first; N];
    let (mut place, mut rest) = (0, operations);
    while let [operation, others @ ..] = rest {
        all[place] = Operation { handler: elsewhere, ..*operation };
        (place, rest) = (place + 1, others);
    }
    all
}

/// Describes a table of operations that another function serves.
macro_rules! described {
    ($table:path) => {{
        static DESCRIBED: [Operation; $table.len()] =
            $crate::http::operation::description_of($table);
        &DESCRIBED
    }};
}
pub(crate) use described;

/// The operation for a request, and the id in its path.
pub(crate) fn find<'a>(
    operations: impl IntoIterator<Item = &'static Operation>,
    method: &str,
    path: &'a str,
) -> Outcome<(&'static Operation, &'a str)> {
    let mut allowed = Vec::new();
    for operation in operations {
        let Some(id) = captured(operation.path, path) else { continue };
        if operation.action.method() == method {
            return Ok((operation, id));
        }
        allowed.push(operation.action.method());
    }
    let shown: String = path.chars().take(200).collect();
    if allowed.is_empty() {
        return Err(ApiError::not_found("resource at path", &shown));
    }
    allowed.sort_unstable();
    allowed.dedup();
    let allowed = allowed.join(", ");
    let method: String = method.chars().take(20).collect();
    let mut error = ApiError::from(Problem::new(
        Code::MethodNotAllowed,
        format!("{shown} does not answer {method}; it answers: {allowed}"),
    ));
    error.headers.push(("allow", allowed));
    Err(error)
}

/// The id where a path has the shape of a pattern; empty where the pattern holds none.
fn captured<'a>(pattern: &str, path: &'a str) -> Option<&'a str> {
    let mut id = "";
    let mut segments = path.split('/');
    for expected in pattern.split('/') {
        let segment = segments.next()?;
        if expected == "{id}" {
            if segment.is_empty() {
                return None;
            }
            id = segment;
        } else if expected != segment {
            return None;
        }
    }
    segments.next().is_none().then_some(id)
}

#[cfg(test)]
mod tests {
    use super::captured;

    #[test]
    fn paths_match_segment_by_segment() {
        let pattern = "/api/orders/{id}/line_items";
        assert_eq!(captured(pattern, "/api/orders/ord_1/line_items"), Some("ord_1"));
        for path in [
            "/api/orders//line_items",
            "/api/orders/ord_1/line_items/",
            "/api/orders/ord_1",
            "/api/orders/a/b/line_items",
            "api/orders/ord_1/line_items",
            "",
            "/api/../orders/x/line_items",
        ] {
            assert_eq!(captured(pattern, path), None, "{path}");
        }
    }
}
