//! What is meant by a request about many: told by their ids, or by what they have in common.

use std::collections::HashSet;

use crate::http::{
    attributes::Attributes,
    error::{Code, Problem, Problems},
};

/// How the attributes are called by which it is told.
pub(super) struct Told {
    /// The one that lists ids.
    pub(super) ids: &'static str,
    /// Those that tell by what they have in common.
    pub(super) by: [&'static str; 2],
    /// The one that tells how many of those at most.
    pub(super) limit: &'static str,
    /// How many of one request at most.
    pub(super) most: u16,
}

/// What is meant.
pub(super) enum Meant<T> {
    /// These, each once, in their order.
    Ids(Vec<String>),
    /// Those that have this in common, up to a number.
    Those(T, usize),
}

impl<T> Meant<T> {
    /// Reads what is meant; `common` reads what they have in common, where that is told.
    pub(super) fn read(
        told: &Told,
        common: fn(&mut Attributes, &mut Problems) -> Option<T>,
        attributes: &mut Attributes,
        problems: &mut Problems,
    ) -> Option<Self> {
        let Told { ids: name, by: [one, other], limit: limit_name, most } = *told;
        // What was given and is no value has been told of: it is not missing as well.
        let given = [name, one, other].into_iter().any(|name| attributes.has(name));
        let ids: Option<Vec<String>> = attributes.value(name, problems);
        let those = common(attributes, problems);
        let limit: Option<usize> = attributes.value(limit_name, problems);
        let (member, code, detail) = match (ids, those) {
            (None, Some(those)) => {
                return Some(Self::Those(those, limit.unwrap_or(usize::from(most))));
            }
            (None, None) if given => return None,
            (None, None) => {
                (name, Code::Required, format!("{name} is required, or {one} or {other}"))
            }
            (Some(_), Some(_)) => {
                let detail = format!("{name} can't be given together with {one} or {other}");
                (name, Code::InvalidValue, detail)
            }
            (Some(ids), None) if ids.is_empty() => {
                (name, Code::OutOfRange, format!("{name} must hold 1 to {most} ids, not 0"))
            }
            (Some(_), None) if limit.is_some() => {
                let detail = format!("{limit_name} goes with {one} or {other}, not with {name}");
                (limit_name, Code::InvalidValue, detail)
            }
            (Some(mut ids), None) => {
                let mut seen = HashSet::new();
                ids.retain(|id| seen.insert(id.clone()));
                return Some(Self::Ids(ids));
            }
        };
        problems.add(Problem::new(code, detail).at(attributes.pointer(member)));
        None
    }
}

/// The oldest of what was found, newest first, up to a limit; and how many more there are.
pub(super) fn oldest(mut found: Vec<String>, limit: usize) -> (Vec<String>, usize) {
    found.reverse();
    let remaining = found.len().saturating_sub(limit);
    found.truncate(limit);
    (found, remaining)
}
