//! What the local stack met in a template and can't emulate, named so that a person can find it.

use std::{cell::RefCell, fmt, path::PathBuf, rc::Rc};

use thiserror::Error;

/// One thing in the template that the local stack does not emulate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where: the resource's logical id, or the template's section.
    pub resource: String,
    /// The property, as a dotted path below the resource; empty for the resource itself.
    pub property: String,
    /// What is wrong with it.
    pub reason: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.property.is_empty() {
            write!(formatter, "{}: {}", self.resource, self.reason)
        } else {
            write!(formatter, "{} {}: {}", self.resource, self.property, self.reason)
        }
    }
}

/// Why a template can't be served.
#[derive(Debug, Error)]
pub enum TemplateError {
    /// The file can't be read.
    #[error("the template {path} can't be read: {source}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system answered.
        source: std::io::Error,
    },
    /// The text is not the YAML of a template.
    #[error("the template is not valid: {0}")]
    Malformed(String),
    /// The template holds something that the local stack can't emulate. All of it is listed.
    #[error("the template holds what the local stack can't emulate:{}", listed(.0))]
    Unsupported(Vec<Problem>),
}

fn listed(problems: &[Problem]) -> String {
    problems.iter().map(|problem| format!("\n  - {problem}")).collect()
}

/// Collects problems while a template is read, so that all are named at once.
#[derive(Debug, Clone, Default)]
pub(super) struct Problems(Rc<RefCell<Vec<Problem>>>);

impl Problems {
    pub(super) fn report(&self, resource: &str, property: &str, reason: impl Into<String>) {
        let problem = Problem {
            resource: resource.to_owned(),
            property: property.to_owned(),
            reason: reason.into(),
        };
        let mut problems = self.0.borrow_mut();
        if !problems.contains(&problem) {
            problems.push(problem);
        }
    }

    pub(super) fn into_result<T>(self, value: T) -> Result<T, TemplateError> {
        let problems = self.0.take();
        if problems.is_empty() { Ok(value) } else { Err(TemplateError::Unsupported(problems)) }
    }
}
